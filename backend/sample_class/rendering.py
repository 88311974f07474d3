"""One person in one moment, seen by a camera: colours and how much of each pixel they fill."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sample_class.arithmetic import Array, edge, wave
from sample_class.glasses import wear
from sample_class.head import PARTED, STYLES, Head
from sample_class.paint import Eyes, Paint
from sample_class.person import person_of
from sample_class.shot import Shot
from sample_class.tracing import Rays, march, normals, openness, shadow, unit

# How far the camera stands from the head, in decimetres: nearer makes noses grow.
CAMERA = 13.0
FRONT, BACK = 1.25, 1.4
FAR = 99.0

# The rows of a matrix that takes directions from the camera's frame to the head's.
Turn = tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True)
class View:
    """Where a picture looks. scale: pixels a decimetre. left, top: its edges, in decimetres from the head's middle."""

    width: int
    height: int
    scale: float
    left: float
    top: float


def rendered(person: int, shot: Shot, view: View) -> tuple[Array, Array]:
    """((height, width, 3) linear light, (height, width) share of the pixel that is filled)."""
    head = Head(person_of(person), shot)
    turn = turned(shot.yaw, shot.pitch, shot.roll)
    pixel = 1 / view.scale
    origin = (turn[0][2] * CAMERA, turn[1][2] * CAMERA, turn[2][2] * CAMERA)
    start = _beginnings(head, turn, origin, view)
    rows, columns = np.nonzero(start < FAR)
    # beside whole numbers of 64 bits everything after would be measured in 64, which takes half as long again
    rays = _rays(turn, view, columns.astype(np.float32) + 0.5, rows.astype(np.float32) + 0.5)
    hits = march(head.nearest, origin, rays, start[rows, columns], CAMERA + BACK, pixel)
    at: Rays = (hits.x, hits.y, hits.z)
    toward: Rays = (-rays[0][hits.rays], -rays[1][hits.rays], -rays[2][hits.rays])
    lit = _lit(head, turn, at, toward, pixel)
    wear(head, origin, rays, hits, lit, pixel)
    colour = np.zeros((view.height, view.width, 3), np.float32)
    cover = np.zeros((view.height, view.width), np.float32)
    seen = rows[hits.rays], columns[hits.rays]
    colour[seen], cover[seen] = lit.T, hits.cover
    _close_pinholes(colour, cover)
    return colour, cover


def _close_pinholes(colour: Array, cover: Array) -> None:
    """Rays that graze an outline before something else may stop there; what lies to both sides is what is seen."""
    full = cover > 0.99
    holes = np.zeros_like(full)
    holes[:, 1:-1] = ~full[:, 1:-1] & full[:, :-2] & full[:, 2:]
    rows, columns = np.nonzero(holes)
    colour[rows, columns] = (colour[rows, columns - 1] + colour[rows, columns + 1]) / 2
    cover[rows, columns] = 1
    holes[:] = False
    holes[1:-1] = (cover[1:-1] <= 0.99) & full[:-2] & full[2:]
    rows, columns = np.nonzero(holes)
    colour[rows, columns] = (colour[rows - 1, columns] + colour[rows + 1, columns]) / 2
    cover[rows, columns] = 1


def _rays(turn: Turn, view: View, u: Array, v: Array) -> Rays:
    """Directions, in the head's frame, through the points (u, v) of the picture, in pixels."""
    pixel = np.float32(1 / view.scale)
    x, y = u * pixel + np.float32(view.left), np.float32(view.top) - v * pixel
    return rotated(turn, *unit(x, y, np.full_like(x, -CAMERA)))


