"""Recognising without a session: whom somebody may be told about. Nothing is kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from attendance import rosters
from attendance.access import require_course, visible_course_ids
from attendance.actor import Actor
from attendance.days import local_day
from attendance.faces_seen import FaceDecision, FaceValues, Reason, band_of, consenting
from attendance.frames_taken import numbers_of
from attendance.models import Consent, Course, Enrolment, Student, StudentStatus

_DAY = timedelta(days=1)


def nameable(
    db: Session, actor: Actor, course_id: int | None, now: datetime
) -> tuple[dict[str, Student], frozenset[str]]:
    """External id -> student of those who may be named to ``actor``: with a consent, and enrolled today in a course
    that they may see (course_id: in that one); to an admin, everybody with a consent. And whom never to name."""
    if course_id is not None:
        require_course(db, actor, course_id)
    consent = select(Consent.student_id).where(Consent.is_active)
    students = select(Student).where(Student.status == StudentStatus.ACTIVE, Student.id.in_(consent))
    if course_id is not None or not actor.is_admin:
        students = students.where(Student.id.in_(_enrolled_now(db, actor, course_id, now)))
    return {student.external_id: student for student in db.scalars(students)}, rosters.without_consent(db)


def answer(
    db: Session, actor: Actor, course_id: int | None, faces: Sequence[FaceValues], now: datetime
) -> list[dict[str, Any]]:
    """What is said of each face. Whom may be named is read again: a consent may have gone while the networks
    computed."""
    people, _ = nameable(db, actor, course_id, now)
    elsewhere = consenting(db, [face.external_id for face in faces])
    return [_of_face(face, actor, people, elsewhere) for face in faces]


def _of_face(face: FaceValues, actor: Actor, people: dict[str, Student], elsewhere: frozenset[str]) -> dict[str, Any]:
    student = people.get(face.external_id) if face.external_id is not None else None
    candidates = [people[who] for who, _ in face.candidates if who in people] if face.decision == "uncertain" else []
    if student is not None:
        decision, reasons = FaceDecision.ACCEPTED, []
    elif face.external_id in elsewhere:
        decision, reasons = FaceDecision.NOT_ENROLLED, [Reason.NOT_ON_ROSTER]
    elif candidates:
        decision, reasons = FaceDecision.REVIEW, [Reason.DOUBTFUL]
    else:
        decision, reasons = FaceDecision.UNKNOWN, [Reason.STRANGER]
    named = decision in (FaceDecision.ACCEPTED, FaceDecision.REVIEW)
    return {
        "box": list(face.box),
        "decision": decision,
        "student": student,
        "band": band_of(face) if named else None,
        "reasons": reasons,
        "candidates": candidates,
        "numbers": numbers_of(face) if actor.is_admin else None,
    }


def _enrolled_now(db: Session, actor: Actor, course_id: int | None, now: datetime) -> list[int]:
    # each course has its own day; what was over two days ago, or begins in two, is so everywhere
    day = now.date()
    query = (
        select(Enrolment, Course.timezone)
        .join(Enrolment.course)
        .where(
            Enrolment.course_id.in_(visible_course_ids(actor)),
            Enrolment.starts_on <= day + _DAY,
            Enrolment.ends_on.is_(None) | (Enrolment.ends_on >= day - _DAY),
        )
    )
    if course_id is not None:
        query = query.where(Enrolment.course_id == course_id)
    found = []
    for enrolment, timezone in db.execute(query):
        today = local_day(now, timezone)
        if enrolment.starts_on <= today and (enrolment.ends_on is None or enrolment.ends_on >= today):
            found.append(enrolment.student_id)
    return found
