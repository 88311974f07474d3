"""What is known of strangers: the committed tables, and measuring such a table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from errors import TrainingError
from recognizer.scoring import build_gallery
from support.embeddings import PARAMETERS, make_people, make_profile, student_ids
from training import profile_measurement
from training.profile_measurement import measure_profile
from training.profiles import EmbedderProfile, class_level, estimated_profile, load_profile

EMBEDDERS = ("facenet", "dlib", "both")


@pytest.mark.parametrize("embedder", EMBEDDERS)
@pytest.mark.parametrize("students", [2, 20, 500])
@pytest.mark.parametrize("fpir", [0.001, 0.01, 0.1])
def test_rate_and_threshold_are_each_others_inverse(embedder: str, students: int, fpir: float) -> None:
    profile = load_profile(embedder)
    threshold = profile.threshold(fpir, students, 7)
    assert profile.stranger_rate(threshold, students, 7) == pytest.approx(fpir, rel=0.02)


@pytest.mark.parametrize("embedder", EMBEDDERS)
def test_more_students_and_fewer_strangers_ask_for_a_higher_threshold(embedder: str) -> None:
    profile = load_profile(embedder)
    by_size = [profile.threshold(0.01, students, 10) for students in (2, 10, 50, 500, 5_000, 50_000)]
    by_rate = [profile.threshold(rate, 50, 10) for rate in (0.2, 0.05, 0.01, 0.001, 0.0001)]
    assert by_size == sorted(by_size) and by_rate == sorted(by_rate)
    assert by_size[-1] < 1.0  # still a score that a student's own photo can reach


@pytest.mark.parametrize("embedder", EMBEDDERS)
def test_the_committed_table_says_where_it_comes_from_and_falls_with_the_rate(embedder: str) -> None:
    profile = load_profile(embedder)
    assert profile.origin["students"] == 79 and "lfw" in str(profile.origin["data"])
    assert (np.diff(np.array(profile.thresholds), axis=1) > 0).all()
    assert EmbedderProfile.from_dict(profile.as_dict()) == profile


def test_an_embedder_without_table_is_refused_by_name() -> None:
    with pytest.raises(TrainingError, match="'arcface'"):
        load_profile("arcface")


def test_a_measured_table_states_the_rate_that_other_strangers_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_measurement, "REPEATS", 8)  # enough for these people, and fast
    everyone = make_people(1400, seed=3)
    photos, labels = everyone[slice(0, 40)].photos(10, seed=4)
    strange, _ = everyone[slice(40, 700)].photos(1, seed=5)
    names = np.concatenate([student_ids(40)[labels], np.full(len(strange), "stranger")])
    profile = measure_profile(
        "synthetic", np.concatenate([photos, strange]), names, student_ids(40), names == "stranger", PARAMETERS, {}, 1
    )
    fresh, _ = everyone[slice(700, None)].photos(1, seed=6)
    gallery = build_gallery(photos, labels, 40)
    best = (fresh @ gallery.centroids.T - gallery.offsets(profile.scoring)).max(axis=1)
    for stated in (0.02, 0.05, 0.2):
        seen = float(np.mean(best > profile.threshold(stated, 40, 10)))
        assert stated / 2 <= seen <= 2 * stated, (stated, seen)


def test_a_student_with_too_few_photos_cannot_be_measured_on() -> None:
    photos, labels = make_people(12, seed=3).photos(9, seed=4)
    names = student_ids(12)[labels]
    with pytest.raises(ValueError, match="every student needs 10 photos, fewer have S00000"):
        measure_profile("synthetic", photos, names, student_ids(11), names == "S00011", PARAMETERS, {}, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"thresholds": ((0.2, 0.1, 0.3),)},
        {"thresholds": ((0.1, 0.2),)},
        {"thresholds": ((0.1, 0.2, float("nan")),)},
        {"z": (0.0, 0.0, 1.0)},
        {"photos": (5, 2), "thresholds": ((0.1, 0.2, 0.3), (0.1, 0.2, 0.3))},
        {"class_spread": 0.0},
    ],
    ids=str,
)
def test_a_table_that_does_not_rise_is_refused(changes: dict[str, Any]) -> None:
    parts: dict[str, Any] = {"z": (0.0, 1.0, 2.0), "photos": (5,), "thresholds": ((0.1, 0.2, 0.3),)}
    parts |= {"embedder_id": "any", "scoring": PARAMETERS, "class_spread": 0.01, "origin": {}}
    EmbedderProfile(**parts)
    with pytest.raises(ValueError):
        EmbedderProfile(**{**parts, **changes})


@pytest.mark.parametrize("embedder", EMBEDDERS)
def test_the_committed_tables_keep_twins_apart(embedder: str) -> None:
    assert 0 < load_profile(embedder).scoring.min_margin < load_profile(embedder).class_spread * 1.5


def test_class_level_looks_at_other_students_only_and_not_at_one_pair_of_twins() -> None:
    people = make_people(20, seed=8)
    photos, labels = people.photos(6, seed=9)
    scores = photos @ build_gallery(photos, labels, 20).centroids.T
    level = class_level(scores, labels)
    with_twins = scores.copy()
    with_twins[labels == 0, 1] = with_twins[labels == 1, 0] = 0.95
    assert level < 0.5  # photos score far higher on their own student
    assert class_level(with_twins, labels) == pytest.approx(level, abs=0.02)


def test_the_synthetic_profile_of_the_other_tests_is_a_profile() -> None:
    profile = make_profile()
    assert profile.threshold(0.01, 50, 10) > profile.threshold(0.1, 50, 10)


def test_an_estimate_from_the_class_lets_hardly_more_strangers_in_than_stated() -> None:
    everyone = make_people(900, seed=3)
    fresh, _ = everyone[slice(100, None)].photos(1, seed=6)
    for students, count in ((10, 5), (20, 10), (50, 10)):
        photos, labels = everyone[slice(0, students)].photos(count, seed=4)
        profile = estimated_profile(photos, student_ids(students)[labels], "own")
        assert profile.origin["estimated"] is True and profile.embedder_id == "own"
        gallery = build_gallery(photos, labels, students)
        best = (fresh @ gallery.centroids.T - gallery.offsets(profile.scoring)).max(axis=1)
        assert float(np.mean(best > profile.threshold(0.01, students, count))) <= 0.03
        own = np.einsum("nd,nd->n", photos, gallery.centroids[labels]) - gallery.offsets(profile.scoring)[labels]
        assert float(np.mean(own > profile.threshold(0.01, students, count))) > 0.9


@pytest.mark.parametrize(("students", "photos"), [(10, 5), (20, 10), (50, 10)])
def test_an_estimate_keeps_the_angle_ratio_of_the_more_cautious_known_network(students: int, photos: int) -> None:
    pictures, labels = make_people(students, seed=3).photos(photos, seed=4)
    estimated = estimated_profile(pictures, student_ids(students)[labels], "own")
    ratios = [
        np.arccos(profile.threshold(0.01, students, photos)) / np.arccos(profile.pair_quantile(0.5, photos))
        for profile in (estimated, load_profile("facenet"), load_profile("dlib"))
    ]
    assert ratios[0] == pytest.approx(min(ratios[1:]), abs=0.005)


def test_an_estimate_of_a_network_that_confuses_everybody_is_still_a_table() -> None:
    same = np.tile(np.eye(1, 64, dtype=np.float32), (6, 1))
    profile = estimated_profile(same, student_ids(3)[np.repeat(np.arange(3), 2)], "own")
    assert profile.threshold(0.01, 3, 2) < 1
    single = make_people(3, seed=1).photos(1, seed=2)[0]
    assert estimated_profile(single, student_ids(3), "own").threshold(0.01, 3, 1) < 1
