"""Ends a server that a test has started. SIGINT would not do: a shell in the background has it ignored."""

from __future__ import annotations

import subprocess
from typing import Any

SIGINT_IGNORED = ("sh", "-c", 'trap "" INT; exec "$@"', "sh")
"""Before a command: it is started as by a shell without job control, in the background."""


def end(process: subprocess.Popen[Any], seconds: float = 20) -> None:
    """Ask ``process`` to end, and end it when it has not after so many seconds."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(seconds)
