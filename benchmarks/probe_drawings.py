"""Photos as a camera may see them on other days, for benchmarks/conditions.py.

Drawn on the whole photo, before a face is looked for in it. None of these drawings is one of training's
(training/conditions.py): other shapes, other colours, other strengths. Training does not know half of the conditions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.types import DetectedFace, RGBImage

VERSION = 2  # raised with every change to a drawing or a crop: embeddings of the old ones are not used again

# Strong blue, white, black, wine red, pale grey, dark green grey, green, salmon: RGB.
MASK_COLOURS = (
    (96, 160, 205), (245, 245, 245), (15, 15, 18), (170, 60, 70), (200, 215, 230), (70, 80, 110), (60, 120, 90),
    (235, 200, 190),
)  # fmt: skip
ELASTIC = (230, 230, 230)
GLASSES_COLOURS = ((12, 12, 14), (40, 28, 20), (20, 25, 40))
REFLECTION = (90, 95, 100)
DARKNESS = 0.94  # of the glasses
SUBPIXEL_BITS = 3  # OpenCV takes outlines in eighths of a pixel

SMALL_FACE = 32  # pixels, the height of its box
TILT = 25  # degrees
JPEG_QUALITY = 15

Point = NDArray[np.float64]
Drawing = Callable[[RGBImage, DetectedFace, int], RGBImage]
"""Takes a photo (H, W, 3) uint8, the face in it and a number that chooses among the variants; gives a new photo."""


def drawn(condition: str, image: RGBImage, face: DetectedFace, stem: str) -> RGBImage:
    """``image`` in one of ``DRAWINGS``. stem: the photo's name; equal names get equal drawings."""
    number = int(hashlib.sha256(f"{stem}{condition}".encode()).hexdigest()[:6], 16)
    return DRAWINGS[condition](image, face, number)


@dataclass(frozen=True, slots=True, eq=False)
class _Axes:
    """Coordinates of a face in pixels. middle: between the eyes. down: from there to the middle of the mouth.
    across: as long, towards the right eye of the picture."""

    middle: Point
    across: Point
    down: Point

    @classmethod
    def of(cls, face: DetectedFace) -> _Axes:
        left_eye, right_eye, _, left_mouth, right_mouth = face.landmarks.astype(float)
        middle = (left_eye + right_eye) / 2
        down = (left_mouth + right_mouth) / 2 - middle
        return cls(middle, np.array([down[1], -down[0]]), down)

    def at(self, x: float, y: float, origin: Point | None = None) -> Point:
        return (self.middle if origin is None else origin) + x * self.across + y * self.down


def _surgical(nose: float) -> list[tuple[float, float]]:
    return [(-0.9, 0.5), (nose - 0.3, 0.45), (nose + 0.3, 0.45), (0.9, 0.5), (0.8, 1.25), (0.45, 1.7), (-0.45, 1.7),
            (-0.8, 1.25)]  # fmt: skip


def _pointed(nose: float) -> list[tuple[float, float]]:
    return [(-0.85, 0.62), (nose, 0.3), (0.85, 0.62), (0.75, 1.3), (0, 1.85), (-0.75, 1.3)]


def _cloth(nose: float) -> list[tuple[float, float]]:
    return [(-1.0, 0.38), (nose - 0.5, 0.5), (nose, 0.42), (nose + 0.5, 0.5), (1.0, 0.38), (0.9, 1.3), (0.5, 1.72),
            (0, 1.9), (-0.5, 1.72), (-0.9, 1.3)]  # fmt: skip


MASK_OUTLINES = (_surgical, _pointed, _cloth)
"""Of each kind, in ``_Axes``; nose: how far the nose lies beside the middle."""


def _mask(image: RGBImage, face: DetectedFace, number: int) -> RGBImage:
    axes = _Axes.of(face)
    towards_nose = face.landmarks[2].astype(float) - axes.middle
    nose = float(np.clip(towards_nose @ axes.across / (axes.down @ axes.down), -0.6, 0.6))
    outline_of = MASK_OUTLINES[number % len(MASK_OUTLINES)]
    cover = np.zeros(image.shape[:2], np.uint8)
    _fill(cover, [axes.at(x, y) for x, y in outline_of(nose)], 255)
    paint = np.array(MASK_COLOURS[number % len(MASK_COLOURS)], np.float32) * _light_on(image, cover)
    if outline_of is _surgical:
        paint = paint * _pleats(image, axes)
    if outline_of is _cloth:
        pattern = np.random.default_rng(number).normal(0, 60, image.shape[:2]).astype(np.float32)
        paint = paint + cv2.GaussianBlur(pattern, (0, 0), 2)[:, :, None]
    share = cover[:, :, None] / 255.0
    masked = _to_bytes(image * (1 - share) + paint * share)
    if outline_of is not _cloth:
        for side in (-1, 1):
            _line(masked, axes.at(side * 0.85, 0.55), axes.at(side * 1.1, 0.2), ELASTIC, 1)
    return masked


def _light_on(image: RGBImage, cover: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(H, W, 1): the room's light where the mask is, 1 on average."""
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 8)
    mean = grey[cover > 0].mean() if cover.any() else 1
    return np.clip(grey / max(mean, 1), 0.6, 1.3)[:, :, None]


