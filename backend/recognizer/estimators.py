"""Is a fitted scikit-learn estimator whole? Checked before it may name anybody.

An allowed class with odd state would otherwise fail in the middle of a lesson with an AttributeError, or send
scikit-learn's compiled code past the end of an array.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.preprocessing import LabelBinarizer, StandardScaler
from sklearn.svm import SVC, LinearSVC

from errors import ModelFormatError

LINEAR_TYPES = (LinearSVC, LogisticRegression, RidgeClassifier)
CLASSIFIER_TYPES = (*LINEAR_TYPES, SVC)

LONGEST_LABEL = 255  # characters; as long as the name of a folder
MOST_LABELS = 200_000

_KERNELS = ("linear", "poly", "rbf", "sigmoid")
_STATE_TYPES = (str, int, float, bool, type(None), np.ndarray, np.generic, dict, list, tuple)


def check_classifier(model: object, class_count: int, dimension: int | None = None) -> None:
    """Raise ModelFormatError unless ``model`` is a fitted classifier of ``class_count`` classes.

    dimension: the number of features it must have, when that is known from elsewhere.
    """
    if type(model) not in CLASSIFIER_TYPES:
        names = ", ".join(kind.__name__ for kind in CLASSIFIER_TYPES)
        raise ModelFormatError(f"expected a classifier of one of the kinds {names}, got {type(model).__name__}")
    state = _state(model)
    classes = class_labels(model)
    if len(classes) != class_count:
        raise ModelFormatError(f"the classifier was fitted on {len(classes)} classes, but {class_count} are named")
    if class_count < 2:
        raise ModelFormatError(f"a classifier needs at least two students, got {class_count}")
    features = _features(state, type(model).__name__)
    if dimension is not None and features != dimension:
        raise ModelFormatError(f"the classifier expects {features} numbers per face, but {dimension} are given")
    if type(model) is SVC:
        _check_svc(state, class_count, features)
    else:
        _check_linear(state, class_count, features)


def check_scaler(scaler: object, dimension: int) -> None:
    """Raise ModelFormatError unless ``scaler`` is a fitted StandardScaler of ``dimension`` features."""
    if type(scaler) is not StandardScaler:
        raise ModelFormatError(f"expected a StandardScaler, got {type(scaler).__name__}")
    state = _state(scaler)
    features = _features(state, "scaler")
    if features != dimension:
        raise ModelFormatError(f"the scaler expects {features} numbers per face, the classifier {dimension}")
    for name, used in (("mean_", "with_mean"), ("scale_", "with_std")):
        if type(state.get(used)) is not bool:
            raise ModelFormatError(f"the scaler's {used} is neither true nor false")
        if state[used]:
            _numbers(state, name, (dimension,))
    if state["with_std"] and not (state["scale_"] > 0).all():
        raise ModelFormatError("the scaler divides by zero or by a negative number")


def class_labels(model: object) -> NDArray[Any]:
    """``classes_`` of a classifier: text or integers, (N,), unique. ModelFormatError when there is no such thing."""
    classes = getattr(model, "classes_", None)
    if not isinstance(classes, np.ndarray) or classes.ndim != 1 or classes.dtype.kind not in "iuUO":
        raise ModelFormatError("the classifier holds no list of classes; it was saved before it was fitted")
    if len(classes) > MOST_LABELS:
        raise ModelFormatError(f"the classifier has {len(classes):,} classes, more than {MOST_LABELS:,}")
    if classes.dtype.kind == "O" and not all(
        isinstance(label, str) and len(label) <= LONGEST_LABEL for label in classes
    ):
        raise ModelFormatError("the classifier's classes are neither all text nor all integers")
    if len(set(classes.tolist())) != len(classes):
        raise ModelFormatError("the classifier names a class twice")
    return classes


def is_one_vs_rest(model: object) -> bool:
    """Whether ``model`` is a logistic regression of three classes or more that was fitted to each of them alone, as
    scikit-learn's default was up to 0.21. Today's would read its probabilities as those of all together."""
    told = [value for name in ("multi_class", "solver") if type(value := vars(model).get(name)) is str]
    alone = not {"ovr", "warn", "liblinear"}.isdisjoint(told)
    return type(model) is LogisticRegression and alone and len(class_labels(model)) > 2


def _state(estimator: object) -> dict[str, Any]:
    state = vars(estimator)
    for name, value in state.items():
        if callable(getattr(type(estimator), name, None)):
            raise ModelFormatError(f"the {type(estimator).__name__} has its method {name:.80} replaced")
        if not isinstance(value, (*_STATE_TYPES, LabelBinarizer)) or isinstance(value, type):
            raise ModelFormatError(f"the {type(estimator).__name__} holds a {type(value).__name__} as {name:.80}")
    return state


def _features(state: dict[str, Any], what: str) -> int:
    features = state.get("n_features_in_")
    if type(features) is not int or features < 1:
        raise ModelFormatError(
            f"the {what} does not say how many numbers it expects; it was saved before it was fitted"
        )
    return features


def _numbers(state: dict[str, Any], name: str, *shapes: tuple[int, ...]) -> NDArray[Any]:
    value = state.get(name)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        raise ModelFormatError(f"the estimator's {name} is missing or no array of numbers")
    if value.shape not in shapes:
        expected = " or ".join(str(shape) for shape in shapes)
        raise ModelFormatError(f"the estimator's {name} has shape {value.shape}, expected {expected}")
    if not np.isfinite(value).all():
        raise ModelFormatError(f"the estimator's {name} holds values that are not finite")
    return value


def _check_linear(state: dict[str, Any], classes: int, features: int) -> None:
    # Two classes share one row: its sign tells them apart. scikit-learn 1.9's RidgeClassifier keeps it as a vector.
    shared = [(1, features), (features,)] if classes == 2 else []
    coefficients = _numbers(state, "coef_", (classes, features), *shared)
    rows = len(coefficients) if coefficients.ndim == 2 else 1
    intercept = state.get("intercept_")
    if isinstance(intercept, (int, float, np.floating)) and np.isfinite(intercept):
        return  # fitted without intercepts: a plain 0.0
    _numbers(state, "intercept_", (rows,))


def _check_svc(state: dict[str, Any], classes: int, features: int) -> None:
    if state.get("kernel") not in _KERNELS:
        raise ModelFormatError(f"the SVC's kernel must be one of {', '.join(_KERNELS)}")
    if state.get("_sparse") is not False:
        raise ModelFormatError("the SVC was fitted on sparse data; embeddings are dense")
    vectors = state.get("support_vectors_")
    count = len(vectors) if isinstance(vectors, np.ndarray) and vectors.ndim == 2 else 0
    _numbers(state, "support_vectors_", (count, features))
    pairs = classes * (classes - 1) // 2
    _numbers(state, "support_", (count,))
    per_class = _numbers(state, "_n_support", (classes,))
    if (per_class < 0).any() or int(per_class.sum()) != count:
        raise ModelFormatError(f"the SVC counts {int(per_class.sum())} support vectors and holds {count}")
    for name in ("dual_coef_", "_dual_coef_"):
        _numbers(state, name, (classes - 1, count))
    for name in ("intercept_", "_intercept_"):
        _numbers(state, name, (pairs,))
    for name in ("_probA", "_probB"):
        _numbers(state, name, (0,), (pairs,))
    gamma, degree = state.get("_gamma"), state.get("degree")
    if not isinstance(gamma, (int, float, np.floating)) or not np.isfinite(gamma) or gamma < 0:
        raise ModelFormatError("the SVC's gamma is no number of zero or more")
    if type(degree) is not int or not 0 <= degree <= 100:
        raise ModelFormatError("the SVC's degree is no whole number from 0 to 100")
