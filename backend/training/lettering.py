"""Student ids as text in a picture: of any script, of any length, and never mistaken for a formula."""

from __future__ import annotations

from functools import cache

# In every matplotlib; then fonts of Windows, macOS and Linux for scripts that DejaVu lacks.
BASE_FONT = "DejaVu Sans"
OTHER_FONTS = (
    *("Microsoft YaHei", "SimHei", "Malgun Gothic", "Yu Gothic", "Nirmala UI", "Leelawadee UI", "Segoe UI Emoji"),
    *("PingFang SC", "Hiragino Sans", "Apple SD Gothic Neo", "Kohinoor Devanagari", "Arial Unicode MS"),
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "Noto Sans Devanagari", "Noto Sans Thai"),
)
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def shortened(name: str, longest: int) -> str:
    """``name`` with at most ``longest`` characters, the middle left out: ids differ at their ends."""
    if len(name) <= longest:
        return name
    end = (longest - 1) // 2
    return f"{name[: longest - 1 - end]}…{name[-end:]}"


def drawable(text: str) -> str:
    """``text`` with the replacement sign for what no font at hand can draw."""
    known = _coverage()
    return "".join(character if ord(character) in known or character == "\n" else REPLACEMENT for character in text)


@cache
def font_families() -> tuple[str, ...]:
    """The fonts at hand, in the order in which they are asked for a character."""
    from matplotlib.font_manager import fontManager

    installed = {entry.name for entry in fontManager.ttflist}
    # naming a font that is not there would log a warning for every word
    return (BASE_FONT, *(name for name in OTHER_FONTS if name in installed))


@cache
def _coverage() -> frozenset[int]:
    """The code points that one of the fonts has a glyph for."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return frozenset().union(
        *(get_font(findfont(FontProperties(family=name))).get_charmap() for name in font_families())
    )
