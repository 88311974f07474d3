"""The files of the data set: one folder for each student, and who may change them at a time.

Whoever writes or deletes in there holds one lock, over all processes of the machine, and over those of all machines
where there are several. Once it is held, an image that is half written belongs to a process that died.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

import filelock

from attendance.database import Database
from errors import BusyError, ConflictError, SmartAttendanceError
from recognizer import durable_files
from student_ids import key_of

_LOCK_SECONDS = 30.0  # a picture takes milliseconds, the erasure of a folder seconds


class FaceFiles:
    """root: the data set folder. Paths are given below it, with forward slashes: ``<external id>/<name>``."""

    def __init__(self, root: Path, lock_file: Path) -> None:
        self.root, self._lock_file = root, lock_file
        self._known: dict[object, str | None] = {}

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
            durable_files.make_private_folder(path.parent)
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

    def folders_of(self, external_id: str) -> list[Path]:
        """A student's folders: more than one where their names differ in case, in the form of the letters, or in spaces
        and dots around them, which no id has."""
        key = key_of(external_id)
        there = self.root.iterdir() if self.root.is_dir() else ()
        same = (path for path in there if key_of(path.name.strip(" .")) == key)
        return sorted(path for path in same if path.is_symlink() or path.is_dir())

    def files_of(self, external_id: str) -> list[Path]:
        """Every file in a student's folders, also further down and hidden."""
        folders = self.folders_of(external_id)
        return sorted(path for folder in folders if not folder.is_symlink() for path in _files_below(folder))

    def remove_all_of(self, external_id: str) -> int:
        """Delete a student's folders with everything in them; how many files. Of a link the link itself is deleted, not
        what it leads to. What cannot be deleted keeps nothing else there. Raises OSError when anything is left."""
        errors: list[BaseException] = []
        count = 0
        for folder in self.folders_of(external_id):
            if folder.is_symlink():
                try:
                    folder.unlink(missing_ok=True)
                    count += 1
                except OSError as error:
                    errors.append(error)
                continue
            files = _files_below(folder)
            shutil.rmtree(folder, onerror=lambda _function, _path, raised: errors.append(raised[1]))
            count += sum(not os.path.lexists(path) for path in files)
        if count:
            durable_files.sync_folder(self.root)
        left = [error for error in errors if not isinstance(error, FileNotFoundError)]
        if left:
            raise left[0]
        return count

    def all_sha256(self) -> set[str]:
        """Of every file of every student. A file that did not change since the last call is not read again."""
        self._known = {stamp: self._known.get(stamp) or file_sha256(path) for stamp, path in _stamped(self.root)}
        return {sha256 for sha256 in self._known.values() if sha256 is not None}

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
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return f"an unexpected error ({type(error).__name__}); the log says where"


def logged(error: Exception) -> str:
    """``told`` for the log: of an error that nobody expected also where it came from, but not its words, which may name
    a student."""
    if isinstance(error, OSError | SmartAttendanceError):
        return told(error)
    return f"{type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__))}"


def _files_below(folder: Path) -> list[Path]:
    """Everything in ``folder`` that is no folder; a link to one is not followed."""
    found = []
    for where, folders, names in os.walk(folder):
        links = [name for name in folders if Path(where, name).is_symlink()]
        found += [Path(where) / name for name in (*names, *links)]
    return found


def _stamped(root: Path) -> Iterator[tuple[object, Path]]:
    """Every file below ``root`` with what changes when it does."""
    for path in _files_below(root) if root.is_dir() else ():
        with suppress(OSError):
            found = path.stat()
            yield (path, found.st_size, found.st_mtime_ns, found.st_ino), path


def file_sha256(path: Path) -> str | None:
    """Of an ordinary file; None when there is none that can be read."""
    try:
        if not path.is_file():  # reading a pipe would never end
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _busy() -> BusyError:
    return BusyError(
        "face images are being changed by somebody else; try again in a moment", retry_after=5, code="faces_busy"
    )
