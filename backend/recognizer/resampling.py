"""Parts of one image at other sizes, many at once: what a detector looks at.

A pixel of the result is the mean over whole pixels of the image, those that its area touches, as torch's adaptive
average pooling has it: MTCNN's networks were published with it, and which of several nearly equal boxes of a face wins
depends on the last digits. The sums come from one table of the image's sums (Crow 1984), so that a large part costs no
more than a small one.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.types import FloatArray, RGBImage


class AreaSampler:
    """Means over parts of one (H, W, 3) uint8 image. The table takes 12 bytes a pixel."""

    def __init__(self, image: RGBImage) -> None:
        # Sums of more than 8 million pixels pass what 32 bits hold, and wrap around; their differences are right again.
        self._sums = cv2.integral(image)

    def resized(self, width: int, height: int) -> FloatArray:
        """The image as (height, width, 3) float32, 0..255."""
        top, bottom = _bins(np.array([0]), np.array([self._sums.shape[0] - 1]), height)
        left, right = _bins(np.array([0]), np.array([self._sums.shape[1] - 1]), width)
        rows = np.take(self._sums, bottom[0], axis=0) - np.take(self._sums, top[0], axis=0)
        sums = np.take(rows, right[0], axis=1) - np.take(rows, left[0], axis=1)
        whole: FloatArray = _divided(sums[None], bottom - top, right - left)[0]
        return whole

    def cut(self, corners: NDArray[np.int64], size: int) -> FloatArray:
        """(n, size, size, 3) float32, 0..255: the parts with ``corners`` (n, 4) x1 y1 x2 y2, the last two excluded,
        each made a square. All lie within the image and are at least one pixel wide and high."""
        left, right = _bins(corners[:, 0], corners[:, 2], size)
        top, bottom = _bins(corners[:, 1], corners[:, 3], size)
        rows = np.concatenate([top, bottom], axis=1)
        columns = np.concatenate([left, right], axis=1)
        places = rows[:, :, None] * self._sums.shape[1] + columns[:, None, :]
        sums = np.take(self._sums.reshape(-1, 3), places, axis=0)
        sums = sums[:, size:] - sums[:, :size]
        sums = sums[:, :, size:] - sums[:, :, :size]
        return _divided(sums, bottom - top, right - left)


def _bins(low: NDArray[np.int64], high: NDArray[np.int64], count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each of ``count`` pixels begins and ends, (n, count) each, between ``low`` and ``high`` (n,)."""
    span, steps = (high - low)[:, None], np.arange(count)
    return low[:, None] + steps * span // count, low[:, None] - (-(steps + 1) * span // count)


def _divided(sums: NDArray[np.int32], heights: NDArray[np.int64], widths: NDArray[np.int64]) -> FloatArray:
    """The means, from sums (n, rows, columns, 3) over so many pixels."""
    areas = (heights[:, :, None] * widths[:, None, :]).astype(np.float32)
    return np.divide(sums, areas[..., None], dtype=np.float32, casting="unsafe")
