"""The demo: a school that does not exist, with a class, two weeks behind it and a camera's clip, made with the services
that a real one is made with.

``folder`` says where it all lies, ``preparation`` makes it once, ``today`` sees that there is a session to open, and
``walk_in`` is a camera's client.
"""
