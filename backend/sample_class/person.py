"""Who somebody is: everything about a head that stays the same from one picture to the next."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

Colour = tuple[float, float, float]

# Linear light, red, green, blue; from fair to dark.
SKINS: tuple[Colour, ...] = (
    (0.82, 0.55, 0.43),
    (0.76, 0.48, 0.35),
    (0.66, 0.39, 0.25),
    (0.50, 0.27, 0.155),
    (0.33, 0.165, 0.09),
    (0.19, 0.088, 0.048),
    (0.10, 0.046, 0.027),
)
BLACK, DARK, BROWN, CHESTNUT = (0.012, 0.010, 0.009), (0.028, 0.018, 0.012), (0.075, 0.038, 0.019), (0.135, 0.06, 0.026)
FAIR, BLOND, RED, GREY = (0.26, 0.155, 0.07), (0.46, 0.31, 0.15), (0.27, 0.075, 0.02), (0.30, 0.30, 0.31)
IRISES: tuple[Colour, ...] = (
    (0.035, 0.016, 0.008),
    (0.09, 0.04, 0.015),
    (0.13, 0.10, 0.035),
    (0.09, 0.15, 0.10),
    (0.10, 0.20, 0.33),
    (0.20, 0.26, 0.30),
)
FRAMES: tuple[Colour, ...] = ((0.01, 0.01, 0.012), (0.09, 0.035, 0.015), (0.02, 0.03, 0.09), (0.22, 0.17, 0.08))

WOMENS_STYLES = ("long", "long", "bob", "bob", "tied", "bun", "curls", "pixie", "fringe", "scarf")
MENS_STYLES = ("short", "short", "parted", "parted", "quiff", "buzz", "curls", "bald", "receding", "mop")


@dataclass(frozen=True, slots=True)
class Person:
    """Lengths in decimetres; the eyes lie at height 0, the middle of the head at depth 0. Shares lie in 0..1."""

    number: int
    woman: bool
    age: float  # 0: twenty, 1: sixty
    skin: Colour
    flush: float
    freckles: float
    hair: Colour
    style: str
    parting: float  # -1..1, the side that the hair falls to
    hairline: float
    volume: float
    curl: float
    brow_colour: Colour
    brow_height: float
    brow_thickness: float
    brow_arch: float
    brow_slant: float
    iris: Colour
    lashes: float
    eye_x: float
    eye_width: float
    eye_height: float
    eye_slant: float
    eye_depth: float
    crease: float
    width: float
    length: float
    forehead: float
    jaw_width: float
    jaw_height: float
    chin_width: float
    chin_forward: float
    cheekbones: float
    cheeks: float
    ridge: float
    ears: float
    neck: float
    nose_length: float
    nose_width: float
    nose_forward: float
    nose_bridge: float
    nose_tip: float
    mouth_height: float
    mouth_width: float
    upper_lip: float
    lower_lip: float
    lip_colour: Colour
    stubble: float
    beard: float
    moustache: float
    glasses: float  # 0: none, else the roundness of the lenses
    frame: Colour


@lru_cache(maxsize=512)
def person_of(number: int) -> Person:
    """The person with this number; the same on every machine."""
    rng = np.random.default_rng([number, 0x5EED])

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    def around(middle: float, spread: float) -> float:
        """Mostly near the middle; never more than ``spread`` off."""
        return middle + spread * float(rng.uniform(-1, 1) + rng.uniform(-1, 1)) / 2

    def chance(share: float) -> bool:
        return bool(rng.random() < share)

    def one_of(choices: tuple[Colour, ...] | tuple[str, ...]) -> int:
        return int(rng.integers(len(choices)))

    woman = chance(0.5)
    age = between(0, 1) ** 3
    tone = between(0, len(SKINS) - 1)
    dark = tone / (len(SKINS) - 1)
    below = min(int(tone), len(SKINS) - 2)
    skin = mixed(SKINS[below], SKINS[below + 1], tone - below)

    if dark < 0.45:
        hair = (BLACK, DARK, BROWN, BROWN, CHESTNUT, FAIR, BLOND, RED)[int(rng.integers(8 if dark < 0.25 else 5))]
    else:
        hair = (BLACK, DARK)[int(rng.integers(2))]
    hair = mixed(hair, GREY, max(0.0, age - 0.55) * 1.8 if chance(0.7) else 0.0)
    style = WOMENS_STYLES[one_of(WOMENS_STYLES)] if woman else MENS_STYLES[one_of(MENS_STYLES)]
    bearded = not woman and chance(0.45)
    male = 0.0 if woman else 1.0
    full = between(0.2, 1) * (0.6 + 0.6 * dark)  # of the lips
    shade = between(0, 1)
    return Person(
        number=number,
        woman=woman,
        age=age,
        skin=skin,
        flush=between(0.3, 1.0),
        freckles=between(0.3, 1) if dark < 0.2 and chance(0.3) else 0.0,
        hair=hair,
        style=style,
        parting=between(-1, 1),
        hairline=around(0.66, 0.12),
        volume=between(0.6, 1.4),
        curl=between(0, 0.5) if dark < 0.6 else between(0.4, 1),
        brow_colour=mixed(hair, BROWN, 0.5) if hair in (BLOND, FAIR, RED) else hair,
        brow_height=around(0.215 - 0.02 * male, 0.06),
        brow_thickness=around(0.030 + 0.014 * male, 0.016),
        brow_arch=around(0.055 - 0.015 * male, 0.045),
        brow_slant=around(0.0, 0.20),
        iris=IRISES[int(rng.integers(6 if dark < 0.3 else (3 if dark < 0.5 else 2)))],
        lashes=between(0.6, 1) if woman else between(0.15, 0.45),
        eye_x=around(0.325, 0.052),
        eye_width=around(0.176, 0.028),
        eye_height=around(0.069 - 0.004 * male, 0.022),
        eye_slant=around(0.04, 0.22),
        eye_depth=around(0.0, 0.04),
        crease=between(0.1, 1),
        width=around(1.0 + 0.02 * male, 0.11),
        length=around(1.0 + 0.02 * male, 0.11),
        forehead=around(1.0, 0.08),
        jaw_width=around(0.95 + 0.09 * male, 0.2),
        jaw_height=around(-0.66, 0.08),
        chin_width=around(0.19 + 0.03 * male, 0.08),
        chin_forward=around(0.0, 0.06),
        cheekbones=around(0.5, 0.5),
        cheeks=between(0, 1),
        ridge=0.6 * male + between(0, 0.5),
        ears=around(1.0, 0.25),
        neck=around(0.44 + 0.07 * male, 0.04),
        nose_length=around(0.43, 0.12),
        nose_width=around(0.150 + 0.05 * dark, 0.055),
        nose_forward=around(0.0, 0.10) - 0.03 * dark,
        nose_bridge=around(0.0, 0.05) - 0.03 * dark,
        nose_tip=around(0.095 + 0.012 * dark, 0.025),
        mouth_height=around(0.0, 0.06),
        mouth_width=around(0.26 + 0.01 * dark, 0.065),
        upper_lip=0.040 + 0.045 * full + 0.006 * (1 - male),
        lower_lip=0.054 + 0.05 * full + 0.008 * (1 - male),
        lip_colour=_lips(skin, shade, woman),
        stubble=0.0 if woman else between(0, 0.5),
        beard=between(0.35, 1) if bearded and chance(0.65) else 0.0,
        moustache=between(0.4, 1) if bearded else 0.0,
        glasses=between(0.1, 1) if chance(0.22) else 0.0,
        frame=FRAMES[one_of(FRAMES)],
    )


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """``share`` of the other colour in the one."""
    r, g, b = (a * (1 - share) + c * share for a, c in zip(one, other, strict=True))
    return r, g, b


def _lips(skin: Colour, shade: float, woman: bool) -> Colour:
    red = 0.35 + 0.40 * shade + (0.25 if woman else 0.0)
    r, g, b = skin
    return mixed(skin, (r * 0.85 + 0.03, g * 0.42 + 0.006, b * 0.5 + 0.012), min(red, 1.0))
