"""Near duplicates: re-encoded, resized, slightly cropped or consecutive shots of one scene.

Two such pictures on both sides of a split would make a model look better than it is, so a split keeps them together.

Pictures are compared by the normalised correlation of their brightness gradients on a coarse grid, the best over a
few small shifts and crops. Gradients, because plain correlation is ruled by what all portraits have in common (a
bright face before a background); shifts and crops, because a border cut by 4 % already spoils a rigid comparison.

Measured on lfw-dev, threshold 0.86: of 18,856 pairs of photos of one person 5 are merged, those looked at the same or
consecutive shots (0.87, 0.99 and three above 0.99); the next pair (0.84) is two poses of one sitting. Of 100 photos
each, found again after JPEG quality 30, half and third size, 2 to 6 % cut off all round, brightness x 0.6 and x 1.3,
contrast x 1.4, gamma 0.6 and a turn by 2 degrees: all; after cutting 6 % off the left and 3 % off the bottom: 99; after
8 % off one side only, which also changes the proportions: 44.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from recognizer.types import FloatArray

THUMBNAIL_SIZE = 32  # pixels
NEAR_DUPLICATE_SIMILARITY = 0.86  # see the module's text

_GRID = 24  # cells a side that a view of a thumbnail is averaged to
_VIEW_SCALES = (1.0, 0.96, 0.92, 0.88)  # of the thumbnail's side; three positions each way for all but the first
_BLOCK = 1024  # rows compared at once, so that memory grows with n and not with n squared


@dataclass(frozen=True, slots=True)
class _View:
    """A square window of a thumbnail: side as a fraction, corner in pixels."""

    scale: float
    top: float
    left: float

    @property
    def opposite(self) -> _View:
        """Where a picture moved against this one shows what this window shows."""
        slack = THUMBNAIL_SIZE * (1 - self.scale)
        return _View(self.scale, slack - self.top, slack - self.left)


def near_duplicate_groups(
    thumbnails: NDArray[np.generic], threshold: float = NEAR_DUPLICATE_SIMILARITY
) -> NDArray[np.intp]:
    """Group labels (n,) for one student's thumbnails (n, 32, 32), grey, any numeric type and any brightness range.

    Pictures with the same label are near duplicates of each other, directly or through others. Labels are 0, 1, ... in
    the order in which the groups first appear. A picture without any structure is near to none.
    """
    return groups_by_student(thumbnails, np.zeros(len(thumbnails), dtype=np.intp), threshold)


def groups_by_student(
    thumbnails: NDArray[np.generic], labels: ArrayLike, threshold: float = NEAR_DUPLICATE_SIMILARITY
) -> NDArray[np.intp]:
    """Group labels (n,) for the thumbnails (n, 32, 32) of many students, ``labels`` (n,) their ids: near duplicates
    within a student share a label, and no label is shared by two students. Labels count as in
    ``near_duplicate_groups``."""
    images, owners = _checked(thumbnails), np.asarray(labels)
    members = [np.flatnonzero(owners == student) for student in np.unique(owners)]
    pairs = list(_near_pairs(images, [of_one for of_one in members if len(of_one) > 1], threshold))
    rows = np.concatenate([first for first, _ in pairs]) if pairs else np.zeros(0, dtype=np.intp)
    columns = np.concatenate([second for _, second in pairs]) if pairs else np.zeros(0, dtype=np.intp)
    return _components(len(images), rows, columns)


def near_duplicates_across(
    thumbnails: NDArray[np.generic], labels: ArrayLike, threshold: float = NEAR_DUPLICATE_SIMILARITY
) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j, of thumbnails (n, 32, 32) that look the same but belong to different students by ``labels``
    (n,). Re-encodings, resizings and changes of brightness are looked for, not crops: there are many more pairs here,
    and copies are what one looks for. The highest similarity of two people's photos in lfw-dev is 0.76."""
    images, owners = _checked(thumbnails), np.asarray(labels)
    features = _features(images, _View(1.0, 0.0, 0.0))
    pairs = []
    for start in range(0, len(features), _BLOCK):
        block = features[start : start + _BLOCK]
        similar = block @ features.T >= threshold
        similar &= owners[start : start + _BLOCK, None] != owners[None, :]
        for row, column in zip(*np.nonzero(similar), strict=True):
            if start + row < column:
                pairs.append((int(start + row), int(column)))
    return pairs


def _checked(thumbnails: NDArray[np.generic]) -> FloatArray:
    expected = (THUMBNAIL_SIZE, THUMBNAIL_SIZE)
    if thumbnails.ndim != 3 or thumbnails.shape[1:] != expected:
        raise ValueError(f"expected thumbnails (n, {expected[0]}, {expected[1]}), got {thumbnails.shape}")
    return thumbnails.astype(np.float32)


def _near_pairs(
    images: FloatArray, members: list[NDArray[np.intp]], threshold: float
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Rows and columns of pairs whose similarity reaches ``threshold``, both of one entry of ``members``; a pair may
    come more than once."""
    if not members:
        return
    views = _views()
    whole = _features(images, views[0])
    for view in views:
        seen = whole if view is views[0] else _features(images, view)
        # part of one against the whole of the other (a crop), and against the opposite part (a shift)
        others = [whole] if view is views[0] else [whole, _features(images, view.opposite)]
        for of_one in members:
            for other in others:
                candidates = other[of_one].T
                for start in range(0, len(of_one), _BLOCK):
                    rows = of_one[start : start + _BLOCK]
                    found, column = np.nonzero(seen[rows] @ candidates >= threshold)
                    if len(found):
                        yield rows[found], of_one[column]


@lru_cache(maxsize=1)
def _views() -> tuple[_View, ...]:
    views = []
    for scale in _VIEW_SCALES:
        slack = THUMBNAIL_SIZE * (1 - scale)
        offsets = [0.0] if scale == 1 else [0.0, slack / 2, slack]
        views += [_View(scale, top, left) for top in offsets for left in offsets]
    return tuple(views)


def _features(images: FloatArray, view: _View) -> FloatArray:
    """(n, 1058) float32 rows of mean 0 and length 1 whose products are correlations; zero for a flat picture."""
    down, across = _averaging(view.top, view.scale), _averaging(view.left, view.scale)
    grid = down @ images @ across.T
    steps_down = (grid[:, 1:] - grid[:, :-1])[:, :, :-1]
    steps_across = (grid[:, :, 1:] - grid[:, :, :-1])[:, :-1]
    flat = np.concatenate([steps_down.reshape(len(grid), -1), steps_across.reshape(len(grid), -1)], axis=1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(flat, axis=1, keepdims=True)
    result: FloatArray = np.where(lengths > 1e-3, flat / np.maximum(lengths, 1e-3), 0).astype(np.float32)
    return result


@lru_cache(maxsize=64)
def _averaging(offset: float, scale: float) -> FloatArray:
    """The (24, 32) matrix that averages the window [offset, offset + 32 x scale) of 32 pixels into 24 equal cells."""
    edges = np.linspace(offset, offset + THUMBNAIL_SIZE * scale, _GRID + 1)
    pixels = np.arange(THUMBNAIL_SIZE)
    shared = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = np.clip(shared, 0, None)
    result: FloatArray = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return result


def _components(count: int, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.intp]:
    graph = coo_array((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(count, count))
    _, found = connected_components(graph, directed=False)
    # numbered by first appearance, whatever order the library visits them in
    _, first, inverse = np.unique(found, return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(first))
    return np.asarray(order[inverse], dtype=np.intp)
