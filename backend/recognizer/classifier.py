"""Embeddings in, identities out. Two questions:

- Who is it most likely? The student whose gallery is nearest (recognizer/scoring.py). The trained classifier (scaler +
  SVM or logistic regression) is asked as well: where it prefers another student who is nearly as near, nobody is named.
- Is it that person at all? The accept score against that student's gallery, and a threshold. A classifier's own
  decision value does not tell strangers from students (see the module's benchmark).

Nor is anybody named where a second student is as close.

Both may be asked about a part of the students only, those of one class. The others stay in sight: a face that would
be named as one of them without the restriction still is, and whoever one of them is as close to as the best of the
part is not named. The nearest of a class is not its member for that alone.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from errors import ModelFormatError
from recognizer.artifact import ClassifierArtifact
from recognizer.scoring import Gallery, ScoringParameters, largest_similarities, read_conditions
from recognizer.types import Candidate, Decision, FloatArray, Identity
from student_ids import key_of

MAX_CANDIDATES = 3
# Old models carry one threshold on their own probability; this share of it opens their review band.
LEGACY_REVIEW_SHARE = 0.8
# Where the classifier prefers another student, the nearest must lead that one by this many times the least margin.
# Among look-alikes and in hard conditions the nearest centroid is right more often than the classifier.
CLOSE = 2.0
# Rosters whose places among the classes are remembered: more than there are lessons at one time in most schools.
_POOLS = 64

# Where nobody may be named there is nobody to compare with.
NOBODY = Identity(
    student_id=None, decision=Decision.UNKNOWN, probability=0.0, score=-1.0, similarity=-1.0, margin=0.0, agreed=False
)


@dataclass(frozen=True, slots=True, eq=False)
class _Pool:
    """Indices into the classes, each in rising order. allowed: who may be named or in doubt between. outside: enrolled,
    but not among those asked for. everyone: both."""

    allowed: NDArray[np.intp]
    outside: NDArray[np.intp]
    everyone: NDArray[np.intp]


class _Strategy(Protocol):
    def rank(self, embeddings: FloatArray) -> NDArray[np.intp]: ...

    def identify(self, embeddings: FloatArray, pool: _Pool | None) -> tuple[Identity, ...]: ...


class FaceClassifier:
    """A loaded artifact, ready to identify. Immutable, so safe to share between threads."""

    def __init__(self, artifact: ClassifierArtifact) -> None:
        """Raises ModelFormatError when the artifact's parts do not fit together."""
        self.classes = tuple(str(name) for name in artifact.classes)
        self.dimension = artifact.dimension
        self._ranker = LinearRanker(artifact.model, artifact.scaler)
        self._strategy: _Strategy
        if artifact.gallery is None:
            self._strategy = _LegacyStrategy(artifact, self.classes, self._ranker)
        else:
            self._strategy = _GalleryStrategy(artifact, self.classes, self._ranker)
        self._pool = lru_cache(_POOLS)(self._find_pool)

    def identify(
        self, embeddings: FloatArray, *, among: frozenset[str] | None = None, without: frozenset[str] = frozenset()
    ) -> tuple[Identity, ...]:
        """One Identity for each row of ``embeddings`` (n, dimension) float32, L2 norm 1.

        among: the student ids a face may be named as, or be in doubt between; None for all. Candidates and margins are
        theirs. A face that belongs to another of the enrolled is named as that one, without further candidates; where
        another one is as near as the best of these, nobody is named. without: ids that are treated as if they were not
        in the model. Ids that the model does not know are passed over in both. Ids that differ only in case or in the
        form of their characters are the same; the answers have them spelled as in ``among``.
        """
        if embeddings.ndim != 2 or embeddings.shape[1] != self.dimension:
            raise ValueError(f"expected embeddings (n, {self.dimension}), got {embeddings.shape}")
        if not len(embeddings):
            return ()
        # an empty roster is a roster too: None is what means everybody
        pool, spelled = self._pool(among, without) if among is not None or without else (None, {})
        identities = self._strategy.identify(np.ascontiguousarray(embeddings, dtype=np.float32), pool)
        return tuple(_spelled(each, spelled) for each in identities) if spelled else identities

    def rank(self, embeddings: FloatArray) -> NDArray[np.intp]:
        """Index into ``classes`` of the student ranked first for each row, whether or not they are accepted."""
        return self._strategy.rank(np.ascontiguousarray(embeddings, dtype=np.float32))

    def _find_pool(
        self, among: frozenset[str] | None, without: frozenset[str]
    ) -> tuple[_Pool | None, Mapping[str, str]]:
        """The pool, None where the restriction leaves everybody; and the classes that are spelled otherwise."""
        keys = [key_of(name) for name in self.classes]
        absent, asked_for = set(map(key_of, without)), {key_of(name): name for name in among or ()}
        there = np.array([key not in absent for key in keys])
        asked = there if among is None else there & np.array([key in asked_for for key in keys])
        pairs = zip(self.classes, keys, strict=True)
        spelled = {name: asked_for[key] for name, key in pairs if asked_for.get(key, name) != name}
        if asked.all():
            return None, spelled
        return _Pool(np.flatnonzero(asked), np.flatnonzero(there & ~asked), np.flatnonzero(there)), spelled