def _beginnings(head: Head, turn: Turn, origin: tuple[float, float, float], view: View) -> Array:
    """(height, width): how far each pixel's ray runs free for sure; FAR where it meets nothing.

    Found with every third ray of every third row.
    """
    rows, columns = -(-view.height // 3), -(-view.width // 3)
    v, u = (grid.ravel().astype(np.float32) for grid in np.mgrid[:rows, :columns])
    rays = _rays(turn, view, 3 * u + 1.5, 3 * v + 1.5)
    start = np.full(len(u), CAMERA - FRONT, np.float32)
    hits = march(head.nearest, origin, rays, start, CAMERA + BACK, 4 / view.scale, near=0.02)
    reached = np.full((rows + 2, columns + 2), FAR, np.float32)
    away = np.sqrt((hits.x - origin[0]) ** 2 + (hits.y - origin[1]) ** 2 + (hits.z - origin[2]) ** 2)
    reached[1 + hits.rays // columns, 1 + hits.rays % columns] = away - (0.02 + 2.5 / view.scale)
    for axis in (0, 1):
        before = np.roll(reached, 1, axis)
        np.minimum(before, np.roll(reached, -1, axis), out=before)
        reached = np.minimum(reached, before)
    free = reached[1:-1, 1:-1].repeat(3, axis=0).repeat(3, axis=1)
    return free[: view.height, : view.width]


def turned(yaw: float, pitch: float, roll: float) -> Turn:
    cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, pitch, roll) for f in (math.cos, math.sin))
    y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    p = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    r = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return tuple((float(a), float(b), float(c)) for a, b, c in p @ y @ r)


def rotated(turn: Turn, x: Array, y: Array, z: Array) -> Rays:
    one, two, three = (row[0] * x + row[1] * y + row[2] * z for row in turn)
    return one, two, three


def _lit(head: Head, turn: Turn, at: Rays, toward: Rays, pixel: float) -> Array:
    """(3, n) the light that leaves the points at ``at`` towards the camera."""
    shot, p = head.shot, head.person
    to_skin, to_hair, to_cloth = head.distances(*at)
    here = np.minimum(np.minimum(to_skin, to_hair), to_cloth)
    normal = normals(head.nearest, at, here, 0.012 + 0.4 * pixel)
    length = math.sqrt(sum(v * v for v in shot.light_from))
    lx, ly, lz = (v / length for v in shot.light_from)
    light = tuple(row[0] * lx + row[1] * ly + row[2] * lz for row in turn)
    light3 = (light[0], light[1], light[2])
    up = (turn[0][1], turn[1][1], turn[2][1])

    # roots are thin: near the hairline skin shows through
    hairy = edge(to_skin - to_hair, 0.012 + 0.6 * pixel)
    cloth = edge(np.minimum(to_skin, to_hair) - to_cloth, 0.5 * pixel)
    paint = Paint(head, *at, pixel)
    eyes = Eyes(paint, pixel)
    eyes.skin_around()
    _hair_on(paint, hairy, normal, pixel)
    _clothes_on(paint, cloth, at)

    facing = normal[0] * light3[0] + normal[1] * light3[1] + normal[2] * light3[2]
    seen = np.zeros_like(facing)
    day = np.flatnonzero(facing > -0.3)
    seen[day] = shadow(head.nearest, _some(at, day), _some(normal, day), light3)
    openly = openness(head.nearest, at, normal)
    sky = 0.5 + 0.5 * (normal[0] * up[0] + normal[1] * up[1] + normal[2] * up[2])
    ambient = shot.fill * (0.55 + 0.45 * sky) * openly
    # light goes into skin and comes out around the corner, red the furthest
    solid = np.maximum(hairy, cloth)
    lit = np.empty((3, len(facing)), np.float32)
    for channel, (wrap, bleed) in enumerate(((0.42, 0.80), (0.20, 0.92), (0.14, 1.0))):
        w = wrap * (1 - 0.7 * solid)
        wrapped = np.clip((facing + w) / (1 + w), 0, 1)
        soft = seen * bleed + (1 - bleed) * np.minimum(seen + 0.5, 1)
        lit[channel] = wrapped * soft * (1.05 * shot.key * shot.warmth[channel])
        # creases are filled with light from the skin around them
        lit[channel] += ambient + (0.10 * (1 - channel / 2)) * (1 - openly) * shot.fill * (1 - solid)
    bright = lit[1].copy()
    lit *= paint.colour

    gleam = _gleam(normal, toward, light3)
    glossy = paint.shine * (1 - cloth) * (1 - hairy)
    lit += gleam * glossy * (0.055 * seen)
    rim = 1 - np.abs(normal[0] * toward[0] + normal[1] * toward[1] + normal[2] * toward[2])
    rim *= rim
    rim *= rim
    lit += rim * openly * (0.045 * shot.fill) * (1 - 0.6 * solid)

    ball = eyes.ball(light3, 0.55 * bright + 0.45)
    opened = eyes.open * (1 - solid)
    for channel in range(3):
        lit[channel] += opened * (ball[channel] - lit[channel])
    bare = lit.copy()
    eyes.lashes(lit)
    if solid.any():
        lit += solid * (bare - lit)
    _hair_gleam(lit, hairy * (1 - cloth), normal, toward, light3, p.style == "scarf", seen, at)
    return lit


