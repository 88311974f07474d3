"""Connections that are slow, unfinished or many, to a server of waitress's with a small application behind it."""

from __future__ import annotations

import contextlib
import http.client
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import connections
from api import security
from listening import bound_sockets
from support.ports import free_port

# More than the buffers of two sockets take.
LARGE = 16_000_000
LOGGED_IN = {"Authorization": "Bearer x"}


class Served:
    """blocked: what requests to /slow wait for; bodies: those that came with the others, whole."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.blocked, self.begun = threading.Event(), threading.Event()
        self.bodies: list[bytes] = []

    def application(self, environment: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        if environment["PATH_INFO"] == "/slow":
            self.begun.set()
            self.blocked.wait(20)
        if environment["PATH_INFO"] == "/large":
            start("200 OK", [("Content-Length", str(LARGE))])
            return [bytes(LARGE)]
        self.bodies.append(environment["wsgi.input"].read())
        length = environment.get("CONTENT_LENGTH") or "0"
        start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(length)))])
        return [length.encode()]

    def open(self, sent: bytes = b"", *, host: str = "127.0.0.1") -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self.port), timeout=10, source_address=(host, 0))
        made.sendall(sent)
        return made

    def ask(self, path: str = "/", body: bytes | None = None, **headers: str) -> str:
        """What the application saw as the length."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request("GET" if body is None else "POST", path, body, headers)
            return connection.getresponse().read().decode()


Serve = Callable[..., Served]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts a server. Keywords: is_behind_proxy, and what to have connections' constants be."""
    with contextlib.ExitStack() as ended:

        def start(*, is_behind_proxy: bool = False, **constants: Any) -> Served:
            for name, value in constants.items():
                monkeypatch.setattr(connections, name, value)
            monkeypatch.setattr(connections._Server, "most_of_one", connections.MOST_OF_ONE_ADDRESS)
            served = Served(free_port())
            server = connections.make_server(
                served.application,
                bound_sockets("127.0.0.1", served.port),
                is_behind_proxy=is_behind_proxy,
                largest_body=10_000_000,
                threads=2,
            )
            ending = threading.Event()

            def run() -> None:
                while not ending.is_set():
                    server.asyncore.loop(0.02, use_poll=True, map=server.map, count=1)
                server.task_dispatcher.shutdown(timeout=5)
                for part in list(server.map.values()):
                    part.close()

            thread = threading.Thread(target=run)
            thread.start()

            def end() -> None:
                served.blocked.set()
                ending.set()
                thread.join()

            ended.callback(end)
            return served

        yield start


def is_closed(connection: socket.socket, within: float = 5) -> bool:
    """Whether the server closes it in so many seconds; what it says before does not matter."""
    connection.settimeout(within)
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


def answer(connection: socket.socket) -> tuple[http.client.HTTPMessage, str]:
    response = http.client.HTTPResponse(connection)
    response.begin()
    return response.headers, response.read().decode()


def head(length: int | str, more: str = "", path: str = "/") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n{more}\r\n".encode()


