"""Excused absences: they decide what a student who was not seen becomes when a session closes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session, joinedload

from attendance import audit, marks
from attendance.access import require_course, visible_course_ids
from attendance.actor import Actor
from attendance.days import day_bounds
from attendance.models import (
    AttendanceRecord,
    ClassSession,
    Course,
    Enrolment,
    Excuse,
    MarkSource,
    MarkStatus,
    SessionState,
    Student,
)
from attendance.paging import Page, page_of
from attendance.rosters import session_day
from errors import ForbiddenError, InvalidRequestError, NotFoundError


class ExcuseReason(StrEnum):
    ILLNESS = "illness"
    FAMILY = "family"
    RELIGIOUS = "religious"
    SCHOOL_EVENT = "school_event"
    OFFICIAL = "official"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What making or revoking an excuse did. changed: records whose mark it changed. locked: sessions whose mark it
    would have changed, were they not locked."""

    excuse: Excuse
    changed: Sequence[int]
    locked: Sequence[int]


def covers(course_id: int, day: date) -> ColumnElement[bool]:
    """The condition that an excuse counts in the course on ``day``."""
    return and_(
        Excuse.revoked_at.is_(None),
        Excuse.starts_on <= day,
        Excuse.ends_on >= day,
        or_(Excuse.course_id.is_(None), Excuse.course_id == course_id),
    )


def covering(db: Session, course_id: int, day: date) -> dict[int, Excuse]:
    """student id -> an excuse of theirs that counts in the course on ``day``."""
    query = select(Excuse).where(covers(course_id, day)).order_by(Excuse.id.desc())
    return {excuse.student_id: excuse for excuse in db.scalars(query)}


def list_excuses(
    db: Session,
    actor: Actor,
    *,
    course_id: int | None = None,
    student_id: int | None = None,
    since: date | None = None,
    until: date | None = None,
    revoked: bool = False,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Excuse]:
    """The excuses in the courses that ``actor`` may see, newest first. course_id: those that count in it. since,
    until: those with a day from the one to the other. revoked: those taken back, instead."""
    if course_id is not None:
        require_course(db, actor, course_id)
        in_courses = select(Course.id).where(Course.id == course_id)
    else:
        in_courses = visible_course_ids(actor)
    query = select(Excuse).options(joinedload(Excuse.student))
    if course_id is not None or not actor.is_admin:
        taught = select(Enrolment.student_id).where(Enrolment.course_id.in_(in_courses))
        everywhere = and_(Excuse.course_id.is_(None), Excuse.student_id.in_(taught))
        query = query.where(or_(Excuse.course_id.in_(in_courses), everywhere))
    query = query.where(Excuse.revoked_at.is_not(None) if revoked else Excuse.revoked_at.is_(None))
    if student_id is not None:
        query = query.where(Excuse.student_id == student_id)
    if since is not None:
        query = query.where(Excuse.ends_on >= since)
    if until is not None:
        query = query.where(Excuse.starts_on <= until)
    return page_of(db, query, (Excuse.starts_on, Excuse.id), descending=True, cursor=cursor, limit=limit)


def create_excuse(
    db: Session,
    actor: Actor,
    *,
    student_id: int,
    course_id: int | None,
    starts_on: date,
    ends_on: date,
    reason_code: ExcuseReason,
    text: str = "",
    now: datetime,
) -> Outcome:
    """Excuse a student from the first to the last day, both included; absences that closed sessions had set in
    these days become excused. course_id: None for every course, which only an admin may. What a person or a face set
    stays."""
    if ends_on < starts_on:
        raise InvalidRequestError(
            "an excuse ends on its first day or later",
            code="dates",
            errors=[{"field": "ends_on", "message": "before starts_on"}],
        )
    _check(db, actor, course_id)
    # before it is looked up: who is in no course of theirs and who does not exist are one to an instructor
    if course_id is not None and not _enrolled(db, course_id, student_id):
        raise InvalidRequestError(
            "this student is not enrolled in the course; enrol them first",
            code="not_enrolled",
            errors=[{"field": "student_id", "message": "not enrolled in the course"}],
        )
    student = db.get(Student, student_id)
    if student is None:
        raise NotFoundError(f"there is no student {student_id}")
    # before the excuse is there: a session that is being settled now waits for it, or is waited for
    sessions = _sessions(db, student_id, course_id, starts_on, ends_on)
    excuse = Excuse(
        student=student,
        course_id=course_id,
        starts_on=starts_on,
        ends_on=ends_on,
        reason_code=reason_code.value,
        text=text,
        created_by=actor.user_id,
        created_at=now,
    )
    db.add(excuse)
    db.flush()
    outcome = _apply(db, actor, excuse, sessions, MarkStatus.ABSENT, MarkStatus.EXCUSED, "excuse", now)
    audit.record(
        db,
        actor,
        "excuse.create",
        "excuse",
        excuse.id,
        now,
        student_id=student_id,
        course_id=course_id,
        records=list(outcome.changed),
    )
    return outcome


