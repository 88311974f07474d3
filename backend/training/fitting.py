"""Fitting scaler and classifier, from two students to many thousands.

The SVM is the linear one-vs-rest machine with squared hinge loss that scikit-learn's LinearSVC stands for: its
ranking is one matrix product, and training grows with students x photos, not with pairs of students as one-vs-one
does. It is solved for all students at once:

    minimise 1/2 |w|^2 + C sum_i s_i loss(y_i w.x_i)      (the constant 1 appended to x, as liblinear does)

s_i makes every student count the same, however many photos there are of each (1 for all where they have equally many):
without it a student with one photo among students with six is hardly ever ranked first. The curvature of the loss is
bounded, so that H = I + bound * C * X'SX lies above every student's Hessian, and
w <- w - H^-1 gradient lowers every objective in every step (Hunter & Lange 2004, MM algorithms; Boehning & Lindsay 1988
for the logistic loss). H is factored once for all students; a step is two products of (photos, d) and (d, students)
matrices. In high dimensions nearly every photo is a support vector, and then the first step from zero is already the
solution. The result depends on the data alone, not on a seed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from recognizer.types import FloatArray

CLASSIFIERS = ("svm", "logistic")

# Regularisation for standardised embeddings (hundreds of dimensions, a handful of photos): on lfw-dev rank-1 is
# flat from 0.0001 to 0.01 for the SVM and from 0.01 to 1 for logistic regression.
SVM_C = 0.001
LOGISTIC_C = 0.01
MAX_ITERATIONS = 1000

# scikit-learn's multinomial logistic regression holds photos x students numbers several times over; above this
# many (300 students with 10 photos) one-vs-rest takes its place.
MULTINOMIAL_LIMIT = 1_000_000

# Steps stop when no weight moves by more than this share of the largest one, or at the limit: on lfw-dev two steps
# already rank every probe as sixty do.
TOLERANCE = 1e-3
MAX_STEPS = 8
STUDENTS_AT_ONCE = 256  # bounds memory: photos x this many float32


def fit_scaler_and_classifier(
    kind: str, embeddings: FloatArray, labels: NDArray[np.integer[Any]], classes: NDArray[np.str_], seed: int
) -> tuple[StandardScaler, Any]:
    """A fitted StandardScaler and LinearSVC or LogisticRegression with ``classes_`` equal to ``classes``.

    embeddings: (n, d) float32. labels: (n,) indices into the sorted ``classes``, each present at least once.
    """
    scaler = StandardScaler().fit(embeddings)
    scaled = scaler.transform(embeddings).astype(np.float32)
    weights = photo_weights(labels)
    if kind == "svm":
        svm = LinearSVC(C=SVM_C, max_iter=MAX_ITERATIONS, random_state=seed)
        return scaler, _with_solution(svm, *_solve(scaled, labels, weights, SVM_C, 2.0, _squared_hinge_slope), classes)
    logistic = LogisticRegression(C=LOGISTIC_C, max_iter=MAX_ITERATIONS, random_state=seed)
    if len(labels) * len(classes) <= MULTINOMIAL_LIMIT:
        return scaler, logistic.fit(scaled, classes[labels], sample_weight=weights)
    return scaler, _with_solution(
        logistic, *_solve(scaled, labels, weights, LOGISTIC_C, 0.25, _logistic_slope), classes
    )


def photo_weights(labels: NDArray[np.integer[Any]]) -> FloatArray:
    """(n,) float32, mean 1: each photo's share of its student, so that all students weigh the same."""
    counts = np.bincount(labels)
    return np.asarray(len(labels) / len(counts) / counts[labels], dtype=np.float32)


def _squared_hinge_slope(margins: FloatArray) -> FloatArray:
    """-d/dm max(0, 1 - m)^2; the second derivative is at most 2."""
    return np.asarray(2 * np.maximum(0, 1 - margins), dtype=np.float32)


def _logistic_slope(margins: FloatArray) -> FloatArray:
    """-d/dm log(1 + exp(-m)); the second derivative is at most 1/4."""
    return np.asarray(0.5 - 0.5 * np.tanh(0.5 * margins), dtype=np.float32)


def _solve(
    scaled: FloatArray,
    labels: NDArray[np.integer[Any]],
    photo_weight: FloatArray,
    c: float,
    bound: float,
    slope: Callable[[FloatArray], FloatArray],
) -> tuple[FloatArray, FloatArray]:
    """Weights (N, d) and intercepts (N,) of the one-vs-rest problems; for two classes one row, as in scikit-learn."""
    x = np.hstack([scaled, np.ones((len(scaled), 1), np.float32)])
    weighted = x * photo_weight[:, None]
    factor = cho_factor(np.eye(x.shape[1]) + bound * c * (x.T @ weighted).astype(np.float64))
    students = int(labels.max()) + 1
    positive = np.arange(students) if students > 2 else np.array([1])
    solution = np.empty((len(positive), x.shape[1]), np.float32)
    for start in range(0, len(positive), STUDENTS_AT_ONCE):
        chunk = positive[start : start + STUDENTS_AT_ONCE]
        signs = np.where(labels[:, None] == chunk[None, :], np.float32(1), np.float32(-1))
        weights = np.zeros((x.shape[1], len(chunk)), np.float32)
        for _ in range(MAX_STEPS):
            gradient = weights - c * (weighted.T @ (signs * slope(signs * (x @ weights))))
            step = cho_solve(factor, gradient.astype(np.float64)).astype(np.float32)
            weights -= step
            if np.abs(step).max() <= TOLERANCE * np.abs(weights).max():
                break
        solution[start : start + len(chunk)] = weights.T
    return solution[:, :-1].copy(), solution[:, -1].copy()


def _with_solution(model: Any, weights: FloatArray, intercepts: FloatArray, classes: NDArray[np.str_]) -> Any:
    """``model`` as its own ``fit`` would leave it, with our solution of the same problem."""
    model.classes_ = classes.copy()
    model.coef_ = weights
    model.intercept_ = intercepts
    model.n_features_in_ = weights.shape[1]
    model.n_iter_ = np.array([1], dtype=np.int32) if isinstance(model, LogisticRegression) else 1
    return model
