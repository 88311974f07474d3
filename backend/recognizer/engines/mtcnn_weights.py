"""Which weights MTCNN has: those in the package facenet-pytorch, which need not be imported to know it."""

from __future__ import annotations

import hashlib
import importlib.util
from functools import cache
from pathlib import Path

from errors import WeightsError
from recognizer.types import FloatArray

NETWORKS = ("pnet", "rnet", "onet")


@cache
def mtcnn_sha256() -> str:
    """Of the weights that facenet-pytorch carries."""
    folder, digest = _folder(), hashlib.sha256()
    for name in NETWORKS:
        digest.update((folder / f"{name}.pt").read_bytes())
    return digest.hexdigest()


def mtcnn_numbers(name: str) -> dict[str, FloatArray]:
    """The weights of one of ``NETWORKS``."""
    import torch

    state = torch.load(_folder() / f"{name}.pt", map_location="cpu", weights_only=True)
    return {each: tensor.float().numpy() for each, tensor in state.items()}


def _folder() -> Path:
    found = importlib.util.find_spec("facenet_pytorch")
    if found is None or not found.submodule_search_locations:
        raise WeightsError("the package facenet-pytorch, which carries MTCNN's weights, is not installed")
    return Path(found.submodule_search_locations[0]) / "data"
