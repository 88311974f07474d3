"""Measuring an embedder's profile on a set of labelled embeddings (see training/profiles.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from recognizer.scoring import ScoringParameters, build_gallery
from recognizer.types import FloatArray
from training.profiles import EmbedderProfile, class_level

Z_KNOTS = tuple(round(0.25 * i, 2) for i in range(17))  # 0 .. 4: shares of 50 % down to 3 in 100,000
PHOTOS = (2, 5, 10)
CLASS_SIZES = (1, 2, 5, 10, 20, 40, 70)
RATES = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
REPEATS = 40


def measure_profile(
    embedder_id: str,
    embeddings: FloatArray,
    names: NDArray[np.str_],
    students: NDArray[np.str_],
    strangers: NDArray[np.bool_],
    constants: ScoringParameters,
    origin: Mapping[str, Any],
    seed: int,
) -> EmbedderProfile:
    """Profile from (n, d) embeddings with ``names`` (n,).

    students: the people who make up galleries, each with 10 photos or more. strangers: (n,) mask of the photos that
    probe them. constants: weight, prior, limit and margin; the compactness reference is measured here. Raises
    ValueError when a student has too few photos or the measured scores make no rising table.
    """
    rng = np.random.default_rng(seed)
    photos_of = {name: np.flatnonzero(names == name) for name in students}
    short = [str(name) for name, photos in photos_of.items() if len(photos) < max(PHOTOS)]
    if short:
        raise ValueError(f"every student needs {max(PHOTOS)} photos, fewer have {', '.join(short[:5])}")
    scoring = ScoringParameters(**{**_plain(constants), "compactness_reference": _reference(embeddings, photos_of)})
    rows, spreads = [], []
    for photos in PHOTOS:
        points: list[tuple[float, float]] = []
        for _ in range(REPEATS):
            chosen = [rng.permutation(photos_of[name])[:photos] for name in students]
            labels = np.repeat(np.arange(len(students)), [len(c) for c in chosen])
            own = embeddings[np.concatenate(chosen)]
            gallery = build_gallery(own, labels, len(students))
            scores = embeddings[strangers] @ gallery.centroids.T - gallery.offsets(scoring)
            for size in (s for s in CLASS_SIZES if s <= len(students)):
                best = scores[:, rng.permutation(len(students))[:size]].max(axis=1)
                points += [
                    (float(-ndtri(-np.expm1(np.log1p(-rate) / size))), float(np.quantile(best, 1 - rate)))
                    for rate in RATES
                    if rate * len(best) >= 2  # a quantile beyond the second-highest stranger is an accident
                ]
            spreads.append(_level_of_random_class(own, labels, gallery.offsets(scoring), gallery.centroids, rng))
        rows.append(_smooth(np.array(points)))
    return EmbedderProfile(
        embedder_id=embedder_id,
        scoring=scoring,
        z=Z_KNOTS,
        photos=PHOTOS,
        thresholds=tuple(rows),
        class_spread=round(float(np.std(spreads)), 5),
        origin=dict(origin),
    )


def _plain(constants: ScoringParameters) -> dict[str, float]:
    return {name: float(getattr(constants, name)) for name in ScoringParameters.__slots__}


def _reference(embeddings: FloatArray, photos_of: Mapping[str, NDArray[np.intp]]) -> float:
    """The mean over people of the mean cosine between two of their photos."""
    labels = np.repeat(np.arange(len(photos_of)), [len(v) for v in photos_of.values()])
    gallery = build_gallery(embeddings[np.concatenate(list(photos_of.values()))], labels, len(photos_of))
    return round(float(np.nanmean(gallery.compactness)), 5)


def _level_of_random_class(
    own: FloatArray,
    labels: NDArray[np.intp],
    offsets: FloatArray,
    centroids: FloatArray,
    rng: np.random.Generator,
    size: int = 20,
) -> float:
    members = rng.permutation(len(centroids))[:size]
    inside = np.isin(labels, members)
    position = {int(member): i for i, member in enumerate(members)}
    scores = own[inside] @ centroids[members].T - offsets[members]
    return class_level(scores, np.array([position[int(label)] for label in labels[inside]]))


def _smooth(points: NDArray[np.float64]) -> tuple[float, ...]:
    """A cubic through thousands of measured (z, t) points, read off at the knots: one row of the table.

    Beyond the measured range the cubic is not trusted: the last measured slope goes on in a straight line."""
    z, t = points[:, 0], points[:, 1]
    fit = np.polynomial.Polynomial.fit(z, t, 3)
    low, high = np.quantile(z, [0.01, 0.99])
    inside = np.clip(Z_KNOTS, low, high)
    values = fit(inside) + fit.deriv()(inside) * (np.array(Z_KNOTS) - inside)
    return tuple(round(float(v), 5) for v in values)
