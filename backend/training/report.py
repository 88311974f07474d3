"""What is published beside a model: arrays for analysis, the measurements as JSON and as text, and the pictures."""

from __future__ import annotations

import io
import json
import logging
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recognizer.artifact import LABELS_FILE
from recognizer.scoring import build_gallery
from recognizer.types import FloatArray
from training.dataset import display_name
from training.samples import DatasetIssue, IssueKind
from training.summary import summary_text
from training.trainer import TrainingData, TrainingOutcome

EMBEDDINGS_FILE, STUDENTS_FILE = "X.npy", "y.npy"
METADATA_FILE, SUMMARY_FILE = "training_metadata.json", "training_summary.txt"
HISTOGRAM_FILE, DET_FILE = "score_histogram.png", "det_curve.png"
LOOK_ALIKES_FILE, IMAGES_FILE = "look_alikes.png", "images_per_student.png"

MOST_LOOK_ALIKES = 12  # students in the matrix; more would make its numbers too small to read

_logger = logging.getLogger(__name__)


def build_report_files(
    outcome: TrainingOutcome,
    data: TrainingData,
    *,
    issues: Sequence[DatasetIssue],
    how_counts: Mapping[str, int],
    dataset_dir: str,
    seconds: Mapping[str, float],
    strangers_count: int,
    left_out: Mapping[str, int | None] | None = None,
) -> dict[str, bytes]:
    """Every file that is published with ``outcome``'s model, by name, apart from the model itself.

    issues: what was found wrong with the data set. how_counts: photos by where their face came from (``detected``,
    ``padded``, ``whole``). dataset_dir: the folder of the students' folders. seconds: wall time by stage.
    strangers_count: photos of real strangers given. left_out: number of usable photos of each student with too few
    to be trained on, None where it is not known; without it their names are taken from ``issues``.

    A picture that cannot be drawn is left out and the reason logged: a model is worth more than its pictures.
    """
    few = dict(left_out) if left_out is not None else _left_out(issues)
    described = describe(
        outcome,
        issues=issues,
        how_counts=how_counts,
        dataset_dir=dataset_dir,
        seconds=seconds,
        strangers_count=strangers_count,
    )
    pictures = _pictures(outcome, data, few)
    names = [LABELS_FILE, EMBEDDINGS_FILE, STUDENTS_FILE, METADATA_FILE, SUMMARY_FILE, *pictures]
    text = summary_text(
        outcome,
        issues=issues,
        how_counts=how_counts,
        dataset_dir=dataset_dir,
        seconds=seconds,
        strangers_count=strangers_count,
        files=names,
    )
    return {
        LABELS_FILE: _npy(np.asarray(outcome.artifact.classes, dtype=np.str_)),
        EMBEDDINGS_FILE: _npy(np.ascontiguousarray(data.embeddings, dtype=np.float32)),
        STUDENTS_FILE: _npy(np.asarray(data.student_ids, dtype=np.str_)),
        METADATA_FILE: strict_json(described),
        SUMMARY_FILE: text.encode("utf-8", "replace"),
        **pictures,
    }


def describe(
    outcome: TrainingOutcome,
    *,
    issues: Sequence[DatasetIssue],
    how_counts: Mapping[str, int],
    dataset_dir: str,
    seconds: Mapping[str, float],
    strangers_count: int,
) -> dict[str, Any]:
    """The content of ``training_metadata.json``: the model's metadata (with ``metrics``, free of times), and what
    is known of the ``dataset`` and of the run's ``seconds``. Primitives only; may hold NaN."""
    root = Path(dataset_dir)
    return {
        **outcome.artifact.metadata,
        "dataset": {
            "folder": dataset_dir,
            "photos_by_face": {way: int(count) for way, count in how_counts.items()},
            "photos_held_out": len(outcome.split.test),
            "stranger_photos": strangers_count,
            "issue_counts": dict(Counter(str(issue.kind) for issue in issues)),
            "issues": [
                {
                    "kind": str(issue.kind),
                    "message": issue.message,
                    "path": None if issue.path is None else display_name(root, issue.path),
                    "student_id": issue.student_id,
                }
                for issue in issues
            ],
        },
        "seconds": {stage: round(float(value), 3) for stage, value in seconds.items()},
    }


def strict_json(content: Mapping[str, Any]) -> bytes:
    """``content`` as UTF-8 JSON that every reader accepts: sorted keys, and null where a number is none."""
    text = json.dumps(_finite(content), sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode("utf-8", "replace")  # a file name may hold halves of surrogate pairs


def closest_scores(outcome: TrainingOutcome, data: TrainingData, students: Sequence[str]) -> FloatArray:
    """How alike ``students`` look: (s, s) float32, symmetric, the highest accept score of any held-out photo of one
    student against the other's gallery of training photos; NaN where neither has a held-out photo. The diagonal is
    each student against the own gallery."""
    place = {name: index for index, name in enumerate(students)}
    owner = np.array([place.get(str(name), -1) for name in data.student_ids])
    train = outcome.split.train[owner[outcome.split.train] >= 0]
    probes = outcome.split.test[owner[outcome.split.test] >= 0]
    gallery = build_gallery(data.embeddings[train], owner[train], len(students))
    offsets = gallery.offsets(outcome.report.measured_thresholds.scoring)
    highest = np.full((len(students), len(students)), -np.inf, np.float32)
    np.maximum.at(highest, owner[probes], data.embeddings[probes] @ gallery.centroids.T - offsets)
    highest = np.maximum(highest, highest.T)
    return np.where(np.isfinite(highest), highest, np.nan).astype(np.float32)


def _pictures(outcome: TrainingOutcome, data: TrainingData, left_out: Mapping[str, int | None]) -> dict[str, bytes]:
    try:
        from training import plots
    except Exception as error:
        _logger.warning("The pictures of the report cannot be drawn (%s); the model is not affected.", error)
        return {}
    report, config = outcome.report, outcome.artifact.metadata["config"]
    thresholds = report.measured_thresholds
    counts = Counter(str(name) for name in data.student_ids)
    alike: list[str] = []
    for pair in report.pairs:
        new = [name for name in (pair.student_id, pair.other_id) if name not in alike]
        if len(alike) + len(new) <= MOST_LOOK_ALIKES:
            alike += new
    drawings: dict[str, Callable[[], bytes]] = {
        HISTOGRAM_FILE: lambda: plots.score_histogram(
            report.scores, thresholds, outcome.thresholds, report.strangers_are_real
        ),
        DET_FILE: lambda: plots.det_curve(
            report.scores, thresholds.accept, config["max_fpir"], report.strangers_are_real
        ),
        LOOK_ALIKES_FILE: lambda: plots.look_alikes(alike, closest_scores(outcome, data, alike), thresholds),
        IMAGES_FILE: lambda: plots.images_per_student(counts, left_out, config["min_images"]),
    }
    pictures = {}
    for name, draw in drawings.items():
        try:
            pictures[name] = draw()
        except Exception as error:
            _logger.warning("The picture %s cannot be drawn (%r); the model is not affected.", name, error)
    return pictures


def _left_out(issues: Sequence[DatasetIssue]) -> dict[str, int | None]:
    return {issue.student_id: None for issue in issues if issue.kind is IssueKind.TOO_FEW_IMAGES and issue.student_id}


def _npy(array: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
