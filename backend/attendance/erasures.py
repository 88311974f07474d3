"""Erasures: what was ordered, how far it is, and a student's name taken out of what the database keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from attendance import audit, consents, external_ids, own_data, people
from attendance.access import require_student
from attendance.actor import Actor, system_actor
from attendance.models import (
    Consent,
    EnrolmentRequest,
    Erasure,
    ErasureKind,
    Excuse,
    ReviewItem,
    Student,
    StudentStatus,
    TrainingJob,
)
from attendance.paging import Page, page_of
from errors import ConflictError, ForbiddenError, InvalidRequestError, NotFoundError

PROBLEM = "problem"  # of a step: why something is left
_LONGEST_PROBLEM = 1000  # characters, of the column


@dataclass(frozen=True, slots=True)
class Order:
    """An erasure that is not done. external_id: the folder and the class of the model. shas: of the images that are
    known."""

    id: int
    student_id: int
    kind: ErasureKind
    requested_at: datetime
    external_id: str | None
    shas: tuple[str, ...]


class Past(Protocol):
    """An erasure that was written down outside the database."""

    @property
    def at(self) -> datetime: ...

    @property
    def kind(self) -> ErasureKind: ...

    def is_of(self, external_id: str) -> bool:
        """Whether ``external_id`` was the student's."""
        ...


def order(db: Session, actor: Actor, student_id: int, confirmation: str, now: datetime) -> Erasure:
    """Erase a student: name, email and id are gone at once, everything made of the face is ordered to go. The
    attendance of nobody in particular stays. confirmation: the student's external id, typed by the admin."""
    if not actor.is_admin:
        raise ForbiddenError("only an admin erases a student", code="role")
    require_student(db, actor, student_id)
    student = people.lock_student(db, student_id)
    if student.status is StudentStatus.ERASED:
        raise ConflictError("this student was erased already", code="erased")
    if external_ids.normalised(confirmation) != student.external_id:
        raise InvalidRequestError(
            "type the student's external id to confirm; what was typed is another one",
            code="confirmation",
            errors=[{"field": "external_id", "message": "is not the id of this student"}],
        )
    return _order_student(db, actor, student, now)


def order_without_consent(db: Session, external_id: str, now: datetime) -> int:
    """Order that everything made of the face of a student without consent is erased: photos that were put into the
    folder by hand, a model that was trained on them. The id of the order. Raises NotFoundError, ConflictError."""
    student_id = db.scalar(select(Student.id).where(Student.external_key == external_ids.key_of(external_id)))
    if student_id is None:
        raise NotFoundError(f"there is no student with the id {external_id}")
    people.lock_student(db, student_id)
    if consents.active_consent(db, student_id) is not None:
        raise ConflictError(
            "this student consented; withdraw the consent first, which erases everything", code="consent"
        )
    erasure = consents.order_erasure(db, system_actor(), student_id, ErasureKind.FACE, now)
    audit.record(db, system_actor(), "erasure.order", "student", student_id, now, erasure_id=erasure.id)
    return erasure.id


def forgotten(db: Session, past: Iterable[Past]) -> list[tuple[Past, int]]:
    """Those of ``past`` that the database knows nothing of, because it was restored from a backup made before them,
    each with the id of the student whom it brought back. A student who was added later under the same id is another
    one."""
    known = {(kind, at) for kind, at in db.execute(select(Erasure.kind, Erasure.requested_at))}
    left = [each for each in past if (each.kind, each.at) not in known]
    if not left:
        return []
    students = db.execute(
        select(Student.id, Student.external_id, Student.created_at).where(Student.status != StudentStatus.ERASED)
    ).all()
    # an erasure that was repeated is a later one
    latest = dict(
        db.execute(select(Erasure.student_id, func.max(Erasure.requested_at)).group_by(Erasure.student_id)).all()
    )
    found: dict[int, Past] = {}
    for each in sorted(left, key=lambda past: (past.kind is ErasureKind.STUDENT, past.at)):
        for student_id, external_id, created_at in students:
            done = student_id in latest and latest[student_id] >= each.at
            if created_at <= each.at and not done and each.is_of(external_id):
                found[student_id] = each  # the last is the one that takes most
    return [(past, student_id) for student_id, past in found.items()]


def order_again(db: Session, past: Past, student_id: int, now: datetime) -> int | None:
    """Order once more what ``forgotten`` found; the id of the order, None when somebody else has."""
    student = people.lock_student(db, student_id)
    if (past, student_id) not in forgotten(db, [past]):
        return None
    actor = system_actor()
    if past.kind is ErasureKind.STUDENT:
        erasure = _order_student(db, actor, student, now)
    else:
        consent = consents.active_consent(db, student_id)
        if consent is not None:
            consents.end_consent(consent, actor, now)
        erasure = consents.order_erasure(db, actor, student_id, ErasureKind.FACE, now)
    audit.record(db, actor, "erasure.repeat", "student", student_id, now, erasure_id=erasure.id)
    return erasure.id


def order_of_erased(db: Session, student_id: int, external_id: str, now: datetime) -> int:
    """Order that what was filed under ``external_id``, once the id of a student who is erased, is erased again. The id
    of the order. Raises ConflictError when the student is not erased."""
    student = db.get(Student, student_id)
    if student is None or student.status is not StudentStatus.ERASED:
        raise ConflictError(f"student {student_id} is not erased", code="not_erased")
    erasure = consents.order_erasure(db, system_actor(), student_id, ErasureKind.STUDENT, now)
    erasure.external_id = external_id
    audit.record(db, system_actor(), "erasure.order", "student", student_id, now, erasure_id=erasure.id)
    return erasure.id


