"""How a face is cut out of an image before it is embedded: one recipe for training and for live frames.

A recipe is plain data; it is written into the artifact, and a model is only used with the recipe it was
trained with.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.types import BoundingBox, DetectedFace, FloatArray, RGBImage

# Where MTCNN puts the five landmarks inside its own box, as fractions of width and height: the mean over the
# 3,344 photos of lfw-dev. Stands in for landmarks when a picture is taken whole because no face was found in it.
MEAN_LANDMARKS: FloatArray = np.array(
    [[0.290, 0.390], [0.740, 0.383], [0.519, 0.586], [0.325, 0.759], [0.722, 0.753]], dtype=np.float32
)

# dlib's five-point frame of its 150 x 150 chips, before padding; positions for MTCNN's landmarks, fitted once.
DLIB_TEMPLATE: FloatArray = np.array(
    [[0.2273, 0.2214], [0.7528, 0.2212], [0.4901, 0.5156], [0.2541, 0.7802], [0.7261, 0.7802]], dtype=np.float32
)
DLIB_PADDING = 0.25

# Where ArcFace-style networks expect the landmarks in their 112 x 112 crops (insightface's template), as fractions.
ARCFACE_TEMPLATE: FloatArray = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]],
    dtype=np.float32,
) / np.float32(112)


@dataclass(frozen=True, slots=True)
class CropRecipe:
    """kind ``box``: the detector's box, widened by ``margin`` pixels of ``size``, clipped to the image, resized
    to a square without keeping its aspect (as FaceNet was trained). kind ``landmarks``: a similarity transform
    that carries the five landmarks to dlib's template; kind ``arcface``: to insightface's. kind ``both``: FaceNet's
    crop with dlib's below it.

    mean, scale: of red, green and blue, how an ONNX network wants its pixels, ``(pixel - mean) / scale``. channels:
    ``rgb`` or ``bgr``, in which order. None for the built-in networks, whose engines know."""

    kind: str
    size: int
    margin: int = 0
    mean: tuple[float, float, float] | None = None
    scale: tuple[float, float, float] | None = None
    channels: str | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a crop in pixels."""
        return (FACENET_RECIPE.size + DLIB_RECIPE.size if self.kind == "both" else self.size), self.size

    def as_dict(self) -> dict[str, Any]:
        """As the artifact keeps it: plain numbers, text and lists."""
        values = {name: value for name, value in asdict(self).items() if value is not None}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def cut(self, image: RGBImage, face: DetectedFace) -> RGBImage:
        """The face as (*shape, 3) uint8."""
        if self.kind == "both":
            above, below = FACENET_RECIPE.cut(image, face), DLIB_RECIPE.cut(image, face)
            # as far from the left as from the right, so that one mirroring mirrors both
            return np.concatenate([above, np.pad(below, ((0, 0), (BESIDE_DLIB, BESIDE_DLIB), (0, 0)))])
        return lit(self._cut(image, face))

    def _cut(self, image: RGBImage, face: DetectedFace) -> RGBImage:
        if self.kind == "box":
            return _cut_box(image, face.box, self.size, self.margin)
        if self.kind == "arcface":
            return _cut_landmarks(image, face.landmarks, ARCFACE_TEMPLATE * self.size, self.size)
        dlib_template = (DLIB_TEMPLATE + DLIB_PADDING) / (1 + 2 * DLIB_PADDING)
        return _cut_landmarks(image, face.landmarks, dlib_template * self.size, self.size)


# Margin 32: the best TPIR at 0.1 % strangers with 5 and with 10 photos of the margins tried on LFW (0, 14, 32).
FACENET_RECIPE = CropRecipe(kind="box", size=160, margin=32)
DLIB_RECIPE = CropRecipe(kind="landmarks", size=150)
BOTH_RECIPE = CropRecipe(kind="both", size=FACENET_RECIPE.size, margin=FACENET_RECIPE.margin)
BESIDE_DLIB = (FACENET_RECIPE.size - DLIB_RECIPE.size) // 2
"""Columns that are left empty on each side of dlib's crop where it lies below FaceNet's."""


