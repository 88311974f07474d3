"""The server behind python app.py when clients are slow, many, or send without end."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import connections
from listening import bound_sockets

START = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
Serve = Callable[..., int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves in a thread, from a port that it gives: each answer says how long the body was."""
    running = []

    def begin(*, is_behind_proxy: bool = False) -> int:
        def application(environ, start_response):  # type: ignore[no-untyped-def]
            body = environ["wsgi.input"].read()
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [str(len(body)).encode()]

        sockets = bound_sockets("127.0.0.1", 0)
        server = connections.make_server(
            application, sockets, threads=4, largest_body=30_000_000, is_behind_proxy=is_behind_proxy
        )
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        running.append((server, thread))
        return int(sockets[0].getsockname()[1])

    yield begin
    for server, _ in running:
        server.close()


def connect(port: int, sent: bytes = b"") -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port), timeout=20)
    made.sendall(sent)
    return made


def answer(made: socket.socket) -> bytes:
    """All that comes until the other side closes, or has answered."""
    found = b""
    with suppress(ConnectionError):
        while part := made.recv(65_536):
            found += part
            if b"\r\n\r\n" in found and b"Connection: close" not in found:
                break
    return found


def is_closed(made: socket.socket) -> bool:
    made.settimeout(10)
    try:
        return made.recv(1) == b""
    except ConnectionError:
        return True


def ask(port: int) -> bytes:
    with connect(port, b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n") as made:
        return answer(made)


@pytest.mark.parametrize("behind_proxy", [False, True])
def test_slow_connections_keep_nobody_out(serve: Serve, behind_proxy: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST", 150)
    port = serve(is_behind_proxy=behind_proxy)
    # sent whole, its answer not read: it stays
    with connect(port, START + b"Content-Length: 1000000\r\nCookie: x\r\n\r\n" + bytes(500_000)) as upload:
        slow = [connect(port, b"GET / HTTP/1.1\r\nX-A: ") for _ in range(200)]
        assert ask(port).startswith(b"HTTP/1.1 200")
        left = []
        for each in slow:
            each.settimeout(0.01)
            try:
                left.append(each.recv(1) != b"")
            except TimeoutError:
                left.append(True)
            except ConnectionError:
                left.append(False)
        most = 150 if behind_proxy else connections.MOST_OF_ONE_ADDRESS
        assert most - 10 <= sum(left) <= most
        upload.sendall(bytes(500_000))
        assert answer(upload).endswith(b"1000000")
    for each in slow:
        each.close()


def test_a_header_and_a_body_have_a_deadline(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.3)
    monkeypatch.setattr(connections, "_LOOK_EVERY", 0)
    port = serve()
    begun = time.monotonic()
    with (
        connect(port, b"GET / HTTP/1.1\r\nX-A: ") as header,
        connect(port, START + b"Content-Length: 20\r\n\r\n0123") as body,
        connect(port) as idle,
    ):
        for trickle in (header, body):
            trickle.settimeout(0.05)
            with suppress(ConnectionError):
                for _ in range(200):
                    trickle.sendall(b"a")
                    with suppress(TimeoutError):
                        if trickle.recv(1) == b"":
                            break
                else:
                    pytest.fail("it was never closed")
        assert time.monotonic() - begun >= 0.3
        # who sends nothing waits for the next click
        idle.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert answer(idle).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("head", "length"),
    [
        (b"", 1_000_001),
        (b"Cookie: x\r\n", 30_000_001),
        (b"Transfer-Encoding: chunked\r\n", None),
    ],
    ids=["stranger", "logged in", "of no length"],
)
def test_what_is_far_too_large_is_refused_unread(serve: Serve, head: bytes, length: int | None) -> None:
    port = serve()
    with connect(port, START + head) as made:
        if length is None:
            made.sendall(b"\r\n")
            with suppress(ConnectionError):
                for _ in range(20):
                    made.sendall(b"186a0\r\n" + bytes(100_000) + b"\r\n")
        else:
            made.sendall(f"Content-Length: {length}\r\n\r\n".encode())
        found = answer(made)
    head, _, content = found.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413") and b"application/problem+json" in head
    assert json.loads(content)["code"] == "too_large"


def test_unfinished_bodies_wait_in_files_without_names(serve: Serve) -> None:
    status = Path("/proc/self/status")
    if not status.is_file():
        pytest.skip("how much memory is in use is read from /proc, which is Linux's")

    def megabytes() -> int:
        return int(status.read_text().split("VmRSS:")[1].split()[0]) // 1024

    port, before = serve(), megabytes()
    head = START + b"Cookie: x\r\nContent-Length: 25000000\r\n\r\n"
    unfinished = [connect(port, head + bytes(10_000_000)) for _ in range(20)]
    assert ask(port).startswith(b"HTTP/1.1 200")
    assert megabytes() - before < 100
    for each in unfinished:
        each.close()
