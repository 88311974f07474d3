"""The colours of a face: skin, lips, brows, beard and eyes, laid on by where on the face a point lies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sample_class.arithmetic import Array, bell, edge, grain, ramp, spots, wave
from sample_class.head import Head
from sample_class.person import Colour, mixed


class Paint:
    """Colours of the skin at n points. x, y, z: (n,) in the head's frame. pixel: a pixel's width there.

    colour: (3, n) linear light as reflected. shine: (n,) how much the surface gleams. height: see ``relief``.
    """

    def __init__(self, head: Head, x: Array, y: Array, z: Array, pixel: float) -> None:
        self.head, self.person, self.shot = head, head.person, head.shot
        self.x, self.y, self.z, self.pixel = x, y, z, pixel
        self.side = np.abs(x)
        self.front = edge(z - 0.30, 0.15)
        self.colour = np.empty((3, len(x)), np.float32)
        self.shine = np.full(len(x), 0.5, np.float32)
        self._skin()
        self._stubble()
        self._lips()
        self._brows()

    def lay(self, share: Array, colour: Sequence[float | Array]) -> None:
        """``share`` (n,) of this colour over what is there."""
        for channel in range(3):
            own = self.colour[channel]
            own += share * (colour[channel] - own)

    def tint(self, share: Array, factors: Colour) -> None:
        for channel in range(3):
            self.colour[channel] *= 1 + share * (factors[channel] - 1)

    def _skin(self) -> None:
        p, side, y = self.person, self.side, self.y
        self.colour[:] = np.array(p.skin, np.float32)[:, None]
        warm = bell(side, y, 0.40, -0.34, 0.24, 0.20) * 0.8
        warm += bell(side, y, 0.0, self.head.nose_y, 0.14, 0.14) * 0.7
        warm += edge(side - 0.68 * p.width, 0.08) * edge(0.3 - np.abs(self.z), 0.2) * 0.8
        warm *= p.flush
        self.tint(warm, (1.02, 0.80, 0.80))
        # thinner skin around the eyes is darker
        around = bell(side, y, p.eye_x - 0.01, -0.035, 0.20, 0.12) * self.front
        self.tint(around * (0.35 + 0.35 * p.age), (0.80, 0.70, 0.72))
        mottle = wave(self.x * 1.7 + 0.6 * y) * wave(y * 2.1 + self.z) + 0.6 * wave(self.x * 4.3 - y) * wave(y * 3.9)
        self.tint(0.5 + 0.5 * mottle, (0.97, 0.94, 0.94))
        if p.freckles:
            dots = spots(self.x, y, 0.055) + 0.7 * spots(self.x + 0.3, y - 0.2, 0.037)
            where = bell(side, y, 0.2, -0.22, 0.34, 0.20) * self.front
            self.tint(dots * where * p.freckles * 0.8, (0.62, 0.42, 0.32))
        self.shine += 0.35 * bell(side, y, 0.0, self.head.nose_y, 0.10, 0.12) + 0.15 * bell(side, y, 0, 0.5, 0.4, 0.2)

    def _stubble(self) -> None:
        p, side, y = self.person, self.side, self.y
        if p.woman:
            return
        mouth = self.head.mouth_y
        # the edge of the beard runs from the ears to the moustache
        top = mouth + 0.14 + 0.50 * np.maximum(side - 0.26, 0) * 1.4
        area = edge(top - y, 0.06) * edge(y - self.head.chin_y + 0.08, 0.10) * edge(self.z + 0.15, 0.1)
        area *= 1 - bell(side, y, 0, mouth - 0.155, 0.07, 0.045) * 0.5
        lip = bell(side, y, 0.07, 0.52 * mouth + 0.48 * self.head.nose_y - 0.035, 0.20, 0.075)
        lip = ramp(lip * 1.9 - 0.25) * edge(self.z - 0.5, 0.1)
        bare = self._lip_area(0.03)
        hairs = 0.62 + 0.5 * grain(self.x * 2.2 + 0.3 * y * np.sign(self.x), y, 0.035)
        shadow = np.maximum(area, lip) * (1 - bare)
        self.lay(shadow * (0.30 * p.stubble), mixed(p.hair, (0.05, 0.05, 0.055), 0.5))
        dark = mixed(p.hair, p.skin, 0.06)
        grown = area * (1 - 0.85 * edge(lip - 0.2, 0.2)) * p.beard
        grown = np.maximum(grown, lip * p.moustache) * (1 - bare)
        grown *= hairs
        self.lay(np.minimum(grown * 1.1, 0.96), dark)
        self.shine *= 1 - 0.7 * np.minimum(grown, 1)

    def _lip_area(self, wider: float = 0.0) -> Array:
        """1 on the lips."""
        p = self.person
        t = self.side * (1 / (self.head.mouth_width * 1.02 + wider))
        bow = np.maximum(1 - t * t, 0)
        u = self._along_mouth()
        dip = bell(self.side, u, 0, p.upper_lip, 0.05, 0.2) * 0.28
        upper = (p.upper_lip * 1.12 + wider) * bow * (1.12 - dip) - u
        lower = (p.lower_lip * 1.28 + wider) * np.sqrt(bow) * (0.45 + 0.55 * bow) + u
        return edge(np.minimum(upper, lower), 0.6 * self.pixel + 0.008) * edge(1 - t, 0.05) * edge(self.z - 0.4, 0.1)

    def _along_mouth(self) -> Array:
        """Height above the line between the lips."""
        t = self.side * (1 / self.head.mouth_width)
        return self.y - self.head.mouth_y - (0.095 * self.shot.smile - 0.012) * np.minimum(t * t, 1.5)

    def _lips(self) -> None:
        p = self.person
        lips = self._lip_area()
        u = self._along_mouth()
        self.lay(lips * 0.85, p.lip_colour)
        self.tint(lips * edge(u, 0.01), (0.86, 0.80, 0.80))
        self.shine += lips * 0.35
        t = self.side * (1 / (self.head.mouth_width * 1.03))
        line = ramp(1 - np.abs(u) * (1 / (0.009 + 0.8 * self.pixel))) * edge(1 - t, 0.06) * self.front
        self.tint(line * 0.85, (0.32, 0.22, 0.22))
        corners = bell(self.side, u, self.head.mouth_width * 1.03, 0, 0.035, 0.03) * self.front
        self.tint(corners * 0.55, (0.5, 0.4, 0.4))

    def _brows(self) -> None:
        p = self.person
        a, y = self.side - p.eye_x, self.y - self.shot.brows
        path = p.brow_height + p.brow_slant * a * 0.5 + p.brow_arch * (1 - np.square((a - 0.05) * (1 / 0.20)))
        taper = p.brow_thickness * (1.05 - 0.75 * ramp((a + 0.02) * (1 / 0.26)))
        within = edge(0.215 - a, 0.05) * edge(a + 0.205, 0.045) * self.front
        strokes = 0.86 + 0.14 * wave(a * 17 - 9 * (y - path) + 0.5 * wave(a * 7))
        brow = edge(taper - np.abs(y - path), 0.016 + 0.7 * self.pixel) * within * strokes
        self.lay(brow * 0.86, p.brow_colour)
        self.shine *= 1 - 0.8 * brow


class Eyes:
    """What lies between the lids, and their lashes; painted after the light, which eyeballs take another way."""

    def __init__(self, paint: Paint, pixel: float) -> None:
        self.paint, self.pixel = paint, pixel
        p, shot = paint.person, paint.shot
        self.side_sign = np.where(paint.x < 0, np.float32(-1), np.float32(1))
        self.a = paint.side - p.eye_x
        self.b = paint.y - p.eye_slant * self.a
        # narrower in a smile
        tall = p.eye_height * shot.lids * (1 - 0.10 * max(shot.smile, 0.0))
        w = p.eye_width
        s = (self.a + 0.012) * (1 / w)
        s *= s
        self.upper = tall * (1 - s) + 0.012
        t = (self.a - 0.02) * (1 / w)
        t *= t
        self.lower = -0.62 * tall * (1 - t) - 0.004
        near = edge(paint.z - 0.4, 0.1)
        self.open = edge(np.minimum(self.upper - self.b, self.b - self.lower), 0.7 * pixel + 0.002) * near
        self.near = near
        self.tall = tall

    def skin_around(self) -> None:
        """Lashes, the fold above the eye and the rim below it."""
        p, paint = self.paint.person, self.paint
        within = edge(p.eye_width * 1.06 - np.abs(self.a), 0.02) * self.near
        over = self.b - self.upper
        fold = 0.045 * p.crease + 0.018
        crease = ramp(1 - np.abs(over - fold) * (1 / (0.014 + 0.5 * self.pixel))) * within
        paint.tint(crease * (0.30 + 0.30 * p.crease), (0.50, 0.40, 0.38))
        bag = ramp(1 - np.abs(self.b - self.lower + 0.045) * (1 / 0.022)) * within
        paint.tint(bag * (0.16 + 0.25 * p.age), (0.70, 0.60, 0.60))

    def lashes(self, colour: Array) -> None:
        """Drawn on the lit ``colour`` (3, n)."""
        p = self.paint.person
        outer = ramp((self.a + p.eye_width) * (1 / (2 * p.eye_width)))
        within = edge(p.eye_width * (1.02 + 0.06 * p.lashes) - np.abs(self.a), 0.015) * self.near
        thick = (0.007 + 0.013 * p.lashes * (0.4 + outer)) + 0.35 * self.pixel
        line = ramp(1.25 - np.abs(self.b - self.upper - 0.3 * thick) / thick) * within
        over(colour, line * 0.9, (0.012, 0.009, 0.008))
        low = ramp(1.2 - np.abs(self.b - self.lower) * (1 / (0.007 + 0.35 * self.pixel))) * within
        over(colour, low * (0.22 + 0.30 * p.lashes), (0.05, 0.028, 0.022))

    def ball(self, light: tuple[float, float, float], bright: Array) -> Array:
        """(3, n): the eyeball as lit by ``bright`` (n,)."""
        p, shot = self.paint.person, self.paint.shot
        r = 0.078
        u = self.a * self.side_sign - shot.gaze[0] * 0.135
        v = self.b - shot.gaze[1] * 0.135 - 0.20 * self.tall
        away = np.sqrt(u * u + v * v)
        white = np.empty((3, len(u)), np.float32)
        rounded = 1 - 0.40 * np.square(self.a * (1 / p.eye_width))
        lid = 1 - 0.48 * ramp(1 - (self.upper - self.b) * (1 / (0.6 * self.tall)))
        for channel, value in enumerate((0.60, 0.565, 0.54)):
            white[channel] = value * rounded
        over(white, bell(self.a, self.b, -p.eye_width * 0.95, 0, 0.035, 0.03) * 0.7, (0.42, 0.20, 0.17))
        iris = edge(r - away, 0.6 * self.pixel + 0.003)
        # lighter below, where the light that came in through the clear front leaves again
        glow = 0.75 - 0.55 * v * (1 / r) + 0.12 * wave(u * 17 + v * 5) * wave(v * 16 - u * 3)
        glow *= 1 - 0.65 * ramp((away - 0.70 * r) * (1 / (0.3 * r)))
        for channel in range(3):
            white[channel] += iris * (p.iris[channel] * glow * 1.25 - white[channel])
        over(white, edge(0.40 * r - away, 0.6 * self.pixel + 0.003), (0.004, 0.004, 0.005))
        white *= bright * lid
        spot = bell(
            u, v, 0.30 * r * np.sign(light[0]), 0.38 * r, 0.18 * r + 0.25 * self.pixel, 0.18 * r + 0.25 * self.pixel
        )
        over(white, spot * 0.9, (0.9, 0.9, 0.9))
        return white


def over(colour: Array, share: Array, other: Colour) -> None:
    for channel in range(3):
        own = colour[channel]
        own += share * (other[channel] - own)
