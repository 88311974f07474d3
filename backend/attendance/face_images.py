"""Face images of students with consent: which there are, from before the file is written until after it is gone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from attendance import audit
from attendance.access import require_person
from attendance.actor import Actor
from attendance.consents import active_consent, require_consent
from attendance.models import Consent, Erasure, FaceImage, FaceImageState, Student, StudentStatus
from errors import ConflictError, ForbiddenError, NotFoundError

# More tell a face no better, and cost time in every training.
MOST_IMAGES = 60
MOST_AT_ONCE = 20  # photos in one request


@dataclass(frozen=True, slots=True)
class KeptImage:
    """An image in whichever state: ``pending`` while its file is being written, ``erasing`` while it is being deleted,
    or for good when the process that did so died."""

    id: int
    student_id: int
    path: str
    sha256: str
    state: FaceImageState


def list_images(db: Session, actor: Actor, student_id: int) -> Sequence[FaceImage]:
    """The student's images, the latest first."""
    require_person(db, actor, student_id)
    query = select(FaceImage).where(FaceImage.student_id == student_id, FaceImage.state == FaceImageState.STORED)
    return db.scalars(query.order_by(FaceImage.id.desc())).all()


def require_image(db: Session, actor: Actor, image_id: int) -> FaceImage:
    """The stored image, if photos of its student are for ``actor``. Raises NotFoundError, the same for an image of
    somebody whom they may not see as for none; ForbiddenError."""
    image = db.get(FaceImage, image_id, populate_existing=True)
    if image is not None and image.state is FaceImageState.STORED:
        try:
            require_person(db, actor, image.student_id)
        except NotFoundError:
            image = None
    if image is None or image.state is not FaceImageState.STORED:
        raise NotFoundError(f"there is no face image {image_id}")
    return image


def check_may_enrol(db: Session, actor: Actor, student_id: int) -> str:
    """Raise unless ``actor`` may have a picture of the student's face looked at; the student's external id."""
    student = require_person(db, actor, student_id)
    if student.status is StudentStatus.ERASED:
        raise ConflictError("this student was erased", code="erased")
    if active_consent(db, student_id) is None:
        raise ConflictError(
            "this student has not consented to be recognised by face; record the consent first "
            f"(POST /api/v1/students/{student_id}/consents)",
            code="no_consent",
        )
    return student.external_id


def begin(
    db: Session,
    actor: Actor,
    student_id: int,
    path: str,
    sha256: str,
    quality: Mapping[str, Any],
    now: datetime,
) -> FaceImage:
    """The row of an image that is about to be written. path: below the data set folder.

    Raises ConflictError: ``no_consent``, ``too_many_images``, ``already_stored``, ``other_student``."""
    check_may_enrol(db, actor, student_id)
    if actor.user_id is None:
        raise ForbiddenError("a face is enrolled by a person")
    consent = require_consent(db, student_id)
    # read again under the lock: another request may have changed the id of the student
    if not path.startswith(f"{db.get_one(Student, student_id).external_id}/"):
        raise ConflictError("the id of this student was just changed; send the photo again", code="student_changed")
    count = select(func.count()).select_from(FaceImage).where(FaceImage.student_id == student_id)
    if (db.scalar(count) or 0) >= MOST_IMAGES:
        raise ConflictError(
            f"{MOST_IMAGES} images of this student are stored, which is enough; delete some to replace them",
            code="too_many_images",
        )
    owners = set(db.scalars(select(FaceImage.student_id).where(FaceImage.sha256 == sha256)))
    if student_id in owners:
        raise ConflictError("this photo is stored already; take another one", code="already_stored")
    if owners:
        raise ConflictError("this photo is stored for another student; one of the two is wrong", code="other_student")
    image = FaceImage(
        student_id=student_id,
        consent_id=consent.id,
        sha256=sha256,
        path=path,
        quality=dict(quality),
        state=FaceImageState.PENDING,
        created_by=actor.user_id,
        created_at=now,
    )
    db.add(image)
    try:
        db.flush()
    except IntegrityError as error:
        raise ConflictError("this photo is stored already; take another one", code="already_stored") from error
    audit.record(db, actor, "face.add", "student", student_id, now, face_id=image.id)
    return image


