"""Clocks that stand still until they are told otherwise, or until something works."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


class FrozenClock:
    def __init__(self, now: datetime = MONDAY) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def set(self, now: datetime) -> None:
        assert now.tzinfo is not None
        self._now = now

    def advance(self, **units: float) -> datetime:
        """Go on by ``timedelta(**units)``; the new time."""
        self._now += timedelta(**units)
        return self._now


class WorkClock:
    """Stands in for ``time`` where speed is measured: time passes only where an engine works."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now
