"""Which network compares the demo's faces: chosen once, when the demo is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from config import Settings
from errors import WeightsError
from recognizer.weights import WeightsFile, default_cache_dir, resolve_weights
from training.progress import ProgressBar


def choose(settings: Settings, say: Callable[[str], None]) -> dict[str, Any]:
    """The embedder, and the file of its weights where it has one, as ``with_choice`` takes it. say: told once when it
    had to be looked for. Weights that a real server of this user has downloaded are used where they are;
    others are downloaded into the demo's own cache. Raises WeightsError, ConfigurationError."""
    found = _downloaded_before(settings) or _resolve(settings, say)
    return {
        "embedder": found.embedder_id,
        "facenet_weights": str(found.path) if found.embedder_id in ("facenet", "both") else None,
        "onnx_weights": str(found.path) if found.embedder_id == "onnx" else None,
    }


def with_choice(settings: Settings, choice: Mapping[str, Any]) -> Settings:
    """``settings`` with what ``choose`` gave, so that nothing is looked for again."""
    facenet, onnx = choice["facenet_weights"], choice.get("onnx_weights")  # demos of earlier versions know no ONNX
    return replace(
        settings,
        embedder=choice["embedder"],
        facenet_weights=None if facenet is None else Path(facenet),
        onnx_weights=None if onnx is None else Path(onnx),
        allow_download=False,
    )


def remark(settings: Settings, choice: Mapping[str, Any]) -> str | None:
    """What to say to somebody who asks for another network than the demo was made with."""
    asked = "facenet" if settings.facenet_weights is not None else settings.embedder
    if asked in ("auto", choice["embedder"]):
        return None
    return f"This demo was made with the network {choice['embedder']}; to have {asked}, remove the demo first."


def _downloaded_before(settings: Settings) -> WeightsFile | None:
    if settings.embedder in ("dlib", "both", "onnx") or (settings.facenet_weights or settings.onnx_weights) is not None:
        return None
    try:
        return resolve_weights(
            "facenet",
            facenet_file=None,
            cache_dir=default_cache_dir(),
            allow_download=False,
            progress=None,
            announce=lambda line: None,
        )
    except WeightsError:
        return None


def _resolve(settings: Settings, say: Callable[[str], None]) -> WeightsFile:
    with ProgressBar("FaceNet weights", unit="B") as progress:
        return resolve_weights(
            settings.embedder,
            facenet_file=settings.facenet_weights,
            onnx_file=settings.onnx_weights,
            cache_dir=settings.cache_dir or default_cache_dir(),
            allow_download=settings.allow_download,
            progress=progress,
            announce=say,
        )
