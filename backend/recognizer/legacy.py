"""Model files from before formats had numbers. They become an artifact without gallery and calibration.

``bare``: a fitted estimator, or a pipeline of scaler and estimator, with ``label_encoder_classes.npy`` beside it.
Its classes are the student ids themselves, or integers that index those labels.
``dict``: a dict with ``model`` and ``classes`` or ``label_encoder`` (or what else tutorials call them), no scaler, no
threshold; or a pair of the two.
``dict-scaler``: the same with ``scaler``, with or without ``threshold``.

Which network made their embeddings is not written in them; the dimension tells (512 FaceNet, 128 dlib).
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import LabelBinarizer, LabelEncoder, Normalizer, StandardScaler
from sklearn.svm import SVC

from errors import ModelFormatError
from recognizer.artifact import LABELS_FILE, ClassifierArtifact
from recognizer.estimators import CLASSIFIER_TYPES, LONGEST_LABEL, MOST_LABELS, class_labels
from recognizer.unpickling import restricted_loads
from recognizer.version_files import npy_header

EMBEDDER_BY_DIMENSION = {512: "facenet", 128: "dlib"}

_MAX_LABEL_BYTES = 64 * 1024 * 1024
_MODEL_KEYS = ("model", "classifier", "svm", "svc", "clf", "pipeline")
_LABEL_KEYS = ("classes", "class_names", "label_encoder", "le", "encoder", "labels", "names")


def is_legacy(content: object) -> bool:
    """Whether the unpickled ``content`` of a model file is of an old format."""
    return not (type(content) is dict and "format_version" in content)


def read_legacy(content: object, sha256: str, find_labels: Callable[[], Path]) -> ClassifierArtifact:
    """The artifact in the unpickled ``content`` of an old model file.

    sha256: of the file, which names its version. find_labels: gives the path of ``label_encoder_classes.npy``;
    only called when the file itself does not name the students. Raises ModelFormatError saying what is missing.
    """
    if type(content) in (tuple, list) and len(content) == 2:  # type: ignore[arg-type]
        content = _pair(*content)  # type: ignore[misc]
    if type(content) is not dict:
        model, scaler = _take_apart(content)
        return _artifact("bare", sha256, model, scaler, _labels(find_labels, model), None)
    model = next((content[key] for key in _MODEL_KEYS if key in content), None)
    if model is None:
        raise ModelFormatError(
            f"the model file is a dict without 'model' (it has: {_names(content)}). Train again with python "
            "train_production_model.py"
        )
    model, scaler = _take_apart(model)
    if content.get("scaler") is not None:
        scaler = content["scaler"]
        if type(scaler) is StandardScaler:
            _update_scaler(scaler)
    stored = next((content[key] for key in _LABEL_KEYS if content.get(key) is not None), None)
    labels = _labels(find_labels, model) if stored is None else _label_array(stored)
    kind = "dict" if scaler is None else "dict-scaler"
    return _artifact(kind, sha256, model, scaler, labels, _threshold(content.get("threshold")))


def _artifact(
    kind: str, sha256: str, model: Any, scaler: Any | None, labels: NDArray[np.str_] | None, threshold: float | None
) -> ClassifierArtifact:
    classes = _classes(model, labels)
    _relabel(model)
    dimension = getattr(model, "n_features_in_", None)
    embedder = EMBEDDER_BY_DIMENSION.get(dimension) if type(dimension) is int else None
    if embedder is None:
        raise ModelFormatError(
            f"the model expects {dimension if type(dimension) is int else 'an unknown number of'!s:.20} numbers per "
            "face; 512 (FaceNet) and 128 (dlib) are known. Train again"
        )
    described: dict[str, Any] = {
        "id": embedder,
        "weights_sha256": "",
        "dimension": dimension,
        "crop_recipe": {},
        "signature": [],
    }
    return ClassifierArtifact(
        model=model,
        scaler=scaler,
        classes=classes,
        threshold=threshold,
        review_threshold=None,
        scoring={},
        calibration=None,
        gallery=None,
        metadata={"legacy": kind, "model_version": f"legacy-{sha256[:12]}", "embedder": described},
    )


def _pair(first: Any, second: Any) -> dict[str, Any]:
    """(classifier, names), as facenet's classifier.py wrote it, or (label encoder, classifier), as OpenFace's did."""
    if type(second) in (*CLASSIFIER_TYPES, Pipeline):
        first, second = second, first
    return {"model": first, "classes": second}


def _take_apart(model: Any) -> tuple[Any, Any | None]:
    """Estimator and scaler of a pipeline; an estimator alone as it is."""
    scaler = None
    if type(model) is Pipeline:
        pairs = getattr(model, "steps", None)
        valid = type(pairs) is list and all(type(pair) is tuple and len(pair) == 2 for pair in pairs)
        steps = [step for _, step in pairs if step is not None and type(step) is not str] if valid and pairs else []
        if steps and type(steps[0]) is Normalizer and vars(steps[0]).get("norm") == "l2":
            del steps[0]  # embeddings have length 1 already
        if not steps or len(steps) > 2 or (len(steps) == 2 and type(steps[0]) is not StandardScaler):
            names = ", ".join(type(step).__name__ for step in steps[:10]) or "nothing"
            raise ModelFormatError(f"only a pipeline of a StandardScaler and a classifier is read, got {names}")
        model, scaler = steps[-1], (steps[0] if len(steps) == 2 else None)
    if type(model) not in CLASSIFIER_TYPES:
        kinds = ", ".join(kind.__name__ for kind in CLASSIFIER_TYPES)
        raise ModelFormatError(
            f"the model file holds a {type(model).__name__}; read are {kinds}, and dicts or pairs of one and its names"
        )
    _update(model)
    if scaler is not None:
        _update_scaler(scaler)
    return model, scaler


def _labels(find_labels: Callable[[], Path], model: Any) -> NDArray[np.str_] | None:
    path = find_labels()
    if path.is_file():
        return read_labels(path)
    if class_labels(model).dtype.kind in "UO":
        return None  # the estimator names the students itself
    raise ModelFormatError(
        f"the model knows its students by number only; put the {LABELS_FILE} that belongs to it into {path.parent}"
    )


def _classes(model: Any, labels: NDArray[np.str_] | None) -> NDArray[np.str_]:
    """Student ids in the order of ``model.classes_``."""
    own = class_labels(model)
    if labels is not None and len(labels) != len(own):
        raise ModelFormatError(f"the classifier was fitted on {len(own)} classes, but {len(labels)} students are named")
    if own.dtype.kind in "UO":
        if labels is not None and sorted(labels.tolist()) != sorted(own.tolist()):
            raise ModelFormatError("the students named beside the classifier are not those it was fitted on")
        return own.astype(np.str_)
    assert labels is not None  # _labels raises for integer classes without labels
    if sorted(labels.tolist()) == sorted(str(value) for value in own):
        return own.astype(np.str_)  # student ids that are numbers themselves
    if own.min() < 0 or own.max() >= len(labels):
        raise ModelFormatError(
            f"the classifier's classes reach {int(own.max())}, beyond the {len(labels)} students named"
        )
    classes: NDArray[np.str_] = labels[own]
    return classes


def _relabel(model: Any) -> None:
    """Text labels as numpy's text; of objects, no compiled code and no later pickle would take them."""
    classes = class_labels(model)
    if classes.dtype.kind == "O":
        vars(model)["classes_"] = classes.astype(np.str_)


