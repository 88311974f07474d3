"""The guards of conftest.py do guard."""

from __future__ import annotations

import socket

import pytest


def test_a_test_cannot_look_up_or_reach_another_machine() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"example\.org"):
        socket.create_connection(("example.org", 80), timeout=1)
    with pytest.raises(pytest.fail.Exception, match=r"192\.0\.2\.1"), socket.socket() as sock:
        sock.connect(("192.0.2.1", 80))
    with pytest.raises(pytest.fail.Exception, match="2001:db8::1"), socket.socket(socket.AF_INET6) as sock:
        sock.connect_ex(("2001:db8::1", 80))


def test_a_test_can_reach_its_own_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), timeout=5):
        pass


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no Unix sockets")
def test_unix_sockets_are_left_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    one, other = socket.socketpair()
    with one, other:
        one.sendall(b"x")
        assert other.recv(1) == b"x"
    with pytest.raises(FileNotFoundError), socket.socket(socket.AF_UNIX) as sock:
        sock.connect("no-such-socket")