def _pleats(image: RGBImage, axes: _Axes) -> NDArray[np.float64]:
    y, x = np.mgrid[0 : image.shape[0], 0 : image.shape[1]]
    along = ((x - axes.middle[0]) * axes.down[0] + (y - axes.middle[1]) * axes.down[1]) / (axes.down @ axes.down)
    return (1 - 0.12 * (np.sin(along * 22) > 0.8))[:, :, None]


def _dark_glasses(image: RGBImage, face: DetectedFace, number: int) -> RGBImage:
    axes = _Axes.of(face)
    left_eye, right_eye = face.landmarks[:2].astype(float)
    colour = GLASSES_COLOURS[number % len(GLASSES_COLOURS)]
    worn = image.copy()
    for eye in (left_eye, right_eye):
        centre = eye + 0.06 * axes.down
        _fill(worn, [axes.at(x, y, centre) for x, y in _lens(number % 3)], colour)
        _line(worn, axes.at(-0.12, -0.1, centre), axes.at(0.1, -0.15, centre), REFLECTION, 1)
    _line(worn, left_eye - 0.05 * axes.down, right_eye - 0.05 * axes.down, colour, 2)
    _line(worn, left_eye, axes.at(-1, 0), colour, 2)
    _line(worn, right_eye, axes.at(1, 0), colour, 2)
    return _to_bytes((1 - DARKNESS) * image + DARKNESS * worn)


def _lens(kind: int) -> list[tuple[float, float]]:
    """Around 0, 0: like an aviator's, round, or wide and low."""
    if kind == 0:
        width, height = 0.42, 0.30
        corners = ((-1, -1), (1, -1), (0.9, 0.7), (0.5, 1), (-0.5, 1), (-0.9, 0.7))
        return [(width * x, height * y) for x, y in corners]
    width, height = (0.38, 0.36) if kind == 1 else (0.45, 0.27)
    return [(width * np.cos(turn), height * np.sin(turn)) for turn in np.linspace(0, 2 * np.pi, 24)]


def _out_of_focus(image: RGBImage, face: DetectedFace, number: int) -> RGBImage:
    return cv2.GaussianBlur(image, (0, 0), _side(face) * (0.020, 0.0235, 0.027)[number % 3])


def _motion(image: RGBImage, face: DetectedFace, number: int) -> RGBImage:
    length = int(_side(face) * (0.10, 0.12, 0.14)[number % 3]) | 1  # odd, so that the face stays where it is
    middle = length // 2
    kernel = np.zeros((length, length), np.float32)
    kernel[middle] = 1
    turn = cv2.getRotationMatrix2D((middle, middle), (0, 10, -20, 35, 160, 0)[number % 6], 1)
    kernel = cv2.warpAffine(kernel, turn, (length, length))
    return cv2.filter2D(image, -1, kernel / kernel.sum())


def _dim(image: RGBImage, face: DetectedFace, number: int) -> RGBImage:
    """Little light, and the noise of few photons and of the sensor."""
    rng = np.random.default_rng(number)
    light = (image / 255.0) ** 1.2 * (0.20, 0.26, 0.32)[number % 3]
    return _to_bytes(255 * (rng.poisson(light * 400) / 400.0 + rng.normal(0, 0.012, image.shape)))


def _small(image: RGBImage, face: DetectedFace, number: int) -> RGBImage:
    scale = SMALL_FACE / face.box.height
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def _tilted(image: RGBImage, face: DetectedFace, number: int) -> RGBImage:
    turn = cv2.getRotationMatrix2D(face.box.centre, TILT if number % 2 else -TILT, 1)
    return cv2.warpAffine(image, turn, image.shape[1::-1], borderMode=cv2.BORDER_REFLECT)


def _light_from_one_side(image: RGBImage, face: DetectedFace, number: int) -> RGBImage:
    beside = (np.arange(image.shape[1]) - face.box.centre[0]) / face.box.width * (1 if number % 2 else -1)
    light = 0.12 + 1 / (1 + np.exp(-beside / 0.18))
    return _to_bytes(image * light[None, :, None])


def _jpeg(image: RGBImage, face: DetectedFace, number: int) -> RGBImage:
    _, packed = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return cv2.cvtColor(cv2.imdecode(packed, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def _side(face: DetectedFace) -> float:
    return max(face.box.width, face.box.height)


def _to_bytes(image: NDArray[np.floating]) -> RGBImage:
    return np.clip(image, 0, 255).astype(np.uint8)


def _fill(image: NDArray[np.uint8], outline: list[Point], colour: int | tuple[int, int, int]) -> None:
    corners = np.round(np.array(outline) * 2**SUBPIXEL_BITS).astype(np.int32)
    cv2.fillPoly(image, [corners], colour, cv2.LINE_AA, SUBPIXEL_BITS)


def _line(image: RGBImage, start: Point, end: Point, colour: tuple[int, int, int], thickness: int) -> None:
    ends = (tuple(np.round(point).astype(int).tolist()) for point in (start, end))
    cv2.line(image, *ends, colour, thickness, cv2.LINE_AA)


DRAWINGS: Mapping[str, Drawing] = {
    "mask": _mask,
    "dark glasses": _dark_glasses,
    "out of focus": _out_of_focus,
    "motion": _motion,
    "dim": _dim,
    "32 pixels": _small,
    "tilted 25 degrees": _tilted,
    "light from one side": _light_from_one_side,
    "JPEG quality 15": _jpeg,
}
