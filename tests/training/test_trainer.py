"""Training on embeddings: what is measured, on what, and what is delivered."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from errors import ModelFormatError, TrainingError
from recognizer.artifact import encode
from recognizer.classifier import FaceClassifier
from recognizer.erased_student import ErasedStudent, without_student
from recognizer.types import Decision, EmbedderInfo, FloatArray
from support.embeddings import DIMENSION, make_people, make_profile, student_ids, unit
from training.conditions import CONDITIONS
from training.trainer import TrainingConfig, TrainingData, TrainingOutcome, train

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
EMBEDDER = EmbedderInfo("facenet", "ab" * 32, DIMENSION, {"kind": "box", "size": 160, "margin": 32}, (0.5,) * DIMENSION)
PEOPLE = make_people(24, seed=1)
PHOTOS, LABELS = PEOPLE.photos(10, seed=2)
DATA = TrainingData(PHOTOS, student_ids(24)[LABELS], np.arange(len(LABELS)), "fingerprint")


def trained(data: TrainingData = DATA, when: datetime = NOW, **changes: Any) -> TrainingOutcome:
    return train(data, TrainingConfig(**changes), make_profile(), EMBEDDER, {"id": "mtcnn"}, when)


@pytest.fixture(scope="module")
def outcome() -> TrainingOutcome:
    """Of the usual settings; for the tests that only look at it."""
    return trained()


def metrics(outcome: TrainingOutcome) -> str:
    return json.dumps(outcome.report.as_dict(), allow_nan=False)


def test_same_photos_and_seed_give_the_same_metrics_to_the_byte_at_any_time(outcome: TrainingOutcome) -> None:
    again = trained(when=NOW + timedelta(days=3))
    assert metrics(again) == metrics(outcome)
    assert again.artifact.metadata["metrics"] == outcome.artifact.metadata["metrics"] == outcome.report.as_dict()
    assert (again.artifact.threshold, again.artifact.calibration) == (
        outcome.artifact.threshold,
        outcome.artifact.calibration,
    )
    assert metrics(trained(seed=43)) != metrics(outcome)


@pytest.mark.parametrize("classifier", ["svm", "logistic"])
def test_new_photos_get_their_names_and_strangers_none(classifier: str) -> None:
    outcome = trained(classifier=classifier, threshold_percentile=100)
    model = FaceClassifier(outcome.artifact)
    fresh, truth = PEOPLE.photos(4, seed=77)
    names = [answer.student_id for answer in model.identify(fresh)]
    assert np.mean([name == f"S{who:05d}" for name, who in zip(names, truth, strict=True)]) >= 0.97
    strange, _ = make_people(300, seed=78).photos(1, seed=79)
    assert sum(answer.decision is Decision.KNOWN for answer in model.identify(strange)) <= 9


def test_a_masked_face_is_known_by_the_masked_gallery_and_a_masked_stranger_is_not() -> None:
    cover = unit(np.random.default_rng(5).normal(size=(1, DIMENSION)))

    def masked(photos: FloatArray) -> FloatArray:
        """What a mask does to all faces alike."""
        return unit(photos + 1.5 * cover)

    drawn = np.stack([masked(PHOTOS)] * len(CONDITIONS), axis=1)
    probes, truth = PEOPLE.photos(6, seed=41)
    strangers = masked(make_people(400, seed=42).photos(1, seed=43)[0])
    found = []
    for data in (DATA, replace(DATA, in_conditions=drawn)):
        classifier = FaceClassifier(trained(data).artifact)
        named = [answer.student_id for answer in classifier.identify(masked(probes))]
        found.append(np.mean([name == f"S{who:05d}" for name, who in zip(named, truth, strict=True)]))
        assert np.mean([answer.decision is Decision.KNOWN for answer in classifier.identify(strangers)]) <= 0.03
    assert found[1] > max(found[0] + 0.2, 0.8)


@pytest.mark.parametrize("conditions", [[], 5, {"mask": "x"}, {"mask": float("nan")}, {"mask": 0.0}, {"beard": 1.0}])
def test_a_model_whose_conditions_cannot_be_read_is_refused(conditions: Any) -> None:
    drawn = np.stack([PHOTOS] * len(CONDITIONS), axis=1)
    artifact = trained(replace(DATA, in_conditions=drawn)).artifact
    with pytest.raises(ModelFormatError, match="train again"):
        FaceClassifier(replace(artifact, scoring={**artifact.scoring, "conditions": conditions}))


def test_conditions_cost_little_room_and_go_with_an_erased_student() -> None:
    drawn = np.stack([PHOTOS] * len(CONDITIONS), axis=1)
    plain, artifact = trained().artifact, trained(replace(DATA, in_conditions=drawn)).artifact
    assert len(encode(artifact)) < 3 * len(encode(plain))
    fewer = without_student(artifact, ErasedStudent("S00003"), "v2")
    assert fewer is not None and fewer.gallery is not None
    assert {len(array) for array in fewer.gallery.values()} == {23}
    probes, _ = PEOPLE.photos(2, seed=44)
    assert "S00003" not in {answer.student_id for answer in FaceClassifier(fewer).identify(probes)}


def test_a_fifth_of_each_students_photos_measures_and_none_of_it_trained(outcome: TrainingOutcome) -> None:
    assert outcome.report.rank1.total == len(outcome.split.test) == 48
    assert not set(outcome.split.test) & set(outcome.split.train)
    assert all(student.photos == 2 for student in outcome.report.students)


def test_what_is_delivered_knows_every_photo(outcome: TrainingOutcome) -> None:
    gallery = outcome.artifact.gallery
    assert gallery is not None and gallery["counts"].tolist() == [10] * 24


def test_the_rows_of_the_students_add_up_to_the_totals() -> None:
    varied = replace(PEOPLE, spreads=2.3 * PEOPLE.spreads).photos(10, seed=2)[0]
    report = trained(replace(DATA, embeddings=varied), threshold_percentile=80).report
    rows = report.students
    assert sum(row.named for row in rows) == report.tpir.count < report.tpir.total
    assert sum(row.uncertain for row in rows) == report.review.count
    assert sum(row.misnamed for row in rows) == report.misnamed.count
    assert all(row.named + row.uncertain + row.unknown + row.misnamed == row.photos for row in rows)


def test_strangers_that_found_the_threshold_are_not_those_that_measure() -> None:
    strange, _ = make_people(101, seed=5).photos(1, seed=6)
    report = trained(replace(DATA, strangers=strange)).report
    assert report.strangers_are_real and report.stranger_fpir.total == 50
    far = strange.copy()
    far[1::2] = strange[0]  # the measuring half changes, the thresholds of the measured model may not
    assert trained(replace(DATA, strangers=far)).report.measured_thresholds == report.measured_thresholds


def test_without_strangers_none_are_claimed(outcome: TrainingOutcome) -> None:
    report = outcome.report
    assert report.stranger_fpir.value is None and report.left_out_fpir.total == 48
    assert report.as_dict()["strangers"] == "students left out in turn"


def test_every_way_to_score_is_compared_on_the_same_photos(outcome: TrainingOutcome) -> None:
    methods = outcome.report.methods
    assert len(methods) >= 5
    assert {row["rank1"]["total"] for row in methods.values()} == {48}


def test_two_students_with_two_photos_are_enough() -> None:
    keep = np.flatnonzero((LABELS < 2) & (np.arange(len(LABELS)) % 10 < 2))
    outcome = trained(TrainingData(PHOTOS[keep], DATA.student_ids[keep], keep, "small"))
    assert outcome.report.rank1.total == 2
    assert json.loads(metrics(outcome))["thresholds"]["student_limit"] is None  # one photo each was left to measure by
    assert FaceClassifier(outcome.artifact).classes == ("S00000", "S00001")


def test_a_student_with_one_photo_is_trained_on_but_not_measured() -> None:
    keep = np.r_[0, np.arange(10, len(LABELS))]
    outcome = trained(TrainingData(PHOTOS[keep], DATA.student_ids[keep], keep, "one"))
    assert outcome.report.students[0].photos == 0
    assert np.isnan(outcome.genuine[0])
    assert FaceClassifier(outcome.artifact).classes[0] == "S00000"


@pytest.mark.parametrize(
    ("keep", "words"),
    [(LABELS == 0, "at least 2 students"), (np.arange(len(LABELS)) % 10 == 0, "two different photos")],
)
def test_what_cannot_be_trained_on_is_refused_with_the_reason(keep: np.ndarray, words: str) -> None:
    rows = np.flatnonzero(keep)
    with pytest.raises(TrainingError, match=words):
        trained(TrainingData(PHOTOS[rows], DATA.student_ids[rows], rows, "few"))


@pytest.mark.parametrize(
    "changes",
    [
        {"classifier": "forest"},
        {"threshold_percentile": 101},
        {"max_fpir": 0},
        {"max_fpir": 1},
        {"min_images": 0},
        {"seed": -1},
        {"seed": 2**32},
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(TrainingError):
        TrainingConfig(**changes)  # type: ignore[arg-type]


def test_other_strangers_or_settings_make_another_version(outcome: TrainingOutcome) -> None:
    strange, _ = make_people(30, seed=5).photos(1, seed=6)
    others = trained(replace(DATA, strangers=strange)), trained(max_fpir=0.02)
    versions = {each.artifact.model_version for each in (outcome, *others)}
    assert len(versions) == 3
    assert all(version.startswith("20261123T090000Z-") for version in versions)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"student_ids": DATA.student_ids[:-1]}, "got .*240, 64.*239"),
        ({"embeddings": 2 * PHOTOS}, "240 of 240 do not"),
        ({"embeddings": np.where(np.arange(240)[:, None] == 7, np.nan, PHOTOS)}, "1 of 240 do not, the first is 7"),
        ({"strangers": PHOTOS[:, :8]}, "expected strangers"),
    ],
    ids=["a name missing", "not of length 1", "no number", "another embedder's"],
)
def test_embeddings_that_are_none_never_reach_a_model(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(DATA, **changes)


def test_the_model_says_what_it_was_made_of() -> None:
    metadata = trained(seed=7).artifact.metadata
    assert metadata["seed"] == 7 and metadata["students"] == 24 and metadata["photos"] == 240
    assert metadata["embedder"]["weights_sha256"] == "ab" * 32
    assert metadata["dataset_fingerprint"] == "fingerprint"
    assert metadata["metrics"]["rank1"]["total"] == 48
    json.dumps(metadata, allow_nan=False)


def test_all_photos_of_one_stranger_are_on_one_side() -> None:
    strange, who = make_people(30, seed=15).photos(4, seed=16)
    data = replace(DATA, strangers=strange, stranger_ids=np.array([f"stranger-{number}" for number in who]))
    assert trained(data).report.stranger_fpir.total == 60
    other = strange.copy()
    other[who % 2 == 1] = strange[0]
    ids = np.array([f"stranger-{number:02}" for number in who])
    kept, changed = (
        trained(replace(DATA, strangers=photos, stranger_ids=ids)).report.measured_thresholds
        for photos in (strange, other)
    )
    assert kept == changed
