"""What a database is like, for people who look after it: where it is, how old its tables are, whether it is sound."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from attendance import accounts
from attendance.database import Database, revisions
from attendance.models import AuditEvent, Consent, Course, Student, StudentStatus

_ROUNDS = 5
# SQLite asks after this many steps whether to go on; some milliseconds.
_STEPS = 20_000
# The bytes of an SQLite file that tell whether it keeps a log beside it (https://sqlite.org/fileformat.html, 1.3.2).
_VERSIONS_AT, _WITH_LOG = 18, b"\x02\x02"


class Tables(StrEnum):
    """The tables, compared with those that this version works with."""

    CURRENT = "current"
    NONE = "none"
    OLDER = "older"
    NEWER = "newer"


@dataclass(frozen=True, slots=True)
class Damage:
    """found: what is wrong, empty when nothing is. finished: whether all of it could be read in the time there was."""

    found: tuple[str, ...]
    finished: bool


@dataclass(frozen=True, slots=True)
class Contents:
    """How much there is. consented: the external ids of the students with an active consent. newest_event: when the
    last event of the audit trail was, aware UTC; None where there is none. has_admin: whether the server has one."""

    students: int
    consented: frozenset[str]
    courses: int
    newest_event: datetime | None
    has_admin: bool


def file_of(database: Database) -> Path | None:
    """The file of an SQLite database."""
    name = database.engine.url.database
    return Path(name) if database.is_sqlite and name else None


def place_of(database: Database) -> str:
    """Where the database is, without the account and its password."""
    url = database.engine.url
    if database.is_sqlite:
        return str(url.database)
    port = f":{url.port}" if url.port else ""
    return f"database {url.database or 'of the account'} on {url.host or 'this machine'}{port}"


def product_of(database: Database) -> str:
    """``SQLite 3.40.1``, ``PostgreSQL 15.14``."""
    name = "SELECT sqlite_version()" if database.is_sqlite else "SHOW server_version"
    with database.engine.connect() as connection:
        found = str(connection.execute(text(name)).scalar_one())
    return f"{'SQLite' if database.is_sqlite else 'PostgreSQL'} {found.split()[0]}"


def query_milliseconds(database: Database) -> float:
    """How long the database takes for a question that is no work: median of a few."""
    with database.engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        taken = []
        for _ in range(_ROUNDS):
            begun = time.perf_counter()
            connection.execute(text("SELECT 1")).scalar_one()
            taken.append(1000 * (time.perf_counter() - begun))
    return statistics.median(taken)


def tables_of(database: Database) -> Tables:
    known = revisions()
    with database.engine.connect() as connection:
        found = set(MigrationContext.configure(connection).get_current_heads())
    if not found:
        return Tables.NONE
    if found == set(known.get_heads()):
        return Tables.CURRENT
    try:
        for revision in found:
            known.get_revision(revision)
    except CommandError:
        return Tables.NEWER
    return Tables.OLDER


def damage_of(database: Database, seconds: float) -> Damage:
    """What SQLite finds damaged in its file within ``seconds``; PostgreSQL looks after itself."""
    if not database.is_sqlite:
        return Damage((), finished=True)
    until = time.monotonic() + seconds
    with database.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
        try:
            rows = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA quick_check(5)")]
        except DBAPIError as error:
            if "interrupted" in str(error.orig):
                return Damage((), finished=False)
            return Damage((str(error.orig),), finished=True)
        finally:
            driver.set_progress_handler(None, 0)
    return Damage(tuple(row for row in rows if row != "ok"), finished=True)


def has_log_beside(path: Path) -> bool:
    """Whether the SQLite file at ``path`` lets readers and a writer work at the same time (WAL). Raises OSError."""
    with path.open("rb") as file:
        file.seek(_VERSIONS_AT)
        return file.read(2) == _WITH_LOG


def encoding_of(database: Database) -> str:
    """In what the database writes text."""
    name = "PRAGMA encoding" if database.is_sqlite else "SHOW server_encoding"
    with database.engine.connect() as connection:
        return str(connection.execute(text(name)).scalar_one())


def knows_letters(database: Database) -> bool:
    """Whether the database knows which capital belongs to which small letter beyond those of English: it does not under
    PostgreSQL's locale C, and then names are not found as they are typed."""
    with database.engine.connect() as connection:
        return bool(connection.execute(text("SELECT lower('ÄŁÉ')")).scalar_one() == "äłé")


def clock_ahead(database: Database) -> timedelta:
    """How far the clock of the database's machine is ahead of ours. SQLite has ours."""
    if database.is_sqlite:
        return timedelta(0)
    with database.engine.connect() as connection:
        begun = datetime.now(UTC)
        theirs = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        ours = begun + (datetime.now(UTC) - begun) / 2
    ahead: timedelta = theirs - ours
    return ahead


def contents_of(database: Database) -> Contents:
    with database.reading() as db:
        active = select(Student.external_id).join(Consent, Consent.student_id == Student.id)
        return Contents(
            students=db.scalar(select(func.count(Student.id)).where(Student.status != StudentStatus.ERASED)) or 0,
            consented=frozenset(db.scalars(active.where(Consent.is_active))),
            courses=db.scalar(select(func.count(Course.id))) or 0,
            newest_event=db.scalar(select(func.max(AuditEvent.at))),
            has_admin=accounts.has_admin(db),
        )


def size_of(database: Database) -> int:
    """Bytes on the disk, the log beside an SQLite file included. Raises OSError."""
    path = file_of(database)
    if path is not None:
        log = path.with_name(path.name + "-wal")
        return path.stat().st_size + (log.stat().st_size if log.exists() else 0)
    with database.engine.connect() as connection:
        return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())


def zones_of_courses(database: Database) -> dict[str, int]:
    """The time zones of the courses, each with how many courses are in it."""
    with database.reading() as db:
        query = select(Course.timezone, func.count()).group_by(Course.timezone).order_by(Course.timezone)
        return dict(db.execute(query).all())
