"""A whole training, from the folder of photos to the published model: what the command and the server both run."""

from __future__ import annotations

import importlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from errors import InvalidImageError, TrainingError
from recognizer.assembly import build_detector, build_embedder
from recognizer.compute import Compute
from recognizer.detector import DetectorConfig, FaceDetector
from recognizer.durable_files import make_private_folder
from recognizer.history import StoredVersion, publish
from recognizer.images import ImageLimits, read_image
from recognizer.quality import turn_needed
from recognizer.types import FloatArray
from recognizer.weights import WeightsFile
from training.cache import EmbeddingCache
from training.dataset import apply_min_images, scan
from training.duplicates import groups_by_student
from training.embedding import EmbeddingMethod, EmbedMissing, LocalEmbedding
from training.network_choice import compare_networks, facenet_alone, info_of_facenet
from training.own_tables import profile_for
from training.preparation import PreparedDataset, detector_key, leave_out_small, prepare, quality_issues
from training.report import build_report_files
from training.samples import DEFAULT_LIMITS, DatasetIssue, Sample, deleted_students, fingerprint
from training.strangers import scan_strangers
from training.trainer import TrainingConfig, TrainingData, TrainingOutcome, train

_logger = logging.getLogger(__name__)

ShowProgress = Callable[[str], AbstractContextManager[Callable[..., None]]]
"""Opens a progress display for a stage named in words; see training.progress.ProgressBar."""

BeginStage = Callable[[str, str], None]
"""Told the name of each stage when it begins, and in words what is done in it."""

EmbedElsewhere = Callable[[EmbeddingMethod], EmbedMissing]
"""Gives a way to embed photos by that method on other machines."""


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """dataset_dir: a folder of photos for each student. output_dir: where the model is published. strangers_dir:
    photos of people who are no students, or None. cache_dir: where embeddings are remembered, or None for nowhere.
    find_weights: gives the weights of the embedder; called once, after the photos were looked through. only: the ids
    of the students to train on; None for all in the folder. elsewhere: where the photos are embedded; None for here.
    compare: whether, of both networks together, FaceNet alone is taken where this class is recognised as well by it."""

    dataset_dir: Path
    output_dir: Path
    config: TrainingConfig
    find_weights: Callable[[], WeightsFile]
    strangers_dir: Path | None = None
    only: frozenset[str] | None = None
    cache_dir: Path | None = None
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    limits: ImageLimits = DEFAULT_LIMITS
    compute: Compute = field(default_factory=Compute)
    signing_key: bytes | None = None
    elsewhere: EmbedElsewhere | None = None
    compare: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class TrainingResult:
    """stored: the published version. summary: training_summary.txt. cached: photos whose embeddings were remembered
    from an earlier run."""

    outcome: TrainingOutcome
    stored: StoredVersion
    issues: tuple[DatasetIssue, ...]
    summary: str
    seconds: dict[str, float]
    photos: int
    cached: int


def run_training(
    job: TrainingJob, show: ShowProgress, say: Callable[[str], None], begin: BeginStage = lambda stage, message: None
) -> TrainingResult:
    """Train and publish. say: takes one line for each stage. begin: what it is told of the stage ``publish`` is the new
    model's version: whoever finds that version in the history later knows that this training published it.

    Raises SmartAttendanceError; the model that was in use before stays in use whenever this does not return."""
    _check_output(job.output_dir)
    seconds: dict[str, float] = {}
    timed = partial(_timed, seconds, begin)
    with timed("libraries", "Loading the libraries"), suppress(ImportError):
        # without it the report does without pictures, and says so
        importlib.import_module("matplotlib.backends.backend_agg")
    with timed("scan", "Looking through the photos"):
        everybody = scan(job.dataset_dir, job.limits, job.only)
        scanned = apply_min_images(everybody, job.config.min_images)
        strange = scan_strangers(job.strangers_dir, job.limits) if job.strangers_dir else None
    say(f"{len(scanned.student_ids)} students with {len(scanned.samples)} photos in {scanned.root}")
    with timed("networks", "Loading the networks"):
        networks = Networks(job)
    with timed("embed", "Embedding the photos"):
        with show("Embedding the photos") as progress:
            prepared = networks.prepare(scanned.samples, progress)
        prepared = leave_out_small(prepared, job.config.min_images, where=scanned.root, passed_over=scanned.issues)
        strangers: FloatArray | None = None
        stranger_ids: NDArray[np.str_] | None = None
        strange_issues: tuple[DatasetIssue, ...] = ()
        if strange:
            with show("Embedding the strangers") as progress:
                found = networks.prepare(strange.samples, progress)
            # a landscape is no stranger
            faces = found.how != "whole"
            strangers, stranger_ids = found.embeddings[faces], found.labels[faces]
            strange_issues = strange.issues + found.issues
    with timed("check", "Comparing the photos"):
        groups = groups_by_student(prepared.thumbnails, prepared.labels)
        issues = scanned.issues + prepared.issues + quality_issues(prepared, groups, networks.turn_of) + strange_issues
        _check_still_there(everybody.samples, issues)  # before the log names them
    for issue in issues:
        _logger.info("%s: %s", issue.kind, issue.message)
    say(f"Embedded: {len(prepared.samples)} photos, {prepared.cached_count} of them remembered from before")
    data = TrainingData(
        prepared.embeddings,
        prepared.labels,
        groups,
        fingerprint(prepared.samples),
        strangers,
        stranger_ids,
        prepared.in_conditions,
    )
    with timed("train", "Training and measuring"):
        info = networks.info
        if job.compare and networks.weights.parts:
            alone = facenet_alone(data)
            named = compare_networks(data, alone, job.config)
            if named["both"].count <= named["facenet"].count:
                data, info = alone, info_of_facenet(info, networks.weights)
            say(
                f"Of {named['both'].total} held-out faces, some with masks or blur drawn on, FaceNet alone names "
                f"{named['facenet'].count} correctly and both networks together {named['both'].count}: "
                + ("FaceNet alone is used" if info.id == "facenet" else "both are used")
            )
        outcome = train(
            data,
            job.config,
            profile_for(networks.weights, info, data.embeddings, data.student_ids),
            info,
            networks.described(),
            datetime.now(UTC),
        )
    with timed("report", "Writing the report"):
        files = build_report_files(
            outcome,
            data,
            issues=issues,
            how_counts=prepared.ways,
            dataset_dir=str(scanned.root),
            seconds=seconds,
            strangers_count=0 if strangers is None else len(strangers),
            left_out=_left_out(everybody.samples, prepared.labels),
        )
    with timed("publish", outcome.artifact.model_version):
        check = partial(_check_still_there, everybody.samples, issues)
        stored = publish(job.output_dir, outcome.artifact, files, job.signing_key, check=check)
    networks.forget_others([*prepared.samples, *(strange.samples if strange else ())])
    return TrainingResult(
        outcome=outcome,
        stored=stored,
        issues=issues,
        summary=files["training_summary.txt"].decode("utf-8"),
        seconds=seconds,
        photos=len(prepared.samples),
        cached=prepared.cached_count,
    )


