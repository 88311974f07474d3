"""Picture in, identities out: detect, embed, classify, each once, with the time each took."""

from __future__ import annotations

import time
from typing import Protocol

from recognizer.classifier import FaceClassifier
from recognizer.detector import FaceDetector
from recognizer.embeddings import FaceEmbedder
from recognizer.types import RecognitionResult, RecognizedFace, RGBImage, check_image

# One frame of a lecture hall; beyond this a single picture would hold up everybody else's.
MAX_FACES = 64


class ModelSource(Protocol):
    """Where the pipeline finds the model of the moment: a ClassifierLoader, or a fixed model in tests."""

    def snapshot(self) -> tuple[FaceClassifier, str]:
        """The classifier in use and its model version, taken together."""
        ...


class FaceRecognizer:
    """Thread-safe: it holds no state of its own, and one call uses one model from beginning to end."""

    def __init__(
        self, detector: FaceDetector, embedder: FaceEmbedder, models: ModelSource, *, max_faces: int = MAX_FACES
    ) -> None:
        self.detector = detector
        self.embedder = embedder
        self._models = models
        self._max_faces = max_faces

    def recognize(
        self, image: RGBImage, *, among: frozenset[str] | None = None, without: frozenset[str] = frozenset()
    ) -> RecognitionResult:
        """Everybody in ``image`` (H, W, 3) uint8, largest face first.

        among, without: whom the faces may be named as, as ``FaceClassifier.identify`` takes them.
        Faces beyond ``max_faces`` are counted, not embedded. Raises ModelNotFoundError when no model is loaded.
        """
        check_image(image)
        classifier, version = self._models.snapshot()
        start = time.perf_counter()
        found = self.detector.detect(image)
        detected = time.perf_counter()
        faces = found[: self._max_faces]
        embeddings = self.embedder.embed(image, faces)
        embedded = time.perf_counter()
        if among is None and not without:
            identities = classifier.identify(embeddings)
        else:
            identities = classifier.identify(embeddings, among=among, without=without)
        end = time.perf_counter()
        return RecognitionResult(
            faces=tuple(RecognizedFace(*pair) for pair in zip(faces, identities, strict=True)),
            image_size=(image.shape[1], image.shape[0]),
            model_version=version,
            milliseconds={
                "detect": 1000 * (detected - start),
                "embed": 1000 * (embedded - detected),
                "classify": 1000 * (end - embedded),
                "total": 1000 * (end - start),
            },
            skipped_faces=len(found) - len(faces),
        )
