"""Who belongs to a course on a day, and which of them a camera may recognise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from attendance.days import local_day
from attendance.models import ClassSession, Consent, Enrolment, Student, StudentStatus


def enrolled_on(day: date) -> ColumnElement[bool]:
    """The condition that an enrolment covers ``day``."""
    return and_(Enrolment.starts_on <= day, or_(Enrolment.ends_on.is_(None), Enrolment.ends_on >= day))


def enrolled_students(db: Session, course_id: int, day: date) -> Sequence[Student]:
    """The students of the course on ``day``, by name."""
    query = (
        select(Student)
        .join(Enrolment, Enrolment.student_id == Student.id)
        .where(Enrolment.course_id == course_id, enrolled_on(day))
        .order_by(Student.name, Student.external_id)
    )
    return db.scalars(query).unique().all()


def session_day(session: ClassSession) -> date:
    """The day of a session in its course's time zone."""
    return local_day(session.starts_at, session.course.timezone)


def recognisable(db: Session, session: ClassSession) -> dict[str, int]:
    """external_id -> id of the students whom the camera may recognise in ``session``: enrolled on its day, and with a
    consent."""
    query = (
        select(Student.external_id, Student.id)
        .join(Enrolment, Enrolment.student_id == Student.id)
        .join(Consent, and_(Consent.student_id == Student.id, Consent.is_active))
        .where(
            Enrolment.course_id == session.course_id,
            enrolled_on(session_day(session)),
            Student.status == StudentStatus.ACTIVE,
        )
    )
    return dict(db.execute(query).all())


def without_consent(db: Session) -> frozenset[str]:
    """The external ids of those who once consented and no longer do. A model that was trained before may still know
    them; from the moment of their withdrawal nobody may be told so."""
    active = select(Consent.student_id).where(Consent.is_active)
    query = (
        select(Student.external_id)
        .join(Consent, Consent.student_id == Student.id)
        .where(Student.id.not_in(active))
        .distinct()
    )
    return frozenset(db.scalars(query))
