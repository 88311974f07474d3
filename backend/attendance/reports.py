"""Who was there and who is slipping, by course, by student and by session."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from attendance import percentages, registers
from attendance.access import require_course, require_session, require_student, visible_course_ids
from attendance.actor import Actor
from attendance.days import local_day
from attendance.models import (
    AttendanceRecord,
    Course,
    Enrolment,
    MarkStatus,
    Student,
    StudentStatus,
    WarningKind,
)
from attendance.paging import Page, page_of
from attendance.registers import Register
from attendance.rosters import enrolled_students, session_day
from errors import InvalidRequestError

ARRIVED = (MarkStatus.PRESENT, MarkStatus.LATE, MarkStatus.LEFT_EARLY)


def check_days(first_day: date | None, last_day: date | None) -> None:
    """Raise InvalidRequestError when the last day comes before the first."""
    if first_day is not None and last_day is not None and last_day < first_day:
        raise InvalidRequestError(
            "the last day comes before the first",
            code="dates",
            errors=[{"field": "to", "message": "comes before from"}],
        )


def of_course(
    db: Session, actor: Actor, course_id: int, *, first_day: date | None, last_day: date | None
) -> dict[str, Any]:
    """The students of a course with their marks, and the sessions with their counts."""
    course = require_course(db, actor, course_id)
    check_days(first_day, last_day)
    register = registers.read_one(db, course, first_day=first_day, last_day=last_day)
    by_session: dict[int, list[MarkStatus]] = {session.id: [] for session in register.sessions}
    for (_, session_id), status in register.marks.items():
        by_session[session_id].append(status)
    return {
        "course": course,
        "first_day": first_day,
        "last_day": last_day,
        "sessions": [
            {
                "session": session,
                "day": local_day(session.starts_at, course.timezone),
                "counts": registers.counts(by_session[session.id]),
                "percent": percentages.shown(percentages.percent_of(by_session[session.id], course)),
            }
            for session in register.sessions
        ],
        "students": [
            {"student": student, "marks": register.row(student.id), **_summary(register, student.id)}
            for student in register.students
        ],
    }


def of_student(db: Session, actor: Actor, student_id: int) -> dict[str, Any]:
    """A student's marks in each course that ``actor`` may see."""
    student = require_student(db, actor, student_id)
    enrolled = select(Enrolment.course_id).where(Enrolment.student_id == student_id)
    query = (
        select(Course)
        .where(Course.id.in_(enrolled), Course.id.in_(visible_course_ids(actor)))
        .order_by(Course.code, Course.term, Course.id)
    )
    courses = db.scalars(query).all()
    found = registers.read(db, courses, student_id=student_id)
    return {
        "student": student,
        "courses": [
            {
                "course": course,
                **_summary(found[course.id], student_id),
                "sessions": [
                    {"session": session, "status": status}
                    for session, status in zip(found[course.id].sessions, found[course.id].row(student_id), strict=True)
                    if status is not None
                ],
            }
            for course in courses
        ],
    }


def of_session(db: Session, actor: Actor, session_id: int) -> dict[str, Any]:
    """How many came to a session and when, while it is open as well. An arrival is the first sighting of somebody whose
    mark says that they were there; marks set by hand have none."""
    session = require_session(db, actor, session_id)
    query = select(AttendanceRecord.student_id, AttendanceRecord.status, AttendanceRecord.first_seen_at).where(
        AttendanceRecord.session_id == session_id
    )
    records = db.execute(query).all()
    recorded = {student_id for student_id, _, _ in records}
    missing = [one for one in enrolled_students(db, session.course_id, session_day(session)) if one.id not in recorded]
    statuses = [status for _, status, _ in records] + [MarkStatus.UNMARKED] * len(missing)
    arrivals = sorted(seen for _, status, seen in records if status in ARRIVED and seen is not None)
    return {
        "session": session,
        "expected": len(statuses),
        "counts": registers.counts(statuses),
        "percent": percentages.shown(percentages.percent_of(statuses, session.course)),
        "first_arrival": arrivals[0] if arrivals else None,
        "last_arrival": arrivals[-1] if arrivals else None,
        "timeline": _timeline(arrivals),
    }


@dataclass(frozen=True, slots=True)
class AtRisk:
    """reasons: why, in the words of warning rules."""

    student: Student
    percent: float | None
    absences: int
    absences_in_a_row: int
    reasons: tuple[WarningKind, ...]


def at_risk(
    db: Session,
    actor: Actor,
    now: datetime,
    *,
    course_id: int | None = None,
    in_a_row: int = 3,
    cursor: str | None = None,
    limit: int = 10,
) -> Page[dict[str, Any]]:
    """The students who are slipping, by course: below the course's minimum, or absent from the last ``in_a_row``
    sessions. Only those who are enrolled now: for others it is too late."""
    query = select(Course).where(Course.id.in_(visible_course_ids(actor)), Course.archived_at.is_(None))
    if course_id is not None:
        require_course(db, actor, course_id)
        query = select(Course).where(Course.id == course_id)
    page = page_of(db, query, (Course.code, Course.term, Course.id), cursor=cursor, limit=limit)
    found = registers.read(db, page.items)
    items = [
        {"course": course, "students": _slipping(found[course.id], local_day(now, course.timezone), in_a_row)}
        for course in page.items
    ]
    return Page(items, page.next_cursor)


def _summary(register: Register, student_id: int) -> dict[str, Any]:
    marks = register.counted(student_id)
    percent = percentages.percent_of(marks, register.course)
    return {
        "counts": registers.counts(marks),
        "percent": percentages.shown(percent),
        "at_risk": percentages.is_below(percent, register.course.min_percent),
    }


def _slipping(register: Register, today: date, in_a_row: int) -> list[AtRisk]:
    found = []
    for student in register.students:
        if student.status is not StudentStatus.ACTIVE or not register.is_enrolled(student.id, today):
            continue
        marks = register.counted(student.id)
        percent, row = percentages.percent_of(marks, register.course), percentages.absences_in_a_row(marks)
        reasons = []
        if percentages.is_below(percent, register.course.min_percent):
            reasons.append(WarningKind.PERCENT_BELOW)
        if row >= in_a_row:
            reasons.append(WarningKind.ABSENCES_IN_A_ROW)
        if reasons:
            found.append(AtRisk(student, percentages.shown(percent), percentages.absences(marks), row, tuple(reasons)))
    return found


def _timeline(arrivals: list[datetime]) -> list[dict[str, Any]]:
    """By minute: how many arrived in it, and how many had by its end. Minutes without an arrival are left out."""
    lines, total = [], 0
    for minute, count in sorted(Counter(seen.replace(second=0, microsecond=0) for seen in arrivals).items()):
        total += count
        lines.append({"minute": minute, "arrivals": count, "total": total})
    return lines
