"""Class sessions: making, changing, and their way from scheduled over open and closed to locked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from attendance import audit, marks, settling
from attendance.access import require_course, require_session, visible_course_ids
from attendance.actor import Actor
from attendance.days import local_day
from attendance.models import (
    AttendanceRecord,
    ClassSession,
    Course,
    MarkSource,
    MarkStatus,
    ReviewItem,
    SessionState,
)
from attendance.paging import Page, page_of
from attendance.rosters import enrolled_students, session_day
from attendance.states import require_running, require_state
from attendance.versions import check_version
from errors import ConflictError, InvalidRequestError

_LONGEST = timedelta(hours=24)
# What may be changed while frames are coming in; before, everything.
_CHANGEABLE_WHILE_OPEN = frozenset({"title", "ends_at", "late_after"})


@dataclass(frozen=True, slots=True)
class DueSession:
    """review_count: how many of its faces wait for a person's decision."""

    session: ClassSession
    review_count: int


@dataclass(frozen=True, slots=True)
class Today:
    """open: the sessions that are. today: the others of this day. review: those of other days where faces wait."""

    open: Sequence[DueSession]
    today: Sequence[DueSession]
    review: Sequence[DueSession]


def list_sessions(
    db: Session,
    actor: Actor,
    *,
    course_id: int | None = None,
    state: SessionState | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    descending: bool = False,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[ClassSession]:
    """The sessions of the courses that ``actor`` may see, by when they start. since, until: those that start from the
    one on and before the other."""
    query = select(ClassSession).options(joinedload(ClassSession.course))
    if course_id is not None:
        require_course(db, actor, course_id)
        query = query.where(ClassSession.course_id == course_id)
    else:
        query = query.where(ClassSession.course_id.in_(visible_course_ids(actor)))
    if state is not None:
        query = query.where(ClassSession.state == state)
    if since is not None:
        query = query.where(ClassSession.starts_at >= since)
    if until is not None:
        query = query.where(ClassSession.starts_at < until)
    columns = (ClassSession.starts_at, ClassSession.id)
    return page_of(db, query, columns, descending=descending, cursor=cursor, limit=limit)


def today(db: Session, actor: Actor, now: datetime) -> Today:
    """What there is to do today, by the calendar of each course's time zone."""
    visible = ClassSession.course_id.in_(visible_course_ids(actor))
    unresolved = (
        select(ReviewItem.session_id, func.count())
        .join(ReviewItem.session)
        .where(ReviewItem.resolution.is_(None), visible)
        .group_by(ReviewItem.session_id)
    )
    waiting = dict(db.execute(unresolved).all())
    undecided = select(ReviewItem.id).where(ReviewItem.session_id == ClassSession.id, ReviewItem.resolution.is_(None))
    near = ClassSession.starts_at.between(now - timedelta(days=2), now + timedelta(days=2))
    query = (
        select(ClassSession)
        .join(ClassSession.course)
        .options(joinedload(ClassSession.course))
        .where(
            visible,
            Course.archived_at.is_(None),
            or_(ClassSession.state == SessionState.OPEN, near, undecided.exists()),
        )
        .order_by(ClassSession.starts_at, ClassSession.id)
    )
    running, this_day, review = [], [], []
    for session in db.scalars(query):
        due = DueSession(session, waiting.get(session.id, 0))
        if session.state is SessionState.OPEN:
            running.append(due)
        elif session_day(session) == local_day(now, session.course.timezone):
            this_day.append(due)
        elif due.review_count:
            review.append(due)
    return Today(running, this_day, review)


def create_session(db: Session, actor: Actor, course_id: int, values: Mapping[str, Any], now: datetime) -> ClassSession:
    """A session besides the schedule. values: starts_at, ends_at, and late_after (default: as the course says) and
    title."""
    course = require_course(db, actor, course_id, change=True)
    require_running(course)
    late_after = values.get("late_after") or values["starts_at"] + timedelta(seconds=course.late_after_s)
    session = ClassSession(**{**values, "late_after": late_after}, course=course, created_at=now)
    _check_times(session)
    db.add(session)
    db.flush()
    audit.record(db, actor, "session.create", "session", session.id, now, course_id=course_id)
    return session


def update_session(
    db: Session, actor: Actor, session_id: int, values: Mapping[str, Any], expected: int | None, now: datetime
) -> ClassSession:
    """Change the times or the title of a session that is scheduled, or all but the start of one that is open. expected:
    the version it was read at. When the start moves, ``late_after`` moves with it; when ``late_after`` moves, so does
    who is present and who late of those whom a face marked."""
    session = require_session(db, actor, session_id, change=True, lock=True)
    check_version(session, expected)
    require_state(session, SessionState.SCHEDULED, SessionState.OPEN)
    fixed = sorted(set(values) - _CHANGEABLE_WHILE_OPEN)
    if fixed and session.state is SessionState.OPEN:
        raise ConflictError(f"{', '.join(fixed)} cannot change any more: this session is open", code="session_open")
    late_by = session.late_after - session.starts_at
    for name, value in values.items():
        setattr(session, name, value)
    if "starts_at" in values and "late_after" not in values:
        session.late_after = session.starts_at + late_by
    with db.no_autoflush:
        _check_times(session)
    session.version += 1
    db.flush()
    if "late_after" in values and session.state is SessionState.OPEN:
        _judge_lateness_again(db, actor, session, now)
    audit.record(db, actor, "session.update", "session", session.id, now, fields=sorted(values))
    return session


def open_session(
    db: Session,
    actor: Actor,
    session_id: int,
    now: datetime,
    *,
    model_version: str | None,
    thresholds: Mapping[str, Any],
) -> ClassSession:
    """Open a scheduled session; everybody enrolled that day has a record from then on. One that is open already stays
    as it is, whoever opened it. model_version, thresholds: in force now. Raises ConflictError when another session of
    the course is open."""
    session = require_session(db, actor, session_id, change=True, lock=True)
    if session.state is SessionState.OPEN:
        return session
    require_state(session, SessionState.SCHEDULED)
    require_running(session.course)
    session.opened_at, session.opened_by = now, actor.user_id
    session.model_version, session.thresholds = model_version, dict(thresholds)
    _make_open(db, session, now)
    audit.record(db, actor, "session.open", "session", session.id, now, model_version=model_version)
    return session


def close_session(db: Session, actor: Actor, session_id: int, now: datetime) -> ClassSession:
    """Close an open session. One that is closed already stays as it is. Those never seen become absent once the grace
    for queued frames has passed, see ``settling``."""
    session = require_session(db, actor, session_id, change=True, lock=True)
    if session.state is SessionState.CLOSED:
        return session
    require_state(session, SessionState.OPEN)
    session.state, session.closed_at, session.closed_by = SessionState.CLOSED, now, actor.user_id
    session.version += 1
    audit.record(db, actor, "session.close", "session", session.id, now)
    return session


def lock_session(db: Session, actor: Actor, session_id: int, now: datetime) -> ClassSession:
    """Lock a closed session before it does so by itself. Raises ConflictError while frames of it may still come in."""
    session = require_session(db, actor, session_id, lead=True, lock=True)
    if session.state is SessionState.LOCKED:
        return session
    require_state(session, SessionState.CLOSED)
    if session.settled_at is None:
        raise ConflictError("frames that were queued may still come in; lock it in a few minutes", code="not_settled")
    session.state, session.locked_at = SessionState.LOCKED, now
    session.version += 1
    audit.record(db, actor, "session.lock", "session", session.id, now)
    return session


def reopen_session(
    db: Session, actor: Actor, session_id: int, now: datetime, *, reason: str, to: SessionState
) -> ClassSession:
    """Let a locked session be corrected again (to: CLOSED), or take frames again in a closed one (to: OPEN): then what
    its close had set is unmarked again. Raises ConflictError when another session of the course is open."""
    session = require_session(db, actor, session_id, lead=True, lock=True)
    require_state(session, SessionState.LOCKED if to is SessionState.CLOSED else SessionState.CLOSED)
    session.reopened_at, session.locked_at = now, None
    if to is SessionState.OPEN:
        require_running(session.course)
        session.closed_at = session.closed_by = None
        settling.unsettle(db, session, actor, now)
        _make_open(db, session, now)
    else:
        session.state = SessionState.CLOSED
        session.version += 1
    audit.record(db, actor, "session.reopen", "session", session.id, now, to=str(to), reason=reason)
    return session


def cancel_session(db: Session, actor: Actor, session_id: int, now: datetime, *, reason: str) -> ClassSession:
    """Cancel a session that is scheduled, or open without a mark. One that is cancelled already stays as it is."""
    session = require_session(db, actor, session_id, change=True, lock=True)
    if session.state is SessionState.CANCELLED:
        return session
    require_state(session, SessionState.SCHEDULED, SessionState.OPEN)
    marked = select(AttendanceRecord.id).where(
        AttendanceRecord.session_id == session_id, AttendanceRecord.status != MarkStatus.UNMARKED
    )
    if db.scalar(marked.limit(1)) is not None:
        raise ConflictError("somebody is marked in this session already; close it instead", code="session_has_marks")
    session.state, session.cancelled_reason = SessionState.CANCELLED, reason
    session.version += 1
    audit.record(db, actor, "session.cancel", "session", session.id, now)
    return session


def _make_open(db: Session, session: ClassSession, now: datetime) -> None:
    session.state = SessionState.OPEN
    session.version += 1
    try:
        db.flush()
    except IntegrityError as error:  # the index that allows a course one open session
        raise ConflictError("another session of this course is open; close it first", code="session_open") from error
    enrolled = enrolled_students(db, session.course_id, session_day(session))
    marks.ensure_records(db, session, [student.id for student in enrolled], now)


def _check_times(session: ClassSession) -> None:
    wrong = None
    if session.ends_at <= session.starts_at:
        wrong = ("ends_at", "not after starts_at")
    elif session.ends_at - session.starts_at > _LONGEST:
        wrong = ("ends_at", "more than 24 hours after starts_at")
    elif session.late_after < session.starts_at:
        wrong = ("late_after", "before starts_at")
    if wrong is not None:
        field, message = wrong
        raise InvalidRequestError(
            f"{field} is {message}; correct the times", code="dates", errors=[{"field": field, "message": message}]
        )


def _judge_lateness_again(db: Session, actor: Actor, session: ClassSession, now: datetime) -> None:
    query = select(AttendanceRecord).where(
        AttendanceRecord.session_id == session.id,
        AttendanceRecord.source == MarkSource.FACE,
        AttendanceRecord.status.in_((MarkStatus.PRESENT, MarkStatus.LATE)),
        AttendanceRecord.first_seen_at.is_not(None),
    )
    for record in db.scalars(query.execution_options(populate_existing=True)).all():
        assert record.first_seen_at is not None
        status = session.mark_of(record.first_seen_at)
        if status is not record.status:
            marks.change(
                db, record, status, source=MarkSource.FACE, actor=actor, reason_code="late_after_moved", now=now
            )
