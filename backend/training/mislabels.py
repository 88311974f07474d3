"""Images that probably show somebody else than the student in whose folder they lie.

Two things speak against an image. Another student's images resemble it more than the rest of its own folder does, by a
tenth of the usual distance between the two; or it resembles the rest of its folder less than images of this data set
usually resemble the best-fitting stranger in it. Both are measured against the data set's own medians, so that the
rule holds for embedders whose cosines lie differently (FaceNet's strangers at 0.5, dlib's at 0.93).

In each round only the most doubtful image of a folder is taken, and the next round does without it: in a folder of
three one wrong image makes the two right ones look wrong too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recognizer.types import FloatArray

# Measured on the 79 people of lfw-dev, 6 images swapped and 3 replaced by strangers, 12 draws, FaceNet / dlib. With 10
# photos each: 100 / 100 % of the swapped and 100 / 100 % of the strangers flagged, and 0.3 / 0.7 % of the right ones
# (three of them, at least, are errors of the set). With 5: 100 / 100, 97 / 97 and 0.4 / 0.7 %. With 3: 99 / 90, 94 / 97
# and 0.3 / 1.2 %. All 1,596 photos as they are: 5 / 7 flagged. In folders of two nothing tells which one is wrong: half
# of the swapped are named, and often their mate.
MARGIN = 0.1  # of the distance between own and other

_BLOCK = 2048  # images compared with all students at once


@dataclass(frozen=True, slots=True)
class Suspect:
    """index: of the image. own_similarity: cosine to the mean of the rest of its folder. best_other: the student whose
    mean it is nearest to, other_similarity the cosine to it. fits_other: whether it is nearer to that student than to
    its own folder; otherwise it simply does not fit its folder."""

    index: int
    own_similarity: float
    best_other: str
    other_similarity: float
    fits_other: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    own: NDArray[np.float64]  # (n,) nan where an image has no folder mates left
    other: NDArray[np.float64]  # (n,)
    best_other: NDArray[np.intp]  # (n,) student number


def find_suspects(embeddings: FloatArray, labels: ArrayLike) -> list[Suspect]:
    """Probable mislabels among ``embeddings`` (n, d) float32, L2 norm 1, that belong to the students ``labels`` (n,);
    by index. Never more than half of a folder, and none at all with fewer than two students."""
    students, owner = np.unique(np.asarray(labels), return_inverse=True)
    if embeddings.ndim != 2 or len(embeddings) != len(owner):
        raise ValueError(f"expected embeddings (n, d) and n labels, got {embeddings.shape} and {len(owner)}")
    if len(students) < 2:
        return []
    doubted = np.zeros(len(owner), dtype=bool)
    may_doubt = np.bincount(owner) // 2
    fit = _fit(embeddings, owner, len(students), doubted)
    if not np.isfinite(fit.own).any():
        return []
    usual_other = float(np.median(fit.other))
    distance = max(float(np.nanmedian(fit.own)) - usual_other, 0.0)
    suspects: list[Suspect] = []
    while True:
        better_elsewhere = fit.own - fit.other < -MARGIN * distance
        wrong = (better_elsewhere | (fit.own < usual_other)) & ~doubted & (may_doubt[owner] > 0)
        worst = _lowest_of_each(fit.own - fit.other, owner, np.flatnonzero(wrong))
        if not worst:
            return sorted(suspects, key=lambda suspect: suspect.index)
        for index in worst:
            suspects.append(
                Suspect(
                    index,
                    float(fit.own[index]),
                    str(students[fit.best_other[index]]),
                    float(fit.other[index]),
                    bool(better_elsewhere[index]),
                )
            )
            doubted[index] = True
            may_doubt[owner[index]] -= 1
        fit = _fit(embeddings, owner, len(students), doubted)


def _fit(embeddings: FloatArray, owner: NDArray[np.intp], students: int, doubted: NDArray[np.bool_]) -> _Fit:
    """How well each image fits the rest of its folder and the best other folder, doubted images counting for none."""
    trusted = ~doubted
    sums = np.zeros((students, embeddings.shape[1]))
    np.add.at(sums, owner[trusted], embeddings[trusted])
    means = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    rest = sums[owner] - np.where(doubted[:, None], 0, embeddings)
    lengths = np.linalg.norm(rest, axis=1)
    mates = np.bincount(owner[trusted], minlength=students)[owner] - trusted
    own = np.where(mates > 0, np.einsum("ij,ij->i", embeddings, rest) / np.maximum(lengths, 1e-12), np.nan)
    other = np.empty(len(owner))
    best = np.empty(len(owner), dtype=np.intp)
    for start in range(0, len(owner), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(owner)))
        similarity = embeddings[rows] @ means.T
        similarity[np.arange(len(rows)), owner[rows]] = -np.inf
        best[rows] = similarity.argmax(axis=1)
        other[rows] = similarity.max(axis=1)
    return _Fit(own, other, best)


def _lowest_of_each(
    values: NDArray[np.float64], owner: NDArray[np.intp], among: Sequence[int] | NDArray[np.intp]
) -> list[int]:
    lowest: dict[int, int] = {}
    for index in map(int, among):
        student = int(owner[index])
        if student not in lowest or values[index] < values[lowest[student]]:
            lowest[student] = index
    return list(lowest.values())
