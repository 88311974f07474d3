"""Every format that face_classifier_v1.pkl has had still loads, and says the same names."""

from __future__ import annotations

import io
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import LabelEncoder, MinMaxScaler, Normalizer, StandardScaler
from sklearn.svm import SVC, LinearSVC

from errors import ModelFormatError, ModelIntegrityError, SmartAttendanceError
from recognizer import version_files
from recognizer.artifact import LABELS_FILE, MODEL_FILE
from recognizer.classifier import FaceClassifier
from recognizer.legacy import read_labels
from recognizer.reading import load_artifact

FIXTURES = Path(__file__).parents[1] / "fixtures" / "models"
EXPECTED: dict[str, Any] = json.loads((FIXTURES / "expected.json").read_text(encoding="utf-8"))["models"]


def embeddings(dimension: int, students: int, each: int, seed: int) -> tuple[Any, Any]:
    """As in fixtures/make_old_models.py."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(dimension).normal(size=(3, dimension))[:students]
    numbers = np.repeat(np.arange(students), each)
    rows = centres[numbers] + 0.6 * random.normal(size=(students * each, dimension))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), numbers


def test_there_is_a_fixture_for_every_format() -> None:
    folders = {path.name for path in FIXTURES.iterdir() if path.is_dir()}
    assert folders == {*EXPECTED, "format-1"}
    assert {model["legacy"] for model in EXPECTED.values()} == {"bare", "dict", "dict-scaler"}


@pytest.mark.parametrize("name", EXPECTED)
def test_an_old_file_names_whom_it_named(name: str) -> None:
    expected = EXPECTED[name]
    artifact, info = load_artifact(FIXTURES / name / MODEL_FILE)
    assert artifact.classes.tolist() == expected["classes"]
    assert artifact.threshold == expected["threshold"]
    assert (artifact.scaler is not None) == expected["scaled"]
    assert artifact.metadata["legacy"] == expected["legacy"]
    assert (artifact.gallery, artifact.calibration, artifact.review_threshold) == (None, None, None)
    assert (info.format_version, info.verified, info.student_count) == (0, "unverified", len(expected["classes"]))
    assert info.embedder is not None
    assert info.embedder.id == {128: "dlib", 512: "facenet"}[expected["dimension"]]
    assert info.model_version.startswith("legacy-")
    probes, _ = embeddings(expected["dimension"], len(expected["classes"]), 3, seed=3)
    scaled = probes if artifact.scaler is None else artifact.scaler.transform(probes)
    indices = np.searchsorted(artifact.model.classes_, artifact.model.predict(scaled))
    assert artifact.classes[indices].tolist() == expected["named"]
    assert len(set(expected["named"])) == len(expected["classes"])


@pytest.mark.parametrize("name", EXPECTED)
def test_an_old_file_makes_a_working_classifier(name: str) -> None:
    artifact, _ = load_artifact(FIXTURES / name / MODEL_FILE)
    probes, _ = embeddings(artifact.dimension, len(artifact.classes), 3, seed=3)
    identities = FaceClassifier(artifact).identify(probes)
    assert len(identities) == len(probes)
    best = [identity.candidates[0].student_id for identity in identities if identity.candidates]
    assert best and all(student in artifact.classes for student in best)


def test_the_file_of_format_1_loads() -> None:
    artifact, info = load_artifact(FIXTURES / "format-1" / MODEL_FILE)
    assert (info.format_version, info.model_version) == (1, "20260101T000000Z-0a1b2c")
    probes, numbers = embeddings(128, 3, 3, seed=3)
    assert artifact.scaler is not None and artifact.threshold == 0.5
    assert artifact.model.predict(artifact.scaler.transform(probes)).tolist() == numbers.tolist()
    candidates = [identity.candidates[0].student_id for identity in FaceClassifier(artifact).identify(probes)]
    assert candidates == artifact.classes[numbers].tolist()


X, Y = embeddings(128, 3, 3, seed=1)
IDS = np.array(["a", "b", "c"])


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Any]:
    """Writes an old file, with labels beside it when given, and loads it."""

    def write_and_load(content: object, labels: Any = None) -> Any:
        (tmp_path / MODEL_FILE).write_bytes(pickle.dumps(content, protocol=4))
        if labels is not None:
            np.save(tmp_path / LABELS_FILE, labels, allow_pickle=True)
        return load_artifact(tmp_path / MODEL_FILE)[0]

    return write_and_load


def test_numbers_that_index_the_labels_in_another_order(read: Callable[..., Any]) -> None:
    model = LinearSVC().fit(X, np.array([2, 0, 1])[Y])
    artifact = read(model, labels=IDS)
    assert artifact.classes.tolist() == ["a", "b", "c"]
    named = artifact.classes[np.searchsorted(artifact.model.classes_, artifact.model.predict(X))]
    assert named.tolist() == IDS[np.array([2, 0, 1])[Y]].tolist()


def test_student_ids_that_are_numbers(read: Callable[..., Any]) -> None:
    ids = np.array([1001, 2040, 2041])
    artifact = read({"model": LinearSVC().fit(X, ids[Y]), "classes": ids})
    assert artifact.classes.tolist() == ["1001", "2040", "2041"]


def test_text_classes_need_no_labels_and_must_agree_with_them(read: Callable[..., Any]) -> None:
    model = LinearSVC().fit(X, IDS[Y])
    assert read(model).classes.tolist() == ["a", "b", "c"]
    assert read(model, labels=np.array(["c", "b", "a"])).classes.tolist() == ["a", "b", "c"]
    with pytest.raises(ModelFormatError, match="not those it was fitted on"):
        read(model, labels=np.array(["a", "b", "d"]))


def test_a_dict_without_names_takes_the_labels_beside_it(read: Callable[..., Any]) -> None:
    content = {"model": LinearSVC().fit(X, Y), "scaler": None, "threshold": 0.7}
    artifact = read(content, labels=IDS)
    assert artifact.classes.tolist() == ["a", "b", "c"] and artifact.threshold == 0.7


@pytest.mark.parametrize(
    ("content", "labels", "message"),
    [
        (LinearSVC().fit(X, Y), None, rf"by number only; put the {LABELS_FILE}"),
        (LinearSVC().fit(X, Y), np.array(["a", "b"]), "fitted on 3 classes, but 2 students are named"),
        (LinearSVC().fit(X, np.array([0, 1, 7])[Y]), IDS, "reach 7, beyond the 3 students"),
        (LinearSVC().fit(X, Y), np.array(["a", "b", "a"]), "listed more than once"),
        (LinearSVC().fit(X, Y), np.array([1.5, 2.5, 3.5]), "list of text or whole numbers"),
        (LinearSVC().fit(X[:, :100], Y), IDS, r"expects 100 numbers per face; 512 \(FaceNet\) and 128 \(dlib\)"),
        (LinearSVC(), IDS, "before it was fitted"),
        (make_pipeline(StandardScaler(), StandardScaler(), SVC()).fit(X, Y), IDS, "only a pipeline of"),
        (make_pipeline(StandardScaler()).fit(X, Y), IDS, "holds a StandardScaler"),
        ({"model": StandardScaler().fit(X)}, IDS, "holds a StandardScaler"),
        ({"weights": 1}, IDS, r"dict without 'model' \(it has: weights\)"),
        ({"model": LinearSVC().fit(X, Y), "classes": ["a", "b"]}, None, "3 classes, but 2"),
        ({"model": LinearSVC().fit(X, Y), "classes": "abc"}, None, "list of text"),
        ({"model": LinearSVC().fit(X, Y), "classes": IDS, "threshold": "high"}, None, "threshold is a str"),
        ({"model": LinearSVC().fit(X, Y), "classes": IDS, "scaler": 3}, None, "expected a StandardScaler, got int"),
        ([LinearSVC().fit(X, Y)], IDS, "holds a list"),
        (None, IDS, "holds a NoneType"),
    ],
)
def test_what_is_missing_is_said(read: Callable[..., Any], content: object, labels: Any, message: str) -> None:
    with pytest.raises(ModelFormatError, match=message):
        read(content, labels)


@pytest.mark.parametrize(
    "model", [RandomForestClassifier(n_estimators=2), make_pipeline(MinMaxScaler(), LogisticRegression())]
)
def test_other_estimators_are_refused_by_name(read: Callable[..., Any], model: Any) -> None:
    with pytest.raises(ModelFormatError, match=r"sklearn\..*(RandomForestClassifier|MinMaxScaler)"):
        read(model.fit(X, Y), IDS)


class Attack:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


def test_labels_of_objects_run_nothing(read: Callable[..., Any], tmp_path: Path) -> None:
    """numpy.load(allow_pickle=True) would."""
    mark = tmp_path / "ran"
    labels = np.array(["a", Attack(mark), "c"], dtype=object)
    stream = io.BytesIO()
    np.save(stream, labels, allow_pickle=True)
    stream.seek(0)
    np.load(stream, allow_pickle=True)
    mark.rmdir()
    with pytest.raises(ModelIntegrityError, match="mkdir"):
        read(LinearSVC().fit(X, Y), labels)
    assert not mark.exists()


NUMBERED = SVC(kernel="linear").fit(X, Y)


@pytest.mark.parametrize(
    "content",
    [
        (NUMBERED, ["a", "b", "c"]),  # davidsandberg/facenet
        (LabelEncoder().fit(IDS), NUMBERED),  # OpenFace
        [make_pipeline(StandardScaler(), NUMBERED).fit(X, Y), IDS],
        {"clf": NUMBERED, "le": LabelEncoder().fit(IDS)},
        {"classifier": NUMBERED, "class_names": ["a", "b", "c"]},
        {"svc": NUMBERED, "encoder": LabelEncoder().fit(IDS.astype(object))},
        {"model": NUMBERED, "classes": list(IDS)},  # of numpy's text
        {"model": NUMBERED, "classes": np.array(list(IDS), dtype=object)},
        {"model": NUMBERED, "classes": tuple(IDS)},
        {"model": NUMBERED, "labels": {0: "a", 1: "b", 2: "c"}},
        {"model": NUMBERED, "labels": {"c": 2, "a": 0, "b": 1}},
        (SVC(kernel="linear").fit(X, IDS[Y]), None),
        {"model": SVC(kernel="linear").fit(X, np.array(list(IDS), dtype=object)[Y])},
        (LinearSVC().fit(X, Y.astype(float)), IDS),
        {"model": make_pipeline(Normalizer(), StandardScaler(), NUMBERED).fit(X, Y), "class_names": IDS},
        {"model": make_pipeline(Normalizer("l2"), NUMBERED).fit(X, Y), "class_names": IDS},
    ],
    ids=str,
)
def test_what_tutorials_wrote_is_read_and_says_the_same_names(read: Callable[..., Any], content: object) -> None:
    classifier = FaceClassifier(read(content))
    assert classifier.classes == ("a", "b", "c")
    probes, numbers = embeddings(128, 3, 3, seed=3)
    assert classifier.rank(probes).tolist() == numbers.tolist()


def test_numbers_of_numpy_as_labels(read: Callable[..., Any]) -> None:
    assert read({"model": NUMBERED, "classes": list(np.array([101, 102, 103]))}).classes.tolist() == [
        "101",
        "102",
        "103",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"model": NUMBERED, "labels": {0: "a", 1: "b", 5: "c"}}, "list of text or whole numbers"),
        ({"model": NUMBERED, "labels": {"a": 0, "b": 0, "c": 1}}, "list of text or whole numbers"),
        ({"model": NUMBERED, "classes": [True, False, True]}, "list of text or whole numbers"),
        ({"model": NUMBERED, "classes": ["a", "b", "c" * 256]}, "more than 255 characters"),
        ({"model": SVC().fit(X, np.array(["a", "b", "c" * 256], object)[Y])}, "neither all text"),
        ((NUMBERED, NUMBERED), "list of text or whole numbers"),
        (("a", "b"), "holds a str"),
        (make_pipeline(StandardScaler(), Normalizer(), NUMBERED).fit(X, Y), "got StandardScaler, Normalizer, SVC"),
        (make_pipeline(Normalizer("max"), NUMBERED).fit(X, Y), "got Normalizer, SVC"),
    ],
    ids=str,
)
def test_what_looks_like_it_and_is_not(read: Callable[..., Any], content: object, message: str) -> None:
    with pytest.raises(ModelFormatError, match=message):
        read(content, IDS)


def written_by_0_21(model: Any) -> bytes:
    """As scikit-learn 0.21 would have written it: its modules, its names of what was fitted."""
    for part in [step for _, step in model.steps] if isinstance(model, Pipeline) else [model]:
        state = vars(part)
        for later in ("n_features_in_", "break_ties", "positive"):
            state.pop(later, None)
        for new, old in (("_n_support", "n_support_"), ("_probA", "probA_"), ("_probB", "probB_")):
            if new in state:
                state[old] = state.pop(new)
        state.pop("_effective_probability", None)
        if isinstance(part, LogisticRegression):
            state["multi_class"] = "warn"
    data = pickle.dumps(model, protocol=2)
    for new, old in (
        ("svm._classes", "svm.classes"),
        ("linear_model._logistic", "linear_model.logistic"),
        ("linear_model._ridge", "linear_model.ridge"),
        ("preprocessing._data", "preprocessing.data"),
        ("preprocessing._label", "preprocessing.label"),
    ):
        data = data.replace(f"csklearn.{new}\n".encode(), f"csklearn.{old}\n".encode())
    return data


@pytest.mark.parametrize(
    "model",
    [
        SVC(kernel="linear"),
        SVC(kernel="rbf", gamma=0.5),
        LinearSVC(),
        LogisticRegression(),
        RidgeClassifier(),
        make_pipeline(StandardScaler(), LinearSVC()),
    ],
    ids=str,
)
def test_a_model_of_scikit_learn_0_21_says_the_same_names(model: Any, tmp_path: Path) -> None:
    probes, numbers = embeddings(128, 3, 3, seed=3)
    model.fit(X, IDS[Y])
    assert model.predict(probes).tolist() == IDS[numbers].tolist()
    data = written_by_0_21(model)
    assert (b"\nn_features_in_" not in data and b"sklearn.pipeline" in data) or b"._" not in data.split(b"\n")[0]
    (tmp_path / MODEL_FILE).write_bytes(data)
    classifier = FaceClassifier(load_artifact(tmp_path / MODEL_FILE)[0])
    assert classifier.rank(probes).tolist() == numbers.tolist()
    assert len(classifier.identify(probes)) == len(probes)


def test_one_vs_rest_probabilities_stay_what_they_were(tmp_path: Path) -> None:
    """Today's scikit-learn would read them as multinomial: higher, so that an old threshold let in more strangers."""
    model = LogisticRegression().fit(X, IDS[Y])
    (tmp_path / MODEL_FILE).write_bytes(written_by_0_21(model))
    probes, _ = embeddings(128, 3, 3, seed=3)
    apart = 1 / (1 + np.exp(-model.decision_function(probes)))
    expected = (apart / apart.sum(axis=1, keepdims=True)).max(axis=1)
    answers = FaceClassifier(load_artifact(tmp_path / MODEL_FILE)[0]).identify(probes)
    np.testing.assert_allclose([answer.score for answer in answers], expected, rtol=1e-5)


