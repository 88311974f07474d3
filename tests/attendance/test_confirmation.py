"""When sightings are enough, and in what words people are told how sure the recognizer is."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from attendance.confirmation import confirmation
from attendance.faces_seen import Band, FaceValues, band_of, candidate_bands
from attendance.policy import Policy
from support.clock import MONDAY


@pytest.mark.parametrize(
    ("needed", "seconds", "first", "seen"),
    [
        (1, [7], 7, 1),
        (2, [], None, 0),
        (2, [0], None, 1),
        (2, [0, 10], 0, 2),
        (2, [0, 10.001], None, 1),
        (2, [0, 11, 20], 11, 2),
        (2, [0, 1, 2], 0, 2),
        (3, [0, 5, 10], 0, 3),
        (3, [0, 5, 11], None, 2),
        (3, [0, 6, 12, 15], 6, 3),
        (3, [0, 0, 0], 0, 3),
        (4, [0, 3, 6, 20, 21], None, 3),
    ],
)
def test_so_many_within_the_window_in_whatever_order_they_arrive(
    needed: int, seconds: list[float], first: float | None, seen: int
) -> None:
    policy = Policy(confirm_sightings=needed, confirm_window=timedelta(seconds=10))
    sightings = [(MONDAY + timedelta(seconds=at), f"picture {number}") for number, at in enumerate(seconds)]
    expected = (None if first is None else MONDAY + timedelta(seconds=first), seen)
    for arrived in permutations(sightings):
        assert confirmation(arrived, policy) == expected


def test_a_picture_counts_once_at_its_earliest() -> None:
    at = [MONDAY + timedelta(seconds=seconds) for seconds in (0, 1, 2)]
    assert confirmation([(at[1], "a"), (at[0], "a")], Policy()) == (None, 1)
    assert confirmation([(at[1], "a"), (at[2], "b"), (at[0], "a")], Policy()) == (at[0], 2)


@pytest.mark.parametrize(
    ("decision", "probability", "band"),
    [
        ("known", 0.98, Band.SURE),
        ("known", 0.979, Band.FAIRLY_SURE),
        ("uncertain", 0.99, Band.NOT_SURE),
        ("unknown", 0.99, None),
    ],
)
def test_of_those_it_is_sure_of_fewer_than_one_in_fifty_is_wrong(
    decision: Any, probability: float, band: Band | None
) -> None:
    assert band_of(FaceValues(decision, (0, 0, 1, 1), probability=probability)) is band


@pytest.mark.parametrize(
    ("similarities", "leads"), [([], False), ([0.5], True), ([0.75, 0.625], True), ([0.8, 0.71, 0.5], False)]
)
def test_only_a_candidate_who_clearly_leads_is_fairly_sure(similarities: list[float], leads: bool) -> None:
    first = Band.FAIRLY_SURE if leads else Band.NOT_SURE
    assert candidate_bands(similarities) == [first, Band.NOT_SURE, Band.NOT_SURE][: len(similarities)]
