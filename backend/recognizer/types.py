"""Value types that travel through the recognizer: frozen, and checked where they are made.

Coordinates are pixels of the decoded, upright image: x to the right, y down, origin at the top left corner.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

RGBImage = NDArray[np.uint8]
"""(H, W, 3) uint8, RGB, 0..255."""

FloatArray = NDArray[np.float32]


def check_image(image: object) -> RGBImage:
    """Return ``image`` if it is an (H, W, 3) uint8 array with at least one pixel, else raise ValueError."""
    if not isinstance(image, np.ndarray):
        raise ValueError(f"expected an (H, W, 3) uint8 array, got {type(image).__name__}")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(f"expected an (H, W, 3) uint8 array, got shape {image.shape}, dtype {image.dtype}")
    return image


@dataclass(frozen=True, slots=True)
class BoundingBox:
    """A face's box in pixels; ``x1 < x2``, ``y1 < y2``. May reach outside the image at its borders."""

    x1: float
    y1: float
    x2: float
    y2: float

    def __post_init__(self) -> None:
        if not all(np.isfinite(v) for v in (self.x1, self.y1, self.x2, self.y2)):
            raise ValueError(f"a box needs finite corners, got {self.as_tuple()}")
        if self.x2 <= self.x1 or self.y2 <= self.y1:
            raise ValueError(f"a box needs x1 < x2 and y1 < y2, got {self.as_tuple()}")

    @property
    def width(self) -> float:
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        return self.y2 - self.y1

    @property
    def area(self) -> float:
        return self.width * self.height

    @property
    def centre(self) -> tuple[float, float]:
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2

    def as_tuple(self) -> tuple[float, float, float, float]:
        return self.x1, self.y1, self.x2, self.y2

    def times(self, across: float, down: float) -> BoundingBox:
        """The box in a picture that is so many times as wide and as high."""
        return BoundingBox(self.x1 * across, self.y1 * down, self.x2 * across, self.y2 * down)

    def iou(self, other: BoundingBox) -> float:
        """Intersection over union, 0..1."""
        width = min(self.x2, other.x2) - max(self.x1, other.x1)
        height = min(self.y2, other.y2) - max(self.y1, other.y1)
        if width <= 0 or height <= 0:
            return 0.0
        shared = width * height
        return shared / (self.area + other.area - shared)


@dataclass(frozen=True, slots=True, eq=False)
class DetectedFace:
    """One face in an image.

    landmarks: (5, 2) float32 pixels - left eye, right eye, nose, left and right mouth corner, left and right
    as the viewer sees them. probability: the detector's, 0..1.
    """

    box: BoundingBox
    landmarks: FloatArray
    probability: float

    def __post_init__(self) -> None:
        if self.landmarks.shape != (5, 2) or self.landmarks.dtype != np.float32:
            raise ValueError(f"expected landmarks (5, 2) float32, got {self.landmarks.shape} {self.landmarks.dtype}")
        if not 0.0 <= self.probability <= 1.0:
            raise ValueError(f"expected a probability in 0..1, got {self.probability}")


class Decision(StrEnum):
    """What may be said about a face."""

    KNOWN = "known"
    """Above the accept threshold: may be named."""
    UNCERTAIN = "uncertain"
    """In the review band: a person decides."""
    UNKNOWN = "unknown"
    """Below the review band: nobody's name is given."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of the enrolled people nearest to a face, best first. similarity: cosine, -1..1."""

    student_id: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Identity:
    """The classifier's answer for one embedding.

    student_id: a name only when the decision is ``known``. probability: calibrated confidence 0..1 that the best
    candidate is right. score: the number the thresholds apply to. similarity: cosine to the best candidate.
    margin: similarity of the best candidate minus the second's (0 when there is only one).
    agreed: classifier and gallery point at the same student and nobody else is as close; without it nobody is named,
    whatever the score. slack: by how much the score or the margin would have to change for another decision to be
    possible, 0 where a person decides anyway. reach: of a doubtful face, a candidate less similar than
    the best by more than this would be unknown; infinite where that is not known.
    """

    student_id: str | None
    decision: Decision
    probability: float
    score: float
    similarity: float
    margin: float
    candidates: tuple[Candidate, ...] = ()
    agreed: bool = True
    slack: float = 0.0
    reach: float = math.inf

    def __post_init__(self) -> None:
        if (self.student_id is not None) != (self.decision is Decision.KNOWN):
            raise ValueError(f"a face is named exactly when it is known, got {self.student_id!r}, {self.decision}")
        if not 0.0 <= self.probability <= 1.0:
            raise ValueError(f"expected a probability in 0..1, got {self.probability}")


@dataclass(frozen=True, slots=True)
class RecognizedFace:
    """A detected face with its identity."""

    face: DetectedFace
    identity: Identity


@dataclass(frozen=True, slots=True)
class RecognitionResult:
    """Everything found in one image, largest face first.

    image_size: (width, height) pixels. milliseconds: wall time by stage (detect, embed, classify, total).
    skipped_faces: faces beyond the per-image cap; they were detected but not embedded. followed_faces: how many of the
    faces took over what a frame before said of them. model_generation: as ``ModelInfo.generation``.
    """

    faces: tuple[RecognizedFace, ...]
    image_size: tuple[int, int]
    model_version: str
    milliseconds: Mapping[str, float] = field(default_factory=dict)
    skipped_faces: int = 0
    followed_faces: int = 0
    model_generation: int = 0

    def in_picture_of(self, size: tuple[int, int]) -> RecognitionResult:
        """The same in pixels of the picture before it was shrunk, (width, height)."""
        if size == self.image_size:
            return self
        across, down = size[0] / self.image_size[0], size[1] / self.image_size[1]
        by = np.array([across, down], dtype=np.float32)
        faces = tuple(
            replace(
                each,
                face=replace(each.face, box=each.face.box.times(across, down), landmarks=each.face.landmarks * by),
            )
            for each in self.faces
        )
        return replace(self, faces=faces, image_size=size)


@dataclass(frozen=True, slots=True)
class EmbedderInfo:
    """Which function turned crops into embeddings. Two models are comparable only when this is the same.

    id: ``facenet``, ``dlib``, ``both`` or ``onnx``. weights_sha256: of the file the weights came from. dimension: of an
    embedding. crop_recipe: how a face is cut out, as plain numbers, strings and lists. signature: (dimension,) float32,
    the embedding of a fixed synthetic picture - equal for two files that hold the same network.
    """

    id: str
    weights_sha256: str
    dimension: int
    crop_recipe: Mapping[str, Any]
    signature: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is known of a loaded model. created_at: ISO 8601 UTC. verified: how it was checked
    (``manifest``, ``signed`` or ``unverified`` for a file without manifest). generation: of two models the one that was
    put to use later has the higher one, also when it is an earlier version; 0 when that is not known."""

    model_version: str
    sha256: str
    format_version: int
    embedder: EmbedderInfo | None
    student_count: int
    created_at: str | None
    verified: str
    metrics: Mapping[str, Any] = field(default_factory=dict)
    generation: int = 0
