"""A clock that goes through past weeks in a moment, and then shows the time like any other."""

from __future__ import annotations

from datetime import datetime

from attendance.clock import SystemClock


class MovedClock:
    """As ``attendance.clock.Clock``."""

    def __init__(self) -> None:
        self._real = SystemClock()
        self._at: datetime | None = None

    def now(self) -> datetime:
        return self._at or self._real.now()

    def go_to(self, moment: datetime) -> datetime:
        """Stand at ``moment``, which is after where it stood; ``moment``."""
        if self._at is not None and moment < self._at:
            raise ValueError(f"expected a moment after {self._at}, got {moment}")
        self._at = moment
        return moment

    def go_on(self) -> None:
        """Show the real time from now on."""
        self._at = None
