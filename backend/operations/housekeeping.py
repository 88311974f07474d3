"""What the server does by itself while it runs: closing what is due, deleting what is due, looking after trainings.

Every process of a server runs it, on every machine. Each chore is written so that doing it twice at once does no harm:
it locks the rows it changes and looks again, or lets only one process work (``erasures``, ``face images``). What would
only be done over and over is done by whichever process comes first, see ``by_one``.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from attendance.clock import Clock
from attendance.database import Database

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Chore:
    """every: seconds from one run to the next. run: takes the time it is."""

    name: str
    every: float
    run: Callable[[datetime], object]


def by_one(database: Database, chore: Chore) -> Chore:
    """``chore``, left out when another process is at it."""

    def run(now: datetime) -> None:
        with database.alone(f"chore: {chore.name}") as alone:
            if alone:
                chore.run(now)

    return replace(chore, run=run)


class Housekeeping:
    """Runs ``chores`` in one thread until it is closed."""

    def __init__(
        self,
        chores: Sequence[Chore],
        clock: Clock,
        *,
        failed: Callable[[str], object] = lambda name: None,
        away: Callable[[BaseException], object] = lambda error: None,
    ) -> None:
        """failed: told the name of a chore that raised something. away: whether it did so because the database is away,
        of which nothing more is said here."""
        self._chores, self._clock, self._failed, self._away = tuple(chores), clock, failed, away
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name="housekeeping", daemon=True)
            self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def run_all(self) -> None:
        """Every chore once, now, in this thread; what one raises is logged and keeps no other from running."""
        for chore in self._chores:
            self._run(chore)

    def _loop(self) -> None:
        due = dict.fromkeys(self._chores, 0.0)
        while not self._stop.is_set():
            for chore in self._chores:
                if time.monotonic() >= due[chore] and not self._stop.is_set():
                    self._run(chore)
                    due[chore] = time.monotonic() + chore.every
            self._stop.wait(max(0.05, min(due.values(), default=1.0) - time.monotonic()))

    def _run(self, chore: Chore) -> None:
        try:
            chore.run(self._clock.now())
        except Exception as error:
            if not self._away(error):
                _logger.exception("%s failed; it is tried again in %g seconds", chore.name, chore.every)
            self._failed(chore.name)
