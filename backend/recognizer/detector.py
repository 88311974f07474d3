"""Finding faces: an image in, every face with box, landmarks and probability out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from errors import ConfigurationError
from recognizer.engines.base import DetectionEngine
from recognizer.engines.choice import Choice
from recognizer.types import BoundingBox, DetectedFace, FloatArray, RGBImage, check_image

SMALLEST_FACE = 12  # pixels; P-Net's own window, nothing smaller can be found


@dataclass(frozen=True, slots=True)
class DetectorConfig:
    """min_face_size: pixels; the search starts with squares of this side, and the box fitted to what is found there
    may be half as wide. 40 is what FaceNet still separates people at and halves the work of 20. thresholds: of
    P-Net, R-Net and O-Net, as published with MTCNN (Zhang et al. 2016).
    scale_factor: from one pyramid level to the next, MTCNN's 0.709 (half the area). min_probability: faces that
    O-Net is less sure of are dropped; below 0.9 most boxes in crowded scenes are not faces."""

    min_face_size: int = 40
    thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7)
    scale_factor: float = 0.709
    min_probability: float = 0.9

    def __post_init__(self) -> None:
        if self.min_face_size < SMALLEST_FACE:
            raise ConfigurationError(f"min_face_size must be at least {SMALLEST_FACE} pixels, got {self.min_face_size}")
        if len(self.thresholds) != 3 or not all(0 < t < 1 for t in self.thresholds):
            raise ConfigurationError(f"three detector thresholds between 0 and 1 are needed, got {self.thresholds}")
        if not 0.1 < self.scale_factor < 1:
            raise ConfigurationError(f"scale_factor must lie between 0.1 and 1, got {self.scale_factor}")
        if not 0 <= self.min_probability < 1:
            raise ConfigurationError(f"min_probability must lie between 0 and 1, got {self.min_probability}")


class FaceDetector:
    """All faces of an image. Thread-safe when its engine is."""

    id = "mtcnn-facenet-pytorch"

    def __init__(self, engine: DetectionEngine, config: DetectorConfig, choice: Choice | None = None) -> None:
        """choice: of the engine, to be shown."""
        self._engine = engine
        self.config, self.choice = config, choice

    def detect(self, image: RGBImage) -> tuple[DetectedFace, ...]:
        """Faces of (H, W, 3) uint8 ``image``, largest first; an empty tuple when there is none."""
        return self._faces(*self._engine.detect(check_image(image)))

    def detect_at(self, image: RGBImage, places: Sequence[BoundingBox]) -> tuple[DetectedFace, ...] | None:
        """The faces of ``image`` that lie about where those of the frame before did, at ``places``, and no newcomers: a
        part of the work. None where the engine has to search the whole image."""
        boxes = np.array([box.as_tuple() for box in places], np.float32).reshape(-1, 4)
        found = self._engine.detect_at(check_image(image), boxes)
        return None if found is None else self._faces(*found)

    def detect_batch(self, images: Sequence[RGBImage]) -> list[tuple[DetectedFace, ...]]:
        """``detect`` for several images; those of one size share a pass through the networks."""
        results: list[tuple[DetectedFace, ...]] = [()] * len(images)
        by_shape: dict[tuple[int, ...], list[int]] = {}
        for index, image in enumerate(images):
            by_shape.setdefault(check_image(image).shape, []).append(index)
        for indices in by_shape.values():
            found = self._engine.detect_batch(np.stack([images[i] for i in indices]))
            for index, detections in zip(indices, found, strict=True):
                results[index] = self._faces(*detections)
        return results

    def _faces(self, boxes: FloatArray, landmarks: FloatArray, probabilities: FloatArray) -> tuple[DetectedFace, ...]:
        faces = [
            DetectedFace(BoundingBox(*map(float, box)), points, float(min(max(probability, 0.0), 1.0)))
            for box, points, probability in zip(boxes, landmarks, probabilities, strict=True)
            # bounding-box regression can turn a sliver inside out
            if probability >= self.config.min_probability and box[2] > box[0] and box[3] > box[1]
        ]
        return tuple(sorted(faces, key=lambda face: -face.box.area))
