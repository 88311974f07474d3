"""Two people who change the same thing: the second hears of it instead of undoing the first's change."""

from __future__ import annotations

from typing import Protocol

from errors import StaleVersionError


class Versioned(Protocol):
    version: int


def check_version(thing: Versioned, expected: int | None) -> None:
    """Raise StaleVersionError unless ``thing`` is still as it was read, at version ``expected`` (None: any)."""
    if expected is not None and thing.version != expected:
        raise StaleVersionError("somebody changed this since you read it; read it again and look before you change it")
