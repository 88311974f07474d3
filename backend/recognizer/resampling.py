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

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Which part of an image each pixel of a result is the mean of, for images of one size. All (...): the indices of
    the part's corners in the table of sums; areas (..., 1): pixels."""

    top_left: Indices
    top_right: Indices
    bottom_left: Indices
    bottom_right: Indices
    areas: FloatArray

    @classmethod
    def nowhere(cls, height: int, width: int) -> Places:
        """(height, width) pixels that are 0 until ``put`` gives them a place."""
        a, b, c, d = np.zeros((4, height, width), np.intp)
        return cls(a, b, c, d, np.ones((height, width, 1), np.float32))

    def put(self, other: Places, left: int, top: int) -> None:
        """Give the pixels from (left, top) on those of ``other``."""
        height, width = other.top_left.shape
        here = (slice(top, top + height), slice(left, left + width))
        for name in self.__slots__:
            getattr(self, name)[here] = getattr(other, name)


def places_of_whole(image_size: tuple[int, int], width: int, height: int) -> Places:
    """Of images of ``image_size`` (width, height), made (height, width)."""
    return _places(np.array([[0, 0, *image_size]]), width, height, image_size[0], squeeze=True)


class AreaSampler:
    """Means over parts of one (H, W, 3) uint8 image. The table takes 12 bytes a pixel."""

    def __init__(self, image: RGBImage) -> None:
        # Sums of more than 8 million pixels pass what 32 bits hold, and wrap around; their differences are right again.
        sums = cv2.integral(image)
        self._image_width = sums.shape[1] - 1
        self._sums = sums.reshape(-1, 3)

    def means(self, places: Places) -> FloatArray:
        """(..., 3) float32, 0..255."""
        sums = np.take(self._sums, places.bottom_right, axis=0)
        sums -= np.take(self._sums, places.top_right, axis=0)
        sums -= np.take(self._sums, places.bottom_left, axis=0)
        sums += np.take(self._sums, places.top_left, axis=0)
        means = sums.astype(np.float32)
        means /= places.areas
        return means

    def cut(self, corners: NDArray[np.int64], size: int) -> FloatArray:
        """(n, size, size, 3) float32, 0..255: the parts with ``corners`` (n, 4) x1 y1 x2 y2, the last two excluded,
        each made a square. All lie within the image and are at least one pixel wide and high."""
        return self.means(_places(corners, size, size, self._image_width))


def _places(corners: NDArray[np.int64], width: int, height: int, image_width: int, *, squeeze: bool = False) -> Places:
    """Of parts with ``corners`` (n, 4), (n, height, width); squeeze: without the first dimension, where n is 1."""
    left, right = _bins(corners[:, 0], corners[:, 2], width)
    top, bottom = _bins(corners[:, 1], corners[:, 3], height)
    areas = ((bottom - top)[:, :, None] * (right - left)[:, None, :]).astype(np.float32)[..., None]
    if squeeze:
        left, right, top, bottom, areas = left[0], right[0], top[0], bottom[0], areas[0]
    row = image_width + 1  # of the table, which begins with zeros
    above, below = (row * top)[..., :, None], (row * bottom)[..., :, None]
    before, behind = left[..., None, :], right[..., None, :]
    return Places(above + before, above + behind, below + before, below + behind, areas)


def _bins(low: NDArray[np.int64], high: NDArray[np.int64], count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each of ``count`` pixels begins and ends, (n, count) each, between ``low`` and ``high`` (n,)."""
    span, steps = (high - low)[:, None], np.arange(count)
    return low[:, None] + steps * span // count, low[:, None] - (-(steps + 1) * span // count)
