"""The trained model as a value, and its form on disk.

``face_classifier_v1.pkl`` is a pickle (protocol 5) of a plain dict of scikit-learn estimators, numpy arrays and
primitives - no class of ours - so that ``pickle.load`` or ``joblib.load`` open it anywhere scikit-learn is
installed. This project reads it with ``recognizer.unpickling`` only.

Where such files are kept and how one becomes the model in use: ``recognizer.history``.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errors import ModelFormatError
from recognizer.types import EmbedderInfo, ModelInfo

# The number in the file's name and in its dict. The rule for raising it:
#   - raise it when a reader of the old number would fail on the new file or, worse, misread it: a key renamed or
#     removed, a changed meaning, unit, order or shape of a value;
#   - do not raise it for a new key that older readers may leave unread: readers ignore keys they do not know;
#   - a reader reads its own number and every earlier one, and refuses a later one by saying that the program
#     needs an update (ModelFormatError);
#   - a file of the old number stays under tests/fixtures/models, and its test with it.
FORMAT_VERSION = 1

MODEL_FILE = "face_classifier_v1.pkl"
LABELS_FILE = "label_encoder_classes.npy"
# A class of 5,000 students needs about 40 MB; a support vector machine of an old version with all its support
# vectors at that size about 250 MB.
MAX_BYTES = 512 * 1024 * 1024

REQUIRED_METADATA = (
    *("format_version", "model_version", "embedder", "detector", "sklearn_version", "config", "seed", "metrics"),
    *("dataset_fingerprint", "created_at"),
)

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LARGEST = 1e300  # of a threshold or calibration; far above any, and no NaN or infinity lies within
# Values in metadata, scoring and so on; a shared list nested in itself a few dozen times over would take forever.
_MAX_VALUES = 1_000_000
_MAX_DEPTH = 32


@dataclass(frozen=True, slots=True, eq=False)
class ClassifierArtifact:
    """Everything that turns an embedding into an identity. Raises ModelFormatError when parts do not fit together.

    model: a fitted LinearSVC, SVC or LogisticRegression; RidgeClassifier as well in files of old versions.
    scaler: fitted StandardScaler, applied to embeddings before ``model``, or None.
    classes: (N,) text, unique student ids, N >= 2, in the order of ``model.classes_``.
    threshold: scores of at least this are accepted; None in old files without one. review_threshold: scores from
    here up to ``threshold`` are for a person to decide; not above ``threshold``.
    scoring: how the score that the thresholds apply to is computed, as primitives; empty in old files.
    calibration: numbers that turn a score into a confidence 0..1, or None.
    gallery: arrays about the enrolled people by name, or None; among them ``centroids``, (N, dimension) float32.
    metadata: primitives only; ``REQUIRED_METADATA`` says what a file of the current format carries.
    """

    model: Any
    scaler: Any | None
    classes: NDArray[np.str_]
    threshold: float | None
    review_threshold: float | None
    scoring: dict[str, Any]
    calibration: dict[str, float] | None
    gallery: dict[str, NDArray[Any]] | None
    metadata: dict[str, Any] = field(repr=False)

    def __post_init__(self) -> None:
        # here, as scikit-learn takes a second to import, which most commands need not wait for
        from recognizer.estimators import check_classifier, check_scaler, class_labels

        self._check_classes()
        check_classifier(self.model, len(self.classes))
        labels = class_labels(self.model)
        if labels.dtype.kind in "UO" and labels.tolist() != self.classes.tolist():
            raise ModelFormatError("the student ids are not in the order of the classifier's own classes")
        if self.scaler is not None:
            check_scaler(self.scaler, self.dimension)
        self._check_thresholds()
        for name, values in (("scoring", self.scoring), ("metadata", self.metadata)):
            if type(values) is not dict:
                raise ModelFormatError(f"expected {name} as a dict, got {type(values).__name__}")
            check_primitives(values, name)
        if self.calibration is not None:
            if type(self.calibration) is not dict:
                raise ModelFormatError(f"expected calibration as a dict, got {type(self.calibration).__name__}")
            for name, value in self.calibration.items():
                _check_number(value, f"calibration[{name!r:.80}]")
        if self.gallery is not None:
            self._check_gallery(self.gallery)
        _ = self.embedder  # raises when its description is not one

    @property
    def dimension(self) -> int:
        """How many numbers an embedding has."""
        return int(self.model.n_features_in_)

    @property
    def model_version(self) -> str:
        return str(self.metadata.get("model_version", "unversioned"))

    @property
    def embedder(self) -> EmbedderInfo | None:
        """Which network made the embeddings this model was trained on; None when the file does not say.

        Files of old versions do not; there only id and dimension are set, guessed from the dimension.
        """
        described = self.metadata.get("embedder")
        return None if described is None else embedder_from_metadata(described)

    def info(self, sha256: str, verified: str) -> ModelInfo:
        """What is shown of this model. sha256: of its file; verified: ``manifest``, ``signed`` or ``unverified``."""
        created_at, metrics = self.metadata.get("created_at"), self.metadata.get("metrics")
        return ModelInfo(
            model_version=self.model_version,
            sha256=sha256,
            format_version=0 if "legacy" in self.metadata else FORMAT_VERSION,
            embedder=self.embedder,
            student_count=len(self.classes),
            created_at=created_at if isinstance(created_at, str) else None,
            verified=verified,
            metrics=metrics if isinstance(metrics, dict) else {},
        )

    def _check_classes(self) -> None:
        classes = self.classes
        if not isinstance(classes, np.ndarray) or classes.ndim != 1 or classes.dtype.kind != "U":
            kind = f"{classes.shape} {classes.dtype}" if isinstance(classes, np.ndarray) else type(classes).__name__
            raise ModelFormatError(f"expected classes (N,) of text, got {kind}")
        unique, counts = np.unique(classes, return_counts=True)
        if (counts > 1).any():
            raise ModelFormatError(f"student id {str(unique[counts > 1][0])!r} is listed more than once")
        if (classes == "").any():
            raise ModelFormatError("a student id is empty")

    def _check_thresholds(self) -> None:
        for name, value in (("threshold", self.threshold), ("review_threshold", self.review_threshold)):
            if value is not None:
                _check_number(value, name)
        if self.review_threshold is not None and (self.threshold is None or self.review_threshold > self.threshold):
            raise ModelFormatError(
                f"review_threshold {self.review_threshold} must not lie above threshold {self.threshold}"
            )

    def _check_gallery(self, gallery: object) -> None:
        if type(gallery) is not dict:
            raise ModelFormatError(f"expected gallery as a dict of arrays, got {type(gallery).__name__}")
        for name, array in gallery.items():
            if type(name) is not str or not isinstance(array, np.ndarray) or array.dtype.kind not in "biufU":
                raise ModelFormatError(f"gallery[{name!r:.80}] must be an array of numbers or text")
            # NaN may say that there is no value (the spread of a student's only photo), infinity says nothing
            if array.dtype.kind == "f" and np.isinf(array).any():
                raise ModelFormatError(f"gallery[{name!r:.80}] holds infinite values")
        centroids, expected = gallery.get("centroids"), (len(self.classes), self.dimension)
        if centroids is None:
            raise ModelFormatError("the gallery has no centroids")
        if centroids.shape != expected or centroids.dtype != np.float32:
            raise ModelFormatError(f"expected centroids {expected} float32, got {centroids.shape} {centroids.dtype}")
        if np.isnan(centroids).any():
            raise ModelFormatError("the centroids hold values that are no numbers (NaN)")


def new_model_version(created_at: datetime, digest: str) -> str:
    """A name for a model, sorted by time: ``20261123T101502Z-3f9a1c``.

    created_at: an aware datetime. digest: hexadecimal SHA-256 of what the model was made of; six digits are used.
    """
    if created_at.tzinfo is None:
        raise ValueError("created_at needs a time zone")
    if not re.fullmatch(r"[0-9a-f]{6,}", digest):
        raise ValueError(f"expected a hexadecimal digest of six digits or more, got {digest!r}")
    return f"{created_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{digest[:6]}"


def check_model_version(version: str) -> str:
    """Return ``version`` if it can be a folder's name on every system, else raise ModelFormatError."""
    if not _VERSION.fullmatch(version) or version.endswith("."):
        raise ModelFormatError(
            f"model version {version!r:.120} cannot be a folder name: letters, digits, '.', '_' and '-' are allowed"
        )
    return version