def _update(model: Any) -> None:
    """Bring what other versions of scikit-learn store to what this one reads."""
    state = vars(model)
    _state_settings(model)
    if type(model) is RidgeClassifier and "classes_" not in state:  # it was a property of its binarizer's
        binarizer = state.get("_label_binarizer")
        if type(binarizer) is LabelBinarizer:
            state["classes_"] = vars(binarizer).get("classes_")
    if type(model) is SVC:
        # names up to scikit-learn 0.21 and 0.22
        for old, new in (("n_support_", "_n_support"), ("probA_", "_probA"), ("probB_", "_probB")):
            if new not in state and old in state:
                state[new] = state.pop(old)
        # 'probability' was taken apart into the parameter and what was done; predict_proba asks for the latter.
        state.setdefault("_effective_probability", state.get("probability") is True)
        # One value a student, whatever the file says; it changes decision_function only, not predict.
        state["decision_function_shape"] = "ovr"
    _state_features(state, state.get("support_vectors_" if type(model) is SVC else "coef_"))
    classes = state.get("classes_")
    if isinstance(classes, np.ndarray) and classes.dtype.kind == "f" and (classes % 1 == 0).all():
        state["classes_"] = classes.astype(np.int64)


def _update_scaler(scaler: StandardScaler) -> None:
    state = vars(scaler)
    _state_settings(scaler)
    _state_features(state, state.get("mean_") if state.get("mean_") is not None else state.get("scale_"))


