"""The thresholds that a model carries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from recognizer.classifier import sigmoid
from recognizer.scoring import build_gallery
from recognizer.types import FloatArray
from support.embeddings import PARAMETERS, make_people, make_profile, unit
from training.calibration import MIN_STRANGERS, Thresholds, find_thresholds, genuine_scores
from training.profiles import load_profile

STUDENTS, EACH = 30, 8
PEOPLE = make_people(STUDENTS, seed=1)
PHOTOS, LABELS = PEOPLE.photos(EACH, seed=2)
ALONE = np.arange(len(LABELS))  # every photo a group of its own
PROFILE = make_profile()


def found(percentile: float = 95, max_fpir: float = 0.01, strangers: FloatArray | None = None) -> Thresholds:
    return find_thresholds(
        PHOTOS, LABELS, ALONE, PROFILE, threshold_percentile=percentile, max_fpir=max_fpir, strangers=strangers
    )


def by_hand(index: int, left: np.ndarray) -> float:
    """The score of one photo against its student's gallery of the photos ``left``."""
    own = build_gallery(PHOTOS[left], np.zeros(len(left), int), 1)
    return float(PHOTOS[index] @ own.centroids[0] - own.offsets(PARAMETERS)[0])


def test_a_photo_is_scored_against_the_rest_of_its_students_photos() -> None:
    scores = genuine_scores(PHOTOS, LABELS, ALONE, PARAMETERS)
    for index in (0, 17, 100, 239):
        left = np.flatnonzero((LABELS[index] == LABELS) & (index != ALONE))
        assert scores[index] == pytest.approx(by_hand(index, left), abs=1e-5)


def test_near_duplicates_do_not_vouch_for_one_another() -> None:
    groups = ALONE.copy()
    groups[1] = groups[2] = groups[0]
    scores = genuine_scores(PHOTOS, LABELS, groups, PARAMETERS)
    assert scores[0] == pytest.approx(by_hand(0, np.arange(3, EACH)), abs=1e-5)


def test_a_student_with_one_photo_has_no_genuine_score() -> None:
    keep = np.r_[0, np.arange(EACH, len(LABELS))]
    scores = genuine_scores(PHOTOS[keep], LABELS[keep], ALONE[keep], PARAMETERS)
    assert np.isnan(scores[0])
    assert np.isfinite(scores[1:]).all()


@pytest.mark.parametrize("percentile", [90, 95])
def test_the_percentile_is_the_share_of_held_out_faces_accepted(percentile: float) -> None:
    varied = replace(PEOPLE, spreads=2.3 * PEOPLE.spreads).photos(EACH, seed=2)[0]
    thresholds = find_thresholds(varied, LABELS, ALONE, PROFILE, threshold_percentile=percentile, max_fpir=0.2)
    assert thresholds.bound_by == "students" and not thresholds.held_back
    genuine = genuine_scores(varied, LABELS, ALONE, thresholds.scoring)
    assert np.mean(genuine >= thresholds.accept) == pytest.approx(percentile / 100, abs=0.01)


def test_photos_that_resemble_each_other_make_no_limit_beyond_all_use() -> None:
    """Those of one sitting reach scores that no other photo of the student does, and no stranger by far."""
    one_sitting = replace(PEOPLE, spreads=0.2 * PEOPLE.spreads).photos(EACH, seed=2)[0]
    thresholds = find_thresholds(one_sitting, LABELS, ALONE, PROFILE, threshold_percentile=90, max_fpir=0.01)
    assert thresholds.held_back and thresholds.accept == thresholds.strictest
    assert thresholds.expected_fpir == pytest.approx(0.0001, rel=0.05)


def test_the_stricter_limit_binds_and_is_named() -> None:
    lenient, strict = found(100, 0.01), found(50, 0.01)
    assert lenient.bound_by == "strangers" and lenient.accept == lenient.stranger_limit > lenient.student_limit
    assert strict.bound_by == "students" and strict.accept == strict.student_limit > strict.stranger_limit
    assert lenient.as_dict()["student_limit"] is None  # JSON has no infinity


def test_each_option_moves_the_threshold_its_way() -> None:
    by_percentile = [found(p, 0.01).accept for p in (90, 95, 98, 100)]
    by_fpir = [found(100, f).accept for f in (0.1, 0.01, 0.001)]
    assert by_percentile == sorted(by_percentile, reverse=True) and by_percentile[0] > by_percentile[-1]
    assert by_fpir == sorted(by_fpir) and by_fpir[0] < by_fpir[-1]


def test_there_is_always_a_band_for_review_below_the_threshold() -> None:
    for percentile in (50, 95, 100):
        for fpir in (0.001, 0.01, 0.3):
            thresholds = found(percentile, fpir)
            assert thresholds.review < thresholds.accept
            assert 0 <= thresholds.expected_fpir <= fpir * 1.02
            assert thresholds.expected_review > 0


