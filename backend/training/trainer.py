"""From prepared embeddings to a measured model: split, fit, find thresholds, measure, refit on everything.

Nothing in here reads or writes files, and nothing depends on the time of day: the same embeddings and the same seed
give the same metrics, byte for byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray

from errors import TrainingError
from recognizer.artifact import FORMAT_VERSION, ClassifierArtifact, embedder_metadata, new_model_version
from recognizer.classifier import FaceClassifier
from recognizer.scoring import CONDITION_PREFIX, ConditionGallery, Gallery, build_gallery
from recognizer.types import EmbedderInfo, FloatArray
from training.calibration import Thresholds, condition_galleries, find_thresholds, genuine_scores
from training.conditions import CONDITIONS
from training.evaluation import Rate
from training.fitting import CLASSIFIERS, fit_scaler_and_classifier
from training.measurement import EvaluationReport, measure
from training.methods import compare_methods
from training.profiles import EmbedderProfile
from training.split import DatasetSplit, split_by_student

MAX_SEED = 2**32 - 1  # scikit-learn takes no larger one


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
            raise TrainingError(
                f"max FPIR is a share between 0 and 1 (0.01 is one stranger in a hundred), got {self.max_fpir:g}"
            )
        if self.min_images < 1:
            raise TrainingError(f"min images must be at least 1, got {self.min_images}")
        if not 0 <= self.seed <= MAX_SEED:
            raise TrainingError(f"the seed must be a number from 0 to {MAX_SEED}, got {self.seed}")


@dataclass(frozen=True, slots=True, eq=False)
class TrainingData:
    """embeddings: (n, d) float32, norm 1. student_ids: (n,) str. groups: (n,) int, near duplicates share a number.
    strangers: (m, d) embeddings of people who are not students, if there are any. stranger_ids: (m,) str, photos of
    one stranger share one; None when nothing is known of that. in_conditions: (n, c, d) embeddings of the same photos
    in each of ``training.conditions.CONDITIONS``; None where they were not made."""

    embeddings: FloatArray
    student_ids: NDArray[np.str_]
    groups: NDArray[np.integer[Any]]
    fingerprint: str
    strangers: FloatArray | None = None
    stranger_ids: NDArray[np.str_] | None = None
    in_conditions: FloatArray | None = None

    def __post_init__(self) -> None:
        """Raises ValueError when the parts do not fit together or an embedding is none."""
        n = len(self.embeddings)
        if self.embeddings.ndim != 2 or self.student_ids.shape != (n,) or self.groups.shape != (n,):
            raise ValueError(
                f"expected embeddings (n, d), student_ids (n,), groups (n,), got {self.embeddings.shape}, "
                f"{self.student_ids.shape}, {self.groups.shape}"
            )
        _check_norms(self.embeddings, "embeddings")
        if self.strangers is not None:
            if self.strangers.ndim != 2 or self.strangers.shape[1] != self.embeddings.shape[1]:
                raise ValueError(f"expected strangers (m, {self.embeddings.shape[1]}), got {self.strangers.shape}")
            _check_norms(self.strangers, "strangers")
            if self.stranger_ids is not None and self.stranger_ids.shape != (len(self.strangers),):
                raise ValueError(f"expected stranger_ids ({len(self.strangers)},), got {self.stranger_ids.shape}")


def _check_norms(embeddings: FloatArray, name: str) -> None:
    # one NaN in one photo would turn its student's gallery, and every score against it, into NaN
    wrong = np.flatnonzero(~(np.abs(np.linalg.norm(embeddings, axis=1) - 1) < 1e-3))
    if len(wrong):
        raise ValueError(f"{name} must have norm 1; {len(wrong)} of {len(embeddings)} do not, the first is {wrong[0]}")


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
    classes, labels, split = divided(data, config.seed)
    report = _measure_on_held_out(data, labels, classes, split, config, profile)
    model = _Fitted.fit(data, labels, classes, np.arange(len(labels)), config, profile)
    metadata = {
        "format_version": FORMAT_VERSION,
        "model_version": new_model_version(created_at, _digest(data, config)),
        "created_at": created_at.isoformat(timespec="seconds"),
        "embedder": embedder_metadata(embedder),
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
    genuine = genuine_scores(data.embeddings, labels, data.groups, model.thresholds.scoring)
    return TrainingOutcome(model.artifact(metadata), model.thresholds, report, split, genuine)


def divided(data: TrainingData, seed: int) -> tuple[NDArray[np.str_], NDArray[np.intp], DatasetSplit]:
    """The students, which of them each photo shows, and what is held out of the photos. Raises TrainingError when
    nothing can be measured."""
    classes, labels = np.unique(data.student_ids, return_inverse=True)
    if len(classes) < 2:
        raise TrainingError(f"at least 2 students are needed to tell people apart, got {len(classes)}")
    split = split_by_student(labels, data.groups, seed)
    if not len(split.test):
        raise TrainingError(
            "no student has two different photos, so nothing can be held out to measure; add photos taken at "
            "different times"
        )
    return classes, labels, split


@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    scaler: Any
    model: Any
    gallery: Gallery
    conditions: Mapping[str, ConditionGallery]
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
        gallery = build_gallery(embeddings, own, len(classes))
        conditions = {}
        if data.in_conditions is not None:
            conditions = condition_galleries(gallery, embeddings, data.in_conditions[photos], own)
        thresholds = find_thresholds(
            embeddings,
            own,
            data.groups[photos],
            profile,
            conditions=tuple(conditions.values()),
            threshold_percentile=config.threshold_percentile,
            max_fpir=config.max_fpir,
            strangers=data.strangers,
        )
        return cls(scaler, model, gallery, conditions, thresholds, classes)

    def artifact(self, metadata: dict[str, Any]) -> ClassifierArtifact:
        return ClassifierArtifact(
            model=self.model,
            scaler=self.scaler,
            classes=self.classes,
            threshold=self.thresholds.accept,
            review_threshold=self.thresholds.review,
            scoring={
                **self.thresholds.scoring.as_dict(),
                "conditions": {name: each.angle_scale for name, each in self.conditions.items()},
            },
            calibration=self.thresholds.calibration,
            gallery={
                **self.gallery.as_dict(),
                **{
                    CONDITION_PREFIX + name: each.centroids.astype(np.float16) for name, each in self.conditions.items()
                },
            },
            metadata=metadata,
        )


def _measure_on_held_out(
    data: TrainingData,
    labels: NDArray[np.intp],
    classes: NDArray[np.str_],
    split: DatasetSplit,
    config: TrainingConfig,
    profile: EmbedderProfile,
) -> EvaluationReport:
    # Real strangers are divided too: thresholds may look at one half only, the other measures.
    seen = unseen = None
    if data.strangers is not None and len(data.strangers) > 1:
        second = _second_half(len(data.strangers), data.stranger_ids)
        seen, unseen = data.strangers[~second], data.strangers[second]
    halved = replace(data, strangers=seen, stranger_ids=None)
    fitted = _Fitted.fit(halved, labels, classes, split.train, config, profile)
    probes, truth = data.embeddings[split.test], labels[split.test]
    methods = compare_methods(
        data.embeddings[split.train],
        labels[split.train],
        classes,
        probes,
        truth,
        unseen,
        fitted.thresholds.scoring,
        fitted.scaler,
        fitted.model,
        config.seed,
    )
    classifier = FaceClassifier(fitted.artifact({}))
    report = measure(classifier, fitted.gallery, fitted.thresholds, probes, truth, unseen, methods)
    if data.in_conditions is None:
        return report
    drawn = data.in_conditions[split.test]
    return replace(
        report,
        in_conditions={name: _named(classifier, drawn[:, i], classes[truth]) for i, name in enumerate(CONDITIONS)},
    )


def _named(classifier: FaceClassifier, probes: FloatArray, names: NDArray[np.str_]) -> Rate:
    answers = classifier.identify(probes)
    right = sum(answer.student_id == name for answer, name in zip(answers, names, strict=True))
    return Rate(right, len(answers))


def _second_half(count: int, ids: NDArray[np.str_] | None) -> NDArray[np.bool_]:
    """(count,) mask of every other stranger; all photos of one stranger are on one side, where it is known whose
    they are and there is more than one."""
    who = np.arange(count) if ids is None else np.unique(ids, return_inverse=True)[1].reshape(-1)
    if who.max() == 0:
        who = np.arange(count)
    return np.asarray(who % 2 == 1)


def _digest(data: TrainingData, config: TrainingConfig) -> str:
    """Names the model's content: the photos and strangers, their embeddings, and the settings."""
    digest = hashlib.sha256(data.fingerprint.encode())
    digest.update(np.ascontiguousarray(data.embeddings).tobytes())
    if data.strangers is not None:
        digest.update(np.ascontiguousarray(data.strangers).tobytes())
    digest.update(repr(config).encode())
    return digest.hexdigest()
