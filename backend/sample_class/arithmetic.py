"""The few functions that pictures are made of.

Only arithmetic and square roots are done to arrays: these give the same bits on every machine, while sines and
exponentials differ in the last one from library to library.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

# float32, of any shape; all functions here work elementwise.
Array: TypeAlias = NDArray[Any]


def ramp(t: Array) -> Array:
    """0 below 0, 1 above 1, smooth between."""
    t = np.clip(t, np.float32(0), np.float32(1))
    smooth: Array = t * t * (3 - 2 * t)
    return smooth


def edge(distance: Array, soft: float) -> Array:
    """1 where ``distance`` is above ``soft``, 0 below -``soft``."""
    return ramp(distance * (0.5 / soft) + 0.5)


def bell(u: Array, v: Array, cu: float, cv: float, ru: float, rv: float) -> Array:
    """1 at (cu, cv), falling like a Gaussian with radii ``ru`` and ``rv``, and 0 beyond two of them."""
    s = u - cu
    s *= 0.5 / ru
    s *= s
    t = v - cv
    t *= 0.5 / rv
    t *= t
    s += t
    np.subtract(1, s, out=s)
    np.maximum(s, 0, out=s)
    s *= s
    s *= s
    return s


def wave(t: Array) -> Array:
    """Like sin(2 pi t), made of parabolas."""
    f = t - np.floor(t)
    f *= 2
    f -= 1
    arcs: Array = (np.abs(f) - 1) * f * 4
    return arcs


def _mixed_up(column: Array, row: Array) -> Array:
    """A whole number of 16 bits for each cell of a grid, with no order in it."""
    cell = column.astype(np.int64) * 73856093 ^ row.astype(np.int64) * 19349663
    return (cell * 2654435761 >> 7) & 0xFFFF


def spots(u: Array, v: Array, size: float) -> Array:
    """Dots of about half this ``size``, one here and there, 0..1."""
    i, j = u * (1 / size), v * (1 / size)
    column, row = np.floor(i), np.floor(j)
    cell = _mixed_up(column, row)
    i -= column + 0.3 + (cell & 15) * (0.4 / 15)
    j -= row + 0.3 + (cell >> 4 & 15) * (0.4 / 15)
    away = np.sqrt(i * i + j * j)
    return ramp(1 - away * 3.2) * ((cell >> 8) % 5 < 3)


def grain(u: Array, v: Array, size: float) -> Array:
    """Without any order, 0..1; smooth over ``size``."""
    i, j = u * (1 / size), v * (1 / size)
    column, row = np.floor(i), np.floor(j)
    right, down = ramp(i - column), ramp(j - row)
    corners = [
        _mixed_up(column + a, row + b).astype(np.float32) * np.float32(1 / 65535) for b in (0, 1) for a in (0, 1)
    ]
    above = corners[0] + right * (corners[1] - corners[0])
    below = corners[2] + right * (corners[3] - corners[2])
    between: Array = above + down * (below - above)
    return between


def union(a: Array, b: Array, width: float) -> Array:
    """The nearer of two distances, melted into one another over ``width``."""
    h = a - b
    np.abs(h, out=h)
    np.subtract(width, h, out=h)
    np.maximum(h, 0, out=h)
    h *= h
    h *= 0.25 / width
    m = np.minimum(a, b)
    m -= h
    return m


def carve(a: Array, b: Array, width: float) -> Array:
    """What is in ``a`` and not in ``b``, with a soft rim."""
    return -union(-a, b, width)


def both(a: Array, b: Array, width: float) -> Array:
    """What is in ``a`` and in ``b``, with a soft rim."""
    return -union(-a, -b, width)


def ellipsoid(
    x: Array, y: Array, z: Array, centre: tuple[float, float, float], radii: tuple[float, float, float]
) -> Array:
    """Distance to an ellipsoid; exact on its surface, near enough around it."""
    a = x - centre[0]
    a *= 1 / radii[0]
    a *= a
    b = y - centre[1]
    b *= 1 / radii[1]
    b *= b
    c = z - centre[2]
    c *= 1 / radii[2]
    c *= c
    k = a + b
    k += c
    np.sqrt(k, out=k)
    a *= 1 / radii[0] ** 2
    b *= 1 / radii[1] ** 2
    c *= 1 / radii[2] ** 2
    a += b
    a += c
    np.sqrt(a, out=a)
    a += 1e-6
    d = k - 1
    d *= k
    d /= a
    return d


def capsule(
    x: Array,
    y: Array,
    z: Array,
    start: tuple[float, float, float],
    end: tuple[float, float, float],
    r0: float,
    r1: float,
) -> Array:
    """Distance to a rod whose radius goes from ``r0`` at its start to ``r1`` at its end."""
    dx, dy, dz = (e - s for s, e in zip(start, end, strict=True))
    u, v, w = x - start[0], y - start[1], z - start[2]
    along = u * dx
    along += v * dy
    along += w * dz
    along *= 1 / (dx * dx + dy * dy + dz * dz)
    np.clip(along, 0, 1, out=along)
    u -= along * dx
    v -= along * dy
    w -= along * dz
    u *= u
    v *= v
    w *= w
    u += v
    u += w
    np.sqrt(u, out=u)
    along *= r1 - r0
    along += r0
    u -= along
    return u
