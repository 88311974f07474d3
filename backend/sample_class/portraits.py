"""Drawn faces: MTCNN finds them and the embedders tell them apart, so that real detection and recognition can be
tested on every machine without a photo of anybody.

A face is a height map (skull, nose, sockets, lips) lit from one side, painted with skin, hair, eyes and mouth.
``person`` fixes everything that stays with somebody; ``shot`` fixes what changes from one photo to the next.
The same arguments give the same picture on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Field = Any

# Light to dark; red, green, blue in 0..1.
SKINS = ((0.93, 0.76, 0.67), (0.86, 0.67, 0.54), (0.76, 0.56, 0.42), (0.60, 0.41, 0.29), (0.44, 0.29, 0.21))
HAIRS = ((0.07, 0.06, 0.06), (0.22, 0.13, 0.08), (0.42, 0.26, 0.13), (0.70, 0.54, 0.30), (0.55, 0.54, 0.53))
IRISES = ((0.16, 0.10, 0.07), (0.25, 0.36, 0.22), (0.27, 0.42, 0.55))


@dataclass(frozen=True)
class Person:
    """What stays. Lengths in half face widths, v downwards, (0, 0) between the eyes."""

    skin: NDArray[np.float32]
    hair: NDArray[np.float32]
    iris: NDArray[np.float32]
    lip_redness: float
    width: float
    chin: float
    jaw: float
    eye_gap: float
    eye_width: float
    eye_height: float
    eye_tilt: float
    brow_rise: float
    brow_thickness: float
    brow_tilt: float
    nose_length: float
    nose_width: float
    mouth_width: float
    lips: float
    hairline: float
    hair_length: float
    beard: float
    moustache: float
    glasses: bool


@lru_cache(maxsize=256)
def person_of(number: int) -> Person:
    rng = np.random.default_rng([number, 0x5EED])

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    tone = between(0, len(SKINS) - 1)
    below, part = int(tone), tone - int(tone)
    skin = np.array(SKINS[below]) * (1 - part) + np.array(SKINS[min(below + 1, len(SKINS) - 1)]) * part
    hair = HAIRS[int(rng.integers(len(HAIRS)))] if tone < 2.2 else HAIRS[int(rng.integers(2))]
    bearded = rng.random() < 0.3
    return Person(
        skin=skin.astype(np.float32),
        hair=np.array(hair, np.float32),
        iris=np.array(IRISES[int(rng.integers(3))] if tone < 2 else IRISES[0], np.float32),
        lip_redness=between(0.3, 1.0),
        width=between(0.82, 1.15),
        chin=between(1.38, 1.8),
        jaw=between(1.7, 2.9),
        eye_gap=between(0.35, 0.50),
        eye_width=between(0.17, 0.24),
        eye_height=between(0.065, 0.125),
        eye_tilt=between(-0.20, 0.20),
        brow_rise=between(0.20, 0.34),
        brow_thickness=between(0.025, 0.085),
        brow_tilt=between(-0.25, 0.3),
        nose_length=between(0.46, 0.74),
        nose_width=between(0.15, 0.28),
        mouth_width=between(0.25, 0.48),
        lips=between(0.05, 0.14),
        hairline=between(-0.95, -0.55),
        hair_length=between(0.9, 2.0) if rng.random() < 0.5 else between(-0.3, 0.2),
        beard=between(0.45, 0.9) if bearded else 0.0,
        moustache=between(0.5, 0.9) if bearded or rng.random() < 0.1 else 0.0,
        glasses=bool(rng.random() < 0.2),
    )


def portrait(person: int, shot: int = 0, size: int = 200) -> NDArray[np.uint8]:
    """Shot number ``shot`` of person ``person``: (size, size, 3) uint8 RGB, one face half as wide."""
    p = person_of(person)
    rng = np.random.default_rng([person, shot, 0xF00D])
    angle = float(rng.uniform(-0.10, 0.10))
    scale = size * float(rng.uniform(0.25, 0.285))
    shift_u, shift_v = map(float, rng.uniform(-0.12, 0.12, 2))
    light = np.array([rng.uniform(-0.5, 0.5), rng.uniform(-0.55, -0.2), 1.0])
    light = (light / np.linalg.norm(light)).astype(np.float32)
    exposure = float(rng.uniform(0.88, 1.12))
    warmth = rng.uniform(0.96, 1.04, 3).astype(np.float32)
    smile = float(rng.uniform(-0.02, 0.05))
    ground = (rng.uniform(0.3, 0.8) * rng.uniform(0.85, 1.1, 3)).astype(np.float32)

    pixel = (np.arange(size, dtype=np.float32) + 0.5 - size / 2) / scale
    x, y = np.meshgrid(pixel, pixel)
    u = (np.cos(angle) * x + np.sin(angle) * y - shift_u).astype(np.float32)
    v = (np.cos(angle) * y - np.sin(angle) * x - shift_v + 0.32).astype(np.float32)
    soft = 1.2 / scale  # edges are about a pixel wide, as a lens leaves them

    colour = np.empty((size, size, 3), np.float32)
    colour[:] = ground * (1 + 0.12 * y[:, :, None])
    paint = _Brush(colour)

    skull = _skull(p, u, v)
    face = _inside(skull, soft * 2)
    shade = _shading(p, u, v, skull, light, scale)

    # behind the face: long hair, then neck and shirt
    top = min(p.hairline - 0.35, -1.2)  # above the skull, whose top lies at -1.1
    if p.hair_length > 0.5:
        behind = _superellipse(
            u, v, 0, (top + p.hair_length) / 2, p.width * 1.22, (p.hair_length - top) / 2 + 0.12, 2.6
        )
        paint(_inside(behind, soft * 3), p.hair * (0.75 + 0.25 * shade[:, :, None]))
    neck = _smooth((0.58 * p.width - np.abs(u)) / (soft * 2)) * _smooth((v - 0.6) / 0.1)
    paint(neck, p.skin * (0.62 - 0.18 * _blob(u, v, 0, p.chin, 0.7, 0.25))[:, :, None])
    shirt = _smooth((v - (p.chin + 0.32) - 0.25 * np.abs(u)) / (soft * 2))
    paint(
        shirt, np.array([0.25, 0.3, 0.42], np.float32) * (0.9 + 0.2 * np.cos(person + np.arange(3, dtype=np.float32)))
    )
    for side in (-1, 1):
        ear = _superellipse(u, v, side * p.width * 1.0, 0.2, 0.13, 0.28, 2.0)
        paint(_inside(ear, soft * 2), p.skin * 0.8)

    skin = p.skin * shade[:, :, None]
    flush = 0.05 * (_blob(u, v, -0.5, 0.5, 0.28, 0.22) + _blob(u, v, 0.5, 0.5, 0.28, 0.22))
    skin = skin * (1 + flush[:, :, None] * np.array([1.0, -0.6, -0.5], np.float32))
    paint(face, skin)
    _paint_beard(p, u, v, face, shade, paint)
    # features are small, and most of the time would go into pixels they do not reach
    lower = _window(u, v, (-0.7, 0.7), (p.nose_length - 0.25, p.nose_length + 0.75))
    _paint_nostrils(p, u[lower], v[lower], paint.within(lower))
    _paint_mouth(p, u[lower], v[lower], soft, smile, shade[lower], paint.within(lower))
    for side in (-1, 1):
        around = _window(u, v, (side * p.eye_gap - 0.45, side * p.eye_gap + 0.45), (-0.55, 0.4))
        _paint_eye(p, u[around], v[around], side, soft, shade[around], paint.within(around))
    crown = _superellipse(u, v, 0, 0.15, p.width * 1.09, 0.15 - top, 2.2)
    fringe = v - p.hairline - 0.45 * (np.abs(u) / p.width) ** 3 - 0.03 * np.sin(9 * u + person)
    above = _inside(crown, soft * 3) * _smooth(-fringe / 0.06)
    strands = 0.8 + 0.35 * shade + 0.08 * np.sin(38 * u + 6 * np.sin(4 * v + person))
    paint(above, p.hair * strands[:, :, None])
    if p.glasses:
        across = _window(u, v, (-1.0, 1.0), (-0.4, 0.4))
        _paint_glasses(p, u[across], v[across], soft, paint.within(across))

    colour *= exposure * warmth
    colour += 0.012 * rng.standard_normal(colour.shape, dtype=np.float32)
    return (np.clip(colour, 0, 1) * 255).round().astype(np.uint8)


def figure(person: int, shot: int = 0, size: int = 200) -> NDArray[np.uint8]:
    """Shot ``shot`` of ``person`` cut out of its background: (size, size, 4) uint8 RGBA."""
    picture = portrait(person, shot, size)
    y, x = np.mgrid[:size, :size].astype(np.float32) / size - 0.5
    inside = np.clip((0.40 - np.hypot(x * 1.25, y)) * size / 4, 0, 1)
    inside = np.maximum(inside, np.clip((0.42 - np.abs(x)) * size / 4, 0, 1) * (y > 0.33))
    return np.dstack([picture, (inside * 255).astype(np.uint8)])


class _Brush:
    def __init__(self, canvas: Field) -> None:
        self.canvas = canvas

    def __call__(self, mask: Field, colour: Field) -> None:
        self.canvas += mask[:, :, None] * (colour - self.canvas)

    def within(self, window: tuple[slice, slice]) -> _Brush:
        return _Brush(self.canvas[window])


def _window(u: Field, v: Field, us: tuple[float, float], vs: tuple[float, float]) -> tuple[slice, slice]:
    """The smallest block of pixels that holds u in ``us`` and v in ``vs``."""
    wanted = (u > us[0]) & (u < us[1]) & (v > vs[0]) & (v < vs[1])
    rows, columns = np.flatnonzero(wanted.any(axis=1)), np.flatnonzero(wanted.any(axis=0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _smooth(t: Field) -> Field:
    t = np.clip(t * 0.5 + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


def _blob(u: Field, v: Field, cu: float, cv: float, ru: float, rv: float) -> Field:
    return np.exp(-(((u - cu) / ru) ** 2) - ((v - cv) / rv) ** 2)


def _superellipse(u: Field, v: Field, cu: float, cv: float, ru: float, rv: float, power: float) -> Field:
    """0 at the centre, 1 on the edge; roughly a distance near the edge."""
    return (np.abs((u - cu) / ru) ** power + np.abs((v - cv) / rv) ** power) ** (1 / power)


def _inside(distance: Field, soft: float) -> Field:
    return _smooth((1 - distance) / soft)


def _skull(p: Person, u: Field, v: Field) -> Field:
    upper = _superellipse(u, v, 0, 0.15, p.width, 1.25, 2.1)
    lower = _superellipse(u, v, 0, 0.15, p.width, p.chin - 0.15, p.jaw)
    return np.where(v < 0.15, upper, lower)


def _shading(p: Person, u: Field, v: Field, skull: Field, light: Field, scale: float) -> Field:
    height = 0.75 * np.sqrt(np.clip(1.08 - skull**2, 0.0, None))
    tip = p.nose_length
    along = np.clip((v + 0.1) / (tip + 0.1), 0, 1)
    ridge = np.exp(-((u / (0.09 + 0.07 * along)) ** 2)) * along * _smooth((tip + 0.02 - v) / 0.09)
    height += 0.26 * ridge
    height += 0.12 * _blob(u, v, 0, tip - 0.06, 0.13, 0.11)
    for side in (-1, 1):
        height += 0.07 * _blob(u, v, side * p.nose_width * 0.8, tip - 0.02, 0.09, 0.09)
        height -= 0.13 * _blob(u, v, side * p.eye_gap, 0.0, 0.24, 0.15)
        height += 0.05 * _blob(u, v, side * p.eye_gap, -p.brow_rise, 0.3, 0.1)
        height += 0.05 * _blob(u, v, side * 0.55, 0.42, 0.28, 0.2)
    height += 0.07 * _blob(u, v, 0, tip + 0.4, p.mouth_width, 0.13)
    height -= 0.04 * _blob(u, v, 0, tip + 0.6, p.mouth_width * 0.7, 0.06)
    height += 0.08 * _blob(u, v, 0, p.chin - 0.2, 0.25, 0.15)
    dv, du = np.gradient(height, 1 / scale)
    normal = (-du * light[0] - dv * light[1] + light[2]) / np.sqrt(1 + du**2 + dv**2)
    return (0.42 + 0.62 * np.clip(normal, 0, None)).astype(np.float32)


def _paint_eye(p: Person, u: Field, v: Field, side: int, soft: float, shade: Field, paint: _Brush) -> None:
    a = (u - side * p.eye_gap) * side  # outwards
    b = v + p.eye_tilt * a
    socket = _blob(a, b, -0.03, -0.02, p.eye_width * 1.25, p.eye_height * 1.9)
    paint(0.30 * socket, p.skin * 0.45)
    arch = p.eye_height * (1 - (a / p.eye_width) ** 2)
    opening = _smooth((np.minimum(b + arch, 0.75 * arch - b)) / soft)
    paint(opening, np.array([0.88, 0.86, 0.84], np.float32) * (0.45 + 0.5 * shade[:, :, None]))
    radius = np.hypot(a, b + 0.1 * p.eye_height)
    iris = min(p.eye_width * 0.5, p.eye_height * 1.15)
    paint(opening * _smooth((iris - radius) / soft), p.iris)
    paint(opening * _smooth((iris * 0.45 - radius) / soft), np.float32(0.03))
    paint(opening * 0.8 * _blob(a, b, iris * 0.3 * side, -iris * 0.4, iris * 0.2, iris * 0.2), np.float32(0.95))
    within = _smooth((p.eye_width * 1.03 - np.abs(a)) / (soft * 2))
    paint(0.85 * within * np.exp(-(((b + arch) / 0.026) ** 2)), np.minimum(p.hair, p.skin) * 0.35)
    paint(0.35 * within * np.exp(-(((b - 0.75 * arch) / 0.02) ** 2)), p.skin * 0.4)
    paint(0.30 * within * np.exp(-(((b + arch + 0.06) / 0.02) ** 2)), p.skin * 0.5)
    rise = p.brow_rise + p.brow_tilt * (a + 0.05) - 1.3 * (a + 0.02) ** 2
    taper = p.brow_thickness * (1.1 - 0.9 * np.clip((a + 0.25) / 0.6, 0, 1))
    brow = _smooth((taper - np.abs(v + rise)) / (soft * 1.5)) * _smooth((0.30 - np.abs(a - 0.02)) / 0.08)
    paint(0.85 * brow, np.minimum(p.hair * 0.8, p.skin * 0.6))


def _paint_nostrils(p: Person, u: Field, v: Field, paint: _Brush) -> None:
    for side in (-1, 1):
        paint(0.8 * _blob(u, v, side * p.nose_width * 0.45, p.nose_length + 0.015, 0.055, 0.028), p.skin * 0.22)
        paint(0.35 * _blob(u, v, side * p.nose_width, p.nose_length - 0.03, 0.03, 0.08), p.skin * 0.4)
    paint(0.30 * _blob(u, v, 0, p.nose_length + 0.07, p.nose_width * 0.9, 0.04), p.skin * 0.5)


def _paint_mouth(p: Person, u: Field, v: Field, soft: float, smile: float, shade: Field, paint: _Brush) -> None:
    middle = p.nose_length + 0.40
    c = v - middle + smile * 4 * (u / p.mouth_width) ** 2 * p.mouth_width
    bow = np.clip(1 - (u / p.mouth_width) ** 2, 0, 1)
    upper = p.lips * 0.8 * bow * (1 - 0.25 * np.exp(-((u / 0.07) ** 2)))
    lower = p.lips * 1.15 * np.sqrt(bow) * bow
    lips = p.skin * np.array([0.85, 1 - 0.42 * p.lip_redness, 1 - 0.38 * p.lip_redness], np.float32)
    inside = _smooth(np.minimum(c + upper, lower - c) / (soft * 1.5)) * (bow > 0)
    paint(inside * 0.9, lips * np.where(c < 0, 0.8, 1.0)[:, :, None] * shade[:, :, None])
    line = np.exp(-((c / 0.022) ** 2)) * _smooth((p.mouth_width - np.abs(u)) / (soft * 2))
    paint(0.85 * line, p.skin * np.array([0.3, 0.16, 0.16], np.float32))
    for side in (-1, 1):
        paint(0.4 * _blob(u, c, side * p.mouth_width, smile, 0.05, 0.04), p.skin * 0.4)
    paint(0.28 * _blob(u, c, 0, p.lips * 1.15 + 0.07, p.mouth_width * 0.6, 0.045), p.skin * 0.5)


def _paint_beard(p: Person, u: Field, v: Field, face: Field, shade: Field, paint: _Brush) -> None:
    hair = p.hair * (0.6 + 0.5 * shade[:, :, None])
    if p.beard:
        edge = v - (p.nose_length + 0.28) - 0.35 * np.cos(np.clip(u / p.width, -1, 1) * np.pi) + 0.15
        paint(p.beard * face * _smooth(edge / 0.1), hair)
    if p.moustache:
        band = _blob(u, v, 0, p.nose_length + 0.21, p.mouth_width * 0.9, 0.075)
        paint(p.moustache * np.clip(1.4 * band, 0, 1), hair)


def _paint_glasses(p: Person, u: Field, v: Field, soft: float, paint: _Brush) -> None:
    frame = np.float32(0.1)
    for side in (-1, 1):
        ring = _superellipse(u, v, side * p.eye_gap, 0.03, 0.30, 0.23, 3.0)
        paint(0.85 * _smooth((0.07 - np.abs(ring - 1)) / (soft * 4)), frame)
    bridge = _smooth((p.eye_gap - 0.28 - np.abs(u)) / soft) * np.exp(-(((v + 0.02) / 0.03) ** 2))
    paint(0.85 * bridge, frame)
