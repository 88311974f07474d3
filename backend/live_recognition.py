"""The recognizer that the settings describe: networks, model and limits, in this process."""

from __future__ import annotations

import logging
from pathlib import Path

from config import Settings
from operations.live import LiveConfig, LiveRecognizer
from recognizer.compute import compute_of
from recognizer.detector import DetectorConfig
from recognizer.weights import WeightsFile, default_cache_dir, resolve_weights

_logger = logging.getLogger(__name__)


def signing_key(settings: Settings) -> bytes | None:
    return None if settings.model_signing_key is None else settings.model_signing_key.encode()


def live_recognizer(settings: Settings, model_dir: Path | None = None) -> LiveRecognizer:
    """Not started yet. model_dir: where it reads models; default: the settings'."""

    def find_weights(choice: str) -> WeightsFile:
        return resolve_weights(
            choice,
            facenet_file=settings.facenet_weights,
            onnx_file=settings.onnx_weights,
            cache_dir=settings.cache_dir or default_cache_dir(),
            allow_download=settings.allow_download,
            progress=None,
            announce=_logger.info,
        )

    config = LiveConfig(
        model_dir=model_dir or settings.model_dir,
        embedder=settings.embedder,
        detector=DetectorConfig(
            min_face_size=settings.min_face_size,
            thresholds=settings.detector_thresholds,
            min_probability=settings.detector_min_probability,
        ),
        max_faces=settings.max_faces_per_image,
        compute=compute_of(settings),
        signing_key=signing_key(settings),
        poll_seconds=settings.model_poll_seconds,
    )
    return LiveRecognizer(config, find_weights)
