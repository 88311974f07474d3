"""Importing a roster: saying what a file would change in a course, and changing it, all or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from attendance import audit
from attendance.access import require_course
from attendance.actor import Actor
from attendance.enrolments import forget_requests, lock_roster
from attendance.models import Enrolment, EnrolmentRequest, Student, StudentStatus
from attendance.parts import parts
from attendance.roster_columns import Mapped, guess
from attendance.roster_files import Table
from attendance.roster_plan import Plan, Report, Rows
from attendance.roster_rows import MOST_SHOWN, RosterRow
from attendance.roster_workbooks import Row, shown
from errors import ConflictError, InvalidRequestError

PREVIEWED = 20  # rows


@dataclass(frozen=True, slots=True)
class Preview:
    """mapping: what the columns seem to be, by their place from 0. rows: the first of the file's, long cells cut."""

    table: Table
    mapping: Mapped
    rows: Sequence[Row]


def preview(table: Table) -> Preview:
    """What the file seems to hold; nothing is looked up."""
    mapping = guess(table.header, [row.cells for row in table.rows[:PREVIEWED]])
    return Preview(table, mapping, shown(table.rows[:PREVIEWED]))


def rehearse(db: Session, actor: Actor, course_id: int, read: Rows, now: datetime) -> Report:
    """What ``import_roster`` would do, with everything that is wrong."""
    course = require_course(db, actor, course_id, roster=True)
    return Plan(db, actor, course, read, now).report


def import_roster(db: Session, actor: Actor, course_id: int, read: Rows, now: datetime) -> Report:
    """Enrol who is in the file, or ask an admin to. Raises InvalidRequestError, with the rows, when anything is wrong:
    then nothing is changed; and when the encoding was only guessed."""
    course, table = lock_roster(db, actor, course_id), read.table
    if not table.encoding_is_certain:
        raise InvalidRequestError(
            f"the encoding of this file is probably {table.encoding}, which is not certain; with a wrong one, names "
            f"would be wrong. Look at the preview, then say encoding={table.encoding}, or which one it is",
            code="encoding",
        )
    if not table.header_is_certain:
        raise InvalidRequestError(
            "it is not certain whether the first row of this file names the columns or is a student. Look at it, then "
            "say header=true or header=false",
            code="header",
            errors=[{"field": "header", "message": "is not certain; say true or false"}],
        )
    plan = Plan(db, actor, course, read, now)
    report = plan.report
    if report.errors.total:
        count = report.errors.total
        raise InvalidRequestError(
            f"nothing was imported: {count:,} {'error' if count == 1 else 'errors'} in the file"
            + (f"; the first {MOST_SHOWN} are given" if count > MOST_SHOWN else ""),
            code="rows",
            errors=report.errors.first,
        )
    _carry_out(db, actor, plan, now)
    audit.record(
        db,
        actor,
        "roster.import",
        "course",
        course_id,
        now,
        rows=report.rows,
        new=report.new,
        requested=report.requested,
        updated=report.updated,
        enrolled=report.enrolled,
        redated=report.redated,
        ended=report.ended,
    )
    return report


def _carry_out(db: Session, actor: Actor, plan: Plan, now: datetime) -> None:
    ids = {key: student.id for key, student in plan.known.items()} | _create_students(db, plan, now)
    _change_students(db, plan)
    periods = [period for of_student in plan.periods.values() for period in of_student]
    added = [
        {
            "course_id": plan.course.id,
            "student_id": ids[period.key],
            "starts_on": period.starts_on,
            "ends_on": period.ends_on,
            "created_at": now,
        }
        for period in periods
        if period.id is None
    ]
    if added:
        db.execute(insert(Enrolment), added)
    enrolled = [period.key for period in periods if period.id is None]
    forget_requests(db, plan.course.id, [*enrolled, *plan.requests])
    if plan.requests:
        db.execute(
            insert(EnrolmentRequest), [_asked(row, plan.course.id, actor, now) for row in plan.requests.values()]
        )
    last_days = {period.id: period.ends_on for period in periods if period.changed}
    last_days |= {period.id: plan.today for period in plan.left if period.starts_on <= plan.today}
    _execute_many(
        db,
        update(Enrolment).where(Enrolment.__table__.c.id == bindparam("row")).values(ends_on=bindparam("last_day")),
        [{"row": row, "last_day": day} for row, day in last_days.items()],
    )
    for some in parts([period.id for period in plan.left if period.starts_on > plan.today]):
        db.execute(delete(Enrolment).where(Enrolment.id.in_(some)))


def _asked(row: RosterRow, course_id: int, actor: Actor, now: datetime) -> dict[str, Any]:
    return {
        "course_id": course_id,
        "external_id": row.external_id,
        "external_key": row.key,
        "name": row.name,
        "email": row.email,
        "starts_on": row.starts_on,
        "ends_on": row.ends_on,
        "requested_by": actor.user_id,
        "requested_at": now,
    }


def _create_students(db: Session, plan: Plan, now: datetime) -> dict[str, int]:
    """Key -> id of the students who were created."""
    if not plan.new:
        return {}
    values = [
        {
            "external_id": row.external_id,
            "external_key": row.key,
            "name": row.name,
            "email": row.email,
            "status": StudentStatus.ACTIVE,
            "created_at": now,
            "version": 1,
        }
        for row in plan.new.values()
    ]
    query = insert(Student).returning(Student.id, sort_by_parameter_order=True)
    try:
        made = db.scalars(query, values).all()
    except IntegrityError as error:
        raise ConflictError(
            "somebody else created one of these students just now; import the file again", code="duplicate"
        ) from error
    return dict(zip(plan.new, made, strict=True))


def _change_students(db: Session, plan: Plan) -> None:
    changed = (student for student in plan.known.values() if student.change)
    table = Student.__table__
    _execute_many(
        db,
        update(Student)
        .where(table.c.id == bindparam("row"))
        .values(name=bindparam("new_name"), email=bindparam("new_email"), version=table.c.version + 1),
        [
            {
                "row": student.id,
                "new_name": student.change.get("name", student.name),
                "new_email": student.change.get("email", student.email),
            }
            # in one order, or two imports at once could each wait for the other
            for student in sorted(changed, key=lambda each: each.id)
        ],
    )


def _execute_many(db: Session, statement: Any, values: Sequence[Mapping[str, Any]]) -> None:
    if values:
        db.connection().execute(statement, values)
