"""Files that are either the old ones or the new ones, whenever the power goes out.

A new file is written beside the old one under a temporary name, brought to the disk, and put in place by one
rename, which is atomic on every system this runs on.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from pathlib import Path

_TEMPORARY = ".tmp-"
# On Windows a file that another process has open for reading cannot be replaced; readers here are done in
# milliseconds, virus scanners within a second.
_REPLACE_ATTEMPTS = 20
_REPLACE_PAUSE_SECONDS = 0.05


def temporary_beside(path: Path) -> Path:
    """A new hidden name in the folder of ``path``, which ``remove_leftovers`` recognises."""
    return path.with_name(f".{path.name}{_TEMPORARY}{secrets.token_hex(6)}")


def is_temporary(path: Path) -> bool:
    return path.name.startswith(".") and _TEMPORARY in path.name


def remove_leftovers(folder: Path) -> None:
    """Remove what runs that were killed left in ``folder``. Only for one who holds the folder's lock."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if is_temporary(path):
            remove(path)


def remove(path: Path) -> None:
    """Remove a file or folder if it is there; what cannot be removed now is left for the next time."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        try:
            path.unlink(missing_ok=True)
        except OSError:
            return


def write_synced(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` and wait until the disk has it. Raises OSError."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Bring the names in ``folder`` to the disk; Windows does so by itself."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace(source: Path, target: Path) -> None:
    """Rename ``source`` to ``target``, replacing a file there. Raises OSError."""
    for attempt in range(_REPLACE_ATTEMPTS):
        try:
            source.replace(target)
            return
        except PermissionError:
            if attempt == _REPLACE_ATTEMPTS - 1:
                raise
            time.sleep(_REPLACE_PAUSE_SECONDS)


def write_atomically(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data``, whole or not at all. Raises OSError, after which the old file is there."""
    temporary = temporary_beside(path)
    try:
        write_synced(temporary, data)
        replace(temporary, path)
    except BaseException:
        remove(temporary)
        raise
    sync_folder(path.parent)
