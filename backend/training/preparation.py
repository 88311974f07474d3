"""From image files to embeddings: what the cache remembers of them, what has to be embedded, and what a person should
look at."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from errors import TrainingError
from recognizer.detector import FaceDetector
from recognizer.types import FloatArray
from training.cache import CachedFace, EmbeddingCache
from training.conditions import DRAWINGS
from training.duplicates import groups_by_student, near_duplicates_across
from training.embedding import LONGEST_SIDE, EmbedMissing
from training.faces import FACE_SEARCH
from training.mislabels import Suspect, find_suspects
from training.samples import DatasetIssue, IssueKind, Sample, reasons, students_with_enough

__all__ = ["PreparedDataset", "detector_key", "find_suspects", "leave_out_small", "prepare", "quality_issues"]

Progress = Callable[[int, int, int], None]
"""Called with (images done, images in all, of these found in the cache)."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedDataset:
    """What training works on; row i of every array belongs to ``samples[i]``.

    embeddings: (n, d) float32, L2 norm 1. in_conditions: (n, c, d), the same faces in each of
    ``training.conditions.CONDITIONS``. labels: (n,) student ids. how: (n,) where each face came from - ``detected``,
    ``padded`` (found after adding a border) or ``whole`` (none found, the whole image was taken). thumbnails:
    (n, 32, 32) uint8, grey. issues: what was found wrong on the way. cached_count: rows that came from the cache.
    """

    samples: tuple[Sample, ...]
    embeddings: FloatArray
    in_conditions: FloatArray
    labels: NDArray[np.str_]
    how: NDArray[np.str_]
    thumbnails: NDArray[np.uint8]
    issues: tuple[DatasetIssue, ...]
    cached_count: int

    def __post_init__(self) -> None:
        count = len(self.samples)
        lengths = {len(self.embeddings), len(self.in_conditions), len(self.labels), len(self.how), len(self.thumbnails)}
        if lengths != {count} or self.embeddings.ndim != 2:
            raise ValueError(f"expected {count} rows everywhere, got {sorted(lengths)}, {self.embeddings.shape}")

    @property
    def ways(self) -> dict[str, int]:
        """How many faces went which way: detected, padded, whole."""
        return {way: int((self.how == way).sum()) for way in ("detected", "padded", "whole")}


def prepare(
    samples: Sequence[Sample],
    embed: EmbedMissing,
    cache: EmbeddingCache | None = None,
    progress: Progress | None = None,
) -> PreparedDataset:
    """One embedding for each of ``samples`` that can be read, in their order.

    ``embed``: takes those that the cache lacks. ``cache``: must have been opened with ``detector_key`` of a detector
    that ``embed`` uses; every batch is kept as soon as it is embedded, so an interrupted run loses no more than what
    was under way. Images that cannot be read become issues. Images that are deleted meanwhile are left out, and
    nothing of them stays in the cache. Raises TrainingError when none can be read.
    """
    cached = cache.get_many([sample.sha256 for sample in samples]) if cache else {}
    known = {sample.sha256: cached[sample.sha256] for sample in samples if sample.sha256 in cached}
    missing = [sample for sample in samples if sample.sha256 not in known]
    cached_count = done = len(samples) - len(missing)
    issues: list[DatasetIssue] = []
    if progress:
        progress(done, len(samples), cached_count)
    by_sha = {sample.sha256: sample for sample in missing}
    if missing:
        for batch in embed(missing):
            issues += batch.issues
            known |= batch.faces
            if cache and batch.faces:
                cache.put_many(batch.faces)
                # Looked at after writing: an erasure deletes the photo first, then what is remembered of it.
                deleted = [sha for sha in batch.faces if not by_sha[sha].is_there]
                if deleted:
                    cache.forget(deleted)
            done += batch.done
            if progress:
                progress(done, len(samples), cached_count)
    kept = [sample for sample in samples if sample.sha256 in known and sample.is_there]
    if not kept:
        raise TrainingError(f"none of the {len(samples)} images could be read. {reasons(issues)}".strip())
    place = {sample.path: number for number, sample in enumerate(missing)}
    issues.sort(key=lambda issue: place.get(issue.path, len(place)) if issue.path else len(place))
    return _assemble(kept, [known[sample.sha256] for sample in kept], issues, cached_count)


def detector_key(detector: FaceDetector) -> str:
    """What of ``detector`` and of this package decides which face is found and how it is drawn, as text for the cache.
    The detector's smallest face does not: it follows each image's size."""
    config = detector.config
    parts = [
        detector.id,
        config.thresholds,
        config.scale_factor,
        config.min_probability,
        LONGEST_SIDE,
        FACE_SEARCH,
        DRAWINGS,
    ]
    return json.dumps(parts, sort_keys=True)


