"""Numbers, lists, paths and moments as people read them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

_SHOWN = 5


def count(number: int, one: str, many: str | None = None) -> str:
    """``1 photo``, ``1,200 photos``."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def some(names: Iterable[str]) -> str:
    """The first few of ``names``, and how many more there are."""
    listed = list(names)
    more = len(listed) - _SHOWN
    return ", ".join(listed[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def size(number: float) -> str:
    """Bytes as 3.4 GB."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if number >= 100 or unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def shown(path: str | Path) -> str:
    """``path`` from where the user stands, where that is the shorter way to say it."""
    absolute = os.path.abspath(path)  # noqa: PTH100  (links stay as the user named them)
    try:
        relative = os.path.relpath(absolute)
    except ValueError:  # on another drive of Windows
        return absolute
    return relative if relative.count("..") <= 1 and len(relative) < len(absolute) else absolute


def ago(passed: timedelta) -> str:
    """``just now``, ``5 minutes ago``, ``2 days ago``."""
    seconds = passed.total_seconds()
    for length, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= length:
            return f"{count(int(seconds // length), unit)} ago"
    return "just now"


def local(moment: datetime) -> str:
    """An aware moment as the clock on the wall shows it."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"


def first_line(error: object) -> str:
    """What ``error`` says, on one line and not too long."""
    lines = str(error).strip().splitlines()
    return (lines[0][:300] if lines else "").rstrip(". ")
