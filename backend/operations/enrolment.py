"""A student's face is enrolled: the photo is judged, the face cut out and kept to be trained on.

The row is committed before the file is written, and says that it is complete only afterwards: killed at any point,
``FaceKeeper.settle`` finds what was begun and brings it to its end.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from attendance import face_images
from attendance.actor import Actor
from attendance.database import Database
from attendance.models import FaceImage, FaceImageState
from errors import BusyError, ConflictError, InvalidRequestError, ServiceError, SmartAttendanceError
from operations.face_files import FaceFiles, told
from recognizer.crops import cut_to_keep
from recognizer.images import Picture, encode_jpeg
from recognizer.quality import Assessment, QualityLimits, assess, with_turn
from recognizer.types import BoundingBox, DetectedFace, RGBImage

_TURNED = 0.15  # distances between the eyes; within them a face looks at the camera, for guided capture

_logger = logging.getLogger(__name__)


class Detects(Protocol):
    def detect(self, data: bytes) -> tuple[Picture, tuple[DetectedFace, ...]]: ...
    def detect_in(self, image: RGBImage) -> tuple[DetectedFace, ...]: ...


@dataclass(frozen=True, slots=True)
class Refused:
    """A photo that was not stored. index: its place among those sent."""

    index: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Enrolled:
    stored: Sequence[FaceImage]
    refused: Sequence[Refused]


@dataclass(frozen=True, slots=True)
class Checked:
    """box, image_size: in pixels of the picture as it was sent, (width, height). pose: ``front``, ``left`` or ``right``
    as the student sees it, None without a face. next_step: what to do, for people."""

    assessment: Assessment
    box: BoundingBox | None
    image_size: tuple[int, int]
    pose: str | None
    next_step: str


class Enrolment:
    """Thread-safe."""

    def __init__(
        self, database: Database, files: FaceFiles, inference: Detects, limits: QualityLimits | None = None
    ) -> None:
        self._database, self._files, self._inference = database, files, inference
        self._limits = limits or QualityLimits()

    def enrol(self, actor: Actor, student_id: int, pictures: Iterable[bytes], now: datetime) -> Enrolled:
        """Store the face in each of ``pictures`` (encoded). Those that are not good enough are refused, each for its
        own reason; when all are, that is raised."""
        stored: list[FaceImage] = []
        refused: list[Refused] = []
        first: SmartAttendanceError | None = None
        for index, data in enumerate(pictures):
            try:
                stored.append(self._enrol(actor, student_id, data, now))
            except SmartAttendanceError as error:
                first = first or error
                refused.append(Refused(index, error.code, str(error)))
        if first is not None and not stored:
            raise _all_refused(first, refused)
        return Enrolled(stored, refused)

    def check(self, actor: Actor, student_id: int, data: bytes) -> Checked:
        """Judge a photo without storing anything, to guide whoever takes it."""
        with self._database.reading() as db:
            face_images.check_may_enrol(db, actor, student_id)
        picture, found = self._assessed(data)
        pose = None
        if found.quality is not None:
            turned = found.quality.turned
            # seen on the viewer's right means turned to the own left
            pose = "front" if abs(turned) <= _TURNED else "left" if turned > 0 else "right"
        box = None
        if found.face is not None:
            height, width = picture.pixels.shape[:2]
            box = found.face.box.times(picture.size[0] / width, picture.size[1] / height)
        return Checked(found, box, picture.size, pose, _next_step(found))

    def _assessed(self, data: bytes) -> tuple[Picture, Assessment]:
        picture, faces = self._inference.detect(data)
        found = assess(picture.pixels, faces, self._limits)
        with suppress(BusyError):  # then it is told what is wrong without a second look
            found = with_turn(picture.pixels, found, self._inference.detect_in)
        return picture, found

    def _enrol(self, actor: Actor, student_id: int, data: bytes, now: datetime) -> FaceImage:
        with self._database.reading() as db:
            external_id = face_images.check_may_enrol(db, actor, student_id)
        picture, found = self._assessed(data)
        if found.face is None or found.quality is None or not found.good:
            raise InvalidRequestError(
                "; ".join(each.message for each in found.shortcomings),
                code=found.shortcomings[0].code,
                errors=[{"field": each.code, "message": each.message} for each in found.shortcomings],
            )
        kept = encode_jpeg(cut_to_keep(picture.pixels, found.face))
        return self._store(actor, student_id, external_id, kept, found.quality.as_dict(), now)

    def _store(
        self, actor: Actor, student_id: int, external_id: str, data: bytes, quality: dict[str, Any], now: datetime
    ) -> FaceImage:
        path = f"{external_id}/{secrets.token_hex(8)}.jpg"
        self._files.path(path)
        with self._files.locked(self._database):
            with self._database.writing() as db:
                image = face_images.begin(db, actor, student_id, path, hashlib.sha256(data).hexdigest(), quality, now)
            try:
                self._files.write(path, data)
            except OSError as error:
                with self._database.writing() as db:
                    face_images.forget(db, [image.id])
                _logger.error("a face image could not be written: %s", told(error))
                raise BusyError(
                    "the photo could not be stored; the disk of the server is full or not writable",
                    retry_after=60,
                    code="storage",
                ) from error
            with self._database.writing() as db:
                complete = face_images.finish(db, image.id)
            if not complete:
                self._files.remove(path)
                raise ConflictError("the student's consent was just withdrawn; nothing is stored", code="no_consent")
        image.state = FaceImageState.STORED
        return image


def _all_refused(first: SmartAttendanceError, refused: Sequence[Refused]) -> SmartAttendanceError:
    if len(refused) == 1:
        return first
    if not isinstance(first, ServiceError):  # of the picture; the others' reasons are told as well
        first = InvalidRequestError(str(first), code=first.code)
    errors: list[dict[str, object]] = [{"field": f"image.{each.index}", "message": each.message} for each in refused]
    first.errors = errors
    return first


def _next_step(found: Assessment) -> str:
    if found.shortcomings:
        return found.shortcomings[0].message
    return "good: this photo can be stored; the next one with the head turned a little, or with another expression"
