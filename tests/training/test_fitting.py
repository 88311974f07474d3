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
from support.embeddings import make_people, student_ids
from training import fitting
from training.fitting import LOGISTIC_C, SVM_C, fit_scaler_and_classifier

PEOPLE = make_people(40, seed=61)
PHOTOS, LABELS = PEOPLE.photos(6, seed=62)
PROBES, TRUTH = PEOPLE.photos(10, seed=63)
# Between two people, where classifiers decide closely.
DOUBTFUL = np.random.default_rng(64).dirichlet([1, 1], 800).astype(np.float32)[:, :, None] * np.stack(
    [PROBES[np.random.default_rng(65 + i).integers(0, len(PROBES), 800)] for i in range(2)], axis=1
)
DOUBTFUL_FACES = DOUBTFUL.sum(axis=1) / np.linalg.norm(DOUBTFUL.sum(axis=1), axis=1, keepdims=True)


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What large classes get: one-vs-rest for logistic regression too, students a few at a time."""
    monkeypatch.setattr(fitting, "MULTINOMIAL_LIMIT", 0)
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
@pytest.mark.usefixtures("small_limits")
def test_new_photos_rank_their_student_first_in_large_classes(kind: str) -> None:
    check_rank1(kind)


@pytest.mark.parametrize("kind", ["svm", "logistic"])
@pytest.mark.usefixtures("small_limits")
def test_a_large_class_gets_what_scikit_learn_would_find_slowly(kind: str) -> None:
    scaler, model = fit_scaler_and_classifier(kind, PHOTOS, LABELS, student_ids(40), seed=42)
    scaled = scaler.transform(PHOTOS)
    rows = []
    for student in range(40):
        if kind == "svm":
            one: Any = LinearSVC(C=SVM_C, max_iter=10_000, random_state=0)
        else:
            one = LogisticRegression(C=LOGISTIC_C, solver="liblinear")
        rows.append(one.fit(scaled, student == LABELS).decision_function(scaler.transform(DOUBTFUL_FACES)))
    expected = np.stack(rows, axis=1)
    found = model.decision_function(scaler.transform(DOUBTFUL_FACES))
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).mean() >= 0.99
    assert np.abs(found - expected).max() < 0.02 * np.ptp(expected)


@pytest.mark.parametrize("kind", ["svm", "logistic"])
def test_large_and_small_classes_are_ranked_alike(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, usual = fit_scaler_and_classifier(kind, PHOTOS, LABELS, student_ids(40), seed=42)
    monkeypatch.setattr(fitting, "MULTINOMIAL_LIMIT", 0)
    monkeypatch.setattr(fitting, "STUDENTS_AT_ONCE", 7)
    scaler, large = fit_scaler_and_classifier(kind, PHOTOS, LABELS, student_ids(40), seed=42)
    new = scaler.transform(PROBES)
    assert (usual.predict(new) == large.predict(new)).mean() >= 0.99


@pytest.mark.parametrize("kind", ["svm", "logistic"])
@pytest.mark.parametrize("students", [2, 3, 40])
@pytest.mark.usefixtures("small_limits")
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
@pytest.mark.parametrize("limit", [0, fitting.MULTINOMIAL_LIMIT])
def test_same_photos_and_seed_make_the_same_model(kind: str, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "MULTINOMIAL_LIMIT", limit)
    first, again = (pickle.dumps(fit_scaler_and_classifier(kind, PHOTOS, LABELS, student_ids(40), 7)) for _ in "ab")
    assert first == again


@pytest.mark.parametrize("kind", ["svm", "logistic"])
def test_students_with_few_photos_among_students_with_many(kind: str) -> None:
    keep = np.ones(len(LABELS), bool)
    keep[: 6 * 20] = np.tile([True] + [False] * 5, 20)  # twenty students with one photo, twenty with six
    scaler, model = fit_scaler_and_classifier(kind, PHOTOS[keep], LABELS[keep], student_ids(40), seed=42)
    right = LinearRanker(model, scaler).rank(PROBES) == TRUTH
    assert right[TRUTH < 20].mean() >= 0.97
    assert right[TRUTH >= 20].mean() >= 0.99