def test_a_large_body_of_nobody_known_is_answered_before_it_is_read(serve: Serve) -> None:
    served = serve()
    limit = connections.MOST_BYTES_OF_STRANGERS
    assert limit == security.MOST_BYTES_BEFORE_LOGIN
    connection = served.open(head(limit + 1))
    assert answer(connection)[1] == str(limit + 1)
    # the connection goes on after what was not read, with nothing of it taken for a request
    connection.sendall(b"GET /body HTTP/1.1\r\n\r\n".ljust(limit + 1) + b"GET /after HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer(connection)[1] == "0"
    assert served.ask(body=bytes(3_000_000)) == "3000000"
    assert served.ask(body=bytes(3_000_000), Connection="close") == "3000000"
    assert served.bodies == [b""] * 4
    assert served.ask(body=bytes(limit)) == str(limit)
    assert served.ask(body=bytes(3_000_000), **LOGGED_IN) == "3000000"
    assert served.ask(body=bytes(3_000_000), Cookie="a=b") == "3000000"
    assert [len(body) for body in served.bodies[4:]] == [limit, 3_000_000, 3_000_000]
    # beyond what any request takes, a login helps no more
    assert served.ask(body=bytes(11_000_000), **LOGGED_IN) == "11000000" and served.bodies[-1] == b""
    asking = served.open(head(limit + 1, "Expect: 100-continue\r\n"))
    headers, seen = answer(asking)
    assert (headers["Connection"], seen) == ("close", str(limit + 1)) and is_closed(asking)


def test_a_body_in_chunks_has_the_same_limit(serve: Serve) -> None:
    served = serve()
    chunk = b"2710\r\n" + bytes(10_000) + b"\r\n"
    chunked = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    connection = served.open(chunked + b"\r\n" + 7 * chunk)
    assert int(answer(connection)[1]) > connections.MOST_BYTES_OF_STRANGERS
    connection.sendall(50 * chunk + b"0\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer(connection)[1] == "0"
    assert served.bodies == [b"", b""]
    connection = served.open(chunked + b"Cookie: a=b\r\n\r\n" + 50 * chunk + b"0\r\n\r\n")
    assert answer(connection)[1] == "500000"
    for endless in (b"0" * 9000, b"0\r\n" + b"a" * 9000):
        assert is_closed(served.open(chunked + b"\r\n" + endless))
        assert is_closed(served.open(chunked + b"\r\n" + 7 * chunk + endless))


def test_the_limits_are_those_that_a_school_and_slow_networks_need() -> None:
    found = connections
    assert (found.HEADER_SECONDS, found.IDLE_SECONDS, found.SLOWEST) == (20, 60, 16_000)
    assert found.MOST_OF_ONE_ADDRESS == 100
    assert found.MOST_BYTES_OF_STRANGERS == security.MOST_BYTES_BEFORE_LOGIN


def test_what_takes_too_long_is_closed_and_what_is_answered_is_not(serve: Serve) -> None:
    served = serve(HEADER_SECONDS=0.3, IDLE_SECONDS=0.3, SLOWEST=1_000_000)
    answered = served.open(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    assert served.begun.wait(5)
    late = {
        "nothing": served.open(),
        "a head": served.open(b"GET / HTTP/1.1\r\nX-A: "),
        "a body": served.open(head(1000)),
        "a body that is not read": served.open(head(70_000) + b"x"),
        "a second request": served.open(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET"),
        "empty lines": served.open(b"\r\n\r\n"),
    }
    ends = time.monotonic() + 10
    while late and time.monotonic() < ends:
        for what, connection in list(late.items()):
            try:
                connection.sendall(b"\r\n\r\n" if what == "empty lines" else b"a" if what != "nothing" else b"")
                if is_closed(connection, 0.02):
                    del late[what]
            except ConnectionError:
                del late[what]
    assert not late
    assert served.ask(body=bytes(2_000_000), **LOGGED_IN) == "2000000"
    served.blocked.set()
    assert answer(answered)[1] == "0"


def test_an_answer_that_nobody_takes_in_is_given_up(serve: Serve) -> None:
    served = serve(IDLE_SECONDS=0.2)
    connection = served.open(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
    time.sleep(0.6)
    connection.settimeout(10)
    taken = sum(len(piece) for piece in iter(lambda: connection.recv(2**20), b""))
    assert taken < LARGE


def test_many_connections_of_one_address_keep_nobody_out(serve: Serve) -> None:
    served = serve(MOST=8, MOST_OF_ONE_ADDRESS=4)
    answered = served.open(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    assert served.begun.wait(5)
    other = served.open(b"GET", host="127.0.0.2")
    held = [served.open(b"GET") for _ in range(3)]
    assert served.ask() == "0"
    # the one that has waited longest made room; not the one that is being answered, nor anybody else's
    assert is_closed(held[0])
    assert not is_closed(other, 0.1) and not any(is_closed(one, 0.05) for one in held[1:])
    served.blocked.set()
    assert answer(answered)[1] == "0"


def test_a_full_server_makes_room_where_most_come_from(serve: Serve) -> None:
    served = serve(MOST=6, MOST_OF_ONE_ADDRESS=4)
    few = [served.open(b"GET", host=f"127.0.0.{number}") for number in (2, 3)]
    many = [served.open(b"GET") for _ in range(4)]
    few.append(served.open(b"GET", host="127.0.0.4"))
    assert is_closed(many[0])
    assert served.ask() == "0"
    assert is_closed(many[1])
    assert not any(is_closed(one, 0.05) for one in few)


def test_behind_a_proxy_the_address_says_nothing(serve: Serve) -> None:
    served = serve(MOST=6, MOST_OF_ONE_ADDRESS=2, is_behind_proxy=True)
    held = [served.open(b"GET") for _ in range(6)]
    assert not any(is_closed(one, 0.02) for one in held)
    assert served.ask() == "0"
    assert is_closed(held[0]) and not any(is_closed(one, 0.02) for one in held[1:])


def test_bodies_stay_in_memory_while_there_is_room(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    made, make = [], tempfile.TemporaryFile

    def counted(*arguments: Any, **options: Any) -> Any:
        made.append(1)
        return make(*arguments, **options)

    monkeypatch.setattr(tempfile, "TemporaryFile", counted)
    served = serve(MOST_IN_MEMORY=1_000_000, MOST_IN_FILES=3_000_000)
    login = "Cookie: a=b\r\n"
    held = [served.open(head(900_000, login) + bytes(800_000))]
    body = bytes(range(250)) * 3600
    assert served.ask(body=body[:50_000], **LOGGED_IN) == "50000" and not made
    assert served.ask(body=body, **LOGGED_IN) == "900000" and served.bodies[-1] == body
    assert len(made) == 1
    # neither do files grow without end: the oldest body that is unfinished goes
    held += [served.open(head(900_000, login) + bytes(800_000)) for _ in range(3)]
    assert served.ask(body=body, **LOGGED_IN) == "900000" and served.bodies[-1] == body
    assert is_closed(held[1]) and not is_closed(held[0], 0.1) and not is_closed(held[2], 0.1)
    growing = served.open(b"POST / HTTP/1.1\r\nCookie: a=b\r\nTransfer-Encoding: chunked\r\n\r\n")
    growing.sendall(b"186a00\r\n" + bytes(1_500_000))
    assert is_closed(held[2]) and is_closed(held[3])
    assert served.ask(body=body, **LOGGED_IN) == "900000" and is_closed(growing)
    # what is given up gives its memory back
    held[0].close()
    made.clear()
    ends = time.monotonic() + 5
    while time.monotonic() < ends:
        assert served.ask(body=body, **LOGGED_IN) == "900000"
        if not made:
            return
        made.clear()
    pytest.fail("the memory of a body that was given up is still taken")


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::2", True),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
    ],
)
def test_an_address_counts_as_its_network(one: str, other: str, is_same: bool) -> None:
    assert (connections._network_of((one, 1)) == connections._network_of((other, 1))) is is_same