def embedder_metadata(info: EmbedderInfo) -> dict[str, Any]:
    """``info`` as the primitives that ``metadata["embedder"]`` holds."""
    return {
        "id": info.id,
        "weights_sha256": info.weights_sha256,
        "dimension": info.dimension,
        "crop_recipe": dict(info.crop_recipe),
        "signature": [float(value) for value in info.signature],
    }


def embedder_from_metadata(described: object) -> EmbedderInfo:
    """The reverse of ``embedder_metadata``; ModelFormatError when it cannot be read."""
    if type(described) is not dict:
        raise ModelFormatError(f"expected the embedder's description as a dict, got {type(described).__name__}")
    name, sha256 = described.get("id"), described.get("weights_sha256")
    dimension, recipe = described.get("dimension"), described.get("crop_recipe")
    signature = described.get("signature")
    if type(name) is not str or type(sha256) is not str or type(dimension) is not int or type(recipe) is not dict:
        raise ModelFormatError("the embedder's description needs id, weights_sha256, dimension and crop_recipe")
    if not isinstance(signature, (list, tuple)) or not all(type(value) is float for value in signature):
        raise ModelFormatError("the embedder's signature must be a list of floats")
    return EmbedderInfo(name, sha256, dimension, recipe, tuple(signature))


def encode(artifact: ClassifierArtifact) -> bytes:
    """``artifact`` as the bytes of a model file. Raises ModelFormatError when its metadata is incomplete."""
    _check_metadata(artifact.metadata)
    content = {
        "format_version": FORMAT_VERSION,
        "model": artifact.model,
        "scaler": artifact.scaler,
        "classes": artifact.classes,
        "threshold": artifact.threshold,
        "review_threshold": artifact.review_threshold,
        "scoring": artifact.scoring,
        "calibration": artifact.calibration,
        "gallery": artifact.gallery,
        "metadata": artifact.metadata,
    }
    return pickle.dumps(content, protocol=5)


