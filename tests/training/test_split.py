"""Dividing photos into those that train and those that measure, over many random classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from training.split import split_by_student


def random_class(seed: int) -> tuple[Any, Any]:
    """Labels and near-duplicate groups of a class with students of 1 to 25 photos, some taken in bursts."""
    rng = np.random.default_rng(seed)
    labels, groups, next_group = [], [], 0
    for student in range(rng.integers(1, 12)):
        photos = int(rng.integers(1, 26))
        burst = rng.choice([0.0, 0.3, 0.8, 1.0])
        for photo in range(photos):
            next_group += photo == 0 or rng.random() >= burst
            labels.append(student)
            groups.append(next_group)
    order = rng.permutation(len(labels))
    return np.array(labels)[order], np.array(groups)[order]


@pytest.mark.parametrize("seed", range(60))
def test_every_split_is_stratified_and_keeps_near_duplicates_together(seed: int) -> None:
    labels, groups = random_class(seed)
    split = split_by_student(labels, groups, seed)
    assert sorted([*split.train, *split.test]) == list(range(len(labels)))
    assert (np.diff(split.train) > 0).all() and (np.diff(split.test) > 0).all()
    assert not set(groups[split.train]) & set(groups[split.test])
    for student in np.unique(labels):
        own_groups, photos = np.unique(groups[labels == student]), (labels == student).sum()
        train, test = (labels[split.train] == student).sum(), (labels[split.test] == student).sum()
        if len(own_groups) < 2:
            assert (train, test) == (photos, 0)
        else:
            assert test >= 1 and train >= 1
            assert test <= max(1, photos // 2), "a burst took the student's training photos away"
            if len(own_groups) == photos:
                assert test == max(1, round(0.2 * photos))


def test_about_a_fifth_is_held_out() -> None:
    labels = np.repeat(np.arange(50), 10)
    split = split_by_student(labels, np.arange(500), seed=1)
    assert np.bincount(labels[split.test]).tolist() == [2] * 50


@pytest.mark.parametrize(("photos", "held_out"), [(2, 1), (3, 1), (5, 1), (8, 2), (20, 4)])
def test_small_students_give_at_least_one_photo(photos: int, held_out: int) -> None:
    split = split_by_student(np.zeros(photos, int), np.arange(photos), seed=3)
    assert (len(split.train), len(split.test)) == (photos - held_out, held_out)


@pytest.mark.parametrize("seed", range(20))
def test_a_burst_of_near_duplicates_stays_in_training(seed: int) -> None:
    # 18 shots of one scene and two others: measuring on the 18 would leave two to learn from
    groups = np.array([0] * 18 + [1, 2])
    split = split_by_student(np.zeros(20, int), groups, seed)
    assert split.test.tolist() == [18, 19]
    two_scenes = split_by_student(np.zeros(20, int), np.minimum(groups, 1), seed)
    assert two_scenes.test.tolist() == [18, 19]


def test_same_seed_same_split_and_another_seed_another() -> None:
    labels, groups = np.repeat(np.arange(10), 10), np.arange(100)
    first, again = split_by_student(labels, groups, 42), split_by_student(labels, groups, 42)
    assert first.test.tolist() == again.test.tolist()
    assert first.test.tolist() != split_by_student(labels, groups, 43).test.tolist()


def test_never_all_photos_are_held_out() -> None:
    split = split_by_student(np.zeros(5, int), np.arange(5), seed=0, test_share=1.0)
    assert len(split.train) == 1


def test_where_nobody_has_two_different_photos_nothing_is_held_out() -> None:
    split = split_by_student(np.array([0, 0, 1]), np.array([7, 7, 8]), seed=0)
    assert split.train.tolist() == [0, 1, 2]
    assert split.test.tolist() == []
