"""The files of the data set: one folder for each student, and who may change them at a time.

Whoever writes or deletes in there holds one lock, over all processes of the machine, and over those of all machines
where there are several. Once it is held, an image that is half written belongs to a process that died.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import filelock

from attendance.database import Database
from errors import BusyError, ConflictError, SmartAttendanceError
from recognizer import durable_files

_LOCK_SECONDS = 30.0  # a picture takes milliseconds, the erasure of a folder seconds


class FaceFiles:
    """root: the data set folder. Paths are given below it, with forward slashes: ``<external id>/<name>``."""

    def __init__(self, root: Path, lock_file: Path) -> None:
        self.root, self._lock_file = root, lock_file

    @contextmanager
    def locked(self, database: Database) -> Iterator[None]:
        """Hold the lock. database: which all machines have. Raises BusyError when another process has it for too
        long."""
        lock = filelock.FileLock(self._lock_file, timeout=_LOCK_SECONDS)
        try:
            lock.acquire()
        except filelock.Timeout as error:
            raise _busy() from error
        try:
            with database.alone("face images", _LOCK_SECONDS) as alone:
                if not alone:
                    raise _busy()
                yield
        finally:
            lock.release()

    def path(self, relative: str) -> Path:
        """Where ``relative`` lies. Raises ConflictError when that would be outside the folder, by its name or by a
        link."""
        parts = PurePosixPath(relative).parts
        if not parts or any(part in ("..", "/", ".") or "\\" in part or "\0" in part for part in parts):
            raise ConflictError("this cannot be the name of a folder of face images", code="unsafe_path")
        path = self.root.joinpath(*parts)
        if not path.parent.resolve().is_relative_to(self.root.resolve()):
            raise ConflictError(
                "the student's folder is a link that leads out of the data set; replace it by a folder",
                code="unsafe_path",
            )
        return path

    def write(self, relative: str, data: bytes) -> None:
        """Write a file, whole or not at all; its folder is made. Raises OSError."""
        path = self.path(relative)
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True)
            durable_files.sync_folder(path.parent.parent)
        durable_files.write_atomically(path, data)

    def read(self, relative: str) -> bytes:
        """Raises OSError."""
        return self.path(relative).read_bytes()

    def sha256(self, relative: str) -> str | None:
        """Of a file; None when there is none that can be read."""
        return file_sha256(self.path(relative))

    def remove(self, relative: str) -> None:
        """Delete a file if it is there, and its folder once it is empty. Raises OSError."""
        path = self.path(relative)
        path.unlink(missing_ok=True)
        try:
            path.parent.rmdir()
        except OSError:  # something else is in it, or it was never made
            return

    def files_in(self, folder: str) -> list[Path]:
        """Every file in a student's folder, also further down and hidden."""
        path = self.root / folder
        if path.is_symlink() or not path.is_dir():
            return []
        return sorted(Path(where) / name for where, _, names in os.walk(path) for name in names)

    def remove_folder(self, folder: str) -> int:
        """Delete a student's folder with everything in it; how many files. A link is deleted, not what it leads to.
        Raises OSError when anything is left."""
        path = self.path(folder)
        if path.is_symlink():
            path.unlink()
            return 1
        found = self.files_in(folder)
        for file in found:
            file.unlink(missing_ok=True)
        for where, _, _ in os.walk(path, topdown=False):
            Path(where).rmdir()
        if found and self.root.is_dir():
            durable_files.sync_folder(self.root)
        return len(found)

    def leftovers(self) -> list[Path]:
        """What writers that were killed left behind."""
        if not self.root.is_dir():
            return []
        return sorted(
            path
            for folder in self.root.iterdir()
            if folder.is_dir() and not folder.is_symlink()
            for path in folder.iterdir()
            if durable_files.is_temporary(path)
        )


def told(error: Exception) -> str:
    """What may be said of an error, to people and in the log: our own words, of the system's only the kind. Its own
    would name the file, and with it the student."""
    if isinstance(error, SmartAttendanceError):
        return str(error)
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def file_sha256(path: Path) -> str | None:
    """Of an ordinary file; None when there is none that can be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _busy() -> BusyError:
    return BusyError(
        "face images are being changed by somebody else; try again in a moment", retry_after=5, code="faces_busy"
    )
