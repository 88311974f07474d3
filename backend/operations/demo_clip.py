"""The clip that stands in for a camera in the demo: numbered JPEG files, and what is said of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from errors import NotFoundError

LISTING = "clip.json"


def listing(folder: Path | None) -> dict[str, Any]:
    """``fps``, ``size`` [width, height], ``people`` (student id -> name) and ``frames``, each with its ``file`` and who
    is ``in_view``. folder: of the clip; None where there is none. Raises NotFoundError."""
    if folder is None:
        raise NotFoundError("this server is no demo: it has no clip to show instead of a camera", code="no_clip")
    try:
        content = json.loads((folder / LISTING).read_bytes())
    except (OSError, ValueError) as error:
        raise _gone() from error
    if not isinstance(content, dict):
        raise _gone()
    return content


def frame(folder: Path | None, number: int) -> bytes:
    """Frame ``number`` of the clip, counted from 1, JPEG. Raises NotFoundError."""
    count = len(listing(folder).get("frames", ()))
    if folder is None or not 1 <= number <= count:
        raise NotFoundError(f"the clip has frames 1 to {count}", code="no_frame")
    try:
        return (folder / f"{number:04d}.jpg").read_bytes()
    except OSError as error:
        raise _gone() from error


def _gone() -> NotFoundError:
    return NotFoundError(
        "the clip cannot be read; name its folder by SMARTATTENDANCE_DEMO_CLIP, or start the demo again", code="no_clip"
    )
