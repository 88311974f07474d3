"""The class walks in: who is where in each frame of the clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from sample_class.arithmetic import wave
from sample_class.members import STRANGERS, STUDENTS, Member
from sample_class.room import DOORWAY, SIZE
from sample_class.shot import Shot, shot_of

FPS = 5
# Width of a face in pixels: in the corridor, in the doorway, and before the walker turns aside.
CORRIDOR, FAR, NEAR = 50.0, 62.0, 128.0
FACE_WIDTH = 1.42  # decimetres
# Shares of a walk: through the corridor to the door, and aside, out of the picture.
ARRIVING, LEAVING = 0.14, 0.84
# Seconds between two of a group, who go through the door one after another.
BETWEEN = 0.7
EYE_LEVEL = 246.0
STEPS_PER_SECOND = 0.9  # pairs of them

Group = Sequence[Member]


@dataclass(frozen=True, slots=True)
class Sighting:
    """One walker in one frame. x, y: pixels, of the head's middle. scale: pixels a decimetre. aside: -1..1, turned to
    the viewer's left or right. in_corridor: seen through the door."""

    member: Member
    seconds: float
    x: float
    y: float
    scale: float
    aside: float
    in_corridor: bool

    @property
    def in_view(self) -> bool:
        left, _, right = DOORWAY
        side = FACE_WIDTH * self.scale / 2  # seen as soon as anything of the face is
        return left - side < self.x < right + side if self.in_corridor else -side < self.x < SIZE[0] + side


def entrance() -> tuple[tuple[Member, ...], ...]:
    """All students and two strangers, in the groups in which they come in."""
    s, x = STUDENTS, STRANGERS
    return (
        (s[0],),
        (s[1], s[2]),
        (s[3], x[0], s[4]),
        (s[5],),
        (s[6], s[7]),
        (s[8], s[9], x[1]),
        (s[10], s[11]),
    )


def walk_in(groups: Sequence[Group], seconds: float) -> list[tuple[Sighting, ...]]:
    """Who is where in each frame, farthest first. seconds: how long each group takes."""
    length = max(2, round(seconds * FPS))
    moments = []
    for group in groups:
        lanes = np.linspace(-1, 1, len(group) + 2)[1:-1]
        late = min(BETWEEN, 0.5 * seconds / len(group))
        walk = seconds - late * (len(group) - 1)
        for number in range(length):
            now = seconds * number / (length - 1)
            seen = []
            for place, (member, lane) in enumerate(zip(group, lanes, strict=True)):
                share = (now - late * place) / walk
                if 0 <= share <= 1:
                    seen.append(_sighting(member, now, share, float(lane)))
            moments.append(tuple(sorted(seen, key=lambda sighting: sighting.scale)))
    return moments


def _sighting(member: Member, now: float, share: float, lane: float) -> Sighting:
    tall, phase = _manner(member.person)
    side = 1.0 if lane > 0 else -1.0
    middle = SIZE[0] / 2
    if share < ARRIVING:
        part = share / ARRIVING
        width = CORRIDOR + (FAR - CORRIDOR) * part
        x, aside = middle + side * 300 * (1 - part) ** 1.5, -0.6 * side * (1 - part)
    else:
        part = min((share - ARRIVING) / (LEAVING - ARRIVING), 1.0)
        width = FAR * (NEAR / FAR) ** part
        x, aside = middle + lane * 4.6 * width * part**0.7, 0.0
        if share > LEAVING:
            out = (share - LEAVING) / (1 - LEAVING)
            width *= 1 + 0.15 * out
            x += side * 820 * 0.38 * out * out * (3 - 1.24 * out)
            aside = side * min(1.0, 2.5 * out)
    scale = width / FACE_WIDTH
    stride = now * STEPS_PER_SECOND + phase
    x += 0.05 * scale * _sway(stride)
    y = EYE_LEVEL - tall * scale + 0.05 * scale * _sway(2 * stride)
    return Sighting(member, now, x, y, scale, aside, share < ARRIVING)


def _sway(turns: float) -> float:
    return float(wave(np.array(turns, np.float32)))


@lru_cache(maxsize=256)
def _manner(person: int) -> tuple[float, float]:
    """How much taller than the camera stands, in decimetres, and with which foot somebody starts."""
    rng = np.random.default_rng([person, 0x3A1C])
    return float(rng.uniform(-0.7, 0.45)), float(rng.uniform(0, 1))


def stride_of(sighting: Sighting) -> float:
    return sighting.seconds * STEPS_PER_SECOND + _manner(sighting.member.person)[1]


def moment_of(sighting: Sighting, frame: int) -> Shot:
    """How the walker holds the head in this frame, in the light of the room; the clothes are the day's."""
    person, now = sighting.member.person, sighting.seconds
    usual = shot_of(person, 900)
    phase = 7.0 * _manner(person)[1]

    def drift(turns_per_second: float, shift: float) -> float:
        return _sway(now * turns_per_second + phase + shift)

    yaw = 0.10 * drift(0.21, 0) + 0.05 * drift(0.63, 0.3) + 0.9 * sighting.aside
    pitch = 0.05 * drift(0.33, 0.5) - 0.02
    return replace(
        usual,
        seed=(person, frame, 0xC11),
        yaw=yaw,
        pitch=pitch,
        roll=0.035 * drift(0.45, 0.1),
        smile=0.55 + 0.30 * drift(0.17, 0.7),
        lids=1.0,
        gaze=(-0.4 * (yaw - 0.9 * sighting.aside), -0.4 * pitch),
        brows=0.008 * drift(0.27, 0.2),
        light_from=(-0.35, 0.7, 1.0),
        key=0.95,
        fill=0.55,
        warmth=(1.0, 1.0, 1.0),
        exposure=1.0,
        noise=0.004,
    )
