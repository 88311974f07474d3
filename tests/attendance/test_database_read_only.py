"""A database that is only looked at stays as it is, whatever state its file was left in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from attendance.database import Database, DatabaseError

DIES_WITH_A_LOG = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("PRAGMA journal_mode=WAL")
connection.execute("UPDATE alembic_version SET version_num = 'not yet in the file'")
connection.commit()
os._exit(0)
"""


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def version_in(database: Database) -> str:
    with database.engine.connect() as connection:
        return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())


def test_it_is_read_and_not_written(database_url: str) -> None:
    database = Database(database_url, read_only=True)
    try:
        assert database.is_current()
        with pytest.raises(DatabaseError), database.engine.connect() as connection:
            connection.execute(text("DELETE FROM alembic_version"))
        with pytest.raises(DatabaseError), database.engine.connect() as connection:
            connection.execute(text("CREATE TABLE more (id integer)"))
        with database.engine.connect() as connection:
            assert connection.execute(text("SELECT lower('ÄLEX')")).scalar_one() == "älex"
    finally:
        database.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_file_appears_beside_it(database_url: str, tmp_path: Path) -> None:
    before = contents(tmp_path)
    database = Database(database_url, read_only=True)
    assert database.is_current()
    assert contents(tmp_path) == before
    database.close()
    assert contents(tmp_path) == before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_log_of_a_process_that_died_is_read_and_left(database_url: str, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", DIES_WITH_A_LOG, database_url.removeprefix("sqlite:///")], check=True)
    before = contents(tmp_path)
    assert "test.sqlite3-wal" in before
    database = Database(database_url, read_only=True)
    assert version_in(database) == "not yet in the file"
    database.close()
    assert contents(tmp_path) == before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_a_running_server_has_just_written_is_seen(database_url: str) -> None:
    server, looking = Database(database_url), Database(database_url, read_only=True)
    try:
        with server.writing() as db:
            db.execute(text("UPDATE alembic_version SET version_num = 'written just now'"))
        assert version_in(looking) == "written just now"
    finally:
        looking.close()
        server.close()


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'none.sqlite3'}", read_only=True)
    with pytest.raises(DatabaseError):
        database.is_current()
    assert list(tmp_path.iterdir()) == []
