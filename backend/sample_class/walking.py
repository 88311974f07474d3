"""Somebody who walks towards the camera, cut out of the background: head, body, arms and legs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sample_class.arithmetic import Array, capsule, edge, ellipsoid, ramp, union, wave
from sample_class.head import Head
from sample_class.person import Colour, person_of
from sample_class.portraits import developed
from sample_class.rendering import View, rendered
from sample_class.shot import Shot
from sample_class.tracing import march, normals, openness, unit

# Decimetres from the head's middle: how far a figure reaches to the sides and up, where head and body join, the feet.
ASIDE, ABOVE = 2.9, 1.9
SEAM = -2.25
FEET = -15.6
CAMERA = 60.0
TROUSERS: tuple[Colour, ...] = ((0.03, 0.045, 0.09), (0.04, 0.04, 0.045), (0.16, 0.13, 0.09), (0.09, 0.11, 0.14))


def walker(person: int, moment: Shot, scale: float, stride: float, below: float) -> NDArray[np.uint8]:
    """(H, W, 4) uint8 RGBA of ``person`` from the crown down to ``below`` decimetres under the head's middle.

    The head's middle is at (ASIDE * scale, ABOVE * scale). scale: pixels a decimetre. stride: where in a pair of steps
    the legs are, in whole turns.
    """
    width, height = round(2 * ASIDE * scale), round((ABOVE + below) * scale)
    body, body_cover = _body(person, moment, scale, stride, below)
    light, cover = _enlarged(body, width, height), _enlarged(body_cover, width, height)
    side, tall = round(1.55 * scale), round((ABOVE - SEAM) * scale)
    left = round(ASIDE * scale) - side
    tall = min(tall, height)
    view = View(2 * side, tall, scale, -side / scale, ABOVE)
    head, head_cover = rendered(person, moment, view)
    rows = ABOVE - (np.arange(tall, dtype=np.float32) + 0.5) / np.float32(scale)
    head_cover *= ramp((rows - SEAM) * 3)[:, None]
    window = slice(0, tall), slice(left, left + 2 * side)
    share = head_cover[:, :, None]
    light[window] += share * (head - light[window])
    cover[window] += head_cover * (1 - cover[window])
    return np.dstack([developed(light, moment), (cover * 255 + 0.5).astype(np.uint8)])


def _enlarged(values: Array, width: int, height: int) -> Array:
    layers = values[:, :, None] if values.ndim == 2 else values
    grown = [
        np.asarray(Image.fromarray(layers[:, :, i]).resize((width, height), Image.Resampling.BILINEAR), np.float32)
        for i in range(layers.shape[2])
    ]
    return grown[0].copy() if values.ndim == 2 else np.dstack(grown)


class _Body:
    def __init__(self, person: int, moment: Shot, stride: float) -> None:
        self.person, self.moment = person_of(person), moment
        self.head = Head(self.person, moment)
        self.wide = 0.90 if self.person.woman else 1.04
        self.swing = float(wave(np.array(stride, np.float32)))

    def distances(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        """To the shirt, to the trousers and to the hands."""
        side, w, swing = np.abs(x), self.wide, self.swing
        forth = np.where(x > 0, np.float32(swing), np.float32(-swing))
        hips = 0.95 if self.person.woman else 0.88
        chest = union(
            self.head.shoulders(side, y, z), ellipsoid(side, y, z, (0, -3.9, -0.3), (1.42 * w, 2.2, 0.85)), 0.4
        )
        shirt = union(chest, ellipsoid(side, y, z, (0, -5.6, -0.3), (1.36 * hips, 1.25, 0.80)), 0.8)
        # arms swing against the legs
        reach = z + forth * 0.55 * ramp((-2.6 - y) * 0.22)
        arm = capsule(side, y, reach, (1.50 * w, -2.45, -0.34), (1.86 * w, -4.9, -0.40), 0.44, 0.34)
        fore = capsule(side, y, reach, (1.86 * w, -4.9, -0.40), (1.84 * w, -6.9, 0.0), 0.33, 0.25)
        shirt = union(shirt, union(arm, fore, 0.12), 0.22)
        hand = ellipsoid(side, y, reach, (1.84 * w, -7.45, 0.08), (0.20, 0.48, 0.27))
        step = z - forth * 1.3 * ramp((-6.5 - y) * 0.12)
        leg = capsule(side, y, step, (0.66, -6.3, -0.3), (0.70, -10.8, -0.25), 0.80 * hips, 0.50)
        shin = capsule(side, y, step, (0.70, -10.8, -0.25), (0.72, FEET, -0.4), 0.50, 0.36)
        trousers = union(union(leg, shin, 0.3), ellipsoid(side, y, z, (0, -6.3, -0.3), (1.32 * hips, 0.9, 0.78)), 0.4)
        return shirt, trousers, hand

    def nearest(self, x: Array, y: Array, z: Array) -> Array:
        shirt, trousers, hand = self.distances(x, y, z)
        return np.minimum(np.minimum(shirt, trousers), hand)


def _body(person: int, moment: Shot, scale: float, stride: float, below: float) -> tuple[Array, Array]:
    """Linear light and cover of what is below the head, at half the size: cloth has no fine detail."""
    body = _Body(person, moment, stride)
    pixel = 2 / scale
    columns, rows = round(ASIDE * scale), round((ABOVE + below) * scale / 2)
    x, y = np.meshgrid(
        (np.arange(columns, dtype=np.float32) + 0.5) * np.float32(2 * ASIDE / columns) - np.float32(ASIDE),
        np.float32(ABOVE) - (np.arange(rows, dtype=np.float32) + 0.5) * np.float32((ABOVE + below) / rows),
    )
    wanted = (y < -1.2).ravel()
    gx, gy = x.ravel()[wanted], y.ravel()[wanted]
    rays = unit(gx, gy, np.full_like(gx, -CAMERA))
    start = np.full_like(gx, CAMERA - 2.2)
    hits = march(body.nearest, (0.0, 0.0, CAMERA), rays, start, CAMERA + 3, pixel)
    at = hits.x, hits.y, hits.z
    shirt, trousers, hand = body.distances(*at)
    here = np.minimum(np.minimum(shirt, trousers), hand)
    normal = normals(body.nearest, at, here, 0.05)
    rng = np.random.default_rng([person, 0xB0D1])
    below_waist = edge(shirt - trousers - 0.05, pixel)
    bare = edge(np.minimum(shirt, trousers) - hand, pixel)
    folds = 1 + 0.10 * wave(at[1] * 0.35 + 0.5 * wave(at[0] * 0.25)) * wave(at[0] * 0.5 + 0.2 * at[1])
    lx, ly, lz = (v / 1.5 for v in moment.light_from)
    facing = normal[0] * lx + normal[1] * ly + normal[2] * lz
    lit = np.clip((facing + 0.2) / 1.2, 0, 1) * moment.key
    lit += moment.fill * openness(body.nearest, at, normal) * (0.75 + 0.25 * normal[1])
    colour = np.zeros((rows * columns, 3), np.float32)
    cover = np.zeros(rows * columns, np.float32)
    where = np.flatnonzero(wanted)[hits.rays]
    legs, skin = TROUSERS[int(rng.integers(len(TROUSERS)))], body.person.skin
    for channel in range(3):
        tone = moment.cloth[channel] + below_waist * (legs[channel] - moment.cloth[channel])
        tone = tone * folds + bare * (skin[channel] - tone * folds)
        colour[where, channel] = tone * lit
    cover[where] = hits.cover
    return colour.reshape(rows, columns, 3), cover.reshape(rows, columns)
