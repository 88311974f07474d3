"""A web server on the loopback interface that gives one file and can misbehave in the ways real ones do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME = "network.pt"


@dataclass
class FileServer:
    """content: what it gives. ranges: whether it honours Range. break_after: bytes sent of the first answers, one
    entry each, before the connection is closed. status: answered instead of the file while there are entries.
    wrong_start: it answers ranges one byte early. seconds_to_answer: before anything is sent.
    stall_seconds: silence in the middle of a broken answer. requested: the Range header of each request, or None."""

    content: bytes
    ranges: bool = True
    break_after: list[int] = field(default_factory=list)
    status: list[int] = field(default_factory=list)
    wrong_start: bool = False
    stall_seconds: float = 0.0
    seconds_to_answer: float = 0.0
    requested: list[str | None] = field(default_factory=list)
    url: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        wanted = handler.headers.get("Range")
        self.requested.append(wanted)
        time.sleep(self.seconds_to_answer)
        if self.status:
            handler.send_error(self.status.pop(0))
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.ranges else 0
        if start >= len(self.content):
            handler.send_error(416)
            return
        if self.wrong_start and start:
            start -= 1
        body = self.content[start:]
        handler.send_response(206 if wanted and self.ranges else 200)
        handler.send_header("Content-Length", str(len(body)))
        if wanted and self.ranges:
            handler.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        handler.end_headers()
        if self.break_after:
            handler.wfile.write(body[: self.break_after.pop(0)])
            handler.wfile.flush()
            time.sleep(self.stall_seconds)
            handler.close_connection = True
        else:
            handler.wfile.write(body)


@contextmanager
def serving(server: FileServer) -> Iterator[FileServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                server.answer(self)
            except (BrokenPipeError, ConnectionResetError):  # the client may have seen enough
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        server.url = f"http://127.0.0.1:{http.server_port}/{NAME}"
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
