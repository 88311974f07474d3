"""Somebody who sits before a camera and turns to the left now and then, as a clip that Chromium shows as its camera."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sample_class.portraits import developed
from sample_class.rendering import View, rendered
from sample_class.shot import shot_of

WIDTH, HEIGHT = 640, 480
# Radians to the viewer's right, which is the own left.
AHEAD, LEFT = 0.0, 0.42
# Chromium plays 30 a second; each picture is shown long enough to be judged and stored.
_REPEATED = 24
# Drawing is dear, so that each turn is drawn once, and shown from several places and in several lights.
_MARGIN = 24


def write_sitting(path: Path, person: int, pictures: int = 7) -> None:
    """Write ``path`` (MJPEG): ``pictures`` different ones of ``person`` ahead, then to their left."""
    with path.open("wb") as stream:
        for turn in (AHEAD, LEFT):
            for picture in _seen(_drawn(person, turn), pictures):
                encoded = io.BytesIO()
                Image.fromarray(picture).save(encoded, "JPEG", quality=92)
                stream.write(encoded.getvalue() * _REPEATED)


def _drawn(person: int, turn: float) -> NDArray[np.uint8]:
    width, height = WIDTH + 2 * _MARGIN, HEIGHT + 2 * _MARGIN
    shot = replace(shot_of(person, 300), yaw=turn, roll=0.0, pitch=0.0)
    scale = shot.scale * HEIGHT * 0.8
    light, cover = rendered(person, shot, View(width, height, scale, -width / 2 / scale, height / 2 / scale))
    return developed(light + (1 - cover)[:, :, None] * np.array(shot.wall, np.float32), shot)


def _seen(drawn: NDArray[np.uint8], pictures: int) -> Iterator[NDArray[np.uint8]]:
    rng = np.random.default_rng(7)
    for _ in range(pictures):
        x, y = rng.integers(0, 2 * _MARGIN, 2)
        part = drawn[y : y + HEIGHT, x : x + WIDTH].astype(np.float32)
        yield np.clip(part * rng.uniform(0.8, 1.1), 0, 255).astype(np.uint8)
