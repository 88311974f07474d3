"""The database: does it answer, are its tables those of this version, is it sound, and is anybody in it?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from diagnosis import remedies
from diagnosis.case import Case
from diagnosis.finding import Finding, note, ok, problem
from diagnosis.wording import count, shown, size

if TYPE_CHECKING:
    from attendance.database import Database
    from attendance.database_facts import Contents

LABEL = "Database"
# A large file is looked through at the next `check`, which has the time.
_SECONDS_TO_LOOK = 2.0
_SLOW_MILLISECONDS = 20
_NOT_OWNER = 0o077
_BACKUP = "Restore it from a backup, and keep the damaged one until all is well."


def address(case: Case) -> Database | None:
    """The database that the settings name, opened for looking; None where they name none that can be used."""

    def find_out() -> Database | None:
        from data_folder import database_of
        from errors import ConfigurationError

        try:
            made = database_of(case.settings, read_only=True)
        except ConfigurationError:  # said of the settings
            return None
        case.at_end(made.close)
        return made

    return case.once("database", find_out)


def readable(case: Case) -> Database | None:
    """The database, where it answers and its tables are those of this version."""

    def find_out() -> Database | None:
        from attendance.database import DatabaseError, is_ready

        database = address(case)
        try:
            return database if database is not None and database.is_present() and is_ready(database) else None
        except DatabaseError:
            return None

    return case.once("readable database", find_out)


def contents(case: Case) -> Contents | None:
    """What is in the database; None where it cannot be asked."""

    def find_out() -> Contents | None:
        from attendance.database_facts import contents_of

        database = readable(case)
        return None if database is None else contents_of(database)

    return case.once("contents", find_out)


def reached(case: Case) -> Iterator[Finding]:
    from attendance.database import DatabaseError, reason_of
    from attendance.database_facts import Tables, file_of, place_of, product_of, tables_of

    database = address(case)
    if database is None:
        return
    path = file_of(database)
    if path is not None and not path.is_file():
        yield _no_file(path, case)
        return
    try:
        product, tables = product_of(database), tables_of(database)
    except DatabaseError as error:
        yield _unreachable(reason_of(error), place_of(database), path)
        return
    where = f"{product}, {shown(path) if path is not None else place_of(database)}"
    if tables is Tables.CURRENT:
        yield ok("database", LABEL, f"{where}; its tables are those of this version")
    elif tables is Tables.NONE:
        yield ok("database_empty", LABEL, f"{where}; it is empty, and its tables are made at the first start")
    elif tables is Tables.OLDER:
        yield note(
            "database_older",
            LABEL,
            f"{where}; its tables are of an earlier version",
            "Make a backup; the next start of the server brings them up to date.",
        )
    else:
        yield problem(
            "database_newer",
            LABEL,
            f"{where}; its tables are of a newer version than this program",
            "Start the newer version of SmartAttendance, or restore the backup from before its first start.",
        )


def kept_well(case: Case) -> Iterator[Finding]:
    """How the database keeps what is in it: whole, shut to others, in an alphabet that has everybody's letters."""
    from attendance import database_facts as facts

    database = readable(case)
    if database is None:
        return
    path = facts.file_of(database)
    if path is not None:
        damage = facts.damage_of(database, _SECONDS_TO_LOOK)
        if damage.found:
            yield problem("database_damaged", LABEL, f"the file is damaged: {damage.found[0]}", _BACKUP)
            return
        if not damage.finished:
            yield ok(
                "database_large", LABEL, "so large that only a part was looked through; `app.py check` reads all of it"
            )
        yield from _file_is_shut(path, case)
        if not facts.has_log_beside(path):
            yield note(
                "database_journal",
                LABEL,
                "the file keeps no log beside it, so that a page waits while a mark is written",
                "Start the server once; it sets that. If it stays, the file is on a network drive: move it to a local "
                "disk, or use PostgreSQL.",
            )
    else:
        yield from _letters(facts.encoding_of(database), facts.knows_letters(database))
    yield from _speed(facts.query_milliseconds(database))


