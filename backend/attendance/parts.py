"""Long lists in parts that fit into one query."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

AT_ONCE = 500  # values in one query; SQLite takes 32,766, fewer make smaller ones to parse


def parts(values: Sequence[T], size: int = AT_ONCE) -> Iterator[Sequence[T]]:
    """``values``, ``size`` at a time."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
