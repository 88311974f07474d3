"""What is known of each embedder before a class is seen: how strangers score against a student's gallery.

Users have photos of their students and none of strangers, so the rate of strangers accepted cannot be counted; it
has to be known. Measured on lfw-dev: the accept score of a random stranger against one random student with K
photos exceeds t with probability p_K(t), and against N students with 1 - (1 - p_K(t))^N, as if the students were
independent (N from 1 to 70, rates from 50 % to 0.1 %: thresholds agree within 0.012). One curve for each
K therefore holds every class size. It is stored as t over the normal quantile z of 1 - p, in which it is nearly
straight, so that it can be carried beyond the measured range for very large classes.

``embedder_profiles.json`` beside this module is that table, written by ``benchmarks/embedder_profile.py``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from errors import TrainingError
from recognizer.scoring import ScoringParameters, build_gallery, scaled_cosines
from recognizer.types import FloatArray

PROFILE_FILE = Path(__file__).with_name("embedder_profiles.json")


@dataclass(frozen=True, slots=True)
class EmbedderProfile:
    """scoring: the accept score's constants for this embedder. z: (m,) ascending normal quantiles. photos: (k,)
    ascending numbers of photos per student. thresholds: (k, m), the score that a stranger passes against one student
    with probability 1 - Phi(z). class_spread: standard deviation of ``class_level`` between random classes of
    20 students. origin: what it was measured on, for the record; ``estimated`` in it is true for what nobody
    measured. angle_scale: the angles between these people, as a share of those in the table."""

    embedder_id: str
    scoring: ScoringParameters
    z: tuple[float, ...]
    photos: tuple[int, ...]
    thresholds: tuple[tuple[float, ...], ...]
    class_spread: float
    origin: Mapping[str, Any]
    angle_scale: float = 1.0

    def __post_init__(self) -> None:
        """Raises ValueError for a table that cannot be read both ways: its values have to rise."""
        if len(self.z) < 2 or not self.photos or len(self.thresholds) != len(self.photos):
            raise ValueError(
                f"expected thresholds ({len(self.photos)}, {len(self.z)}), got {len(self.thresholds)} rows"
            )
        for name, values in (("z", self.z), ("photos", self.photos), *(("thresholds", row) for row in self.thresholds)):
            if name == "thresholds" and len(values) != len(self.z):
                raise ValueError(f"expected {len(self.z)} thresholds in a row, got {len(values)}")
            if not np.isfinite(values).all() or not (np.diff(values) > 0).all():
                raise ValueError(f"the {name} of embedder {self.embedder_id!r} must rise, got {values}")
        if not self.class_spread > 0:
            raise ValueError(f"class_spread must be above 0, got {self.class_spread}")

    def scaled(self, scale: float) -> EmbedderProfile:
        """The profile of people between whom all angles are ``scale`` (above 0) times as large as here.

        Limits move by angles, not by cosines: of people who look alike these crowd near 1, and adding a difference of
        cosines leads past it. Strangers to ten classes of look-alikes reached 1.4 % at a stated 1 % this way."""
        angle = np.arccos(self.threshold(0.01, 20, 5))
        steepness = float(scale * np.sin(min(scale * angle, np.pi / 2)) / np.sin(angle))
        return replace(
            self,
            scoring=replace(
                self.scoring,
                compactness_reference=float(scaled_cosines(self.scoring.compactness_reference, scale)),
                compactness_limit=steepness * self.scoring.compactness_limit,
                min_margin=steepness * self.scoring.min_margin,
            ),
            class_spread=steepness * self.class_spread,
            angle_scale=scale * self.angle_scale,
        )

    def threshold(self, fpir: float, students: int, photos: float) -> float:
        """The accept score above which a share ``fpir`` (0..1) of strangers lies in a class of ``students``."""
        per_student = -np.expm1(np.log1p(-fpir) / students)
        return self.pair_quantile(per_student, photos)

    def stranger_rate(self, score: float, students: int, photos: float) -> float:
        """The share of strangers whose best score exceeds ``score``: the inverse of ``threshold``."""
        curve = np.array([self._score_at(z, photos) for z in self.z])
        per_student = ndtr(-_line(float(scaled_cosines(score, 1 / self.angle_scale)), curve, np.array(self.z)))
        return float(-np.expm1(students * np.log1p(-min(per_student, 1 - 1e-12))))

    def pair_quantile(self, upper_share: float, photos: float) -> float:
        """The score that a stranger passes against one student with probability ``upper_share``."""
        return float(scaled_cosines(self._score_at(float(-ndtri(upper_share)), photos), self.angle_scale))

    def _score_at(self, z: float, photos: float) -> float:
        at_photos = [_line(z, np.array(self.z), np.array(row)) for row in self.thresholds]
        return float(np.interp(np.log(photos), np.log(self.photos), at_photos))

    def as_dict(self) -> dict[str, Any]:
        table = asdict(self)
        del table["angle_scale"]  # of a class, not of the table
        return {**table, "origin": dict(self.origin)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> EmbedderProfile:
        return cls(
            embedder_id=data["embedder_id"],
            scoring=ScoringParameters(**data["scoring"]),
            z=tuple(data["z"]),
            photos=tuple(data["photos"]),
            thresholds=tuple(tuple(row) for row in data["thresholds"]),
            class_spread=data["class_spread"],
            origin=data["origin"],
        )


def _line(x: float, xs: NDArray[np.float64], ys: NDArray[np.float64]) -> float:
    """Linear interpolation that goes on with the last slope beyond either end."""
    i = int(np.clip(np.searchsorted(xs, x) - 1, 0, len(xs) - 2))
    return float(ys[i] + (x - xs[i]) * (ys[i + 1] - ys[i]) / (xs[i + 1] - xs[i]))


@cache
def load_profile(embedder_id: str) -> EmbedderProfile:
    """The committed profile of an embedder; raises TrainingError when it has none."""
    profiles = json.loads(PROFILE_FILE.read_text(encoding="utf-8"))
    if embedder_id not in profiles:
        raise TrainingError(
            f"no stranger table for the embedder {embedder_id!r} in {PROFILE_FILE.name}; choose one of "
            f"{', '.join(sorted(profiles))}"
        )
    return EmbedderProfile.from_dict(profiles[embedder_id])


# What the accept score's constants are for a network of one's own: shares of the cosine between a student's photos less
# that between people. FaceNet's and dlib's shares of margin and limit are 0.040 and 0.041, 0.19 and 0.13, of the spread
# between classes 0.039 and 0.057. The weight is dlib's: FaceNet's 1.4 would be too much for a network like it.
_MARGIN, _LIMIT, _SPREAD, _WEIGHT, _PRIOR = 0.04, 0.13, 0.057, 0.4, 10.0


def scaled_constants(own: float, others: float) -> tuple[ScoringParameters, float]:
    """Constants of the accept score, and the spread between classes, for a network nobody knows. own: mean cosine
    between two photos of a person. others: median cosine of a photo to the centroids of other people."""
    # a network that confuses people leaves no distance between them
    distance = max(own - others, 1e-3 * (1 - others))
    scoring = ScoringParameters(_WEIGHT, _PRIOR, own, _LIMIT * distance, _MARGIN * distance)
    return scoring, _SPREAD * distance


def estimated_profile(embeddings: FloatArray, student_ids: NDArray[np.str_], embedder_id: str) -> EmbedderProfile:
    """A profile for a network without a table, from the class itself; ``origin["estimated"]`` is true.

    embeddings: (n, d) of norm 1. student_ids: (n,), of two students at least. Networks differ in the angles between
    people, but hardly in which share of that angle is left at a given rate of strangers. The share is FaceNet's or
    dlib's, whichever is the smaller (the more cautious), of the median angle between the students of this class.
    """
    _, labels = np.unique(student_ids, return_inverse=True)
    students = int(labels.max()) + 1
    gallery = build_gallery(embeddings, labels, students)
    some = evenly_spread(len(labels))
    cosines = embeddings[some] @ gallery.centroids.T
    others = min(float(np.median(cosines[labels[some][:, None] != np.arange(students)])), 1 - 1e-6)
    compactness = gallery.compactness[np.isfinite(gallery.compactness)]
    # where each student has one photo: as much of the way to 1 as FaceNet's go
    own = float(compactness.mean()) if len(compactness) else others + 0.75 * (1 - others)
    scoring, spread = scaled_constants(own, others)
    # the median of few students may lie lower than that of most classes, by chance
    level = min(others + spread * (np.sqrt(20 / min(students, 20)) - 1), (1 + others) / 2)
    photos = float(np.exp(np.log(gallery.counts).mean()))
    tables = [load_profile(known) for known in ("facenet", "dlib")]
    z, counts = tables[0].z, tables[0].photos
    shares = np.array([[_shares_of_angle(table, z, count, photos) for count in counts] for table in tables])
    angles = np.minimum(shares.min(axis=0) * np.arccos(level), np.pi)
    return EmbedderProfile(
        embedder_id=embedder_id,
        scoring=scoring,
        z=z,
        photos=counts,
        thresholds=tuple(tuple(row.tolist()) for row in np.cos(angles)),
        class_spread=spread,
        origin={
            "estimated": True,
            "data": "the class itself, with the angle ratios of FaceNet and dlib",
            "students": students,
            "photos": len(labels),
            "median_cosine_to_others": round(others, 5),
        },
    )


def _shares_of_angle(table: EmbedderProfile, z: tuple[float, ...], count: int, photos: float) -> list[float]:
    """For each of ``z``, the angle of the score with ``count`` photos, over the median angle with ``photos``."""
    median = np.arccos(table.pair_quantile(0.5, photos))
    return [float(np.arccos(min(table._score_at(each, count), 1.0)) / median) for each in z]


# How the class's own scores are summarised for comparison with the profile: the score that a tenth of all
# (photo, other student) pairs exceed. A tenth is high enough to speak of look-alikes in general and low enough
# that one pair of twins cannot move it.
CLASS_LEVEL_SHARE = 0.1
# Photos that tell how alike a class is: a bound on memory, and a quantile of millions of pairs needs no more.
LEVEL_PHOTOS = 5000


def evenly_spread(photos: int) -> slice:
    """Which of ``photos`` tell how alike a class is: all up to ``LEVEL_PHOTOS``, then as many evenly spread ones."""
    return slice(None, None, -(-photos // LEVEL_PHOTOS))


def class_level(scores: FloatArray, labels: NDArray[np.integer[Any]]) -> float:
    """The upper-tenth quantile of the scores (n, N) of every photo against every *other* student's gallery."""
    others = labels[:, None] != np.arange(scores.shape[1])[None, :]
    return float(np.quantile(scores[others], 1 - CLASS_LEVEL_SHARE))
