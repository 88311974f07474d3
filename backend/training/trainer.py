"""From prepared embeddings to a measured model: split, fit, find thresholds, measure, refit on everything.

Nothing in here reads or writes files, and nothing depends on the time of day: the same embeddings and the same seed
give the same metrics, byte for byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray

from errors import TrainingError
from recognizer.artifact import FORMAT_VERSION, ClassifierArtifact
from recognizer.classifier import FaceClassifier
from recognizer.history import new_model_version
from recognizer.scoring import Gallery, build_gallery
from recognizer.types import Decision, EmbedderInfo, FloatArray
from training.calibration import Thresholds, find_thresholds, genuine_scores
from training.evaluation import LookAlikes, OpenSetScores, Rate, StudentResult, worst_pairs
from training.fitting import CLASSIFIERS, fit_scaler_and_classifier
from training.methods import compare_methods
from training.profiles import EmbedderProfile
from training.split import DatasetSplit, split_by_student


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """classifier: ``svm`` or ``logistic``. threshold_percentile: percent of genuine held-out faces to accept, 50..100;
    lower is stricter. max_fpir: highest share of strangers accepted, above 0, below 1. min_images: students with
    fewer usable photos are left out."""

    classifier: str = "svm"
    threshold_percentile: float = 95.0
    max_fpir: float = 0.01
    min_images: int = 2
    seed: int = 42

    def __post_init__(self) -> None:
        if self.classifier not in CLASSIFIERS:
            raise TrainingError(f"classifier must be one of {', '.join(CLASSIFIERS)}, got {self.classifier!r}")
        if not 50 <= self.threshold_percentile <= 100:
            raise TrainingError(
                f"threshold percentile must lie between 50 and 100 (90 strict, 95 usual, 98 lenient), "
                f"got {self.threshold_percentile:g}"
            )
        if not 0 < self.max_fpir < 1:
            raise TrainingError(f"max FPIR is a share between 0 and 1 (0.01 is one stranger in a hundred), "
                                f"got {self.max_fpir:g}")
        if self.min_images < 1:
            raise TrainingError(f"min images must be at least 1, got {self.min_images}")
        if self.seed < 0:
            raise TrainingError(f"the seed must be 0 or more, got {self.seed}")


@dataclass(frozen=True, slots=True, eq=False)
class TrainingData:
    """embeddings: (n, d) float32, norm 1. student_ids: (n,) str. groups: (n,) int, near duplicates share a number.
    strangers: (m, d) embeddings of people who are not students, if there are any."""

    embeddings: FloatArray
    student_ids: NDArray[np.str_]
    groups: NDArray[np.integer[Any]]
    fingerprint: str
    strangers: FloatArray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationReport:
    """What was measured on photos that the measured model had not seen.

    scores: of the delivered kind of model on held-out probes; strangers are real ones where given, else each probe
    against the gallery without its own student. methods: the same probes scored in other ways."""

    rank1: Rate
    tpir: Rate
    misnamed: Rate
    review: Rate
    stranger_fpir: Rate
    left_out_fpir: Rate
    measured_thresholds: Thresholds
    scores: OpenSetScores
    strangers_are_real: bool
    students: tuple[StudentResult, ...]
    pairs: tuple[LookAlikes, ...]
    methods: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain and JSON-ready; free of times, so equal for equal data and seed."""
        return {
            "rank1": self.rank1.as_dict(),
            "tpir": self.tpir.as_dict(),
            "misnamed": self.misnamed.as_dict(),
            "review": self.review.as_dict(),
            "stranger_fpir": self.stranger_fpir.as_dict(),
            "left_out_fpir": self.left_out_fpir.as_dict(),
            "det": self.scores.det(),
            "strangers": "real" if self.strangers_are_real else "students left out in turn",
            "thresholds": self.measured_thresholds.as_dict(),
            "students": [student.as_dict() for student in self.students],
            "look_alikes": [asdict(pair) for pair in self.pairs],
            "methods": {name: dict(row) for name, row in self.methods.items()},
        }


@dataclass(frozen=True, slots=True, eq=False)
class TrainingOutcome:
    """artifact: refit on everything. thresholds: the artifact's. report: measured on the held-out part. genuine:
    (n,) held-out score of every photo against its own student, NaN where there is only one."""

    artifact: ClassifierArtifact
    thresholds: Thresholds
    report: EvaluationReport
    split: DatasetSplit
    genuine: FloatArray


def train(
    data: TrainingData,
    config: TrainingConfig,
    profile: EmbedderProfile,
    embedder: EmbedderInfo,
    detector: Mapping[str, Any],
    created_at: datetime,
) -> TrainingOutcome:
    """Train on everything, after measuring on a held-out fifth. Raises TrainingError when nothing can be measured."""
    classes, labels = np.unique(data.student_ids, return_inverse=True)
    if len(classes) < 2:
        raise TrainingError(f"at least 2 students are needed to tell people apart, got {len(classes)}")
    split = split_by_student(labels, data.groups, config.seed)
    if not len(split.test):
        raise TrainingError(
            "no student has two different photos, so nothing can be held out to measure; add photos taken at "
            "different times"
        )
    report = _measure(data, labels, classes, split, config, profile)
    model = _Fitted.fit(data, labels, classes, np.arange(len(labels)), config, profile)
    metadata = {
        "format_version": FORMAT_VERSION,
        "model_version": new_model_version(created_at, _digest(data, config)),
        "created_at": created_at.isoformat(timespec="seconds"),
        "embedder": {**asdict(embedder), "crop_recipe": dict(embedder.crop_recipe), "signature": list(embedder.signature)},
        "detector": dict(detector),
        "sklearn_version": sklearn.__version__,
        "numpy_version": np.__version__,
        "config": asdict(config),
        "seed": config.seed,
        "dataset_fingerprint": data.fingerprint,
        "students": len(classes),
        "photos": len(labels),
        "thresholds": model.thresholds.as_dict(),
        "profile_origin": dict(profile.origin),
        "metrics": report.as_dict(),
    }
    genuine = genuine_scores(data.embeddings, labels, data.groups, profile.scoring).scores
    return TrainingOutcome(model.artifact(profile, metadata), model.thresholds, report, split, genuine)


