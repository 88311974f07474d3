"""MTCNN's cascade (Zhang et al. 2016) around networks of any engine, with facenet-pytorch's numbers and fewer steps.

P-Net looks at the image in several sizes, each 0.709 times as large as the one before, all of which are computed by
one call. The candidates of R-Net and of O-Net are cut out together, and overlapping ones are dropped by one table of
overlaps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recognizer.engines.base import Detections
from recognizer.engines.suppression import likeliest, suppressed
from recognizer.resampling import AreaSampler
from recognizer.types import FloatArray, RGBImage

# Of P-Net: its window, and the distance from one to the next, in pixels.
WINDOW, STRIDE = 12, 2
REFINED, FINAL = 24, 48  # sides of what R-Net and O-Net see
# A picture of a hundred faces has some thousand candidates; a wall of newspaper may have more. Of each size of the
# pyramid and of all together no more are looked at, the likeliest first.
MOST_OF_A_SIZE, MOST = 1000, 1024
# Of the square around a face of the frame before, what O-Net looks at in the next. Of 85 faces of a clip it missed two
# with 1 alone, 80 ms later, and one with these two; the boxes overlapped those of a whole search by 0.89 on average.
LOOKED_AT_AGAIN = (0.9, 1.05)
# Most of O-Net's candidates are others of the same face. Where rough answers pay, only those are looked at exactly that
# these leave open, from so many candidates on. Over 358 pictures with 5,594 candidates, a sixth of which were looked at
# again, the same were left as without. ROUGH_BY: of the logarithm of the odds. Of likely faces bfloat16 was off by 0.06
# in 99 of 100 cases, and the overlap of its boxes by less than 2 %.
ROUGH_FROM, ROUGH_BY, ROUGH_OVERLAP = 12, 0.15, 0.02
# In single precision, what is less likely to be no face than this is surely one.
_NEARLY_0 = 2e-7


class MtcnnNetworks(Protocol):
    """The three networks: RGB 0..255 float32 in, float32 out. odds: the logarithm of those of a face. Safe to call from
    several threads.

    rough_pays: whether rough answers of O-Net, off by less than ``ROUGH_BY`` and ``ROUGH_OVERLAP``, cost so much less
    than exact ones that time is saved although a few are asked for again.
    """

    @property
    def rough_pays(self) -> bool: ...

    def propose(self, pictures: Sequence[FloatArray]) -> list[tuple[FloatArray, FloatArray]]:
        """P-Net over each (H, W, 3): odds (h, w) and boxes (h, w, 4), relative to the window."""
        ...

    def refine(self, patches: FloatArray) -> tuple[FloatArray, FloatArray]:
        """R-Net for (n, 24, 24, 3): odds (n,) and boxes (n, 4)."""
        ...

    def finish(self, patches: FloatArray, *, rough: bool = False) -> tuple[FloatArray, FloatArray, FloatArray]:
        """O-Net for (n, 48, 48, 3): odds (n,), boxes (n, 4), landmarks (n, 10), first all x."""
        ...


class Mtcnn:
    """``DetectionEngine`` from three networks. min_face_size, thresholds, scale_factor: as ``DetectorConfig`` has
    them."""

    def __init__(
        self,
        networks: MtcnnNetworks,
        *,
        min_face_size: int,
        thresholds: tuple[float, float, float],
        scale_factor: float,
    ) -> None:
        self._networks, self._thresholds = networks, thresholds
        self._least_odds = [_log_odds(threshold) for threshold in thresholds]
        self._scale, self._factor = WINDOW / min_face_size, scale_factor

    def detect_batch(self, images: NDArray[np.uint8]) -> list[Detections]:
        return [self.detect(image) for image in images]

    def detect(self, image: RGBImage) -> Detections:
        sampler = AreaSampler(image)
        boxes = self._proposals(sampler, image)
        if not len(boxes):
            return no_detections()
        boxes, corners = _within(_squares(boxes), image)
        odds, offsets = self._networks.refine(sampler.cut(corners, REFINED))
        scores = _probabilities(odds)
        kept = np.flatnonzero(scores > self._thresholds[1])
        kept = kept[suppressed(boxes[kept], scores[kept], 0.7)]
        if not len(kept):
            return no_detections()
        return self._examine(sampler, _squares(_moved(boxes[kept], offsets[kept])), image)

    def detect_at(self, image: RGBImage, boxes: FloatArray) -> Detections:
        squares = _squares(boxes)
        centres, halves = (squares[:, :2] + squares[:, 2:]) / 2, (squares[:, 2:] - squares[:, :2]) / 2
        around = [np.concatenate([centres - by * halves, centres + by * halves], axis=1) for by in LOOKED_AT_AGAIN]
        return self._examine(AreaSampler(image), np.concatenate(around), image)

    def _examine(self, sampler: AreaSampler, boxes: FloatArray, image: RGBImage) -> Detections:
        """What O-Net makes of the squares ``boxes`` (n, 4) of ``image``."""
        boxes, corners = _within(boxes, image)
        if not len(boxes):
            return no_detections()
        patches = sampler.cut(corners, FINAL)
        if self._networks.rough_pays and len(patches) >= ROUGH_FROM:
            open_ = self._worth_a_look(boxes, patches)
            if not len(open_):
                return no_detections()
            boxes, patches = boxes[open_], patches[open_]
        odds, offsets, points = self._networks.finish(patches)
        scores = _probabilities(odds)
        kept = scores > self._thresholds[2]
        boxes, scores, offsets, points = boxes[kept], scores[kept], offsets[kept], points[kept]
        span = boxes[:, 2:] - boxes[:, :2] + 1
        landmarks = np.stack([points[:, :5], points[:, 5:]], axis=2) * span[:, None] + boxes[:, None, :2] - 1
        boxes = _moved(boxes, offsets)
        kept_in_order = suppressed(boxes, scores, 0.7, of_smaller=True)
        return boxes[kept_in_order], landmarks[kept_in_order], scores[kept_in_order]

    def _worth_a_look(self, boxes: FloatArray, patches: FloatArray) -> NDArray[np.intp]:
        """Which of O-Net's candidates an exact look may leave: likely enough, and not dropped by one that is clearly
        better."""
        odds, offsets, _ = self._networks.finish(patches, rough=True)
        likely = np.flatnonzero(odds > self._least_odds[2] - ROUGH_BY)
        moved = _moved(boxes[likely], offsets[likely])
        return likely[suppressed(moved, odds[likely], 0.7 + ROUGH_OVERLAP, of_smaller=True, lead=2 * ROUGH_BY)]

    def _proposals(self, sampler: AreaSampler, image: RGBImage) -> FloatArray:
        """Boxes (n, 4) that may be faces, the likeliest ``MOST`` of them."""
        scales, pictures = [], []
        for scale, width, height in pyramid(image.shape[1], image.shape[0], self._scale, self._factor):
            picture = np.empty((height, width, 3), np.float32)
            sampler.fill(picture)
            scales.append(scale)
            pictures.append(picture)
        if not pictures:
            return _NONE
        found = [
            _likely(scale, *answer, self._least_odds[0])
            for scale, answer in zip(scales, self._networks.propose(pictures), strict=True)
        ]
        boxes, scores, offsets = (np.concatenate(parts) for parts in zip(*found, strict=True))
        chosen = likeliest(np.arange(len(boxes)), scores, 2 * MOST)
        chosen = chosen[suppressed(boxes[chosen], scores[chosen], 0.7)][:MOST]
        span = boxes[chosen, 2:] - boxes[chosen, :2]
        moved: FloatArray = boxes[chosen] + offsets[chosen] * np.concatenate([span, span], axis=1)
        return moved


_NONE: FloatArray = np.zeros((0, 4), np.float32)


def _likely(
    scale: float, odds: FloatArray, offsets: FloatArray, least_odds: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Of P-Net's answers for the image at ``scale``, as ``MtcnnNetworks.propose`` gives them: those boxes (n, 4) that
    are likelier than ``least_odds`` and than others around, how likely they are, and how they are to be moved."""
    rows, columns = np.nonzero(odds >= least_odds)
    scores = _probabilities(odds[rows, columns])
    corner = STRIDE * np.stack([columns, rows], axis=1)
    # in single precision, which rounds some quotients up to the whole number that the floor then keeps
    low = np.floor((corner + 1).astype(np.float32) / np.float32(scale))
    high = np.floor((corner + WINDOW).astype(np.float32) / np.float32(scale))
    boxes = np.concatenate([low, high], axis=1)
    kept = likeliest(np.arange(len(rows)), scores, MOST_OF_A_SIZE)
    kept = kept[suppressed(boxes[kept], scores[kept], 0.5)]
    return boxes[kept], scores[kept], offsets[rows[kept], columns[kept]]


