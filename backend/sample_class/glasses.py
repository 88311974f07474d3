"""Glasses: two rims and a bridge in a plane before the eyes, and the arms to the ears."""

from __future__ import annotations

import numpy as np

from sample_class.arithmetic import Array, edge, ramp
from sample_class.head import Head
from sample_class.tracing import Hits, Rays

THICK = 0.022


def wear(head: Head, origin: tuple[float, float, float], rays: Rays, hits: Hits, lit: Array, pixel: float) -> None:
    """Draw the glasses over the lit colours (3, n) of what the rays hit."""
    p = head.person
    if not p.glasses:
        return
    dx, dy, dz = (ray[hits.rays] for ray in rays)
    # the lenses stand a little before the brow and lean as faces do
    plane = 0.90 - p.eye_depth * 0.5 + max(p.nose_bridge, 0.0)
    t = (plane - origin[2]) / dz
    u, v = np.abs(origin[0] + t * dx), origin[1] + t * dy + 0.03
    before = ramp((plane + 0.02 - hits.z) * 20)
    across, tall = 0.235, 0.155 + 0.05 * p.glasses
    a, b = (u - p.eye_x * 1.03) * (1 / across), (v + 0.01) * (1 / tall)
    power = 4.0 - 2.0 * p.glasses
    ring = _superellipse(a, b, power)
    away = np.abs(ring - 1) * (0.5 * (across + tall))
    rim = edge(THICK * 0.75 - away, 0.6 * pixel)
    bridge = edge(THICK * 0.7 - np.abs(v - 0.045 + 0.8 * u * u), 0.6 * pixel) * edge(
        p.eye_x * 1.03 - across - u + 0.01, pixel
    )
    frame = np.maximum(rim, bridge) * before
    lens = edge(1 - ring, 0.05) * before * 0.05
    for channel in range(3):
        own = lit[channel]
        own += lens * (0.65 - own)
        own += frame * (p.frame[channel] + 0.02 - own)
    _arms(head, origin, (dx, dy, dz), hits, lit, pixel, plane, p.eye_x * 1.03 + across)


def _superellipse(a: Array, b: Array, power: float) -> Array:
    """Between a circle (power 2) and a rounded square (4), with square roots only."""
    a, b = a * a, b * b
    circle = np.sqrt(a + b)
    square = np.sqrt(np.sqrt(a * a + b * b))
    share = np.float32((power - 2) / 2)
    between: Array = circle * (1 - share) + square * share
    return between


def _arms(
    head: Head,
    origin: tuple[float, float, float],
    rays: Rays,
    hits: Hits,
    lit: Array,
    pixel: float,
    plane: float,
    outer: float,
) -> None:
    p = head.person
    for sign in (-1.0, 1.0):
        start = np.array([sign * outer, 0.03, plane])
        end = np.array([sign * 0.76 * p.width, 0.03, 0.0])
        axis = end - start
        # nearest approach of each ray to the arm's line
        w = np.array(origin) - start
        b = rays[0] * axis[0] + rays[1] * axis[1] + rays[2] * axis[2]
        c = float(axis @ axis)
        d = rays[0] * w[0] + rays[1] * w[1] + rays[2] * w[2]
        e = float(axis @ w)
        s = np.clip((e - b * d) / (c - b * b), 0, 1).astype(np.float32)
        t = s * b - d
        gap = [np.float32(w[i]) + t * rays[i] - s * np.float32(axis[i]) for i in range(3)]
        away = np.sqrt(gap[0] * gap[0] + gap[1] * gap[1] + gap[2] * gap[2])
        depth = (hits.x - origin[0]) * rays[0] + (hits.y - origin[1]) * rays[1] + (hits.z - origin[2]) * rays[2]
        share = edge(THICK * 0.8 - away, 0.6 * pixel) * ramp((depth - t + 0.03) * 20)
        for channel in range(3):
            own = lit[channel]
            own += share.astype(np.float32) * (p.frame[channel] - own)
