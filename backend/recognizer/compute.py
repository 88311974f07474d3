"""Where the networks run: plain values that the settings give and the engines follow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from recognizer.weights import default_cache_dir

ENGINES = ("auto", "torch", "openvino")
FOLDER = "networks"


@dataclass(frozen=True, slots=True)
class Compute:
    """device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``. engine: ``torch``, ``openvino`` (on the processor
    only), ``auto`` for the one that was measured to be the fastest here, or one by the name that another machine's
    ``engines.choice.Choice`` gives it. threads: cores for the networks, 0 for the engine's choice. folder: where
    converted networks and what was measured are kept; None for nowhere."""

    device: str = "auto"
    engine: str = "auto"
    threads: int = 0
    folder: Path | None = None


class ComputeSettings(Protocol):
    """The settings that say where the networks run; ``config.Settings`` has them."""

    @property
    def device(self) -> str: ...
    @property
    def engine(self) -> str: ...
    @property
    def threads(self) -> int: ...
    @property
    def engine_dir(self) -> Path | None: ...
    @property
    def cache_dir(self) -> Path | None: ...


def compute_of(settings: ComputeSettings) -> Compute:
    """What ``settings`` say."""
    folder = settings.engine_dir or (settings.cache_dir or default_cache_dir()) / FOLDER
    return Compute(settings.device, settings.engine, settings.threads, folder)
