"""A folder that one process has for itself and that does not outlive it: what lies there knows students' faces."""

from __future__ import annotations

import secrets
from pathlib import Path

import filelock

from config import variable
from errors import ConfigurationError
from recognizer import durable_files

_LOCK_SECONDS = 30.0


class PrivateFolder:
    """``path``, empty at first. ``remove`` takes it away; where a process was killed, the next one that makes one in
    the same place does."""

    def __init__(self, parent: Path) -> None:
        """parent: where such folders lie; made when it is missing. Raises ConfigurationError."""
        try:
            durable_files.make_private_folder(parent)
            # one at a time: a folder whose lock is not taken yet looks like one whose process is gone
            with filelock.FileLock(parent / "all.lock", timeout=_LOCK_SECONDS):
                for lock in parent.glob("copy-*.lock"):
                    _remove_if_dead(lock)
                self.path = parent / f"copy-{secrets.token_hex(6)}"
                # the operating system lets go of it when its holder dies
                self._lock = filelock.FileLock(_lock_of(self.path))
                self._lock.acquire()
                self.path.mkdir(mode=0o700)
        except (OSError, filelock.Timeout) as error:
            raise ConfigurationError(
                f"no folder for a copy of the model can be made in {parent} ({error}); correct its permissions, or set "
                f"{variable('cache_dir')} to another place"
            ) from error

    def remove(self) -> None:
        durable_files.remove(self.path)
        self._lock.release()
        durable_files.remove(_lock_of(self.path))


def _remove_if_dead(lock: Path) -> None:
    held = filelock.FileLock(lock, timeout=0)
    try:
        held.acquire()
    except filelock.Timeout:
        return
    durable_files.remove(lock.with_suffix(""))
    held.release()
    durable_files.remove(lock)


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")
