"""Heads as distance fields: ellipsoids and rods melted into one another.

A point is given in the head's own frame, in decimetres: x to the viewer's right, y up, z towards whoever is looked at.
Its distance is measured to the skin, to the hair and to the clothes; the nearest of them is what is seen.
"""

from __future__ import annotations

import numpy as np

from sample_class.arithmetic import Array, both, capsule, carve, edge, ellipsoid, ramp, union, wave
from sample_class.person import Person
from sample_class.shot import Shot

EYE_DEPTH = 0.60
EYEBALL = 0.135
# Styles: hair's thickness on top, at the sides, how low it grows at the back, and how uneven its surface is.
STYLES: dict[str, tuple[float, float, float, float]] = {
    "bald": (0.0, 0.0, -0.3, 0.0),
    "buzz": (0.022, 0.016, -0.5, 0.1),
    "receding": (0.05, 0.05, -0.5, 0.3),
    "short": (0.10, 0.05, -0.5, 0.6),
    "parted": (0.15, 0.06, -0.5, 0.8),
    "quiff": (0.20, 0.045, -0.5, 0.8),
    "mop": (0.19, 0.13, -0.6, 1.2),
    "pixie": (0.14, 0.09, -0.6, 0.8),
    "fringe": (0.13, 0.13, -0.9, 0.7),
    "curls": (0.26, 0.22, -0.7, 1.0),
    "bob": (0.13, 0.16, -0.9, 0.7),
    "long": (0.12, 0.13, -1.0, 0.7),
    "tied": (0.06, 0.05, -0.6, 0.3),
    "bun": (0.06, 0.05, -0.6, 0.3),
    "scarf": (0.09, 0.09, -3.0, 0.25),
}
# Styles with a parting, and how low hair hangs.
PARTED = frozenset({"parted", "pixie", "long", "bob", "tied", "bun"})
HANGING = {"bob": -0.95, "fringe": -1.25, "long": -1.95}


