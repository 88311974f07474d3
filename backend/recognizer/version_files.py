"""What lies beside a model, read and written by whoever changes it: what is missing or damaged is read as nothing."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recognizer.manifest import sha256_of


def text(path: Path) -> str:
    """A text file's content; "" when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def json_object(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None when there is none."""
    try:
        content = json.loads(text(path))
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def array(path: Path) -> NDArray[Any] | None:
    """The array in a ``.npy`` file; None when there is none."""
    try:
        found = np.load(path, allow_pickle=False)
    except Exception:  # of a damaged header numpy raises whatever Python's parser does
        return None
    return found if isinstance(found, np.ndarray) else None


def names(path: Path) -> list[str]:
    """The student ids in a ``.npy`` file; none when it is no list of them."""
    found = array(path)
    return [] if found is None or found.ndim != 1 else [str(name) for name in found]


def as_npy(content: NDArray[Any]) -> bytes:
    """``content`` as a ``.npy`` file."""
    stream = io.BytesIO()
    np.save(stream, content, allow_pickle=False)
    return stream.getvalue()


def sha256(path: Path) -> str | None:
    """Of a file's bytes, in hexadecimal digits; None when it cannot be read."""
    try:
        return sha256_of(path.read_bytes())
    except OSError:
        return None
