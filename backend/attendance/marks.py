"""Marks: the one way to set them, and the rule that a face never overwrites what a person set by hand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from attendance.actor import Actor
from attendance.models import AttendanceChange, AttendanceRecord, ClassSession, MarkSource, MarkStatus


def ensure_record(db: Session, session: ClassSession, student_id: int, now: datetime) -> AttendanceRecord:
    """The student's record in ``session``, unmarked when it is new. The caller holds the lock on the session."""
    query = select(AttendanceRecord).where(
        AttendanceRecord.session_id == session.id, AttendanceRecord.student_id == student_id
    )
    # never what this session of the mapper remembers: another process may have changed it before we had the lock
    record = db.scalar(query.execution_options(populate_existing=True))
    if record is None:
        record = AttendanceRecord(
            session_id=session.id, student_id=student_id, status=MarkStatus.UNMARKED, updated_at=now, version=1
        )
        db.add(record)
        db.flush()
    return record


def set_by_hand(record: AttendanceRecord) -> bool:
    """Whether a person decided this mark, so that no face may change it."""
    return record.source in (MarkSource.MANUAL, MarkSource.IMPORT)


def ensure_records(db: Session, session: ClassSession, student_ids: Iterable[int], now: datetime) -> int:
    """A record in ``session`` for each of the students who has none, unmarked; how many were made. The caller holds
    the lock on the session."""
    known = select(AttendanceRecord.student_id).where(AttendanceRecord.session_id == session.id)
    missing = sorted(set(student_ids).difference(db.scalars(known)))
    db.add_all(
        AttendanceRecord(session_id=session.id, student_id=each, status=MarkStatus.UNMARKED, updated_at=now, version=1)
        for each in missing
    )
    db.flush()
    return len(missing)


def change(
    db: Session,
    record: AttendanceRecord,
    status: MarkStatus,
    *,
    source: MarkSource,
    actor: Actor,
    reason_code: str,
    now: datetime,
    text: str = "",
    frame_id: int | None = None,
) -> AttendanceChange:
    """Set ``record`` to ``status`` and write down what it was, who changed it, when and why. With ``put_back`` the
    only place where a mark changes; the caller holds the lock on the session and has checked that this change is
    allowed."""
    made = _noted(db, record, status, source, actor, reason_code, now, text, frame_id)
    record.source = source
    db.flush()
    return made


def put_back(
    db: Session,
    record: AttendanceRecord,
    undone: AttendanceChange,
    *,
    source: MarkSource,
    actor: Actor,
    reason_code: str,
    now: datetime,
    text: str = "",
) -> AttendanceChange:
    """Set ``record`` to what it was before ``undone``, its last change, also as to who had set it: after that a face
    may set it again if it could before. source: who takes it back. Otherwise as ``change``."""
    made = _noted(db, record, undone.old_status, source, actor, reason_code, now, text, None)
    record.source = undone.old_source
    if record.status is MarkStatus.UNMARKED and undone.source is MarkSource.FACE:
        record.first_seen_at = record.last_seen_at = None
    db.flush()
    return made


def last_change(db: Session, record_id: int) -> AttendanceChange | None:
    query = select(AttendanceChange).where(AttendanceChange.record_id == record_id)
    return db.scalar(query.order_by(AttendanceChange.id.desc()).limit(1))


def _noted(
    db: Session,
    record: AttendanceRecord,
    status: MarkStatus,
    source: MarkSource,
    actor: Actor,
    reason_code: str,
    now: datetime,
    text: str,
    frame_id: int | None,
) -> AttendanceChange:
    made = AttendanceChange(
        record_id=record.id,
        old_status=record.status,
        new_status=status,
        old_source=record.source,
        source=source,
        actor_id=actor.user_id,
        reason_code=reason_code,
        text=text,
        frame_id=frame_id,
        at=now,
    )
    db.add(made)
    record.status, record.updated_at = status, now
    record.version += 1
    return made
