"""What to change when the thresholds are wrong for a class, and what the change would do to this very model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from training.calibration import limit_of_students
from training.trainer import TrainingOutcome

# The two ends of the usual range of --threshold-percentile: strict and lenient.
STRICT_PERCENTILE, LENIENT_PERCENTILE = 90.0, 98.0


def threshold_advice(outcome: TrainingOutcome) -> Iterator[str]:
    """Two sentences: for students answered "Unknown" too often, and for strangers that are named.

    The stricter of two limits is the threshold, so that turning the other one does nothing. The students' limit is
    known for every percentile; the advice says where the threshold would come to lie.
    """
    yield f"Too many “Unknown”: {_more_lenient(outcome)}"
    yield f"Strangers named: {_stricter(outcome)}"


def student_limit(outcome: TrainingOutcome, percentile: float) -> float:
    """The score that ``percentile`` percent of the students' photos reach; -inf when nothing is known of them."""
    return limit_of_students(outcome.genuine[np.isfinite(outcome.genuine)], percentile)


def _more_lenient(outcome: TrainingOutcome) -> str:
    thresholds, config = outcome.thresholds, outcome.artifact.metadata["config"]
    percentile, doubled = config["threshold_percentile"], min(2 * config["max_fpir"], 0.5)
    fpir = f"allow more strangers with --max-fpir {doubled:g}, or add photos of these students"
    if thresholds.bound_by == "strangers":
        return f"the strangers' limit decides here, so --threshold-percentile changes nothing; {fpir}."
    lenient = _next(percentile, (LENIENT_PERCENTILE, 99.5, 100.0))
    if lenient is None:
        return f"every photo of the students is let in already; {fpir}."
    accept = max(student_limit(outcome, lenient), thresholds.stranger_limit)
    return f"raise --threshold-percentile from {percentile:g} to {lenient:g}; named from {accept:.4f} then."


def _stricter(outcome: TrainingOutcome) -> str:
    thresholds, config = outcome.thresholds, outcome.artifact.metadata["config"]
    percentile = config["threshold_percentile"]
    strict = _next(percentile, (STRICT_PERCENTILE, 80.0, 70.0, 60.0, 50.0), down=True)
    accept = -np.inf if strict is None else student_limit(outcome, strict)
    if accept > thresholds.accept:
        return f"lower --threshold-percentile from {percentile:g} to {strict:g}; named from {accept:.4f} then."
    fpir = f"lower --max-fpir from {config['max_fpir']:g} to {config['max_fpir'] / 2:g}"
    if strict is None:
        return f"--threshold-percentile {percentile:g} is the strictest there is; {fpir}."
    return f"--threshold-percentile {strict:g} would change nothing, the strangers' limit decides; {fpir}."


def _next(percentile: float, steps: tuple[float, ...], down: bool = False) -> float | None:
    return next((step for step in steps if (step < percentile if down else step > percentile)), None)
