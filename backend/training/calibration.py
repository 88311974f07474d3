"""From the embeddings of a class to the thresholds its model carries.

Two limits are found and the stricter one is used:

- **students**: the score that ``threshold_percentile`` percent of genuine held-out photos reach. Each photo is
  scored against its student's gallery without it (and without its near duplicates). Never stricter than what a
  hundredth of ``max_fpir`` asks for.
- **strangers**: the score that at most ``max_fpir`` of strangers reach. It comes from what is known of the embedder
  (training/profiles.py), its angles scaled where the class itself, or photos of real strangers, are evidently
  different from the people the profile was measured on.

Leaving students out in turn and counting is not used: with 10 or 20 students it stated 1 % and gave 0 to 6 %, and one
pair of look-alikes fills its tail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from recognizer.scoring import (
    ConditionGallery,
    Gallery,
    ScoringParameters,
    build_gallery,
    class_sums,
    compactness_offsets,
    gallery_from_sums,
    largest_similarities,
)
from recognizer.types import FloatArray
from training.conditions import CONDITIONS
from training.profiles import CLASS_LEVEL_SHARE, EmbedderProfile, class_level, evenly_spread

# The review band reaches down to the score that this many times the permitted strangers pass, ...
REVIEW_FPIR_FACTOR = 5.0
# ... but is never narrower than this share of what classes differ by (0.02 of cosine for FaceNet, 0.0045 for dlib,
# whose scores all lie closer together), so that a near miss is always seen by a person.
REVIEW_MIN_WIDTH = 0.75
# Fewer photos of strangers than this say little about where strangers lie.
MIN_STRANGERS = 20
REFERENCE = "the people the stranger table was measured on"
# The students' limit stops at the score that max_fpir divided by this many strangers reach. Photos of one sitting are
# so alike that a limit made of them alone would turn away every other photo of the student.
HARDLY_ANY = 100.0
# Cosines nearer to 1 are taken for this one: between two students it is a mistake, and an angle of 0 divides nothing.
MOST_ALIKE = 0.999


@dataclass(frozen=True, slots=True)
class Thresholds:
    """accept, review: accept scores. student_limit, stranger_limit: the two limits; bound_by names the stricter.
    student_limit is -inf (None in ``as_dict``) where there is none: at the 100th percentile, or when no student has
    two different photos to find it by. strictest: the students' limit is never above it.
    angle_scale: the angles between these students, as a share of those in the profile; scale_reason says why.
    expected_fpir: the share of strangers accepted at ``accept``. expected_review: the share between review and accept.
    scoring: the accept score's constants for this class."""

    accept: float
    review: float
    student_limit: float
    stranger_limit: float
    strictest: float
    bound_by: str
    angle_scale: float
    scale_reason: str
    expected_fpir: float
    expected_review: float
    calibration: dict[str, float]
    scoring: ScoringParameters

    @property
    def held_back(self) -> bool:
        """Whether the students' limit would be stricter by their photos than is of any use against strangers."""
        return self.student_limit == self.strictest

    def as_dict(self) -> dict[str, Any]:
        limit = self.student_limit if np.isfinite(self.student_limit) else None
        limits = {**asdict(self), "student_limit": limit, "held_back": self.held_back}  # JSON has no infinity
        del limits["scoring"]  # the model has it beside them
        return limits


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
    conditions: Sequence[ConditionGallery] = (),
) -> Thresholds:
    """Thresholds for a gallery of all the given photos. strangers: (m, d) embeddings of real strangers, if any.
    conditions: the same students' galleries in conditions."""
    students = int(labels.max()) + 1
    gallery = build_gallery(embeddings, labels, students)
    photos = float(np.exp(np.log(gallery.counts).mean()))
    some = evenly_spread(len(labels))
    plain = embeddings[some] @ gallery.centroids.T
    scale, reason = _class_scale(plain - gallery.offsets(profile.scoring), labels[some], profile, photos)
    if conditions and students > 1:
        # the nearest of several centroids is nearer: for strangers as for other students
        nearest = largest_similarities(gallery.centroids, conditions, embeddings[some])
        scale *= _angle_ratio(class_level(nearest, labels[some]), class_level(plain, labels[some]))
    own = profile.scaled(scale)
    if strangers is not None and len(strangers) >= MIN_STRANGERS:
        nearest = largest_similarities(gallery.centroids, conditions, strangers)
        best = (nearest - gallery.offsets(own.scoring)).max(axis=1)
        factor = _stranger_scale(best, students, own, photos)
        own, scale = own.scaled(factor), scale * factor
        reason = f"{reason}; moved by {100 * (factor - 1):+.1f} % towards {len(best)} photos of real strangers"
    genuine = genuine_scores(embeddings, labels, groups, own.scoring)
    known = genuine[np.isfinite(genuine)]

    stranger_limit = own.threshold(max_fpir, students, photos)
    strictest = own.threshold(max_fpir / HARDLY_ANY, students, photos)
    student_limit = min(limit_of_students(known, threshold_percentile), float(strictest))
    accept = max(stranger_limit, student_limit)
    looser = own.threshold(min(REVIEW_FPIR_FACTOR * max_fpir, 0.5), students, photos)
    review = min(looser, accept - REVIEW_MIN_WIDTH * own.class_spread)
    expected_fpir = own.stranger_rate(accept, students, photos)
    return Thresholds(
        accept=float(accept),
        review=float(review),
        student_limit=student_limit,
        stranger_limit=float(stranger_limit),
        strictest=float(strictest),
        bound_by="strangers" if stranger_limit >= student_limit else "students",
        angle_scale=float(scale),
        scale_reason=reason,
        expected_fpir=expected_fpir,
        expected_review=own.stranger_rate(review, students, photos) - expected_fpir,
        calibration=_calibrate(known, own, students, photos),
        scoring=own.scoring,
    )


