"""Measuring open-set identification: rank-1, TPIR and FPIR, with counts and 95 % intervals.

TPIR: share of probes of enrolled students that are given the right name. FPIR: share of strangers' probes that are
given any name. FNIR is 1 - TPIR. (ISO/IEC 19795-1's terms.)
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recognizer.types import FloatArray

DET_RATES = (0.001, 0.01, 0.1)
_Z95 = 1.959964


@dataclass(frozen=True, slots=True)
class Rate:
    """count of total, with the 95 % Wilson interval low..high; value is None when nothing was counted."""

    count: int
    total: int

    @property
    def value(self) -> float | None:
        return self.count / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float] | None:
        if not self.total:
            return None
        p, n, z2 = self.count / self.total, self.total, _Z95**2
        centre = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = _Z95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        return max(0.0, centre - half), min(1.0, centre + half)

    def as_dict(self) -> dict[str, Any]:
        interval = self.interval
        return {
            "value": None if self.value is None else round(self.value, 6),
            "count": self.count,
            "total": self.total,
            "low": None if interval is None else round(interval[0], 6),
            "high": None if interval is None else round(interval[1], 6),
        }

    def __str__(self) -> str:
        if self.value is None or self.interval is None:
            return "not measured"
        low, high = self.interval
        return f"{100 * self.value:.2f} % ({self.count} of {self.total}; 95 %: {100 * low:.2f}-{100 * high:.2f})"


@dataclass(frozen=True, slots=True, eq=False)
class OpenSetScores:
    """What one method says of probes and strangers.

    genuine: (n,) score of the student ranked first for each probe of an enrolled student. correct: (n,) bool, the
    right student was ranked first. strangers: (m,) score of the student ranked first for each stranger.
    A score of -inf is never accepted."""

    genuine: FloatArray
    correct: NDArray[np.bool_]
    strangers: FloatArray

    @property
    def rank1(self) -> Rate:
        return Rate(int(self.correct.sum()), len(self.correct))

    def threshold_at(self, fpir: float) -> float:
        """The lowest threshold that at most a share ``fpir`` of the strangers exceeds."""
        # 0.29 of 100 is 28.999999999999996 to the machine, and 29 to whoever asked
        allowed = math.floor(fpir * len(self.strangers) + 1e-9)
        ordered = np.sort(self.strangers)[::-1]
        return float(ordered[allowed]) if allowed < len(ordered) else -math.inf

    def tpir_at(self, fpir: float) -> Rate:
        """Students named rightly by the threshold that accepts ``fpir`` of these strangers."""
        return self.tpir(self.threshold_at(fpir))

    def tpir(self, threshold: float) -> Rate:
        return Rate(int((self.correct & (self.genuine > threshold)).sum()), len(self.genuine))

    def fpir(self, threshold: float) -> Rate:
        return Rate(int((self.strangers > threshold).sum()), len(self.strangers))

    def det(self, rates: tuple[float, ...] = DET_RATES) -> dict[str, float | None]:
        """TPIR at each FPIR. None where there are too few strangers to see so small a rate (one in ``1 / rate``)."""
        return {f"{rate:g}": self.tpir_at(rate).value if len(self.strangers) * rate >= 1 else None for rate in rates}

    def det_curve(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """FPIR and FNIR, each (m + 1,), for every threshold between two strangers' scores."""
        ordered = np.sort(self.strangers)[::-1]
        right = np.sort(self.genuine[self.correct & (self.genuine > -np.inf)])
        found = len(right) - np.searchsorted(right, ordered, side="right")
        fnir = 1 - np.r_[found, len(right)] / max(len(self.genuine), 1)
        return np.arange(len(ordered) + 1) / max(len(ordered), 1), fnir


@dataclass(frozen=True, slots=True)
class StudentResult:
    """One student's held-out photos: how many there were and what was said of them."""

    student_id: str
    photos: int
    named: int
    uncertain: int
    unknown: int
    misnamed: int
    rank1: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class LookAlikes:
    """Two students that the embedder finds close: score of the closest photo of one to the gallery of the other."""

    student_id: str
    other_id: str
    score: float


def worst_pairs(
    scores: FloatArray, labels: NDArray[np.integer[Any]], classes: NDArray[np.str_], count: int = 10
) -> tuple[LookAlikes, ...]:
    """The ``count`` pairs of different students whose photos score highest on one another, highest first.

    scores: (n, N) of each photo against each student, labels: (n,) whose photo it is.
    """
    students = scores.shape[1]
    best = np.full((students, students), -np.inf, dtype=np.float32)
    for student in np.unique(labels):
        best[student] = scores[labels == student].max(axis=0)
    closest = np.maximum(best, best.T)
    closest[np.tril_indices(students)] = -np.inf
    lowest = np.partition(closest, -count, axis=None)[-count] if count < closest.size else -np.inf
    rows, columns = np.nonzero((closest >= lowest) & np.isfinite(closest))
    # by score, then by student: the order may not depend on how a sort leaves equal scores
    order = np.lexsort((columns, rows, -closest[rows, columns]))[:count]
    return tuple(
        LookAlikes(str(classes[a]), str(classes[b]), round(float(closest[a, b]), 4))
        for a, b in zip(rows[order], columns[order], strict=True)
    )