class Networks:
    """Detector and embedder of one job, with the memory of what they made."""

    def __init__(self, job: TrainingJob) -> None:
        self.weights = weights = job.find_weights()
        embedder = build_embedder(weights, job.compute)
        detector = self._detector(job, job.detector.min_face_size)
        self.info = embedder.info
        self._limits, self._detect = job.limits, detector.detect
        self._key = detector_key(detector)
        self._cache = EmbeddingCache(job.cache_dir, embedder.info, self._key) if job.cache_dir else None
        self._embed: EmbedMissing = LocalEmbedding(partial(self._detector, job), embedder, job.limits)
        if job.elsewhere is not None:
            engines = [each.choice.engine if each.choice else job.compute.engine for each in (detector, embedder)]
            self._embed = job.elsewhere(EmbeddingMethod(weights, job.detector, job.limits, *engines))

    @staticmethod
    def _detector(job: TrainingJob, min_face_size: int) -> FaceDetector:
        return build_detector(replace(job.detector, min_face_size=min_face_size), job.compute)

    def prepare(self, samples: Sequence[Sample], progress: Callable[[int, int, int], None]) -> PreparedDataset:
        return prepare(samples, self._embed, self._cache, progress)

    def turn_of(self, sample: Sample) -> str | None:
        try:
            return turn_needed(read_image(sample.path, self._limits), self._detect)
        except InvalidImageError:  # deleted or replaced since
            return None

    def described(self) -> dict[str, str]:
        return {"id": FaceDetector.id, "settings": self._key}

    def forget_others(self, samples: Sequence[Sample]) -> None:
        """Embeddings of photos that are no longer there are personal data without a purpose: they go."""
        if self._cache is not None and self._cache.usable:
            self._cache.prune(sample.sha256 for sample in samples)


def _check_still_there(samples: Sequence[Sample], issues: Sequence[DatasetIssue]) -> None:
    """Raise TrainingError when somebody whom the new model or its report names was deleted while the training ran: they
    may have been erased, and publishing would bring them back. A later erasure finds the published model."""
    count = len(deleted_students(samples, issues))
    if count:
        raise TrainingError(
            f"the photos of {count} student{'s' * (count > 1)} were deleted while the training ran, so the new model "
            "is not put to use; the one before still is. Start the training again"
        )


def _left_out(samples: Sequence[Sample], trained: NDArray[np.str_]) -> dict[str, int]:
    """The students who are not trained on, and how many photos there are of each."""
    counts = Counter(sample.student_id for sample in samples)
    in_model = set(trained.tolist())
    return {student: count for student, count in sorted(counts.items()) if student not in in_model}


def _check_output(folder: Path) -> None:
    """Fail before the long work, not after it."""
    try:
        make_private_folder(folder)
        probe = folder / ".write-test"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise TrainingError(
            f"the model folder {folder} cannot be written: {error.strerror or error}. Correct its permissions, or "
            "name another one with --output"
        ) from error


@contextmanager
def _timed(seconds: dict[str, float], begin: BeginStage, stage: str, message: str) -> Iterator[None]:
    begin(stage, message)
    start = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - start
