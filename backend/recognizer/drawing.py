"""A picture with what was recognised drawn on it: a box around each face and a tab with sign and words beside it.

Colour is never the only difference: a known face has a tick and the name, a doubtful one a question mark and both
names, an unknown one a cross. A tab never covers a face. Where it fits nowhere, a number does, and the words stand
beside that number in a strip below the picture.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from errors import ConfigurationError
from recognizer import durable_files
from recognizer.fonts import Font, font_for, pillow_font
from recognizer.types import BoundingBox, Decision, Identity, RecognizedFace, RGBImage, check_image

Colour = tuple[int, int, int]
Rectangle = tuple[int, int, int, int]
"""x1 y1 x2 y2 in pixels, x2 and y2 just outside."""

WRITABLE = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
SIGNS = {Decision.KNOWN: "✓", Decision.UNCERTAIN: "?", Decision.UNKNOWN: "✕"}

# Box and tab, then the text on it. From the palette of Okabe and Ito (2008), darkened until text on it has a contrast
# of at least 4.5; told apart with every kind of colour blindness by their lightness alone.
COLOURS: dict[Decision, tuple[Colour, Colour]] = {
    Decision.KNOWN: ((0, 110, 82), (255, 255, 255)),
    Decision.UNCERTAIN: ((240, 190, 40), (0, 0, 0)),
    Decision.UNKNOWN: ((165, 30, 20), (255, 255, 255)),
}

LINE = 2  # pixels
LINE_SHARE = 1 / 1000  # of the longer side, in pictures so large that 2 pixels would not be seen
TEXT_SHARE_OF_FACE = 0.18  # text height by the typical face's, ...
TEXT_SHARES_OF_PICTURE = (0.012, 0.03)  # ... within these shares of the longer side, ...
SMALLEST_TEXT = 12  # ... and never so small that it cannot be read, in pixels
STRIP_WIDTH = 480  # pixels: a strip below a narrower picture is this wide if its text needs it
QUALITY = 92  # of JPEG and WebP; formats without loss take no notice


def label_text(identity: Identity, names: Mapping[str, str] | None = None) -> str:
    """``Ada``, ``Not sure: Ada or Grace``, ``Unknown``. names: what to call a student id, by default the id itself."""
    names = names or {}
    if identity.student_id is not None:
        return names.get(identity.student_id, identity.student_id)
    if identity.decision is Decision.UNKNOWN:
        return "Unknown"
    possible = [names.get(candidate.student_id, candidate.student_id) for candidate in identity.candidates[:2]]
    if len(possible) == 2:
        return f"Not sure: {possible[0]} or {possible[1]}"
    return f"Not sure: perhaps {possible[0]}" if possible else "Not sure"


def annotate(image: RGBImage, faces: Sequence[RecognizedFace], names: Mapping[str, str] | None = None) -> RGBImage:
    """A copy of ``image`` (H, W, 3) uint8 with each face's box and tab.

    The copy is taller (and, if it is narrower than ``STRIP_WIDTH``, perhaps wider) when a tab found no free place and
    went into a strip below; the picture stays in its upper left corner. names: as in ``label_text``.
    """
    check_image(image)
    height, width = image.shape[:2]
    picture = Image.fromarray(image)
    size = _text_size(width, height, [face.face.box for face in faces])
    line = max(LINE, round(LINE_SHARE * max(width, height)))
    boxes = [_pixels(face.face.box) for face in faces]
    draw = ImageDraw.Draw(picture)
    # Boxes of the doubtful and the known last: where boxes touch, theirs are seen whole.
    for face, box in sorted(zip(faces, boxes, strict=True), key=lambda pair: -_ORDER[pair[0].identity.decision]):
        _draw_box(draw, box, COLOURS[face.identity.decision][0], line)

    taken = [_grown(box, line) for box in boxes]
    tabs = [_Tab.of(face.identity.decision, label_text(face.identity, names), size) for face in faces]
    left_over: list[_Tab] = []
    # Narrow ones first: they fit where a wide one would leave no room for either.
    for index in sorted(range(len(tabs)), key=lambda i: tabs[i].width):
        if _put(draw, tabs[index], taken[index], picture.size, taken):
            continue
        text = tabs[index].text
        if len(tabs) > 1:  # otherwise it is plain whose name this is
            number = f"{len(left_over) + 1}"
            if _put(draw, _Tab.of(tabs[index].decision, number, size), taken[index], picture.size, taken):
                text = f"{number}: {text}"
            else:
                text += f" (the face at {max(boxes[index][0], 0)}, {max(boxes[index][1], 0)})"
        left_over.append(_Tab.of(tabs[index].decision, text, size))
    if left_over:
        picture = _with_strip(picture, left_over)
    return np.asarray(picture, dtype=np.uint8)


def check_savable(path: Path) -> None:
    """Raise ConfigurationError saying what to do, unless a picture can be written to ``path``."""
    if path.suffix.lower() not in WRITABLE:
        given = f"{path.suffix!r} is none of them" if path.suffix else f"{path.name!r} has no ending"
        raise ConfigurationError(f"a picture's file name must end in {', '.join(WRITABLE)}; {given}")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise ConfigurationError(f"there is no folder {folder} to write {path.name} to; create it or name another")
    if path.is_dir():
        raise ConfigurationError(f"{path} is a folder; name a file to write the picture to")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise ConfigurationError(f"{path} may not be written; name another file or correct its permissions")


def save_picture(path: Path, image: RGBImage) -> None:
    """Write ``image`` (H, W, 3) uint8 in the format that the file name ends in; all of it or nothing.

    Raises ConfigurationError when it cannot be written.
    """
    check_savable(path)
    encoded = io.BytesIO()
    formats = Image.registered_extensions()
    Image.fromarray(check_image(image)).save(encoded, formats[path.suffix.lower()], quality=QUALITY)
    try:
        durable_files.write_atomically(path, encoded.getvalue())
    except OSError as error:
        raise ConfigurationError(f"{path} could not be written: {error.strerror or error}") from error


_ORDER = {Decision.KNOWN: 0, Decision.UNCERTAIN: 1, Decision.UNKNOWN: 2}


@dataclass(frozen=True, slots=True)
class _Tab:
    """A filled rectangle with a sign and a text. width, height: of the rectangle, pixels. offset: of the text."""

    decision: Decision
    text: str
    font: Font
    size: int
    width: int
    height: int
    offset: tuple[float, float]

    @classmethod
    def of(cls, decision: Decision, text: str, size: int) -> _Tab:
        text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
        font = font_for(text, size)
        left, top, right, bottom = font.getbbox(text)
        pad = max(3, size // 4)
        # All tabs of a picture are equally high, whether or not their letters reach below the line.
        height = max(round(1.25 * size), int(np.ceil(bottom - top))) + pad
        text_x = pad + size + pad
        offset = (text_x - left, (height - (bottom - top)) / 2 - top)
        return cls(decision, text, font, size, text_x + int(np.ceil(right - left)) + pad, height, offset)

    def shortened(self, width: int) -> _Tab:
        """This tab, its text cut to fit ``width`` pixels."""
        tab, kept = self, len(self.text)
        while tab.width > width and kept > 1:
            kept -= max(1, round(kept * (1 - width / tab.width) / 2))
            tab = _Tab.of(self.decision, self.text[:kept].rstrip() + "...", self.size)
        return tab

    def draw(self, draw: ImageDraw.ImageDraw, x: int, y: int) -> None:
        ground, ink = COLOURS[self.decision]
        draw.rectangle((x, y, x + self.width - 1, y + self.height - 1), fill=ground)
        pad = max(3, self.size // 4)
        _draw_sign(draw, self.decision, (x + pad, y + (self.height - self.size) / 2), self.size, ink)
        draw.text((x + self.offset[0], y + self.offset[1]), self.text, font=self.font, fill=ink)


def _draw_sign(
    draw: ImageDraw.ImageDraw, decision: Decision, corner: tuple[float, float], size: int, ink: Colour
) -> None:
    """Tick, question mark or cross in a square of ``size`` pixels. Lines, because few fonts have the signs."""

    def stroke(*points: tuple[float, float]) -> None:
        spots = [(corner[0] + size * x, corner[1] + size * y) for x, y in points]
        draw.line(spots, fill=ink, width=max(2, round(size / 7)), joint="curve")

    if decision is Decision.KNOWN:
        stroke((0.1, 0.55), (0.38, 0.82), (0.9, 0.2))
    elif decision is Decision.UNKNOWN:
        stroke((0.18, 0.18), (0.82, 0.82))
        stroke((0.82, 0.18), (0.18, 0.82))
    else:
        font = pillow_font(size)
        left, top, right, bottom = font.getbbox("?")
        spot = (corner[0] + (size - right - left) / 2, corner[1] + (size - bottom - top) / 2)
        draw.text(spot, "?", font=font, fill=ink, stroke_width=max(1, size // 24), stroke_fill=ink)


def _draw_box(draw: ImageDraw.ImageDraw, box: Rectangle, colour: Colour, line: int) -> None:
    """The lines lie around the box, not on the face."""
    x1, y1, x2, y2 = _grown(box, line)
    draw.rectangle((x1, y1, x2 - 1, y2 - 1), outline=colour, width=line)


def _put(
    draw: ImageDraw.ImageDraw, tab: _Tab, box: Rectangle, picture: tuple[int, int], taken: list[Rectangle]
) -> bool:
    """Draw ``tab`` beside ``box`` if there is room, and add its place to ``taken``; whether there was."""
    place = _free_place(box, tab, picture, taken)
    if place is not None:
        taken.append(place)
        tab.draw(draw, place[0], place[1])
    return place is not None


def _free_place(box: Rectangle, tab: _Tab, picture: tuple[int, int], taken: Sequence[Rectangle]) -> Rectangle | None:
    """Where the tab lies beside ``box``, inside the picture, over no face and no other tab; above if possible."""
    x1, y1, x2, y2 = box
    middle = (x1 + x2 - tab.width) // 2
    above, below = y1 - tab.height, y2
    corners = [(x, y) for y in (above, below) for x in (x1, middle, x2 - tab.width)]
    corners += [(x, y) for x in (x2, x1 - tab.width) for y in (y1, (y1 + y2 - tab.height) // 2, y2 - tab.height)]
    for x, y in corners:
        # Shifted back into the picture sideways: it still touches its box.
        x = min(max(x, 0), picture[0] - tab.width) if y in (above, below) else x
        place = (x, y, x + tab.width, y + tab.height)
        inside = place[0] >= 0 and place[1] >= 0 and place[2] <= picture[0] and place[3] <= picture[1]
        if inside and not any(_overlap(place, other) for other in taken):
            return place
    return None


def _with_strip(picture: Image.Image, tabs: Sequence[_Tab]) -> Image.Image:
    width = max(picture.width, min(STRIP_WIDTH, max(tab.width for tab in tabs)))
    tabs = [tab.shortened(width) for tab in tabs]
    extended = Image.new("RGB", (width, picture.height + sum(tab.height + 1 for tab in tabs)), "white")
    extended.paste(picture)
    draw = ImageDraw.Draw(extended)
    y = picture.height + 1
    for tab in tabs:
        tab.draw(draw, 0, y)
        y += tab.height + 1
    return extended


def _text_size(width: int, height: int, boxes: Sequence[BoundingBox]) -> int:
    longer = max(width, height)
    wanted = TEXT_SHARE_OF_FACE * float(np.median([box.height for box in boxes])) if boxes else 0.0
    low, high = (share * longer for share in TEXT_SHARES_OF_PICTURE)
    return max(SMALLEST_TEXT, round(min(max(wanted, low), high)))


def _pixels(box: BoundingBox) -> Rectangle:
    return int(np.floor(box.x1)), int(np.floor(box.y1)), int(np.ceil(box.x2)), int(np.ceil(box.y2))


def _grown(box: Rectangle, by: int) -> Rectangle:
    return box[0] - by, box[1] - by, box[2] + by, box[3] + by


def _overlap(one: Rectangle, other: Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