def finish(db: Session, image_id: int) -> bool:
    """Note that the file is written; False when the image was given up meanwhile (consent withdrawn), so that the file
    must go again."""
    changed = db.execute(
        update(FaceImage)
        .where(FaceImage.id == image_id, FaceImage.state == FaceImageState.PENDING)
        .values(state=FaceImageState.STORED)
        .returning(FaceImage.id)
        .execution_options(synchronize_session=False)
    )
    return changed.scalar() is not None


def begin_removal(db: Session, actor: Actor, image_id: int, now: datetime) -> KeptImage:
    """Take an image out of use; its file is to be deleted, then ``forget`` called."""
    image = require_image(db, actor, image_id)
    image.state = FaceImageState.ERASING
    audit.record(db, actor, "face.delete", "student", image.student_id, now, face_id=image.id)
    return _kept(image)


def expire(db: Session, now: datetime) -> list[KeptImage]:
    """Take the images out of use that were to be kept until ``now``; as ``begin_removal``."""
    due = select(FaceImage).where(FaceImage.delete_after <= now, FaceImage.state != FaceImageState.ERASING)
    images = db.scalars(due).all()
    for image in images:
        image.state = FaceImageState.ERASING
    return [_kept(image) for image in images]


def forget(db: Session, image_ids: Collection[int]) -> int:
    """Delete the rows of images whose files are gone; how many."""
    gone = db.execute(
        delete(FaceImage)
        .where(FaceImage.id.in_(image_ids))
        .returning(FaceImage.id)
        .execution_options(synchronize_session=False)
    )
    return len(gone.all())


def unfinished(db: Session) -> list[KeptImage]:
    """The images that somebody was writing or deleting, and may still be. Those of a student whose erasure is under way
    are left to it: what it deletes is its evidence."""
    is_erased = exists().where(Erasure.student_id == FaceImage.student_id, Erasure.completed_at.is_(None))
    query = select(FaceImage).where(FaceImage.state != FaceImageState.STORED, ~is_erased).order_by(FaceImage.id)
    return [_kept(image) for image in db.scalars(query)]


def of_student(db: Session, student_id: int) -> list[KeptImage]:
    """All images of the student, in whichever state."""
    query = select(FaceImage).where(FaceImage.student_id == student_id).order_by(FaceImage.id)
    return [_kept(image) for image in db.scalars(query)]


def everything(db: Session) -> list[KeptImage]:
    """All images of all students, in whichever state."""
    return [_kept(image) for image in db.scalars(select(FaceImage).order_by(FaceImage.id))]


def hashes(db: Session) -> set[str]:
    """SHA-256 of the files of all images of all students, in whichever state."""
    return set(db.scalars(select(FaceImage.sha256)))


def folders(db: Session) -> dict[str, tuple[int, int | None]]:
    """Key of the external id -> (student's id, id of the active consent or None), of everybody who is not erased."""
    query = (
        select(Student.external_key, Student.id, Consent.id)
        .join(Consent, (Consent.student_id == Student.id) & Consent.is_active, isouter=True)
        .where(Student.status != StudentStatus.ERASED)
    )
    return {key: (student_id, consent_id) for key, student_id, consent_id in db.execute(query)}


def adopt(db: Session, actor: Actor, student_id: int, path: str, sha256: str, now: datetime) -> FaceImage | None:
    """A row for an image that lies in the student's folder already, put down to whoever recorded the consent; None when
    there is no consent, or the same image has a row."""
    consent = active_consent(db, student_id)
    same = select(FaceImage.id).where((FaceImage.path == path) | (FaceImage.sha256 == sha256))
    if consent is None or db.scalar(same.limit(1)) is not None:
        return None
    image = FaceImage(
        student_id=student_id,
        consent_id=consent.id,
        sha256=sha256,
        path=path,
        quality={},
        state=FaceImageState.STORED,
        created_by=consent.recorded_by,
        created_at=now,
    )
    db.add(image)
    db.flush()
    audit.record(db, actor, "face.adopt", "student", student_id, now, face_id=image.id)
    return image


def _kept(image: FaceImage) -> KeptImage:
    return KeptImage(image.id, image.student_id, image.path, image.sha256, image.state)
