"""What one test leaves in PostgreSQL is gone for the next, and the database guards itself as before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from attendance.database import Database
from attendance.models import AuditEvent, Base
from support import databases
from support.service import Service, make_service, make_settings
from support.world import make_world

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@pytest.fixture
def used(postgres_url: str, tmp_path: Path) -> Iterator[Service]:
    databases.empty(postgres_url)
    service = make_service(make_settings(tmp_path, postgres_url))
    yield service
    service.database.close()


def event(database: Database) -> int:
    with database.writing() as db:
        made = AuditEvent(at=NOW, action="a", object_type="t", object_id="1")
        db.add(made)
        db.flush()
        return made.id


@pytest.mark.parametrize("many", [2000, 1], ids=["few-rows", "many-rows"])
def test_nothing_is_left_and_ids_begin_at_1_again(
    used: Service, postgres_url: str, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    make_world(used)
    event(used.database)
    monkeypatch.setattr(databases, "_MANY", many)
    databases.empty(postgres_url)
    with psycopg.connect(postgres_url) as connection:
        for table in Base.metadata.tables:
            assert connection.execute(f'SELECT count(*) FROM "{table}"').fetchone() == (0,), table
    assert event(used.database) == 1
    assert make_world(used).ids["session_id"] == 1


def test_what_was_recorded_still_cannot_be_changed(used: Service, postgres_url: str) -> None:
    event(used.database)
    databases.empty(postgres_url)
    event(used.database)
    with psycopg.connect(postgres_url) as connection, pytest.raises(psycopg.Error, match="append-only"):
        connection.execute("DELETE FROM audit_event")


def test_emptying_that_fails_changes_nothing(used: Service, postgres_url: str) -> None:
    event(used.database)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE in_the_way (id bigint REFERENCES course)")
        try:
            course = make_world(used).ids["course_id"]
            connection.execute("INSERT INTO in_the_way VALUES (%s)", [course])
            with pytest.raises(psycopg.Error, match="in_the_way"):
                databases.empty(postgres_url)
            with pytest.raises(psycopg.Error, match="append-only"):
                connection.execute("DELETE FROM audit_event")
        finally:
            connection.execute("DROP TABLE in_the_way")
