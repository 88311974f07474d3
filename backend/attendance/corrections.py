"""Marks set by people: one by one, many at once, from a list, and taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from attendance import audit, marks, settling
from attendance.access import require_record, require_session
from attendance.actor import Actor
from attendance.models import (
    AttendanceChange,
    AttendanceRecord,
    ClassSession,
    MarkSource,
    MarkStatus,
    Student,
    UserAccount,
)
from attendance.rosters import enrolled_students, session_day
from attendance.states import require_markable
from attendance.versions import check_version
from errors import ConflictError, InvalidRequestError, StaleVersionError


class CorrectionReason(StrEnum):
    ARRIVED_UNSEEN = "arrived_unseen"
    """Was there, and the camera did not see it."""
    NOT_ME = "not_me"
    """Somebody else's face was taken for theirs."""
    MISRECOGNISED = "misrecognised"
    EXCUSE_RECEIVED = "excuse_received"
    LEFT_EARLY = "left_early"
    UNDO = "undo"
    """The last change was a slip: the mark becomes what it was before, as if that had not been."""
    CORRECTION = "correction"
    OTHER = "other"
    """Needs words."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A mark to set, of a record or of a student (one of them is None). version: the record's when it was read; None
    for whatever it is."""

    status: MarkStatus
    record_id: int | None = None
    student_id: int | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """actor_name: None for the camera and the close of the session."""

    change: AttendanceChange
    actor_name: str | None


def correct(
    db: Session,
    actor: Actor,
    record_id: int,
    *,
    status: MarkStatus | None,
    reason_code: CorrectionReason,
    text: str = "",
    expected: int | None,
    now: datetime,
) -> AttendanceRecord:
    """Set a mark by hand; no face changes it after that, also not one that was set to unmarked. With the reason UNDO
    (and no status) the last change is taken back instead, and a face may set it again if it could before. expected:
    the version the record was read at."""
    record = require_record(db, actor, record_id, change=True)
    session = record.session
    require_markable(session)
    check_version(record, expected)
    _check_reason(reason_code, text)
    if reason_code is CorrectionReason.UNDO:
        if status is not None:
            raise _invalid("status", "goes without saying with the reason undo; leave it out")
        _undo(db, actor, session, record, text, now)
    elif status is None:
        raise _invalid("status", "is missing")
    else:
        marks.change(
            db, record, status, source=MarkSource.MANUAL, actor=actor, reason_code=reason_code.value, text=text, now=now
        )
    audit.record(
        db, actor, "record.change", "attendance_record", record_id, now, session_id=session.id, reason=reason_code.value
    )
    return record


def correct_many(
    db: Session,
    actor: Actor,
    session_id: int,
    wanted: Sequence[Wanted],
    *,
    reason_code: CorrectionReason,
    text: str = "",
    source: MarkSource = MarkSource.MANUAL,
    now: datetime,
) -> Sequence[AttendanceRecord]:
    """Set many marks of a session for one reason: all of them or, when anything is wrong with one, none. The errors
    name the rows, from 0. Raises StaleVersionError when somebody changed one since it was read."""
    session = require_session(db, actor, session_id, change=True, lock=True)
    require_markable(session)
    _check_reason(reason_code, text)
    if reason_code is CorrectionReason.UNDO:
        raise _invalid("reason_code", "undo is for one record at a time")
    records = _records(db, session, wanted, now)
    stale = [
        {"row": row, "message": f"is at version {record.version} now"}
        for row, (item, record) in enumerate(zip(wanted, records, strict=True))
        if item.version is not None and item.version != record.version
    ]
    if stale:
        raise StaleVersionError(
            "somebody changed some of these since you read them; nothing was set. Read the sheet again and look before "
            "you change it",
            errors=stale,
        )
    for item, record in zip(wanted, records, strict=True):
        marks.change(
            db, record, item.status, source=source, actor=actor, reason_code=reason_code.value, text=text, now=now
        )
    audit.record(
        db, actor, "session.records.change", "session", session_id, now, records=len(records), reason=reason_code.value
    )
    return records