def _state_settings(estimator: Any) -> None:
    """Settings that came later, such as SVC's ``break_ties``, as they are by default: as it was before them."""
    for name, value in type(estimator)().get_params(deep=False).items():
        vars(estimator).setdefault(name, value)


def _state_features(state: dict[str, Any], fitted: Any) -> None:
    """``n_features_in_``, which scikit-learn stores since 0.24, from the last dimension of what was fitted."""
    if isinstance(fitted, np.ndarray) and fitted.ndim:
        state.setdefault("n_features_in_", int(fitted.shape[-1]))


def read_labels(path: Path) -> NDArray[np.str_]:
    """Student ids (N,) text from a ``.npy`` of text, integers or objects. Raises ModelFormatError.

    numpy would read objects with the ordinary pickle, which runs whatever the file says; they go through
    ``restricted_loads`` here.
    """
    try:
        with path.open("rb") as file:
            stream = io.BytesIO(file.read(_MAX_LABEL_BYTES + 1))
        if len(stream.getbuffer()) > _MAX_LABEL_BYTES:
            raise ModelFormatError(f"{path.name} has more than {_MAX_LABEL_BYTES:,} bytes")
        shape, dtype = npy_header(stream)
    except ModelFormatError:
        raise
    except Exception as error:  # a damaged header is parsed as Python text and fails in as many ways
        raise ModelFormatError(f"{path.name} is damaged or cannot be read: {error!s:.200}") from error
    if len(shape) != 1 or dtype.kind not in "UOiu":
        raise ModelFormatError(
            f"{path.name} is no list of text or whole numbers (it holds {dtype!s:.50}, shape {shape!s:.50})"
        )
    content = stream.read()
    if dtype.kind == "O":
        return _label_array(restricted_loads(content, _MAX_LABEL_BYTES))
    if len(content) != shape[0] * dtype.itemsize or dtype.itemsize == 0:
        raise ModelFormatError(f"{path.name} is cut short or followed by more")
    return _label_array(np.frombuffer(content, dtype))


def _label_array(stored: object) -> NDArray[np.str_]:
    if type(stored) is LabelEncoder:
        stored = getattr(stored, "classes_", None)
    if isinstance(stored, np.ndarray) and (stored.ndim != 1 or stored.dtype.kind not in "UOiu"):
        stored = None
    if isinstance(stored, (dict, list, tuple, np.ndarray)) and len(stored) > MOST_LABELS:
        raise ModelFormatError(f"{len(stored):,} students are named, more than {MOST_LABELS:,}")
    if type(stored) is dict:  # names by number, or numbers by name
        by_number = stored if all(type(key) is int for key in stored) else _inverted(stored)
        stored = [by_number.get(number) for number in range(len(stored))]
    if isinstance(stored, np.ndarray):
        stored = stored.tolist()
    if not isinstance(stored, (list, tuple)) or not all(map(_is_label, stored)):
        raise ModelFormatError("the students' names must be a list of text or whole numbers")
    labels = [str(label) for label in stored]
    # an array of text gives every name the room of the longest
    if any(len(label) > LONGEST_LABEL for label in labels):
        raise ModelFormatError(f"a student's name has more than {LONGEST_LABEL} characters")
    return np.array(labels, dtype=np.str_)


def _inverted(numbers: dict[Any, Any]) -> dict[int, Any]:
    return {number: name for name, number in numbers.items() if type(number) is int}


def _is_label(label: object) -> bool:
    return isinstance(label, (str, int, np.integer)) and not isinstance(label, bool)


def _threshold(stored: object) -> float | None:
    if stored is None:
        return None
    if not isinstance(stored, (int, float, np.floating)) or isinstance(stored, bool):
        raise ModelFormatError(f"the threshold is a {type(stored).__name__}, not a number")
    return float(stored)


def _names(content: dict[Any, Any]) -> str:
    return ", ".join(str(key)[:40] for key in list(content)[:10]) or "nothing"
