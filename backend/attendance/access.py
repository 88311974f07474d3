"""Which courses, sessions and students somebody may reach. Admins reach all of them, others only the courses they staff
and the students of these. Teaching a course gives access to its sheet. Identity, consent and photos of its students are
for admins, and for staff whom an admin has appointed for enrolment.
"""

from __future__ import annotations

from sqlalchemy import Select, false, select
from sqlalchemy.orm import Session

from attendance.actor import Actor
from attendance.models import AttendanceRecord, ClassSession, Course, CourseStaff, Enrolment, Role, Student
from errors import ForbiddenError, NotFoundError


def require_course(
    db: Session,
    actor: Actor,
    course_id: int,
    *,
    change: bool = False,
    lead: bool = False,
    roster: bool = False,
) -> Course:
    """The course, if ``actor`` may see it; with ``change`` if they may take attendance in it, with ``lead`` if they
    may change the course and locked sessions, with ``roster`` if they may change who is in it. Raises NotFoundError,
    ForbiddenError."""
    course = db.get(Course, course_id)
    if course is None:
        raise NotFoundError(f"there is no course {course_id}")
    _check_course(db, actor, course_id, change=change, lead=lead, roster=roster)
    return course


def _check_course(db: Session, actor: Actor, course_id: int, *, change: bool, lead: bool, roster: bool = False) -> None:
    """``require_course`` of a course that is known to exist: each frame asks, and need not read it."""
    if actor.is_admin:
        return
    staff = db.get(CourseStaff, (course_id, actor.user_id))
    if staff is None:
        raise ForbiddenError("you are not on the staff of this course; an admin can add you", code="foreign_course")
    if (change or lead or roster) and actor.role is not Role.INSTRUCTOR:
        raise ForbiddenError("your account may only look, not change anything", code="role")
    if lead and not staff.is_lead:
        raise ForbiddenError("only a lead of this course may do this", code="not_lead")
    if roster and not (staff.is_lead or staff.may_enrol):
        raise ForbiddenError(
            "only a lead of this course, or somebody appointed for enrolment, may do this", code="not_lead"
        )


def require_session(
    db: Session, actor: Actor, session_id: int, *, change: bool = False, lead: bool = False, lock: bool = False
) -> ClassSession:
    """The session, under the rules of ``require_course``. lock: hold its row until the transaction ends, as everybody
    who changes its state or its marks must, before anything else is read."""
    query = select(ClassSession).where(ClassSession.id == session_id)
    if lock:
        # not what this session of the mapper remembers: another process may have changed it before we had the lock
        query = query.with_for_update(of=ClassSession).execution_options(populate_existing=True)
    found = db.scalar(query)
    if found is None:
        raise NotFoundError(f"there is no session {session_id}")
    _check_course(db, actor, found.course_id, change=change, lead=lead)
    return found


def require_record(db: Session, actor: Actor, record_id: int, *, change: bool = False) -> AttendanceRecord:
    """The record, under the rules of its course; with ``change`` the row of its session is locked first."""
    session_id = db.scalar(select(AttendanceRecord.session_id).where(AttendanceRecord.id == record_id))
    if session_id is None:
        raise NotFoundError(f"there is no attendance record {record_id}")
    require_session(db, actor, session_id, change=change, lock=change)
    return db.get_one(AttendanceRecord, record_id, populate_existing=True)


def require_student(db: Session, actor: Actor, student_id: int) -> Student:
    """The student, if ``actor`` staffs a course that the student is or was enrolled in. Raises NotFoundError, the same
    whether there is no such student or one whom they may not see."""
    student = db.get(Student, student_id)
    if actor.is_admin and student is None:
        raise NotFoundError(f"there is no student {student_id}")
    if student is None or not _includes(db, visible_student_ids(actor), student_id):
        raise NotFoundError(f"there is no student {student_id} in your courses")
    return student


def require_person(db: Session, actor: Actor, student_id: int) -> Student:
    """The student, if ``actor`` may manage their identity, consent and photos. Raises as ``require_student``, and
    ForbiddenError."""
    student = require_student(db, actor, student_id)
    if not _includes(db, visible_student_ids(actor, to_manage=True), student_id):
        raise ForbiddenError(
            "a student's identity, consent and photos are for admins, and for staff whom an admin has appointed for "
            "enrolment in one of the student's courses",
            code="not_appointed",
        )
    return student


def visible_student_ids(actor: Actor, *, to_manage: bool = False) -> Select[int]:
    """A query for the ids of the students whom ``actor`` may see, to be used in an IN; with ``to_manage`` of those
    whose identity, consent and photos are for ``actor``."""
    if actor.is_admin:
        return select(Student.id)
    query = (
        select(Enrolment.student_id)
        .join(CourseStaff, CourseStaff.course_id == Enrolment.course_id)
        .where(CourseStaff.user_id == actor.user_id)
    )
    if to_manage:
        query = query.where(CourseStaff.may_enrol if actor.role is Role.INSTRUCTOR else false())
    return query


def _includes(db: Session, ids: Select[int], student_id: int) -> bool:
    return db.scalar(select(Student.id).where(Student.id == student_id, Student.id.in_(ids))) is not None


def visible_course_ids(actor: Actor) -> Select[int]:
    """A query for the ids of the courses that ``actor`` may see, to be used in an IN."""
    if actor.is_admin:
        return select(Course.id)
    return select(CourseStaff.course_id).where(CourseStaff.user_id == actor.user_id)
