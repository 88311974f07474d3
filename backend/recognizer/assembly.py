"""Builds detector and embedder from plain values, the same way for commands, server and tests.

The engines are imported when something is built: torch takes seconds to import, and asking for help should not.
"""

from __future__ import annotations

from errors import ConfigurationError, WeightsError
from recognizer.crops import DLIB_RECIPE, FACENET_RECIPE
from recognizer.detector import DetectorConfig, FaceDetector
from recognizer.embeddings import FaceEmbedder
from recognizer.weights import NAMED_BY, WeightsFile


def build_detector(config: DetectorConfig, device: str = "auto") -> FaceDetector:
    """MTCNN with ``config``. device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``; see ``choose_device``."""
    from recognizer.engines.torch_engine import TorchMtcnn

    engine = TorchMtcnn(
        min_face_size=config.min_face_size,
        thresholds=config.thresholds,
        scale_factor=config.scale_factor,
        device=device,
    )
    return FaceDetector(engine, config)


def build_embedder(weights: WeightsFile, device: str = "auto") -> FaceEmbedder:
    """The network that ``weights`` belong to, with its crop recipe. Raises WeightsError when the file is not that
    network's, ConfigurationError for an unknown ``weights.embedder_id``."""
    from recognizer.engines.torch_engine import TorchDlib, TorchFaceNet

    if weights.embedder_id == "facenet":
        try:
            facenet = TorchFaceNet(weights.path, device)
        except WeightsError as error:
            raise WeightsError(f"{error}. {NAMED_BY}") from error
        return FaceEmbedder("facenet", facenet, FACENET_RECIPE, weights.sha256)
    if weights.embedder_id == "dlib":
        return FaceEmbedder("dlib", TorchDlib(weights.path, device), DLIB_RECIPE, weights.sha256)
    raise ConfigurationError(f"no embedder is called {weights.embedder_id!r}; there are facenet and dlib")


def load_engines() -> None:
    """Import the networks' library now rather than when it is first needed: seconds that nothing can shorten."""
    import recognizer.engines.torch_engine  # noqa: F401


def limit_threads(count: int) -> None:
    """Let torch use ``count`` cores in this process; 0 leaves the choice to torch."""
    if count > 0:
        from recognizer.engines.torch_engine import set_threads

        set_threads(count)
