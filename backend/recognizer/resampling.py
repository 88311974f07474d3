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

from recognizer.compiled import compiled
from recognizer.types import FloatArray, RGBImage


class AreaSampler:
    """Means over parts of one (H, W, 3) uint8 image. The table takes 12 bytes a pixel."""

    def __init__(self, image: RGBImage) -> None:
        # Sums of more than 8 million pixels pass what 32 bits hold, and wrap around; their differences are right again.
        self._sums = np.asarray(cv2.integral(image), np.int32)
        self._whole = np.array([[0, 0, image.shape[1], image.shape[0]]], np.int64)

    def cut(self, corners: NDArray[np.int64], size: int) -> FloatArray:
        """(n, size, size, 3) float32, 0..255: the parts with ``corners`` (n, 4) x1 y1 x2 y2, the last two excluded,
        each made a square. All lie within the image and are at least one pixel wide and high."""
        squares = np.empty((len(corners), size, size, 3), np.float32)
        _means(self._sums, np.ascontiguousarray(corners, np.int64), squares)
        return squares

    def fill(self, picture: FloatArray) -> None:
        """Make the whole image as large as ``picture`` (h, w, 3) float32, and write it there."""
        _means(self._sums, self._whole, picture[None])


@compiled("void(int32[:, :, ::1], int64[:, ::1], float32[:, :, :, :])")
def _means(sums: NDArray[np.int32], corners: NDArray[np.int64], parts: FloatArray) -> None:
    height, width = parts.shape[1], parts.shape[2]
    left, right = np.empty(width, np.int64), np.empty(width, np.int64)
    for number in range(parts.shape[0]):
        x1, y1, x2, y2 = corners[number]
        for x in range(width):
            left[x] = x1 + x * (x2 - x1) // width
            right[x] = x1 - (-(x + 1) * (x2 - x1)) // width
        for y in range(height):
            top = y1 + y * (y2 - y1) // height
            bottom = y1 - (-(y + 1) * (y2 - y1)) // height
            for x in range(width):
                area = np.float32((bottom - top) * (right[x] - left[x]))
                for colour in range(3):
                    total = (
                        sums[bottom, right[x], colour]
                        - sums[top, right[x], colour]
                        - sums[bottom, left[x], colour]
                        + sums[top, left[x], colour]
                    )
                    # numba adds up in 64 bits: back to the 32 that wrap around as those of the table did
                    parts[number, y, x, colour] = np.float32(np.int32(total)) / area
