"""Parts of one image at other sizes, many at once: what a detector looks at.

A pixel of the result is the mean over whole pixels of the image, those that its area touches, as torch's adaptive
average pooling has it: MTCNN's networks were published with it, and which of several nearly equal boxes of a face wins
depends on the last digits. The sums come from one table of the image's sums (Crow 1984), so that a large part costs no
more than a small one.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.types import FloatArray, RGBImage

Corners = NDArray[np.int16] | NDArray[np.int32]
# OpenCV takes no image, and so no table, with a longer side; of those numpy gathers. No camera has so many in a row.
LONGEST_SIDE = 32_766


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Which part of an image each pixel of a result is the mean of, for images of one size. All (...) and one number
    more: x and y of the part's corners in the table of sums; areas: pixels."""

    top_left: Corners
    top_right: Corners
    bottom_left: Corners
    bottom_right: Corners
    areas: FloatArray

    @classmethod
    def nowhere(cls, image_size: tuple[int, int], height: int, width: int) -> Places:
        """(height, width) pixels that are 0 until ``put`` gives them a place in an image of that (width, height)."""
        a, b, c, d = np.zeros((4, height, width, 2), np.int16 if max(image_size) <= LONGEST_SIDE else np.int32)
        return cls(a, b, c, d, np.ones((height, width, 1), np.float32))

    def put(self, other: Places, left: int, top: int) -> None:
        """Give the pixels from (left, top) on those of ``other``."""
        height, width = other.top_left.shape[:2]
        here = (slice(top, top + height), slice(left, left + width))
        for name in self.__slots__:
            getattr(self, name)[here] = getattr(other, name)


def places_of_whole(image_size: tuple[int, int], width: int, height: int) -> Places:
    """Of images of ``image_size`` (width, height), made (height, width)."""
    places = _places(np.array([[0, 0, *image_size]]), width, height)
    return Places(*(getattr(places, name)[0] for name in Places.__slots__))


class AreaSampler:
    """Means over parts of one (H, W, 3) uint8 image. The table takes 12 bytes a pixel."""

    def __init__(self, image: RGBImage) -> None:
        # Sums of more than 8 million pixels pass what 32 bits hold, and wrap around; their differences are right again.
        self._sums = cv2.integral(image)

    def means(self, places: Places) -> FloatArray:
        """(..., 3) float32, 0..255."""
        sums = self._at(places.bottom_right)
        sums -= self._at(places.top_right)
        sums -= self._at(places.bottom_left)
        sums += self._at(places.top_left)
        means = sums.astype(np.float32)
        means /= places.areas
        return means

    def cut(self, corners: NDArray[np.int64], size: int) -> FloatArray:
        """(n, size, size, 3) float32, 0..255: the parts with ``corners`` (n, 4) x1 y1 x2 y2, the last two excluded,
        each made a square. All lie within the image and are at least one pixel wide and high."""
        return self.means(_places(corners, size, size))

    def _at(self, corners: Corners) -> NDArray[np.int32]:
        """The sums (..., 3) at ``corners`` (..., 2). OpenCV gathers them on all cores, numpy on one."""
        if not corners.size or max(self._sums.shape) > LONGEST_SIDE:
            return np.asarray(self._sums[corners[..., 1], corners[..., 0]], dtype=np.int32)
        flat = corners.reshape(corners.shape[0], -1, 2).astype(np.int16, copy=False)
        return cv2.remap(self._sums, flat, None, cv2.INTER_NEAREST).reshape(*corners.shape[:-1], 3)  # type: ignore[call-overload, no-any-return]


def _places(corners: NDArray[np.int64], width: int, height: int) -> Places:
    """Of parts with ``corners`` (n, 4), (n, height, width)."""
    left, right = _bins(corners[:, 0], corners[:, 2], width)
    top, bottom = _bins(corners[:, 1], corners[:, 3], height)
    areas = ((bottom - top)[:, :, None] * (right - left)[:, None, :]).astype(np.float32)[..., None]

    kind = np.int16 if corners.max(initial=0) <= LONGEST_SIDE else np.int32

    def at(x: NDArray[np.int64], y: NDArray[np.int64]) -> Corners:
        both = np.empty((len(corners), height, width, 2), kind)
        both[..., 0], both[..., 1] = x[:, None, :], y[:, :, None]
        return both

    return Places(at(left, top), at(right, top), at(left, bottom), at(right, bottom), areas)


def _bins(low: NDArray[np.int64], high: NDArray[np.int64], count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each of ``count`` pixels begins and ends, (n, count) each, between ``low`` and ``high`` (n,)."""
    span, steps = (high - low)[:, None], np.arange(count)
    return low[:, None] + steps * span // count, low[:, None] - (-(steps + 1) * span // count)
