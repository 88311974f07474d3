"""Where rays meet a distance field, and how the surface lies there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sample_class.arithmetic import Array, ramp

Field = Callable[[Array, Array, Array], Array]
Rays = tuple[Array, Array, Array]

STEPS = 16


@dataclass(frozen=True, slots=True)
class Hits:
    """rays: (n,) which of the rays hit. x, y, z: (n,) where. cover: (n,) how much of the pixel is filled, 0..1."""

    rays: np.ndarray
    x: Array
    y: Array
    z: Array
    cover: Array


def march(
    field: Field,
    origin: tuple[float, float, float],
    rays: Rays,
    start: Array,
    end: float,
    width: float,
    near: float = 0.006,
) -> Hits:
    """Follow rays of unit length from ``start`` to ``end``. width: of a pixel, for soft outlines. near: when a ray
    has arrived; the rest of the way is taken in one step."""
    dx, dy, dz = rays
    count = len(dx)
    t = start.copy()
    # the nearest a ray came, and where: outlines are hit by half
    closest = np.full(count, 9, np.float32)
    closest_at = t.copy()
    index = np.arange(count)
    ax, ay, az, at = dx, dy, dz, t.copy()
    for step in range(STEPS):
        d = field(at * ax + origin[0], at * ay + origin[1], at * az + origin[2])
        nearer = d < closest[index]
        spot = index[nearer]
        closest[spot] = d[nearer]
        closest_at[spot] = at[nearer]
        at += np.maximum(0.9 * d, 0.7 * width + 0.0045 * step)  # past what it only grazes
        going = (d > near) & (at < end)
        if not going.any():
            break
        index, at = index[going], at[going]
        ax, ay, az = ax[going], ay[going], az[going]
    hit = np.flatnonzero(closest < width + near)
    t = closest_at[hit] + np.clip(closest[hit], -0.08, 0.01)
    cover = np.clip(1 - (closest[hit] - near) / width, 0, 1)
    return Hits(hit, t * dx[hit] + origin[0], t * dy[hit] + origin[1], t * dz[hit] + origin[2], cover)


def normals(field: Field, at: Rays, here: Array, reach: float) -> Rays:
    """Unit normals, from three more looks around each point, whose distance is ``here``."""
    x, y, z = at
    return unit(field(x + reach, y, z) - here, field(x, y + reach, z) - here, field(x, y, z + reach) - here)


def unit(x: Array, y: Array, z: Array) -> Rays:
    length = np.sqrt(x * x + y * y + z * z)
    length += np.float32(1e-9)
    return x / length, y / length, z / length


def openness(field: Field, at: Rays, normal: Rays) -> Array:
    """How little lies around a point, 0..1: creases and hollows get less light from all sides."""
    closed = np.zeros_like(at[0])
    for reach, weight in ((0.06, 4.0), (0.20, 1.5)):
        d = field(*(a + n * reach for a, n in zip(at, normal, strict=True)))
        np.subtract(reach, d, out=d)
        np.maximum(d, 0, out=d)
        d *= weight
        closed += d
    closed *= -0.95
    closed += 1
    return np.clip(closed, 0.12, 1, out=closed)


def shadow(field: Field, at: Rays, normal: Rays, light: tuple[float, float, float]) -> Array:
    """How much of a wide light is seen from a point, 0..1."""
    seen = np.ones_like(at[0])
    x, y, z = (a + n * np.float32(0.03) for a, n in zip(at, normal, strict=True))
    for reach in (0.08, 0.24, 0.55):
        d = field(x + light[0] * reach, y + light[1] * reach, z + light[2] * reach)
        d *= 4.2 / reach
        d += 0.35
        np.minimum(seen, d, out=seen)
    return ramp(seen)
