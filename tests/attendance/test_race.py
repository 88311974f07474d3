"""Two processes with eight threads each mark the same session at the same time."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from datetime import date

from attendance.database import Database
from attendance.models import (
    AttendanceChange,
    AttendanceRecord,
    ClassSession,
    Consent,
    ConsentMethod,
    Course,
    Enrolment,
    Frame,
    MarkStatus,
    Role,
    SessionState,
    Sighting,
    SightingDecision,
    Student,
    UserAccount,
)
from support import marking
from support.clock import FrozenClock


def prepared(database: Database) -> tuple[int, int]:
    """The ids of an open session of 60 students with consents, and of an admin."""
    now = FrozenClock(marking.OPENED).now()
    with database.writing() as db:
        admin = UserAccount(email="a@example.org", name="A", role=Role.ADMIN, created_at=now)
        course = Course(code="C", title="C", term="T", timezone="UTC", created_at=now)
        db.add_all([admin, course])
        db.flush()
        for number in range(marking.STUDENTS):
            student = Student(external_id=marking.external_id(number), name=f"Student {number}", created_at=now)
            db.add(student)
            db.flush()
            db.add(Enrolment(course_id=course.id, student_id=student.id, starts_on=date(2026, 9, 1), created_at=now))
            given = {"policy_version": "1", "method": ConsentMethod.PAPER, "given_at": now, "recorded_by": admin.id}
            db.add(Consent(student_id=student.id, **given))
        times = {"starts_at": now, "ends_at": now.replace(hour=9), "late_after": now.replace(minute=10)}
        session = ClassSession(
            course_id=course.id, state=SessionState.OPEN, opened_at=now, created_at=now, thresholds={}, **times
        )
        db.add(session)
        db.flush()
        return session.id, admin.id


def test_two_processes_lose_nothing_and_count_nothing_twice(database_url: str) -> None:
    database = Database(database_url)
    session_id, user_id = prepared(database)
    seeds = (1, 2)
    sent = [frame for seed in seeds for frame, _ in marking.frames(seed)]
    different = {frame.key for frame in sent}
    assert sum(len(faces) for seed in seeds for _, faces in marking.frames(seed)) >= marking.SIGHTINGS
    assert len(different) < len(sent)

    spawn = multiprocessing.get_context("spawn")
    with spawn.Manager() as manager, ProcessPoolExecutor(2, mp_context=spawn) as pool:
        start = manager.Barrier(2 * marking.THREADS)
        running = [pool.submit(marking.mark_at_once, database_url, session_id, user_id, seed, start) for seed in seeds]
        for each in running:
            each.result(120)

    with database.reading() as db:
        records = db.query(AttendanceRecord).all()
        changes = db.query(AttendanceChange).all()
        sightings = db.query(Sighting).all()
        frames = db.query(Frame).all()
    assert len({record.student_id for record in records}) == len(records) == marking.STUDENTS
    assert {record.status for record in records} == {MarkStatus.PRESENT}
    # exactly one change each, from unmarked to present, and the version says so
    assert sorted(change.record_id for change in changes) == sorted(record.id for record in records)
    assert {(c.old_status, c.new_status) for c in changes} == {(MarkStatus.UNMARKED, MarkStatus.PRESENT)}
    assert {record.version for record in records} == {2}
    # each frame once, whatever was sent twice and by whom; and two different ones behind each mark
    assert {frame.event_uuid for frame in frames} == different and len(frames) == len(different)
    captured = {frame.id: frame.captured_at for frame in frames}
    for record in records:
        accepted = [
            sighting
            for sighting in sightings
            if sighting.student_id == record.student_id and sighting.decision is SightingDecision.ACCEPTED
        ]
        assert len({sighting.frame_id for sighting in accepted}) == len(accepted) >= 2
        assert record.first_seen_at == min(captured[sighting.frame_id] for sighting in accepted)
    database.close()
