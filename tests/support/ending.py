"""Ends a server that a test has started, as Ctrl-C does."""

from __future__ import annotations

import signal
import subprocess
from typing import Any


def end(process: subprocess.Popen[Any], seconds: float = 20) -> None:
    """Ask ``process`` to end, and end it when it has not after so many seconds."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(seconds)