def decode(content: Mapping[str, Any]) -> ClassifierArtifact:
    """The artifact in the unpickled dict of a model file. Raises ModelFormatError saying what does not fit."""
    number = content.get("format_version")
    if type(number) is not int or number < 1:
        raise ModelFormatError("the model file's format number is not a whole number from 1")
    if number > FORMAT_VERSION:
        raise ModelFormatError(f"made by a newer version (format {number}); update SmartAttendance")
    keys = ("model", "scaler", "classes", "threshold", "review_threshold", "scoring", "calibration", "gallery")
    missing = [key for key in (*keys, "metadata") if key not in content]
    if missing:
        raise ModelFormatError(f"the model file lacks {', '.join(missing)}")
    if type(content["metadata"]) is not dict:
        raise ModelFormatError("expected the model file's metadata as a dict")
    _check_metadata(content["metadata"])
    return ClassifierArtifact(**{key: content[key] for key in keys}, metadata=content["metadata"])


def _check_metadata(metadata: Mapping[str, Any]) -> None:
    missing = [key for key in REQUIRED_METADATA if key not in metadata]
    if missing:
        raise ModelFormatError(f"the model's metadata lacks {', '.join(missing)}")
    if metadata["format_version"] != FORMAT_VERSION:
        raise ModelFormatError(f"metadata's format_version must be {FORMAT_VERSION}")
    if metadata["embedder"] is None:
        raise ModelFormatError("metadata must describe the embedder")
    for key in ("model_version", "created_at"):
        if type(metadata[key]) is not str:
            raise ModelFormatError(f"metadata[{key!r}] must be text")
    check_model_version(metadata["model_version"])


def _check_number(value: object, name: str) -> None:
    # numpy's numbers are refused as well: they would make the pickle depend on numpy's own classes
    if type(value) not in (float, int) or not -_LARGEST <= value <= _LARGEST:  # type: ignore[operator]
        # never the whole of what is no number: written out, lists of lists of one list fill the memory
        shown = f" {value!r:.40}" if type(value) in (float, int) else ""
        raise ModelFormatError(f"{name} must be a finite number, not {type(value).__name__}{shown}")


def check_primitives(value: object, name: str) -> None:
    """Raise ModelFormatError unless ``value`` is made of None, bool, int, float, text, lists, tuples and dicts."""
    # Where an item stands is a chain of keys, written out only for a message: a copy of a key of megabytes with each
    # of its values would fill the memory.
    waiting: list[tuple[object, _Place]] = [(value, (None, name))]
    seen = 0
    while waiting:
        item, place = waiting.pop()
        if isinstance(item, (dict, list, tuple)):
            seen += len(item)
            if seen > _MAX_VALUES:
                raise ModelFormatError(f"{name} holds more than {_MAX_VALUES:,} values")
            if _depth(place) > _MAX_DEPTH:
                raise ModelFormatError(f"{name} is nested more than {_MAX_DEPTH} deep")
        if type(item) is dict:
            if not all(type(key) is str for key in item):
                raise ModelFormatError(f"{_written(place)} has keys that are not text")
            waiting.extend((inner, (place, f"[{key!r:.40}]")) for key, inner in item.items())
        elif type(item) in (list, tuple):
            within: _Place = (place, "[...]")
            waiting.extend((inner, within) for inner in item)  # type: ignore[attr-defined]
        elif item is not None and type(item) not in (bool, int, float, str):
            raise ModelFormatError(
                f"{_written(place)} is a {type(item).__name__}; only plain numbers, text, lists and dicts may be "
                "stored there"
            )


_Place = tuple[Any, str]  # the place it lies in, if any, and its own name there


def _depth(place: _Place) -> int:
    depth = 0
    while place[0] is not None:
        place, depth = place[0], depth + 1
    return depth


def _written(place: _Place) -> str:
    text = place[1]
    while place[0] is not None:
        place = place[0]
        text = place[1] + text
    return text
