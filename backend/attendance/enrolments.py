"""Enrolments: who belongs to a course, from which day to which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, or_, select
from sqlalchemy.orm import Session, contains_eager

from attendance import audit, external_ids, people
from attendance.access import require_course, require_student, visible_student_ids
from attendance.actor import Actor
from attendance.days import local_day
from attendance.models import (
    AttendanceRecord,
    ClassSession,
    Course,
    CourseStaff,
    Enrolment,
    EnrolmentRequest,
    Student,
    StudentStatus,
)
from attendance.paging import Page, page_of
from attendance.parts import parts
from attendance.rosters import enrolled_on
from attendance.spreadsheets import csv_file
from errors import ConflictError, ForbiddenError, InvalidRequestError, NotFoundError

# The columns of an exported roster; an import knows them again.
EXPORTED = ("external_id", "name", "email", "starts_on", "ends_on")


class EnrolmentState(StrEnum):
    """What an enrolment is on a day."""

    ENROLLED = "enrolled"
    UPCOMING = "upcoming"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class RosterEntry:
    """state: on the day that was asked about."""

    enrolment: Enrolment
    person: people.Person
    state: EnrolmentState


def roster(
    db: Session,
    actor: Actor,
    course_id: int,
    now: datetime,
    *,
    on: date | None = None,
    state: EnrolmentState | None = None,
    q: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[RosterEntry]:
    """The enrolments of a course by the student's name; one who left and came back has several. on: the day to tell
    the state of; default: today in the course's time zone. state: only those. q: see ``people.list_students``."""
    course = require_course(db, actor, course_id)
    day = on or local_day(now, course.timezone)
    query = people.matching(_of_course(course_id), q)
    if state is not None:
        query = query.where(_is(state, day))
    page = page_of(
        db,
        query,
        (Student.name, Enrolment.id),
        cursor=cursor,
        limit=limit,
        values=lambda enrolment: (enrolment.student.name, enrolment.id),
    )
    persons = people.persons_of(db, actor, [enrolment.student for enrolment in page.items])
    entries = [
        RosterEntry(enrolment, person, state_on(enrolment, day))
        for enrolment, person in zip(page.items, persons, strict=True)
    ]
    return Page(entries, page.next_cursor)


def state_on(enrolment: Enrolment, day: date) -> EnrolmentState:
    if enrolment.starts_on > day:
        return EnrolmentState.UPCOMING
    if enrolment.ends_on is not None and enrolment.ends_on < day:
        return EnrolmentState.ENDED
    return EnrolmentState.ENROLLED


def export(db: Session, actor: Actor, course_id: int) -> tuple[str, bytes]:
    """A name for the file, and every enrolment of the course as CSV in a form that ``roster_import`` reads."""
    course = require_course(db, actor, course_id)
    enrolments = db.scalars(_of_course(course_id).order_by(Student.name, Enrolment.id)).unique()
    return f"roster-{course.code}-{course.term}.csv", csv_file(EXPORTED, _exported(enrolments))


def enrol(
    db: Session,
    actor: Actor,
    course_id: int,
    now: datetime,
    *,
    student_id: int | None = None,
    external_id: str | None = None,
    name: str | None = None,
    email: str | None = None,
    starts_on: date | None = None,
    ends_on: date | None = None,
) -> Enrolment | EnrolmentRequest:
    """Enrol a student, named by one of ``student_id`` (one whom ``actor`` may see) and ``external_id``; or ask an admin
    to, for whom ``actor`` may not enrol at once (see ``enrollable_ids``): in the same way whether the id is a student's
    or nobody's. name, email: for the admin, who creates the student where there is none. starts_on: default: today in
    the course's time zone. Raises ConflictError when the student is enrolled on one of these days."""
    course = lock_roster(db, actor, course_id)
    starts_on = starts_on or local_day(now, course.timezone)
    _check_days(starts_on, ends_on)
    student = _named(db, actor, student_id, external_id)
    if student is not None and student.status is StudentStatus.ERASED:
        raise ConflictError("this student was erased", code="erased")
    if student is not None and db.scalar(enrollable_ids(db, actor, course_id).where(Student.id == student.id)):
        return enrol_student(db, actor, course, student, now, starts_on, ends_on)
    if actor.is_admin:
        raise NotFoundError(f"there is no student with the id {external_id}; create them first")
    if student is not None:
        external_id, name = student.external_id, name or student.name
    values = {"external_id": external_id or "", "name": name or "", "email": email}
    people.check_values(values)
    return request_enrolment(db, actor, course, values, starts_on, ends_on, now)


