"""Until when an answer is wanted, on machines whose clocks need not agree."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from errors import BusyError

# How much the newest piece of work counts in the mean time that one takes.
_NEWEST = 0.2


class Deadline:
    """What travels is how many seconds are left when it leaves."""

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
    """Lets work begin that will be done in time, as far as work before it shows. Under more load than can be carried,
    whoever is next has waited long: begun at the last moment, nobody's work would be of use to anybody. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._at_work = 0
        self._mean_seconds = 0.0

    @contextmanager
    def work(self, deadline: Deadline) -> Iterator[None]:
        """Raises BusyError (``deadline``) instead of beginning in vain. What is alone is begun all the same while its
        time is not over: how long it takes may have changed."""
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
