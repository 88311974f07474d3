"""What is taken out as a table: the sheet of a session, a course's register, everything of a period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session, aliased, joinedload

from attendance import percentages, registers, spreadsheets
from attendance.access import require_course, require_session, visible_course_ids
from attendance.actor import Actor
from attendance.days import day_bounds
from attendance.models import (
    AttendanceChange,
    AttendanceRecord,
    ClassSession,
    Course,
    MarkStatus,
    SessionState,
    Student,
)
from attendance.reports import check_days
from attendance.rosters import enrolled_students, session_day
from attendance.spreadsheets import Cell
from errors import InvalidRequestError

# An XLSX file of this many takes about six seconds, in which the server is slower for everybody.
MOST_ROWS = 50_000
# No time zone is further than this from UTC.
_FURTHEST = timedelta(hours=26)
_MARK_COLUMNS = (
    Student.external_id,
    Student.name,
    AttendanceRecord.status,
    AttendanceRecord.source,
    AttendanceRecord.first_seen_at,
    AttendanceRecord.last_seen_at,
    AttendanceChange.reason_code,
    AttendanceChange.text,
)
_MARK = ("Student id", "Name", "Status", "Set by", "First seen", "Last seen", "Reason", "Note")
_TOTALS = (MarkStatus.PRESENT, MarkStatus.LATE, MarkStatus.LEFT_EARLY, MarkStatus.EXCUSED, MarkStatus.ABSENT)


@dataclass(frozen=True, slots=True)
class Table:
    """name: what to call the file, without its ending."""

    name: str
    header: list[str]
    rows: list[list[Cell]]

    def csv(self) -> bytes:
        return spreadsheets.csv_file(self.header, self.rows)

    def xlsx(self) -> bytes:
        return spreadsheets.xlsx_file(self.name, self.header, self.rows)


def sheet(db: Session, actor: Actor, session_id: int) -> Table:
    """The sheet of a session: one row a student, who has no record yet as well. Times are the course's."""
    session = require_session(db, actor, session_id)
    course, day = session.course, session_day(session)
    query = select(Student.id, *_MARK_COLUMNS).where(AttendanceRecord.session_id == session_id)
    lines = {student_id: _mark(mark, course) for student_id, *mark in db.execute(_joined(query))}
    for student in enrolled_students(db, course.id, day):
        unmarked = (student.external_id, student.name, MarkStatus.UNMARKED, None, None, None, None, None)
        lines.setdefault(student.id, _mark(unmarked, course))
    return Table(
        name=_name(course, session.title, day.isoformat()),
        header=list(_MARK),
        rows=sorted(lines.values(), key=lambda line: (str(line[1]), str(line[0]))),
    )


def course_register(
    db: Session, actor: Actor, course_id: int, *, first_day: date | None, last_day: date | None
) -> Table:
    """One row a student and one column a session that counts, then the totals. Columns are headed by the day and time
    of the course's zone."""
    course = require_course(db, actor, course_id)
    check_days(first_day, last_day)
    register = registers.read_one(db, course, first_day=first_day, last_day=last_day)
    rows: list[list[Cell]] = []
    for student in register.students:
        counts = registers.counts(register.counted(student.id))
        rows.append(
            [
                student.external_id,
                student.name,
                *(status.value if status is not None else None for status in register.row(student.id)),
                *(counts[status] for status in _TOTALS),
                percentages.shown(register.percent(student.id)),
            ]
        )
    headings = [
        " ".join(filter(None, (f"{_local(session.starts_at, course):%Y-%m-%d %H:%M}", session.title)))
        for session in register.sessions
    ]
    return Table(
        name=_name(course, *(day.isoformat() for day in (first_day, last_day) if day is not None)),
        header=["Student id", "Name", *headings, *(_word(status) for status in _TOTALS), "Percent"],
        rows=rows,
    )


def period(db: Session, actor: Actor, *, first_day: date, last_day: date) -> Table:
    """Every record of the courses that ``actor`` may see, one row each, on days of each course's own zone. Cancelled
    sessions are left out. Raises InvalidRequestError when there are more than MOST_ROWS."""
    check_days(first_day, last_day)
    earliest, latest = day_bounds(first_day, "UTC")[0] - _FURTHEST, day_bounds(last_day, "UTC")[1] + _FURTHEST
    wanted = (
        ClassSession.course_id.in_(visible_course_ids(actor)),
        ClassSession.state != SessionState.CANCELLED,
        ClassSession.starts_at >= earliest,
        ClassSession.starts_at < latest,
    )
    size = select(func.count()).select_from(AttendanceRecord).join(AttendanceRecord.session).where(*wanted)
    if (db.scalar(size) or 0) > MOST_ROWS:
        raise InvalidRequestError(
            f"these are more than {MOST_ROWS:,} records; ask for a shorter period",
            code="too_many_rows",
            errors=[{"field": "from", "message": "too long a period"}],
        )
    sessions = {
        session.id: session
        for session in db.scalars(select(ClassSession).options(joinedload(ClassSession.course)).where(*wanted))
        if first_day <= session_day(session) <= last_day
    }
    query = _joined(select(AttendanceRecord.session_id, *_MARK_COLUMNS).where(*wanted))
    query = query.join(Course, Course.id == ClassSession.course_id).order_by(
        Course.code, Course.term, ClassSession.starts_at, ClassSession.id, Student.name, Student.external_id
    )
    return Table(
        name=f"attendance {first_day.isoformat()} {last_day.isoformat()}",
        header=["Course", "Term", "Time zone", "Day", "Start", "Session", "State", *_MARK],
        rows=[
            [*_session(sessions[session_id]), *_mark(mark, sessions[session_id].course)]
            for session_id, *mark in db.execute(query)
            if session_id in sessions
        ],
    )


def _joined(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """``query``, which selects _MARK_COLUMNS, with where they are: the record, its session and student, and its last
    change, if there was one."""
    newer = aliased(AttendanceChange)
    last = (
        select(func.max(newer.id))
        .where(newer.record_id == AttendanceRecord.id)
        .correlate(AttendanceRecord)
        .scalar_subquery()
    )
    return (
        query.select_from(AttendanceRecord)
        .join(ClassSession, ClassSession.id == AttendanceRecord.session_id)
        .join(Student, Student.id == AttendanceRecord.student_id)
        .outerjoin(
            AttendanceChange, and_(AttendanceChange.record_id == AttendanceRecord.id, AttendanceChange.id == last)
        )
    )


def _mark(values: Sequence[Any], course: Course) -> list[Cell]:
    """The cells below _MARK. values: of _MARK_COLUMNS."""
    external_id, name, status, source, first_seen_at, last_seen_at, reason_code, text = values
    return [
        external_id,
        name,
        status.value,
        source.value if source else None,
        _local(first_seen_at, course) if first_seen_at else None,
        _local(last_seen_at, course) if last_seen_at else None,
        reason_code,
        text,
    ]


def _session(session: ClassSession) -> list[Cell]:
    course, start = session.course, _local(session.starts_at, session.course)
    zone = course.timezone
    return [course.code, course.term, zone, start.date(), f"{start:%H:%M}", session.title, session.state.value]


def _word(status: MarkStatus) -> str:
    return status.value.replace("_", " ").capitalize()


def _local(moment: datetime, course: Course) -> datetime:
    return moment.astimezone(ZoneInfo(course.timezone))


def _name(course: Course, *more: str) -> str:
    return " ".join(part for part in (course.code, course.term, *more) if part)
