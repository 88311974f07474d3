"""The register of a course: its sessions that count, its students, and each one's marks, read in a few queries however
many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from attendance import percentages
from attendance.days import local_day
from attendance.models import (
    AttendanceRecord,
    ClassSession,
    Course,
    Enrolment,
    MarkStatus,
    SessionState,
    Student,
)

SETTLED = (SessionState.CLOSED, SessionState.LOCKED)


@dataclass(slots=True)
class Register:
    """sessions: those that count, in their order. students: who was enrolled on any day looked at, by name. marks:
    (student id, session id) -> status, only of sessions on days on which the student was enrolled."""

    course: Course
    sessions: list[ClassSession] = field(default_factory=list)
    students: list[Student] = field(default_factory=list)
    enrolments: dict[int, list[tuple[date, date | None]]] = field(default_factory=dict)
    marks: dict[tuple[int, int], MarkStatus] = field(default_factory=dict)

    def row(self, student_id: int) -> list[MarkStatus | None]:
        """The student's mark in each session; None where they were not enrolled or nothing was kept of them."""
        return [self.marks.get((student_id, session.id)) for session in self.sessions]

    def counted(self, student_id: int) -> list[MarkStatus]:
        """The student's marks, in the order of the sessions."""
        return [status for status in self.row(student_id) if status is not None]

    def percent(self, student_id: int) -> float | None:
        """The student's percentage, not rounded; None when nothing counts."""
        return percentages.percent_of(self.counted(student_id), self.course)

    def is_enrolled(self, student_id: int, day: date) -> bool:
        return any(
            first <= day and (last is None or day <= last) for first, last in self.enrolments.get(student_id, ())
        )


def read(
    db: Session,
    courses: Iterable[Course],
    *,
    first_day: date | None = None,
    last_day: date | None = None,
    student_id: int | None = None,
) -> dict[int, Register]:
    """The registers of ``courses`` by course id, in three queries. first_day, last_day: of each course's own time zone,
    both included. student_id: of this student only.

    A session counts when it was settled and is closed or locked: one that was reopened counts again when it is closed
    again. Where a student has no record of a session, because they were put on the roster after it, it does not count:
    nobody looked for them.
    """
    registers = {course.id: Register(course) for course in courses}
    days = _read_sessions(db, registers, first_day, last_day)
    _read_students(db, registers, first_day, last_day, student_id)
    query = (
        select(
            ClassSession.course_id, AttendanceRecord.session_id, AttendanceRecord.student_id, AttendanceRecord.status
        )
        .join(ClassSession, ClassSession.id == AttendanceRecord.session_id)
        .where(ClassSession.course_id.in_(registers), ClassSession.state.in_(SETTLED))
    )
    if student_id is not None:
        query = query.where(AttendanceRecord.student_id == student_id)
    for course_id, session_id, marked_id, status in db.execute(query):
        register, day = registers[course_id], days.get(session_id)
        if day is not None and register.is_enrolled(marked_id, day):
            register.marks[marked_id, session_id] = status
    return registers


def counts(statuses: Iterable[MarkStatus]) -> dict[str, int]:
    """How often each status occurs, all of them named."""
    found = Counter(statuses)
    return {status.value: found[status] for status in MarkStatus}


def _read_sessions(
    db: Session, registers: Mapping[int, Register], first_day: date | None, last_day: date | None
) -> dict[int, date]:
    """Fill in the sessions; the day of each by its id."""
    query = (
        select(ClassSession)
        .where(
            ClassSession.course_id.in_(registers),
            ClassSession.state.in_(SETTLED),
            ClassSession.settled_at.is_not(None),
        )
        .order_by(ClassSession.starts_at, ClassSession.id)
    )
    days = {}
    for session in db.scalars(query):
        register = registers[session.course_id]
        day = local_day(session.starts_at, register.course.timezone)
        if (first_day is None or day >= first_day) and (last_day is None or day <= last_day):
            register.sessions.append(session)
            days[session.id] = day
    return days


def _read_students(
    db: Session,
    registers: Mapping[int, Register],
    first_day: date | None,
    last_day: date | None,
    student_id: int | None,
) -> None:
    query = (
        select(Enrolment.course_id, Enrolment.starts_on, Enrolment.ends_on, Student)
        .join(Student, Student.id == Enrolment.student_id)
        .where(Enrolment.course_id.in_(registers))
        .order_by(Student.name, Student.external_id, Enrolment.starts_on)
    )
    if student_id is not None:
        query = query.where(Enrolment.student_id == student_id)
    if first_day is not None:
        query = query.where(Enrolment.ends_on.is_(None) | (Enrolment.ends_on >= first_day))
    if last_day is not None:
        query = query.where(Enrolment.starts_on <= last_day)
    for course_id, starts_on, ends_on, student in db.execute(query):
        register = registers[course_id]
        if student.id not in register.enrolments:
            register.students.append(student)
        register.enrolments.setdefault(student.id, []).append((starts_on, ends_on))


def read_one(db: Session, course: Course, *, first_day: date | None = None, last_day: date | None = None) -> Register:
    """The register of one course."""
    return read(db, [course], first_day=first_day, last_day=last_day)[course.id]
