"""Is a photo of one face good enough to be trained on, and if not: what should be done differently?

The limits were looked at on the 3,344 photos of lfw-dev: each turns away 1 % of them or less, but for size (1.4 %) and
cut faces (1.8 %), as those photos are small and closely cut, and for several faces (12 %), as many show two people.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recognizer.crops import grey_face, laplacian, shrunk
from recognizer.types import DetectedFace, RGBImage


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """second_face: a face with sides of at least this share of the largest one's is a second person, not a passer-by.

    shortest_side: pixels of the box's shorter side; below it a crop for either network would be enlarged more than half
    again, and what is enlarged has no detail to learn from. sharpness: variance of the Laplacian of the face at 96 x 96
    and a fixed contrast; below are 0.7 % of lfw-dev, and 96 % (100 %) of it once blurred by 2 (3) pixels. darkest,
    brightest: mean grey 0..255. contrast: standard deviation of grey; both beyond anything in lfw-dev. turned: how far
    the nose lies off the middle, in distances between the eyes. tilted: degrees. outside: share of the box's side that
    lies beyond the edge of the photo.
    """

    second_face: float = 1 / 3
    shortest_side: float = 80.0
    sharpness: float = 70.0
    darkest: float = 45.0
    brightest: float = 205.0
    contrast: float = 15.0
    turned: float = 0.45
    tilted: float = 25.0
    outside: float = 0.04


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """What was measured of a face; see ``QualityLimits``. side: pixels. turned: below 0 to the viewer's left, above to
    the right. tilted: degrees, clockwise as the viewer sees it. probability: the detector's, 0..1."""

    side: float
    sharpness: float
    brightness: float
    contrast: float
    turned: float
    tilted: float
    outside: float
    probability: float

    def as_dict(self) -> dict[str, Any]:
        return {name: round(value, 3) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Shortcoming:
    """One reason why a photo is not good enough. code: stable, for programs. message: what is wrong and what to do."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Assessment:
    """face: the largest, None when there is none. shortcomings: in the order in which they should be put right; none
    when the photo is good enough."""

    face: DetectedFace | None
    quality: FaceQuality | None
    shortcomings: tuple[Shortcoming, ...]

    @property
    def good(self) -> bool:
        return not self.shortcomings


def assess(image: RGBImage, faces: Sequence[DetectedFace], limits: QualityLimits = QualityLimits()) -> Assessment:
    """Judge a photo of one person. faces: what the detector found in ``image``, largest first."""
    if not faces:
        return Assessment(None, None, (Shortcoming("no_face", _NO_FACE),))
    face = faces[0]
    quality = measure(image, face)
    found = [
        *_several(faces, limits),
        *_geometry(quality, limits),
        *_light(quality, limits),
    ]
    return Assessment(face, quality, tuple(found))


Detect = Callable[[RGBImage], Sequence[DetectedFace]]

# A face that is large enough to be trained on is seen in so many pixels, and looking takes a moment.
_LOOKED_AT = 640
# Quarters of a turn to the left, and how a person is told to do that.
_TURNS = {1: "by 90 degrees to the left", 3: "by 90 degrees to the right", 2: "by 180 degrees"}


def turn_needed(image: RGBImage, detect: Detect) -> str | None:
    """How ``image``, in which no upright face was found, has to be turned to show one: ``by 90 degrees to the left``
    and so on; None where that does not help. A photo whose camera did not note how it was held looks like that."""
    small = shrunk(image, _LOOKED_AT)
    found = {
        quarters: max((face.probability for face in detect(np.ascontiguousarray(np.rot90(small, quarters)))), default=0)
        for quarters in _TURNS
    }
    best = max(found, key=lambda quarters: found[quarters])
    return _TURNS[best] if found[best] else None


def with_turn(image: RGBImage, found: Assessment, detect: Detect) -> Assessment:
    """``found``, as ``assess`` gives it; where the picture lies on its side, it says how to turn it."""
    if not any(each.message in (_NO_FACE, _TILTED) for each in found.shortcomings):
        return found
    turn = turn_needed(image, detect)
    if turn is None:
        return found
    message = (
        f"the picture {'is upside down' if turn == _TURNS[2] else 'lies on its side'}; turn it {turn} and send it again"
    )
    return replace(found, shortcomings=(Shortcoming(found.shortcomings[0].code, message),))


def measure(image: RGBImage, face: DetectedFace) -> FaceQuality:
    """The numbers of ``face`` in ``image`` (H, W, 3)."""
    grey = grey_face(image, face.box)
    spread = float(grey.std())
    # at a fixed contrast, so that dim light is not taken for blur; a flat face has no detail to bring out
    even = (grey - float(grey.mean())) / max(spread, 4.0) * 64
    turned, tilted = _pose(face.landmarks.astype(np.float64))
    height, width = image.shape[:2]
    box = face.box
    beyond = max(
        -box.x1 / box.width, (box.x2 - width) / box.width, -box.y1 / box.height, (box.y2 - height) / box.height
    )
    return FaceQuality(
        side=float(min(box.width, box.height)),
        sharpness=float(laplacian(even)[1:-1, 1:-1].var()),
        brightness=float(grey.mean()),
        contrast=spread,
        turned=turned,
        tilted=tilted,
        outside=float(max(beyond, 0.0)),
        probability=float(face.probability),
    )


_NO_FACE = "no face was found; look into the camera, uncover the face, and come closer"
_TILTED = "the head is tilted; hold it upright"


def _several(faces: Sequence[DetectedFace], limits: QualityLimits) -> list[Shortcoming]:
    others = sum(face.box.area >= limits.second_face**2 * faces[0].box.area for face in faces[1:])
    if not others:
        return []
    return [
        Shortcoming("several_faces", f"{others + 1} faces are in the photo; only the student may be near the camera")
    ]


def _geometry(quality: FaceQuality, limits: QualityLimits) -> list[Shortcoming]:
    found = []
    if quality.outside > limits.outside:
        found.append(Shortcoming("cut_off", "the face is cut off at the edge; move it into the middle of the photo"))
    if quality.side < limits.shortest_side:
        found.append(
            Shortcoming(
                "too_small",
                f"the face is {quality.side:.0f} pixels wide, {limits.shortest_side:.0f} are needed; come closer, or "
                "send the photo in its full size",
            )
        )
    if abs(quality.turned) > limits.turned:
        # somebody who faces the viewer's right has turned to their own left
        side = "right" if quality.turned > 0 else "left"
        found.append(Shortcoming("turned_away", f"the face is turned away; turn a little to your {side}"))
    elif abs(quality.tilted) > limits.tilted:
        found.append(Shortcoming("turned_away", _TILTED))
    return found


def _light(quality: FaceQuality, limits: QualityLimits) -> list[Shortcoming]:
    if quality.brightness < limits.darkest:
        return [Shortcoming("too_dark", "the face is too dark; turn towards a window or a lamp")]
    if quality.brightness > limits.brightest:
        return [Shortcoming("too_bright", "the face is too bright; move out of the direct light")]
    if quality.contrast < limits.contrast:
        message = "the face shows hardly any contrast; wipe the lens, avoid light from behind and fog filters"
        return [Shortcoming("low_contrast", message)]
    if quality.sharpness < limits.sharpness:
        return [Shortcoming("blurred", "the face is blurred; hold still, wipe the lens, and wait until it is in focus")]
    return []


def _pose(points: NDArray[np.float64]) -> tuple[float, float]:
    """(turned, tilted) of the five landmarks; see ``FaceQuality``."""
    left, right, nose = points[0], points[1], points[2]
    between = right - left
    distance = float(np.hypot(*between))
    if distance < 1e-6:  # seen from the side, one eye behind the other
        return 1.0, 0.0
    along = between / distance
    middle = (left + right + points[3] + points[4]) / 4
    return float((nose - middle) @ along) / distance, float(np.degrees(np.arctan2(between[1], between[0])))
