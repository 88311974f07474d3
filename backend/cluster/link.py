"""What a server process holds of the cluster: the way to the recognizers and their roll, made anew when it is lost."""

from __future__ import annotations

import copy
import importlib
import logging
import threading
import time
from typing import Any

from cluster.connection import APPLICATION, connect
from cluster.roll import the_roll
from errors import ConfigurationError
from outages import Outage

# Calls fail when Ray's own process on this machine is lost, and go on failing when it is back: a connection belongs to
# the one that it was made with. After so many seconds without any answer it is made anew.
SILENT_SECONDS = 15.0
# Serve lets go of a handle within 10 s.
_ENDING_SECONDS = 15.0

_logger = logging.getLogger(__name__)


class Link:
    """Thread-safe. ray: the module, connected. handle: of the recognizers. roll: the actor that knows them. outage: to
    tell when something of it is lost."""

    ray: Any
    handle: Any = None
    roll: Any

    def __init__(self, address: str | None) -> None:
        self._address = address
        self.outage = Outage("the cluster", _logger)
        self._lock = threading.Lock()
        self._failing_since: float | None = None
        self._reopening = False

    def open(self) -> None:
        """Raises ConfigurationError where there is no cluster, or none with recognizers."""
        self.ray = connect(self._address)
        from ray import serve

        # Ray prints a page of each machine that is lost, whatever it is told of logs
        worker: Any = importlib.import_module("ray._private.worker")
        worker.print_to_stdstream = self._reported
        # and Serve's own threads a traceback every few seconds while the connection is gone
        logging.getLogger("ray.serve").addFilter(self._heard)

        try:
            # a copy of its own: Serve keeps one for all of the process, which would end for all of it
            self.handle = copy.copy(serve.get_app_handle(APPLICATION))
        except Exception as error:  # Serve raises its own, and Ray's when it was never started
            raise ConfigurationError(
                "the cluster has no recognizers; start them with: python app.py recognizers"
            ) from error
        self.find_roll()

    def close(self) -> None:
        """Let go of the handle. Otherwise it goes on telling Serve how many frames wait, over a connection that ends,
        and the log that it cannot."""
        if self.handle is None:
            return
        # beside, as it might wait for what has been lost for ever
        ending = threading.Thread(target=_let_go, args=(self.handle,), name="letting go", daemon=True)
        ending.start()
        ending.join(_ENDING_SECONDS)

    def _heard(self, record: logging.LogRecord) -> bool:
        if record.levelno >= logging.ERROR:
            self.outage.noticed(f"Serve reports: {record.getMessage():.300}")
        return False

    def _reported(self, data: dict[str, Any], ignore_prefix: bool) -> None:
        for line in "\n".join(data["lines"]).splitlines()[:1]:
            self.outage.noticed(f"Ray reports: {line:.300}")

    def find_roll(self) -> None:
        self.roll = the_roll(self.ray)

    def answered(self) -> None:
        """Something came back."""
        self._failing_since = None
        self.outage.over()

    def failed(self) -> None:
        """A call did not come back. When nothing has for long, the connection is made anew, beside whoever calls."""
        now = time.monotonic()
        with self._lock:
            self._failing_since = self._failing_since or now
            if self._reopening or now - self._failing_since < SILENT_SECONDS:
                return
            self._reopening = True
        threading.Thread(target=self._reopen, name="reconnecting", daemon=True).start()

    def _reopen(self) -> None:
        self.outage.noticed(f"nothing came back for {SILENT_SECONDS:g} s; connecting anew")
        try:
            self.close()
            self.ray.shutdown()
            self.open()
            _logger.warning("connected to the cluster again")
        except Exception as error:  # whatever it is, it is tried again after the next calls that fail
            self.outage.noticed(f"it is not there ({error})")
        finally:
            with self._lock:
                self._failing_since, self._reopening = None, False


def _let_go(handle: Any) -> None:
    try:
        handle.shutdown()
    except Exception as error:  # Ray has many names for what is lost
        _logger.debug("a handle was not let go of: %s", error)