class Head:
    """The shape of one person in one moment."""

    def __init__(self, person: Person, shot: Shot) -> None:
        self.person, self.shot = person, shot
        p = person
        self.mouth_y = -0.70 * p.length - 0.10 * (p.nose_length - 0.43) + p.mouth_height
        self.mouth_width = p.mouth_width * (1 + 0.16 * max(shot.smile, 0.0))
        self.nose_y = -p.nose_length
        self.chin_y = -1.12 * p.length
        self.part = 0.30 * p.parting

    def distances(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        """(to the skin, to the hair or scarf, to the clothes), each of the shape of ``x``."""
        side = np.abs(x)
        skull = self._skull(side, y, z)
        # what lies too far above or below to matter is not measured, only known to be further than this
        neck = y + 0.6
        body, cloth = neck.copy(), neck.copy()
        low = np.flatnonzero(y < (0.3 if self.person.style == "scarf" else -0.3))
        if len(low):
            at = side[low], y[low], z[low]
            neck[low], body[low] = self._neck(*at), self.shoulders(*at)
            cloth[low] = self._clothes(*at, neck[low], body[low])
        skin = np.where(y > 0, skull, -1.25 - y)
        middle = np.flatnonzero((y < 0.62) & (y > -1.45))
        if len(middle):
            at = side[middle], y[middle], z[middle]
            face = self._face(*at, skull[middle])
            skin[middle] = union(face, self._ears(*at), 0.05)
        skin[low] = union(skin[low], union(neck[low], body[low], 0.2), 0.16)
        return skin, self._hair(x, side, y, z, skull, neck, body), cloth

    def nearest(self, x: Array, y: Array, z: Array) -> Array:
        skin, hair, cloth = self.distances(x, y, z)
        np.minimum(skin, hair, out=skin)
        return np.minimum(skin, cloth, out=skin)

    def _skull(self, side: Array, y: Array, z: Array) -> Array:
        w, h = self.person.width, self.person.forehead
        return ellipsoid(side, y, z, (0, 0.33, -0.12), (0.735 * w, 0.82 * h, 0.93))

    def _face(self, side: Array, y: Array, z: Array, skull: Array) -> Array:
        p, smile = self.person, self.shot.smile
        w, lift = p.width, 0.03 * max(smile, 0.0)
        bottom = self.chin_y
        d = union(skull, ellipsoid(side, y, z, (0, -0.16, 0.10), (0.665 * w, -bottom - 0.18, 0.69)), 0.15)
        jaw = ellipsoid(side, y, z, (0.34 * p.jaw_width * w, p.jaw_height + 0.04, 0.08), (0.15, 0.20, 0.34))
        d = union(d, jaw, 0.22)
        chin = ellipsoid(side, y, z, (0.05, bottom + 0.17, 0.50 + p.chin_forward), (p.chin_width, 0.17, 0.20))
        d = union(d, chin, 0.22)
        bone = 0.04 * p.cheekbones
        d = union(d, ellipsoid(side, y, z, (0.43 * w + bone, -0.17, 0.40), (0.20, 0.17, 0.22 + bone)), 0.18)
        cheek = ellipsoid(
            side, y, z, (0.33 * w, -0.43 + lift, 0.44), (0.21, 0.22 - lift, 0.21 + 0.06 * p.cheeks + lift)
        )
        d = union(d, cheek, 0.2)
        d = union(d, ellipsoid(side, y, z, (0, self.mouth_y + 0.02, 0.52), (0.34, 0.30, 0.30)), 0.18)
        ridge = 0.045 * p.ridge
        d = union(d, ellipsoid(side, y, z, (0.22, 0.20, 0.57 + ridge), (0.30, 0.10, 0.17)), 0.2)
        # eyes, nose and mouth reach no further than this
        inner = np.flatnonzero((side < 0.72) & (y < 0.35) & (y > -1.05) & (z > 0.3))
        if len(inner):
            d[inner] = self._features(side[inner], y[inner], z[inner], d[inner])
        return d

    def _features(self, side: Array, y: Array, z: Array, d: Array) -> Array:
        p = self.person
        e, depth = p.eye_x, p.eye_depth
        d = carve(d, ellipsoid(side, y, z, (e + 0.01, -0.02, 0.90 - depth), (0.22, 0.125, 0.20)), 0.14)
        d = union(d, self._nose(side, y, z), 0.075)
        ball = ellipsoid(side, y, z, (e, 0, EYE_DEPTH - depth), (EYEBALL * 1.28, EYEBALL * 0.98, EYEBALL))
        d = union(d, ball, 0.06)
        return self._lips(side, y, z, d)

    def _nose(self, side: Array, y: Array, z: Array) -> Array:
        p = self.person
        tip_z = 0.93 + p.nose_forward
        top = (0.0, 0.10, 0.70 + p.nose_bridge)
        d = capsule(side, y, z, top, (0.0, self.nose_y + 0.04, tip_z), 0.052, 0.072)
        d = union(d, ellipsoid(side, y, z, (0.018, self.nose_y, tip_z), (p.nose_tip, 0.085, 0.095)), 0.06)
        wing = (p.nose_width - 0.055, self.nose_y - 0.025, tip_z - 0.15)
        d = union(d, ellipsoid(side, y, z, wing, (0.062, 0.062, 0.10)), 0.07)
        hole = (0.45 * p.nose_width, self.nose_y - 0.095, tip_z - 0.085)
        return carve(d, ellipsoid(side, y, z, hole, (0.036, 0.035, 0.062)), 0.04)

    def _lips(self, side: Array, y: Array, z: Array, d: Array) -> Array:
        p = self.person
        t = side * (1 / self.mouth_width)
        t *= t
        # the corners lie further back and, in a smile, higher
        up = y - self.mouth_y - (0.095 * self.shot.smile - 0.012) * np.minimum(t, 1.5)
        back = z + 0.13 * t
        upper = ellipsoid(
            side, up, back, (0.05, 0.4 * p.upper_lip, 0.775), (self.mouth_width * 0.93, p.upper_lip * 0.85, 0.085)
        )
        lower = ellipsoid(
            side, up, back, (0.0, -0.5 * p.lower_lip, 0.765), (self.mouth_width * 0.80, p.lower_lip * 0.8, 0.10)
        )
        return union(d, union(upper, lower, 0.012), 0.035)

    def _ears(self, side: Array, y: Array, z: Array) -> Array:
        p = self.person
        out = side - 0.22 * np.maximum(-0.05 - z, 0)
        lean = z + 0.18 * (y + 0.1)
        d = ellipsoid(out, y, lean, (0.715 * p.width, -0.11, -0.10), (0.055, 0.27 * p.ears, 0.155))
        return carve(
            d, ellipsoid(out, y, lean, (0.715 * p.width + 0.06, -0.08, -0.07), (0.055, 0.17 * p.ears, 0.085)), 0.05
        )

    def _neck(self, side: Array, y: Array, z: Array) -> Array:
        r = self.person.neck
        return capsule(side, y, z, (0, -0.55, -0.20), (0, -2.0, -0.36), r, r * 1.04)

    def shoulders(self, side: Array, y: Array, z: Array) -> Array:
        wide = 1.0 if self.person.woman else 1.13
        d = ellipsoid(side, y, z, (0, -2.66, -0.34), (1.35 * wide, 1.0, 0.60))
        d = union(d, ellipsoid(side, y, z, (1.22 * wide, -2.36, -0.34), (0.42, 0.5, 0.42)), 0.35)
        return union(d, ellipsoid(side, y, z, (0.25, -1.62, -0.42), (0.66, 0.36, 0.30)), 0.35)

    def _clothes(self, side: Array, y: Array, z: Array, neck: Array, body: Array) -> Array:
        d = union(body, neck, 0.2)
        collar = self.shot.collar
        if self.person.style == "scarf":
            return d - 0.045
        depth = 0.62 if collar == 1 else 0.0  # a V-neck
        line = -1.36 - depth * np.maximum(0.62 - side * 1.5, 0) * edge(z, 0.3) - 0.22 * z
        above = y - line
        cover = 0.045 * ramp(above * -14 + 0.3) - 0.03
        if collar == 2:  # a hood lies around the neck
            cover += 0.11 * ramp(1 - np.abs(above + 0.13) * 5)
        elif collar == 0:
            cover += 0.018 * ramp(1.2 - np.abs(above + 0.03) * 16)
        d -= cover
        return d

    def _hair(self, x: Array, side: Array, y: Array, z: Array, skull: Array, neck: Array, body: Array) -> Array:
        p = self.person
        top, sides, _, uneven = STYLES[p.style]
        if p.style == "scarf":
            return self._scarf(side, y, z, skull, neck, body)
        within = self.grown(x, side, y, z)
        share = edge(y - 0.45, 0.35)
        thick = (sides + (top - sides) * share) * p.volume
        thick_at_most = max(top, sides) * p.volume + 0.035
        thick *= self._tufts(x, y, z, uneven)
        # combed forward it ends at once; combed back it begins thin
        rise = 0.19 if p.style in ("fringe", "mop", "curls") else 0.30
        cover = ramp(within * (1 / rise) + 0.2) * (thick + 0.035)
        if p.style in PARTED:
            cover -= (
                0.05
                * ramp(1 - np.abs(x - self.part - 0.1 * p.parting * z) * 14)
                * edge(y - 0.7, 0.2)
                * ramp(within * 9)
            )
        cover -= 0.035
        # as steep as the hair rises, as much farther its surface seems than it is
        d: Array = (skull - cover) * (1 / (1 + (1.2 * thick_at_most / rise) ** 2) ** 0.5)
        if p.style in HANGING:
            low = HANGING[p.style] - 0.25 * (p.volume - 1)
            middle, tall = (low - 0.1) / 2, (1.5 - low) / 2
            fall = ellipsoid(side, y, z, (0.60 * p.width, middle, -0.20), (0.26 * p.volume**0.5, tall, 0.46))
            back = ellipsoid(side, y, z, (0, middle, -0.45), (0.80, tall, 0.48))
            hanging = union(fall, back, 0.25)
            hanging += 0.025 * wave(x * 1.9 + 0.4 * y + p.parting) + 0.02 * wave(side * 3.1 + 0.8 * z)
            hanging = both(hanging, low + 0.10 * side - y + 0.02 * wave(x * 4.3), 0.22)
            d = union(d, hanging, 0.22)
        elif p.style == "bun":
            d = union(d, ellipsoid(x, y, z, (0, 1.18, -0.45), (0.34, 0.30, 0.34)), 0.08)
        elif p.style == "tied":
            d = union(
                d, capsule(x, y, z, (0.3 * p.parting, 0.5, -1.1), (0.75 * p.parting, -1.2, -0.75), 0.2, 0.16), 0.1
            )
        return d

    def grown(self, x: Array, side: Array, y: Array, z: Array) -> Array:
        """How far within the hairline, about in decimetres; below 0 there is skin."""
        p = self.person
        _, _, nape, _ = STYLES[p.style]
        if p.style == "fringe":
            line = 0.30 + 0.05 * side
        elif p.style == "mop":
            line = 0.44 + 0.12 * x * p.parting
        elif p.style in PARTED:
            # from the parting hair falls to both sides
            off = np.abs(x - self.part)
            line = p.hairline + 0.06 - off * (0.25 + 0.75 * off)
        else:
            line = p.hairline + 0.05 * p.parting * x - 0.28 * side * side
        if p.style == "receding":
            line += 0.20 + 0.5 * side
        elif p.style == "curls":
            line -= 0.06
        elif p.style == "bald":
            line += 3.0
        # waves so that no hairline is drawn with a ruler
        front = y - line + 0.012 * wave(x * 1.3 + p.parting) + 0.008 * wave(x * 5.3 + p.parting)
        behind = 0.16 + 0.30 * y - z
        if p.style in ("curls", "mop"):
            behind += 0.06
        behind = np.minimum(behind, (y - nape) - 0.25 * ramp((z + 0.25) * 3))
        # sideburns end before the ear's middle
        behind = union(behind, y + 0.16 + 0.9 * np.maximum(-0.28 - z, 0), 0.1)
        if p.style == "bald":
            return np.minimum(behind, 0.15 - y)
        return -union(-front, -behind, 0.12)

    def _tufts(self, x: Array, y: Array, z: Array, uneven: float) -> Array:
        p = self.person
        f = 1.3 + 0.9 * p.curl if p.style == "curls" else 1.0
        t = wave(x * 1.3 * f + 0.7 * z + p.parting) * wave(y * 1.1 * f - 0.5 * z * f + 2.3 * p.parting)
        t += 0.5 * wave(x * 2.9 * f - y * 1.7) * wave(z * 2.1 * f + 0.6 * y)
        return 1 + 0.14 * uneven * t

    def _scarf(self, side: Array, y: Array, z: Array, skull: Array, neck: Array, body: Array) -> Array:
        p = self.person
        whole = ellipsoid(side, y, z, (0, -0.16, 0.06), (0.70 * p.width, -self.chin_y - 0.10, 0.70))
        whole = union(union(skull, whole, 0.2), union(neck, body, 0.5) - 0.05, 0.35)
        u, v = side * (1 / (0.60 * p.width)), (y + 0.20) * (1 / (0.80 * p.length))
        around = np.sqrt(u * u + v * v)
        around -= 1
        around = -union(-around, z * 1.1 - 0.42, 0.25)
        folds = 0.03 * wave(y * 0.9 + side * 0.7 + p.parting) + 0.018 * wave(y * 2.1 - side * 1.3)
        cover = ramp(around * 5 + 0.25) * (0.13 + folds) - 0.05
        return whole - cover