def enrollable_ids(db: Session, actor: Actor, course_id: int) -> Select[int]:
    """A query for the ids of the students whom ``actor`` may enrol in the course without asking: those they may see.
    Who is appointed for enrolment in the course gains rights over whom they enrol, and must have had them before."""
    staff = db.get(CourseStaff, (course_id, actor.user_id)) if actor.user_id is not None else None
    to_manage = staff is not None and staff.may_enrol
    return select(Student.id).where(Student.id.in_(visible_student_ids(actor, to_manage=to_manage)))


def request_enrolment(
    db: Session,
    actor: Actor,
    course: Course,
    values: Mapping[str, Any],
    starts_on: date,
    ends_on: date | None,
    now: datetime,
) -> EnrolmentRequest:
    """Ask an admin to enrol somebody; it takes the place of an earlier request for the same id. values: external_id,
    name, email. Nothing is looked up of students: whether there is one of this id is not told."""
    forget_requests(db, course.id, [external_ids.key_of(values["external_id"])])
    request = EnrolmentRequest(
        course=course,
        external_key=external_ids.key_of(values["external_id"]),
        starts_on=starts_on,
        ends_on=ends_on,
        requested_by=actor.user_id,
        requested_at=now,
        **values,
    )
    db.add(request)
    db.flush()
    audit.record(db, actor, "enrolment_request.create", "enrolment_request", request.id, now, course_id=course.id)
    return request


def forget_requests(db: Session, course_id: int, keys: Sequence[str]) -> None:
    """Who is enrolled, or asked for anew, waits no more."""
    for some in parts(keys):
        db.execute(
            delete(EnrolmentRequest).where(
                EnrolmentRequest.course_id == course_id, EnrolmentRequest.external_key.in_(some)
            )
        )


def create_enrolled(
    db: Session,
    actor: Actor,
    values: Mapping[str, Any],
    now: datetime,
    *,
    course_id: int | None = None,
    starts_on: date | None = None,
) -> people.Person:
    """A new student, enrolled in ``course_id`` if that is given. values, starts_on: see ``people.create_student`` and
    ``enrol``. For admins only: that an id is taken would tell others that the school has somebody of it."""
    if not actor.is_admin:
        raise ForbiddenError(
            "students are created by admins; ask for one by POST /courses/{id}/enrolments with the id and the name",
            code="role",
        )
    course = lock_roster(db, actor, course_id) if course_id is not None else None
    student = people.create_student(db, actor, values, now)
    if course is not None:
        enrol_student(db, actor, course, student, now, starts_on or local_day(now, course.timezone), None)
    return people.persons_of(db, actor, [student])[0]


def update_enrolment(
    db: Session, actor: Actor, enrolment_id: int, values: Mapping[str, Any], now: datetime
) -> Enrolment:
    """Change the first or the last day. values: starts_on, ends_on (None: until the end of the course)."""
    enrolment = _require_enrolment(db, actor, enrolment_id)
    starts_on = values.get("starts_on", enrolment.starts_on)
    ends_on = values.get("ends_on", enrolment.ends_on)
    _check_days(starts_on, ends_on)
    _check_free(db, enrolment.course_id, enrolment.student_id, starts_on, ends_on, other_than=enrolment.id)
    enrolment.starts_on, enrolment.ends_on = starts_on, ends_on
    audit.record(
        db,
        actor,
        "enrolment.update",
        "enrolment",
        enrolment_id,
        now,
        course_id=enrolment.course_id,
        student_id=enrolment.student_id,
        fields=sorted(values),
    )
    return enrolment


def delete_enrolment(db: Session, actor: Actor, enrolment_id: int, now: datetime) -> None:
    """Take back an enrolment that was a mistake. Raises ConflictError when the student has marks in the course."""
    enrolment = _require_enrolment(db, actor, enrolment_id)
    records = (
        select(AttendanceRecord.id)
        .join(ClassSession, ClassSession.id == AttendanceRecord.session_id)
        .where(
            ClassSession.course_id == enrolment.course_id,
            AttendanceRecord.student_id == enrolment.student_id,
        )
    )
    if db.scalar(records.limit(1)) is not None:
        raise ConflictError(
            "this student has attendance records in the course; end the enrolment by ends_on instead",
            code="has_records",
        )
    db.delete(enrolment)
    audit.record(
        db,
        actor,
        "enrolment.delete",
        "enrolment",
        enrolment_id,
        now,
        course_id=enrolment.course_id,
        student_id=enrolment.student_id,
    )


