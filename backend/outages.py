"""Log lines about a database or node that is away: one a minute, however many requests fail meanwhile."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

SAID_EVERY_SECONDS = 60.0
# It is back after so long without a failure: something that still fails some requests is not back yet.
QUIET_SECONDS = 5.0


class Outage:
    """The outages of one thing, as one process sees them. Thread-safe."""

    def __init__(self, what: str, logger: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        """what: the thing that may be away, such as "the database"; log lines begin with it."""
        self._what, self._logger, self._clock = what, logger, clock
        self._lock = threading.Lock()
        self._since: float | None = None
        self._last = 0.0
        self._said: float | None = None
        self._told = False
        self._failures = self._unsaid = 0

    def noticed(self, why: str, error: BaseException | None = None) -> None:
        """Something failed because it is away. error: logged with its traceback."""
        now = self._clock()
        with self._lock:
            if self._since is None:
                self._since, self._failures, self._told = now, 0, False
            self._last = now
            self._failures += 1
            self._unsaid += 1
            if self._said is not None and now - self._said < SAID_EVERY_SECONDS:
                return
            count, self._unsaid, self._said, self._told = self._unsaid, 0, now, True
        times = f"; {count} failures since this was last said" if count > 1 else ""
        self._logger.error("%s: %s%s", self._what, why, times, exc_info=error)

    def over(self) -> None:
        """Something succeeded. Costs nothing while there is no outage."""
        if self._since is None:
            return
        now = self._clock()
        with self._lock:
            if self._since is None or now - self._last < QUIET_SECONDS:
                return
            seconds, failures, told = now - self._since, self._failures, self._told
            self._since, self._told, self._unsaid = None, False, 0
        if told:  # a short outage right after another was never logged
            self._logger.warning("%s: back after %.0f s and %d failures", self._what, seconds, failures)
