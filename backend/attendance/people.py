"""Students: who they are, and who may change what of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, exists, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from attendance import audit, external_ids
from attendance.access import require_course, require_person, require_student, visible_student_ids
from attendance.actor import Actor
from attendance.models import (
    Consent,
    Enrolment,
    Erasure,
    ErasureKind,
    FaceImage,
    FaceImageState,
    Student,
    StudentStatus,
)
from attendance.paging import Page, page_of
from attendance.spreadsheets import neutralise
from attendance.versions import check_version
from errors import ConflictError, ForbiddenError, InvalidRequestError

LONGEST_NAME = 200
LONGEST_EMAIL = 254
_EMAIL = re.compile(r"[^\s@,;<>()\"]+@[^\s@,;<>()\"]+\.[^\s@,;<>()\".]+")
# Marks of writing direction: with one, a list shows the names after it the wrong way round.
_DIRECTIONS = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class StudentOrder(StrEnum):
    NAME = "name"
    EXTERNAL_ID = "external_id"


@dataclass(frozen=True, slots=True)
class Person:
    """A student, whether a consent is active, how many face images are stored, and whether identity, consent and photos
    are for whoever asks."""

    student: Student
    has_consent: bool
    face_images: int
    may_manage: bool


def list_students(
    db: Session,
    actor: Actor,
    *,
    q: str | None = None,
    course_id: int | None = None,
    status: StudentStatus | None = None,
    has_consent: bool | None = None,
    has_face_images: bool | None = None,
    sort: StudentOrder = StudentOrder.NAME,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Person]:
    """The students whom ``actor`` may see: those of their courses, an admin all. q: words that the name or the external
    id contains. course_id: who is or was enrolled there. status: default: all but those who were erased."""
    query = select(Student)
    if course_id is not None:
        require_course(db, actor, course_id)
        query = query.where(Student.id.in_(select(Enrolment.student_id).where(Enrolment.course_id == course_id)))
    elif not actor.is_admin:
        query = query.where(Student.id.in_(visible_student_ids(actor)))
    query = query.where(Student.status == status if status else Student.status != StudentStatus.ERASED)
    if has_consent is not None:
        active = exists().where(Consent.student_id == Student.id, Consent.is_active)
        query = query.where(active if has_consent else ~active)
    if has_face_images is not None:
        stored = exists().where(FaceImage.student_id == Student.id, FaceImage.state == FaceImageState.STORED)
        query = query.where(stored if has_face_images else ~stored)
    query = matching(query, q)
    first = Student.name if sort is StudentOrder.NAME else Student.external_id
    page = page_of(db, query, (first, Student.id), cursor=cursor, limit=limit)
    return Page(persons_of(db, actor, page.items), page.next_cursor)


def matching(query: Select[Any], q: str | None) -> Select[Any]:
    """``query``, which reads Student, with only those of whom the name or the external id contains each word of
    ``q``."""
    for word in (q or "").split():
        named = func.lower(Student.name).contains(word.lower(), autoescape=True)
        query = query.where(or_(named, Student.external_key.contains(external_ids.key_of(word), autoescape=True)))
    return query


def persons_of(db: Session, actor: Actor, students: Sequence[Student]) -> list[Person]:
    """``students`` with what is asked of each most often."""
    ids = [student.id for student in students]
    consented, images = consenting(db, ids), image_counts(db, ids)
    managed = select(Student.id).where(Student.id.in_(ids), Student.id.in_(visible_student_ids(actor, to_manage=True)))
    theirs = frozenset(db.scalars(managed))
    return [
        Person(student, student.id in consented, images.get(student.id, 0), student.id in theirs)
        for student in students
    ]


def consenting(db: Session, student_ids: Sequence[int]) -> frozenset[int]:
    """Which of these have an active consent."""
    query = select(Consent.student_id).where(Consent.student_id.in_(student_ids), Consent.is_active)
    return frozenset(db.scalars(query))


def image_counts(db: Session, student_ids: Sequence[int]) -> dict[int, int]:
    """Student -> number of face images that are stored; those without any are left out."""
    query = (
        select(FaceImage.student_id, func.count())
        .where(FaceImage.student_id.in_(student_ids), FaceImage.state == FaceImageState.STORED)
        .group_by(FaceImage.student_id)
    )
    return dict(db.execute(query).all())


def read_student(db: Session, actor: Actor, student_id: int) -> Person:
    return persons_of(db, actor, [require_student(db, actor, student_id)])[0]


def check_values(values: Mapping[str, Any]) -> None:
    """Raise InvalidRequestError that names each of external_id, name and email in ``values`` that cannot be one."""
    errors = problems(values)
    if errors:
        first = errors[0]
        raise InvalidRequestError(f"{first['field']} {first['message']}", errors=errors)


def problems(values: Mapping[str, Any]) -> list[dict[str, object]]:
    """What is wrong with the external_id, the name and the email in ``values``, those of them that are there."""
    found = (
        ("external_id", external_ids.problem(values["external_id"]) if "external_id" in values else None),
        ("name", name_problem(values["name"]) if "name" in values else None),
        ("email", email_problem(values["email"]) if values.get("email") else None),
    )
    return [{"field": field, "message": message} for field, message in found if message]


def name_problem(name: str) -> str | None:
    """Why ``name`` cannot be a student's, or None. To be read after "the name"."""
    if not name.strip():
        return "is empty"
    if len(name) > LONGEST_NAME:
        return f"has {len(name)} characters, more than {LONGEST_NAME}"
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        return "contains control characters or is not valid text"
    if not _DIRECTIONS.isdisjoint(name):
        return "contains marks of writing direction, which cannot be seen; type it again without them"
    if neutralise(name) != name:
        return f"begins with '{name.lstrip()[:1]}', which spreadsheets take for a formula"
    return None