def import_marks(
    db: Session, actor: Actor, session_id: int, rows: Sequence[Mapping[str, object]], *, text: str = "", now: datetime
) -> Sequence[AttendanceRecord]:
    """Set marks from another system's list. rows: each ``external_id`` and ``status``. All of them or none."""
    session = require_session(db, actor, session_id, change=True, lock=True)
    names = [str(row["external_id"]) for row in rows]
    # only among these: whether the school has somebody else of an id is not told
    recorded = select(AttendanceRecord.student_id).where(AttendanceRecord.session_id == session_id)
    here = [
        *enrolled_students(db, session.course_id, session_day(session)),
        *db.scalars(select(Student).where(Student.id.in_(recorded))),
    ]
    ids = {student.external_id: student.id for student in here}
    unknown = [
        {"row": row, "message": "nobody in this session has this id"}
        for row, name in enumerate(names)
        if name not in ids
    ]
    if unknown:
        raise InvalidRequestError(
            "some rows name nobody who is enrolled on the day of this session; nothing was set. Enrol them first, or "
            "leave the rows out",
            code="unknown_student",
            errors=unknown,
        )
    wanted = [
        Wanted(MarkStatus(str(row["status"])), student_id=ids[name]) for row, name in zip(rows, names, strict=True)
    ]
    reason = CorrectionReason.CORRECTION
    return correct_many(db, actor, session_id, wanted, reason_code=reason, text=text, source=MarkSource.IMPORT, now=now)


def history(db: Session, actor: Actor, record_id: int) -> Sequence[HistoryItem]:
    """Every change of a mark, from the first to the last."""
    require_record(db, actor, record_id)
    query = (
        select(AttendanceChange, UserAccount.name)
        .outerjoin(UserAccount, UserAccount.id == AttendanceChange.actor_id)
        .where(AttendanceChange.record_id == record_id)
        .order_by(AttendanceChange.id)
    )
    return [HistoryItem(change, name) for change, name in db.execute(query)]


def _undo(db: Session, actor: Actor, session: ClassSession, record: AttendanceRecord, text: str, now: datetime) -> None:
    last = marks.last_change(db, record.id)
    if last is None or last.source is MarkSource.AUTO_CLOSE:
        raise ConflictError(
            "nobody set this mark, so there is nothing to undo; set the one that is right", code="nothing_to_undo"
        )
    marks.put_back(
        db,
        record,
        last,
        source=MarkSource.MANUAL,
        actor=actor,
        reason_code=CorrectionReason.UNDO.value,
        text=text,
        now=now,
    )
    settling.settle_again(db, session, record, now)


def _records(db: Session, session: ClassSession, wanted: Sequence[Wanted], now: datetime) -> Sequence[AttendanceRecord]:
    """The record of each row, made for those enrolled that day who have none."""
    enrolled = {student.id for student in enrolled_students(db, session.course_id, session_day(session))}
    asked = {item.student_id for item in wanted if item.student_id is not None}
    marks.ensure_records(db, session, asked & enrolled, now)
    query = select(AttendanceRecord).where(AttendanceRecord.session_id == session.id)
    there = db.scalars(query.execution_options(populate_existing=True)).all()
    by_id = {record.id: record for record in there}
    by_student = {record.student_id: record for record in there}
    found, errors, seen = [], [], set()
    for row, item in enumerate(wanted):
        record = by_id.get(item.record_id or 0) or by_student.get(item.student_id or 0)
        if record is None:
            what = "this session has no such record"
            if item.student_id is not None:
                what = "this student is not enrolled on the day of the session; enrol them from that day on first"
            errors.append({"row": row, "message": what})
        elif record.id in seen:
            errors.append({"row": row, "message": "the same student as in an earlier row"})
        else:
            seen.add(record.id)
            found.append(record)
    if errors:
        raise InvalidRequestError(f"nothing was set: {errors[0]['message']}", code="rows", errors=errors)
    return found


def _check_reason(reason_code: CorrectionReason, text: str) -> None:
    if reason_code is CorrectionReason.OTHER and not text:
        raise _invalid("text", "is needed with the reason other: say why")


def _invalid(field: str, message: str) -> InvalidRequestError:
    return InvalidRequestError(f"{field} {message}", errors=[{"field": field, "message": message}])
