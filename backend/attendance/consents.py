"""Consents: without one nothing of a face is kept; once it is withdrawn nothing of the face stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from attendance import audit
from attendance.access import require_person
from attendance.actor import Actor
from attendance.models import (
    Consent,
    ConsentMethod,
    Erasure,
    ErasureKind,
    FaceImage,
    FaceImageState,
    Student,
    StudentStatus,
)
from attendance.people import lock_student
from errors import ConflictError, ForbiddenError, InvalidRequestError


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """consent: which was ended. erasure: of what had been made of the face."""

    consent: Consent
    erasure: Erasure


@dataclass(frozen=True, slots=True)
class Numbers:
    """students: all but the erased. with_consent: of these. withdrawn: consents that were ended. face_images: photos
    kept to train on. by_policy_version: active consents, as (version of the text, how many), the most first."""

    students: int
    with_consent: int
    withdrawn: int
    face_images: int
    by_policy_version: Sequence[tuple[str, int]]


def numbers(db: Session) -> Numbers:
    """How many consented, of the whole school."""

    def count(column: Any, *conditions: Any) -> int:
        return db.scalar(select(func.count(column)).where(*conditions)) or 0

    by_version = (
        select(Consent.policy_version, func.count(Consent.id))
        .where(Consent.is_active)
        .group_by(Consent.policy_version)
        .order_by(func.count(Consent.id).desc(), Consent.policy_version)
    )
    return Numbers(
        students=count(Student.id, Student.status != StudentStatus.ERASED),
        with_consent=count(Consent.id, Consent.is_active),
        withdrawn=count(Consent.id, ~Consent.is_active),
        face_images=count(FaceImage.id, FaceImage.state == FaceImageState.STORED),
        by_policy_version=[(version, count) for version, count in db.execute(by_version)],
    )


def list_consents(db: Session, actor: Actor, student_id: int) -> Sequence[Consent]:
    """The student's consents, the latest first."""
    require_person(db, actor, student_id)
    query = select(Consent).where(Consent.student_id == student_id)
    return db.scalars(query.order_by(Consent.given_at.desc(), Consent.id.desc())).all()


def active_consent(db: Session, student_id: int) -> Consent | None:
    """The student's consent that is not withdrawn."""
    return db.scalar(select(Consent).where(Consent.student_id == student_id, Consent.is_active))


def require_consent(db: Session, student_id: int) -> Consent:
    """The student's active consent, which nobody withdraws until this transaction ends, for something to be filed under
    it. Raises ConflictError."""
    consent = _locked_consent(db, student_id)
    _check_not_erasing(db, student_id)
    return consent


def give(
    db: Session,
    actor: Actor,
    student_id: int,
    now: datetime,
    *,
    method: ConsentMethod,
    policy_version: str,
    evidence: str = "",
    given_at: datetime | None = None,
) -> Consent:
    """Record that the student consented. given_at: when, default ``now``. evidence: where the proof is."""
    require_person(db, actor, student_id)
    if actor.user_id is None:
        raise ForbiddenError("a consent is recorded by a person")
    given_at = given_at or now
    if given_at > now:
        raise InvalidRequestError(
            "a consent cannot be given in the future; record it when it is given",
            code="future",
            errors=[{"field": "given_at", "message": "lies in the future"}],
        )
    if lock_student(db, student_id).status is StudentStatus.ERASED:
        raise ConflictError("this student was erased", code="erased")
    if active_consent(db, student_id) is not None:
        raise ConflictError(
            "this student has consented already; withdraw that consent first if another one takes its place",
            code="consent_active",
        )
    _check_not_erasing(db, student_id)
    consent = Consent(
        student_id=student_id,
        policy_version=policy_version,
        method=method,
        evidence=evidence,
        given_at=given_at,
        recorded_by=actor.user_id,
    )
    db.add(consent)
    db.flush()
    audit.record(
        db, actor, "consent.give", "student", student_id, now, consent_id=consent.id, policy_version=policy_version
    )
    return consent


def withdraw(db: Session, actor: Actor, student_id: int, now: datetime) -> Erasure:
    """End the student's consent, and order that everything made of the face is erased; from the moment this is
    committed nobody is told who it is. The attendance stays. Raises ConflictError when there is no consent."""
    require_person(db, actor, student_id)
    consent = _locked_consent(db, student_id)
    end_consent(consent, actor, now)
    erasure = order_erasure(db, actor, student_id, ErasureKind.FACE, now)
    audit.record(
        db, actor, "consent.withdraw", "student", student_id, now, consent_id=consent.id, erasure_id=erasure.id
    )
    return erasure


def withdrawal(db: Session, erasure_id: int) -> Withdrawal:
    """How far the erasure is that ``withdraw`` gave."""
    erasure = db.get_one(Erasure, erasure_id, populate_existing=True)
    ended = (
        select(Consent)
        .where(Consent.student_id == erasure.student_id, ~Consent.is_active)
        .order_by(Consent.withdrawn_at.desc(), Consent.id.desc())
        .limit(1)
    )
    return Withdrawal(db.scalars(ended).one(), erasure)


def end_consent(consent: Consent, actor: Actor, now: datetime) -> None:
    consent.withdrawn_at, consent.withdrawn_by = now, actor.user_id


def order_erasure(db: Session, actor: Actor, student_id: int, kind: ErasureKind, now: datetime) -> Erasure:
    """Take the student's face images out of use, and write down that they, and what was made of them, are to be
    erased. The caller has ended the consent, holding ``lock_student``."""
    images = db.scalars(select(FaceImage).where(FaceImage.student_id == student_id)).all()
    for image in images:
        image.state = FaceImageState.ERASING
    erasure = Erasure(
        student_id=student_id,
        kind=kind,
        external_id=db.get_one(Student, student_id).external_id,
        shas=sorted(image.sha256 for image in images),
        steps={},
        requested_by=actor.user_id,
        requested_at=now,
    )
    db.add(erasure)
    db.flush()
    return erasure


def _locked_consent(db: Session, student_id: int) -> Consent:
    lock_student(db, student_id)
    consent = active_consent(db, student_id)
    if consent is None:
        raise ConflictError(
            "this student has not consented to be recognised by face; record the consent first", code="no_consent"
        )
    return consent


def _check_not_erasing(db: Session, student_id: int) -> None:
    # an erasure goes by the student's folder: it would take new images with the old ones
    erasing = select(Erasure.id).where(Erasure.student_id == student_id, Erasure.completed_at.is_(None))
    if db.scalar(erasing.limit(1)) is not None:
        raise ConflictError(
            "what was made of this student's face before is still being erased; try again in a minute", code="erasing"
        )
