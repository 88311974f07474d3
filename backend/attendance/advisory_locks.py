"""What only one process may do at a time, on however many machines: PostgreSQL's advisory locks."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

_LOOKS_EVERY_SECONDS = 0.1

_logger = logging.getLogger(__name__)


class AdvisoryLocks:
    """Each lock is held by a connection of its own, and is gone with it. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        """engine: keeps no connections, and begins no transactions by itself."""
        self._engine = engine

    @contextmanager
    def held(self, name: str, wait_seconds: float) -> Iterator[bool]:
        """Hold the lock called ``name``; yields False when another has it for longer than ``wait_seconds``."""
        key = _key(name)
        with self._engine.connect() as connection:
            held = _take(connection, key, wait_seconds)
            try:
                yield held
            finally:
                if held:
                    _let_go(connection, name, key)

    def close(self) -> None:
        self._engine.dispose()


def _take(connection: Connection, key: int, wait_seconds: float) -> bool:
    # asked again and again: who waits inside PostgreSQL is not told when this machine ends the wait
    until = time.monotonic() + wait_seconds
    while True:
        if connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar_one():
            return True
        left = until - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(left, _LOOKS_EVERY_SECONDS))


def _let_go(connection: Connection, name: str, key: int) -> None:
    """At once, not when the server notices that the connection is closed."""
    try:
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})
    except SQLAlchemyError:
        connection.invalidate()
        _logger.warning("the database went away while %r was being done; another process may have begun it too", name)


def _key(name: str) -> int:
    """A number of 64 bits; PostgreSQL counts them apart for each database."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