class LinearRanker:
    """Scaler and linear classifier folded into one (d, N) matrix, so that ranking 5,000 students is one product.

    Any other estimator ranks through its own ``predict``."""

    def __init__(self, model: Any, scaler: Any) -> None:
        # scikit-learn, as in recognizer.artifact
        from sklearn.svm import SVC

        from recognizer.estimators import LINEAR_TYPES

        self.model, self._scaler = model, scaler
        # Two classes make one row in scikit-learn. An SVC's rows are one-vs-one pairs (three of them for three
        # students) and do not rank by themselves.
        one_row_each = type(model) in LINEAR_TYPES and len(model.coef_) == len(model.classes_) > 2
        self._folded = _fold(model, scaler) if one_row_each else None
        if type(model) is SVC:
            # one value for each student instead of one for each pair; ``predict`` does not look at it
            self.model = copy.copy(model)
            self.model.decision_function_shape = "ovr"

    def rank(self, embeddings: FloatArray) -> NDArray[np.intp]:
        """Index into ``model.classes_`` of the most likely student for each row of (n, d)."""
        if self._folded is not None:
            weights, bias = self._folded
            return np.asarray(np.argmax(embeddings @ weights + bias, axis=1))
        scaled = embeddings if self._scaler is None else self._scaler.transform(embeddings)
        return np.asarray(np.searchsorted(self.model.classes_, self.model.predict(scaled)))

    def values(self, embeddings: FloatArray) -> NDArray[Any]:
        """(n, N): the larger, the more likely; the largest of each row is that of ``rank``."""
        if self._folded is not None:
            weights, bias = self._folded
            return np.asarray(embeddings @ weights + bias)
        scaled = embeddings if self._scaler is None else self._scaler.transform(embeddings)
        values = np.array(self.model.decision_function(scaled), dtype=np.float64)
        if values.ndim == 1:  # two classes
            values = np.stack([-values, values], axis=1)
        # a machine of pairs counts votes, and breaks ties by other rules than the values do
        values[np.arange(len(values)), self.rank(embeddings)] = np.inf
        return values


def _fold(model: Any, scaler: Any) -> tuple[FloatArray, FloatArray]:
    coefficients = np.asarray(model.coef_, dtype=np.float64)
    bias = np.asarray(model.intercept_, dtype=np.float64)
    if scaler is not None:
        # A scaler may know a mean or a scale that it was told not to apply.
        if scaler.with_std:
            coefficients = coefficients / scaler.scale_
        if scaler.with_mean:
            bias = bias - coefficients @ scaler.mean_
    return np.ascontiguousarray(coefficients.T, dtype=np.float32), bias.astype(np.float32)


