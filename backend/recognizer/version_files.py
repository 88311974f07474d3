"""What lies beside a model, read and written by whoever changes it: what is missing or damaged is read as nothing."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any, BinaryIO

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
        with path.open("rb") as file:
            shape, dtype = npy_header(file)
            # A header may promise any number of values of size 0, or more than memory holds.
            if not dtype.itemsize or math.prod(shape) * dtype.itemsize != path.stat().st_size - file.tell():
                return None
            file.seek(0)
            found: NDArray[Any] = np.load(file, allow_pickle=False)
            return found
    except Exception:  # a damaged header is parsed as Python text and fails in as many ways
        return None


def npy_header(file: BinaryIO) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype that a ``.npy`` file states. A damaged one raises nearly anything."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype


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
