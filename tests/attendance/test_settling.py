"""Which frames count around a close, and what several processes settle, close and lock at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from attendance import settling
from attendance.database import Database
from attendance.models import AttendanceChange, AttendanceRecord, ClassSession, MarkStatus, SessionState
from attendance.policy import Policy
from support.clock import MONDAY
from support.service import Service

POLICY = Policy()
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("state", "captured", "received", "counts"),
    [
        (SessionState.SCHEDULED, 0, 0, False),
        (SessionState.OPEN, 0, 0, True),
        (SessionState.OPEN, 500, 500, True),
        (SessionState.CLOSED, 0, 0, True),
        (SessionState.CLOSED, 0, 119, True),
        (SessionState.CLOSED, 0, 120, False),
        (SessionState.CLOSED, 1, 1, False),
        (SessionState.LOCKED, 0, 0, False),
        (SessionState.CANCELLED, 0, 0, False),
    ],
)
def test_frames_count_at_their_own_time_until_the_grace_has_passed(
    state: SessionState, captured: int, received: int, counts: bool
) -> None:
    closed = state in (SessionState.CLOSED, SessionState.LOCKED)
    session = ClassSession(state=state, closed_at=MONDAY if closed else None)
    assert settling.takes_frame(session, MONDAY + captured * SECOND, MONDAY + received * SECOND, POLICY) is counts


def test_once_it_is_settled_no_frame_counts() -> None:
    session = ClassSession(state=SessionState.CLOSED, closed_at=MONDAY, settled_at=MONDAY + POLICY.close_grace)
    assert not settling.takes_frame(session, MONDAY, MONDAY + SECOND, POLICY)


def test_what_two_servers_do_at_once_is_done_once(service: Service, database_url: str) -> None:
    students = [service.student(f"s{number}", consent=False) for number in range(5)]
    sessions = []
    for number in range(4):
        course = service.course(timezone="UTC")
        service.enrol(course, *students)
        closed_at = MONDAY - timedelta(hours=number)
        sessions.append(service.session(course, state=SessionState.CLOSED, closed_at=closed_at))
    other = Database(database_url)
    try:
        with ThreadPoolExecutor(4) as pool:
            now = MONDAY + POLICY.settle_after
            counts = list(pool.map(lambda db: settling.settle_due(db, POLICY, now), [service.database, other] * 2))
            assert sum(counts) == 4
            now = MONDAY + POLICY.lock_after
            counts = list(pool.map(lambda db: settling.lock_due(db, POLICY, now), [service.database, other] * 2))
            assert sum(counts) == 4
    finally:
        other.close()
    with service.db() as db:
        assert [record.status for record in db.query(AttendanceRecord)] == [MarkStatus.ABSENT] * 20
        assert db.query(AttendanceChange).count() == 20
        assert {session.state for session in db.query(ClassSession)} == {SessionState.LOCKED}


def test_only_what_is_asked_for_is_settled(service: Service) -> None:
    first, second = service.course(), service.course()
    closed = {"state": SessionState.CLOSED, "closed_at": MONDAY - timedelta(hours=1)}
    sessions = [service.session(course, **closed) for course in (first, first, second)]

    def settled() -> list[bool]:
        with service.db() as db:
            return [db.get_one(ClassSession, each).settled_at is not None for each in sessions]

    assert settling.settle_due(service.database, POLICY, MONDAY, session_id=sessions[1]) == 1
    assert settled() == [False, True, False]
    assert settling.settle_due(service.database, POLICY, MONDAY, course_id=second) == 1
    assert settled() == [False, True, True]
    assert settling.settle_due(service.database, POLICY, MONDAY) == 1


def test_nothing_locks_that_was_never_settled(service: Service) -> None:
    course = service.course()
    session = service.session(course, state=SessionState.CLOSED, closed_at=MONDAY - timedelta(days=30))
    assert settling.lock_due(service.database, POLICY, MONDAY) == 0
    settling.tend(service.database, POLICY, MONDAY)
    with service.db() as db:
        assert db.get_one(ClassSession, session).state is SessionState.LOCKED
