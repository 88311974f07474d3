"""Images in the wrong folder are found by their embeddings, and right ones are left alone."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from training.mislabels import find_suspects


def make_class(
    students: int, each: int, *, noise: float = 0.6, common: float = 0.0, seed: int = 0, dimension: int = 128
) -> tuple[NDArray[np.float32], NDArray[np.str_]]:
    """Unit vectors around a centre for each student. ``common`` moves everybody in one direction, as dlib's embedder
    does: strangers then have a cosine of 0.9 and not of 0."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(students, dimension)) / np.sqrt(dimension)
    labels = np.repeat([f"s{number:03d}" for number in range(students)], each)
    rows = np.repeat(centres, each, axis=0) + noise * random.normal(size=(len(labels), dimension)) / np.sqrt(dimension)
    rows[:, 0] += common
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), labels


@pytest.mark.parametrize("common", [0.0, 3.0], ids=["spread like FaceNet", "crowded like dlib"])
@pytest.mark.parametrize(("students", "each"), [(3, 5), (10, 3), (40, 10)])
def test_swapped_images_are_flagged_and_hardly_any_other(students: int, each: int, common: float) -> None:
    embeddings, labels = make_class(students, each, common=common)
    assert find_suspects(embeddings, labels) == []
    swapped = labels.copy()
    last = len(labels) - 1
    swapped[0], swapped[last] = labels[last], labels[0]
    suspects = find_suspects(embeddings, swapped)
    assert [suspect.index for suspect in suspects] == [0, last]
    assert [suspect.best_other for suspect in suspects] == [labels[0], labels[last]]
    assert all(suspect.fits_other and suspect.other_similarity > suspect.own_similarity for suspect in suspects)


@pytest.mark.parametrize("common", [0.0, 3.0])
def test_a_stranger_in_a_folder_is_flagged(common: float) -> None:
    embeddings, labels = make_class(21, 6, common=common)
    folder = labels[:120]
    rows = embeddings[:120].copy()
    rows[7] = embeddings[125]
    (suspect,) = find_suspects(rows, folder)
    assert suspect.index == 7
    assert not np.isnan(suspect.own_similarity)


def test_several_wrong_images_in_one_folder_are_all_found() -> None:
    embeddings, labels = make_class(12, 8)
    wrong = labels.copy()
    wrong[[8, 16, 24]] = "s000"
    assert [suspect.index for suspect in find_suspects(embeddings, wrong)] == [8, 16, 24]


def test_never_more_than_half_of_a_folder() -> None:
    embeddings, labels = make_class(10, 6)
    shuffled = np.random.default_rng(1).permutation(labels)
    counts = np.unique([shuffled[suspect.index] for suspect in find_suspects(embeddings, shuffled)], return_counts=True)
    assert len(counts[1]) > 0
    assert counts[1].max() <= 3


def test_too_little_to_judge() -> None:
    embeddings, labels = make_class(4, 1)
    assert find_suspects(embeddings, labels) == []
    alone, same = make_class(1, 5)
    assert find_suspects(alone, same) == []
    with pytest.raises(ValueError, match="expected embeddings"):
        find_suspects(embeddings, labels[:2])
