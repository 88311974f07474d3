"""What happens to sessions by itself: a forgotten one closes, those never seen become absent or excused once no frame
can come any more, and a closed session locks.

Each session in a transaction of its own, which takes the lock on it and then looks again whether it is still due: two
processes may do the same at once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from attendance import audit, excuses, marks
from attendance.actor import Actor, system_actor
from attendance.database import Database
from attendance.models import AttendanceChange, AttendanceRecord, ClassSession, MarkSource, MarkStatus, SessionState
from attendance.policy import Policy
from attendance.rosters import enrolled_students, session_day

# A session that nobody closed: no class goes on this long after its end.
FORGOTTEN = timedelta(hours=12)


def takes_frame(session: ClassSession, captured_at: datetime, received_at: datetime, policy: Policy) -> bool:
    """Whether a frame counts in ``session``: while it is open, and, if captured before the close, until the grace for
    queued frames has passed."""
    if session.state is SessionState.OPEN:
        return True
    if session.state is not SessionState.CLOSED or session.closed_at is None or session.settled_at is not None:
        return False
    return captured_at <= session.closed_at and received_at < session.closed_at + policy.close_grace


def settle_due(
    database: Database,
    policy: Policy,
    now: datetime,
    *,
    session_id: int | None = None,
    course_id: int | None = None,
) -> int:
    """Settle the closed sessions whose grace has passed, with the time a last frame may take; how many. session_id,
    course_id: only that one, only those of that course: to be called before a sheet or a report of it is read."""
    due = and_(
        ClassSession.state == SessionState.CLOSED,
        ClassSession.settled_at.is_(None),
        ClassSession.closed_at <= now - policy.settle_after,
    )
    if session_id is not None:
        due = and_(due, ClassSession.id == session_id)
    if course_id is not None:
        due = and_(due, ClassSession.course_id == course_id)
    return _each(database, due, lambda db, session: settle(db, session, now))


def settle(db: Session, session: ClassSession, now: datetime) -> None:
    """Set everybody who was enrolled that day and is still unmarked to excused, if an excuse covers the day, else to
    absent. The caller holds the lock on ``session`` and knows that no frame can come any more."""
    day = session_day(session)
    enrolled = [student.id for student in enrolled_students(db, session.course_id, day)]
    marks.ensure_records(db, session, enrolled, now)
    query = select(AttendanceRecord).where(
        AttendanceRecord.session_id == session.id,
        AttendanceRecord.status == MarkStatus.UNMARKED,
        AttendanceRecord.student_id.in_(enrolled),
    )
    unmarked = db.scalars(query.execution_options(populate_existing=True)).all()
    excused = excuses.covering(db, session.course_id, day)
    for record in unmarked:
        _settle_record(db, record, now, excused=record.student_id in excused)
    session.settled_at = now
    session.version += 1
    count = sum(record.status is MarkStatus.EXCUSED for record in unmarked)
    audit.record(
        db,
        system_actor(),
        "session.settle",
        "session",
        session.id,
        now,
        absent=len(unmarked) - count,
        excused=count,
    )


def settle_again(db: Session, session: ClassSession, record: AttendanceRecord, now: datetime) -> None:
    """Set ``record`` as the close would have, if the session was settled and the record has become as nobody ever
    marked it."""
    if session.settled_at is None or record.status is not MarkStatus.UNMARKED or marks.set_by_hand(record):
        return
    excused = excuses.covering(db, session.course_id, session_day(session))
    _settle_record(db, record, now, excused=record.student_id in excused)


def unsettle(db: Session, session: ClassSession, actor: Actor, now: datetime) -> None:
    """Take back what the close set, as the session opens again. The caller holds the lock on ``session``."""
    query = select(AttendanceRecord).where(
        AttendanceRecord.session_id == session.id, AttendanceRecord.source == MarkSource.AUTO_CLOSE
    )
    for record in db.scalars(query.execution_options(populate_existing=True)).all():
        settled = db.scalars(
            select(AttendanceChange)
            .where(
                AttendanceChange.record_id == record.id,
                AttendanceChange.source == MarkSource.AUTO_CLOSE,
                # not what an excuse made of it afterwards
                AttendanceChange.old_source.is_distinct_from(MarkSource.AUTO_CLOSE),
            )
            .order_by(AttendanceChange.id.desc())
            .limit(1)
        ).one()
        by_close = MarkSource.AUTO_CLOSE
        marks.put_back(db, record, settled, source=by_close, actor=actor, reason_code="reopened", now=now)
    session.settled_at = None


def close_forgotten(database: Database, now: datetime) -> int:
    """Close the open sessions whose end is long past; how many."""
    long_ago = now - FORGOTTEN
    due = and_(
        ClassSession.state == SessionState.OPEN,
        ClassSession.ends_at <= long_ago,
        # one that was opened after its end, to mark it later, has the same time
        or_(ClassSession.opened_at.is_(None), ClassSession.opened_at <= long_ago),
        or_(ClassSession.reopened_at.is_(None), ClassSession.reopened_at <= long_ago),
    )

    def close(db: Session, session: ClassSession) -> None:
        session.state, session.closed_at = SessionState.CLOSED, now
        session.version += 1
        audit.record(db, system_actor(), "session.close", "session", session.id, now, reason="forgotten")

    return _each(database, due, close)


def lock_due(database: Database, policy: Policy, now: datetime) -> int:
    """Lock the sessions that were closed, or last reopened for corrections, long enough ago; how many."""
    long_ago = now - policy.lock_after
    due = and_(
        ClassSession.state == SessionState.CLOSED,
        ClassSession.settled_at.is_not(None),
        ClassSession.closed_at <= long_ago,
        or_(ClassSession.reopened_at.is_(None), ClassSession.reopened_at <= long_ago),
    )

    def lock(db: Session, session: ClassSession) -> None:
        session.state, session.locked_at = SessionState.LOCKED, now
        session.version += 1
        audit.record(db, system_actor(), "session.lock", "session", session.id, now, reason="due")

    return _each(database, due, lock)


def tend(database: Database, policy: Policy, now: datetime) -> None:
    """Everything of the above that is due."""
    close_forgotten(database, now)
    settle_due(database, policy, now)
    lock_due(database, policy, now)


def _each(database: Database, due: ColumnElement[bool], act: Callable[[Session, ClassSession], object]) -> int:
    with database.reading() as db:
        found = db.scalars(select(ClassSession.id).where(due).order_by(ClassSession.id)).all()
    done = 0
    for session_id in found:
        with database.writing() as db:
            query = select(ClassSession).where(ClassSession.id == session_id, due)
            session = db.scalar(query.with_for_update(of=ClassSession))
            if session is not None:
                act(db, session)
                done += 1
    return done


def _settle_record(db: Session, record: AttendanceRecord, now: datetime, *, excused: bool) -> None:
    marks.change(
        db,
        record,
        MarkStatus.EXCUSED if excused else MarkStatus.ABSENT,
        source=MarkSource.AUTO_CLOSE,
        actor=system_actor(),
        reason_code="excuse" if excused else "not_seen",
        now=now,
    )
