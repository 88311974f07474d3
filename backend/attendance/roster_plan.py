"""What a roster file would change in a course, worked out row by row.

An admin's import enrols who is in the file and creates who is new. Anybody else's enrols those whom they may
(``enrolments.enrollable_ids``) and asks an admin for the rest, in the same way whether there is a student of the id or
not. What is known of a student already is changed only by an admin: one instructor's list should not rename the student
of another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from attendance import people
from attendance.actor import Actor
from attendance.days import local_day
from attendance.enrolments import enrollable_ids
from attendance.models import Course, Enrolment, EnrolmentRequest, Student, StudentStatus
from attendance.parts import parts
from attendance.roster_columns import Column, mapped
from attendance.roster_files import Table
from attendance.roster_rows import MOST_SHOWN, Errors, NoStudent, RosterRow, read_rows
from errors import InvalidRequestError

_MOST_PERIODS = 100  # of one student in a course; each is compared with the others


@dataclass(frozen=True, slots=True)
class Options:
    """said: see ``roster_columns.mapped``. default_start: first day of new enrolments of which the file does not say
    it; default: today in the course's time zone. end_missing: whether who is not in the file leaves the course.
    skip_others: whether rows that are of no student are left out; else they are errors."""

    said: Mapping[Column, str]
    default_start: date | None = None
    end_missing: bool = False
    skip_others: bool = False


class Rows:
    """What ``table`` says, worked out without the database, which others write to meanwhile. rows: those of students.
    Raises InvalidRequestError."""

    def __init__(self, table: Table, options: Options) -> None:
        self.table, self.options = table, options
        self.mapping = mapped(table.header, table.width, options.said, [row.cells for row in table.rows])
        self.errors = Errors()
        self.others: list[NoStudent] = []
        self.rows = list(read_rows(table, self.mapping, self.errors, self.others, skip_others=options.skip_others))
        if self.others and options.skip_others and options.end_missing:
            raise InvalidRequestError(
                "rows that are left out may be of students whose enrolments would end. Import without end_missing, or "
                "delete these rows from the file",
                code="rows",
                errors=[{"row": other.row, "message": other.reason} for other in self.others[:MOST_SHOWN]],
            )


@dataclass(slots=True)
class Report:
    """What an import does, or did. rows: with a student. new: students created. requested: for whom an admin is asked.
    updated: whose name or email changes.
    kept: whose name or email is another here, and stays. enrolled: enrolments made. redated: enrolments whose days
    change. unchanged: rows of which everything is so already. repeated: rows that are there twice. ended: enrolments
    of students who are not in the file. kept_rows, ended_students (external ids): the first MOST_SHOWN."""

    mapping: Mapping[Column, int]
    rows: int = 0
    new: int = 0
    requested: int = 0
    updated: int = 0
    kept: int = 0
    enrolled: int = 0
    redated: int = 0
    unchanged: int = 0
    repeated: int = 0
    ended: int = 0
    kept_rows: list[int] = field(default_factory=list)
    ended_students: list[str] = field(default_factory=list)
    errors: Errors = field(default_factory=Errors)
    others: list[NoStudent] = field(default_factory=list)
    """Rows that are of no student."""


@dataclass(slots=True)
class Known:
    """A student who exists. change: what the file changes of them."""

    id: int
    external_id: str
    name: str
    email: str | None
    change: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Period:
    """An enrolment, as it will be. id: None for a new one. changed: whether it is another than it was."""

    key: str
    starts_on: date
    ends_on: date | None
    id: int | None = None
    changed: bool = False

    def meets(self, other: Period) -> bool:
        return (other.ends_on is None or self.starts_on <= other.ends_on) and (
            self.ends_on is None or other.starts_on <= self.ends_on
        )


class Plan:
    """What is to be done, worked out without changing anything. known: the students of the file who exist and whom
    ``actor`` may enrol. new: the others, whom an admin creates. requests: the others, whom everybody else asks for.
    periods: the enrolments of the course as they will be; all by the student's key. left: enrolments that end because
    their student is not in the file. today: in the course's time zone."""

    def __init__(self, db: Session, actor: Actor, course: Course, read: Rows, now: datetime) -> None:
        options, rows = read.options, read.rows
        self._db, self._actor, self._options = db, actor, options
        self.course = course
        self.today = local_day(now, course.timezone)
        self.default_start = options.default_start or self.today
        self.report = Report(read.mapping, len(read.table.rows) - len(read.others))
        self.report.errors, self.report.others = read.errors, read.others
        self.known = dict(_students(db, {row.key for row in rows}, enrollable_ids(db, actor, course.id)))
        self.periods = _periods_of(db, course.id)
        self._erasing = people.being_erased(db)
        self.new: dict[str, RosterRow] = {}
        self.requests: dict[str, RosterRow] = {}
        self._waiting = {} if actor.is_admin else _waiting(db, course.id)
        self.left: list[Period] = []
        first: dict[str, RosterRow] = {}
        for row in rows:
            self._row(row, first.get(row.key))
            first.setdefault(row.key, row)
        if options.end_missing:
            self._end_all_but(first.keys())

    def _row(self, row: RosterRow, earlier: RosterRow | None) -> None:
        report, known = self.report, self.known.get(row.key)
        asks = known is None and not self._actor.is_admin
        if known is not None and known.external_id != row.external_id:
            self._wrong(
                row,
                Column.EXTERNAL_ID,
                f"differs from the existing {known.external_id} only in case or form; write it so",
            )
        elif earlier is not None and earlier.external_id != row.external_id:
            self._wrong(row, Column.EXTERNAL_ID, f"differs from the one in row {earlier.number} only in case or form")
        elif earlier is not None and earlier.said == row.said:
            report.repeated += 1
        elif earlier is not None and (asks or not _is_another_period(earlier, row)):
            self._wrong(row, Column.EXTERNAL_ID, f"is in row {earlier.number} already, with something else beside it")
        elif known is None and row.name is None:
            missing = (
                "an admin is asked for this student and needs it" if asks else "there is no student with this id yet"
            )
            self._wrong(row, Column.NAME, f"is empty, and {missing}")
        elif asks:
            self._request(row)
        elif known is None and row.key in self._erasing:
            self._wrong(
                row, Column.EXTERNAL_ID, "was another student's, who is still being erased; try again in a minute"
            )
        else:
            changed = self._student(row, known) if earlier is None else False
            changed |= self._enrolment(row)
            report.unchanged += not changed

    def _request(self, row: RosterRow) -> None:
        waiting = self._waiting.get(row.key)
        start = row.starts_on or (waiting and waiting.starts_on) or self.default_start
        if row.ends_on is not None and row.ends_on < start:
            self._wrong(row, Column.ENDS_ON, f"is before the enrolment begins, {start}")
            return
        wanted = replace(row, starts_on=start)
        if waiting is not None and wanted.said == waiting:
            self.report.unchanged += 1
        else:
            self.requests[row.key] = wanted
            self.report.requested += 1

    def _student(self, row: RosterRow, known: Known | None) -> bool:
        """Whether something is created or changed, or would have been."""
        if known is None:
            self.new[row.key] = row
            self.report.new += 1
            return True
        said = {"name": row.name, "email": row.email}
        here = {"name": known.name, "email": known.email}
        differing = {what: value for what, value in said.items() if value is not None and value != here[what]}
        if differing and self._actor.is_admin:
            known.change = differing
            self.report.updated += 1
        elif differing:
            self.report.kept += 1
            if len(self.report.kept_rows) < MOST_SHOWN:
                self.report.kept_rows.append(row.number)
        return bool(differing)

    def _enrolment(self, row: RosterRow) -> bool:
        """Whether an enrolment is made or changed."""
        periods = self.periods.setdefault(row.key, [])
        period = self._meant(row, periods)
        if period is None:
            start = row.starts_on or self.default_start
            return self._add(row, periods, Period(row.key, start, row.ends_on))
        ends_on = self._last_day(row, period)
        if ends_on == period.ends_on:
            return False
        return self._redate(row, periods, period, ends_on)

    def _meant(self, row: RosterRow, periods: Sequence[Period]) -> Period | None:
        """The enrolment that ``row`` is about: of its first day, or else the last that is not over."""
        if row.starts_on is not None:
            return next((period for period in periods if period.starts_on == row.starts_on), None)
        current = [period for period in periods if period.ends_on is None or period.ends_on >= self.today]
        return max(current, key=lambda period: period.starts_on, default=None)

    def _last_day(self, row: RosterRow, period: Period) -> date | None:
        if row.ends_on is not None:
            return row.ends_on
        if row.starts_on is None:
            # who was left out of one file by mistake, ended today, and is in the next one, stays
            return None if period.ends_on == self.today else period.ends_on
        return None if Column.ENDS_ON in self.report.mapping else period.ends_on

    def _add(self, row: RosterRow, periods: list[Period], period: Period) -> bool:
        if period.ends_on is not None and period.ends_on < period.starts_on:
            self._wrong(row, Column.ENDS_ON, f"is before the enrolment begins, {period.starts_on}")
        elif len(periods) >= _MOST_PERIODS:
            self._wrong(row, Column.EXTERNAL_ID, f"has {_MOST_PERIODS} enrolments in this course already")
        elif not self._overlaps(row, periods, period):
            periods.append(period)
            self.report.enrolled += 1
        return True

    def _redate(self, row: RosterRow, periods: Sequence[Period], period: Period, ends_on: date | None) -> bool:
        if ends_on is not None and ends_on < period.starts_on:
            self._wrong(row, Column.ENDS_ON, f"is before the enrolment began, {period.starts_on}")
        elif not self._overlaps(row, periods, Period(row.key, period.starts_on, ends_on), period):
            period.ends_on, period.changed = ends_on, True
            self.report.redated += 1
        return True

    def _overlaps(
        self, row: RosterRow, periods: Sequence[Period], period: Period, instead_of: Period | None = None
    ) -> bool:
        for other in periods:
            if other is not instead_of and other.meets(period):
                until = f"to {other.ends_on}" if other.ends_on else "on"
                self._wrong(row, Column.STARTS_ON, f"overlaps the student's enrolment from {other.starts_on} {until}")
                return True
        return False

    def _end_all_but(self, keys: Iterable[str]) -> None:
        for key in sorted(self.periods.keys() - keys):
            for period in self.periods[key]:
                if period.ends_on is None or period.ends_on > self.today:
                    self.left.append(period)
        self.report.ended = len(self.left)
        ids = [period.id for period in self.left[:MOST_SHOWN]]
        query = select(Student.external_id).join(Enrolment, Enrolment.student_id == Student.id)
        self.report.ended_students = sorted(set(self._db.scalars(query.where(Enrolment.id.in_(ids)))))

    def _wrong(self, row: RosterRow, column: Column, message: str) -> None:
        self.report.errors.add(row.number, column, message)


