"""A picture comes in: decoded, recognised, handed to the domain.

No transaction is open while the networks compute, so others mark meanwhile; whether the session still takes the
frame is looked at again afterwards. One that was recognised while another answered by a newer model is recognised once
more, by that one.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from attendance import frames_taken, recognising
from attendance.actor import Actor
from attendance.clock import Clock
from attendance.database import Database
from attendance.faces_seen import FaceValues, FrameValues
from attendance.frames_taken import Taken
from attendance.policy import Policy
from errors import BusyError
from operations import review_crops
from operations.cameras import Camera
from operations.inference import InferenceGate
from recognizer.types import Decision, RecognitionResult, RecognizedFace

# How often a frame is recognised when models are exchanged just then.
_TRIES = 3


def take_in(
    database: Database,
    inference: InferenceGate,
    clock: Clock,
    policy: Policy,
    crops: Path,
    actor: Actor,
    session_id: int,
    picture: bytes,
    *,
    key: str | None = None,
    captured_at: datetime | None = None,
) -> Taken:
    """Take ``picture``, an encoded image, as a frame of the session. key: by which the same frame is known when it is
    sent again. captured_at: default: now. crops: the folder of crops.

    Raises ConflictError, InvalidRequestError, InvalidImageError, BusyError, ModelNotFoundError.
    """
    received_at = clock.now()
    captured_at = frames_taken.moment_of_capture(captured_at, received_at)
    key, sha = key or secrets.token_hex(16), hashlib.sha256(picture).hexdigest()
    for tries_left in reversed(range(_TRIES)):
        with database.reading() as db:
            admitted = frames_taken.admit(db, actor, session_id, key, sha, (captured_at, received_at), policy)
        if isinstance(admitted, Taken):
            return admitted
        start = time.perf_counter()
        camera = Camera(
            key=f"{session_id} {actor.sender}",
            captured_at=captured_at.timestamp(),
            needed=policy.confirm_sightings,
            model_at_least=admitted.model_at_least,
        )
        image, result = inference.recognize(picture, among=admitted.among, without=admitted.without, camera=camera)
        # what the networks took and the picture's decoding and waiting, which only the whole tells
        spent = {**result.milliseconds, "recognise": 1000 * (time.perf_counter() - start)}
        width, height = result.image_size
        frame = FrameValues(
            key=key,
            body_sha256=sha,
            captured_at=captured_at,
            received_at=received_at,
            model_version=result.model_version,
            width=int(width),
            height=int(height),
            milliseconds={stage: float(value) for stage, value in spent.items()},
            skipped_faces=result.skipped_faces,
            model_generation=result.model_generation,
        )
        try:
            with database.writing() as db:
                taken = frames_taken.take(db, actor, session_id, frame, _values(result), policy, clock.now())
        except BusyError as error:
            if error.code == frames_taken.OLDER_MODEL and tries_left:
                continue
            inference.refused(error)
            raise
        review_crops.write(database, crops, image, result, taken.crops, clock.now())
        return taken
    raise AssertionError("the last try returns or raises")


def recognise(
    database: Database, inference: InferenceGate, clock: Clock, actor: Actor, course_id: int | None, picture: bytes
) -> dict[str, Any]:
    """Who is in ``picture``, as far as ``actor`` may know; nothing is kept. course_id: only among its students. Raises
    InvalidImageError, BusyError, ModelNotFoundError."""
    with database.reading() as db:
        among, without = recognising.nameable(db, actor, course_id, clock.now())
    _, result = inference.recognize(picture, among=frozenset(among), without=without)
    width, height = result.image_size
    with database.reading() as db:
        faces = recognising.answer(db, actor, course_id, _values(result), clock.now())
    return {
        "model_version": result.model_version,
        "width": int(width),
        "height": int(height),
        "skipped_faces": result.skipped_faces,
        "milliseconds": {stage: round(float(value), 1) for stage, value in result.milliseconds.items()},
        "faces": faces,
    }


def forget_empty(database: Database, now: datetime) -> int:
    """Delete the frames that left nothing behind and are not sent again any more; how many."""
    with database.writing() as db:
        return frames_taken.forget_empty(db, now)


def _values(result: RecognitionResult) -> list[FaceValues]:
    return [_face(each) for each in result.faces]


def _face(face: RecognizedFace) -> FaceValues:
    """As plain numbers: numpy's are no JSON."""
    identity = face.identity
    x1, y1, x2, y2 = (round(float(value), 1) for value in face.face.box.as_tuple())
    return FaceValues(
        decision=_DECISIONS[identity.decision],
        box=(x1, y1, x2, y2),
        external_id=identity.student_id,
        probability=float(identity.probability),
        similarity=float(identity.similarity),
        score=float(identity.score),
        margin=float(identity.margin),
        candidates=tuple((each.student_id, float(each.similarity)) for each in identity.candidates),
        reach=float(identity.reach),
    )


_DECISIONS: dict[Decision, Any] = {decision: decision.value for decision in Decision}
