"""Pictures of people who do not exist.

``person`` fixes everything that stays with somebody; ``shot`` fixes what changes from one picture to the next.
The same arguments give the same picture on every machine: see ``arithmetic``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sample_class.arithmetic import Array, bell, wave
from sample_class.rendering import View, rendered
from sample_class.shot import Shot, shot_of


def portrait(person: int, shot: int = 0, size: int = 200) -> NDArray[np.uint8]:
    """Shot number ``shot`` of person ``person``: (size, size, 3) uint8 RGB, one face half as wide."""
    moment = shot_of(person, shot)
    light, cover = rendered(person, moment, _view(moment, size))
    wall = _wall(moment, size)
    light += (1 - cover)[:, :, None] * (wall - light)
    return developed(light, moment)


def figure(person: int, shot: int = 0, size: int = 200) -> NDArray[np.uint8]:
    """Shot ``shot`` of ``person`` cut out of its background: (size, size, 4) uint8 RGBA."""
    moment = shot_of(person, shot)
    light, cover = rendered(person, moment, _view(moment, size))
    return np.dstack([developed(light, moment), (cover * 255 + 0.5).astype(np.uint8)])


def developed(light: Array, shot: Shot) -> NDArray[np.uint8]:
    """(H, W, 3) linear light as a camera would write it, uint8."""
    rng = np.random.default_rng([*shot.seed, 1])
    light = light * np.float32(shot.exposure)
    light /= 1 + 0.18 * light  # bright skin does not burn out
    values = encoded(light)
    # noise of a sensor: four uniform values are as good as a Gaussian one
    grain = rng.integers(0, 256, (4, *values.shape), dtype=np.uint8).sum(axis=0, dtype=np.int32).astype(np.float32)
    values += (grain - 510) * np.float32(shot.noise / 147.8)
    np.clip(values, 0, 1, out=values)
    values = values * 255 + np.float32(0.5)
    return values.astype(np.uint8)


def encoded(light: Array) -> Array:
    """sRGB's curve, near enough, from square roots: x ** 0.4375."""
    root = np.sqrt(np.clip(light, 0, None))
    fourth = np.sqrt(root)
    eighth = np.sqrt(fourth)
    curve: Array = root * 0.35 + 0.65 * fourth * eighth - 0.012
    return curve


def _view(shot: Shot, size: int) -> View:
    half = 0.5 / shot.scale
    return View(size, size, shot.scale * size, -half + shot.shift[0], half - 0.06 + shot.shift[1])


def _wall(shot: Shot, size: int) -> Array:
    line = (np.arange(size, dtype=np.float32) + 0.5) / np.float32(size) - 0.5
    x, y = np.meshgrid(line, line)
    rng = np.random.default_rng([*shot.seed, 2])
    tone = 1 - 0.25 * (x * x + y * y) + 0.10 * np.sign(shot.light_from[0]) * x
    for _ in range(4):  # things far behind, out of focus
        cu, cv = (float(v) for v in rng.uniform(-0.6, 0.6, 2))
        ru, rv = (float(v) for v in rng.uniform(0.06, 0.35, 2))
        tone += float(rng.uniform(-0.5, 0.4)) * bell(x, y, cu, cv, ru, rv)
    np.maximum(tone, 0.2, out=tone)
    tone += 0.02 * wave(x * float(rng.uniform(0.5, 2)) + y)
    wall: Array = tone[:, :, None] * np.array(shot.wall, np.float32)
    return wall
