"""A drawn face that the detector finds: the networks are tried on it before the first frame, so that this one does not
wait for memory to be taken and kernels to be chosen."""

from __future__ import annotations

import numpy as np

from recognizer.types import RGBImage

WIDTH, HEIGHT = 640, 360

# Painted in this order: centre and radii of an ellipse, in face widths from the middle of the face; strength; colour.
_ELLIPSES: tuple[tuple[float, float, float, float, float, tuple[int, int, int]], ...] = (
    (0.0, -0.12, 0.50, 0.62, 1.0, (60, 45, 35)),  # hair
    (0.0, 0.05, 0.42, 0.56, 1.0, (224, 172, 140)),  # face
    *((side * 0.17, -0.13, 0.11, 0.025, 1.0, (70, 50, 40)) for side in (-1, 1)),  # brows
    *((side * 0.17, -0.04, 0.08, 0.06, 0.5, (150, 100, 80)) for side in (-1, 1)),  # sockets
    *((side * 0.17, -0.04, 0.07, 0.035, 1.0, (240, 240, 240)) for side in (-1, 1)),  # eyes
    *((side * 0.17, -0.04, 0.032, 0.034, 1.0, (40, 30, 25)) for side in (-1, 1)),  # pupils
    (0.0, 0.10, 0.05, 0.15, 0.35, (255, 215, 185)),  # nose
    *((side * 0.045, 0.19, 0.025, 0.018, 1.0, (120, 70, 60)) for side in (-1, 1)),  # nostrils
    (0.0, 0.34, 0.14, 0.035, 1.0, (170, 80, 80)),  # mouth
    (0.0, 0.335, 0.13, 0.008, 1.0, (90, 35, 40)),
)
_SOFT = 0.04  # face widths over which an edge fades


def drawn_face(face_width: int = 200) -> RGBImage:
    """A picture of (HEIGHT, WIDTH, 3) with one face in its middle, about ``face_width`` pixels wide."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    u, v = (x - WIDTH / 2) / face_width, (y - HEIGHT / 2) / face_width
    image = np.full((HEIGHT, WIDTH, 3), (150, 160, 170), np.float32)
    light = np.clip(1 - 0.5 * np.abs(u) ** 1.5 - 0.15 * v, 0.4, 1.1)[:, :, None]
    for cu, cv, ru, rv, strength, colour in _ELLIPSES:
        # no farther than its edge has faded
        reach = 1 + _SOFT / min(ru, rv)
        columns = _within(WIDTH, face_width, cu - ru * reach, cu + ru * reach)
        rows = _within(HEIGHT, face_width, cv - rv * reach, cv + rv * reach)
        distance = np.hypot((u[rows, columns] - cu) / ru, (v[rows, columns] - cv) / rv)
        cover = strength * np.clip((1 - distance) * min(ru, rv) / _SOFT + 0.5, 0, 1)[:, :, None]
        part = image[rows, columns]
        part += cover * (np.array(colour, np.float32) * light[rows, columns] - part)
    picture: RGBImage = np.clip(image, 0, 255).astype(np.uint8)
    return picture


def _within(length: int, face_width: int, low: float, high: float) -> slice:
    """The pixels of a side that lie between two distances from its middle, in face widths."""
    return slice(max(0, int(length / 2 + low * face_width)), min(length, int(length / 2 + high * face_width) + 2))