def email_problem(email: str) -> str | None:
    """Why ``email`` cannot be an address, or None. To be read after "the email"."""
    if len(email) > LONGEST_EMAIL:
        return f"has {len(email)} characters, more than {LONGEST_EMAIL}"
    printable = all(unicodedata.category(character)[0] in "LMNPS" for character in email)
    if not printable or not _EMAIL.fullmatch(email) or neutralise(email) != email:
        return "is not an address such as anna@example.org"
    return None


def create_student(db: Session, actor: Actor, values: Mapping[str, Any], now: datetime) -> Student:
    """A new student. values: external_id, name, email. Raises InvalidRequestError, ConflictError when the id is taken:
    for admins only, as it tells that the id is."""
    check_values(values)
    _check_not_erasing(db, values["external_id"])
    student = Student(**values, status=StudentStatus.ACTIVE, created_at=now, version=1)
    db.add(student)
    _flush(db, student.external_id)
    audit.record(db, actor, "student.create", "student", student.id, now)
    return student


def update_student(
    db: Session, actor: Actor, student_id: int, values: Mapping[str, Any], expected: int | None, now: datetime
) -> Person:
    """Change a student's name, email or status, or the external_id: an admin, as it tells whether another student has
    it, and only while nothing is filed under the old one, which models forget."""
    require_person(db, actor, student_id)
    if "external_id" in values and not actor.is_admin:
        raise ForbiddenError("only an admin changes a student's external_id", code="role")
    student = lock_student(db, student_id)
    if student.status is StudentStatus.ERASED:
        raise ConflictError("this student was erased", code="erased")
    check_version(student, expected)
    check_values(values)
    if values.get("external_id", student.external_id) != student.external_id:
        _check_nothing_filed(db, student_id)
        _check_not_erasing(db, values["external_id"])
        if external_ids.key_of(values["external_id"]) != student.external_key:  # else it is the same id
            _retire_id(db, actor, student, now)
    for name, value in values.items():
        setattr(student, name, value)
    student.version += 1
    _flush(db, student.external_id)
    audit.record(db, actor, "student.update", "student", student_id, now, fields=sorted(values))
    return persons_of(db, actor, [student])[0]


def lock_student(db: Session, student_id: int) -> Student:
    """The student's row, held until the transaction ends: as whoever changes it, or gives, uses or withdraws a consent
    must do before looking at it. What only refers to the student need not wait."""
    return db.get_one(Student, student_id, with_for_update={"key_share": True}, populate_existing=True)


def being_erased(db: Session) -> frozenset[str]:
    """Keys of the ids under which something is still to be erased: a new student of this id would lose it too."""
    query = select(Erasure.external_id).where(Erasure.completed_at.is_(None))
    return frozenset(external_ids.key_of(found) for found in db.scalars(query) if found is not None)


def id_taken(external_id: str) -> ConflictError:
    return ConflictError(
        f"there is a student with the id {external_id} already, or one that differs only in case or form. An existing "
        "student is enrolled in a course by POST /courses/{id}/enrolments",
        code="duplicate",
        errors=[{"field": "external_id", "message": "exists already"}],
    )


def _check_nothing_filed(db: Session, student_id: int) -> None:
    if db.scalar(select(FaceImage.id).where(FaceImage.student_id == student_id).limit(1)) is not None:
        raise ConflictError(
            "face images are filed under this id; delete them first, change the id, then enrol the face again",
            code="has_faces",
        )
    erasing = select(Erasure.id).where(Erasure.student_id == student_id, Erasure.completed_at.is_(None))
    if db.scalar(erasing.limit(1)) is not None:
        raise ConflictError("what was filed under this id is still being erased; try again in a minute", code="erasing")


def _check_not_erasing(db: Session, external_id: str) -> None:
    if external_ids.key_of(external_id) in being_erased(db):
        raise ConflictError(
            "what was filed under this id before is still being erased; try again in a minute",
            code="erasing",
            errors=[{"field": "external_id", "message": "is still being erased"}],
        )


def _retire_id(db: Session, actor: Actor, student: Student, now: datetime) -> None:
    """Have what models know under the old id erased: whoever is given it next must not be taken for this student."""
    if db.scalar(select(Consent.id).where(Consent.student_id == student.id).limit(1)) is None:
        return
    db.add(
        Erasure(
            student_id=student.id,
            kind=ErasureKind.FACE,
            external_id=student.external_id,
            shas=[],
            steps={},
            requested_by=actor.user_id,
            requested_at=now,
        )
    )


def _flush(db: Session, external_id: str) -> None:
    try:
        db.flush()
    except IntegrityError as error:
        raise id_taken(external_id) from error
