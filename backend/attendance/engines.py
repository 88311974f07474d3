"""Connections to both kinds of database: how many, and how long each may wait for what."""

from __future__ import annotations

import logging
import math
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from errors import ConfigurationError

WRITE = {"sqlite_begin": "IMMEDIATE"}
"""Options of a connection that begins a transaction to write."""

# How long a writer waits for another one. Marks are written in milliseconds; an import of 10,000 rows in seconds.
SQLITE_WAIT_SECONDS = 30
# How long one who only looks waits for a lock or an answer.
_LOOK_SECONDS = 5

# Connections that a process keeps, and those it opens besides while more are needed. A request has one for
# milliseconds at a time; 20 are more than the threads of a server process need.
_KEPT, _BESIDES = 8, 12
# How long one waits for a connection that another thread has: longer, and the wait is better made by the client.
_POOL_SECONDS = 5
# How long to wait for a PostgreSQL server that does not answer: without a limit, minutes.
_CONNECT_SECONDS = 5
# A machine that says nothing for so long is away, though no connection to it was closed (libpq's parameters).
_NOTICED_AWAY = {
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds; only Linux has it
}
# After so many seconds without an answer it is found out whether the server still answers anybody. TCP does not tell:
# a machine, or a proxy before it, may take all that is sent and never say a word.
_SILENCE_SECONDS = 3.0
_ASKING_SECONDS = 2
_SILENT = "the server takes what it is asked, and says nothing"
# An answer that takes longer does not come: the server itself ends what is asked of it before (_LIMITS).
_LONGEST_SECONDS = 75.0
# How long one may wait for others' rows, one statement may take, and a transaction may do nothing. Nobody who waits
# longer still gets an answer: proxies give up after a minute.
_LIMITS = {
    "lock_timeout": "10s",
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "120s",
}
# A machine that died lets go of what it held when PostgreSQL notices: by itself only after two hours.
_HOLDERS_ARE_ASKED = {"tcp_keepalives_idle": "20", "tcp_keepalives_interval": "10"}

# What is written is about people: an error that quotes it would bring their names into the log.
_QUIET = {"hide_parameters": True}


def make_engine(url: str, *, read_only: bool = False) -> Engine:
    """See ``attendance.database.Database``. Raises ConfigurationError."""
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise ConfigurationError("DATABASE_URL names no file: sqlite:////path/to/smartattendance.sqlite3")
        if read_only:
            return _sqlite_to_look_at(parsed)
        engine = create_engine(
            parsed.set(drivername="sqlite"),
            connect_args={"timeout": SQLITE_WAIT_SECONDS, "check_same_thread": False},
            pool_size=16,
            **_QUIET,
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if parsed.get_backend_name() == "postgresql":
        engine = create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_size=_KEPT,
            max_overflow=_BESIDES,
            pool_timeout=_POOL_SECONDS,
            # a connection that was closed while nobody used it is noticed before something is asked of it
            pool_pre_ping=True,
            connect_args=_postgres_options(parsed, _LIMITS),
            **_QUIET,
        )
        _notice_silence(engine)
        if read_only:
            event.listen(engine, "connect", _only_look)
        return engine
    raise ConfigurationError(
        f"DATABASE_URL names a {parsed.get_backend_name()} database; SQLite and PostgreSQL are supported"
    )


def make_engine_of_locks(url: str) -> Engine:
    """For ``attendance.advisory_locks``: what holds a lock keeps no connection from the others, and is no transaction
    that PostgreSQL would end for doing nothing."""
    parsed = _parsed(url)
    engine = create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        connect_args=_postgres_options(parsed, _HOLDERS_ARE_ASKED),
        **_QUIET,
    )
    _notice_silence(engine)
    return engine


class _Connection(psycopg.Connection[Any]):
    """One that is given up when its server says nothing to anybody. patience: seconds that an answer may take."""

    patience = _LONGEST_SECONDS
    parameters: dict[str, Any]

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        until = time.monotonic() + self.patience
        while True:
            left = until - time.monotonic()
            try:
                return super().wait(gen, interval, min(_SILENCE_SECONDS, max(0.0, left)))
            except psycopg.errors._WaitTimeout:
                if left > _SILENCE_SECONDS and self._server_answers():
                    continue
                self.pgconn.finish()
                raise psycopg.OperationalError(_SILENT) from None

    def _server_answers(self) -> bool:
        try:
            psycopg.connect(**{**self.parameters, "connect_timeout": _ASKING_SECONDS}).close()
        except psycopg.errors.ConnectionTimeout:
            return False
        except psycopg.Error:  # it refuses, but it is there
            return True
        return True


