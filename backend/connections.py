"""Who is connected to ``python app.py``, and for how long: waitress, with deadlines for what a client sends and a limit
for each address, so that nobody who sends slowly, or never ends, keeps the others out.

Where there is no room for a new connection, the one that has kept everybody waiting longest makes way for it. A request
that is complete is never given up.
"""

from __future__ import annotations

import json
import time
from ipaddress import ip_address
from typing import Any

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import MultiSocketServer, TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher
from waitress.utilities import RequestEntityTooLarge

# Seconds from its first byte until the header of a request must be there, and its body begun.
HEADER_SECONDS = 20.0
# Bytes a second, on average, that a body must come at after that: a tenth of what a slow mobile network gives.
SLOWEST = 16_000
# Of one address; a browser opens six, and a school may be behind one address. IPv6 is counted by network.
MOST_OF_ONE_ADDRESS = 100
MOST = 600
# Of somebody who does not even claim to be logged in. The API's own limit is lower, and its answer says more.
MOST_BYTES_OF_STRANGERS = 1_000_000
# A larger body waits in a file that has no name. Frames of a camera are smaller, and stay in memory.
LARGEST_IN_MEMORY = 2 * 2**20
_LOOK_EVERY = 5  # seconds
_IPV6_NETWORK_BITS = 64


class _TooLarge(RequestEntityTooLarge):  # type: ignore[misc]
    """waitress's refusal, as a problem document."""

    def to_response(self, ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
        body = {
            "type": "about:blank",
            "title": self.reason,
            "status": self.code,
            "code": "too_large",
            "detail": "more bytes than this server takes; send less",
            "errors": [],
            "request_id": "",
        }
        headers = [("Content-Type", "application/problem+json"), ("Cache-Control", "no-store")]
        return f"{self.code} {self.reason}", headers, json.dumps(body).encode()


class _Parser(HTTPRequestParser):  # type: ignore[misc]
    completed: bool

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data)
        if not self.completed and max(self.content_length, self.body_bytes_received) > self._most():
            self.completed = True
            self.error = _TooLarge("")
        elif isinstance(self.error, RequestEntityTooLarge):
            self.error = _TooLarge("")
        return consumed

    def _most(self) -> int:
        known = "COOKIE" in self.headers or "AUTHORIZATION" in self.headers
        return int(self.adj.max_request_body_size) if known else MOST_BYTES_OF_STRANGERS


class _Channel(HTTPChannel):  # type: ignore[misc]
    """begun: when the first byte of the request came that is not complete yet."""

    parser_class = _Parser

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.begun = time.monotonic()
        self.network = _network_of(self.addr)

    def received(self, data: bytes) -> bool:
        if self.request is None:
            self.begun = time.monotonic()
        return bool(super().received(data))

    def is_late(self, now: float) -> bool:
        """Whether the client has taken longer to send a request than it may."""
        request = self.request
        if request is None or self.requests:
            return False
        return bool(now - self.begun > HEADER_SECONDS + request.body_bytes_received / SLOWEST)

    def rank(self) -> tuple[int, float]:
        """The lowest makes way first: who sends nothing, then who has not sent a header, then who sends a body; the
        longest of each first."""
        if self.request is None:
            return 0, self.last_activity
        return (2 if self.request.headers_finished else 1), self.begun


class _Server(TcpWSGIServer):  # type: ignore[misc]
    channel_class = _Channel
    # of the address a connection comes from; None behind a proxy, from which all of them come
    most_of_one: int | None = MOST_OF_ONE_ADDRESS

    def handle_accept(self) -> None:
        super().handle_accept()
        channels = [each for each in self._map.values() if isinstance(each, _Channel) and not each.will_close]
        newest = max(channels, key=lambda each: each.creation_time, default=None)
        if newest is None:
            return
        if self.most_of_one is not None:
            same = [each for each in channels if each.network == newest.network]
            if len(same) > self.most_of_one:
                _make_way([each for each in same if each is not newest])
                return
        if len(channels) > MOST:
            _make_way([each for each in channels if each is not newest])

    def maintenance(self, now: float) -> None:
        super().maintenance(now)
        moment = time.monotonic()
        for channel in list(self.active_channels.values()):
            if channel.is_late(moment):
                channel.handle_close()


def make_server(
    application: Any, sockets: list[Any], *, threads: int, largest_body: int, is_behind_proxy: bool
) -> MultiSocketServer:
    """A server at ``sockets``, which are bound, to be run. largest_body: bytes of a request's body, beyond which it is
    cut off unread; up to there the API refuses it and says why. is_behind_proxy: whether a proxy that is named in the
    settings sends every request, which then counts addresses itself."""
    adjustments = Adjustments(
        sockets=sockets,
        threads=threads,
        # never reached: room is made before
        connection_limit=2 * MOST + 100,
        cleanup_interval=_LOOK_EVERY,
        channel_timeout=60,
        asyncore_use_poll=True,
        max_request_header_size=64_000,
        max_request_body_size=largest_body,
        inbuf_overflow=LARGEST_IN_MEMORY,
        # an answer may be a photo, and stays in memory
        outbuf_overflow=16 * 2**20,
        # the API reads them itself, and only those of proxies that are named
        clear_untrusted_proxy_headers=not is_behind_proxy,
        log_socket_errors=False,
        ident=None,
    )
    dispatcher = ThreadedTaskDispatcher()
    dispatcher.set_thread_count(threads)
    channels: dict[int, Any] = {}
    listening = []
    for sock in sockets:
        sockinfo = (sock.family, sock.type, sock.proto, sock.getsockname())
        server = _Server(
            application,
            channels,
            True,
            sock,
            dispatcher=dispatcher,
            adj=adjustments,
            sockinfo=sockinfo,
            bind_socket=False,
        )
        if is_behind_proxy:
            server.most_of_one = None
        listening.append((server.effective_host, server.effective_port))
    return MultiSocketServer(channels, adjustments, listening, dispatcher, server.log_info)


def _make_way(channels: list[_Channel]) -> None:
    """Close one of ``channels``, but none whose request is being answered."""
    idle = [each for each in channels if not each.requests]
    if idle:
        min(idle, key=_Channel.rank).handle_close()


def _network_of(address: tuple[Any, ...]) -> str:
    try:
        found = ip_address(str(address[0]).split("%")[0])
    except ValueError:
        return str(address[0])
    if found.version == 4:
        return str(found)
    return f"{int(found) >> (128 - _IPV6_NETWORK_BITS):x}"