class _GalleryStrategy:
    def __init__(self, artifact: ClassifierArtifact, classes: tuple[str, ...], ranker: LinearRanker) -> None:
        if artifact.gallery is None or artifact.threshold is None or artifact.review_threshold is None:
            raise ModelFormatError("the model has a gallery but no thresholds; train again")
        try:
            self._parameters = ScoringParameters.from_dict(artifact.scoring)
            gallery = Gallery(**{name: artifact.gallery[name] for name in Gallery.__slots__})
            self._conditions = read_conditions(artifact.gallery, artifact.scoring)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ModelFormatError(f"the model's scoring data is incomplete ({error!s:.200}); train again") from error
        self._classes = classes
        self._threshold, self._review = artifact.threshold, artifact.review_threshold
        self._centroids = gallery.centroids
        self._offsets = gallery.offsets(self._parameters)
        self._ranker = ranker
        calibration = artifact.calibration or {}
        self._slope, self._intercept = calibration.get("slope", 0.0), calibration.get("intercept", 0.0)

    def rank(self, embeddings: FloatArray) -> NDArray[np.intp]:
        return np.asarray(np.argmax(self._similarities(embeddings), axis=1))

    def _similarities(self, embeddings: FloatArray) -> FloatArray:
        return largest_similarities(self._centroids, self._conditions, embeddings)

    def identify(self, embeddings: FloatArray, pool: _Pool | None) -> tuple[Identity, ...]:
        similarities = self._similarities(embeddings)
        if pool is not None:
            values = self._ranker.values(embeddings)
            return tuple(self._decide_within(pool, *rows) for rows in zip(similarities, values, strict=True))
        ranked = self._ranker.rank(embeddings)
        return tuple(self._decide(row, int(best)) for row, best in zip(similarities, ranked, strict=True))

    def _decide_within(self, pool: _Pool, similarities: FloatArray, values: NDArray[Any]) -> Identity:
        allowed = similarities[pool.allowed]
        rival = _largest(similarities[pool.outside])
        if rival > _largest(allowed):
            best = int(np.argmax(values[pool.everyone]))
            theirs = self._decide(similarities[pool.everyone], best, pool.everyone)
            if theirs.decision is Decision.KNOWN:
                return replace(theirs, candidates=theirs.candidates[:1])
        if not len(allowed):
            return NOBODY
        return self._decide(allowed, int(np.argmax(values[pool.allowed])), pool.allowed, rival)

    def _decide(
        self, similarities: FloatArray, ranked: int, chosen: NDArray[np.intp] | None = None, rival: float = -np.inf
    ) -> Identity:
        """ranked: whom the classifier puts first. chosen: the classes that ``similarities`` and ``ranked`` are about,
        None for all. rival: the similarity of the nearest who is not among them."""
        nearest = _top(similarities, MAX_CANDIDATES)
        best = nearest[0]
        similarity = float(similarities[best])
        lead = similarity - max(rival, float(similarities[nearest[1]]) if len(nearest) > 1 else -np.inf)
        margin = similarity - float(similarities[nearest[1]]) if len(nearest) > 1 else 0.0
        spare = lead - self._parameters.min_margin
        if ranked != best:
            spare = min(spare, similarity - float(similarities[ranked]) - CLOSE * self._parameters.min_margin)
        score = similarity - float(self._offsets[best if chosen is None else chosen[best]])
        agreed = spare >= 0
        slack, reach = 0.0, math.inf
        if score >= self._threshold and agreed:
            decision = Decision.KNOWN
            slack = min(score - self._threshold, spare)
        elif score >= self._review:
            decision = Decision.UNCERTAIN
            reach = max(score - self._review, CLOSE * self._parameters.min_margin)
        else:
            decision = Decision.UNKNOWN
            slack = self._review - score
        candidates = _candidates(self._classes, similarities, nearest, chosen)
        return Identity(
            student_id=candidates[0].student_id if decision is Decision.KNOWN else None,
            decision=decision,
            probability=sigmoid(self._slope * score + self._intercept),
            score=score,
            similarity=similarity,
            margin=margin,
            candidates=() if decision is Decision.UNKNOWN else candidates,
            agreed=agreed,
            slack=slack,
            reach=reach,
        )


