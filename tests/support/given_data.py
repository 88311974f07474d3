"""The photos and FaceNet weights that lie beside the repository, where they are there."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "SMARTATTENDANCE_TEST_DATA"
_BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data"


def given_data() -> Path:
    """The folder, which may be missing."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else _BESIDE