@pytest.mark.parametrize("embedder", ["facenet", "dlib", "both"])
@pytest.mark.parametrize("students", [10, 50])
def test_not_every_stranger_is_sent_to_review(embedder: str, students: int) -> None:
    # dlib's scores lie ten times closer together than FaceNet's; a band of one width for both would hold a third of all
    photos, labels = make_people(students, seed=3).photos(5, seed=4)
    thresholds = find_thresholds(
        photos, labels, np.arange(len(labels)), load_profile(embedder), threshold_percentile=100, max_fpir=0.01
    )
    assert thresholds.expected_fpir == pytest.approx(0.01, rel=0.02)
    assert 0.02 < thresholds.expected_fpir + thresholds.expected_review < 0.06


def test_folders_of_mixed_up_people_get_no_confidence_that_falls_with_the_score() -> None:
    photos, _ = make_people(STUDENTS * EACH, seed=70).photos(1, seed=71)  # no two photos in a folder of one person
    mixed = find_thresholds(photos, LABELS, ALONE, PROFILE, threshold_percentile=95, max_fpir=0.01)
    assert mixed.calibration["slope"] >= 0
    assert mixed.accept >= mixed.stranger_limit


def test_the_rate_stated_is_the_rate_that_fresh_strangers_show() -> None:
    seen = []
    for number in range(8):
        photos, labels = make_people(STUDENTS, seed=100 + number).photos(EACH, seed=number)
        thresholds = find_thresholds(
            photos, labels, np.arange(len(labels)), PROFILE, threshold_percentile=100, max_fpir=0.02
        )
        strange, _ = make_people(1500, seed=200 + number).photos(1, seed=number)
        gallery = build_gallery(photos, labels, STUDENTS)
        best = (strange @ gallery.centroids.T - gallery.offsets(PARAMETERS)).max(axis=1)
        seen.append(float(np.mean(best > thresholds.stranger_limit)))
    assert 0.01 <= np.mean(seen) <= 0.04, seen
    assert max(seen) <= 0.08, seen


def test_a_class_of_people_who_look_alike_gets_a_higher_limit() -> None:
    photos, labels = make_people(STUDENTS, seed=1, common=1.6).photos(EACH, seed=2)
    alike = find_thresholds(photos, labels, np.arange(len(labels)), PROFILE, threshold_percentile=100, max_fpir=0.01)
    assert alike.angle_scale < 0.9 and "more alike" in alike.scale_reason
    assert found(100).angle_scale > 0.95
    assert alike.accept > found(100).accept + 0.05


@pytest.mark.parametrize("common", [2.0, 4.0, 8.0])
def test_however_alike_they_are_students_are_found_and_strangers_are_not(common: float) -> None:
    everyone = make_people(STUDENTS + 800, seed=1, common=common)
    students, strangers = everyone[slice(0, STUDENTS)], everyone[slice(STUDENTS, None)]
    students = replace(students, spreads=students.spreads / (1 + common))
    photos, labels = students.photos(EACH, seed=2)
    thresholds = find_thresholds(photos, labels, ALONE, PROFILE, threshold_percentile=100, max_fpir=0.01)
    gallery = build_gallery(photos, labels, STUDENTS)

    def best(embeddings: FloatArray) -> FloatArray:
        return (embeddings @ gallery.centroids.T - gallery.offsets(thresholds.scoring)).max(axis=1)

    assert thresholds.accept < 1
    assert np.mean(best(students.photos(5, seed=3)[0]) >= thresholds.accept) > 0.9
    assert np.mean(best(strangers.photos(1, seed=4)[0]) >= thresholds.accept) < 0.03


def test_a_class_of_very_different_people_does_not_lower_it() -> None:
    photos, labels = make_people(STUDENTS, seed=1, common=0.0).photos(EACH, seed=2)
    different = find_thresholds(
        photos, labels, np.arange(len(labels)), PROFILE, threshold_percentile=100, max_fpir=0.01
    )
    assert different.angle_scale == 1 and "no more alike" in different.scale_reason


def test_real_strangers_move_the_limit_towards_them_and_more_of_them_move_it_further() -> None:
    near = unit(make_people(400, seed=50).photos(1, seed=51)[0] + 0.8 * PEOPLE.centres[np.arange(400) % STUDENTS])
    plain = found(100)
    few, many = found(100, strangers=near[:30]), found(100, strangers=near)
    assert plain.accept < few.accept < many.accept
    assert "30 photos of real strangers" in few.scale_reason


def test_a_handful_of_strangers_is_not_listened_to() -> None:
    strange, _ = make_people(MIN_STRANGERS - 1, seed=60).photos(1, seed=61)
    assert found(100, strangers=strange) == found(100)


def test_confidence_rises_with_the_score() -> None:
    calibration = found().calibration
    genuine = genuine_scores(PHOTOS, LABELS, ALONE, PARAMETERS)
    confidence = [
        sigmoid(calibration["slope"] * score + calibration["intercept"])
        for score in (PROFILE.threshold(0.5, STUDENTS, EACH), found(100).accept, float(np.median(genuine)))
    ]
    assert confidence == sorted(confidence)
    assert confidence[0] < 0.1 and confidence[-1] > 0.95