@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    scaler: Any
    model: Any
    gallery: Gallery
    thresholds: Thresholds
    classes: NDArray[np.str_]

    @classmethod
    def fit(
        cls,
        data: TrainingData,
        labels: NDArray[np.intp],
        classes: NDArray[np.str_],
        photos: NDArray[np.intp],
        config: TrainingConfig,
        profile: EmbedderProfile,
    ) -> _Fitted:
        embeddings, own = data.embeddings[photos], labels[photos]
        scaler, model = fit_scaler_and_classifier(config.classifier, embeddings, own, classes, config.seed)
        thresholds = find_thresholds(
            embeddings,
            own,
            data.groups[photos],
            profile,
            threshold_percentile=config.threshold_percentile,
            max_fpir=config.max_fpir,
            strangers=data.strangers,
        )
        return cls(scaler, model, build_gallery(embeddings, own, len(classes)), thresholds, classes)

    def artifact(self, profile: EmbedderProfile, metadata: dict[str, Any]) -> ClassifierArtifact:
        return ClassifierArtifact(
            model=self.model,
            scaler=self.scaler,
            classes=self.classes,
            threshold=self.thresholds.accept,
            review_threshold=self.thresholds.review,
            scoring=profile.scoring.as_dict(),
            calibration=self.thresholds.calibration,
            gallery=self.gallery.as_dict(),
            metadata=metadata,
        )


def _measure(
    data: TrainingData,
    labels: NDArray[np.intp],
    classes: NDArray[np.str_],
    split: DatasetSplit,
    config: TrainingConfig,
    profile: EmbedderProfile,
) -> EvaluationReport:
    # Real strangers are divided too: thresholds may look at one half only, the other measures.
    seen = unseen = None
    if data.strangers is not None and len(data.strangers):
        seen, unseen = data.strangers[::2], data.strangers[1::2]
    halved = TrainingData(data.embeddings, data.student_ids, data.groups, data.fingerprint, seen)
    fitted = _Fitted.fit(halved, labels, classes, split.train, config, profile)
    classifier = FaceClassifier(fitted.artifact(profile, {}))

    probes, truth = data.embeddings[split.test], labels[split.test]
    identities = classifier.identify(probes)
    position = {name: index for index, name in enumerate(classifier.classes)}
    named = np.array([-1 if i.student_id is None else position[i.student_id] for i in identities])
    uncertain = np.array([i.decision is Decision.UNCERTAIN for i in identities])
    ranked = classifier.rank(probes)
    correct = ranked == truth
    accept = np.array([i.score if i.agreed else -np.inf for i in identities], dtype=np.float32)

    adjusted = probes @ fitted.gallery.centroids.T - fitted.gallery.offsets(profile.scoring)
    others = adjusted.copy()
    others[np.arange(len(truth)), truth] = -np.inf
    left_out = others.max(axis=1)
    threshold = fitted.thresholds.accept
    real = unseen is not None and len(unseen) > 0
    if unseen is not None and real:
        answers = classifier.identify(unseen)
        strangers = np.array([a.score if a.agreed else -np.inf for a in answers], dtype=np.float32)
    else:
        strangers = left_out
    return EvaluationReport(
        rank1=Rate(int(correct.sum()), len(truth)),
        tpir=Rate(int((named == truth).sum()), len(truth)),
        misnamed=Rate(int(((named >= 0) & (named != truth)).sum()), len(truth)),
        review=Rate(int(uncertain.sum()), len(truth)),
        stranger_fpir=Rate(int((strangers > threshold).sum()), len(strangers)) if real else Rate(0, 0),
        left_out_fpir=Rate(int((left_out > threshold).sum()), len(left_out)),
        measured_thresholds=fitted.thresholds,
        scores=OpenSetScores(accept, correct, strangers),
        strangers_are_real=real,
        students=_by_student(classes, truth, named, uncertain, correct),
        pairs=worst_pairs(adjusted, truth, classes),
        methods=compare_methods(
            data.embeddings[split.train], labels[split.train], classes, probes, truth, unseen if real else None,
            profile.scoring, fitted.scaler, fitted.model, config.seed,
        ),
    )


def _by_student(
    classes: NDArray[np.str_],
    truth: NDArray[np.intp],
    named: NDArray[np.intp],
    uncertain: NDArray[np.bool_],
    correct: NDArray[np.bool_],
) -> tuple[StudentResult, ...]:
    rows = []
    for index, name in enumerate(classes):
        own = truth == index
        right = int((named[own] == index).sum())
        wrong = int(((named[own] >= 0) & (named[own] != index)).sum())
        doubtful = int(uncertain[own].sum())
        photos = int(own.sum())
        rows.append(
            StudentResult(
                student_id=str(name),
                photos=photos,
                named=right,
                uncertain=doubtful,
                unknown=photos - right - wrong - doubtful,
                misnamed=wrong,
                rank1=int(correct[own].sum()),
            )
        )
    return tuple(rows)


def _digest(data: TrainingData, config: TrainingConfig) -> str:
    """Names the model's content: the photos, their embeddings and the settings."""
    digest = hashlib.sha256(data.fingerprint.encode())
    digest.update(np.ascontiguousarray(data.embeddings).tobytes())
    digest.update(repr(config).encode())
    return digest.hexdigest()
