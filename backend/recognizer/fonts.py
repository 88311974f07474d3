"""Letters for drawn text, also for names that English has no letters for."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

# The font inside Pillow has the letters of English only. Others that may be there, for names beyond; the first comes
# with matplotlib, the rest with operating systems.
_OTHER_FONTS = (
    *("DejaVuSans.ttf", "NotoSans-Regular.ttf", "arial.ttf", "Arial Unicode.ttf", "LiberationSans-Regular.ttf"),
    *("NotoSansCJK-Regular.ttc", "msyh.ttc", "malgun.ttf", "YuGothM.ttc", "PingFang.ttc", "Hiragino Sans GB.ttc"),
    *("NotoNaskhArabic-Regular.ttf", "NotoSansArabic-Regular.ttf", "NotoSansHebrew-Regular.ttf", "Nirmala.ttf"),
    *("NotoSansDevanagari-Regular.ttf", "NotoSansThai-Regular.ttf", "wqy-zenhei.ttc", "DroidSansFallbackFull.ttf"),
)


def font_for(text: str, size: int) -> Font:
    """The first font that has every letter of ``text``, else the one that lacks fewest."""
    best, fewest = pillow_font(size), len(set(text)) + 1
    loaders: list[Callable[[], Font | None]] = [lambda: pillow_font(size)]
    loaders += [lambda name=name: _other_font(name, size) for name in _OTHER_FONTS]  # type: ignore[misc]
    for load in loaders:
        font = load()
        if font is None:
            continue
        lacking = sum(not _has(font, character) for character in set(text))
        if lacking < fewest:
            best, fewest = font, lacking
        if not lacking:
            break
    return best


@lru_cache(maxsize=32)
def pillow_font(size: int) -> Font:
    """The font inside Pillow, ``size`` pixels high."""
    return ImageFont.load_default(size)


@lru_cache(maxsize=256)
def _other_font(name: str, size: int) -> Font | None:
    for place in (_matplotlib_fonts() / name, Path(name)):
        try:
            return ImageFont.truetype(str(place), size)
        except OSError:
            continue
    return None


@lru_cache(maxsize=1)
def _matplotlib_fonts() -> Path:
    found = importlib.util.find_spec("matplotlib")  # found without importing it, which takes a second
    folders = list(found.submodule_search_locations or ()) if found else []
    return Path(folders[0] if folders else ".") / "mpl-data" / "fonts" / "ttf"


@lru_cache(maxsize=4096)
def _has(font: Font, character: str) -> bool:
    """Whether the font can draw ``character``; it draws the same box for all that it lacks."""
    if character.isspace():
        return True
    mask, missing = font.getmask(character), font.getmask("\uffff")
    return mask.size != missing.size or bytes(mask) != bytes(missing)
