"""From the embeddings of a class to the thresholds its model carries.

Two limits are found and the stricter one is used:

- **students**: the score that ``threshold_percentile`` percent of genuine held-out photos reach. Each photo is
  scored against its student's gallery without it (and without its near duplicates).
- **strangers**: the score that at most ``max_fpir`` of strangers reach. It comes from what is known of the embedder
  (training/profiles.py), moved where the class itself, or photos of real strangers, are evidently different from
  the people the profile was measured on.

Leaving students out in turn and counting is not used: with 10 or 20 students it stated 1 % and gave 0 to 6 %, and one
pair of look-alikes fills its tail.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from recognizer.scoring import (
    ScoringParameters,
    build_gallery,
    class_sums,
    compactness_offsets,
    gallery_from_sums,
)
from recognizer.types import FloatArray
from training.profiles import CLASS_LEVEL_SHARE, EmbedderProfile, class_level

# The review band reaches down to the score that this many times the permitted strangers pass, ...
REVIEW_FPIR_FACTOR = 5.0
# ... but is never narrower than this share of what classes differ by (0.02 of cosine for FaceNet, 0.0045 for dlib,
# whose scores all lie closer together), so that a near miss is always seen by a person.
REVIEW_MIN_WIDTH = 0.75
# Differences of fewer standard deviations are what random classes show; the profile is believed.
NOISE_LIMIT = 2.0
# Fewer photos of strangers than this say little about where strangers lie.
MIN_STRANGERS = 20
REFERENCE = "the people the stranger table was measured on"
# Photos that tell how alike a class is: a bound on memory.
LEVEL_PHOTOS = 5000


@dataclass(frozen=True, slots=True)
class Thresholds:
    """accept, review: accept scores. student_limit, stranger_limit: the two limits; bound_by names the stricter.
    student_limit is -inf (None in ``as_dict``) where there is none: at the 100th percentile, or when no student has
    two different photos to find it by.
    shift: what was added to the profile's stranger limit; shift_reason says why. expected_fpir: the share of
    strangers accepted at ``accept``. expected_review: the share between review and accept."""

    accept: float
    review: float
    student_limit: float
    stranger_limit: float
    bound_by: str
    shift: float
    shift_reason: str
    expected_fpir: float
    expected_review: float
    calibration: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        limit = self.student_limit if np.isfinite(self.student_limit) else None
        return {**asdict(self), "student_limit": limit}  # JSON has no infinity


def genuine_scores(
    embeddings: FloatArray,
    labels: NDArray[np.integer[Any]],
    groups: NDArray[np.integer[Any]],
    parameters: ScoringParameters,
) -> FloatArray:
    """Held-out scores (n,) float32: every photo against its own student's gallery without the photo's near-duplicate
    group; NaN where nothing is left to compare with.

    embeddings: (n, d), labels: (n,) 0..N-1, groups: (n,). Exact, not approximated: centroid and compactness follow
    from sums, and taking a group out is a subtraction.
    """
    students = int(labels.max()) + 1
    sums, counts = class_sums(embeddings, labels, students)
    _, group_of = np.unique(np.stack([labels, groups]), axis=1, return_inverse=True)
    group_of = group_of.reshape(-1)  # NumPy 2.0 gives it a second axis
    group_sums, group_counts = class_sums(embeddings, group_of, int(group_of.max()) + 1)
    left_sums, left_counts = sums[labels] - group_sums[group_of], counts[labels] - group_counts[group_of]
    left = gallery_from_sums(left_sums, left_counts)
    own = np.einsum("nd,nd->n", embeddings, left.centroids)
    scores = own - compactness_offsets(left.compactness, left_counts, parameters)
    scores[left_counts == 0] = np.nan
    return np.asarray(scores, dtype=np.float32)


def find_thresholds(
    embeddings: FloatArray,
    labels: NDArray[np.integer[Any]],
    groups: NDArray[np.integer[Any]],
    profile: EmbedderProfile,
    *,
    threshold_percentile: float,
    max_fpir: float,
    strangers: FloatArray | None = None,
) -> Thresholds:
    """Thresholds for a gallery of all the given photos. strangers: (m, d) embeddings of real strangers, if any."""
    students = int(labels.max()) + 1
    gallery = build_gallery(embeddings, labels, students)
    offsets = gallery.offsets(profile.scoring)
    photos = float(np.exp(np.log(gallery.counts).mean()))
    genuine = genuine_scores(embeddings, labels, groups, profile.scoring)
    known = genuine[np.isfinite(genuine)]

    # Every photo up to LEVEL_PHOTOS of them, then evenly spread ones: a quantile of millions of pairs needs no more.
    some = slice(None, None, -(-len(labels) // LEVEL_PHOTOS))
    cross = embeddings[some] @ gallery.centroids.T - offsets
    shift, reason = _class_shift(cross, labels[some], profile, photos)
    stranger_best = None
    if strangers is not None and len(strangers) >= MIN_STRANGERS:
        stranger_best = (strangers @ gallery.centroids.T - offsets).max(axis=1)
        shift, reason = _stranger_shift(stranger_best, students, profile, photos, shift, reason)

    stranger_limit = profile.threshold(max_fpir, students, photos) + shift
    student_limit = limit_of_students(known, threshold_percentile)
    accept = max(stranger_limit, student_limit)
    looser = profile.threshold(min(REVIEW_FPIR_FACTOR * max_fpir, 0.5), students, photos) + shift
    review = min(looser, accept - REVIEW_MIN_WIDTH * profile.class_spread)
    expected_fpir = profile.stranger_rate(accept - shift, students, photos)
    return Thresholds(
        accept=float(accept),
        review=float(review),
        student_limit=student_limit,
        stranger_limit=float(stranger_limit),
        bound_by="strangers" if stranger_limit >= student_limit else "students",
        shift=float(shift),
        shift_reason=reason,
        expected_fpir=expected_fpir,
        expected_review=profile.stranger_rate(review - shift, students, photos) - expected_fpir,
        calibration=_calibrate(known, profile, students, photos, shift),
    )


def limit_of_students(known: FloatArray, percentile: float) -> float:
    """The score that ``percentile`` percent of the held-out genuine scores ``known`` reach.

    -inf, that is no limit, when all are to be accepted: the cap on strangers then stands alone, where the lowest single
    score would be an accident of one photo. -inf as well when no score is known."""
    if percentile >= 100 or not len(known):
        return -np.inf
    return float(np.quantile(known, 1 - percentile / 100))


def _class_shift(
    scores: FloatArray, labels: NDArray[np.integer[Any]], profile: EmbedderProfile, photos: float
) -> tuple[float, str]:
    """How far the class's own cross scores lie from the profile's, beyond what random classes differ by.

    Students are strangers to one another's galleries: N (N - 1) K scores, an estimate of level that look-alikes
    hardly move. Small classes scatter more; the spread was measured at 20 students and goes with 1/sqrt(N). Only ever
    upwards: that students differ from one another says nothing of the stranger who resembles one of them.
    """
    students = scores.shape[1]
    if students < 3:
        return 0.0, "too few students to compare with the profile"
    difference = class_level(scores, labels) - profile.pair_quantile(CLASS_LEVEL_SHARE, photos)
    noise = NOISE_LIMIT * profile.class_spread * np.sqrt(20 / min(students, 20))
    if difference > noise:
        return float(difference - noise), f"the students are more alike than {REFERENCE}"
    if difference < -noise:
        return 0.0, f"the students are less alike than {REFERENCE}; its limit is kept"
    return 0.0, f"the class is like {REFERENCE}"


def _stranger_shift(
    best: FloatArray, students: int, profile: EmbedderProfile, photos: float, prior: float, prior_reason: str
) -> tuple[float, str]:
    """Move the table to where real strangers were seen, as far as their number can be trusted.

    The upper-fifth quantile of m strangers' best scores is compared with the table's, each weighted by its
    precision; classes differ by about half the spread of the cross scores even with endless strangers.
    """
    expected = profile.threshold(0.2, students, photos) + prior
    seen = float(np.quantile(best, 0.8))
    slope = profile.threshold(0.1, students, photos) - profile.threshold(0.3, students, photos)
    sampling = slope / 0.2 * np.sqrt(0.2 * 0.8 / len(best))
    weight = profile.class_spread**2 / (profile.class_spread**2 + sampling**2)
    shift = prior + weight * (seen - expected)
    return float(shift), f"{prior_reason}; moved by {shift - prior:+.3f} towards {len(best)} photos of real strangers"


def _calibrate(
    known: FloatArray, profile: EmbedderProfile, students: int, photos: float, shift: float
) -> dict[str, float]:
    """Slope and intercept of the logistic curve that turns a score into the probability that the named student is
    the right one, with students and strangers equally likely (Platt 1999). Strangers are drawn from the table."""
    even = {"slope": 0.0, "intercept": 0.0}  # 0.5 for every score: nothing is known
    if len(known) < 2:
        return even
    shares = (np.arange(200) + 0.5) / 200
    strange = np.array([profile.threshold(float(s), students, photos) + shift for s in shares])
    scores = np.concatenate([known, strange])[:, None]
    truth = np.r_[np.ones(len(known)), np.zeros(len(strange))]
    weights = np.r_[np.full(len(known), 1 / len(known)), np.full(len(strange), 1 / len(strange))] * len(strange)
    fitted = LogisticRegression(C=1e4).fit(scores, truth, sample_weight=weights)
    slope = float(fitted.coef_[0, 0])
    # Folders so mixed up that strangers score higher than students: confidence may not fall as the score rises.
    return {"slope": slope, "intercept": float(fitted.intercept_[0])} if slope > 0 else even
