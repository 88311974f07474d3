"""The connection to the database, and the two kinds of transaction: one that reads, one that writes.

SQLite lets one connection write at a time. A transaction that will write takes that right at its start (BEGIN
IMMEDIATE) and waits for it; taken half-way, two of them would each wait for the other and one would fail.
PostgreSQL locks rows: whoever changes a session's marks locks the row of the session first, always that one first.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from errors import ConfigurationError

MIGRATIONS = Path(__file__).with_name("migrations")
# How long a writer waits for another one. Marks are written in milliseconds; an import of 10,000 rows in seconds.
_SQLITE_WAIT_SECONDS = 30
# How long to wait for a PostgreSQL server that does not answer: without a limit, minutes.
_CONNECT_SECONDS = 10
# How long one who only looks waits for a lock or an answer.
_LOOK_SECONDS = 5
# What the database raises when it cannot do what was asked, for those who import no SQLAlchemy.
DatabaseError = SQLAlchemyError

_WRITE = {"sqlite_begin": "IMMEDIATE"}
# What is written is about people: an error that quotes it would bring their names into the log.
_QUIET = {"hide_parameters": True}


class Database:
    """A pool of connections to the database at ``url``. Thread-safe."""

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        """url: ``sqlite:////path/to/file`` or ``postgresql://user:password@host/name``. Connects when first used.
        read_only: for one who looks on: nothing is written, not even by opening, and a query that takes long is ended.

        Raises ConfigurationError for a URL that is none of these.
        """
        self.engine = _engine(url, read_only)
        self.is_sqlite = self.engine.dialect.name == "sqlite"

    def session(self) -> Session:
        """A new session of the object mapper; objects stay readable after a commit."""
        return Session(self.engine, expire_on_commit=False)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction for reading."""
        with self.session() as db:
            yield db

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction for writing: committed at the end, rolled back when anything is raised."""
        with self.session() as db, write_transaction(db):
            yield db

    def prepare(self) -> None:
        """Bring the tables up to date. Raises ConfigurationError when the database cannot be used."""
        try:
            if not self.is_current():
                self.upgrade()
        except CommandError as error:  # a revision that this version does not know
            raise ConfigurationError(
                "the database was made by a newer version of SmartAttendance; start that one"
            ) from error
        except SQLAlchemyError as error:
            raise ConfigurationError(
                f"the database cannot be used: {reason_of(error)}. Correct that, or name another one by DATABASE_URL"
            ) from error

    def upgrade(self, revision: str = "head") -> None:
        """Bring the tables to ``revision`` (default: the newest). Several processes may ask at once."""
        with self._migrating() as config:
            command.upgrade(config, revision)

    def downgrade(self, revision: str) -> None:
        with self._migrating() as config:
            command.downgrade(config, revision)

    def is_current(self) -> bool:
        """Whether the tables are those this version of the program works with."""
        with self.engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_heads()
        return set(found) == set(revisions().get_heads())

    def is_present(self) -> bool:
        """Whether there is anything to read; an SQLite file is made by whoever opens it."""
        name = self.engine.url.database
        return not self.is_sqlite or (name is not None and Path(name).is_file())

    def integrity_problems(self) -> list[str]:
        """What SQLite finds damaged in its file; PostgreSQL looks after itself."""
        if not self.is_sqlite:
            return []
        with self.engine.connect() as connection:
            damaged = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check(20)")]
            rows = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(20)
        orphans = [f"row {row[1]} of {row[0]} refers to a row of {row[2]} that is gone" for row in rows]
        return [problem for problem in damaged if problem != "ok"] + orphans

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _migrating(self) -> Iterator[Config]:
        with self.engine.connect() as connection:
            config = _alembic_config()
            if self.is_sqlite:
                # A table is rebuilt to change it; the rows that refer to it must not be dropped or checked meanwhile.
                connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
                connection.commit()
                connection = connection.execution_options(**_WRITE)
            with connection.begin():
                if not self.is_sqlite:
                    connection.execute(text("SELECT pg_advisory_xact_lock(7305214)"))  # any number, always the same
                config.attributes["connection"] = connection
                yield config
            if self.is_sqlite:
                connection.exec_driver_sql("PRAGMA foreign_keys=ON")


@contextmanager
def write_transaction(db: Session) -> Iterator[Session]:
    """Make what happens inside one transaction of ``db`` that writes; what ``db`` was reading before is let go."""
    if db.in_transaction():
        db.rollback()
    db.begin()
    try:
        db.connection(execution_options=_WRITE)
        yield db
        db.commit()
    except BaseException:
        db.rollback()
        raise


@cache
def revisions() -> ScriptDirectory:
    """Every version of the tables that this program knows. Read once: each is a program of its own."""
    return ScriptDirectory.from_config(_alembic_config())


def _engine(url: str, read_only: bool) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        # the text of the error repeats the URL, and with it the password
        raise ConfigurationError("DATABASE_URL is not a database's address; see the README's settings") from error
    if parsed.get_backend_name() == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise ConfigurationError("DATABASE_URL names no file: sqlite:////path/to/smartattendance.sqlite3")
        if read_only:
            return _sqlite_to_look_at(parsed)
        engine = create_engine(
            parsed.set(drivername="sqlite"),
            connect_args={"timeout": _SQLITE_WAIT_SECONDS, "check_same_thread": False},
            pool_size=16,
            **_QUIET,
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if parsed.get_backend_name() == "postgresql":
        engine = create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_size=16,
            pool_pre_ping=True,
            connect_args={"connect_timeout": _LOOK_SECONDS if read_only else _CONNECT_SECONDS},
            **_QUIET,
        )
        if read_only:
            event.listen(engine, "connect", _only_look)
        return engine
    raise ConfigurationError(
        f"DATABASE_URL names a {parsed.get_backend_name()} database; SQLite and PostgreSQL are supported"
    )


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
    until = time.monotonic() + _SQLITE_WAIT_SECONDS
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


def _alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", os.fspath(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def reason_of(error: SQLAlchemyError) -> str:
    """What the driver said, on one line. It names the server and the account, never the password."""
    said = str(error.orig if isinstance(error, DBAPIError) else error).strip()
    return " ".join(said.split()).rstrip(".?!") or type(error).__name__


def is_ready(database: Database) -> bool:
    """Whether the database answers and has the tables this version works with."""
    try:
        return database.is_current()
    except SQLAlchemyError:
        return False


def unavailable(error: BaseException) -> str | None:
    """What is wrong with the database when ``error`` came from its being away, locked or full rather than from what was
    asked of it; None otherwise. For people, without the driver's own words."""
    if isinstance(error, PoolTimeoutError):
        return "the database has no connection free"
    if not isinstance(error, DBAPIError):
        return None
    said = str(error.orig).lower()
    if "disk is full" in said or "no space left" in said:
        return "the disk is full: nothing was changed. Whoever runs this server must free space"
    if "locked" in said or "readonly" in said or "disk i/o error" in said or "unable to open" in said:
        return "the database cannot be written at the moment: nothing was changed"
    if error.connection_invalidated or isinstance(error.orig, psycopg.OperationalError):
        return "the database does not answer: nothing was changed"
    return None
