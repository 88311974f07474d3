"""Who is connected to ``python app.py``, and for how long: waitress, with deadlines for what a client sends, a limit
for each address and one for all that is in memory, so that nobody who sends slowly, or never ends, keeps others out.

Where there is no room for a new connection, the one whose deadline is nearest makes way for it. A request that is
complete is never given up.
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

# Seconds from its first byte until the header of a request must be there, and its body begun.
HEADER_SECONDS = 20.0
# Bytes a second, on average, that a body must come at after that: a tenth of what a slow mobile network gives.
SLOWEST = 16_000
# Without a request, or without taking in any of an answer.
IDLE_SECONDS = 60.0
# Of one address; a browser opens six, and a school may be behind one address. IPv6 is counted by network.
MOST_OF_ONE_ADDRESS = 100
# Windows waits for 512 sockets at most, with the server's own.
MOST = 600 if hasattr(select, "poll") else 480
# Of somebody who does not even claim to be logged in: the limit that the API has for them (api.security).
MOST_BYTES_OF_STRANGERS = 64_000
# Bodies are photos of people, and stay in memory while all of them together fit; then they wait in files without names,
# until those are full as well. What is small stays anyway.
MOST_IN_MEMORY, MOST_IN_FILES, SMALL = 64 * 2**20, 2**30, 2**16
# Of what waitress searches again with each piece that comes: a chunk's size, and what follows the last chunk.
_LONGEST_CHUNK_HEADER = 4096
_IPV6_NETWORK_BITS = 64


class _Parser(HTTPRequestParser):  # type: ignore[misc]
    """begun: when its first byte came. held: bytes of memory that its body may take; filed: of a file."""

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
                self._file(2 * self.body_bytes_received)  # nobody knows how much is to come
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
        """Have the application answer what the header says, the length among it, without the body."""
        if self.expect_continue:  # nobody sends now what was not asked for, and nobody can tell what comes instead
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
    """What still comes of a body after the request was answered without it."""

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
    """begun: when its last request was answered. unread: what receives the rest of a body that nobody reads.
    is_dismissed: it makes way for another."""

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
        """Not before all was sent to it: a socket closed before that would take the answer back."""
        return bool(self._is_done and self.unread is None)

    @close_when_flushed.setter
    def close_when_flushed(self, is_done: bool) -> None:
        self._is_done = is_done

    def everybody(self) -> list[_Channel]:
        return [each for each in self._map.values() if isinstance(each, _Channel) and not each.is_dismissed]

    def readable(self) -> bool:
        """Asked once a second at least, and before the loop waits for any socket: only here may one be closed without
        the loop's stumbling over it."""
        if not self.requests and (self.is_dismissed or self.deadline() < time.monotonic()):
            self.will_close = self._is_done = False  # or it would be asked next whether it can be written to
            self.handle_close()
            return False
        return bool(super().readable())

    def deadline(self) -> float:
        """When it will have kept the others waiting too long, unless more is sent until then."""
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
            self.request.close()  # the two know each other, so that its memory would wait for the garbage collector


class _Server(TcpWSGIServer):  # type: ignore[misc]
    channel_class = _Channel
    # of the address a connection comes from; None behind a proxy, from which all of them come
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
    """A server at ``sockets``, which are bound, to be run. largest_body: bytes of a request's body, beyond which the
    application gets the header alone; it must be more than the application takes. is_behind_proxy: whether a proxy that
    is named in the settings sends every request, which then counts addresses itself."""
    adjustments = Adjustments(
        sockets=sockets,
        threads=threads,
        # hardly reached: room is made before, unless everybody is being answered
        connection_limit=MOST + 20,
        asyncore_use_poll=True,
        max_request_header_size=64_000,
        max_request_body_size=largest_body,
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


def _make_way(channels: list[_Channel], newest: _Channel) -> None:
    """Have one of ``channels`` go, but none whose request is being answered: the newest, where all others are."""
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
