"""Scaler and classifier: right for a few students and for many, and the same every time."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from recognizer.classifier import LinearRanker
from recognizer.estimators import check_classifier, check_scaler
from recognizer.scoring import build_gallery
from support.embeddings import People, make_people, student_ids
from training import fitting
from training.fitting import fit_scaler_and_classifier

PEOPLE = make_people(40, seed=61)
PHOTOS, LABELS = PEOPLE.photos(6, seed=62)
PROBES, TRUTH = PEOPLE.photos(10, seed=63)
# Between two people, where classifiers decide closely.
DOUBTFUL = np.random.default_rng(64).dirichlet([1, 1], 800).astype(np.float32)[:, :, None] * np.stack(
    [PROBES[np.random.default_rng(65 + i).integers(0, len(PROBES), 800)] for i in range(2)], axis=1
)
DOUBTFUL_FACES = DOUBTFUL.sum(axis=1) / np.linalg.norm(DOUBTFUL.sum(axis=1), axis=1, keepdims=True)


@pytest.fixture
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What large classes get: students solved for a few at a time."""
    monkeypatch.setattr(fitting, "STUDENTS_AT_ONCE", 7)


def check_rank1(kind: str) -> tuple[Any, Any]:
    scaler, model = fit_scaler_and_classifier(kind, PHOTOS, LABELS, student_ids(40), seed=42)
    assert model.classes_.tolist() == student_ids(40).tolist()
    assert (model.predict(scaler.transform(PROBES)) == student_ids(40)[TRUTH]).mean() >= 0.99
    assert (LinearRanker(model, scaler).rank(PROBES) == TRUTH).mean() >= 0.99
    return scaler, model


@pytest.mark.parametrize("kind", ["svm", "logistic"])
def test_new_photos_rank_their_student_first(kind: str) -> None:
    _, model = check_rank1(kind)
    assert type(model) is {"svm": LinearSVC, "logistic": LogisticRegression}[kind]


@pytest.mark.parametrize("kind", ["svm", "logistic"])
@pytest.mark.usefixtures("few_at_once")
def test_new_photos_rank_their_student_first_in_large_classes(kind: str) -> None:
    check_rank1(kind)


@pytest.mark.parametrize("kind", ["svm", "logistic"])
@pytest.mark.usefixtures("few_at_once")
def test_without_a_centre_the_solver_finds_what_scikit_learn_finds_slowly(kind: str) -> None:
    scaler, _ = fit_scaler_and_classifier(kind, PHOTOS, LABELS, student_ids(40), seed=42)
    scaled = scaler.transform(PHOTOS).astype(np.float32)
    c, rows = {"svm": 0.001, "logistic": 0.01}[kind], []
    for student in range(40):
        if kind == "svm":
            one: Any = LinearSVC(C=c, max_iter=10_000, random_state=0)
        else:
            one = LogisticRegression(C=c, solver="liblinear")
        rows.append(one.fit(scaled, student == LABELS).decision_function(scaler.transform(DOUBTFUL_FACES)))
    expected = np.stack(rows, axis=1)
    loss = {"svm": (2.0, fitting._squared_hinge_slope), "logistic": (0.25, fitting._logistic_slope)}[kind]
    weights, intercepts = fitting._solve(scaled, LABELS, fitting.photo_weights(LABELS), c, *loss)
    found = scaler.transform(DOUBTFUL_FACES) @ weights.T + intercepts
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).mean() >= 0.99
    assert np.abs(found - expected).max() < 0.02 * np.ptp(expected)


@pytest.mark.parametrize("kind", ["svm", "logistic"])
def test_students_solved_for_a_few_at_a_time_are_ranked_alike(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, usual = fit_scaler_and_classifier(kind, PHOTOS, LABELS, student_ids(40), seed=42)
    monkeypatch.setattr(fitting, "STUDENTS_AT_ONCE", 7)
    _, large = fit_scaler_and_classifier(kind, PHOTOS, LABELS, student_ids(40), seed=42)
    np.testing.assert_allclose(usual.coef_, large.coef_, atol=1e-3)


@pytest.mark.parametrize("kind", ["svm", "logistic"])
@pytest.mark.parametrize("students", [2, 3, 40])
@pytest.mark.usefixtures("few_at_once")
def test_a_model_for_a_large_class_is_an_ordinary_estimator(kind: str, students: int) -> None:
    own = students > LABELS
    classes = student_ids(students)
    scaler, model = fit_scaler_and_classifier(kind, PHOTOS[own], LABELS[own], classes, seed=42)
    check_classifier(model, students, PHOTOS.shape[1])  # what a model file's reader asks of it
    check_scaler(scaler, PHOTOS.shape[1])
    restored = pickle.loads(pickle.dumps(model, protocol=5))
    new = scaler.transform(PROBES[students > TRUTH])
    assert (restored.predict(new) == classes[TRUTH[students > TRUTH]]).mean() >= 0.98
    values = restored.decision_function(new)
    assert values.shape == ((len(new),) if students == 2 else (len(new), students))


@pytest.mark.parametrize("kind", ["svm", "logistic"])
def test_same_photos_and_seed_make_the_same_model(kind: str) -> None:
    first, again = (pickle.dumps(fit_scaler_and_classifier(kind, PHOTOS, LABELS, student_ids(40), 7)) for _ in "ab")
    assert first == again


# With one photo of each, or many beside few, a classifier of its own ranks far worse than the nearest centroid.
VARIED = make_people(60, seed=61, dimension=128)
VARIED = People(VARIED.centres, np.full(60, 1.1))
SHAPES = {
    "one each of two": [1, 1],
    "one each of three": [1, 1, 1],
    "two each of two": [2, 2],
    "one and sixty": [1, 60],
    "forty and two": [40, 2],
    "sixty beside ones": [60] + [1] * 40,
    "sixty beside twos": [2] * 10 + [60],
    "sixty beside fives": [60] + [5] * 20,
    "three sixties beside ones": [60] * 3 + [1] * 30,
    "every number": [1, 2, 3, 5, 8, 13, 21, 34, 55],
    "five each": [5] * 40,
}


@pytest.mark.parametrize("kind", ["svm", "logistic"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_no_shape_of_class_ranks_worse_than_the_nearest_centroid(kind: str, shape: list[int]) -> None:
    students = len(shape)
    parts = [VARIED[np.array([k])].photos(count, seed=100 + k)[0] for k, count in enumerate(shape)]
    photos, labels = np.concatenate(parts), np.repeat(np.arange(students), shape)
    probes, truth = VARIED[slice(0, students)].photos(50, seed=63)
    nearest = (probes @ build_gallery(photos, labels, students).centroids.T).argmax(axis=1) == truth
    scaler, model = fit_scaler_and_classifier(kind, photos, labels, student_ids(students), seed=42)
    right = LinearRanker(model, scaler).rank(probes) == truth
    assert right.mean() >= nearest.mean() - 0.01
    for student in range(students):  # nobody pays for the others
        assert right[truth == student].sum() >= nearest[truth == student].sum() - 3
