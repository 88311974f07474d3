"""Other ways to score an embedding, on the same split: why the accept score is the one it is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from recognizer.scoring import ScoringParameters, build_gallery
from recognizer.types import FloatArray
from training.evaluation import OpenSetScores
from training.fitting import fit_scaler_and_classifier

# Photos x students up to which a second classifier is fitted only to be compared (300 students with 10 photos).
COMPARED_LIMIT = 1_000_000
OURS = "compactness-adjusted cosine (used)"


def compare_methods(
    embeddings: FloatArray,
    labels: NDArray[np.intp],
    classes: NDArray[np.str_],
    probes: FloatArray,
    truth: NDArray[np.intp],
    strangers: FloatArray | None,
    parameters: ScoringParameters,
    scaler: Any,
    model: Any,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """Rank-1 and TPIR at 1 % and 0.1 % FPIR, method by method.

    embeddings, labels: the training side. probes, truth: the held-out side. strangers: (m, d), or None to take each
    probe against the gallery without its own student (a classifier has then seen that student among its negatives,
    which flatters the last rows). scaler, model: the fitted classifier.
    """
    left_out = strangers is None
    gallery = build_gallery(embeddings, labels, len(classes))
    own = probes @ gallery.centroids.T
    other = own if strangers is None else strangers @ gallery.centroids.T
    offsets = gallery.offsets(parameters)
    table = {
        OURS: _row(_scores(own - offsets, other - offsets, truth, left_out, 0.0)),
        "cosine to the centroid": _row(_scores(own, other, truth, left_out, 0.0)),
        "cosine + 0.6 x margin": _row(_scores(own, other, truth, left_out, 0.6)),
    }
    if len(classes) < 3:
        return table  # a classifier has one value for both of two students
    fitted = {type(model).__name__: model}
    if not isinstance(model, LogisticRegression) and len(labels) * len(classes) <= COMPARED_LIMIT:
        fitted["LogisticRegression"] = fit_scaler_and_classifier("logistic", embeddings, labels, classes, seed)[1]
    for name, estimator in fitted.items():
        genuine = estimator.decision_function(scaler.transform(probes))
        impostor = genuine if strangers is None else estimator.decision_function(scaler.transform(strangers))
        table[f"{name} decision value"] = _row(_scores(genuine, impostor, truth, left_out, 0.0))
    return table


def _without_own(scores: FloatArray, truth: NDArray[np.intp]) -> FloatArray:
    masked = scores.copy()
    masked[np.arange(len(truth)), truth] = -np.inf
    return masked


def _scores(
    genuine: FloatArray, impostor: FloatArray, truth: NDArray[np.intp], left_out: bool, margin_weight: float
) -> OpenSetScores:
    """left_out: the rows of ``impostor`` are the probes, each to be taken without its own student."""
    if left_out:
        impostor = _without_own(impostor, truth)
    return OpenSetScores(
        _best_with_margin(genuine, margin_weight),
        np.argmax(genuine, axis=1) == truth,
        _best_with_margin(impostor, margin_weight),
    )


def _best_with_margin(scores: FloatArray, margin_weight: float) -> FloatArray:
    top = -np.partition(-scores, 1, axis=1)[:, :2]
    gap = np.where(np.isfinite(top[:, 1]), top[:, 0] - top[:, 1], 0.0)
    return np.asarray(top[:, 0] + margin_weight * gap, dtype=np.float32)


def _row(scores: OpenSetScores) -> dict[str, Any]:
    def at(fpir: float) -> dict[str, Any] | None:
        return scores.tpir_at(fpir).as_dict() if len(scores.strangers) * fpir >= 1 else None

    return {"rank1": scores.rank1.as_dict(), "tpir_at_1_percent": at(0.01), "tpir_at_0.1_percent": at(0.001)}
