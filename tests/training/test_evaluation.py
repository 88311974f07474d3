"""Rates, their intervals, thresholds at a rate, and the pairs that look alike."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from training.evaluation import OpenSetScores, Rate, worst_pairs


def scores(genuine: Any, correct: Any, strangers: Any) -> OpenSetScores:
    return OpenSetScores(np.array(genuine, np.float32), np.array(correct, bool), np.array(strangers, np.float32))


# Wilson (1927) intervals as scipy.stats.binomtest(...).proportion_ci(method="wilson") gives them
@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [
        (0, 10, 0.0, 0.277533),
        (10, 10, 0.722467, 1.0),
        (95, 100, 0.888250, 0.978457),
        (1, 2, 0.094531, 0.905469),
        (0, 1000, 0.0, 0.003827),
    ],
)
def test_interval_is_wilsons(count: int, total: int, low: float, high: float) -> None:
    assert Rate(count, total).interval == pytest.approx((low, high), abs=2e-6)


def test_nothing_counted_is_not_a_rate_of_zero() -> None:
    nothing = Rate(0, 0)
    assert nothing.value is None
    assert nothing.interval is None
    assert str(nothing) == "not measured"
    assert json.loads(json.dumps(nothing.as_dict(), allow_nan=False))["value"] is None


def test_a_rate_says_what_it_was_counted_on() -> None:
    assert str(Rate(95, 100)) == "95.00 % (95 of 100; 95 %: 88.82-97.85)"


def test_threshold_is_exact_where_strangers_score_alike() -> None:
    measured = scores([0.9, 0.55, 0.5, 0.3], [1, 1, 1, 1], [0.5, 0.5, 0.5, 0.1])
    # one in four may pass; letting one of the three equal ones through would let all three
    assert measured.threshold_at(0.25) == 0.5
    assert measured.fpir(0.5) == Rate(0, 4)
    assert measured.tpir_at(0.25) == Rate(2, 4)
    assert measured.threshold_at(0.75) == pytest.approx(0.1)
    assert measured.tpir_at(0.75) == Rate(4, 4)
    assert measured.threshold_at(1.0) == -math.inf


@pytest.mark.parametrize("total", [100, 1000, 2900])
@pytest.mark.parametrize("percent", [1, 7, 29, 57, 58])
def test_a_rate_means_that_many_strangers(total: int, percent: int) -> None:
    measured = scores([1.0], [True], np.linspace(0, 0.9, total))
    threshold = measured.threshold_at(percent / 100)  # 0.29 * 100 is less than 29 in floating point
    assert measured.fpir(threshold).count == percent * total // 100


def test_the_wrong_name_is_no_success() -> None:
    measured = scores([0.9, 0.9, 0.2], [True, False, True], [0.5] * 10)
    assert measured.rank1 == Rate(2, 3)
    assert measured.tpir_at(0.1) == Rate(1, 3)


def test_det_is_left_open_where_strangers_are_too_few() -> None:
    det = scores([0.9, 0.4], [True, True], np.linspace(0, 0.5, 100)).det()
    assert det == {"0.001": None, "0.01": 0.5, "0.1": 0.5}
    assert scores([0.9], [True], []).det() == {"0.001": None, "0.01": None, "0.1": None}
    assert scores([0.9], [True], np.linspace(0, 0.5, 1000)).det()["0.001"] == 1.0


def test_det_curve_falls_and_agrees_with_the_thresholds() -> None:
    rng = np.random.default_rng(1)
    measured = scores(rng.normal(0.8, 0.1, 300), rng.random(300) < 0.95, rng.normal(0.4, 0.15, 200))
    fpir, fnir = measured.det_curve()
    assert fpir.shape == fnir.shape == (201,)
    assert fpir[0] == 0 and fpir[-1] == 1
    assert (np.diff(fpir) > 0).all() and (np.diff(fnir) <= 0).all()
    for rate in (0.01, 0.1, 0.5):
        found = measured.tpir_at(rate).value
        assert found is not None
        assert fnir[round(rate * 200)] == pytest.approx(1 - found)
    assert fnir[-1] == pytest.approx(1 - measured.correct.mean())


def test_a_face_that_is_never_accepted_is_missed_at_every_threshold() -> None:
    measured = scores([0.9, -math.inf], [True, True], [0.1, 0.2])
    _, fnir = measured.det_curve()
    assert fnir.tolist() == [0.5, 0.5, 0.5]
    assert measured.tpir(-math.inf) == Rate(1, 2)


def test_worst_pairs_are_those_of_a_search_through_all() -> None:
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 8, 60)
    table = rng.random((60, 8)).astype(np.float32)
    best: dict[tuple[int, int], float] = {}
    for photo, label in enumerate(labels):
        for other in range(8):
            if other != label:
                pair = (min(label, other), max(label, other))
                best[pair] = max(best.get(pair, -1.0), float(table[photo, other]))
    expected = sorted(best.items(), key=lambda item: -item[1])[:10]
    found = worst_pairs(table, labels, np.array(list("ABCDEFGH")))
    assert [(p.student_id, p.other_id) for p in found] == [("ABCDEFGH"[a], "ABCDEFGH"[b]) for (a, b), _ in expected]
    assert [p.score for p in found] == pytest.approx([score for _, score in expected], abs=1e-4)


def test_a_pair_of_twins_does_not_hide_the_others() -> None:
    # 600 photos of two twins, each higher than anything else
    labels = np.repeat([0, 1, 2, 3], [300, 300, 1, 1])
    table = np.full((602, 4), 0.1, np.float32)
    table[:600, :2] = 0.9
    table[600, 3] = 0.5
    found = worst_pairs(table, labels, np.array(["a", "b", "c", "d"]), count=2)
    assert [(p.student_id, p.other_id, p.score) for p in found] == [("a", "b", 0.9), ("c", "d", 0.5)]


def test_pairs_that_were_not_measured_are_not_listed() -> None:
    table = np.array([[0.9, 0.3, -np.inf]], np.float32)
    found = worst_pairs(table, np.array([0]), np.array(["a", "b", "c"]))
    assert [(p.student_id, p.other_id) for p in found] == [("a", "b")]
