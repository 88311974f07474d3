"""The connection to the database, and the two kinds of transaction: one that reads, one that writes.

SQLite lets one connection write at a time. A transaction that will write takes that right at its start (BEGIN
IMMEDIATE) and waits for it; taken half-way, two of them would each wait for the other and one would fail.
PostgreSQL locks rows: whoever changes a session's marks locks the row of the session first, always that one first.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from attendance.advisory_locks import AdvisoryLocks
from attendance.engines import (
    SQLITE_WAIT_SECONDS,
    WRITE,
    make_engine,
    make_engine_of_locks,
    wait_as_long_as_it_takes,
)
from errors import ConfigurationError
from outages import Outage

MIGRATIONS = Path(__file__).with_name("migrations")
_EMPTY_LOG_MS = 2000  # readers are done in milliseconds; meanwhile nobody can write
# Something took too long: waiting for others' rows, one statement, or what was done between two.
_TOO_SLOW = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.QueryCanceled,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.IdleInTransactionSessionTimeout,
)
# What the database raises when it cannot do what was asked, for those who import no SQLAlchemy.
DatabaseError = SQLAlchemyError

# The migration waits for another one, and for whoever reads the tables; a large table takes minutes.
_UNLIMITED = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
_STATEMENT_SHOWN = 100

_logger = logging.getLogger(__name__)


class Database:
    """A pool of connections to the database at ``url``. Thread-safe."""

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        """url: ``sqlite:////path/to/file`` or ``postgresql://user:password@host/name``. Connects when first used.
        read_only: for one who looks on: nothing is written, not even by opening, and a query that takes long is ended.

        Raises ConfigurationError for a URL that is none of these.
        """
        self.engine = make_engine(url, read_only=read_only)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._locks = None if self.is_sqlite else AdvisoryLocks(make_engine_of_locks(url))
        self._outage = Outage("the database", _logger)
        event.listen(self.engine, "after_cursor_execute", lambda *_: self._outage.over())

    def away(self, error: BaseException) -> str | None:
        """As ``unavailable`` has it, and the log is told, once a minute however often that is."""
        found = unavailable(error)
        if found is not None:
            self._outage.noticed(f"{found} ({_what_failed(error)})")
        return found

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

    @contextmanager
    def alone(self, name: str, wait_seconds: float = 0.0) -> Iterator[bool]:
        """Do what is called ``name`` while no other process that has this database does, on whatever machine. Yields
        whether it is so: False when another one still is at it after ``wait_seconds``. Whoever is told so does without.

        PostgreSQL lets go when the process or its machine dies. With SQLite, which one machine has, it is always True:
        there the locks on files that hold the machine's processes apart are enough. Not to be entered again by who is
        inside. Raises DatabaseError when the database is away.
        """
        if self._locks is None:
            yield True
            return
        with self._locks.held(name, wait_seconds) as held:
            yield held

    def prepare(self) -> None:
        """Bring the tables up to date. Raises ConfigurationError when the database cannot be used."""
        self._make_private()
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

    def empty_log(self) -> bool:
        """Bring what SQLite's write-ahead log holds into the database and empty the log: it keeps what was overwritten
        and deleted. False while somebody is reading what is in it. PostgreSQL recycles its log by itself."""
        if not self.is_sqlite:
            return True
        connection = self.engine.raw_connection()
        try:
            cursor = connection.cursor()
            try:
                cursor.execute(f"PRAGMA busy_timeout = {_EMPTY_LOG_MS}")
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                row = cursor.fetchone()
                return row is not None and row[0] == 0
            except sqlite3.OperationalError:  # somebody else empties it
                return False
            finally:
                cursor.execute(f"PRAGMA busy_timeout = {1000 * SQLITE_WAIT_SECONDS}")
                cursor.close()
        finally:
            connection.close()

    def _make_private(self) -> None:
        """See that only its owner can read SQLite's file, and with it those that SQLite puts beside it."""
        if not self.is_sqlite or os.name == "nt":
            return
        path = Path(self.engine.url.database or "")
        with suppress(OSError):  # what is wrong with it is said by whoever opens it
            if not path.exists():
                path.touch(mode=0o600)
            elif path.stat().st_mode & 0o077:
                path.chmod(0o600)

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
        if self._locks is not None:
            self._locks.close()

    @contextmanager
    def _migrating(self) -> Iterator[Config]:
        with self.engine.connect() as connection:
            config = _alembic_config()
            if self.is_sqlite:
                # A table is rebuilt to change it; the rows that refer to it must not be dropped or checked meanwhile.
                connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
                connection.commit()
                connection = connection.execution_options(**WRITE)
            with connection.begin():
                if not self.is_sqlite:
                    wait_as_long_as_it_takes(connection)
                    for limit in _UNLIMITED:
                        connection.exec_driver_sql(f"SET LOCAL {limit} = 0")
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
        db.connection(execution_options=WRITE)
        yield db
        db.commit()
    except BaseException:
        db.rollback()
        raise


@cache
def revisions() -> ScriptDirectory:
    """Every version of the tables that this program knows. Read once: each is a program of its own."""
    return ScriptDirectory.from_config(_alembic_config())


def _alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", os.fspath(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def reason_of(error: SQLAlchemyError) -> str:
    """What the driver said, on one line. It names the server and the account, never the password."""
    said = str(error.orig if isinstance(error, DBAPIError) else error).strip()
    return " ".join(said.split()).rstrip(".?!") or type(error).__name__


def _what_failed(error: BaseException) -> str:
    """For the log: the driver's reason, and which statement it was, without its values."""
    if not isinstance(error, SQLAlchemyError):
        return type(error).__name__
    statement = " ".join((error.statement or "").split()) if isinstance(error, DBAPIError) else ""
    return f"{reason_of(error):.300}" + (f"; {statement:.{_STATEMENT_SHOWN}}" if statement else "")


def is_ready(database: Database) -> bool:
    """Whether the database answers and has the tables this version works with."""
    try:
        return database.is_current()
    except SQLAlchemyError as error:
        database.away(error)
        return False


def unavailable(error: BaseException) -> str | None:
    """What is wrong with the database when ``error`` came from its being away, locked or full rather than from what was
    asked of it; None otherwise. For people, without the driver's own words."""
    if isinstance(error, PoolTimeoutError):
        return "the database has no connection free"
    if not isinstance(error, DBAPIError):
        return None
    said = str(error.orig).lower()
    if isinstance(error.orig, _TOO_SLOW):
        return "the database is too busy: nothing was changed"
    if "disk is full" in said or "no space left" in said:
        return "the disk is full: nothing was changed. Whoever runs this server must free space"
    if "locked" in said or "readonly" in said or "disk i/o error" in said or "unable to open" in said:
        return "the database cannot be written at the moment: nothing was changed"
    if error.connection_invalidated or isinstance(error.orig, psycopg.OperationalError):
        return "the database does not answer: nothing was changed"
    return None
