"""The demo's clip as a camera plays it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Frame:
    """in_view: external ids of those who can be seen in it."""

    path: Path
    in_view: frozenset[str]


@dataclass(frozen=True, slots=True)
class Clip:
    """fps: frames a second. people: external id -> name, strangers included."""

    fps: float
    people: Mapping[str, str]
    frames: tuple[Frame, ...]

    @property
    def seconds(self) -> float:
        return len(self.frames) / self.fps


def read_clip(folder: Path) -> Clip:
    """The clip in ``folder``. Raises ConfigurationError when there is none."""
    try:
        content = json.loads((folder / "clip.json").read_bytes())
        frames = tuple(Frame(folder / each["file"], frozenset(each["in_view"])) for each in content["frames"])
        return Clip(float(content["fps"]), dict(content["people"]), frames)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"there is no clip in {folder}; start the demo first, which draws it") from error