# The networks have seen few dark faces. On lfw-dev, dimmed and with noise (benchmarks/conditions.py), lighting up the
# crop raised the students found at 1 % strangers from 92 to 96 %, to a mean of 80 as to 110; denoising added little.
DARK_BELOW, MOST_LIGHT = 80.0, 4.0


def lit(crop: RGBImage) -> RGBImage:
    """``crop``, where its mean is below ``DARK_BELOW``, made as light as that, at most ``MOST_LIGHT`` times."""
    mean = sum(cv2.mean(crop)[:3]) / 3
    if mean >= DARK_BELOW:
        return crop
    lighter: RGBImage = cv2.convertScaleAbs(crop, alpha=min(MOST_LIGHT, DARK_BELOW / max(mean, 1.0)))  # type: ignore[assignment]
    return lighter


# A kept face: a square of so many times the longer side of its box. MTCNN wants to see a head's surroundings to find
# the same box again: on 150 photos of lfw-dev the embedding of the kept face had a cosine to the photo's own of (mean,
# least) 0.982, 0.20 with 2.0, 0.989, 0.96 with 2.4 and 0.989, 0.95 with 3.0 (FaceNet; dlib 0.998, 0.97 with 2.4).
# At most KEPT_SIZE pixels: the face is then larger than either recipe's crop.
KEPT_SURROUNDINGS = 2.4
KEPT_SIZE = 512


def cut_to_keep(image: RGBImage, face: DetectedFace) -> RGBImage:
    """The face with its surroundings and the eyes level, to be kept and trained on later: (h, w, 3), both sides at most
    ``KEPT_SIZE``; smaller than a square where the image ends. Never enlarged."""
    side = KEPT_SURROUNDINGS * max(face.box.width, face.box.height)
    scale = min(1.0, KEPT_SIZE / side)
    across, down = (face.landmarks[1] - face.landmarks[0]).astype(np.float64)
    length = float(np.hypot(across, down))
    cosine, sine = (across / length, down / length) if length > 0 else (1.0, 0.0)
    turn = scale * np.array([[cosine, sine], [-sine, cosine]])
    half = np.full(2, side * scale / 2)
    matrix = np.hstack([turn, (half - turn @ np.array(face.box.centre))[:, None]])
    # what lies wholly outside the image is left off, so that no invented border is taken for a background
    height, width = image.shape[:2]
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]]) @ turn.T + matrix[:, 2]
    low = np.maximum(np.floor(corners.min(axis=0)), 0)
    high = np.minimum(np.ceil(corners.max(axis=0)), 2 * half)
    matrix[:, 2] -= low
    size = np.clip(np.round(high - low), 1, KEPT_SIZE).astype(int)
    return _warp(image, matrix, (int(size[0]), int(size[1])), cv2.BORDER_REPLICATE)


def shrunk(image: RGBImage, longest: int) -> RGBImage:
    """``image`` with no side longer than ``longest`` pixels."""
    scale = longest / max(image.shape[:2])
    if scale >= 1:
        return image
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    small: RGBImage = cv2.resize(image, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return small


GREY_FACE_SIZE = 96


def grey_face(image: RGBImage, box: BoundingBox) -> FloatArray:
    """What lies in ``box``, as far as it is in the image: grey 0..255, (96, 96) float32, to measure light and
    sharpness by."""
    height, width = image.shape[:2]
    x1, x2 = _span(box.x1, box.x2, width)
    y1, y2 = _span(box.y1, box.y2, height)
    grey = cv2.cvtColor(np.ascontiguousarray(image[y1:y2, x1:x2]), cv2.COLOR_RGB2GRAY)
    shrinking = min(grey.shape) >= GREY_FACE_SIZE
    size = (GREY_FACE_SIZE, GREY_FACE_SIZE)
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR).astype(np.float32)


SMALL_HEAD_SIZE, SMALL_HEAD_MARGIN = 24, 6


def small_head(image: RGBImage, box: BoundingBox) -> FloatArray:
    """A face's box and some of its surroundings as 24 x 24 pixels, (1728,) float32 of mean 0 and L2 norm 1: the
    product of two is their correlation."""
    head = _cut_box(image, box, SMALL_HEAD_SIZE, SMALL_HEAD_MARGIN).astype(np.float32).ravel()
    head -= head.mean()
    normed: FloatArray = head / max(float(np.linalg.norm(head)), 1e-6)
    return normed


