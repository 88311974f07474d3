"""Embeddings of people who do not exist, shaped like FaceNet's: photos of one person at a cosine of about 0.75 to 0.95
to that person's mean, everybody a little like everybody else, and some people more varied than others.

The same arguments give the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from recognizer.artifact import ClassifierArtifact
from recognizer.scoring import ScoringParameters, build_gallery
from recognizer.types import FloatArray
from training.profiles import EmbedderProfile

DIMENSION = 64
COMMON = 0.35  # of what all faces share; it makes two strangers' mean cosine about 0.1

PARAMETERS = ScoringParameters(
    compactness_weight=0.8,
    compactness_prior=10.0,
    compactness_reference=0.72,
    compactness_limit=0.14,
    min_margin=0.02,
)


def unit(vectors: NDArray[np.floating]) -> FloatArray:
    """Rows of length 1, float32."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), dtype=np.float32)


@dataclass(frozen=True)
class People:
    """centres: (n, d) unit vectors. spreads: (n,) length of the noise that a photo adds to its centre."""

    centres: FloatArray
    spreads: NDArray[np.float64]

    def photos(self, count: int, seed: int) -> tuple[FloatArray, NDArray[np.intp]]:
        """``count`` photos of everybody, (n * count, d) with norm 1, and whose each is."""
        rng = np.random.default_rng([seed, 1])
        labels = np.repeat(np.arange(len(self.centres)), count)
        noise = rng.normal(size=(len(labels), self.centres.shape[1])) / np.sqrt(self.centres.shape[1])
        return unit(self.centres[labels] + self.spreads[labels, None] * noise), labels

    def __getitem__(self, chosen: slice | NDArray[np.intp]) -> People:
        return People(self.centres[chosen], self.spreads[chosen])


def make_people(count: int, seed: int, *, dimension: int = DIMENSION, common: float = COMMON) -> People:
    """``count`` people. common: length of what all share, against 1 of their own; more of it makes them more alike."""
    rng = np.random.default_rng([seed, 0])
    own = rng.normal(size=(count, dimension)) / np.sqrt(dimension)
    shared = unit(np.random.default_rng(7).normal(size=(1, dimension)))
    return People(unit(own + common * shared), rng.uniform(0.4, 0.75, size=count))


def student_ids(count: int) -> NDArray[np.str_]:
    return np.array([f"S{number:05d}" for number in range(count)])


@cache
def make_profile(
    *,
    people: int = 60,
    seed: int = 90_000,
    dimension: int = DIMENSION,
    parameters: ScoringParameters = PARAMETERS,
    strangers: int = 3000,
) -> EmbedderProfile:
    """What ``measure_profile`` should find of these people, by plain counting: for each number of photos the score that
    a stranger passes against one student with the probability of each z."""
    everyone = make_people(people + strangers, seed, dimension=dimension)
    probes, _ = everyone[slice(people, None)].photos(1, seed + 1)
    z = tuple(round(0.25 * step, 2) for step in range(17))
    rows = []
    for count in (2, 5, 10):
        pictures, labels = everyone[slice(0, people)].photos(count, seed + 2)
        gallery = build_gallery(pictures, labels, people)
        scores = (probes @ gallery.centroids.T - gallery.offsets(parameters)).ravel()
        rows.append(tuple(np.quantile(scores, ndtr(np.array(z))).tolist()))
    return EmbedderProfile(
        embedder_id="synthetic",
        scoring=parameters,
        z=z,
        photos=(2, 5, 10),
        thresholds=tuple(rows),
        class_spread=0.02,
        origin={"data": "synthetic"},
    )


def gallery_artifact(embeddings: FloatArray, labels: NDArray[np.intp], **changes: Any) -> ClassifierArtifact:
    """A model of these photos as training would write it, with thresholds that fit these people."""
    students = int(labels.max()) + 1
    classes = student_ids(students)
    scaler = StandardScaler().fit(embeddings)
    parts: dict[str, Any] = {
        "model": LinearSVC(C=0.001, random_state=0).fit(scaler.transform(embeddings), classes[labels]),
        "scaler": scaler,
        "classes": classes,
        "threshold": 0.62,
        "review_threshold": 0.5,
        "scoring": PARAMETERS.as_dict(),
        "calibration": {"slope": 30.0, "intercept": -18.0},
        "gallery": build_gallery(embeddings, labels, students).as_dict(),
        "metadata": {},
    }
    return ClassifierArtifact(**{**parts, **changes})
