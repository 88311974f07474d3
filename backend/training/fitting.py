"""Fitting scaler and classifier, from two students to many thousands.

The classifiers are one-vs-rest and linear: training time grows with students x photos, not with pairs of students
as a one-vs-one SVM's does, and ranking is one matrix product. In a large class each student's problem is solved on
that student's photos, the photos most like them (which decide where the border runs) and a random share of the
rest: hard-negative mining, as for exemplar SVMs (Malisiewicz et al. 2011).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from recognizer.scoring import build_gallery
from recognizer.types import FloatArray

CLASSIFIERS = ("svm", "logistic")

# Regularisation for standardised embeddings (hundreds of dimensions, a handful of photos): on lfw-dev rank-1 is
# flat from 0.0001 to 0.01 for the SVM and from 0.01 to 1 for logistic regression.
SVM_C = 0.001
LOGISTIC_C = 0.01
MAX_ITERATIONS = 2000

# Above this many (photo, student) pairs the full problem takes minutes: about 300 students with 10 photos.
FULL_PROBLEM_LIMIT = 1_000_000
HARD_NEGATIVES = 200
RANDOM_NEGATIVES = 100


def fit_scaler_and_classifier(
    kind: str, embeddings: FloatArray, labels: NDArray[np.integer[Any]], classes: NDArray[np.str_], seed: int
) -> tuple[StandardScaler, Any]:
    """A fitted StandardScaler and LinearSVC or LogisticRegression with ``classes_`` equal to ``classes``.

    embeddings: (n, d) float32. labels: (n,) indices into the sorted ``classes``, each present at least once.
    """
    scaler = StandardScaler().fit(embeddings)
    scaled = scaler.transform(embeddings).astype(np.float32)
    if len(labels) * len(classes) <= FULL_PROBLEM_LIMIT:
        model = _estimator(kind, seed).fit(scaled, classes[labels])
    else:
        model = _fit_with_hard_negatives(kind, scaled, embeddings, labels, classes, seed)
    return scaler, model


def _estimator(kind: str, seed: int, *, binary: bool = False) -> Any:
    if kind == "svm":
        return LinearSVC(C=SVM_C, max_iter=MAX_ITERATIONS, random_state=seed)
    solver = "liblinear" if binary else "lbfgs"
    return LogisticRegression(C=LOGISTIC_C, solver=solver, max_iter=MAX_ITERATIONS, random_state=seed)


def _fit_with_hard_negatives(
    kind: str,
    scaled: FloatArray,
    embeddings: FloatArray,
    labels: NDArray[np.integer[Any]],
    classes: NDArray[np.str_],
    seed: int,
) -> Any:
    centroids = build_gallery(embeddings, labels, len(classes)).centroids
    order = np.argsort(labels, kind="stable")
    bounds = np.searchsorted(labels[order], np.arange(len(classes) + 1))

    def solve(student: int) -> tuple[FloatArray, float]:
        own = order[bounds[student] : bounds[student + 1]]
        similar = embeddings @ centroids[student]
        similar[own] = -np.inf
        hard = np.argpartition(-similar, HARD_NEGATIVES)[:HARD_NEGATIVES]
        rng = np.random.default_rng([seed, student])
        rest = rng.integers(0, len(labels), RANDOM_NEGATIVES)
        negatives = np.setdiff1d(np.concatenate([hard, rest]), own)
        target = np.r_[np.ones(len(own), np.int8), np.zeros(len(negatives), np.int8)]
        fitted = _estimator(kind, seed, binary=True).fit(scaled[np.concatenate([own, negatives])], target)
        return fitted.coef_[0].astype(np.float32), float(fitted.intercept_[0])

    # liblinear lets go of the interpreter lock, so threads use all cores without copying the embeddings
    solved = Parallel(n_jobs=-1, prefer="threads")(delayed(solve)(i) for i in range(len(classes)))
    model = _estimator(kind, seed)
    model.classes_ = classes.copy()
    model.coef_ = np.stack([coefficients for coefficients, _ in solved])
    model.intercept_ = np.array([intercept for _, intercept in solved], dtype=np.float32)
    model.n_features_in_ = scaled.shape[1]
    model.n_iter_ = np.array([1], dtype=np.int32)
    return model
