"""The accept score: what a gallery holds, and how students of different variety are made comparable."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from recognizer.scoring import Gallery, ScoringParameters, build_gallery, compactness_offsets
from support.embeddings import PARAMETERS, make_people, unit


def brute_force(photos: Any) -> tuple[Any, float]:
    """Centroid and compactness by going through every photo and every pair."""
    mean = sum(photo.astype(np.float64) for photo in photos) / len(photos)
    pairs = [float(a @ b) for i, a in enumerate(photos) for b in photos[:i]]
    return mean / np.linalg.norm(mean), float(np.mean(pairs)) if pairs else float("nan")


def test_gallery_is_the_mean_of_the_photos_and_of_their_pairs() -> None:
    people = make_people(6, seed=1)
    photos, labels = people.photos(7, seed=2)
    keep = np.ones(len(labels), bool)
    keep[1:7] = False  # the first student has one photo, the second two
    keep[9:14] = False
    shuffled = np.random.default_rng(3).permutation(np.flatnonzero(keep))

    gallery = build_gallery(photos[shuffled], labels[shuffled], 6)

    assert gallery.counts.tolist() == [1, 2, 7, 7, 7, 7]
    for student in range(6):
        centroid, compactness = brute_force(photos[keep & (labels == student)])
        np.testing.assert_allclose(gallery.centroids[student], centroid, atol=1e-6)
        np.testing.assert_allclose(gallery.compactness[student], compactness, atol=1e-6)
    assert np.isnan(gallery.compactness[0])
    assert gallery.centroids.dtype == gallery.compactness.dtype == np.float32


def test_a_student_without_photos_is_an_error_that_names_the_student() -> None:
    photos, labels = make_people(3, seed=1).photos(2, seed=1)
    with pytest.raises(ValueError, match="student 1 has no embedding"):
        build_gallery(photos[labels != 1], labels[labels != 1], 3)


def test_nothing_is_known_of_the_variety_of_a_single_photo() -> None:
    photos, labels = make_people(4, seed=1).photos(1, seed=1)
    assert build_gallery(photos, labels, 4).offsets(PARAMETERS).tolist() == [0, 0, 0, 0]


def test_offset_is_the_formula_of_the_module() -> None:
    offsets = compactness_offsets(np.array([0.70, 0.80], np.float32), np.array([10, 5]), PARAMETERS)
    assert offsets == pytest.approx([0.8 * 10 / 20 * (0.70 - 0.72), 0.8 * 5 / 15 * (0.80 - 0.72)], abs=1e-6)


def test_photos_of_a_varied_student_gain_and_those_of_an_even_one_lose() -> None:
    people = make_people(40, seed=5)
    people.spreads[:20], people.spreads[20:] = 0.75, 0.4
    photos, labels = people.photos(8, seed=6)
    gallery = build_gallery(photos, labels, 40)
    probes, truth = people.photos(5, seed=7)

    cosines = (probes * gallery.centroids[truth]).sum(axis=1)
    scores = cosines - gallery.offsets(PARAMETERS)[truth]

    varied, even = truth < 20, truth >= 20
    assert (scores[varied] > cosines[varied]).all()
    assert (scores[even] < cosines[even]).all()
    # the point of it: one threshold for everybody turns fewer of the varied students away
    gap_before = cosines[even].mean() - cosines[varied].mean()
    gap_after = scores[even].mean() - scores[varied].mean()
    assert 0 <= gap_after < 0.8 * gap_before


def test_a_folder_of_mixed_up_people_buys_no_low_threshold() -> None:
    strangers, _ = make_people(10, seed=8).photos(1, seed=8)  # ten people in one folder
    mixed = build_gallery(strangers, np.zeros(10, np.intp), 1)
    assert mixed.compactness[0] < PARAMETERS.compactness_reference - 2 * PARAMETERS.compactness_limit
    bound = PARAMETERS.compactness_weight * PARAMETERS.compactness_limit * 10 / 20
    assert mixed.offsets(PARAMETERS)[0] == pytest.approx(-bound)
    unbounded = replace(PARAMETERS, compactness_limit=10.0)
    assert mixed.offsets(unbounded)[0] < -2 * bound


def test_score_of_a_student_is_the_same_whoever_else_is_enrolled() -> None:
    people = make_people(30, seed=9)
    photos, labels = people.photos(6, seed=10)
    large = build_gallery(photos, labels, 30)
    small = build_gallery(photos[labels < 3], labels[labels < 3], 3)
    probes, _ = people.photos(2, seed=11)
    np.testing.assert_allclose(
        probes @ small.centroids.T - small.offsets(PARAMETERS),
        (probes @ large.centroids.T - large.offsets(PARAMETERS))[:, :3],
        atol=1e-6,
    )


def test_parameters_survive_the_model_file() -> None:
    stored = PARAMETERS.as_dict()
    assert {type(value) for value in stored.values()} <= {str, float}
    assert ScoringParameters.from_dict(stored) == PARAMETERS


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"min_margin": None}, TypeError),
        ({"min_margin": "wide"}, ValueError),
        ({"compactness_weight": float("nan")}, ValueError),
        ({"compactness_limit": float("inf")}, ValueError),
    ],
)
def test_parameters_that_are_no_numbers_are_refused(change: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        ScoringParameters.from_dict({**PARAMETERS.as_dict(), **change})
    with pytest.raises(KeyError):
        ScoringParameters.from_dict({"method": "compactness-adjusted-cosine"})


def test_gallery_with_parts_that_do_not_fit_is_refused() -> None:
    centroids = unit(np.ones((3, 4)))
    with pytest.raises(ValueError, match=r"got \(3, 4\), \(2,\), \(3,\)"):
        Gallery(centroids, np.zeros(2, np.float32), np.ones(3, np.int32))
