"""The artifact as a value, and its form on disk."""

from __future__ import annotations

import io
import pickle
import pickletools
import tracemalloc
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC, LinearSVC

from errors import ModelFormatError
from recognizer.artifact import (
    FORMAT_VERSION,
    REQUIRED_METADATA,
    ClassifierArtifact,
    check_model_version,
    decode,
    encode,
    new_model_version,
)
from recognizer.unpickling import restricted_loads
from support.models import DIMENSION, make_artifact, make_embedder, make_embeddings, make_metadata, make_parts


def read_back(data: bytes) -> ClassifierArtifact:
    content: Any = restricted_loads(data)
    return decode(content)


@pytest.mark.parametrize("students", [2, 3, 7])
@pytest.mark.parametrize("model", [LinearSVC(), SVC(), SVC(kernel="linear"), LogisticRegression()], ids=repr)
def test_written_and_read_back_it_is_the_same(model: Any, students: int) -> None:
    X, y = make_embeddings(students)
    artifact = make_artifact(students=students, model=model.fit(X, y), scaler=None)
    again = read_back(encode(artifact))
    assert again.model.predict(X).tolist() == artifact.model.predict(X).tolist()
    np.testing.assert_array_equal(again.model.decision_function(X), artifact.model.decision_function(X))
    assert again.classes.tolist() == artifact.classes.tolist()
    assert again.gallery is not None and artifact.gallery is not None
    np.testing.assert_array_equal(again.gallery["centroids"], artifact.gallery["centroids"])
    for name in ("threshold", "review_threshold", "scoring", "calibration", "metadata"):
        assert getattr(again, name) == getattr(artifact, name)
    assert again.dimension == DIMENSION
    assert again.embedder == make_embedder()


def test_anyone_with_scikit_learn_can_open_the_file() -> None:
    data = encode(make_artifact("v7"))
    for content in (pickle.loads(data), joblib.load(io.BytesIO(data))):
        assert content["format_version"] == FORMAT_VERSION == 1
        assert content["metadata"]["model_version"] == "v7"
        X, _ = make_embeddings()
        assert content["model"].predict(content["scaler"].transform(X)).shape == (len(X),)
    named = " ".join(str(argument) for _, argument, _ in pickletools.genops(data))
    assert "sklearn" in named and "recognizer" not in named
    assert data[:2] == b"\x80\x05"


def unfitted() -> Any:
    return LinearSVC()


def fitted(**changes: Any) -> Any:
    X, y = make_embeddings()
    model = LinearSVC().fit(X, y)
    for name, value in changes.items():
        setattr(model, name, value)
    return model


def fitted_svc(**changes: Any) -> Any:
    X, y = make_embeddings()
    model = SVC().fit(X, y)
    for name, value in changes.items():
        setattr(model, name, value)
    return model


def on_text(labels: list[str]) -> Any:
    X, y = make_embeddings()
    return LinearSVC().fit(X, np.array(labels)[y])


CENTROIDS = np.zeros((3, DIMENSION), np.float32)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": np.array(["a", "b"])}, "fitted on 3 classes, but 2 are named"),
        ({"classes": np.array(["a", "b", "a"])}, "'a' is listed more than once"),
        ({"classes": np.array(["a", "", "c"])}, "empty"),
        ({"classes": np.array([1, 2, 3])}, r"classes \(N,\) of text, got \(3,\) int64"),
        ({"classes": ["a", "b", "c"]}, "got list"),
        ({"classes": np.array([["a", "b", "c"]])}, r"got \(1, 3\)"),
        ({"model": on_text(["x", "y", "z"])}, "not in the order of the classifier's own classes"),
        ({"model": KNeighborsClassifier().fit(*make_embeddings())}, "got KNeighborsClassifier"),
        ({"model": None}, "got NoneType"),
        ({"model": unfitted()}, "before it was fitted"),
        ({"model": fitted(coef_=np.zeros((2, DIMENSION)))}, r"coef_ has shape \(2, 16\), expected \(3, 16\)"),
        ({"model": fitted(coef_=np.full((3, DIMENSION), np.nan))}, "coef_ holds values that are not finite"),
        ({"model": fitted(coef_=[1.0])}, "coef_ is missing or no array"),
        ({"model": fitted(intercept_=np.zeros(2))}, "intercept_ has shape"),
        ({"model": fitted(classes_=np.array([0, 1, 1]))}, "names a class twice"),
        ({"model": fitted(n_features_in_="16")}, "does not say how many numbers"),
        ({"model": fitted(predict="x")}, "method predict replaced"),
        ({"model": fitted(extra=io.BytesIO())}, "holds a BytesIO"),
        ({"model": fitted_svc(_n_support=np.array([1, 1, 10**6], np.int32))}, "counts 1000002 support vectors"),
        ({"model": fitted_svc(_dual_coef_=np.zeros((2, 1)))}, "_dual_coef_ has shape"),
        ({"model": fitted_svc(kernel="precomputed")}, "kernel must be one of"),
        ({"model": fitted_svc(support_vectors_=None)}, "support_vectors_"),
        ({"scaler": MinMaxScaler()}, "expected a StandardScaler, got MinMaxScaler"),
        ({"scaler": StandardScaler().fit(np.eye(4))}, "the scaler expects 4 numbers per face, the classifier 16"),
        ({"scaler": StandardScaler()}, "the scaler does not say how many numbers"),
        ({"scaler": StandardScaler().fit(np.eye(16)).set_params(with_std=None)}, "with_std is neither true nor false"),
        ({"threshold": float("nan")}, "threshold must be a finite number"),
        ({"threshold": np.float64(0.5)}, "threshold must be a finite number, not float64"),
        ({"threshold": True}, "threshold must be a finite number, not bool"),
        ({"review_threshold": 0.6}, "review_threshold 0.6 must not lie above threshold 0.5"),
        ({"threshold": None}, "must not lie above"),
        ({"scoring": None}, "expected scoring as a dict"),
        ({"scoring": {"weight": np.float32(1)}}, r"scoring\['weight'\] is a float32"),
        ({"calibration": {"slope": "1"}}, r"calibration\['slope'\] must be a finite number"),
        ({"gallery": {}}, "no centroids"),
        ({"gallery": {"centroids": CENTROIDS[:2]}}, r"expected centroids \(3, 16\) float32, got \(2, 16\)"),
        ({"gallery": {"centroids": CENTROIDS.astype(np.float64)}}, "float32, got .* float64"),
        ({"gallery": {"centroids": CENTROIDS + np.nan}}, "NaN"),
        ({"gallery": {"centroids": CENTROIDS, "x": np.array([{}], object)}}, "must be an array of numbers or text"),
        ({"gallery": {"centroids": CENTROIDS, "x": np.array([np.inf])}}, "infinite"),
        ({"metadata": {"a": {"b": [1, datetime(2026, 1, 1)]}}}, r"metadata\['a'\]\['b'\].* is a datetime"),
        ({"metadata": {1: "a"}}, "keys that are not text"),
        ({"metadata": {"embedder": {"id": "dlib"}}}, "embedder's description needs"),
    ],
)
def test_parts_that_do_not_fit_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelFormatError, match=message):
        make_artifact(**changes)