def people(case: Case) -> Iterator[Finding]:
    from attendance.database_facts import size_of

    database, found = readable(case), contents(case)
    if database is None or found is None:
        return
    yield ok(
        "database_contents",
        LABEL,
        f"{size(size_of(database))}; {count(found.students, 'student')}, {len(found.consented)} of them with consent, "
        f"in {count(found.courses, 'course')}",
    )
    if not found.has_admin:
        yield note(
            "no_admin",
            "Accounts",
            "there is no admin yet",
            "The server prints a link for making the first one when it starts, and so does:",
            remedies.app("setup-link"),
        )


def _no_file(path: Path, case: Case) -> Finding:
    if path.parent.is_dir() or path.parent == case.settings.data_dir:
        return ok("database_none", LABEL, f"SQLite; {shown(path)} is made at the first start")
    return problem(
        "database_folder",
        LABEL,
        f"DATABASE_URL names {shown(path)}, and its folder does not exist",
        "Make it, for this account only, or correct DATABASE_URL.",
        remedies.line("mkdir", shown(path.parent)),
    )


def _unreachable(reason: str, place: str, path: Path | None) -> Finding:
    # PostgreSQL's own question comes after the reason; the remedy asks it
    reason = reason.split(" Is the server running")[0]
    said, low = f"{place} cannot be read: {reason}", reason.lower()
    if path is not None:
        if "malformed" in low or "not a database" in low or "disk image" in low:
            return problem("database_damaged", LABEL, f"{shown(path)} is damaged: {reason}", _BACKUP)
        if "unable to open" in low and path.with_name(path.name + "-wal").exists():
            return problem(
                "database_unreadable",
                LABEL,
                f"{shown(path)} cannot be read without changing something: its log lies there without the index of it",
                "Start the server once, which puts that right; then ask again.",
            )
        return problem(
            "database_unreadable",
            LABEL,
            f"{shown(path)} cannot be read: {reason}",
            "Let the account that the server runs as read and write it.",
            remedies.make_usable(path),
        )
    if "authentication" in low or "no password" in low:
        remedy = "Correct the account and the password in DATABASE_URL."
    elif "does not exist" in low:
        remedy = "Make the database or the account on the server of PostgreSQL, or correct DATABASE_URL."
    elif "permission denied" in low:
        remedy = "Make the account of DATABASE_URL the owner of the database."
    else:
        remedy = "Is PostgreSQL running, and do host and port in DATABASE_URL fit? Start it, or correct them."
    return problem("database_unreachable", LABEL, said, remedy)


def _file_is_shut(path: Path, case: Case) -> Iterator[Finding]:
    if os.name == "nt" or path.parent == case.settings.data_dir:  # that folder is looked at for itself
        return
    if path.stat().st_mode & _NOT_OWNER and path.parent.stat().st_mode & _NOT_OWNER:
        yield problem(
            "database_open",
            LABEL,
            f"other accounts of this machine can read {shown(path)}, which holds what is known of people",
            "Shut its folder.",
            remedies.line("chmod", "700", shown(path.parent)),
        )


def _letters(encoding: str, knows_letters: bool) -> Iterator[Finding]:
    if encoding.upper().replace("-", "") != "UTF8":
        yield problem(
            "database_encoding",
            LABEL,
            f"it writes text in {encoding}, which lacks the letters of many names",
            "Make a new database with the encoding UTF8, and move what is in this one into it (pg_dump, psql).",
        )
    elif not knows_letters:
        yield problem(
            "database_locale",
            LABEL,
            "its locale knows English letters only: a name such as Łukasz is not found as it is typed",
            "Make a new database with a UTF-8 locale, such as en_US.UTF-8, and move what is in this one into it "
            "(pg_dump, psql).",
        )


def _speed(milliseconds: float) -> Iterator[Finding]:
    if milliseconds > _SLOW_MILLISECONDS:
        yield note(
            "database_slow",
            LABEL,
            f"the simplest question takes {milliseconds:.0f} ms, and a page asks dozens",
            "Put the database nearer: on this machine or in the same network.",
        )


CHECKS = ((reached, LABEL), (kept_well, LABEL), (people, LABEL))
