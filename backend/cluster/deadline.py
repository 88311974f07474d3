"""Deadlines for answers, on machines whose clocks may differ."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from errors import BusyError

# Weight of the newest piece of work in the running mean of durations.
_NEWEST = 0.2


class Deadline:
    """When an answer is due. It is sent to another machine as the seconds that are left."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at = clock() + seconds

    @property
    def left(self) -> float:
        return self._at - self._clock()

    def check(self) -> None:
        """Raise BusyError (``deadline``) once it has passed."""
        if self.left <= 0:
            raise too_late()

    def __reduce__(self) -> tuple[type[Deadline], tuple[float]]:
        return Deadline, (self.left,)


def too_late() -> BusyError:
    return BusyError("the cluster had no answer in time; send a newer picture in a moment", code="deadline")


class Pace:
    """Begins only work that will probably be done in time, judging by the work before it. Under overload the next piece
    of work has waited long already; if each began at the last moment, each would finish too late. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._at_work = 0
        self._mean_seconds = 0.0

    @contextmanager
    def work(self, deadline: Deadline) -> Iterator[None]:
        """Raises BusyError (``deadline``) if the work would finish too late. Work that is alone begins as long as any
        time is left, because the mean may be out of date."""
        with self._lock:
            if deadline.left <= (self._mean_seconds if self._at_work else 0.0):
                raise too_late()
            self._at_work += 1
        begun = self._clock()
        try:
            yield
        finally:
            with self._lock:
                self._at_work -= 1
                self._mean_seconds += _NEWEST * (self._clock() - begun - self._mean_seconds)
