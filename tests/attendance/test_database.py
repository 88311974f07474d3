"""The tables, their migrations up and down, and what the database itself sees to; on both kinds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from attendance.database import Database
from attendance.models import AuditEvent, Base, ClassSession, Course, CourseStaff, SessionState
from errors import ConfigurationError
from support.databases import postgres_database

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database of its own, with all tables."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'fresh.sqlite3'}")
        database.upgrade()
        yield database
        database.close()
        return
    with postgres_database() as url:
        database = Database(url)
        yield database
        database.close()


def test_migrations_make_exactly_the_tables_the_program_works_with(fresh: Database) -> None:
    assert fresh.is_current()
    with fresh.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
        assert set(inspect(connection).get_table_names()) == {*Base.metadata.tables, "alembic_version"}


def test_migrations_go_all_the_way_down_and_up_again(fresh: Database) -> None:
    fresh.downgrade("base")
    assert not fresh.is_current()
    with fresh.engine.connect() as connection:
        assert inspect(connection).get_table_names() == ["alembic_version"]
    fresh.upgrade()
    assert fresh.is_current()
    with fresh.writing() as db:
        db.add(AuditEvent(at=NOW, action="a", object_type="t", object_id="1"))


def test_leads_of_before_appointments_keep_what_they_could_do_for_students(fresh: Database) -> None:
    fresh.downgrade("0003")
    with fresh.engine.begin() as connection:
        for statement in (
            "INSERT INTO course (id, code, title, term, timezone, late_after_s, min_percent, excused_counts, "
            "late_weight, created_at, version) VALUES (1, 'C', 'C', 'T', 'UTC', 0, 75, 'left_out', 1, :now, 1)",
            "INSERT INTO user_account (id, email, name, role, created_at, version) "
            "VALUES (1, 'a', 'A', 'instructor', :now, 1), (2, 'b', 'B', 'instructor', :now, 1)",
            "INSERT INTO course_staff (course_id, user_id, is_lead, added_at) "
            "VALUES (1, 1, :yes, :now), (1, 2, :no, :now)",
        ):
            connection.execute(text(statement), {"now": NOW, "yes": True, "no": False})
    fresh.upgrade()
    with fresh.reading() as db:
        staff = db.scalars(select(CourseStaff).order_by(CourseStaff.user_id)).all()
        assert [(one.is_lead, one.may_enrol, one.user.may_create_courses) for one in staff] == [
            (True, True, False),
            (False, False, False),
        ]


@pytest.mark.parametrize("attempt", range(5))
def test_servers_that_start_together_make_the_tables_once(tmp_path: Path, attempt: int) -> None:
    url = f"sqlite:///{tmp_path / 'new.sqlite3'}"
    problems: list[BaseException] = []
    at_once = threading.Barrier(6)

    def start() -> None:
        database = Database(url)
        try:
            at_once.wait()
            database.prepare()
            assert database.is_current()
        except BaseException as error:
            problems.append(error)
        finally:
            database.close()

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems


@pytest.mark.parametrize("statement", ["UPDATE audit_event SET action = 'b'", "DELETE FROM audit_event"])
def test_what_was_recorded_cannot_be_changed_even_past_the_program(fresh: Database, statement: str) -> None:
    with fresh.writing() as db:
        db.add(AuditEvent(at=NOW, action="a", object_type="t", object_id="1"))
    with pytest.raises(DBAPIError, match="append-only"), fresh.writing() as db:
        db.execute(text(statement))
    with fresh.reading() as db:
        assert db.scalars(select(AuditEvent.action)).all() == ["a"]


def test_a_course_has_one_open_session_whoever_writes(fresh: Database) -> None:
    with fresh.writing() as db:
        course = Course(code="C", title="C", term="T", timezone="UTC", created_at=NOW)
        db.add(course)
        db.flush()
        course_id = course.id

    def add(state: SessionState) -> None:
        with fresh.writing() as db:
            times = {"starts_at": NOW, "ends_at": NOW.replace(hour=9), "late_after": NOW, "created_at": NOW}
            db.add(ClassSession(course_id=course_id, state=state, **times))

    for state in SessionState:
        add(state)
    add(SessionState.CLOSED)
    with pytest.raises(IntegrityError):
        add(SessionState.OPEN)


def test_moments_come_back_in_utc_and_naive_ones_are_refused(fresh: Database) -> None:
    elsewhere = datetime.fromisoformat("2026-10-25T02:30:00.123456+02:00")
    with fresh.writing() as db:
        db.add(AuditEvent(at=elsewhere, action="a", object_type="t", object_id="1"))
    with fresh.reading() as db:
        at = db.scalars(select(AuditEvent.at)).one()
    assert at == elsewhere and at.tzinfo is UTC
    with pytest.raises(StatementError, match="time zone"), fresh.writing() as db:
        db.add(AuditEvent(at=datetime(2026, 1, 1), action="a", object_type="t", object_id="1"))


@pytest.mark.parametrize("url", ["nonsense", "mysql://u:geheim@h/d", "sqlite://", "sqlite:///:memory:"])
def test_an_address_that_is_none_is_refused_without_repeating_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="DATABASE_URL") as caught:
        Database(url)
    assert "geheim" not in str(caught.value)