def laplacian(grey: FloatArray) -> FloatArray:
    """The second derivative of (h, w) float32, the same shape: large where there are edges."""
    return np.asarray(cv2.Laplacian(grey.astype(np.float32), cv2.CV_32F), dtype=np.float32)


def whole_image_face(image: RGBImage) -> DetectedFace:
    """The face of a picture that is a crop already and in which the detector sees none.

    The box is the picture less a tenth at each side, so that the recipe's margin brings it back to about the
    whole picture; the landmarks are where they lie on average. probability 0 tells such a face apart.
    """
    height, width = image.shape[:2]
    box = BoundingBox(0.1 * width, 0.1 * height, 0.9 * width, 0.9 * height)
    landmarks = MEAN_LANDMARKS * [box.width, box.height] + [box.x1, box.y1]
    return DetectedFace(box=box, landmarks=landmarks.astype(np.float32), probability=0.0)


def _cut_box(image: RGBImage, box: BoundingBox, size: int, margin: int) -> RGBImage:
    # The margin is given in pixels of the final crop, so it grows with the face.
    extra_x = margin * box.width / (size - margin) / 2
    extra_y = margin * box.height / (size - margin) / 2
    height, width = image.shape[:2]
    x1, x2 = _span(box.x1 - extra_x, box.x2 + extra_x, width)
    y1, y2 = _span(box.y1 - extra_y, box.y2 + extra_y, height)
    crop = image[y1:y2, x1:x2]
    # INTER_AREA averages when shrinking; when enlarging OpenCV treats it as nearest-like, so go linear there.
    shrinking = crop.shape[0] >= size and crop.shape[1] >= size
    return _resize(crop, size, cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR)


def _span(low: float, high: float, limit: int) -> tuple[int, int]:
    start = min(max(int(low), 0), limit - 1)
    return start, max(min(int(high), limit), start + 1)


def _resize(crop: RGBImage, size: int, interpolation: int) -> RGBImage:
    resized: RGBImage = cv2.resize(np.ascontiguousarray(crop), (size, size), interpolation=interpolation)  # type: ignore[assignment]
    return resized


def _cut_landmarks(image: RGBImage, landmarks: FloatArray, target: FloatArray, size: int) -> RGBImage:
    """target: (5, 2) where the landmarks go, in pixels of the crop."""
    return _warp(image, similarity_transform(landmarks, target), (size, size), cv2.BORDER_CONSTANT)


def _warp(image: RGBImage, matrix: NDArray[np.float64], size: tuple[int, int], border: int) -> RGBImage:
    """``image`` under a similarity transform (2, 3), as (height, width, 3). size: (width, height)."""
    # A face much larger than the result is shrunk first: warpAffine samples four pixels, however far apart they lie.
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    source = image
    if scale < 0.5:
        shrink = 2 * scale
        source = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        # pixel centres: position p of the small image lies at (p + 0.5) / shrink - 0.5 of the large one
        centre = np.full(2, 0.5 / shrink - 0.5)
        matrix = np.hstack([matrix[:, :2] / shrink, (matrix[:, :2] @ centre + matrix[:, 2])[:, None]])
    warped: RGBImage = cv2.warpAffine(source, matrix, size, flags=cv2.INTER_LINEAR, borderMode=border)  # type: ignore[assignment]
    return warped


def similarity_transform(source: FloatArray, target: FloatArray) -> NDArray[np.float64]:
    """The (2, 3) rotation, uniform scale and shift that carries ``source`` (n, 2) to ``target`` (n, 2) with the
    least squared error (Umeyama 1991, without reflection)."""
    a, b = source.astype(np.float64), target.astype(np.float64)
    mean_a, mean_b = a.mean(axis=0), b.mean(axis=0)
    a, b = a - mean_a, b - mean_b
    spread = float((a**2).sum())
    if spread < 1e-9:
        raise ValueError("landmarks coincide: no similarity transform exists")
    # In two dimensions the optimum has a closed form: a complex ratio.
    real = float((a * b).sum()) / spread
    imaginary = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / spread
    rotation = np.array([[real, -imaginary], [imaginary, real]])
    shift = mean_b - rotation @ mean_a
    return np.hstack([rotation, shift[:, None]])
