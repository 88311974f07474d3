"""What the doctor says of a database, on both kinds, and that it leaves it alone."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from attendance import audit
from attendance.actor import system_actor
from attendance.database import Database
from config import Settings
from diagnosis import clock, database
from diagnosis.finding import Status
from support.databases import postgres_server
from support.diagnosing import add_school, by_code, look, tree, troubles
from support.service import make_settings

ONLY_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    # the file is in the data folder, as it is unless told otherwise
    return replace(make_settings(tmp_path, database_url), data_dir=tmp_path)


def say(url: str, statement: str) -> None:
    made = Database(url)
    with made.writing() as db:
        db.execute(text(statement))
    made.close()


def test_a_database_with_a_school_is_well(settings: Settings, database_url: str, tmp_path: Path) -> None:
    add_school(database_url, ["a", "b"], withdrawn=("b",))
    before = tree(tmp_path)
    found = look(settings, database.CHECKS)
    assert troubles(found) == {}
    assert "2 students, 1 of them with consent, in 1 course" in by_code(found)["database_contents"].found
    kind = "SQLite" if database_url.startswith("sqlite") else "PostgreSQL"
    assert kind in by_code(found)["database"].found
    assert tree(tmp_path) == before


def test_without_an_admin_the_link_is_named(settings: Settings) -> None:
    found = look(settings, database.CHECKS)
    assert troubles(found) == {"no_admin": Status.NOTE}
    assert "setup-link" in (by_code(found)["no_admin"].command or "")


def test_tables_of_another_version(settings: Settings, database_url: str, tmp_path: Path) -> None:
    made = Database(database_url)
    made.downgrade("-1")
    made.close()
    before = tree(tmp_path)
    assert troubles(look(settings, database.CHECKS)) == {"database_older": Status.NOTE}
    assert tree(tmp_path) == before  # nothing was migrated
    made = Database(database_url)
    made.upgrade()
    made.close()
    try:
        say(database_url, "UPDATE alembic_version SET version_num = 'of the future'")
        assert troubles(look(settings, database.CHECKS)) == {"database_newer": Status.PROBLEM}
    finally:
        [head] = _heads()
        say(database_url, f"UPDATE alembic_version SET version_num = '{head}'")


def _heads() -> list[str]:
    from attendance.database import revisions

    return list(revisions().get_heads())


@ONLY_SQLITE
def test_a_damaged_file(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "test.sqlite3"
    content = bytearray(path.read_bytes())
    content[8192:40960] = b"\xa5" * (40960 - 8192)
    path.write_bytes(content)
    assert set(troubles(look(settings, database.CHECKS)).values()) == {Status.PROBLEM}
    path.write_bytes(b"this is no database at all" * 1000)
    found = look(settings, database.CHECKS)
    assert troubles(found) == {"database_damaged": Status.PROBLEM}
    assert "backup" in (found[0].remedy or "")


@ONLY_SQLITE
def test_a_file_or_folder_that_is_not_there(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "test.sqlite3").unlink()
    [found] = look(settings, database.CHECKS)
    assert found.code == "database_none"
    elsewhere = replace(settings, database_url=f"sqlite:///{tmp_path}/missing/a.sqlite3")
    assert troubles(look(elsewhere, database.CHECKS)) == {"database_folder": Status.PROBLEM}
    assert list(tmp_path.iterdir()) == []


@ONLY_SQLITE
def test_a_file_without_a_log_beside_it(settings: Settings, tmp_path: Path, database_url: str) -> None:
    connection = sqlite3.connect(tmp_path / "test.sqlite3")
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()
    assert "database_journal" in troubles(look(settings, database.CHECKS))


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("postgresql://school:s3cret-word@127.0.0.1:1/school", "Is PostgreSQL running"),
        (None, "Make the database"),
    ],
)
def test_a_postgresql_that_is_away(tmp_path: Path, address: str | None, said: str) -> None:
    if address is None:
        server = postgres_server()
        if server is None:
            pytest.skip("no PostgreSQL server answers on this machine")
        address = make_url(server).set(database="not_there_at_all").render_as_string(hide_password=False)
    found = look(make_settings(tmp_path, address), database.CHECKS)
    assert troubles(found) == {"database_unreachable": Status.PROBLEM}
    assert said in (found[0].remedy or "") and "s3cret-word" not in str(found[0])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("encoding", "letters", "code"),
    [("UTF8", True, []), ("UTF8", False, ["database_locale"]), ("SQL_ASCII", False, ["database_encoding"])],
)
def test_letters(encoding: str, letters: bool, code: list[str]) -> None:
    assert [each.code for each in database._letters(encoding, letters)] == code


def test_a_clock_that_is_behind_the_database(settings: Settings, database_url: str) -> None:
    now = datetime.now(UTC)
    add_school(database_url, [])
    made = Database(database_url)
    with made.writing() as db:
        audit.record(db, system_actor(), "model.use", "model", "v1", now + timedelta(days=2))
    made.close()
    assert troubles(look(settings, clock.CHECKS, now=now)) == {"clock_behind": Status.PROBLEM}


def test_zones_of_courses(settings: Settings, database_url: str) -> None:
    add_school(database_url, [], zone="Nowhere/Atlantis")
    found = troubles(look(settings, clock.CHECKS, now=datetime.now(UTC)))
    assert found == {"zone_of_course_unknown": Status.PROBLEM}
    say(database_url, "UPDATE course SET timezone = 'Pacific/Marquesas'")
    found = troubles(look(settings, clock.CHECKS, now=datetime.now(UTC)))
    assert found == {"zone_of_courses": Status.NOTE}


def test_a_clock_that_was_never_set_and_a_zone_that_is_none(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, f"sqlite:///{tmp_path}/none.sqlite3")
    assert troubles(look(settings, clock.CHECKS, now=datetime(1970, 1, 1, tzinfo=UTC))) == {
        "clock_behind": Status.PROBLEM
    }
    found = look(settings, clock.CHECKS, {"TZ": "Nowhere/Atlantis"}, datetime.now(UTC))
    assert troubles(found) == {"zone_unknown": Status.PROBLEM}
