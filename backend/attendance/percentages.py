"""How much of a course a student attended, worked out from the marks alone.

What counts: the sessions that were settled and not cancelled, on days on which the student was enrolled; see
``attendance.registers``. A late one counts as the course's ``late_weight``, an excused one as its ``excused_counts``
says. Whoever left early was there: they were recognised or called, and how long they must stay to have attended is the
instructor's to decide, who can set them absent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Protocol

from attendance.models import ExcusedCounts, MarkStatus

# Sums of weights such as 0.1 are not exact; a student who has just reached the minimum is not below it.
_TOLERANCE = 1e-9


class Weights(Protocol):
    """What a course says about counting; see ``attendance.models.Course``."""

    late_weight: float
    excused_counts: ExcusedCounts


def worth(status: MarkStatus, weights: Weights) -> float | None:
    """How much of a presence one mark is, 0..1; None when it does not count.

    A session is settled when nobody in it is unmarked any more. Should one be, nothing shows that they were there.
    """
    if status in (MarkStatus.PRESENT, MarkStatus.LEFT_EARLY):
        return 1.0
    if status is MarkStatus.LATE:
        return weights.late_weight
    if status is MarkStatus.EXCUSED:
        return {ExcusedCounts.LEFT_OUT: None, ExcusedCounts.AS_PRESENT: 1.0, ExcusedCounts.AS_ABSENT: 0.0}[
            weights.excused_counts
        ]
    return 0.0


def percent_of(statuses: Iterable[MarkStatus], weights: Weights) -> float | None:
    """The percentage, 0..100, not rounded; None when none of the marks counts: that is neither everything nor
    nothing."""
    worths = [value for status in statuses if (value := worth(status, weights)) is not None]
    return 100 * math.fsum(worths) / len(worths) if worths else None


def shown(percent: float | None) -> float | None:
    """``percent`` as people see it: one decimal, a half rounded up as on paper."""
    return None if percent is None else math.floor(10 * percent + 0.5 + _TOLERANCE) / 10


def is_below(percent: float | None, minimum: float) -> bool:
    """Whether the percentage, not rounded, is below ``minimum``. A student of whom nothing counts yet is not."""
    return percent is not None and percent < minimum - _TOLERANCE


def absences(statuses: Iterable[MarkStatus]) -> int:
    """How often a student was absent, excused ones apart whatever they do to the percentage."""
    return sum(status is MarkStatus.ABSENT for status in statuses)


def absences_in_a_row(statuses: Sequence[MarkStatus]) -> int:
    """How many of the last marks are absences. An excused session neither ends the row nor adds to it."""
    row = 0
    for status in reversed(statuses):
        if status is MarkStatus.ABSENT:
            row += 1
        elif status is not MarkStatus.EXCUSED:
            break
    return row
