"""How gunicorn serves, unless its command line says otherwise:

gunicorn -c backend/gunicorn.conf.py "app:create_app()"

Without -c this file is only found from its own folder; ``gunicorn --chdir backend "app:create_app()" --threads 8``
has gunicorn's own settings instead.
"""

import logging
from pathlib import Path

chdir = str(Path(__file__).resolve().parent)
bind = "127.0.0.1:8000"
# Threads share one set of networks; every further worker process loads its own.
workers = 1
threads = 16
worker_class = "gthread"
# Each worker opens its own database connections and starts its own housekeeping, neither of which survives a fork.
preload_app = False
# Loading the networks for the first time, their download included, takes longer than the usual 30 seconds.
timeout = 300
# A frame is answered or refused within seconds; what still waits then is not worth waiting for.
graceful_timeout = 30
keepalive = 5
# No access log: calendar addresses are secrets.
accesslog = None
# gunicorn's own console, a socket in the home folder, which a service's user may lack and nobody here uses.
control_socket_disable = True

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
logging.getLogger("alembic").setLevel(logging.WARNING)
