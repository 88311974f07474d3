"""The web server of ``python app.py``: waitress, with deadlines for what clients send, a limit of connections for each
address and a limit of memory for all requests together. Clients that send slowly or never finish keep nobody out.

When there is no room for a new connection, the one whose deadline is nearest is closed. A complete request is always
answered.
"""

from __future__ import annotations

import select
import time
from collections import Counter
from ipaddress import ip_address
from typing import Any

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.receiver import ChunkedReceiver
from waitress.server import MultiSocketServer, TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher
from waitress.utilities import BadRequest

# Seconds that a request has, from its first byte, to send its header and begin its body.
HEADER_SECONDS = 20.0
# Bytes a second: the slowest average at which a body may arrive. A slow mobile network is ten times as fast.
SLOWEST = 16_000
# How long a connection may send no request, or read nothing of its answer.
IDLE_SECONDS = 60.0
# Connections from one address: a browser opens six, and a whole school may share one. IPv6 counts by network.
MOST_OF_ONE_ADDRESS = 100
# Connections in all. Windows can wait for 512 sockets, and the server needs some itself.
MOST = 600 if hasattr(select, "poll") else 480
# The largest body of a request without a cookie or a token; the API has the same limit (api.security).
MOST_BYTES_OF_STRANGERS = 64_000
# Bodies are photos of people, so they stay in memory while all of them together fit. Further ones go into nameless
# temporary files, up to a limit as well. Small bodies always stay in memory.
MOST_IN_MEMORY, MOST_IN_FILES, SMALL = 64 * 2**20, 2**30, 2**16
# Characters in a chunk's size line or in the trailer: waitress searches them again with every piece that arrives.
_LONGEST_CHUNK_HEADER = 4096
_IPV6_NETWORK_BITS = 64


class _Parser(HTTPRequestParser):  # type: ignore[misc]
    """begun: when its first byte came, monotonic seconds. held, filed: bytes of memory and of a file that its body may
    take."""

    body_rcv: Any
    completed: bool
    error: Any
    expect_continue: bool

    def __init__(self, adjustments: Adjustments, channel: _Channel) -> None:
        super().__init__(adjustments)
        self.begun = time.monotonic()
        self.held = self.filed = 0
        self._channel = channel

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data)
        if self.chunked and not self.completed:
            if _is_header_too_long(self.body_rcv):
                self.completed, self.error = True, BadRequest("a chunk's header is too long")
            elif self.body_bytes_received > self._most():
                self.completed = True
                self.headers["CONTENT_LENGTH"] = str(self.body_bytes_received)
                self._leave_unread()
            elif self.body_bytes_received > self.held + self.filed:
                self._file(2 * self.body_bytes_received)  # a chunked body does not say how long it will be
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        if self.content_length > self._most():
            self._leave_unread()
        elif self.content_length > SMALL or self.chunked:
            self._find_room()

    def _most(self) -> int:
        known = "COOKIE" in self.headers or "AUTHORIZATION" in self.headers
        return int(self.adj.max_request_body_size) - 1 if known else MOST_BYTES_OF_STRANGERS

    def _leave_unread(self) -> None:
        """Have the application answer from the header alone, which includes the length; the body is dropped."""
        if self.expect_continue:  # the client may or may not send the body now, so no further request can be read
            self.expect_continue = False
            self.headers["CONNECTION"] = "close"
        else:
            self.close()
            self.body_rcv.buf = _Nowhere()
            self._channel.unread = self.body_rcv
        self.body_rcv, self.content_length, self.held, self.filed = None, 0, 0, 0

    def _find_room(self) -> None:
        size = 2**20 if self.chunked else self.content_length
        if sum(request.held for _, request in self._others()) + size <= MOST_IN_MEMORY:
            self.held = size
            self.body_rcv.getbuf().overflow = size + 1
        else:
            self.body_rcv.getbuf().overflow = SMALL
            self._file(size)

    def _file(self, size: int) -> None:
        self.filed = size
        others = self._others()
        full = size + sum(request.filed for _, request in others) - MOST_IN_FILES
        for channel, request in sorted(others, key=lambda each: float(each[1].begun)):
            if full > 0 and request.filed and not request.completed:
                channel.is_dismissed = True
                full -= request.filed

    def _others(self) -> list[tuple[_Channel, _Parser]]:
        others = [each for each in self._channel.everybody() if each is not self._channel]
        return [(each, request) for each in others for request in (each.request, *each.requests) if request is not None]


class _Unread(_Parser):
    """The rest of a body whose request was answered without it."""

    empty = True

    def received(self, data: bytes) -> int:
        receiver = self._channel.unread
        consumed: int = receiver.received(data)
        self.body_bytes_received += consumed
        if receiver.error is not None or _is_header_too_long(receiver):
            self._channel.is_dismissed = True
            return len(data)
        if receiver.completed:
            self.completed = True
            self._channel.unread = None
        return consumed


