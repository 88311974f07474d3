"""Percentages, against arithmetic on paper."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from attendance.models import ExcusedCounts, MarkStatus
from attendance.percentages import absences, absences_in_a_row, is_below, percent_of, shown

MARKS = {
    "P": MarkStatus.PRESENT,
    "L": MarkStatus.LATE,
    "A": MarkStatus.ABSENT,
    "E": MarkStatus.EXCUSED,
    "O": MarkStatus.LEFT_EARLY,
    "U": MarkStatus.UNMARKED,
}


@dataclass
class Weights:
    late_weight: float = 1.0
    excused_counts: ExcusedCounts = ExcusedCounts.LEFT_OUT


def marks(letters: str) -> list[MarkStatus]:
    return [MARKS[letter] for letter in letters]


@pytest.mark.parametrize(
    ("letters", "late", "excused", "expected"),
    [
        ("PPPA", 1.0, "left_out", 75.0),
        ("PPLA", 0.5, "left_out", 62.5),  # 2 + 0.5 of 4
        ("LLLL", 0.0, "left_out", 0.0),
        ("LLLP", 0.05, "left_out", 28.8),  # 1.15 of 4 is 28.75, and a little less in binary
        ("PO", 1.0, "left_out", 100.0),
        ("PPAE", 1.0, "left_out", 66.7),  # 2 of 3
        ("PPAE", 1.0, "as_present", 75.0),  # 3 of 4
        ("PPAE", 1.0, "as_absent", 50.0),  # 2 of 4
        ("PU", 1.0, "left_out", 50.0),
        ("PPPPPPPPPPPPPAAA", 1.0, "left_out", 81.3),  # 13 of 16 is 81.25
        ("", 1.0, "left_out", None),
        ("EE", 1.0, "left_out", None),
        ("EE", 1.0, "as_absent", 0.0),
    ],
)
def test_percentages(letters: str, late: float, excused: str, expected: float | None) -> None:
    assert shown(percent_of(marks(letters), Weights(late, ExcusedCounts(excused)))) == expected


def test_the_minimum_is_compared_before_rounding() -> None:
    nearly = percent_of(marks("P" * 1499 + "A" * 501), Weights())  # 74.95
    assert shown(nearly) == 75.0 and is_below(nearly, 75)
    assert not is_below(percent_of(marks("PPPA"), Weights()), 75)
    assert not is_below(None, 75)


@pytest.mark.parametrize("count", range(1, 60))
def test_reaching_the_minimum_exactly_is_enough_whatever_the_weights_sum_to(count: int) -> None:
    assert not is_below(percent_of(marks("L" * count), Weights(late_weight=0.7)), 70)
    assert not is_below(
        percent_of(marks("L" * count + "P"), Weights(late_weight=0.1)), 100 * (0.1 * count + 1) / (count + 1)
    )


@pytest.mark.parametrize(
    ("letters", "total", "row"),
    [("", 0, 0), ("AAP", 2, 0), ("PAA", 2, 2), ("PAEA", 2, 2), ("AAL", 2, 0), ("EE", 0, 0), ("AOAE", 2, 1)],
)
def test_absences(letters: str, total: int, row: int) -> None:
    assert (absences(marks(letters)), absences_in_a_row(marks(letters))) == (total, row)