class _LegacyStrategy:
    """Models of earlier formats: no gallery, so their own probability is all there is to go by. Without a
    measured threshold nobody is named; every face goes to a person, with candidates.

    An SVC's probabilities come from a second fit and can put another student first than its ``predict``, which is
    right far more often; where the two differ nobody is named."""

    def __init__(self, artifact: ClassifierArtifact, classes: tuple[str, ...], ranker: LinearRanker) -> None:
        # scikit-learn, as in recognizer.artifact
        from recognizer.estimators import is_one_vs_rest

        self._classes, self._model, self._scaler = classes, ranker.model, artifact.scaler
        self._ranker = ranker
        self._one_vs_rest = is_one_vs_rest(self._model)
        self._threshold, review = artifact.threshold, artifact.review_threshold
        if self._threshold is None:
            review = 0.0
        elif review is None:
            review = LEGACY_REVIEW_SHARE * self._threshold
        self._review = review

    def rank(self, embeddings: FloatArray) -> NDArray[np.intp]:
        return self._ranker.rank(embeddings)

    def identify(self, embeddings: FloatArray, pool: _Pool | None) -> tuple[Identity, ...]:
        scaled = embeddings if self._scaler is None else self._scaler.transform(embeddings)
        probabilities = self._probabilities(scaled)
        if pool is not None:
            values = self._ranker.values(embeddings)
            return tuple(self._decide_within(pool, *rows) for rows in zip(probabilities, values, strict=True))
        ranked = self._ranker.rank(embeddings)
        return tuple(self._decide(row, int(best)) for row, best in zip(probabilities, ranked, strict=True))

    def _decide_within(self, pool: _Pool, probabilities: NDArray[np.float64], values: NDArray[Any]) -> Identity:
        if not len(pool.everyone):
            return NOBODY
        first = int(np.argmax(values[pool.everyone]))
        outsider = bool(np.isin(pool.everyone[first], pool.outside))
        if outsider:
            theirs = self._decide(probabilities[pool.everyone], first, pool.everyone)
            if theirs.decision is Decision.KNOWN:
                return replace(theirs, candidates=theirs.candidates[:1])
        if not len(pool.allowed):
            return NOBODY
        # what ranks first is right far more often than the probabilities: against it nobody is named
        rival = np.inf if outsider else _largest(probabilities[pool.outside])
        best = int(np.argmax(values[pool.allowed]))
        return self._decide(probabilities[pool.allowed], best, pool.allowed, rival)

    def _probabilities(self, scaled: NDArray[Any]) -> NDArray[np.float64]:
        """(n, N) probabilities; a model that has none gets a softmax of its decision values, for ranking only."""
        if self._one_vs_rest:
            apart = 0.5 + 0.5 * np.tanh(0.5 * np.asarray(self._model.decision_function(scaled), dtype=np.float64))
            return np.asarray(apart / np.maximum(apart.sum(axis=1, keepdims=True), 1e-300))
        if hasattr(self._model, "predict_proba"):
            return np.asarray(self._model.predict_proba(scaled), dtype=np.float64)
        values = np.asarray(self._model.decision_function(scaled), dtype=np.float64)
        if values.ndim == 1:  # two classes
            values = np.stack([-values, values], axis=1)
        weights = np.exp(values - values.max(axis=1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    def _decide(
        self,
        probabilities: NDArray[np.float64],
        best: int,
        chosen: NDArray[np.intp] | None = None,
        rival: float = -np.inf,
    ) -> Identity:
        """chosen and rival: as for a gallery, of probabilities."""
        nearest = _top(probabilities, MAX_CANDIDATES)
        others = [index for index in nearest if index != best]
        probability = float(min(max(probabilities[best], 0.0), 1.0))
        margin = float(probabilities[best] - probabilities[others[0]]) if others else 0.0
        agreed = best == nearest[0] and float(probabilities[best]) > rival
        if self._threshold is not None and agreed and probability >= self._threshold:
            decision = Decision.KNOWN
        elif float(probabilities[nearest[0]]) >= self._review:
            decision = Decision.UNCERTAIN
        else:
            decision = Decision.UNKNOWN
        candidates = _candidates(self._classes, probabilities, [best, *others], chosen)
        return Identity(
            student_id=candidates[0].student_id if decision is Decision.KNOWN else None,
            decision=decision,
            probability=probability,
            score=probability,
            similarity=probability,
            margin=margin,
            candidates=() if decision is Decision.UNKNOWN else candidates,
            agreed=agreed,
        )


def _spelled(identity: Identity, spelled: Mapping[str, str]) -> Identity:
    """``identity`` with its names as in ``spelled``."""

    def name(student_id: str) -> str:
        return spelled.get(student_id, student_id)

    return replace(
        identity,
        student_id=None if identity.student_id is None else name(identity.student_id),
        candidates=tuple(replace(each, student_id=name(each.student_id)) for each in identity.candidates),
    )


def _candidates(
    classes: tuple[str, ...], values: NDArray[Any], order: list[int], chosen: NDArray[np.intp] | None
) -> tuple[Candidate, ...]:
    """The first MAX_CANDIDATES of ``order``, indices into ``values``, which are of the classes ``chosen``."""
    return tuple(
        Candidate(classes[i if chosen is None else int(chosen[i])], float(values[i])) for i in order[:MAX_CANDIDATES]
    )


def _largest(values: NDArray[Any]) -> float:
    """-inf where there is none."""
    return float(values.max(initial=-np.inf))


def _top(values: NDArray[Any], count: int) -> list[int]:
    """Indices of the ``count`` largest values, largest first."""
    count = min(count, len(values))
    chosen = np.argpartition(-values, count - 1)[:count]
    return [int(i) for i in chosen[np.argsort(-values[chosen], kind="stable")]]


def sigmoid(value: float) -> float:
    """1 / (1 + exp(-value)) without overflow."""
    return float(0.5 * (1.0 + np.tanh(0.5 * value)))
