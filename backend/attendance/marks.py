"""Marks: the one way to set them, and the rule that a face never overwrites what a person set by hand."""

from __future__ import annotations

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
    """Set ``record`` to ``status`` and write down what it was, who changed it, when and why. The only place where a
    mark changes; the caller holds the lock on the session and has checked that this change is allowed."""
    made = AttendanceChange(
        record_id=record.id,
        old_status=record.status,
        new_status=status,
        source=source,
        actor_id=actor.user_id,
        reason_code=reason_code,
        text=text,
        frame_id=frame_id,
        at=now,
    )
    db.add(made)
    record.status, record.source, record.updated_at = status, source, now
    record.version += 1
    db.flush()
    return made
