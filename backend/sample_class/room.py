"""The classroom's door, as a camera beside the teacher's desk sees it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sample_class.arithmetic import Array, bell, ramp, wave
from sample_class.portraits import encoded

SIZE = (1280, 720)
# Left, top, right: the doorway reaches below the picture.
DOORWAY = (438, 42, 842)


@lru_cache(maxsize=1)
def room() -> NDArray[np.uint8]:
    """(720, 1280, 3) uint8 RGB; not to be written to."""
    width, height = SIZE
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    picture = np.empty((height, width, 3), np.float32)
    picture[:] = (0.53, 0.52, 0.46)
    # brighter towards the windows on the left, darker below
    picture *= (1.06 - 0.22 * x / width - 0.16 * y / height)[:, :, None]
    _skirting(picture, x, y)
    _board(picture, x, y)
    _corridor(picture, x, y)
    _frame(picture, x, y)
    _door(picture, x, y)
    picture *= (1 + 0.012 * wave(x / 37 + 0.6 * wave(y / 51)))[:, :, None]
    made = (np.clip(encoded(picture), 0, 1) * 255 + np.float32(0.5)).astype(np.uint8)
    made.setflags(write=False)
    return made


def doorway() -> NDArray[np.uint8]:
    """(720, 1280) uint8: 255 where one sees through the door."""
    width, height = SIZE
    mask = np.zeros((height, width), np.uint8)
    left, top, right = DOORWAY
    mask[top:, left:right] = 255
    return mask


def _box(x: Array, y: Array, left: float, top: float, right: float, bottom: float, soft: float = 2.0) -> Array:
    """1 inside; edges as soft as a lens leaves what is out of focus."""
    inside = np.minimum(np.minimum(x - left, right - x), np.minimum(y - top, bottom - y))
    return ramp(inside * (0.5 / soft) + 0.5)


def _lay(picture: Array, share: Array, colour: tuple[float, float, float] | Array) -> None:
    picture += share[:, :, None] * (np.asarray(colour, np.float32) - picture)


def _skirting(picture: Array, x: Array, y: Array) -> None:
    # the lower part of the wall is painted, so that it can be wiped
    _lay(picture, _box(x, y, -9, 470, 1300, 900), (0.20, 0.27, 0.27))
    _lay(picture, _box(x, y, -9, 462, 1300, 474), (0.42, 0.40, 0.34))


def _board(picture: Array, x: Array, y: Array) -> None:
    _lay(picture, 0.35 * _box(x, y, 930, 118, 1216, 386, 9), (0.1, 0.1, 0.1))
    _lay(picture, _box(x, y, 920, 100, 1210, 372), (0.33, 0.22, 0.12))
    _lay(picture, _box(x, y, 930, 110, 1200, 362), (0.42, 0.29, 0.17))
    papers = (
        (948, 130, 1030, 240, (0.75, 0.74, 0.70)),
        (1046, 124, 1106, 200, (0.75, 0.66, 0.30)),
        (1122, 140, 1184, 228, (0.55, 0.68, 0.75)),
        (1050, 222, 1110, 306, (0.76, 0.75, 0.72)),
        (956, 262, 1026, 338, (0.72, 0.50, 0.44)),
        (1128, 250, 1180, 330, (0.74, 0.74, 0.70)),
    )
    for left, top, right, bottom, colour in papers:
        _lay(picture, _box(x, y, left, top, right, bottom, 1.5), colour)
        for line in range(int(top) + 14, int(bottom) - 8, 11):
            _lay(picture, 0.35 * _box(x, y, left + 8, line, right - 10 - line % 17, line + 3, 1.5), (0.2, 0.2, 0.22))
    # a light switch
    _lay(picture, _box(x, y, 872, 300, 896, 340, 1.5), (0.72, 0.72, 0.69))
    _lay(picture, 0.5 * _box(x, y, 877, 308, 891, 332, 1.5), (0.5, 0.5, 0.48))


def _corridor(picture: Array, x: Array, y: Array) -> None:
    left, top, right = DOORWAY
    open_ = _box(x, y, left, top, right, 900)
    _lay(picture, open_, (0.40, 0.42, 0.42))
    # the far wall with a window, and the floor before it
    glow = bell(x, y, 640, 210, 190, 170)
    _lay(picture, open_ * _box(x, y, 570, 96, 726, 300, 4), (0.80, 0.88, 0.95))
    _lay(picture, open_ * _box(x, y, 644, 96, 652, 300, 3), (0.45, 0.46, 0.46))
    _lay(picture, open_ * _box(x, y, 570, 192, 726, 199, 3), (0.45, 0.46, 0.46))
    picture += (0.16 * glow * open_)[:, :, None]
    _lay(picture, open_ * ramp((y - 452) / 6), (0.22, 0.20, 0.18))
    _lay(picture, open_ * ramp((y - 455) / 8) * 0.5 * bell(x, y, 645, 470, 110, 130), (0.6, 0.62, 0.62))


def _frame(picture: Array, x: Array, y: Array) -> None:
    left, top, right = DOORWAY
    for a, b, c, d, tone in (
        (left - 26, top - 26, left, 900, 1.0),
        (right, top - 26, right + 26, 900, 0.82),
        (left - 26, top - 26, right + 26, top, 0.9),
    ):
        _lay(picture, _box(x, y, a, b, c, d), (0.34 * tone, 0.35 * tone, 0.36 * tone))
    _lay(picture, 0.5 * _box(x, y, left - 2, top, left + 7, 900, 5), (0.08, 0.08, 0.08))
    _lay(picture, 0.4 * _box(x, y, left, top - 1, right, top + 10, 6), (0.08, 0.08, 0.08))


def _door(picture: Array, x: Array, y: Array) -> None:
    """The leaf stands open against the wall on the left."""
    top = 42 - 0.10 * (412 - x)
    leaf = ramp(np.minimum(np.minimum(x - 150, 414 - x), y - top) / 4 + 0.5)
    shade = 0.95 - 0.15 * (x - 150) / 264
    wood = np.stack([0.34 * shade, 0.21 * shade, 0.11 * shade], axis=2)
    wood *= (1 + 0.05 * wave(x / 23 + 0.7 * wave(y / 190)))[:, :, None]
    _lay(picture, 0.4 * ramp(np.minimum(np.minimum(x - 128, 414 - x), y - top - 12) / 26), (0.06, 0.06, 0.06))
    _lay(picture, leaf, wood)
    _lay(picture, 0.9 * _box(x, y, 172, 372, 222, 384, 2), (0.55, 0.55, 0.55))
    _lay(picture, 0.4 * _box(x, y, 172, 385, 224, 392, 4), (0.05, 0.04, 0.03))
