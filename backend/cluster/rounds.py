"""Work that is done again and again in a thread of its own, and at once when somebody asks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from errors import ModelStoreError, SmartAttendanceError
from outages import Outage

# What hangs in a store that does not answer is not waited for when the process ends.
_ENDS_WITHIN_SECONDS = 5.0

_logger = logging.getLogger(__name__)


class Rounds:
    """One round at a time, whoever asks. Thread-safe."""

    def __init__(self, name: str, work: Callable[[], object], every: float) -> None:
        """every: seconds from the end of a round to the next."""
        self._name, self._work, self._every = name, work, every
        self._working, self._changed = threading.Lock(), threading.Condition()
        self._thread: threading.Thread | None = None
        self._asked = self._closed = False
        self._begun = self._done = 0
        self._error: SmartAttendanceError | None = None
        self._outage = Outage(name, _logger)

    @property
    def error(self) -> SmartAttendanceError | None:
        """Why the last round failed; None when it did not."""
        return self._error

    def start(self) -> None:
        """Begin with a round; again does nothing."""
        with self._changed:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._loop, name=self._name, daemon=True)
                self._thread.start()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(_ENDS_WITHIN_SECONDS)

    def now(self, within: float) -> bool:
        """Wait for a round that begins after this call, ``within`` seconds at most; whether it was done by then. All
        who ask meanwhile wait for the same one."""
        with self._changed:
            if self._thread is not None:
                # one that is under way may have looked already
                wanted = self._begun + 1
                self._asked = True
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._done >= wanted or self._closed, within)
                return self._done >= wanted
        self._round()
        return True

    def _loop(self) -> None:
        due = time.monotonic()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._asked or self._closed, max(0.0, due - time.monotonic()))
                if self._closed:
                    return
                self._asked = False
                self._begun += 1
            self._round()
            with self._changed:
                self._done = self._begun
                self._changed.notify_all()
            due = time.monotonic() + self._every

    def _round(self) -> None:
        with self._working:
            self._error = self._outcome()
            if self._error is None:
                self._outage.over()

    def _outcome(self) -> SmartAttendanceError | None:
        try:
            self._work()
        except SmartAttendanceError as error:
            self._outage.noticed(str(error))
            return error
        except Exception as error:
            self._outage.noticed(f"it failed, and is tried again every {self._every:g} s", error)
            return ModelStoreError(f"{self._name} failed ({error!r:.200}); the log of this machine says more")
        return None
