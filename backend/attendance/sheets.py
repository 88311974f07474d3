"""The sheet of a session: everybody's mark, with what one needs to know to decide about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session, contains_eager

from attendance import excuses, marks, settling
from attendance.access import require_record, require_session
from attendance.actor import Actor
from attendance.database import Database
from attendance.models import (
    AttendanceRecord,
    ClassSession,
    Consent,
    Enrolment,
    Excuse,
    MarkStatus,
    SessionState,
    Student,
)
from attendance.policy import Policy
from attendance.rosters import enrolled_on, enrolled_students, session_day


@dataclass(frozen=True, slots=True)
class SheetRow:
    """excuse: one that covers the day of the session. has_consent: whether the camera may recognise the student.
    is_enrolled: still, on the day of the session."""

    record: AttendanceRecord
    excuse: Excuse | None
    has_consent: bool
    is_enrolled: bool


@dataclass(frozen=True, slots=True)
class Sheet:
    """counts: of all marks by status, also of those that a filter left out of ``rows``."""

    session: ClassSession
    rows: Sequence[SheetRow]
    counts: dict[str, int]


def prepare(database: Database, session_id: int, policy: Policy, now: datetime) -> None:
    """Have the sheet of a session say how things are now: settled if that is due, and with everybody who was enrolled
    since it was opened."""
    settling.settle_due(database, policy, now, session_id=session_id)
    with database.reading() as db:
        session = db.get(ClassSession, session_id)
        if session is None or session.state is not SessionState.OPEN or not _missing(db, session):
            return
    with database.writing() as db:
        query = select(ClassSession).where(ClassSession.id == session_id, ClassSession.state == SessionState.OPEN)
        session = db.scalar(query.with_for_update(of=ClassSession))
        if session is not None:
            enrolled = enrolled_students(db, session.course_id, session_day(session))
            marks.ensure_records(db, session, [student.id for student in enrolled], now)


def sheet(db: Session, actor: Actor, session_id: int, *, status: MarkStatus | None = None) -> Sheet:
    """Everybody's mark, by name. status: only these."""
    session = require_session(db, actor, session_id)
    rows = _rows(db, session, select(AttendanceRecord).where(AttendanceRecord.session_id == session_id))
    counts = {each.value: 0 for each in MarkStatus}
    for row in rows:
        counts[row.record.status.value] += 1
    return Sheet(session, [row for row in rows if status is None or row.record.status is status], counts)


def one_row(db: Session, actor: Actor, record_id: int) -> SheetRow:
    record = require_record(db, actor, record_id)
    return rows_of(db, record.session, [record])[0]


def rows_of(db: Session, session: ClassSession, records: Sequence[AttendanceRecord]) -> Sequence[SheetRow]:
    """The rows of some records of ``session``, by name."""
    ids = {record.id for record in records}
    query = select(AttendanceRecord).where(AttendanceRecord.session_id == session.id)
    if len(ids) == 1:
        query = query.where(AttendanceRecord.id.in_(ids))
    return [row for row in _rows(db, session, query) if row.record.id in ids]


def _rows(db: Session, session: ClassSession, query: Select[AttendanceRecord]) -> Sequence[SheetRow]:
    query = (
        query.join(AttendanceRecord.student)
        .options(contains_eager(AttendanceRecord.student))
        .order_by(Student.name, Student.external_id)
    )
    day = session_day(session)
    recorded = select(AttendanceRecord.student_id).where(AttendanceRecord.session_id == session.id)
    consents = select(Consent.student_id).where(Consent.is_active, Consent.student_id.in_(recorded))
    enrolled = select(Enrolment.student_id).where(Enrolment.course_id == session.course_id, enrolled_on(day))
    with_consent, on_roster = set(db.scalars(consents)), set(db.scalars(enrolled))
    covered = excuses.covering(db, session.course_id, day)
    return [
        SheetRow(
            record,
            covered.get(record.student_id),
            record.student_id in with_consent,
            record.student_id in on_roster,
        )
        for record in db.scalars(query)
    ]


def _missing(db: Session, session: ClassSession) -> bool:
    """Whether somebody enrolled that day has no record yet."""
    recorded = exists().where(
        AttendanceRecord.session_id == session.id, AttendanceRecord.student_id == Enrolment.student_id
    )
    query = select(Enrolment.id).where(
        Enrolment.course_id == session.course_id, enrolled_on(session_day(session)), ~recorded
    )
    return db.scalar(query.limit(1)) is not None