def list_erasures(db: Session, *, cursor: str | None = None, limit: int = 50) -> Page[Erasure]:
    """All of them, the latest first."""
    return page_of(db, select(Erasure), (Erasure.id,), descending=True, cursor=cursor, limit=limit)


def require_erasure(db: Session, erasure_id: int) -> Erasure:
    erasure = db.get(Erasure, erasure_id, populate_existing=True)
    if erasure is None:
        raise NotFoundError(f"there is no erasure {erasure_id}")
    return erasure


def pending(db: Session) -> list[Order]:
    """What is not done, the oldest first."""
    query = select(Erasure).where(Erasure.completed_at.is_(None)).order_by(Erasure.id)
    return [
        Order(each.id, each.student_id, each.kind, each.requested_at, each.external_id, tuple(each.shas))
        for each in db.scalars(query)
    ]


def note_shas(db: Session, erasure_id: int, shas: set[str]) -> tuple[str, ...]:
    """Write down more images before they are deleted, so that what was remembered of them is found; all of them."""
    erasure = db.get_one(Erasure, erasure_id, with_for_update=True, populate_existing=True)
    erasure.shas = sorted({*erasure.shas, *shas})
    return tuple(erasure.shas)


def note_step(db: Session, erasure_id: int, step: str, found: Mapping[str, Any], problem: str | None) -> None:
    """Note what was done; counts are added to those of an earlier attempt. problem: why something is left; of an
    earlier attempt it is forgotten."""
    erasure = db.get_one(Erasure, erasure_id, with_for_update=True, populate_existing=True)
    before = {name: value for name, value in erasure.steps.get(step, {}).items() if name != PROBLEM}
    noted = _added(before, found) if problem is None else {**_added(before, found), PROBLEM: problem}
    erasure.steps = {**erasure.steps, step: noted}


def forget_whose(db: Session, erasure_id: int) -> None:
    """Forget the id and the hashes, by which what is to be erased was found: nothing of it is left."""
    erasure = db.get_one(Erasure, erasure_id, with_for_update=True, populate_existing=True)
    erasure.external_id, erasure.shas = None, []


def complete(db: Session, erasure_id: int, now: datetime) -> bool:
    """Note that nothing is left; False when somebody else has already."""
    erasure = db.get_one(Erasure, erasure_id, with_for_update=True, populate_existing=True)
    if erasure.completed_at is not None:
        return False
    erasure.completed_at, erasure.problem = now, None
    audit.record(db, system_actor(), "erasure.complete", "student", erasure.student_id, now, erasure_id=erasure.id)
    return True


def fail(db: Session, erasure_id: int, problem: str) -> None:
    """Note why it is not done yet."""
    erasure = db.get_one(Erasure, erasure_id, with_for_update=True, populate_existing=True)
    if erasure.completed_at is None:
        erasure.problem = problem[:_LONGEST_PROBLEM]


def clean_reviews(db: Session, student_id: int) -> int:
    """Take the student out of the candidates of doubtful faces; of how many."""
    count = 0
    for item in db.scalars(select(ReviewItem)):
        kept = [each for each in item.candidates if each.get("student_id") != student_id]
        if len(kept) != len(item.candidates):
            item.candidates, item.version = kept, item.version + 1
            count += 1
    return count


def clean_trainings(db: Session, named: Callable[[str], bool]) -> int:
    """Take out what trainings said went wrong where it names the student; of how many. named: whether a text does."""
    count = 0
    for job in db.scalars(select(TrainingJob).where(TrainingJob.problem.is_not(None))):
        if job.problem is not None and named(job.problem):
            job.problem = "(the reason named a student who was erased)"
            count += 1
    return count


def export(db: Session, actor: Actor, student_id: int, now: datetime) -> dict[str, Any]:
    """Everything that is kept about a student but the pictures, ready for JSON. face_images names those."""
    if not actor.is_admin:
        raise ForbiddenError("only an admin exports a student's data", code="role")
    student = require_student(db, actor, student_id)
    audit.record(db, actor, "student.export", "student", student_id, now)
    return own_data.of_student(db, student, now)


def _order_student(db: Session, actor: Actor, student: Student, now: datetime) -> Erasure:
    consent = consents.active_consent(db, student.id)
    if consent is not None:
        consents.end_consent(consent, actor, now)
    erasure = consents.order_erasure(db, actor, student.id, ErasureKind.STUDENT, now)
    db.execute(delete(EnrolmentRequest).where(EnrolmentRequest.external_key == student.external_key))
    student.external_id = student.name = external_ids.erased_id(student.id)
    student.email, student.status = None, StudentStatus.ERASED
    student.version += 1
    _forget_words(db, student.id)
    audit.record(db, actor, "student.erase", "student", student.id, now, erasure_id=erasure.id)
    db.flush()
    return erasure


def _forget_words(db: Session, student_id: int) -> None:
    """Free text about the student that may name them: reasons of excuses, evidence of consents."""
    for excuse in db.scalars(select(Excuse).where(Excuse.student_id == student_id)):
        excuse.text = ""
    for consent in db.scalars(select(Consent).where(Consent.student_id == student_id)):
        consent.evidence = ""


def _added(before: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(before)
    for name, value in found.items():
        old = before.get(name)
        if isinstance(value, int) and isinstance(old, int):
            result[name] = old + value
        elif isinstance(value, Mapping) and isinstance(old, Mapping):
            result[name] = {**old, **value}
        else:
            result[name] = value
    return result
