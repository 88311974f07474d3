"""A trained model with the networks it needs, ready to recognise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from errors import DatasetError, EmbedderMismatchError, TrainingError
from recognizer.artifact import MODEL_FILE, ClassifierArtifact
from recognizer.assembly import build_detector, build_embedder
from recognizer.classifier import FaceClassifier
from recognizer.compute import Compute
from recognizer.detector import DetectorConfig, FaceDetector
from recognizer.embeddings import FaceEmbedder
from recognizer.images import ImageLimits
from recognizer.loader import check_embedder
from recognizer.pipeline import MAX_FACES, FaceRecognizer
from recognizer.reading import load_artifact
from recognizer.types import ModelInfo
from recognizer.weights import WeightsFile
from training.cache import EmbeddingCache
from training.embedding import LocalEmbedding
from training.preparation import PreparedDataset, Progress, detector_key, prepare
from training.samples import DEFAULT_LIMITS, Sample

DEFAULT_DETECTOR = DetectorConfig()
DEFAULT_COMPUTE = Compute()


@dataclass(frozen=True, slots=True, eq=False)
class OpenedModel:
    """A model with the networks it needs. make_detector: builds a detector for a smallest face in pixels."""

    artifact: ClassifierArtifact
    info: ModelInfo
    classifier: FaceClassifier
    embedder: FaceEmbedder
    make_detector: Callable[[int], FaceDetector]
    detector_config: DetectorConfig
    limits: ImageLimits

    def snapshot(self) -> tuple[FaceClassifier, str, int]:
        """As ``recognizer.pipeline.ModelSource``."""
        return self.classifier, self.info.model_version, self.info.generation

    def recognizer(self, max_faces: int = MAX_FACES) -> FaceRecognizer:
        """The way of a live frame, with the smallest face that the settings ask for."""
        return FaceRecognizer(
            self.make_detector(self.detector_config.min_face_size), self.embedder, self, max_faces=max_faces
        )

    def cache_in(self, folder: Path) -> EmbeddingCache:
        """The cache that training fills with this model's networks."""
        detector = self.make_detector(self.detector_config.min_face_size)
        return EmbeddingCache(folder, self.embedder.info, detector_key(detector))

    def prepare(
        self, samples: tuple[Sample, ...], cache: EmbeddingCache | None, progress: Progress | None
    ) -> PreparedDataset:
        """``training.preparation.prepare`` with this model's networks. Raises DatasetError when no sample is usable."""
        try:
            embed = LocalEmbedding(self.make_detector, self.embedder, self.limits)
            return prepare(samples, embed, cache, progress)
        except TrainingError as error:
            raise DatasetError(str(error)) from error


def open_model(
    model_dir: Path,
    *,
    find_weights: Callable[[str], WeightsFile],
    embedder: str = "auto",
    detector_config: DetectorConfig = DEFAULT_DETECTOR,
    limits: ImageLimits = DEFAULT_LIMITS,
    compute: Compute = DEFAULT_COMPUTE,
    signing_key: bytes | None = None,
) -> OpenedModel:
    """The model of ``model_dir`` with the networks it was trained with.

    embedder: ``auto`` for the one that the model needs; naming another raises EmbedderMismatchError before anything is
    loaded or fetched. find_weights: gives the weights file of ``facenet``, ``dlib`` or ``onnx``. Raises ModelError and
    WeightsError as ``load_artifact`` and ``find_weights`` do.
    """
    artifact, info = load_artifact(model_dir / MODEL_FILE, signing_key=signing_key)
    needed = artifact.embedder
    if needed is None:
        raise EmbedderMismatchError("the model does not say which network it was trained with; train again")
    if embedder not in ("auto", needed.id):
        raise EmbedderMismatchError(
            f"the model was trained with the embedder {needed.id} and cannot be used with {embedder}. Leave "
            f"--embedder out, or train again with --embedder {embedder}"
        )
    classifier = FaceClassifier(artifact)
    built = build_embedder(find_weights(needed.id), compute)
    check_embedder(artifact, built.info)

    def make_detector(min_face_size: int) -> FaceDetector:
        return build_detector(replace(detector_config, min_face_size=min_face_size), compute)

    return OpenedModel(artifact, info, classifier, built, make_detector, detector_config, limits)
