"""Which weights MTCNN has: those in the package facenet-pytorch, which need not be imported to know it."""

from __future__ import annotations

import hashlib
import importlib.util
from functools import cache
from pathlib import Path

from errors import WeightsError


@cache
def mtcnn_sha256() -> str:
    """Of the weights that facenet-pytorch carries."""
    found = importlib.util.find_spec("facenet_pytorch")
    if found is None or not found.submodule_search_locations:
        raise WeightsError("the package facenet-pytorch, which carries MTCNN's weights, is not installed")
    folder = Path(found.submodule_search_locations[0]) / "data"
    digest = hashlib.sha256()
    for name in ("pnet.pt", "rnet.pt", "onet.pt"):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()
