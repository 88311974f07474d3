"""The training command in the process of a test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import train_production_model


def training_command(folder: Path, patch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs the command with dlib, and with a cache and a model folder (``output``) in ``folder``; its exit status."""
    patch.setenv("SMARTATTENDANCE_CACHE_DIR", str(folder / "cache"))
    patch.setenv("SMARTATTENDANCE_DATA_DIR", str(folder / "instance"))
    patch.delenv("DATABASE_URL", raising=False)
    patch.setenv("SMARTATTENDANCE_ALLOW_DOWNLOAD", "no")

    def call(dataset: Path, *more: str, output: str = "model") -> int:
        return train_production_model.main(
            ["--dataset", str(dataset), "--output", str(folder / output), "--embedder", "dlib", *more]
        )

    return call
