"""The open-set decision: who is named, who goes to a person for review, and who stays unknown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from errors import ModelFormatError
from recognizer.artifact import ClassifierArtifact
from recognizer.classifier import CLOSE, FaceClassifier, LinearRanker, sigmoid
from recognizer.types import Decision, FloatArray, Identity
from support.embeddings import PARAMETERS, People, gallery_artifact, make_people, student_ids, unit

PEOPLE = make_people(30, seed=21)
STUDENTS = PEOPLE[slice(0, 20)]
PHOTOS, LABELS = STUDENTS.photos(8, seed=22)


@pytest.fixture(scope="module")
def classifier() -> FaceClassifier:
    return FaceClassifier(gallery_artifact(PHOTOS, LABELS))


def between(a: Any, b: Any, share: float) -> Any:
    """A face ``share`` of the way from ``a`` to ``b``."""
    return unit((1 - share) * a + share * b)


def test_new_photos_of_students_are_named_rightly(classifier: FaceClassifier) -> None:
    probes, truth = STUDENTS.photos(5, seed=23)
    answers = classifier.identify(probes)
    assert len(answers) == 100
    named = [a for a in answers if a.decision is Decision.KNOWN]
    assert len(named) >= 95
    for answer, student in zip(answers, truth, strict=True):
        if answer.decision is Decision.KNOWN:
            assert answer.student_id == f"S{student:05d}"
            assert answer.candidates[0].student_id == answer.student_id
            assert answer.agreed
            assert answer.margin > 0
    assert np.mean([a.probability for a in named]) > 0.9


def test_strangers_are_unknown_and_shown_no_names(classifier: FaceClassifier) -> None:
    probes, _ = PEOPLE[slice(20, 30)].photos(10, seed=24)
    answers = classifier.identify(probes)
    assert len(answers) == 100
    for answer in answers:
        assert answer.decision is Decision.UNKNOWN
        assert answer.student_id is None
        assert answer.candidates == ()
        assert answer.probability < 0.2


def test_between_the_thresholds_a_person_decides_among_three(classifier: FaceClassifier) -> None:
    stranger = PEOPLE.centres[25]
    probes = between(STUDENTS.centres[3], stranger, np.linspace(0, 1, 101)[:, None])
    answers = classifier.identify(probes)
    order = [answer.decision for answer in answers]
    assert set(order) == {Decision.KNOWN, Decision.UNCERTAIN, Decision.UNKNOWN}
    assert sorted(order, key=[Decision.KNOWN, Decision.UNCERTAIN, Decision.UNKNOWN].index) == order
    for answer in answers:
        if answer.decision is Decision.UNCERTAIN:
            assert answer.student_id is None
            assert 1 <= len(answer.candidates) <= 3
            assert answer.candidates[0].student_id == "S00003"
            similarities = [candidate.similarity for candidate in answer.candidates]
            assert similarities == sorted(similarities, reverse=True)
            assert len({candidate.student_id for candidate in answer.candidates}) == len(answer.candidates)
            assert 0.5 <= answer.score < 0.62
            least = CLOSE * PARAMETERS.min_margin
            assert answer.reach == pytest.approx(max(answer.score - 0.5, least), abs=1e-5)
        else:
            assert answer.reach == np.inf


def test_score_is_the_cosine_less_the_students_offset(classifier: FaceClassifier) -> None:
    artifact = gallery_artifact(PHOTOS, LABELS)
    assert artifact.gallery is not None
    probe, _ = STUDENTS[slice(4, 5)].photos(1, seed=25)
    (answer,) = classifier.identify(probe)
    own = PHOTOS[LABELS == 4]
    centroid = unit(own.mean(axis=0, dtype=np.float64))
    pairs = (own @ own.T)[np.triu_indices(8, k=1)].mean()
    offset = 0.8 * 8 / 18 * float(np.clip(pairs - 0.72, -0.14, 0.14))
    assert answer.similarity == pytest.approx(float(probe[0] @ centroid), abs=1e-5)
    assert answer.score == pytest.approx(answer.similarity - offset, abs=1e-5)


def twins() -> tuple[Any, Any]:
    """The photos of the class with one more student, whose face is that of student 0 all but for a trace."""
    centres = np.vstack([STUDENTS.centres, between(STUDENTS.centres[:1], PEOPLE.centres[28:29], 0.01)])
    everyone = replace(STUDENTS, centres=centres, spreads=np.r_[STUDENTS.spreads, STUDENTS.spreads[0]])
    everyone.spreads[[0, 20]] = 0.2
    return everyone, everyone.photos(40, seed=26)


def test_twins_are_never_named_and_always_shown_to_a_person() -> None:
    everyone, (photos, labels) = twins()
    classifier = FaceClassifier(gallery_artifact(photos, labels))
    probes, truth = everyone.photos(10, seed=27)
    answers = classifier.identify(probes)
    seen = [answer for answer, student in zip(answers, truth, strict=True) if student in (0, 20)]
    assert len(seen) == 20
    for answer in seen:
        assert answer.decision is Decision.UNCERTAIN
        assert answer.student_id is None
        assert not answer.agreed
        assert {candidate.student_id for candidate in answer.candidates[:2]} == {"S00000", "S00020"}
    others = [answer for answer, student in zip(answers, truth, strict=True) if student not in (0, 20)]
    assert np.mean([answer.decision is Decision.KNOWN for answer in others]) > 0.9  # nobody else suffers

    careless = replace(PARAMETERS, min_margin=0.0).as_dict()
    named = FaceClassifier(gallery_artifact(photos, labels, scoring=careless)).identify(probes[truth == 0])
    assert any(answer.decision is Decision.KNOWN for answer in named)  # it is the margin that kept them apart


def mixed_up(first: int, second: int, people: People, seed: int) -> tuple[FaceClassifier, FloatArray]:
    """A model whose classifier takes two of ``people`` for one another, and other photos of these two."""
    photos, labels = people.photos(20, seed=seed)
    swapped = labels.copy()
    swapped[labels == first], swapped[labels == second] = second, first
    scaler = StandardScaler().fit(photos)
    classes = student_ids(len(people.centres))
    model = LinearSVC(C=0.001, random_state=0).fit(scaler.transform(photos), classes[swapped])
    probes, truth = people.photos(5, seed=seed + 1)
    return FaceClassifier(gallery_artifact(photos, labels, model=model, scaler=scaler)), probes[
        np.isin(truth, [first, second])
    ]


def test_nobody_is_named_where_the_classifier_prefers_another_who_is_as_near() -> None:
    everyone, _ = twins()
    classifier, probes = mixed_up(0, 20, everyone, seed=28)
    for answer in classifier.identify(probes):
        assert answer.decision is Decision.UNCERTAIN and answer.student_id is None and not answer.agreed
        # the person who decides sees both
        assert {"S00000", "S00020"} <= {candidate.student_id for candidate in answer.candidates}


def test_the_classifier_takes_no_name_from_whom_the_gallery_clearly_knows() -> None:
    """Of people who look alike, and of masked ones, the nearest gallery is right more often than the classifier."""
    classifier, probes = mixed_up(0, 1, STUDENTS, seed=28)
    answers = classifier.identify(probes)
    assert [answer.student_id for answer in answers] == ["S00000"] * 5 + ["S00001"] * 5


def test_confidence_rises_with_the_score(classifier: FaceClassifier) -> None:
    steps = np.linspace(0, 1, 60)[:, None]
    answers = sorted(
        classifier.identify(between(STUDENTS.centres[3], PEOPLE.centres[25], steps)), key=lambda a: a.score
    )
    confidence = [answer.probability for answer in answers]
    assert confidence == sorted(confidence)
    assert 0 <= confidence[0] < 0.05
    assert 0.95 < confidence[-1] <= 1


def test_confidence_stays_within_bounds_for_any_number() -> None:
    values = [sigmoid(value) for value in (-1e6, -800.0, -1.0, 0.0, 1.0, 800.0, 1e6)]
    assert values == sorted(values)
    assert values[0] == 0.0 and values[3] == 0.5 and values[-1] == 1.0


def test_two_students_can_be_enrolled() -> None:
    pair = PEOPLE[slice(0, 2)]
    photos, labels = pair.photos(5, seed=29)
    classifier = FaceClassifier(gallery_artifact(photos, labels))
    probes, truth = pair.photos(10, seed=30)
    named = [answer.student_id for answer in classifier.identify(probes)]
    assert sum(name is not None for name in named) >= 18
    assert all(name in (None, f"S{student:05d}") for name, student in zip(named, truth, strict=True))
    strangers, _ = PEOPLE[slice(5, 25)].photos(2, seed=31)
    assert {answer.student_id for answer in classifier.identify(strangers)} == {None}


def test_no_faces_no_answers(classifier: FaceClassifier) -> None:
    assert classifier.identify(np.zeros((0, 64), np.float32)) == ()


@pytest.mark.parametrize("shape", [(1, 63), (1, 128), (64,), (1, 1, 64)])
def test_embeddings_of_another_size_are_refused(classifier: FaceClassifier, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected embeddings \(n, 64\), got"):
        classifier.identify(np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold": None, "review_threshold": None},
        {"review_threshold": None},
        {"scoring": {"method": "cosine"}},
        {"scoring": {**PARAMETERS.as_dict(), "min_margin": float("nan")}},
        {"scoring": {**PARAMETERS.as_dict(), "min_margin": 10**600}},
        {"scoring": {**PARAMETERS.as_dict(), "min_margin": "x" * 1_000_000}},
    ],
)
def test_a_model_without_thresholds_or_scoring_is_refused_with_the_remedy(changes: dict[str, Any]) -> None:
    with pytest.raises(ModelFormatError, match=r"^.{,400}train again$"):
        FaceClassifier(gallery_artifact(PHOTOS, LABELS, **changes))


def test_a_gallery_with_parts_missing_is_refused_with_the_remedy() -> None:
    gallery = gallery_artifact(PHOTOS, LABELS).gallery
    assert gallery is not None
    with pytest.raises(ModelFormatError, match=r"compactness.*train again"):
        FaceClassifier(gallery_artifact(PHOTOS, LABELS, gallery={"centroids": gallery["centroids"]}))


# The classifier folded into one matrix


def fitted(model: Any, students: int, scaler: Any, seed: int = 40) -> tuple[Any, Any, Any]:
    """Model, scaler and probes (some strangers among them) for ``students`` people."""
    people = make_people(students + 20, seed=seed)
    photos, labels = people[slice(0, students)].photos(6, seed=seed + 1)
    photos = photos + np.float32(0.05)  # a mean that matters
    photos_in = photos if scaler is None else scaler.fit(photos).transform(photos)
    probes, _ = people.photos(10, seed=seed + 2)
    return model.fit(photos_in, student_ids(students)[labels]), scaler, probes + np.float32(0.05)


SCALERS = [
    None,
    StandardScaler(),
    StandardScaler(with_mean=False),
    StandardScaler(with_std=False),
    StandardScaler(with_mean=False, with_std=False),
]


@pytest.mark.parametrize("scaler", SCALERS, ids=str)
@pytest.mark.parametrize("students", [2, 3, 50])
@pytest.mark.parametrize(
    "model",
    [
        LinearSVC(C=0.01, random_state=0),
        LinearSVC(C=0.01, fit_intercept=False, random_state=0),
        LogisticRegression(C=0.1),
        RidgeClassifier(),
    ],
    ids=["svm", "svm without intercept", "logistic", "ridge"],
)
def test_ranking_by_one_matrix_is_the_estimators_own(model: Any, students: int, scaler: Any) -> None:
    model, scaler, probes = fitted(model, students, scaler)
    ranked = LinearRanker(model, scaler).rank(probes)
    expected = model.predict(probes if scaler is None else scaler.transform(probes))
    assert len(ranked) == len(probes)
    assert (model.classes_[ranked] == expected).mean() > 0.998  # float32 may turn an exact tie
    assert len(np.unique(ranked)) == students


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("students", [2, 3, 8])
def test_one_vs_one_machines_rank_by_their_own_predict(kernel: str, students: int) -> None:
    # three students make three pairs: as many rows as a one-vs-rest machine has
    model, scaler, probes = fitted(SVC(kernel=kernel), students, StandardScaler())
    ranked = LinearRanker(model, scaler).rank(probes)
    assert (model.classes_[ranked] == model.predict(scaler.transform(probes))).all()


# Models of earlier formats


def legacy(model: Any, threshold: float | None, students: int = 6, **changes: Any) -> tuple[FaceClassifier, Any, Any]:
    """An old model without gallery, and new photos of its students."""
    people = PEOPLE[slice(0, students)]
    photos, labels = people.photos(8, seed=50)
    scaler = StandardScaler().fit(photos)
    parts: dict[str, Any] = {
        "model": model.fit(scaler.transform(photos), student_ids(students)[labels]),
        "scaler": scaler,
        "classes": student_ids(students),
        "threshold": threshold,
        "review_threshold": None,
        "scoring": {},
        "calibration": None,
        "gallery": None,
        "metadata": {"legacy": "dict-scaler"},
    }
    probes, truth = people.photos(5, seed=51)
    return FaceClassifier(ClassifierArtifact(**{**parts, **changes})), probes, truth


@pytest.mark.parametrize(
    ("model", "students"),
    [
        (LinearSVC(random_state=0), 2),
        (LinearSVC(random_state=0), 6),
        (LogisticRegression(), 2),
        (LogisticRegression(), 6),
        (SVC(), 2),
        (SVC(), 6),
        (RidgeClassifier(), 6),
    ],
    ids=str,
)
def test_old_model_without_threshold_names_nobody_and_offers_the_right_person(model: Any, students: int) -> None:
    classifier, probes, truth = legacy(model, None, students)
    answers = classifier.identify(probes)
    assert len(answers) == len(probes) > 0
    for answer, student in zip(answers, truth, strict=True):
        assert answer.student_id is None
        assert answer.decision is Decision.UNCERTAIN
        assert len(answer.candidates) == min(3, students)
        assert answer.candidates[0].student_id == f"S{student:05d}"


def test_old_model_with_threshold_names_above_it() -> None:
    classifier, probes, truth = legacy(LogisticRegression(), 0.9)
    probes = np.vstack([probes, between(PEOPLE.centres[0], PEOPLE.centres[1], np.linspace(0, 1, 41)[:, None])])
    answers = classifier.identify(probes)
    for answer in answers:
        if answer.probability >= 0.9:
            assert answer.decision is Decision.KNOWN
        else:
            assert answer.decision is (Decision.UNCERTAIN if answer.probability >= 0.72 else Decision.UNKNOWN)
    assert {answer.decision for answer in answers} == set(Decision)
    right = [a.student_id == f"S{student:05d}" for a, student in zip(answers, truth, strict=False)]
    assert np.mean(right) > 0.9


def test_old_model_with_a_review_threshold_of_zero_shows_every_face_to_a_person() -> None:
    classifier, probes, _ = legacy(LogisticRegression(), 0.9, review_threshold=0.0)
    strangers, _ = PEOPLE[slice(10, 30)].photos(1, seed=52)
    decisions = {answer.decision for answer in classifier.identify(np.vstack([probes, strangers]))}
    assert decisions == {Decision.KNOWN, Decision.UNCERTAIN}


def test_old_model_that_contradicts_itself_names_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier, probes, truth = legacy(LogisticRegression(), 0.5)
    before: tuple[Identity, ...] = classifier.identify(probes)
    assert all(answer.decision is Decision.KNOWN for answer in before)
    monkeypatch.setattr(LinearRanker, "rank", lambda self, rows: (truth + 1) % 6)
    for answer, student in zip(classifier.identify(probes), truth, strict=True):
        assert answer.decision is Decision.UNCERTAIN
        assert answer.student_id is None
        assert not answer.agreed
        offered = [candidate.student_id for candidate in answer.candidates]
        assert offered[:2] == [f"S{(student + 1) % 6:05d}", f"S{student:05d}"]
