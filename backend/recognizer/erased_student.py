"""A student in a model, and the same model without the student."""

from __future__ import annotations

import copy
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recognizer.artifact import ClassifierArtifact
from recognizer.types import FloatArray
from student_ids import folded_once, key_of

Fit = Callable[[str, FloatArray, NDArray[np.integer[Any]], NDArray[np.str_], int], tuple[Any, Any]]
"""Fits scaler and classifier as training does: of the kind ``svm`` or ``logistic``, on embeddings (n, d) float32 with
labels (n,) into the sorted classes, with a seed."""

ERASED_FROM = "erased_from"
"""In the metadata of a version that was made so: which version it was made from."""

# Keys of records in the report of a training: students and pairs of them, and what was wrong with the data set.
_WHO, _WHAT = ("student_id", "other_id"), ("message", "path")
_OUR_WORD = re.compile(r"[a-z][a-z0-9_]*")
_KINDS = {"LinearSVC": "svm", "LogisticRegression": "logistic"}
# Cosine of two centroids of one student's same photos, up to rounding. One photo of somebody else among 500 shows.
_SAME = 0.999998

_logger = logging.getLogger(__name__)


class ErasedStudent:
    """Who is to be erased, and how they are found in what training writes: in records that say whom they are about.
    Other text is left alone; a student may be called 1, 2026 or svm."""

    def __init__(self, student_id: str) -> None:
        self._key = key_of(student_id)
        # photos are often called 2024001_01.jpg, so that an underscore ends a word here
        self._word = re.compile(rf"(?<![^\W_]){re.escape(self._key)}(?![^\W_])")

    def is_class(self, name: object) -> bool:
        return key_of(str(name)) == self._key

    def is_named(self, text: str) -> bool:
        return self._word.search(folded_once(text)) is not None

    def is_in(self, value: object) -> bool:
        """Whether ``value`` (primitives) holds a record about the student."""
        if isinstance(value, Mapping):
            return self._is_about(value) or any(map(self._is_label, value)) or any(map(self.is_in, value.values()))
        if isinstance(value, (list, tuple)):
            return any(map(self._is_label, value)) or any(map(self.is_in, value))
        return False

    def taken_out_of(self, value: Any) -> Any:
        """``value`` without the records about the student."""
        if isinstance(value, dict):
            return {
                key: self.taken_out_of(inner)
                for key, inner in value.items()
                if not self._is_label(key) and not self._is_about(inner)
            }
        if isinstance(value, (list, tuple)):
            kept = (inner for inner in value if not self._is_label(inner) and not self._is_about(inner))
            return type(value)(map(self.taken_out_of, kept))
        return value

    def _is_label(self, name: object) -> bool:
        """Whether ``name``, a key or an item of a list, is the student's id and no word of ours, such as ``svm``."""
        return isinstance(name, str) and self.is_class(name) and not _OUR_WORD.fullmatch(name)

    def _is_about(self, entry: object) -> bool:
        if not isinstance(entry, Mapping):
            return False
        if any(self.is_class(entry[key]) for key in _WHO if isinstance(entry.get(key), str)):
            return True
        return any(self.is_named(entry[key]) for key in _WHAT if isinstance(entry.get(key), str))


def without_student(
    artifact: ClassifierArtifact, student: ErasedStudent, version: str, fitted: tuple[Any, Any] | None = None
) -> ClassifierArtifact | None:
    """``artifact`` as the new version ``version`` that does not know ``student``; None when it cannot lose them.

    fitted: scaler and classifier that the student had no part in, see ``fitted_on_others``. Without them the student's
    own row goes and the rows of the others stay as they are, which the student's photos helped to form."""
    if "legacy" in artifact.metadata:
        return None
    metadata = student.taken_out_of({**artifact.metadata, ERASED_FROM: None})
    metadata |= {"model_version": version, ERASED_FROM: artifact.model_version}
    kept = np.array([not student.is_class(name) for name in artifact.classes], dtype=bool)
    if kept.all():
        return replace(artifact, metadata=metadata)
    if kept.sum() < 2 or (artifact.gallery is None):
        return None
    scaler, model = fitted or (artifact.scaler, _linear_without(artifact.model, kept))
    if model is None:
        return None
    if "students" in metadata:
        metadata["students"] = int(kept.sum())
    gallery = {
        name: array[kept] if array.ndim and len(array) == len(kept) else array
        for name, array in artifact.gallery.items()
    }
    classes = artifact.classes[kept]
    return replace(artifact, model=model, scaler=scaler, classes=classes, gallery=gallery, metadata=metadata)


def fitted_on_others(
    artifact: ClassifierArtifact, student: ErasedStudent, embeddings: FloatArray, names: Sequence[str], fit: Fit
) -> tuple[Any, Any] | None:
    """Scaler and classifier fitted anew on everybody's embeddings but ``student``'s. Dropping the student's row alone
    would not do: the scaler's mean less the others' embeddings is the mean of the student's, and the others' rows are
    sums over all photos, so that with the others' embeddings at hand the student's can be computed from either.

    embeddings: (n, d) float32, of what ``artifact`` was trained on. names: whose they are. None when they are not
    that, when the student is not among them, or too few others are."""
    kind, seed = _KINDS.get(type(artifact.model).__name__), artifact.metadata.get("seed")
    if kind is None or not belong(artifact, embeddings, names):
        return None
    kept = np.array([not student.is_class(name) for name in names], dtype=bool)
    classes, labels = np.unique(np.array(names, dtype=np.str_)[kept], return_inverse=True)
    if kept.all() or len(classes) < 2:
        return None
    try:
        return fit(kind, embeddings[kept], labels, classes, seed if isinstance(seed, int) else 0)
    except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
        _logger.warning("model %s could not be fitted anew: %s", artifact.model_version, error)
        return None


def belong(artifact: ClassifierArtifact, embeddings: NDArray[Any] | None, names: Sequence[str]) -> bool:
    """Whether these are the embeddings that ``artifact`` was trained on, and whose they are: their means are its
    gallery. False when they are damaged."""
    if embeddings is None or embeddings.dtype != np.float32 or embeddings.shape != (len(names), artifact.dimension):
        return False
    classes, labels = np.unique(np.array(names, dtype=np.str_), return_inverse=True)
    if artifact.gallery is None or not np.array_equal(classes, artifact.classes) or not np.isfinite(embeddings).all():
        return False
    sums = np.zeros((len(classes), embeddings.shape[1]), np.float64)
    np.add.at(sums, labels, embeddings)
    centroids = artifact.gallery["centroids"].astype(np.float64)
    norms = np.linalg.norm(sums, axis=1) * np.linalg.norm(centroids, axis=1)
    return bool(((sums * centroids).sum(axis=1) >= _SAME * norms).all() and (norms > 0).all())


def _linear_without(model: Any, kept: NDArray[np.bool_]) -> Any | None:
    """``model`` with only the rows of the students to keep; None when it is of another kind."""
    if type(model).__name__ not in _KINDS or np.shape(model.coef_)[0] != len(kept):
        return None
    changed = copy.deepcopy(model)
    coefficients = np.asarray(model.coef_)[kept]
    intercepts = np.broadcast_to(np.asarray(model.intercept_), len(kept))[kept]
    if len(coefficients) == 2:  # of two students scikit-learn keeps one row: its sign tells them apart
        coefficients, intercepts = coefficients[1:] - coefficients[:1], intercepts[1:] - intercepts[:1]
    changed.coef_, changed.intercept_ = coefficients.copy(), intercepts.copy()
    changed.classes_ = np.asarray(model.classes_)[kept].copy()
    return changed
