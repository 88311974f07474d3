"""A server whose recognizer finds what is written into pictures, in a process of its own. Prints its port once it
answers. Arguments: the folder of its settings' folders, the database's URL, and, as JSON, other settings."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def serve(folder: Path, url: str, **settings: Any) -> None:
    import waitress

    from app import create_app
    from support.recognition import FakeRecognizer
    from support.service import make_settings

    app = create_app(make_settings(folder, url, **settings), recognizer=FakeRecognizer())
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    # the test says by the headers of a proxy where it comes from
    waitress.serve(app, sockets=[listening], threads=4, clear_untrusted_proxy_headers=False)


@contextmanager
def running(folder: Path, url: str, **settings: Any) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server of its own process, and its address."""
    command = [sys.executable, __file__, os.fspath(folder), url, json.dumps(settings)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            assert port, "the server did not start"
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.kill()


if __name__ == "__main__":
    tests = Path(__file__).parents[1]
    sys.path[:0] = [os.fspath(tests), os.fspath(tests.parent / "backend")]
    serve(Path(sys.argv[1]), sys.argv[2], **json.loads(sys.argv[3] if len(sys.argv) > 3 else "{}"))