@pytest.mark.parametrize("descr", ["'<U0'", "'|V0'", "'|S0'", "[]", "('<f4', (0,))", "'<f8'", "'|O'"])
def test_a_label_file_whose_header_promises_too_much_is_refused_at_once(descr: str, tmp_path: Path) -> None:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': ({10**12},), }}".encode().ljust(117) + b"\n"
    path = tmp_path / LABELS_FILE
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(SmartAttendanceError):
        read_labels(path)
    assert version_files.array(path) is None and version_files.names(path) == []


def test_more_labels_than_students_can_be_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / LABELS_FILE, np.zeros(300_000, np.int8))
    with pytest.raises(ModelFormatError, match="300,000 students are named"):
        read_labels(tmp_path / LABELS_FILE)


def test_damaged_labels_are_said_so(tmp_path: Path) -> None:
    path = tmp_path / LABELS_FILE
    for labels in (IDS, IDS.astype(object), np.array([1, 2, 3])):
        np.save(path, labels, allow_pickle=True)
        data = path.read_bytes()
        assert read_labels(path).tolist() == [str(label) for label in labels]
        for end in (0, 5, 60, len(data) - 1):
            path.write_bytes(data[:end])
            with pytest.raises(SmartAttendanceError):
                read_labels(path)
    path.write_bytes(data.replace(b"(3,)", b"(9**9,)"[:4]))
    with pytest.raises(ModelFormatError):
        read_labels(path)
