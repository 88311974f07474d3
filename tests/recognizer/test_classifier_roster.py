"""Candidates restricted to a roster, and people who must not be named: the nearest of the roster is not its member for
that alone."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from recognizer.artifact import ClassifierArtifact
from recognizer.classifier import FaceClassifier, LinearRanker
from recognizer.types import Decision
from support.embeddings import gallery_artifact, make_people, student_ids, unit

PEOPLE = make_people(60, seed=121)
STUDENTS = PEOPLE[slice(0, 40)]
STRANGERS = PEOPLE[slice(40, 60)]
PHOTOS, LABELS = STUDENTS.photos(8, seed=122)
NAMES = student_ids(40)
ROSTER = frozenset(NAMES[:10].tolist())
EVERYBODY = frozenset(NAMES.tolist())


@pytest.fixture(scope="module")
def classifier() -> FaceClassifier:
    return FaceClassifier(gallery_artifact(PHOTOS, LABELS))


@pytest.fixture(scope="module")
def probes() -> tuple[Any, Any]:
    return STUDENTS.photos(10, seed=123)


def test_a_restriction_to_everybody_changes_nothing(classifier: FaceClassifier, probes: tuple[Any, Any]) -> None:
    strangers, _ = STRANGERS.photos(5, seed=124)
    faces = np.vstack([probes[0], strangers])
    plain = classifier.identify(faces)
    assert classifier.identify(faces, among=EVERYBODY | {"nobody"}) == plain
    assert classifier.identify(faces, without=frozenset({"nobody"})) == plain


def test_ids_are_the_same_in_any_case(classifier: FaceClassifier, probes: tuple[Any, Any]) -> None:
    faces = probes[0][probes[1] == 3]
    asked = NAMES[3].lower()
    answers = classifier.identify(faces, among=frozenset({asked, *NAMES[:3].tolist()}))
    named = [each for each in answers if each.decision is Decision.KNOWN]
    assert named and {each.student_id for each in named} == {each.candidates[0].student_id for each in named} == {asked}
    assert NAMES[3] not in {each.student_id for each in classifier.identify(faces, without=frozenset({asked}))}


def test_students_on_the_roster_are_named_at_least_as_often(
    classifier: FaceClassifier, probes: tuple[Any, Any]
) -> None:
    faces, truth = probes[0][probes[1] < 10], probes[1][probes[1] < 10]
    before = classifier.identify(faces)
    after = classifier.identify(faces, among=ROSTER)
    assert len(after) == 100
    for plain, restricted, student in zip(before, after, truth, strict=True):
        if plain.decision is Decision.KNOWN and plain.student_id in ROSTER:
            assert (restricted.student_id, restricted.score) == (plain.student_id, plain.score)
            assert restricted.margin >= plain.margin
        if restricted.decision is Decision.KNOWN:
            assert restricted.student_id == NAMES[student]
        assert {candidate.student_id for candidate in restricted.candidates} <= ROSTER
    assert sum(answer.decision is Decision.KNOWN for answer in after) >= 90


def test_somebody_enrolled_elsewhere_is_recognised_as_such(classifier: FaceClassifier, probes: tuple[Any, Any]) -> None:
    faces, truth = probes[0][probes[1] >= 10], probes[1][probes[1] >= 10]
    answers = classifier.identify(faces, among=ROSTER)
    assert len(answers) == 300
    named = 0
    for answer, student in zip(answers, truth, strict=True):
        assert answer.student_id in (None, NAMES[student])
        if answer.decision is Decision.KNOWN:
            named += 1
            assert [candidate.student_id for candidate in answer.candidates] == [NAMES[student]]
        else:
            assert {candidate.student_id for candidate in answer.candidates} <= ROSTER
    assert named >= 270


def test_strangers_stay_strangers(classifier: FaceClassifier) -> None:
    strangers, _ = STRANGERS.photos(10, seed=125)
    answers = classifier.identify(strangers, among=ROSTER)
    assert len(answers) == 200
    assert {answer.decision for answer in answers} == {Decision.UNKNOWN}
    assert {answer.candidates for answer in answers} == {()}


def twins() -> tuple[FaceClassifier, Any]:
    """Student 20 is student 0 all but for a trace; new photos of student 0."""
    trace = unit(0.99 * STUDENTS.centres[0] + 0.01 * STRANGERS.centres[0])
    everyone = replace(
        STUDENTS, centres=np.vstack([STUDENTS.centres, trace[None]]), spreads=np.r_[STUDENTS.spreads, 0.2]
    )
    everyone.spreads[0] = 0.2
    photos, labels = everyone.photos(40, seed=126)
    probes, truth = everyone.photos(10, seed=127)
    return FaceClassifier(gallery_artifact(photos, labels)), probes[truth == 0]


def test_a_twin_outside_the_roster_leaves_the_decision_to_a_person() -> None:
    classifier, faces = twins()
    answers = classifier.identify(faces, among=ROSTER)
    assert len(answers) == 10
    for answer in answers:
        assert answer.decision is Decision.UNCERTAIN
        assert not answer.agreed
        assert "S00040" not in {candidate.student_id for candidate in answer.candidates}
        assert answer.candidates[0].student_id == "S00000"
    # it is the twin who kept the name back, and margins are among those asked for
    without_twin = classifier.identify(faces, among=ROSTER, without=frozenset({"S00040"}))
    assert {answer.student_id for answer in without_twin} == {"S00000"}
    assert [answer.margin for answer in answers] == [answer.margin for answer in without_twin]


def test_who_is_left_out_is_neither_named_nor_offered_nor_in_anybodys_way(
    classifier: FaceClassifier, probes: tuple[Any, Any]
) -> None:
    withdrawn = frozenset(NAMES[[3, 25]].tolist())
    of_them = np.isin(probes[1], [3, 25])
    for among in (None, ROSTER):
        answers = classifier.identify(probes[0], among=among, without=withdrawn)
        shown = {candidate.student_id for answer in answers for candidate in answer.candidates}
        named = {answer.student_id for answer in answers}
        assert not withdrawn & (shown | named)
        assert len(named) > 30
        assert {answer.student_id for answer, is_one in zip(answers, of_them, strict=True) if is_one} == {None}

    twin_classifier, faces = twins()
    plain = twin_classifier.identify(faces)
    assert {answer.decision for answer in plain} == {Decision.UNCERTAIN}
    alone = twin_classifier.identify(faces, without=frozenset({"S00040"}))
    assert {answer.student_id for answer in alone} == {"S00000"}


def test_a_roster_of_one_does_not_take_everybody_for_that_one(
    classifier: FaceClassifier, probes: tuple[Any, Any]
) -> None:
    answers = classifier.identify(probes[0], among=frozenset({"S00005"}))
    for answer, student in zip(answers, probes[1], strict=True):
        assert answer.student_id in (None, NAMES[student])
    own = [a for a, student in zip(answers, probes[1], strict=True) if student == 5 and a.decision is Decision.KNOWN]
    assert len(own) >= 9
    assert all(len(answer.candidates) == 1 for answer in own)


@pytest.mark.parametrize("among", [frozenset(), frozenset({"not in the model"})], ids=["empty", "unknown ids"])
def test_where_nobody_may_be_named_nobody_is_but_who_is_enrolled_elsewhere(
    classifier: FaceClassifier, probes: tuple[Any, Any], among: frozenset[str]
) -> None:
    answers = classifier.identify(probes[0], among=among)
    plain = classifier.identify(probes[0])
    assert [answer.student_id for answer in answers] == [answer.student_id for answer in plain]
    for answer in answers:
        if answer.decision is not Decision.KNOWN:
            assert (answer.decision, answer.candidates, answer.probability) == (Decision.UNKNOWN, (), 0.0)

    for everybody_gone in (classifier.identify(probes[0], without=EVERYBODY),):
        assert {answer.decision for answer in everybody_gone} == {Decision.UNKNOWN}


def test_two_of_the_enrolled_who_look_alike_are_not_a_matter_of_a_roster_without_them() -> None:
    classifier, faces = twins()
    elsewhere = frozenset(NAMES[5:10].tolist())
    answers = classifier.identify(faces, among=elsewhere)
    assert {answer.decision for answer in answers} == {Decision.UNKNOWN}


def fitted(model: Any, students: int, scaler: Any) -> tuple[Any, Any, Any]:
    people = make_people(students + 20, seed=140)
    photos, labels = people[slice(0, students)].photos(6, seed=141)
    photos_in = photos if scaler is None else scaler.fit(photos).transform(photos)
    probes, _ = people.photos(5, seed=142)
    return model.fit(photos_in, student_ids(students)[labels]), scaler, probes


@pytest.mark.parametrize("students", [2, 3, 8])
@pytest.mark.parametrize(
    "model",
    [
        LinearSVC(C=0.01, random_state=0),
        LogisticRegression(C=0.1),
        RidgeClassifier(),
        SVC(kernel="rbf"),
        SVC(kernel="linear", decision_function_shape="ovo"),
    ],
    ids=["svm", "logistic", "ridge", "rbf pairs", "linear pairs"],
)
def test_the_largest_value_is_the_one_that_ranks_first(model: Any, students: int) -> None:
    model, scaler, probes = fitted(model, students, StandardScaler())
    shape = getattr(model, "decision_function_shape", None)
    ranker = LinearRanker(model, scaler)
    values = ranker.values(probes)
    assert values.shape == (len(probes), students)
    assert (values.argmax(axis=1) == ranker.rank(probes)).all()
    assert getattr(model, "decision_function_shape", None) == shape  # the artifact's own is left as it was


# Models of earlier formats


def legacy(model: Any, threshold: float | None) -> tuple[FaceClassifier, Any, Any]:
    people = PEOPLE[slice(0, 8)]
    photos, labels = people.photos(8, seed=150)
    scaler = StandardScaler().fit(photos)
    artifact = ClassifierArtifact(
        model=model.fit(scaler.transform(photos), NAMES[:8][labels]),
        scaler=scaler,
        classes=NAMES[:8],
        threshold=threshold,
        review_threshold=None,
        scoring={},
        calibration=None,
        gallery=None,
        metadata={"legacy": "dict-scaler"},
    )
    probes, truth = people.photos(5, seed=151)
    return FaceClassifier(artifact), probes, truth


OLD_MODELS = [
    (LogisticRegression(), 0.8),
    (SVC(decision_function_shape="ovo"), None),
    (LinearSVC(random_state=0), None),
    (RidgeClassifier(), None),
]


@pytest.mark.parametrize(("model", "threshold"), OLD_MODELS, ids=["logistic", "pairs", "svm", "ridge"])
def test_old_models_are_restricted_too(model: Any, threshold: float | None) -> None:
    classifier, probes, truth = legacy(model, threshold)
    roster, gone = frozenset(NAMES[:4].tolist()), frozenset({"S00001"})
    plain = classifier.identify(probes)
    restricted = classifier.identify(probes, among=roster, without=gone)
    assert len(restricted) == 40
    for before, after, student in zip(plain, restricted, truth, strict=True):
        assert after.student_id in (None, NAMES[student])
        shown = {candidate.student_id for candidate in after.candidates}
        assert "S00001" not in shown
        if student == 1:
            assert after.decision is not Decision.KNOWN
        elif before.decision is Decision.KNOWN:
            assert after.student_id == before.student_id
        if after.decision is not Decision.KNOWN:
            assert shown <= roster
        elif student >= 4:
            assert shown == {NAMES[student]}
    if threshold is None:  # as ever: nobody is named, and the right one is offered first
        assert {answer.student_id for answer in restricted} == {None}
        firsts = [a.candidates[0].student_id for a, s in zip(restricted, truth, strict=True) if s in (0, 2, 3)]
        assert firsts == [NAMES[student] for student in truth if student in (0, 2, 3)]
    else:
        assert sum(answer.decision is Decision.KNOWN for answer in restricted) >= 30
    assert classifier.identify(probes, among=frozenset(), without=frozenset(NAMES.tolist()))[0].candidates == ()


def test_old_model_that_ranks_an_outsider_first_names_nobody_of_the_roster(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier, probes, truth = legacy(LogisticRegression(), 0.5)
    faces = probes[truth == 0]
    assert {a.student_id for a in classifier.identify(faces, among=frozenset(NAMES[:4].tolist()))} == {"S00000"}
    # also where the roster's first, S00000, is the most probable of all
    for first in (0.0, 6.5):
        values = np.array([first, 1, 2, 3, 4, 5, 6, 7.0])
        monkeypatch.setattr(LinearRanker, "values", lambda self, rows, row=values: np.tile(row, (len(rows), 1)))
        answers = classifier.identify(faces, among=frozenset(NAMES[:4].tolist()))
        assert len(answers) == 5
        assert {answer.decision for answer in answers} == {Decision.UNCERTAIN}


def school(students: int, dimension: int = 512) -> FaceClassifier:
    """A large school's classifier, its weights made up: only the sizes count."""
    rng = np.random.default_rng(0)
    centroids = unit(rng.normal(size=(students, dimension)))
    model = LinearSVC()
    model.classes_, model.n_features_in_ = student_ids(students), dimension
    model.coef_, model.intercept_ = centroids.astype(np.float64), np.zeros(students)
    gallery = {
        "centroids": centroids,
        "compactness": np.full(students, 0.7, np.float32),
        "counts": np.full(students, 10, np.int32),
    }
    template = gallery_artifact(PHOTOS[:16], LABELS[:16])
    return FaceClassifier(replace(template, model=model, scaler=None, classes=model.classes_, gallery=gallery))


def test_a_roster_costs_little_in_a_school_of_five_thousand() -> None:
    classifier = school(5000)
    roster = frozenset(student_ids(30).tolist())
    face = unit(np.random.default_rng(1).normal(size=(1, 512)))

    def median_ms(**restriction: Any) -> float:
        times = []
        for _ in range(15):
            start = time.perf_counter()
            # a new set each time, as every request brings its own
            classifier.identify(face, **{key: frozenset(set(value)) for key, value in restriction.items()})
            times.append(1000 * (time.perf_counter() - start))
        return float(np.median(times))

    classifier.identify(face, among=roster)
    plain, restricted = median_ms(), median_ms(among=roster)
    assert restricted < 3 * plain + 2.0, (plain, restricted)
