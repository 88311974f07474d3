"""How a face will look to the camera on other days: under a mask, behind dark glasses, out of focus, moving.

An enrolment photo shows a face as it is. What a network makes of the same face under a mask lies far away from it,
and much nearer to what it makes of the photo with a mask drawn on it. Every photo is therefore embedded in each of
these conditions as well (recognizer/scoring.py says how the galleries are used).

The drawings differ from photo to photo: nobody knows which masks the class will wear. Galleries of dimmed photos were
tried too; they did not help with dim rooms (lfw-dev, benchmarks/conditions.py), and lighting up the crop does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.types import BoundingBox, DetectedFace, FloatArray, RGBImage

# The longer side of the face's box in the picture that is drawn on, in pixels: what FaceNet's crop has of it.
FACE_SIDE = 128
# of the box's longer side, on each side: no recipe's crop reaches further
SURROUNDINGS = 0.4

# Surgical blue, white, black, grey, the green of theatres, skin-coloured cloth: RGB.
MASK_COLOURS = ((140, 185, 210), (228, 228, 226), (32, 32, 36), (120, 122, 126), (120, 170, 150), (200, 160, 140))
# of the longer side of the face's box, while the shutter is open
MOVED_BY = (0.09, 0.12, 0.15)
DIRECTIONS = (0, 45, -30, 90, 20, 150, 0)  # degrees
GLASSES_COLOURS = ((22, 22, 24), (48, 34, 28), (30, 36, 52))


@dataclass(frozen=True, slots=True, eq=False)
class _Head:
    """image: (h, w, 3) uint8, at working size. face: in its pixels. number: of the drawing, 0 or more."""

    image: RGBImage
    face: DetectedFace
    number: int

    @property
    def side(self) -> float:
        return max(self.face.box.width, self.face.box.height)


def in_condition(name: str, image: RGBImage, face: DetectedFace, number: int) -> tuple[RGBImage, DetectedFace]:
    """``face`` of ``image`` (H, W, 3) uint8 with its surroundings, in the condition ``name``, and where it lies there.

    number: 0 or more; equal numbers give equal drawings."""
    head = _cut_head(image, face, number)
    return CONDITIONS[name](head), head.face


def drawing_number(sha256: str) -> int:
    """Which drawing the photo with this hash gets."""
    return int(sha256[:6], 16)


def _cut_head(image: RGBImage, face: DetectedFace, number: int) -> _Head:
    box = face.box
    margin = SURROUNDINGS * max(box.width, box.height)
    height, width = image.shape[:2]
    left, top = int(np.clip(box.x1 - margin, 0, width - 1)), int(np.clip(box.y1 - margin, 0, height - 1))
    right = int(np.clip(np.ceil(box.x2 + margin), left + 1, width))
    bottom = int(np.clip(np.ceil(box.y2 + margin), top + 1, height))
    scale = FACE_SIDE / max(box.width, box.height)
    size = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    cut: RGBImage = cv2.resize(image[top:bottom, left:right], size, interpolation=interpolation)  # type: ignore[assignment]
    stretch = np.array([size[0] / (right - left), size[1] / (bottom - top)])
    corner = np.array([left, top])
    (x1, y1), (x2, y2) = (np.array([[box.x1, box.y1], [box.x2, box.y2]]) - corner) * stretch
    landmarks = ((face.landmarks - corner) * stretch).astype(np.float32)
    return _Head(cut, DetectedFace(BoundingBox(x1, y1, x2, y2), landmarks, face.probability), number)


def _frame(face: DetectedFace) -> Callable[[NDArray[np.float64]], FloatArray]:
    """Carries (n, 2) points of the face to pixels: the middle between the eyes is 0, 0, that of the mouth 0, 1; x
    grows towards the right eye of the picture."""
    left_eye, right_eye, _, left_mouth, right_mouth = face.landmarks.astype(np.float64)
    middle = (left_eye + right_eye) / 2
    down = (left_mouth + right_mouth) / 2 - middle
    across = np.array([down[1], -down[0]])
    return lambda points: (middle + points[:, :1] * across + points[:, 1:] * down).astype(np.float32)


def _mask(head: _Head) -> RGBImage:
    number = head.number
    to_pixels = _frame(head.face)
    nose = _turn(head.face)
    # from somewhere on the bridge of the nose down to below the chin, from cheek to cheek
    top, side, chin = 0.32 + 0.09 * (number % 4), 0.98 - 0.05 * (number % 3), 1.75 + 0.08 * (number % 2)
    outline = np.array(
        [[-side, 0.42], [nose - 0.45, top + 0.08], [nose, top], [nose + 0.45, top + 0.08], [side, 0.42],
         [0.92 * side, 1.1], [0.62 * side, 1.5], [0.3, chin], [-0.3, chin], [-0.62 * side, 1.5], [-0.92 * side, 1.1]]
    )  # fmt: skip
    colour = np.array(MASK_COLOURS[number % len(MASK_COLOURS)], np.float32)
    cloth = np.broadcast_to(colour, head.image.shape) * _folds(head, to_pixels, number)
    return _painted(head.image, to_pixels(outline), cloth, 1.0)


def _folds(head: _Head, to_pixels: Callable[[NDArray[np.float64]], FloatArray], number: int) -> FloatArray:
    """(h, w, 1): how light the cloth is: darker towards the cheeks and the chin, with pleats in every other drawing."""
    (x0, y0), (x1, y1) = to_pixels(np.array([[0.0, 0.0], [0.0, 1.0]]))
    down = np.array([x1 - x0, y1 - y0]) / max(float(np.hypot(x1 - x0, y1 - y0)) ** 2, 1.0)
    y, x = np.mgrid[0 : head.image.shape[0], 0 : head.image.shape[1]].astype(np.float32)
    along = (x - x0) * down[0] + (y - y0) * down[1]
    beside = (x - x0) * down[1] - (y - y0) * down[0]
    light = 1.0 - 0.22 * beside**2 - 0.12 * np.clip(along - 0.7, 0, 1)
    if number % 2:
        light = light + 0.05 * np.sin(along * 18)
    return np.asarray(light[:, :, None], np.float32)


def _glasses(head: _Head) -> RGBImage:
    number = head.number
    to_pixels = _frame(head.face)
    left_eye, right_eye = head.face.landmarks[:2].astype(np.float64)
    down = to_pixels(np.array([[0.0, 1.0]]))[0] - to_pixels(np.array([[0.0, 0.0]]))[0]
    unit = float(np.hypot(*down))
    apart = float(np.hypot(*(right_eye - left_eye)))
    half_width = min(0.40 + 0.04 * (number % 3), 0.46 * apart / unit if apart > 0 else 1.0) * unit
    half_height = (0.26 + 0.05 * (number % 2)) * unit
    colour = np.array(GLASSES_COLOURS[number % len(GLASSES_COLOURS)], np.float32)
    glass = np.broadcast_to(colour, head.image.shape)
    result = head.image
    for eye in (left_eye, right_eye):
        centre = eye + 0.05 * down
        turns = np.linspace(0, 2 * np.pi, 36)[:, None]
        along = (right_eye - left_eye) / max(apart, 1e-6)
        lens = centre + half_width * np.cos(turns) * along + half_height * np.sin(turns) * [-along[1], along[0]]
        result = _painted(result, lens.astype(np.float32), glass, 0.93)
    thickness = max(1, round(0.07 * unit))
    frame = result.copy()
    cv2.line(frame, _pixel(left_eye), _pixel(right_eye), tuple(map(int, colour)), thickness, cv2.LINE_AA)
    return frame


def _painted(image: RGBImage, outline: FloatArray, paint: FloatArray, opacity: float) -> RGBImage:
    """``image`` with what lies inside ``outline`` covered by ``paint`` (h, w, 3) 0..255."""
    cover = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(cover, [np.round(outline * 8).astype(np.int32)], 255, cv2.LINE_AA, 3)
    share = (opacity / 255) * cover[:, :, None].astype(np.float32)
    painted: RGBImage = np.clip(image * (1 - share) + paint * share, 0, 255).astype(np.uint8)
    return painted


def _pixel(point: NDArray[np.float64]) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))


def _turn(face: DetectedFace) -> float:
    """How far the nose lies beside the middle, in the units of ``_frame``: where the head is turned, so is the mask."""
    left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks.astype(np.float64)
    middle = (left_eye + right_eye) / 2
    down = (left_mouth + right_mouth) / 2 - middle
    across = np.array([down[1], -down[0]])
    return float(np.clip((nose - middle) @ across / max(float(down @ down), 1.0), -0.6, 0.6))


def _blurred(head: _Head) -> RGBImage:
    sigma = (0.022 + 0.008 * (head.number % 3)) * head.side
    blurred: RGBImage = cv2.GaussianBlur(head.image, (0, 0), sigma)  # type: ignore[assignment]
    return blurred


def _moving(head: _Head) -> RGBImage:
    """Blurred along a line: mostly sideways, as people walk."""
    number = head.number
    length = int(MOVED_BY[number % len(MOVED_BY)] * head.side) | 1  # odd, so that the face stays where it is
    middle = length // 2
    line = np.zeros((length, length), np.float32)
    line[middle] = 1
    turned = cv2.warpAffine(
        line, cv2.getRotationMatrix2D((middle, middle), DIRECTIONS[number % len(DIRECTIONS)], 1), (length, length)
    )
    moved: RGBImage = cv2.filter2D(head.image, -1, turned / turned.sum())  # type: ignore[assignment]
    return moved


CONDITIONS: Mapping[str, Callable[[_Head], RGBImage]] = {
    "mask": _mask,
    "dark_glasses": _glasses,
    "out_of_focus": _blurred,
    "moving": _moving,
}

DRAWINGS = ("drawings-3", *CONDITIONS)
"""Part of the cache's key. Raise the number when a drawing, or the way a face is cut out, changes."""
