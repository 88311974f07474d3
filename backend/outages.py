"""What is said of something that others need while it is away: a line a minute, however many fail meanwhile."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

SAID_EVERY_SECONDS = 60.0
# Nothing failed for so long: what answers some and fails others is not back yet.
QUIET_SECONDS = 5.0


class Outage:
    """Of one thing, in one process. Thread-safe."""

    def __init__(self, what: str, logger: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        """what: may be away; a line begins with it."""
        self._what, self._logger, self._clock = what, logger, clock
        self._lock = threading.Lock()
        self._since: float | None = None
        self._last = 0.0
        self._said: float | None = None
        self._told = False
        self._failures = self._unsaid = 0

    def noticed(self, why: str, error: BaseException | None = None) -> None:
        """Something failed because it is away. error: whose traceback helps whoever reads the log."""
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
        """Something succeeded; costs nothing while all is well."""
        if self._since is None:
            return
        now = self._clock()
        with self._lock:
            if self._since is None or now - self._last < QUIET_SECONDS:
                return
            seconds, failures, told = now - self._since, self._failures, self._told
            self._since, self._told, self._unsaid = None, False, 0
        if told:  # a short one just after another was not spoken of
            self._logger.warning("%s: back after %.0f s and %d failures", self._what, seconds, failures)
