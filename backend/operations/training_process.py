"""The process of a training: started and ended. It goes on when the server that started it does not."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recognizer.durable_files import make_private_file

# Of 19: the lesson's frames go first, and on an idle machine it makes no difference.
_NICENESS = 10

_logger = logging.getLogger(__name__)


def start(command: Sequence[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start ``command`` in a session of its own and at low priority, with what it prints in ``log``. Raises OSError."""
    flags: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        flags = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.BELOW_NORMAL_PRIORITY_CLASS}
    make_private_file(log)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=Path(command[1]).parent,
            **flags,
        )
    if sys.platform != "win32":
        with contextlib.suppress(OSError):  # it may be over already
            os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)
    return process


def end(pid: int, *, at_once: bool = False) -> None:
    """Ask the process to end as Ctrl-C would (Windows: end it); at_once: end it."""
    try:
        if sys.platform == "win32":
            os.kill(pid, signal.SIGTERM)
        else:
            os.killpg(pid, signal.SIGKILL if at_once else signal.SIGTERM)
    except ProcessLookupError:
        return
    except OSError as error:
        _logger.warning("the training's process %d cannot be ended: %s", pid, error)


def is_gone(pid: int | None) -> bool:
    """Whether the process surely lives no more; False where that cannot be told."""
    if pid is None or os.name == "nt":
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
