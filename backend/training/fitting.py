"""Fitting scaler and classifier, from two students to many thousands, whatever the number of photos of each.

Both classifiers are one-vs-rest: their ranking is one matrix product, and training grows with students x photos, not
with pairs of students. All students are solved for at once:

    minimise 1/2 |w - w0|^2 + C sum_i s_i loss(y_i w.x_i)      (the constant 1 appended to x, as liblinear does)

w0 is the student's centroid: with little to learn from, the classifier ranks as the nearest centroid does, and photos
move it away from there. Pulled towards zero instead, as is usual, a student with one photo beside students with thirty
lost six times as many faces as by the nearest centroid. s_i makes every student count the same, in the scaler as well:
otherwise a student with forty photos beside ten with two is hardly ever ranked first, being the mean of everything.

The curvature of the loss is bounded, so that H = I + bound * C * X'SX lies above every student's Hessian, and
w <- w - H^-1 gradient lowers every objective in every step (Hunter & Lange 2004, MM algorithms; Boehning & Lindsay 1988
for the logistic loss). H is factored once for all students; a step is two products of (photos, d) and (d, students)
matrices. The result depends on the data alone, not on a seed.
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

from recognizer.scoring import build_gallery
from recognizer.types import FloatArray

CLASSIFIERS = ("svm", "logistic")

# Regularisation for standardised embeddings. On lfw-dev, over 24 shapes of class from two students with one photo each
# to 70 with five, rank-1 is flat from 0.00002 to 0.0001 for the SVM and from 0.0002 to 0.001 for logistic regression.
SVM_C = 0.00003
LOGISTIC_C = 0.0003
# How far the centroid's value rises for 1 of cosine: own and other photos then lie about a hinge's width apart.
CENTROID_SLOPE = 2.0
# Each dimension's spread counts as if this many more photos had shown the mean spread; that of two photos is noise.
SPREAD_PRIOR = 10.0

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
    weights = photo_weights(labels)
    scaler = _fit_scaler(embeddings, weights)
    scaled = scaler.transform(embeddings).astype(np.float32)
    centre = _centroid_classifier(embeddings, labels, weights, len(classes), scaler)
    if kind == "svm":
        model: Any = LinearSVC(C=SVM_C, random_state=seed)
        loss = SVM_C, 2.0, _squared_hinge_slope
    else:
        model = LogisticRegression(C=LOGISTIC_C, random_state=seed)
        loss = LOGISTIC_C, 0.25, _logistic_slope
    return scaler, _with_solution(model, *_solve(scaled, labels, weights, *loss, centre), classes)


def _fit_scaler(embeddings: FloatArray, weights: FloatArray) -> StandardScaler:
    scaler = StandardScaler().fit(embeddings, sample_weight=weights)
    mean_variance = scaler.var_.mean()
    if mean_variance > 0:
        photos = weights.sum() ** 2 / (weights**2).sum()  # as many equally weighted ones would show as much
        scaler.var_ = (photos * scaler.var_ + SPREAD_PRIOR * mean_variance) / (photos + SPREAD_PRIOR)
        scaler.scale_ = np.sqrt(scaler.var_)
    return scaler


def _centroid_classifier(
    embeddings: FloatArray,
    labels: NDArray[np.integer[Any]],
    weights: FloatArray,
    students: int,
    scaler: StandardScaler,
) -> FloatArray:
    """(N, d + 1): the nearest centroid as a linear classifier of scaled embeddings, zero half-way between the mean
    cosine to one's own centroid and that to another's; for two students one row."""
    centroids = build_gallery(embeddings, labels, students).centroids.astype(np.float64)
    mean_photo = weights @ embeddings / weights.sum()  # its cosine to the centroids is the photos' mean cosine
    own = weights @ np.einsum("nd,nd->n", embeddings, centroids[labels]) / weights.sum()
    other = (students * (centroids @ mean_photo).mean() - own) / (students - 1)
    rows = np.column_stack([centroids * scaler.scale_, centroids @ scaler.mean_ - (own + other) / 2])
    if students == 2:
        rows = (rows[1:] - rows[:1]) / 2
    return np.asarray(CENTROID_SLOPE * rows, dtype=np.float32)


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
    centre: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Weights (N, d) and intercepts (N,) of the one-vs-rest problems; for two classes one row, as in scikit-learn.

    centre: the w0 of each, (N, d + 1); zero when None."""
    x = np.hstack([scaled, np.ones((len(scaled), 1), np.float32)])
    weighted = x * photo_weight[:, None]
    factor = cho_factor(np.eye(x.shape[1]) + bound * c * (x.T @ weighted).astype(np.float64))
    students = int(labels.max()) + 1
    positive = np.arange(students) if students > 2 else np.array([1])
    solution = np.empty((len(positive), x.shape[1]), np.float32)
    for start in range(0, len(positive), STUDENTS_AT_ONCE):
        chunk = positive[start : start + STUDENTS_AT_ONCE]
        signs = np.where(labels[:, None] == chunk[None, :], np.float32(1), np.float32(-1))
        w0 = np.zeros((x.shape[1], len(chunk)), np.float32) if centre is None else centre[start : start + len(chunk)].T
        weights = w0.copy()
        for _ in range(MAX_STEPS):
            gradient = weights - w0 - c * (weighted.T @ (signs * slope(signs * (x @ weights))))
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