def lock_roster(db: Session, actor: Actor, course_id: int) -> Course:
    """The course, if ``actor`` may change its roster, held until the transaction ends: as whoever changes who is
    enrolled must do before looking at it. What only refers to the course need not wait."""
    require_course(db, actor, course_id, roster=True)
    return db.get_one(Course, course_id, with_for_update={"key_share": True}, populate_existing=True)


def enrol_student(
    db: Session,
    actor: Actor,
    course: Course,
    student: Student,
    now: datetime,
    starts_on: date,
    ends_on: date | None,
) -> Enrolment:
    """Enrol ``student``, whom ``actor`` may. The caller holds ``lock_roster``. Raises ConflictError, having changed
    nothing, when the student is enrolled on one of these days."""
    _check_free(db, course.id, student.id, starts_on, ends_on)
    enrolment = Enrolment(course=course, student=student, starts_on=starts_on, ends_on=ends_on, created_at=now)
    db.add(enrolment)
    db.flush()
    forget_requests(db, course.id, [student.external_key])
    audit.record(
        db, actor, "enrolment.create", "enrolment", enrolment.id, now, course_id=course.id, student_id=student.id
    )
    return enrolment


def _named(db: Session, actor: Actor, student_id: int | None, external_id: str | None) -> Student | None:
    """The student, if ``actor`` may see them."""
    if (student_id is None) == (external_id is None):
        raise InvalidRequestError("name the student by one of student_id and external_id", code="student")
    if student_id is not None:
        return require_student(db, actor, student_id)
    key = external_ids.key_of(external_id or "")
    return db.scalar(select(Student).where(Student.external_key == key, Student.id.in_(visible_student_ids(actor))))


def _require_enrolment(db: Session, actor: Actor, enrolment_id: int) -> Enrolment:
    course_id = db.scalar(select(Enrolment.course_id).where(Enrolment.id == enrolment_id))
    if course_id is not None:
        lock_roster(db, actor, course_id)
        found = db.get(Enrolment, enrolment_id, populate_existing=True)
        if found is not None:
            return found
    raise NotFoundError(f"there is no enrolment {enrolment_id}")


def _check_days(starts_on: date, ends_on: date | None) -> None:
    if ends_on is not None and ends_on < starts_on:
        raise InvalidRequestError(
            "the last day of an enrolment cannot be before the first",
            code="dates",
            errors=[{"field": "ends_on", "message": "is before starts_on"}],
        )


def _check_free(
    db: Session,
    course_id: int,
    student_id: int,
    starts_on: date,
    ends_on: date | None,
    *,
    other_than: int | None = None,
) -> None:
    query = select(Enrolment).where(
        Enrolment.course_id == course_id,
        Enrolment.student_id == student_id,
        or_(Enrolment.ends_on.is_(None), Enrolment.ends_on >= starts_on),
    )
    if ends_on is not None:
        query = query.where(Enrolment.starts_on <= ends_on)
    if other_than is not None:
        query = query.where(Enrolment.id != other_than)
    found = db.scalar(query.limit(1))
    if found is not None:
        until = f"to {found.ends_on}" if found.ends_on else "on"
        raise ConflictError(
            f"the student is enrolled in this course from {found.starts_on} {until} already; change that enrolment "
            "instead",
            code="overlap",
        )


def _is(state: EnrolmentState, day: date) -> ColumnElement[bool]:
    if state is EnrolmentState.UPCOMING:
        return Enrolment.starts_on > day
    if state is EnrolmentState.ENDED:
        return Enrolment.ends_on < day
    return enrolled_on(day)


def _of_course(course_id: int) -> Select[Enrolment]:
    return (
        select(Enrolment)
        .join(Enrolment.student)
        .options(contains_eager(Enrolment.student))
        .where(Enrolment.course_id == course_id, Student.status != StudentStatus.ERASED)
    )


def _exported(enrolments: Iterable[Enrolment]) -> Iterator[Sequence[str | date | None]]:
    for enrolment in enrolments:
        student = enrolment.student
        yield student.external_id, student.name, student.email, enrolment.starts_on, enrolment.ends_on
