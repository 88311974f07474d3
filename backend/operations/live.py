"""The recognizer of the server: real networks, and the model that training puts into the model folder."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from attendance.frames_taken import older_model
from errors import ModelError, ModelNotFoundError
from operations.cameras import Camera, Cameras
from recognizer.artifact import MODEL_FILE
from recognizer.assembly import build_detector, build_embedder
from recognizer.classifier import FaceClassifier
from recognizer.compute import Compute
from recognizer.crops import whole_image_face
from recognizer.detector import DetectorConfig, FaceDetector
from recognizer.drawn_face import drawn_face
from recognizer.embeddings import FaceEmbedder
from recognizer.loader import ClassifierLoader, LoaderStatus
from recognizer.pipeline import MAX_FACES, FaceRecognizer
from recognizer.reading import load_artifact
from recognizer.types import DetectedFace, EmbedderInfo, RecognitionResult, RGBImage
from recognizer.weights import EMBEDDERS, WeightsFile

_WARM_UP_ROUNDS = 2
_CROWDS = (1, 2, 4, 8)  # faces; with their mirror images twice as many crops

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LiveConfig:
    """model_dir: where training publishes. embedder: one of ``EMBEDDERS``, or ``auto`` for the one that the model
    there was trained with, or the best there is where there is none yet. poll_seconds: between two looks for a new
    model."""

    model_dir: Path
    embedder: str = "auto"
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    max_faces: int = MAX_FACES
    compute: Compute = field(default_factory=Compute)
    signing_key: bytes | None = None
    poll_seconds: float = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class _Networks:
    detector: FaceDetector
    embedder: FaceEmbedder
    loader: ClassifierLoader[FaceClassifier]
    recognizer: FaceRecognizer


class LiveRecognizer:
    """See ``operations.recognition.Recognizer``. Without a usable model it starts all the same: faces are found and
    enrolled, and the first model that training writes is taken into use.

    The embedder stays the same while the server runs. A model that was trained with another is refused, and
    ``model_status`` says so.
    """

    def __init__(self, config: LiveConfig, find_weights: Callable[[str], WeightsFile]) -> None:
        """find_weights: gives the weights of ``facenet``, ``dlib``, ``both``, ``onnx`` or ``auto``."""
        self._config, self._find_weights = config, find_weights
        self._lock = threading.Lock()
        self._networks: _Networks | None = None
        self._cameras = Cameras()

    def start(self) -> None:
        """Load everything and try it on a drawn face; again does nothing. Raises WeightsError, ConfigurationError."""
        with self._lock:
            if self._networks is not None:
                return
            networks = self._load()
            _warm_up(networks)
            networks.loader.start_watching()
            self._networks = networks

    def close(self) -> None:
        with self._lock:
            self._cameras.forget_all()
            if self._networks is not None:
                self._networks.loader.close()

    @property
    def detector(self) -> FaceDetector:
        return self._started.detector

    @property
    def embedder(self) -> FaceEmbedder:
        return self._started.embedder

    @property
    def embedder_info(self) -> EmbedderInfo:
        """Of the network in use: what a model must be trained with to be taken into use."""
        return self._started.embedder.info

    def recognize(
        self,
        image: RGBImage,
        *,
        among: frozenset[str] | None = None,
        without: frozenset[str] = frozenset(),
        camera: Camera | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> RecognitionResult:
        """check: as ``FaceRecognizer.recognize`` takes it."""
        recognizer = self._started.recognizer
        if camera is None:
            return recognizer.recognize(image, among=among, without=without, check=check)
        if 0 < self._started.loader.catch_up(camera.model_at_least) < camera.model_at_least:
            raise older_model()
        return recognizer.recognize(
            image,
            among=among,
            without=without,
            tracker=self._cameras.tracker(camera),
            captured_at=camera.captured_at,
            check=check,
        )

    def detect(self, image: RGBImage) -> tuple[DetectedFace, ...]:
        return self._started.detector.detect(image)

    def model_status(self) -> LoaderStatus:
        return self._started.loader.status()

    def reload(self) -> LoaderStatus:
        """Look at the model file now instead of at the next look: for who has just published or activated one."""
        with suppress(ModelError):  # then it is in the status
            self._started.loader.load_now()
        return self.model_status()

    @property
    def _started(self) -> _Networks:
        if self._networks is None:
            raise RuntimeError("the recognizer was not started")
        return self._networks

    def _load(self) -> _Networks:
        config = self._config
        embedder = build_embedder(self._find_weights(self._choice()), config.compute)
        detector = build_detector(config.detector, config.compute)
        loader = ClassifierLoader(
            config.model_dir / MODEL_FILE,
            build=FaceClassifier,
            embedder=embedder.info,
            signing_key=config.signing_key,
            poll_seconds=config.poll_seconds,
        )
        try:
            loader.load_now()
        except ModelNotFoundError:
            _logger.warning("there is no model in %s yet; frames are refused until one is trained", config.model_dir)
        except ModelError:
            pass  # logged by the loader, and in the status
        return _Networks(
            detector, embedder, loader, FaceRecognizer(detector, embedder, loader, max_faces=config.max_faces)
        )

    def _choice(self) -> str:
        if self._config.embedder != "auto":
            return self._config.embedder
        try:
            artifact, _ = load_artifact(self._config.model_dir / MODEL_FILE, signing_key=self._config.signing_key)
        except ModelError:
            return "auto"  # none yet, or none that can be used: the loader says which
        needed = artifact.embedder
        return needed.id if needed is not None and needed.id in EMBEDDERS else "auto"


def _warm_up(networks: _Networks) -> None:
    image = drawn_face()
    for _ in range(_WARM_UP_ROUNDS):
        faces = networks.detector.detect(image)
        networks.embedder.embed(image, faces)
    # each size of batch has a network of its own, which is made when it is first needed
    for count in _CROWDS:
        networks.embedder.embed_crops(networks.embedder.cut(image, [whole_image_face(image)] * count))
    if not faces:
        _logger.warning("the drawn face was not found; the first frame will take longer than the next")
    if networks.loader.status().current is not None:
        networks.recognizer.recognize(image)
