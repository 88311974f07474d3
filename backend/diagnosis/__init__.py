"""``python app.py doctor``: is everything there that the server needs, and is it as it should be? Looks, and changes
nothing.

For a machine on which anything may be missing: nothing but Python's own library is imported at the top of these
modules, and our own that need no more. Whatever else a check needs it imports itself, and when that is missing the
check says so and the next one goes on.
"""
