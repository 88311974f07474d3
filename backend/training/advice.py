"""What to change when the thresholds are wrong for a class, and what the change would do to this very model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from training.calibration import limit_of_students
from training.trainer import TrainingOutcome

# The two ends of the usual range of --threshold-percentile: strict and lenient.
STRICT_PERCENTILE, LENIENT_PERCENTILE = 90.0, 98.0
# A threshold that moves by less decides the same for nearly every face: in a tiny class the next percentile may fall
# on the same photo.
NOTICEABLE = 0.0005


def threshold_advice(outcome: TrainingOutcome) -> Iterator[str]:
    """Two sentences: for students answered "Unknown" too often, and for strangers that are named.

    The stricter of two limits is the threshold, so that turning the other one does nothing. The students' limit is
    known for every percentile; the advice says where the threshold would come to lie.
    """
    yield f"Too many “Unknown”: {_more_lenient(outcome)}"
    yield f"Strangers named: {_stricter(outcome)}"


def student_limit(outcome: TrainingOutcome, percentile: float) -> float:
    """The students' limit at ``percentile``; -inf when nothing is known of them."""
    known = outcome.genuine[np.isfinite(outcome.genuine)]
    return min(limit_of_students(known, percentile), outcome.thresholds.strictest)


def _more_lenient(outcome: TrainingOutcome) -> str:
    thresholds, config = outcome.thresholds, outcome.artifact.metadata["config"]
    percentile, doubled = config["threshold_percentile"], min(2 * config["max_fpir"], 0.5)
    if thresholds.bound_by == "students":
        for step in (LENIENT_PERCENTILE, 99.5, 100.0):
            accept = max(student_limit(outcome, step), thresholds.stranger_limit)
            if step > percentile and accept < thresholds.accept - NOTICEABLE:
                return f"raise --threshold-percentile from {percentile:g} to {step:g}; named from {accept:.4f} then."
        reason, also = "the two limits lie at the same score", " and --threshold-percentile 100"
    else:
        reason, also = "the strangers' limit decides here, so --threshold-percentile changes nothing", ""
    if doubled <= config["max_fpir"]:
        return f"{reason}; add photos of these students."
    return f"{reason}; allow more strangers with --max-fpir {doubled:g}{also}, or add photos of these students."


def _stricter(outcome: TrainingOutcome) -> str:
    thresholds, config = outcome.thresholds, outcome.artifact.metadata["config"]
    percentile, fpir = config["threshold_percentile"], config["max_fpir"]
    strict = next((step for step in (STRICT_PERCENTILE, 80.0, 70.0, 60.0, 50.0) if step < percentile), None)
    accept = -np.inf if strict is None else student_limit(outcome, strict)
    if accept > thresholds.accept + NOTICEABLE:
        return f"lower --threshold-percentile from {percentile:g} to {strict:g}; named from {accept:.4f} then."
    vain = (
        f"--threshold-percentile {percentile:g} is the strictest there is"
        if strict is None
        else f"--threshold-percentile {strict:g} would change nothing"
    )
    if thresholds.bound_by == "strangers":
        return f"{vain}, the strangers' limit decides; lower --max-fpir from {fpir:g} to {fpir / 2:g}."
    if thresholds.held_back:
        return f"{vain}; lower --max-fpir from {fpir:g} to {fpir / 2:g}."
    # the strangers' limit decides only once fewer strangers are allowed than the students' limit lets in
    return f"{vain}; lower --max-fpir from {fpir:g} to {thresholds.expected_fpir / 2:.1g}."