def no_detections() -> Detections:
    return np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32)


def _log_odds(probability: float) -> float:
    within = min(max(probability, _NEARLY_0), 1 - _NEARLY_0)
    return math.log(within / (1 - within))


def _probabilities(odds: FloatArray) -> FloatArray:
    with np.errstate(over="ignore"):  # of what is surely no face
        found: FloatArray = np.float32(1) / (np.float32(1) + np.exp(-odds))
    return found


def pyramid(width: int, height: int, scale: float, factor: float) -> list[tuple[float, int, int]]:
    """Scale, width and height of each size of an image that P-Net looks at, from the largest on."""
    sizes = []
    while min(width, height) * scale >= WINDOW:
        sizes.append((scale, int(width * scale + 1), int(height * scale + 1)))
        scale *= factor
    return sizes


def _squares(boxes: FloatArray) -> FloatArray:
    """Squares around the same centres, as wide as the longer side."""
    span = boxes[:, 2:] - boxes[:, :2]
    side = span.max(axis=1, keepdims=True)
    low = boxes[:, :2] + span * 0.5 - side * 0.5
    return np.concatenate([low, low + side], axis=1)


def _moved(boxes: FloatArray, offsets: FloatArray) -> FloatArray:
    span = boxes[:, 2:] - boxes[:, :2] + 1
    moved: FloatArray = boxes + offsets * np.concatenate([span, span], axis=1)
    return moved


def _within(boxes: FloatArray, image: RGBImage) -> tuple[FloatArray, NDArray[np.int64]]:
    """The boxes of which something lies in the image, and the whole pixels of that: x1 y1 x2 y2, the last excluded.
    Coordinates count from 1, as MTCNN's first implementation did."""
    height, width = image.shape[:2]
    whole = np.trunc(boxes).astype(np.int64)
    low = np.maximum(whole[:, :2], 1) - 1
    high = np.minimum(whole[:, 2:], [width, height])
    inside = (high > low).all(axis=1)
    return boxes[inside], np.concatenate([low, high], axis=1)[inside].astype(np.int64)
