"""Files that are either the old ones or the new ones, whenever the power goes out.

A new file is written beside the old one under a temporary name, brought to the disk, and put in place by one
rename, which is atomic on every system this runs on.

What is written here is made of faces: files and folders are readable by their owner only, whatever the umask says.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from contextlib import suppress
from functools import partial
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


def make_private_folder(path: Path) -> None:
    """Make ``path`` and the folders above it that are missing; those that exist are left as they are. Raises
    OSError."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):  # mkdir gives its mode to the last folder only
        folder.mkdir(mode=0o700, exist_ok=True)


def make_private_file(path: Path) -> None:
    """See that there is a file at ``path`` that only its owner can read, for whoever opens it next. Raises OSError."""
    with suppress(FileExistsError):
        path.touch(mode=0o600, exist_ok=False)
    if os.name != "nt" and path.stat().st_mode & 0o077:
        with suppress(PermissionError):  # it belongs to somebody else and is still ours to use
            path.chmod(0o600)


def write_synced(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` and wait until the disk has it. Raises OSError."""
    with open(path, "wb", opener=partial(os.open, mode=0o600)) as file:
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
