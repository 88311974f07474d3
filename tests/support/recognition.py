"""A recognizer that finds in a picture whom the test has written into it, and pictures written that way.

Everything else of the server is real; networks are in the slower tests.
"""

from __future__ import annotations

import io
import json
import math
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from PIL import Image

from operations.cameras import Camera
from recognizer.loader import LoaderStatus
from recognizer.types import (
    BoundingBox,
    Candidate,
    Decision,
    DetectedFace,
    Identity,
    ModelInfo,
    RecognitionResult,
    RecognizedFace,
    RGBImage,
)

WIDTH, HEIGHT, FACE = 640, 360, 80
LANDMARKS = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.75], [0.65, 0.75]], np.float32)


@dataclass(frozen=True)
class Face:
    """student_id: whom it is most like. decision: known, uncertain or unknown. others: further candidates,
    each less similar by 0.05 than the one before. reach: as an Identity's."""

    student_id: str
    decision: str = "known"
    similarity: float = 0.9
    others: tuple[str, ...] = ()
    reach: float = math.inf


def known(student_id: str) -> Face:
    return Face(student_id)


def doubtful(student_id: str, *others: str, reach: float = math.inf) -> Face:
    return Face(student_id, "uncertain", 0.55, others, reach)


def stranger() -> Face:
    return Face("nobody", "unknown", 0.2)


def picture(*faces: Face, nonce: int = 0) -> bytes:
    """A PNG in which ``FakeRecognizer`` finds these faces. nonce: makes another picture of the same faces."""
    content = [[face.student_id, face.decision, face.similarity, list(face.others), face.reach] for face in faces]
    text = json.dumps({"faces": content, "nonce": nonce}).encode()
    image = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    flat = image.reshape(-1)
    flat[:4] = np.frombuffer(len(text).to_bytes(4, "big"), np.uint8)
    flat[4 : 4 + len(text)] = np.frombuffer(text, np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


class FakeRecognizer:
    """See ``operations.recognition.Recognizer``. gate: when given, each frame waits for it, so that a test can hold
    frames in the queue. model: the version that it says it uses; None for no model. generation: of that model."""

    def __init__(self, model: str | None = "20261101T000000Z-abcdef", gate: threading.Event | None = None) -> None:
        self.model, self.gate, self.generation = model, gate, 0
        self.started = False
        self.asked: list[dict[str, Any]] = []

    def start(self) -> None:
        self.started = True

    def close(self) -> None:
        self.started = False

    def recognize(
        self,
        image: RGBImage,
        *,
        among: frozenset[str] | None = None,
        without: frozenset[str] = frozenset(),
        camera: Camera | None = None,
    ) -> RecognitionResult:
        if self.gate is not None:
            assert self.gate.wait(30)
        if self.model is None:
            from errors import ModelNotFoundError

            raise ModelNotFoundError("no model is loaded; run python train_production_model.py")
        self.asked.append({"among": among, "without": without})
        faces = tuple(
            RecognizedFace(face, _identity(written, among, without))
            for face, written in zip(self.detect(image), _written(image), strict=True)
        )
        return RecognitionResult(
            faces,
            (image.shape[1], image.shape[0]),
            self.model,
            {"detect": 1.0, "embed": 1.0, "total": 2.0},
            model_generation=self.generation,
        )

    def detect(self, image: RGBImage) -> tuple[DetectedFace, ...]:
        found = []
        for index, _ in enumerate(_written(image)):
            x, y = 20 + 90 * (index % 6), 40 + 90 * (index // 6)
            box = BoundingBox(x, y, x + FACE, y + FACE)
            found.append(DetectedFace(box, (LANDMARKS * FACE + np.float32([x, y])).astype(np.float32), 0.99))
        return tuple(found)

    def model_status(self) -> LoaderStatus:
        if self.model is None:
            return LoaderStatus(None, None)
        created_at, sha256 = "2026-11-01T00:00:00+00:00", "ab" * 32
        info = ModelInfo(self.model, sha256, 1, None, 3, created_at, "manifest", generation=self.generation)
        return LoaderStatus(info, datetime(2026, 11, 1, tzinfo=UTC))

    def reload(self) -> LoaderStatus:
        return self.model_status()


def _written(image: RGBImage) -> list[Face]:
    flat = np.ascontiguousarray(image).reshape(-1)
    length = int.from_bytes(flat[:4].tobytes(), "big")
    if not 0 < length < 100_000 or length + 4 > flat.size:
        return []
    try:
        content = json.loads(flat[4 : 4 + length].tobytes())
    except ValueError:
        return []
    return [
        Face(who, decision, similarity, tuple(others), reach)
        for who, decision, similarity, others, reach in content["faces"]
    ]


def _identity(face: Face, among: frozenset[str] | None, without: frozenset[str]) -> Identity:
    """Named also when not among those asked for, as the real one does; never when among those left out."""
    decision = Decision(face.decision)
    if face.student_id in without:
        decision = Decision.UNKNOWN
    named = face.student_id if decision is Decision.KNOWN else None
    candidates = [
        Candidate(who, face.similarity - 0.05 * rank)
        for rank, who in enumerate((face.student_id, *face.others))
        if who not in without and (among is None or who in among or who == named)
    ]
    if decision is Decision.UNCERTAIN and not candidates:
        decision = Decision.UNKNOWN
    shown = tuple(candidates) if decision is not Decision.UNKNOWN else ()
    return Identity(named, decision, face.similarity, face.similarity, face.similarity, 0.2, shown, reach=face.reach)