def revoke_excuse(db: Session, actor: Actor, excuse_id: int, now: datetime) -> Outcome:
    """Take an excuse back; what it had excused when sessions closed becomes absent, unless another one covers it."""
    excuse = db.get(Excuse, excuse_id)
    if excuse is None:
        raise NotFoundError(f"there is no excuse {excuse_id}")
    _check(db, actor, excuse.course_id)
    sessions = _sessions(db, excuse.student_id, excuse.course_id, excuse.starts_on, excuse.ends_on)
    db.refresh(excuse, with_for_update=True)
    if excuse.revoked_at is not None:
        return Outcome(excuse, (), ())
    excuse.revoked_at = now
    db.flush()
    outcome = _apply(db, actor, excuse, sessions, MarkStatus.EXCUSED, MarkStatus.ABSENT, "excuse_revoked", now)
    audit.record(db, actor, "excuse.revoke", "excuse", excuse.id, now, records=list(outcome.changed))
    return outcome


def _check(db: Session, actor: Actor, course_id: int | None) -> None:
    if course_id is not None:
        require_course(db, actor, course_id, change=True)
    elif not actor.is_admin:
        raise ForbiddenError("only an admin excuses from every course; name one of yours as course_id", code="role")


def _enrolled(db: Session, course_id: int, student_id: int) -> bool:
    query = select(Enrolment.id).where(Enrolment.course_id == course_id, Enrolment.student_id == student_id)
    return db.scalar(query.limit(1)) is not None


def _sessions(
    db: Session, student_id: int, course_id: int | None, starts_on: date, ends_on: date
) -> Sequence[ClassSession]:
    """The sessions in these days that the student has or may get a record in, locked until the transaction ends."""
    # a day longer at both ends, for the time zones; which day each is on is looked at below
    first, _ = day_bounds(starts_on - timedelta(days=1), "UTC")
    _, last = day_bounds(ends_on + timedelta(days=1), "UTC")
    recorded = select(AttendanceRecord.session_id).where(AttendanceRecord.student_id == student_id)
    enrolled = select(Enrolment.course_id).where(Enrolment.student_id == student_id)
    query = select(ClassSession).where(
        or_(ClassSession.id.in_(recorded), ClassSession.course_id.in_(enrolled)),
        ClassSession.starts_at >= first,
        ClassSession.starts_at < last,
        ClassSession.state.in_((SessionState.OPEN, SessionState.CLOSED, SessionState.LOCKED)),
    )
    if course_id is not None:
        query = query.where(ClassSession.course_id == course_id)
    query = query.order_by(ClassSession.id).with_for_update(of=ClassSession)
    found = db.scalars(query.execution_options(populate_existing=True)).all()
    return [session for session in found if starts_on <= session_day(session) <= ends_on]


def _apply(
    db: Session,
    actor: Actor,
    excuse: Excuse,
    sessions: Sequence[ClassSession],
    old: MarkStatus,
    new: MarkStatus,
    reason: str,
    now: datetime,
) -> Outcome:
    """Change what closes had set from ``old`` to ``new``, where the excuses as they are now say so."""
    changed, locked = [], []
    for session in sessions:
        record = db.scalar(
            select(AttendanceRecord)
            .where(AttendanceRecord.session_id == session.id, AttendanceRecord.student_id == excuse.student_id)
            .execution_options(populate_existing=True)
        )
        if record is None or record.source is not MarkSource.AUTO_CLOSE or record.status is not old:
            continue
        covered = select(Excuse.id).where(
            Excuse.student_id == excuse.student_id, covers(session.course_id, session_day(session))
        )
        if (db.scalar(covered.limit(1)) is not None) != (new is MarkStatus.EXCUSED):
            continue
        if session.state is SessionState.LOCKED:
            locked.append(session.id)
            continue
        marks.change(db, record, new, source=MarkSource.AUTO_CLOSE, actor=actor, reason_code=reason, now=now)
        changed.append(record.id)
    return Outcome(excuse, changed, locked)
