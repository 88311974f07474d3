"""Ending a program by a signal, however it was started."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# A shell without job control starts what runs in the background with SIGINT ignored, and Python leaves it so.
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name))


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Whoever ends the process by a signal (a terminal, a server, a shutdown) ends it as Ctrl-C does, by
    KeyboardInterrupt, also where the signal was ignored when the process started."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.default_int_handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