def leave_out_small(
    prepared: PreparedDataset,
    min_images: int,
    *,
    where: Path | None = None,
    passed_over: Sequence[DatasetIssue] = (),
) -> PreparedDataset:
    """``prepared`` without the students who have fewer than ``min_images`` images that could be read, each of them an
    issue. Raises DatasetError (naming ``where`` and what was ``passed_over`` before) when fewer than two students
    remain."""
    kept, issues = students_with_enough(
        prepared.samples, prepared.issues, min_images, where=where, passed_over=passed_over
    )
    rows = np.array([sample.student_id in kept for sample in prepared.samples], dtype=bool)
    return replace(
        prepared,
        samples=tuple(sample for sample in prepared.samples if sample.student_id in kept),
        embeddings=prepared.embeddings[rows],
        in_conditions=prepared.in_conditions[rows],
        labels=prepared.labels[rows],
        how=prepared.how[rows],
        thumbnails=prepared.thumbnails[rows],
        issues=prepared.issues + issues,
    )


TurnOf = Callable[[Sample], str | None]
"""How a photo has to be turned to show a face, see ``recognizer.quality.turn_needed``."""
_MOST_TURNED = 50  # photos without a face that are looked at again, as that takes longer than the rest


def quality_issues(
    prepared: PreparedDataset, groups: NDArray[np.intp] | None = None, turn_of: TurnOf = lambda sample: None
) -> tuple[DatasetIssue, ...]:
    """Near duplicates, probable mislabels and photos without a face among the prepared images. They are used: a person
    decides.

    groups: what ``groups_by_student`` gives for them, where that is known already."""
    if groups is None:
        groups = groups_by_student(prepared.thumbnails, prepared.labels)
    return (*_near_duplicate_issues(prepared, groups), *_mislabel_issues(prepared), *_no_face_issues(prepared, turn_of))


def _no_face_issues(prepared: PreparedDataset, turn_of: TurnOf) -> Iterator[DatasetIssue]:
    looked_at = 0
    for sample, how in zip(prepared.samples, prepared.how.tolist(), strict=True):
        if how == "whole":
            looked_at += 1
            turn = turn_of(sample) if looked_at <= _MOST_TURNED else None
            remedy = f"Turn the photo {turn}" if turn else "Keep it if a face fills it, else delete it"
            message = f"No face was found in {_name(sample)}; the whole photo was taken for one. {remedy}."
            yield DatasetIssue(IssueKind.NO_FACE, message, sample.path, sample.student_id)


def _near_duplicate_issues(prepared: PreparedDataset, groups: NDArray[np.intp]) -> Iterator[DatasetIssue]:
    first_of: dict[int, Sample] = {}
    for group, sample in zip(groups.tolist(), prepared.samples, strict=True):
        first = first_of.setdefault(group, sample)
        if first is not sample:
            message = f"{_name(sample)} is nearly the same picture as {_name(first)}; both are used, and kept together."
            yield DatasetIssue(IssueKind.NEAR_DUPLICATE, message, sample.path, sample.student_id)


def _mislabel_issues(prepared: PreparedDataset) -> Iterator[DatasetIssue]:
    reasons: dict[int, list[str]] = {}
    suspects = {suspect.index: suspect for suspect in find_suspects(prepared.embeddings, prepared.labels)}
    for index, suspect in suspects.items():
        reasons.setdefault(index, []).append(_reason(suspect))
    for one, other in near_duplicates_across(prepared.thumbnails, prepared.labels):
        # where the faces tell which of the two is out of place only that one is named
        doubted = [index for index in (one, other) if index in suspects] or [one, other]
        for index in doubted:
            twin = prepared.samples[other if index == one else one]
            reasons.setdefault(index, []).append(f"it is nearly the same picture as {_name(twin)}")
    for index, why in sorted(reasons.items()):
        sample = prepared.samples[index]
        message = (
            f"{_name(sample)} may not show {sample.student_id}: {'; '.join(why)}. Look at it and move or delete it."
        )
        yield DatasetIssue(IssueKind.PROBABLE_MISLABEL, message, sample.path, sample.student_id)


def _reason(suspect: Suspect) -> str:
    if suspect.fits_other:
        return (
            f"the face is more like {suspect.best_other} (similarity {suspect.other_similarity:.2f}) "
            f"than like the rest of the folder ({suspect.own_similarity:.2f})"
        )
    return f"the face is unlike the rest of the folder (similarity {suspect.own_similarity:.2f})"


def _name(sample: Sample) -> str:
    return f"{sample.student_id}/{sample.path.name}"


def _assemble(
    samples: Sequence[Sample], faces: Sequence[CachedFace], issues: Sequence[DatasetIssue], cached_count: int
) -> PreparedDataset:
    return PreparedDataset(
        samples=tuple(samples),
        embeddings=np.stack([face.embedding for face in faces]),
        in_conditions=np.stack([face.in_conditions for face in faces]),
        labels=np.array([sample.student_id for sample in samples], dtype=np.str_),
        how=np.array([face.how for face in faces], dtype=np.str_),
        thumbnails=np.stack([face.thumbnail for face in faces]),
        issues=tuple(issues),
        cached_count=cached_count,
    )
