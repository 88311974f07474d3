"""Of boxes that overlap only the best remain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recognizer.compiled import compiled
from recognizer.types import FloatArray


def likeliest(indices: NDArray[np.intp], scores: FloatArray, most: int) -> NDArray[np.intp]:
    """Those of ``indices`` with the highest ``scores``, at most so many."""
    return indices if len(indices) <= most else indices[np.argpartition(-scores, most)[:most]]


def suppressed(
    boxes: FloatArray, scores: FloatArray, threshold: float, *, of_smaller: bool = False, lead: float = 0.0
) -> NDArray[np.intp]:
    """Indices of the boxes (n, 4) float32 that remain, best first, when each drops the worse ones that overlap it by
    more than ``threshold`` of their union, or of the smaller of the two. lead: only those that are worse by as much."""
    order = np.argsort(-scores, kind="stable")
    ordered = np.ascontiguousarray(boxes[order], np.float32), np.ascontiguousarray(scores[order], np.float32)
    return order[_remaining(*ordered, threshold, lead, of_smaller)]


@compiled("boolean(float32[:, ::1], int64, int64, float32, boolean)")
def _overlap(boxes: FloatArray, one: int, other: int, threshold: float, of_smaller: bool) -> bool:
    # facenet-pytorch counts pixels from edge to edge in its last step, and distances before
    extra = np.float32(1 if of_smaller else 0)
    a, b = boxes[one], boxes[other]
    width = min(a[2], b[2]) - max(a[0], b[0]) + extra
    height = min(a[3], b[3]) - max(a[1], b[1]) + extra
    if width <= 0 or height <= 0:
        return False
    shared = width * height
    area_a = (a[2] - a[0] + extra) * (a[3] - a[1] + extra)
    area_b = (b[2] - b[0] + extra) * (b[3] - b[1] + extra)
    whole = min(area_a, area_b) if of_smaller else area_a + area_b - shared
    # a box that is inside out has less than no area, and overlaps nobody
    return bool(shared > threshold * max(whole, np.float32(0)))


@compiled("boolean[::1](float32[:, ::1], float32[::1], float32, float32, boolean)")
def _remaining(
    boxes: FloatArray, scores: FloatArray, threshold: float, lead: float, of_smaller: bool
) -> NDArray[np.bool_]:
    """Which of the boxes, best first, remain."""
    remains = np.ones(len(boxes), np.bool_)
    for best in range(len(boxes)):
        if remains[best]:
            for other in range(best + 1, len(boxes)):
                worse = scores[best] - scores[other] >= lead
                if worse and remains[other] and _overlap(boxes, best, other, threshold, of_smaller):
                    remains[other] = False
    return remains
