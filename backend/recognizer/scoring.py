"""The accept score: how close an embedding is to a student's gallery, made comparable between students.

For student k with K photos the gallery holds the centroid c_k (the mean embedding, L2 norm 1) and the compactness
w_k (the mean cosine between two different photos of that student). The score of an embedding x is

    cosine(x, c_k) - weight * K / (K + prior) * clip(w_k - reference, -limit, limit)

A student whose photos vary (glasses, beard, light) has a lower w_k, and new photos of the same person lie farther
from the centroid; one cosine threshold for everybody then turns exactly these students away. Strangers lie no
closer to a varied gallery, so the correction finds more students at the same rate of strangers. Measured on lfw-dev
(79 students, 10 photos, FaceNet): found at 1 % and 0.1 % strangers by cosine alone 98.6 and 97.0 %, with the
correction 99.2 and 98.0 %. K / (K + prior) shrinks w_k where few photos measure it; the clip keeps a folder of
mixed-up people from buying itself a low threshold. Reference, weight and prior belong to the embedder and are
measured together with its stranger table (training/profiles.py).

Beside this gallery there is one for each condition in which a face looks very different to the network (under a mask,
behind dark glasses): the centroids of the same photos with the condition drawn on them (training/conditions.py). A face
has the largest of its cosines to a student's centroids. Angles to a condition's centroids are multiplied first by what
makes strangers as far from them as from the plain ones. One gallery of all conditions pooled is worse than none.

The score of one student hardly depends on who else is enrolled.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recognizer.types import FloatArray


@dataclass(frozen=True, slots=True)
class ScoringParameters:
    """weight, prior, reference, limit: as in the module's formula; limit and reference are cosines.

    min_margin: cosine by which the best candidate must lead the second. Below it two people look alike to the
    network, and a person decides."""

    compactness_weight: float
    compactness_prior: float
    compactness_reference: float
    compactness_limit: float
    min_margin: float

    def as_dict(self) -> dict[str, Any]:
        return {"method": "compactness-adjusted-cosine", **asdict(self)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ScoringParameters:
        """Raises KeyError when a number is missing, TypeError or ValueError when it is none or not finite."""
        numbers = {name: float(data[name]) for name in cls.__slots__}
        for name, value in numbers.items():
            # NaN would compare false with every threshold: nobody would ever be found, without a word why
            if not math.isfinite(value):
                raise ValueError(f"{name} is {value}, not a finite number")
        return cls(**numbers)


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """centroids: (N, d) float32, L2 norm 1. compactness: (N,) float32, mean cosine between two photos of one
    student, NaN where there is only one photo. counts: (N,) int32 photos."""

    centroids: FloatArray
    compactness: FloatArray
    counts: NDArray[np.int32]

    def __post_init__(self) -> None:
        n = len(self.centroids)
        if self.centroids.ndim != 2 or self.compactness.shape != (n,) or self.counts.shape != (n,):
            raise ValueError(
                f"expected centroids (N, d), compactness (N,), counts (N,), got {self.centroids.shape}, "
                f"{self.compactness.shape}, {self.counts.shape}"
            )

    def offsets(self, parameters: ScoringParameters) -> FloatArray:
        """(N,) float32: what is taken off each student's cosine."""
        return compactness_offsets(self.compactness, self.counts, parameters)

    def as_dict(self) -> dict[str, NDArray[Any]]:
        return {"centroids": self.centroids, "compactness": self.compactness, "counts": self.counts}


@dataclass(frozen=True, slots=True, eq=False)
class ConditionGallery:
    """centroids: (N, d) float32, L2 norm 1, of photos in one condition. angle_scale: what angles to them are multiplied
    by, to compare with angles to the plain centroids; above 0."""

    centroids: FloatArray
    angle_scale: float


def scaled_cosines(cosines: float | FloatArray, scale: float) -> FloatArray:
    """The cosines of angles ``scale`` times as large, at most half a turn."""
    angles = scale * np.arccos(np.clip(cosines, -1.0, 1.0))
    return np.asarray(np.cos(np.minimum(angles, np.pi)))


def largest_similarities(
    centroids: FloatArray, conditions: Sequence[ConditionGallery], embeddings: FloatArray
) -> FloatArray:
    """(n, N): of each of (n, d) embeddings, the largest of its cosines to each student's (N, d) plain centroids and to
    those in ``conditions``, as comparable with plain ones."""
    largest = embeddings @ centroids.T
    for condition in conditions:
        largest = np.maximum(largest, scaled_cosines(embeddings @ condition.centroids.T, condition.angle_scale))
    return largest


CONDITION_PREFIX = "in_"
"""Before a condition's name in an artifact's gallery: its centroids, (N, d) float16, as half the bytes do."""


def read_conditions(gallery: Mapping[str, NDArray[Any]], scoring: Mapping[str, Any]) -> tuple[ConditionGallery, ...]:
    """The condition galleries of an artifact; none in a file that was made before there were any. Raises KeyError,
    TypeError or ValueError for what cannot be one."""
    scales = scoring.get("conditions", {})
    if not isinstance(scales, dict):
        raise TypeError(f"conditions are a {type(scales).__name__}, not a dict")
    conditions = []
    for name, scale in scales.items():
        centroids, scale = gallery[CONDITION_PREFIX + name], float(scale)
        if centroids.shape != gallery["centroids"].shape or not np.isfinite(centroids).all() or not 0 < scale < 10:
            raise ValueError(f"the gallery {name!r:.40} does not fit")
        conditions.append(ConditionGallery(centroids.astype(np.float32), scale))
    return tuple(conditions)


def build_gallery(embeddings: FloatArray, labels: NDArray[np.integer[Any]], students: int) -> Gallery:
    """Gallery of ``students`` people from (n, d) embeddings of norm 1 and labels 0..students-1, each present."""
    sums, counts = class_sums(embeddings, labels, students)
    if (counts == 0).any():
        raise ValueError(f"student {int(np.argmin(counts))} has no embedding")
    return gallery_from_sums(sums, counts)


def class_sums(
    embeddings: FloatArray, labels: NDArray[np.integer[Any]], students: int
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Sum of the embeddings (students, d) float64 and their number (students,) for each student."""
    sums = np.zeros((students, embeddings.shape[1]), np.float64)
    np.add.at(sums, labels, embeddings)
    return sums, np.bincount(labels, minlength=students).astype(np.int32)


def gallery_from_sums(sums: NDArray[np.float64], counts: NDArray[np.int32]) -> Gallery:
    """Centroids and compactness follow from the sums alone: |sum|^2 holds every pair of photos."""
    squared = (sums**2).sum(axis=1)
    centroids = sums / np.maximum(np.sqrt(squared), 1e-12)[:, None]
    n = counts.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        compactness = np.where(n > 1, (squared - n) / (n * (n - 1)), np.nan)
    return Gallery(centroids.astype(np.float32), compactness.astype(np.float32), counts.astype(np.int32))


def compactness_offsets(
    compactness: FloatArray, counts: NDArray[np.integer[Any]], parameters: ScoringParameters
) -> FloatArray:
    """The correction of the module's formula; 0 for a student with a single photo."""
    deviation = np.clip(
        np.nan_to_num(compactness - parameters.compactness_reference, nan=0.0),
        -parameters.compactness_limit,
        parameters.compactness_limit,
    )
    trust = counts / (counts + parameters.compactness_prior)
    return np.asarray(parameters.compactness_weight * trust * deviation, dtype=np.float32)
