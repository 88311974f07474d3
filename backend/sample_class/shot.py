"""What changes from one picture of somebody to the next: how they hold the head, the light, the place, the clothes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sample_class.person import Colour

# Linear light, as cloth reflects it.
CLOTHS: tuple[Colour, ...] = (
    (0.035, 0.05, 0.10),
    (0.30, 0.30, 0.31),
    (0.05, 0.055, 0.06),
    (0.24, 0.05, 0.05),
    (0.05, 0.13, 0.10),
    (0.55, 0.53, 0.48),
    (0.08, 0.16, 0.30),
    (0.36, 0.24, 0.09),
    (0.20, 0.10, 0.20),
    (0.45, 0.22, 0.17),
)


@dataclass(frozen=True, slots=True)
class Shot:
    """Angles in radians. yaw: to the viewer's right. pitch: up. roll: clockwise. Lengths in decimetres."""

    seed: tuple[int, ...]
    yaw: float
    pitch: float
    roll: float
    smile: float
    lids: float  # how far the eyes are open, 1: as usual
    gaze: tuple[float, float]
    brows: float  # raised
    light_from: tuple[float, float, float]
    key: float
    fill: float
    warmth: Colour
    exposure: float
    noise: float
    cloth: Colour
    collar: int
    wall: Colour
    scale: float  # pixels a decimetre, for each pixel of the picture's side
    shift: tuple[float, float]


def shot_of(person: int, number: int) -> Shot:
    """Shot ``number`` of ``person``; the same on every machine."""
    seed = (person, number, 0xF00D)
    rng = np.random.default_rng(seed)

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    def around(middle: float, spread: float) -> float:
        return middle + spread * float(rng.uniform(-1, 1) + rng.uniform(-1, 1)) / 2

    yaw, pitch = around(0, 0.26), around(0.0, 0.11)
    warmth = between(-0.06, 0.06)
    wall = between(0.08, 0.65)
    return Shot(
        seed=seed,
        yaw=yaw,
        pitch=pitch,
        roll=around(0, 0.12),
        smile=between(0.3, 0.9),
        lids=around(1.0, 0.10),
        # people look into the camera even when the head is turned a little
        gaze=(around(-0.5 * yaw, 0.12), around(-0.5 * pitch, 0.06)),
        brows=around(0.0, 0.02),
        light_from=(between(-0.6, 0.6), between(0.4, 0.85), 1.0),
        key=between(0.85, 1.15),
        fill=between(0.40, 0.62),
        warmth=(1 + warmth, 1.0, 1 - warmth),
        exposure=between(0.88, 1.12),
        noise=between(0.003, 0.008),
        cloth=CLOTHS[int(rng.integers(len(CLOTHS)))],
        collar=int(rng.integers(3)),
        wall=(wall * between(0.92, 1.08), wall, wall * between(0.85, 1.1)),
        scale=between(0.320, 0.375),
        shift=(between(-0.2, 0.2), between(-0.12, 0.12)),
    )
