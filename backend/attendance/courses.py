"""Courses and who staffs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from attendance import audit
from attendance.access import require_course, visible_course_ids
from attendance.actor import Actor
from attendance.models import ClassSession, Course, CourseStaff, Role, SessionState, UserAccount
from attendance.paging import Page, page_of
from attendance.versions import check_version
from errors import ConflictError, ForbiddenError, InvalidRequestError, NotFoundError


def list_courses(
    db: Session,
    actor: Actor,
    *,
    term: str | None = None,
    archived: bool = False,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Course]:
    """The courses that ``actor`` may see, by code and term. archived: those that were archived, instead."""
    query = select(Course).where(Course.id.in_(visible_course_ids(actor)))
    query = query.where(Course.archived_at.is_not(None) if archived else Course.archived_at.is_(None))
    if term:
        query = query.where(Course.term == term)
    return page_of(db, query, (Course.code, Course.term, Course.id), cursor=cursor, limit=limit)


def create_course(db: Session, actor: Actor, values: Mapping[str, Any], now: datetime) -> Course:
    """A new course. values: columns of Course. An instructor, who needs an admin's grant, becomes its lead. Raises
    ForbiddenError."""
    if not actor.is_admin and not actor.may_create_courses:
        raise ForbiddenError(
            "courses are made by admins, and by instructors whom an admin lets; ask an admin", code="not_granted"
        )
    course = Course(**values, created_at=now)
    db.add(course)
    _flush(db, course)
    if not actor.is_admin and actor.user_id is not None:
        db.add(CourseStaff(course_id=course.id, user_id=actor.user_id, is_lead=True, added_at=now))
    audit.record(db, actor, "course.create", "course", course.id, now)
    return course


def update_course(
    db: Session, actor: Actor, course_id: int, values: Mapping[str, Any], expected: int | None, now: datetime
) -> Course:
    """Change columns of a course. values: those that change. expected: the version it was read at. Sessions that were
    made already keep their times."""
    course = require_course(db, actor, course_id, lead=True)
    check_version(course, expected)
    for name, value in values.items():
        setattr(course, name, value)
    course.version += 1
    _flush(db, course)
    audit.record(db, actor, "course.update", "course", course.id, now, fields=sorted(values))
    return course


def archive_course(db: Session, actor: Actor, course_id: int, now: datetime, *, archived: bool) -> Course:
    """Put a course away at the end of its term, or take it out again; nothing of it is deleted."""
    course = require_course(db, actor, course_id, lead=True)
    running = select(ClassSession.id).where(
        ClassSession.course_id == course_id, ClassSession.state == SessionState.OPEN
    )
    if archived and db.scalar(running) is not None:
        raise ConflictError("a session of this course is open; close it first", code="session_open")
    if (course.archived_at is not None) != archived:
        course.archived_at = now if archived else None
        course.version += 1
        audit.record(db, actor, "course.archive" if archived else "course.restore", "course", course.id, now)
    return course


def list_staff(db: Session, actor: Actor, course_id: int) -> Sequence[CourseStaff]:
    """Who staffs the course, leads first."""
    require_course(db, actor, course_id)
    query = (
        select(CourseStaff)
        .join(CourseStaff.user)
        .where(CourseStaff.course_id == course_id)
        .order_by(CourseStaff.is_lead.desc(), UserAccount.name, UserAccount.id)
    )
    return db.scalars(query).all()


def put_staff(
    db: Session,
    actor: Actor,
    course_id: int,
    user_id: int,
    now: datetime,
    *,
    is_lead: bool,
    may_enrol: bool | None = None,
) -> CourseStaff:
    """Put somebody on the staff of the course, or change whether they lead it or are appointed for enrolment (None: as
    it is). A lead changes only who of the staff leads; which other accounts there are, they are not told. Raises
    InvalidRequestError for an account that cannot."""
    _lock_staff(db, actor, course_id)
    staff = db.get(CourseStaff, (course_id, user_id), populate_existing=True)
    if not actor.is_admin and (staff is None or may_enrol not in (None, staff.may_enrol)):
        raise ForbiddenError(
            "only an admin puts somebody on the staff of a course or appoints them for enrolment", code="role"
        )
    user = db.get(UserAccount, user_id)
    if user is None or user.disabled_at is not None:
        raise NotFoundError(f"there is no user {user_id} who could be on the staff")
    if user.role is Role.VIEWER and (is_lead or may_enrol):
        raise InvalidRequestError(
            "a viewer neither leads a course nor enrols; change the role of the account first", code="role"
        )
    if staff is None:
        staff = CourseStaff(course_id=course_id, user_id=user_id, added_at=now, is_lead=False, may_enrol=False)
        db.add(staff)
    elif staff.is_lead and not is_lead:
        _check_not_last_lead(db, actor, staff)
    staff.is_lead = is_lead
    if may_enrol is not None:
        staff.may_enrol = may_enrol
    db.flush()
    audit.record(
        db,
        actor,
        "course.staff.put",
        "course",
        course_id,
        now,
        user_id=user_id,
        is_lead=is_lead,
        may_enrol=staff.may_enrol,
    )
    return staff


def remove_staff(db: Session, actor: Actor, course_id: int, user_id: int, now: datetime) -> None:
    """Take somebody off the staff. An instructor cannot take off themselves as the last lead."""
    _lock_staff(db, actor, course_id)
    staff = db.get(CourseStaff, (course_id, user_id), populate_existing=True)
    if staff is None:
        raise NotFoundError(f"user {user_id} is not on the staff of this course")
    if staff.is_lead:
        _check_not_last_lead(db, actor, staff)
    db.delete(staff)
    audit.record(db, actor, "course.staff.remove", "course", course_id, now, user_id=user_id)


def _lock_staff(db: Session, actor: Actor, course_id: int) -> None:
    """Two leads who give up at once must not leave the course without one."""
    require_course(db, actor, course_id, lead=True)
    db.get_one(Course, course_id, with_for_update={"key_share": True}, populate_existing=True)
    require_course(db, actor, course_id, lead=True)


def _check_not_last_lead(db: Session, actor: Actor, staff: CourseStaff) -> None:
    """Raise ConflictError if nobody else who may log in leads the course; an admin may leave it so."""
    others = (
        select(CourseStaff.user_id)
        .join(CourseStaff.user)
        .where(
            CourseStaff.course_id == staff.course_id,
            CourseStaff.is_lead,
            CourseStaff.user_id != staff.user_id,
            UserAccount.role != Role.VIEWER,
            UserAccount.disabled_at.is_(None),
        )
    )
    if not actor.is_admin and db.scalar(others.limit(1)) is None:
        raise ConflictError("somebody else must lead the course first", code="last_lead")


def _flush(db: Session, course: Course) -> None:
    code, term = course.code, course.term
    try:
        db.flush()
    except IntegrityError as error:
        raise ConflictError(
            f"there is a course {code} in {term} already",
            code="duplicate",
            errors=[{"field": "code", "message": "exists in this term already"}],
        ) from error