def _is_another_period(earlier: RosterRow, row: RosterRow) -> bool:
    """Whether two rows are of one student who was enrolled twice."""
    return (
        (earlier.name, earlier.email) == (row.name, row.email)
        and None not in (earlier.starts_on, row.starts_on)
        and earlier.starts_on != row.starts_on
    )


def _students(db: Session, keys: Iterable[str], among: Select[int]) -> Iterator[tuple[str, Known]]:
    for some in parts(sorted(keys)):
        query = select(Student.external_key, Student.id, Student.external_id, Student.name, Student.email).where(
            Student.external_key.in_(some), Student.id.in_(among)
        )
        for key, row, external_id, name, email in db.execute(query):
            yield key, Known(row, external_id, name, email)


def _waiting(db: Session, course_id: int) -> dict[str, RosterRow]:
    """By their keys the rows, of no file, that ask for what was asked for before."""
    asked = EnrolmentRequest
    query = select(
        asked.external_id, asked.external_key, asked.name, asked.email, asked.starts_on, asked.ends_on
    ).where(asked.course_id == course_id)
    return {row.external_key: RosterRow(0, *row) for row in db.execute(query)}


def _periods_of(db: Session, course_id: int) -> dict[str, list[Period]]:
    query = (
        select(Student.external_key, Enrolment.starts_on, Enrolment.ends_on, Enrolment.id)
        .join(Enrolment, Enrolment.student_id == Student.id)
        .where(Enrolment.course_id == course_id, Student.status != StudentStatus.ERASED)
    )
    found: dict[str, list[Period]] = {}
    for key, starts_on, ends_on, row in db.execute(query):
        found.setdefault(key, []).append(Period(key, starts_on, ends_on, row))
    return found
