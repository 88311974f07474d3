"""Ending a program by a signal, however it was started."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# A shell without job control starts background programs with SIGINT ignored, and Python leaves it ignored.
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name))


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """While this lasts, SIGINT, SIGTERM and SIGBREAK raise KeyboardInterrupt as Ctrl-C does, even if the process was
    started with them ignored. Outside the main thread it does nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.default_int_handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
