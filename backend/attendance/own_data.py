"""A student's own data: everything the database keeps about them, for themselves (GDPR, articles 15 and 20)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, inspect, select
from sqlalchemy.orm import Session

from attendance.models import (
    AttendanceChange,
    AttendanceRecord,
    AuditEvent,
    Base,
    ClassSession,
    Consent,
    Course,
    Enrolment,
    EnrolmentRequest,
    Erasure,
    Excuse,
    FaceImage,
    ReviewItem,
    Sighting,
    Student,
    WarningSent,
)

# Where files lie, and who else is a candidate, is not about the student.
_LEFT_OUT = frozenset({"path", "crop_path", "candidates"})


def of_student(db: Session, student: Student, now: datetime) -> dict[str, Any]:
    """Ready for JSON; one list of rows for each table."""
    records = _rows(db, AttendanceRecord, AttendanceRecord.student_id == student.id)
    record_ids = [row["id"] for row in records]
    sessions = [row["session_id"] for row in records]
    enrolments = _rows(db, Enrolment, Enrolment.student_id == student.id)
    return {
        "exported_at": now.isoformat(),
        "student": _plain(student),
        "enrolments": enrolments,
        "enrolment_requests": _rows(db, EnrolmentRequest, EnrolmentRequest.external_key == student.external_key),
        "courses": _some(db, Course, Course.id, [row["course_id"] for row in enrolments]),
        "consents": _rows(db, Consent, Consent.student_id == student.id),
        "face_images": _rows(db, FaceImage, FaceImage.student_id == student.id),
        "erasures": _rows(db, Erasure, Erasure.student_id == student.id),
        "sessions": _some(db, ClassSession, ClassSession.id, sessions),
        "attendance": records,
        "attendance_changes": _some(db, AttendanceChange, AttendanceChange.record_id, record_ids),
        "excuses": _rows(db, Excuse, Excuse.student_id == student.id),
        "warnings": _rows(db, WarningSent, WarningSent.student_id == student.id),
        "sightings": _rows(db, Sighting, Sighting.student_id == student.id),
        "reviews": _rows(db, ReviewItem, ReviewItem.student_id == student.id),
        "audit": _rows(db, AuditEvent, AuditEvent.object_type == "student", AuditEvent.object_id == str(student.id)),
    }


def _rows(db: Session, table: type[Base], *conditions: ColumnElement[bool]) -> list[dict[str, Any]]:
    query = select(table).where(*conditions).order_by(*inspect(table).primary_key)
    return [_plain(row) for row in db.scalars(query).unique()]


def _some(db: Session, table: type[Base], column: Any, values: Sequence[int]) -> list[dict[str, Any]]:
    """Rows whose ``column`` is among ``values``, asked for a few hundred at a time: SQLite takes no more."""
    wanted, found = sorted(set(values)), []
    for start in range(0, len(wanted), 500):
        found += _rows(db, table, column.in_(wanted[start : start + 500]))
    return found


def _plain(row: Base) -> dict[str, Any]:
    return {
        column.key: _value(getattr(row, column.key))
        for column in inspect(type(row)).column_attrs
        if column.key not in _LEFT_OUT
    }


def _value(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return value.isoformat() if isinstance(value, datetime | date | time) else value
