"""A server whose recognizer finds what is written into pictures, in a process of its own. Prints its port once it
answers. Arguments: the folder of its settings' folders, and the database's URL."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path


def serve(folder: Path, url: str) -> None:
    import waitress

    from app import create_app
    from support.recognition import FakeRecognizer
    from support.service import make_settings

    app = create_app(make_settings(folder, url), recognizer=FakeRecognizer())
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    waitress.serve(app, sockets=[listening], threads=4)


if __name__ == "__main__":
    tests = Path(__file__).parents[1]
    sys.path[:0] = [os.fspath(tests), os.fspath(tests.parent / "backend")]
    serve(Path(sys.argv[1]), sys.argv[2])
