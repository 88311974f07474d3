"""Requests for enrolment: the staff of a course make them, and an admin approves or refuses them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from attendance import audit, enrolments, people
from attendance.access import require_course, visible_course_ids
from attendance.actor import Actor
from attendance.models import EnrolmentRequest, Student, StudentStatus
from attendance.paging import Page, page_of
from errors import ConflictError, ForbiddenError, NotFoundError

MOST_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """student: the one who has this id already. None if nobody has it, and always None for those who are not admins."""

    request: EnrolmentRequest
    student: Student | None


@dataclass(frozen=True, slots=True)
class Left:
    """A request that could not be approved, and why."""

    request_id: int
    code: str
    message: str


def list_requests(
    db: Session, actor: Actor, *, course_id: int | None = None, cursor: str | None = None, limit: int = 50
) -> Page[Asked]:
    """The requests that wait for an admin in the courses that ``actor`` may see, oldest first. Raises NotFoundError,
    ForbiddenError."""
    query = select(EnrolmentRequest).options(
        joinedload(EnrolmentRequest.course), joinedload(EnrolmentRequest.requester)
    )
    if course_id is not None:
        require_course(db, actor, course_id)
        query = query.where(EnrolmentRequest.course_id == course_id)
    else:
        query = query.where(EnrolmentRequest.course_id.in_(visible_course_ids(actor)))
    page = page_of(db, query, (EnrolmentRequest.id,), cursor=cursor, limit=limit)
    known: dict[str, Student] = {}
    if actor.is_admin:
        keys = [request.external_key for request in page.items]
        known = {one.external_key: one for one in db.scalars(select(Student).where(Student.external_key.in_(keys)))}
    return Page([Asked(request, known.get(request.external_key)) for request in page.items], page.next_cursor)


def approve(db: Session, actor: Actor, request_ids: Sequence[int], now: datetime) -> tuple[int, Sequence[Left]]:
    """Enrol the students of these requests, and create those whose id is new. Returns how many were approved, and the
    requests that could not be, which stay. Raises ForbiddenError for everybody but admins."""
    if not actor.is_admin:
        raise ForbiddenError("only an admin approves requests for enrolment", code="role")
    query = select(EnrolmentRequest).where(EnrolmentRequest.id.in_(request_ids))
    by_course: dict[int, list[int]] = {}
    for request in db.scalars(query.order_by(EnrolmentRequest.course_id, EnrolmentRequest.id)):
        by_course.setdefault(request.course_id, []).append(request.id)
    approved, left, seen = 0, [], set()
    for course_id, ids in by_course.items():
        course = enrolments.lock_roster(db, actor, course_id)
        for request_id in ids:
            asked = db.get(EnrolmentRequest, request_id, populate_existing=True)
            if asked is None:
                continue
            seen.add(request_id)
            requested_by = asked.requested_by
            try:
                student = _student(db, actor, asked, now)
                enrolments.enrol_student(db, actor, course, student, now, asked.starts_on, asked.ends_on)
            except ConflictError as error:
                if error.code == "duplicate":  # somebody just created the student: this transaction has failed
                    raise
                left.append(Left(request_id, error.code, str(error)))
                continue
            approved += 1
            audit.record(
                db,
                actor,
                "enrolment_request.approve",
                "enrolment_request",
                request_id,
                now,
                course_id=course_id,
                student_id=student.id,
                requested_by=requested_by,
            )
    left += [
        Left(request_id, "not_found", "was withdrawn, changed or decided on meanwhile")
        for request_id in request_ids
        if request_id not in seen
    ]
    return approved, left


def refuse(db: Session, actor: Actor, request_id: int, now: datetime) -> None:
    """Take a request off the roster: an admin refuses it, or staff who may change the roster withdraw it. Raises
    NotFoundError, ForbiddenError."""
    request = db.get(EnrolmentRequest, request_id)
    if request is None:
        raise NotFoundError(f"there is no request for enrolment {request_id}")
    enrolments.lock_roster(db, actor, request.course_id)
    action = "enrolment_request.refuse" if actor.is_admin else "enrolment_request.withdraw"
    audit.record(
        db,
        actor,
        action,
        "enrolment_request",
        request_id,
        now,
        course_id=request.course_id,
        requested_by=request.requested_by,
    )
    enrolments.forget_requests(db, request.course_id, [request.external_key])


def _student(db: Session, actor: Actor, request: EnrolmentRequest, now: datetime) -> Student:
    student = db.scalar(select(Student).where(Student.external_key == request.external_key))
    if student is None:
        values = {"external_id": request.external_id, "name": request.name, "email": request.email}
        return people.create_student(db, actor, values, now)
    if student.status is StudentStatus.ERASED:
        raise ConflictError("this student was erased", code="erased")
    return student