def test_a_gallery_may_say_that_a_number_does_not_exist() -> None:
    spread = np.array([0.7, np.nan, 0.6], np.float32)
    artifact = make_artifact(gallery={"centroids": CENTROIDS, "compactness": spread})
    gallery = read_back(encode(artifact)).gallery
    assert gallery is not None
    np.testing.assert_array_equal(gallery["compactness"], spread)


def test_metadata_that_multiplies_itself_is_refused_in_time() -> None:
    layer: list[Any] = [0] * 10
    for _ in range(20):
        layer = [layer] * 10
    with pytest.raises(ModelFormatError, match="more than 1,000,000 values"):
        make_artifact(metadata={"a": layer})
    tracemalloc.start()
    try:  # neither a long key copied for every value nor what is no number written out
        with pytest.raises(ModelFormatError, match="only plain numbers"):
            make_artifact(metadata={"k" * 1_000_000: [*range(1000), {1}]})
        with pytest.raises(ModelFormatError, match="threshold must be a finite number, not list"):
            make_artifact(threshold=layer)
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ModelFormatError, match="deep"):
        make_artifact(metadata={"a": deep})


def test_a_file_needs_all_its_metadata() -> None:
    for key in REQUIRED_METADATA:
        metadata = make_metadata("v1")
        del metadata[key]
        with pytest.raises(ModelFormatError, match=key):
            encode(make_artifact(metadata=metadata))


def test_a_newer_format_asks_for_an_update() -> None:
    content = pickle.loads(encode(make_artifact()))
    with pytest.raises(ModelFormatError, match=r"newer version \(format 2\); update SmartAttendance"):
        decode({**content, "format_version": 2})
    for wrong in (0, -1, "1", None, 1.0, True):
        with pytest.raises(ModelFormatError, match="format number"):
            decode({**content, "format_version": wrong})


def test_a_key_that_a_later_program_added_is_left_unread() -> None:
    content = pickle.loads(encode(make_artifact("v3")))
    assert decode({**content, "added_later": 1}).model_version == "v3"
    with pytest.raises(ModelFormatError, match="lacks gallery"):
        decode({key: value for key, value in content.items() if key != "gallery"})


def test_versions_are_named_by_time_and_content() -> None:
    noon = datetime(2026, 11, 23, 12, 15, 2, tzinfo=timezone(timedelta(hours=2)))
    assert new_model_version(noon, "3f9a1cdd") == "20261123T101502Z-3f9a1c"
    with pytest.raises(ValueError, match="time zone"):
        new_model_version(datetime(2026, 1, 1), "3f9a1cdd")
    with pytest.raises(ValueError, match="hexadecimal"):
        new_model_version(datetime(2026, 1, 1, tzinfo=UTC), "xyz")
    for wrong in ("", "..", "a/b", "a\\b", ".hidden", "a" * 101, "a\n", "a."):
        with pytest.raises(ModelFormatError, match="folder name"):
            check_model_version(wrong)


def test_an_artifact_cannot_be_changed() -> None:
    artifact = ClassifierArtifact(**make_parts())
    with pytest.raises(AttributeError):
        artifact.threshold = 0.9  # type: ignore[misc]