def _some(each: Rays, which: Array) -> Rays:
    return each[0][which], each[1][which], each[2][which]


def _gleam(normal: Rays, toward: Rays, light: tuple[float, float, float]) -> Array:
    hx, hy, hz = unit(toward[0] + light[0], toward[1] + light[1], toward[2] + light[2])
    half = np.maximum(normal[0] * hx + normal[1] * hy + normal[2] * hz, 0)
    for _ in range(3):
        half *= half
    broad = half.copy()  # to the 8th
    half *= half
    half *= half
    gleam: Array = broad * 0.6 + half * 1.4
    return gleam


def _hair_on(paint: Paint, share: Array, normal: Rays, pixel: float) -> None:
    p, x, y, z = paint.person, paint.x, paint.y, paint.z
    if p.style == "scarf":
        pick = (0.5 + 0.06 * p.number) % 1
        cloth = ((0.16, 0.05, 0.07), (0.05, 0.10, 0.16), (0.10, 0.14, 0.10), (0.30, 0.24, 0.18))[int(pick * 4)]
        paint.lay(share, cloth)
        return
    if not any(STYLES[p.style][:2]):
        paint.lay(share * 0.6, p.hair)
        return
    # strands run down, and on top away from the parting
    part = paint.head.part if p.style in PARTED else 0.0
    away = np.abs(x - part)
    on_top = edge(y - 0.45 - 0.2 * away, 0.25) if p.style in PARTED else np.float32(0)
    down = np.abs(x - 0.02) - 0.7 * z + 0.06 * wave(0.45 * y + 0.8 * x)
    around = down + on_top * (y + 0.8 * away - 0.9 * z - down)
    lock = wave(around * 1.9 + 0.3) * wave(around * 3.1 + 0.3 * y)
    strand = wave(around * 8.3 + 0.4 * y) * wave(around * 5.3 - 0.3 * y) + 0.9 * wave(around * 17 + 0.6 * wave(y * 1.3))
    if p.style == "curls":
        strand = wave(x * 5 + 2 * wave(y * 3.3 + z)) * wave(y * 6 + 1.5 * wave(x * 2.9 - z * 2)) * 1.6
    fine = 1 / (1 + 6 * pixel)
    tone = 1 + 0.20 * lock + 0.17 * fine * strand
    paint.lay(share, tuple(c * np.maximum(tone, 0.2) + 0.004 for c in p.hair))


def _hair_gleam(
    lit: Array,
    share: Array,
    normal: Rays,
    toward: Rays,
    light: tuple[float, float, float],
    cloth: bool,
    seen: Array,
    at: Rays,
) -> None:
    """Hair gleams across its strands: in a band that runs around the head."""
    if cloth:
        return
    hx, hy, hz = unit(toward[0] + light[0], toward[1] + light[1], toward[2] + light[2])
    # strands lie down the surface, so the gleam depends on height alone
    down = np.sqrt(np.maximum(1 - normal[1] * normal[1], 1e-6))
    tangent = (normal[0] * normal[1] / down, -down, normal[2] * normal[1] / down)
    along = tangent[0] * hx + tangent[1] * hy + tangent[2] * hz
    across = np.maximum(1 - along * along, 0)
    for _ in range(4):
        across *= across
    across *= 0.8 + 0.35 * wave(at[0] * 7 + at[2] * 5 + 0.5 * wave(at[1] * 2))
    lit += share * across * np.maximum(seen, 0.25) * 0.030


def _clothes_on(paint: Paint, share: Array, at: Rays) -> None:
    weave = 1 + 0.05 * wave(at[0] * 1.3 + 0.4 * at[1]) * wave(at[1] * 0.9 + at[2])
    paint.lay(share, tuple(c * weave for c in paint.shot.cloth))
