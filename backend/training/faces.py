"""The student's face in a training image: an image that most often is a crop already, so that one face fills it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from recognizer.crops import whole_image_face
from recognizer.detector import SMALLEST_FACE, FaceDetector
from recognizer.types import BoundingBox, DetectedFace, RGBImage

# The smallest face looked for, as a fraction of the image's shorter side. First faces that fill a crop, which also is
# quick; where there is none, a person further away.
LARGE_FACE = 1 / 5
SMALL_FACE = 1 / 15

# An image in which no large face was found gets a border, as MTCNN wants to see a head's surroundings. Measured on 60
# faces cut out at 70 % / 50 % of their box: found as they are 10 / 1, with a border that repeats the edge 32 / 4, of
# the image's mean colour 38 / 25, of middle grey 58 / 38. Such a face fills its image: nothing small is looked for.
PADDING = 1 / 2  # of width and height, on each side
BORDER_GREY = 128
PADDED_FACE = 2 / 5  # smallest, as a fraction of the shorter side without the border

# The ladder of detectors: a smallest face is rounded down to one of these, so that a data set of many image sizes
# needs few detectors. Steps of about 1.25 cost at most a quarter more pixels each way.
FACE_SIZES = (12, 15, 19, 24, 30, 38, 48, 60, 75, 94, 118, 148, 184)

FACE_SEARCH = ("search-1", LARGE_FACE, SMALL_FACE, PADDED_FACE, PADDING, BORDER_GREY, FACE_SIZES)
"""Everything here that decides which face is found; part of the cache's key. Raise the number with the algorithm."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingFace:
    """how: ``detected``, ``padded`` (found after adding a border) or ``whole`` (none found, the whole image stands for
    the face). face: in pixels of the original image; a padded one's box may reach outside it."""

    face: DetectedFace
    how: str


class TrainingFaceFinder:
    """Finds one face in each image. ``make_detector`` builds a detector for a smallest face in pixels; it is called
    once for each size that is needed."""

    def __init__(self, make_detector: Callable[[int], FaceDetector]) -> None:
        self._detector = lru_cache(maxsize=len(FACE_SIZES))(make_detector)

    def find(self, images: Sequence[RGBImage]) -> list[TrainingFace]:
        """One face for each of the (H, W, 3) uint8 images: a large face; else one in the image with a border added;
        else a small face; else the whole image. Of several the one that is large and in the middle."""
        found: dict[int, TrainingFace] = {}
        self._search(images, found, LARGE_FACE, padded=False)
        self._search(images, found, PADDED_FACE, padded=True)
        self._search(images, found, SMALL_FACE, padded=False)
        return [
            found[index] if index in found else TrainingFace(whole_image_face(image), "whole")
            for index, image in enumerate(images)
        ]

    def _search(
        self, images: Sequence[RGBImage], found: dict[int, TrainingFace], fraction: float, *, padded: bool
    ) -> None:
        by_size: dict[int, list[int]] = {}
        for index, image in enumerate(images):
            if index not in found:
                by_size.setdefault(_face_size(image, fraction), []).append(index)
        for size, indices in by_size.items():
            shown = [_with_border(images[index]) if padded else images[index] for index in indices]
            for index, image, faces in zip(indices, shown, self._detector(size).detect_batch(shown), strict=True):
                if faces:
                    face = _most_central(faces, image)
                    if padded:
                        face = _moved(face, *_border(images[index]))
                    if _reaches_into(face.box, images[index]):
                        found[index] = TrainingFace(face, "padded" if padded else "detected")


def _face_size(image: RGBImage, fraction: float) -> int:
    wanted = min(image.shape[:2]) * fraction
    return max((size for size in FACE_SIZES if size <= wanted), default=SMALLEST_FACE)


def _border(image: RGBImage) -> tuple[int, int]:
    """Pixels added on each side, across and down."""
    height, width = image.shape[:2]
    return round(width * PADDING), round(height * PADDING)


def _with_border(image: RGBImage) -> RGBImage:
    across, down = _border(image)
    return np.pad(image, ((down, down), (across, across), (0, 0)), constant_values=BORDER_GREY)


def _moved(face: DetectedFace, across: int, down: int) -> DetectedFace:
    box = face.box
    return replace(
        face,
        box=BoundingBox(box.x1 - across, box.y1 - down, box.x2 - across, box.y2 - down),
        landmarks=(face.landmarks - np.array([across, down], dtype=np.float32)).astype(np.float32),
    )


def _most_central(faces: Sequence[DetectedFace], image: RGBImage) -> DetectedFace:
    """Large counts for, distance from the middle against: facenet-pytorch's rule ``center_weighted_size``."""
    height, width = image.shape[:2]

    def merit(face: DetectedFace) -> float:
        x, y = face.box.centre
        return float(face.box.area - 2 * ((x - width / 2) ** 2 + (y - height / 2) ** 2))

    return max(faces, key=merit)


def _reaches_into(box: BoundingBox, image: RGBImage) -> bool:
    """Whether the middle of the face lies in the image and not in its border."""
    height, width = image.shape[:2]
    x, y = box.centre
    return bool(0 <= x < width and 0 <= y < height)
