"""Sessions that are over, with marks, as they are after their close."""

from __future__ import annotations

from datetime import datetime, timedelta

from attendance.models import AttendanceRecord, MarkSource, MarkStatus, SessionState
from support.service import Service

STATUSES = {
    "P": MarkStatus.PRESENT,
    "L": MarkStatus.LATE,
    "A": MarkStatus.ABSENT,
    "E": MarkStatus.EXCUSED,
    "O": MarkStatus.LEFT_EARLY,
    "U": MarkStatus.UNMARKED,
}


def held(service: Service, course_id: int, starts_at: datetime, marks: dict[int, str], **values: object) -> int:
    """The id of a new session that was held at ``starts_at``, closed and settled. marks: student id -> a letter of
    STATUSES; who is present arrived on time, who is late fifteen minutes after."""
    ended = starts_at + timedelta(minutes=90)
    session_id = service.session(
        course_id,
        starts_at,
        **{"state": SessionState.CLOSED, "opened_at": starts_at, "closed_at": ended, "settled_at": ended, **values},
    )
    set_marks(service, session_id, starts_at, marks)
    return session_id


def set_marks(service: Service, session_id: int, starts_at: datetime, marks: dict[int, str]) -> None:
    with service.db() as db:
        for student_id, letter in marks.items():
            seen = {"P": 1, "O": 2, "L": 15}.get(letter)
            at = starts_at + timedelta(minutes=seen) if seen is not None else None
            db.add(
                AttendanceRecord(
                    session_id=session_id,
                    student_id=student_id,
                    status=STATUSES[letter],
                    source=MarkSource.FACE if seen is not None else MarkSource.AUTO_CLOSE,
                    first_seen_at=at,
                    last_seen_at=at,
                    updated_at=starts_at,
                )
            )