def wait_as_long_as_it_takes(connection: Connection) -> None:
    """For what the server sets no limit to either."""
    driver: Any = connection.connection.driver_connection
    driver.patience = math.inf


def _notice_silence(engine: Engine) -> None:
    """Have every connection of ``engine`` give up in time, and none be tried again at once where one was not made:
    whoever asks meanwhile is told in a moment, and keeps no thread from those who need no database."""
    not_before = 0.0

    @event.listens_for(engine, "do_connect")
    def connect(_: Any, __: Any, arguments: Any, parameters: dict[str, Any]) -> _Connection:
        nonlocal not_before
        if time.monotonic() < not_before:
            raise psycopg.OperationalError(_SILENT)
        try:
            made: _Connection = _Connection.connect(*arguments, **parameters)
        except psycopg.errors.ConnectionTimeout:
            not_before = time.monotonic() + _SILENCE_SECONDS
            raise
        made.parameters = parameters
        return made

    ping: Callable[[Any], bool] = engine.dialect.do_ping

    def ping_briefly(connection: Any) -> bool:
        connection.patience = _SILENCE_SECONDS
        try:
            return ping(connection)
        finally:
            connection.patience = _LONGEST_SECONDS

    engine.dialect.do_ping = ping_briefly  # type: ignore[method-assign,assignment]


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError as error:
        # the text of the error repeats the URL, and with it the password
        raise ConfigurationError("DATABASE_URL is not a database's address; see the README's settings") from error


def _postgres_options(url: URL, settings: dict[str, str]) -> dict[str, Any]:
    """Arguments of a connection, less those that ``url`` has: of both, the last of ``options`` holds."""
    ours = {"connect_timeout": _CONNECT_SECONDS, **_NOTICED_AWAY}
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    theirs = url.query.get("options", "")
    return {
        **{name: value for name, value in ours.items() if name not in url.query},
        "options": " ".join([options, *([theirs] if isinstance(theirs, str) else theirs)]).strip(),
    }


def _sqlite_to_look_at(url: URL) -> Engine:
    path = Path(url.database or "")

    def connect() -> sqlite3.Connection:
        # A file that is open anywhere has its log beside it. Without one the file may be taken for one that never
        # changes: otherwise looking would leave a log there, which may then belong to another account. The index of
        # the log is shared memory, and is not written to either (os_unix.c of SQLite names this parameter).
        is_open = any(path.with_name(path.name + ending).exists() for ending in ("-wal", "-journal"))
        address = f"{path.absolute().as_uri()}?mode=ro&{'readonly_shm=1' if is_open else 'immutable=1'}"
        made = sqlite3.connect(address, uri=True, timeout=_LOOK_SECONDS, check_same_thread=False)
        made.create_function("lower", 1, _lower, deterministic=True)
        return made

    return create_engine(url.set(drivername="sqlite"), creator=connect, **_QUIET)


def _no_repeat(record: logging.LogRecord) -> bool:
    """Whether a record of the pool's says anything new: whoever had the connection reports that it is lost."""
    return record.exc_info is None or not isinstance(record.exc_info[1], psycopg.OperationalError)


for _pool in ("QueuePool", "NullPool"):
    logging.getLogger(f"sqlalchemy.pool.impl.{_pool}").addFilter(_no_repeat)


def _only_look(connection: Any, _: Any) -> None:
    connection.execute("SET default_transaction_read_only = on")
    connection.execute(f"SET statement_timeout = {1000 * _LOOK_SECONDS}")
    connection.commit()


def _prepare_sqlite(connection: Any, _: Any) -> None:
    # The driver must not begin transactions by itself: it would begin them without IMMEDIATE.
    connection.isolation_level = None
    cursor = connection.cursor()
    _use_wal(cursor)
    # An acknowledged mark survives a power cut: with NORMAL the last commits of a WAL could be lost.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    # What is erased is overwritten.
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.close()
    # SQLite's own knows the letters of ASCII only
    connection.create_function("lower", 1, _lower, deterministic=True)


def _use_wal(cursor: Any) -> None:
    """Have the database keep its log in a file of its own, so that readers and a writer do not wait for one another.
    Of several processes that ask for it on a new file, SQLite refuses some at once, whatever they would wait."""
    until = time.monotonic() + SQLITE_WAIT_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
        time.sleep(0.02)


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _begin_sqlite(connection: Connection) -> None:
    mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {mode}")