def limit_of_students(known: FloatArray, percentile: float) -> float:
    """The score that ``percentile`` percent of the held-out genuine scores ``known`` reach.

    -inf, that is no limit, when all are to be accepted: the cap on strangers then stands alone, where the lowest single
    score would be an accident of one photo. -inf as well when no score is known."""
    if percentile >= 100 or not len(known):
        return -np.inf
    return float(np.quantile(known, 1 - percentile / 100))


def condition_galleries(
    gallery: Gallery, embeddings: FloatArray, in_conditions: FloatArray, labels: NDArray[np.integer[Any]]
) -> dict[str, ConditionGallery]:
    """The galleries of the same students by condition. embeddings: (n, d), whose ``gallery`` is. in_conditions:
    (n, c, d), the same photos in each of ``CONDITIONS``."""
    students = len(gallery.centroids)
    some = evenly_spread(len(labels))
    plain = class_level(embeddings[some] @ gallery.centroids.T, labels[some])
    found = {}
    for index, name in enumerate(CONDITIONS):
        drawn = in_conditions[:, index]
        centroids = build_gallery(drawn, labels, students).centroids
        level = class_level(drawn[some] @ centroids.T, labels[some])
        # a condition hides what tells people apart; that it would show more of it is an accident of few photos
        found[name] = ConditionGallery(centroids, max(1.0, _angle_ratio(plain, level)))
    # a blurred face is near to the galleries of moving ones as well: what counts is the nearest of all
    galleries = tuple(found.values())

    def level_of(photos: FloatArray) -> float:
        return class_level(largest_similarities(gallery.centroids, galleries, photos[some]), labels[some])

    usual = level_of(embeddings)
    further = [max(1.0, _angle_ratio(usual, level_of(drawn))) for drawn in np.moveaxis(in_conditions, 1, 0)]
    return {
        name: replace(each, angle_scale=each.angle_scale * factor)
        for (name, each), factor in zip(found.items(), further, strict=True)
    }


def _angle_ratio(cosine: float, other: float) -> float:
    """The angle of ``cosine`` as a multiple of that of ``other``."""
    angles = np.arccos(np.clip([cosine, other], -MOST_ALIKE, MOST_ALIKE))
    return float(angles[0] / angles[1])


def _class_scale(
    scores: FloatArray, labels: NDArray[np.integer[Any]], profile: EmbedderProfile, photos: float
) -> tuple[float, str]:
    """The angles between students of this class, as a share of those in the profile; and that in words.

    Students are strangers to one another's galleries: N (N - 1) K cosines, an estimate of level that one pair of
    look-alikes hardly moves. Never above 1: that students differ from one another says nothing of the stranger who
    resembles one of them.
    """
    if scores.shape[1] < 3:
        return 1.0, "too few students to compare with the profile"
    scale = _angle_ratio(class_level(scores, labels), profile.pair_quantile(CLASS_LEVEL_SHARE, photos))
    if scale >= 1:
        return 1.0, f"the students are no more alike than {REFERENCE}"
    return scale, f"the students are more alike than {REFERENCE}"


def _stranger_scale(best: FloatArray, students: int, profile: EmbedderProfile, photos: float) -> float:
    """What the profile's angles are to be multiplied by to agree with where real strangers were seen, as far as their
    number can be trusted.

    The upper-fifth quantile of m strangers' best scores is compared with the table's, each weighted by its
    precision; classes differ by about half the spread of the cross scores even with endless strangers.
    """
    expected = profile.threshold(0.2, students, photos)
    seen = float(np.quantile(best, 0.8))
    slope = profile.threshold(0.1, students, photos) - profile.threshold(0.3, students, photos)
    sampling = slope / 0.2 * np.sqrt(0.2 * 0.8 / len(best))
    weight = profile.class_spread**2 / (profile.class_spread**2 + sampling**2)
    return float(_angle_ratio(seen, expected) ** weight)


def _calibrate(known: FloatArray, profile: EmbedderProfile, students: int, photos: float) -> dict[str, float]:
    """Slope and intercept of the logistic curve that turns a score into the probability that the named student is
    the right one, with students and strangers equally likely (Platt 1999). Strangers are drawn from the table."""
    even = {"slope": 0.0, "intercept": 0.0}  # 0.5 for every score: nothing is known
    if len(known) < 2:
        return even
    shares = (np.arange(200) + 0.5) / 200
    strange = np.array([profile.threshold(float(s), students, photos) for s in shares])
    scores = np.concatenate([known, strange])[:, None]
    truth = np.r_[np.ones(len(known)), np.zeros(len(strange))]
    weights = np.r_[np.full(len(known), 1 / len(known)), np.full(len(strange), 1 / len(strange))] * len(strange)
    fitted = LogisticRegression(C=1e4).fit(scores, truth, sample_weight=weights)
    slope = float(fitted.coef_[0, 0])
    # Folders so mixed up that strangers score higher than students: confidence may not fall as the score rises.
    return {"slope": slope, "intercept": float(fitted.intercept_[0])} if slope > 0 else even