class _Nowhere:
    def append(self, data: bytes) -> None:
        """Drop it."""

    def __len__(self) -> int:
        return 0


class _Channel(HTTPChannel):  # type: ignore[misc]
    """begun: when its last request was answered, monotonic seconds. unread: receives the rest of a body that is
    dropped. is_dismissed: to be closed, to make room for another."""

    request: Any
    requests: list[Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.begun = time.monotonic()
        self.unread: Any = None
        self.is_dismissed = self._is_done = False
        super().__init__(*args, **kwargs)
        self.network = _network_of(self.addr)

    def parser_class(self, adjustments: Adjustments) -> _Parser:
        return _Parser(adjustments, self) if self.unread is None else _Unread(adjustments, self)

    @property
    def close_when_flushed(self) -> bool:
        """Only after the client has sent everything: closing earlier can make it lose the answer."""
        return bool(self._is_done and self.unread is None)

    @close_when_flushed.setter
    def close_when_flushed(self, is_done: bool) -> None:
        self._is_done = is_done

    def everybody(self) -> list[_Channel]:
        return [each for each in self._map.values() if isinstance(each, _Channel) and not each.is_dismissed]

    def readable(self) -> bool:
        """The loop asks at least once a second, before it waits for any socket. Only here can a socket be closed
        safely."""
        if not self.requests and (self.is_dismissed or self.deadline() < time.monotonic()):
            self.will_close = self._is_done = False  # else the loop goes on to ask whether it is writable
            self.handle_close()
            return False
        return bool(super().readable())

    def deadline(self) -> float:
        """When to close it unless the client sends or reads more by then, in monotonic seconds."""
        if self.total_outbufs_len:
            self.begun = time.monotonic()
            return float(self.begun + IDLE_SECONDS - (time.time() - self.last_activity))
        if self.request is None:
            return self.begun + IDLE_SECONDS
        return float(self.request.begun + HEADER_SECONDS + self.request.body_bytes_received / SLOWEST)

    def service(self) -> None:
        super().service()
        self.begun = time.monotonic()

    def handle_close(self) -> None:
        super().handle_close()
        if self.request is not None:
            self.request.close()  # channel and request refer to each other: do not leave the memory to the collector


class _Server(TcpWSGIServer):  # type: ignore[misc]
    channel_class = _Channel
    # connections from one address; None behind a proxy, which they all come from
    most_of_one: int | None = MOST_OF_ONE_ADDRESS

    def handle_accept(self) -> None:
        before = set(self.active_channels.values())
        super().handle_accept()
        for newest in set(self.active_channels.values()) - before:
            channels = newest.everybody()
            same = [each for each in channels if each.network == newest.network]
            if self.most_of_one is not None and len(same) > self.most_of_one:
                _make_way(same, newest)
            elif len(channels) > MOST:
                [(largest, _)] = Counter(each.network for each in channels).most_common(1)
                _make_way([each for each in channels if each.network == largest], newest)


def make_server(
    application: Any, sockets: list[Any], *, threads: int, largest_body: int, is_behind_proxy: bool
) -> MultiSocketServer:
    """A server for ``sockets``, which are bound already. largest_body: bytes; of a request with a larger body the
    application gets the header alone, so this must be more than the application accepts. is_behind_proxy: whether every
    request comes from a proxy that is named in the settings; the proxy then limits addresses itself."""
    adjustments = Adjustments(
        sockets=sockets,
        threads=threads,
        # rarely reached: _make_way closes another connection first, unless all of them are being answered
        connection_limit=MOST + 20,
        asyncore_use_poll=True,
        max_request_header_size=64_000,
        max_request_body_size=largest_body,
        # bytes: an answer may be a photo, which must not go to disk
        outbuf_overflow=16 * 2**20,
        # the API reads these headers itself, and only from proxies that the settings name
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


def _make_way(channels: list[_Channel], newest: _Channel) -> None:
    """Close one of ``channels``, but none whose request is being answered; if all others are, close ``newest``."""
    waiting = [each for each in channels if each is not newest and not each.requests]
    min(waiting, key=_Channel.deadline, default=newest).is_dismissed = True


def _is_header_too_long(receiver: Any) -> bool:
    return (
        isinstance(receiver, ChunkedReceiver)
        and len(receiver.control_line) + len(receiver.trailer) > _LONGEST_CHUNK_HEADER
    )


def _network_of(address: tuple[Any, ...]) -> str:
    try:
        found = ip_address(str(address[0]).split("%")[0])
    except ValueError:
        return str(address[0])
    if found.version == 4:
        return str(found)
    return f"{int(found) >> (128 - _IPV6_NETWORK_BITS):x}"
