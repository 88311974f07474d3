"""How far a command is: a bar for people at a terminal, a file for programs."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import filelock
from tqdm import tqdm

from errors import ConfigurationError
from recognizer.durable_files import make_private_file

# Lines a second are enough for whoever reads along; a class has thousands of photos.
_PAUSE_SECONDS = 0.2
# Whoever asks whether the lock is held holds it for a moment.
_LOCK_SECONDS = 10.0

_logger = logging.getLogger(__name__)


class ProgressBar:
    """A bar on stderr while that is a terminal. Used as a context manager, it gives the function to call with
    (done, total) or (done, total, of these cached); what was cached counts neither for the rate nor the time left."""

    def __init__(self, what: str, unit: str = "photo") -> None:
        self._what, self._unit = what, unit
        self._bar: Any = None

    def __enter__(self) -> Callable[..., None]:
        return self._show

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def _show(self, done: int, total: int, cached: int = 0) -> None:
        if self._bar is None:
            self._bar = tqdm(
                desc=self._what,
                total=total,
                initial=cached,
                unit=self._unit,
                unit_scale=self._unit == "B",
                disable=None,  # that is: unless stderr is a terminal
                leave=False,
            )
        self._bar.update(done - self._bar.n)


class ProgressFile:
    """Writes how far things are to a file, a JSON object a line: ``stage``, ``done`` of ``total`` (0 of 0 when it
    cannot be told), ``message``. While it is open, the file ``lock_of`` gives is locked, by which others can tell
    that whoever writes still lives: the operating system lets go of the lock when it dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = filelock.FileLock(lock_of(path), timeout=_LOCK_SECONDS)
        self._file: TextIO | None = None
        self._stage = ""
        self._shown_at = 0.0

    def __enter__(self) -> ProgressFile:
        if not self._path.absolute().parent.is_dir():  # the lock would make it, in the place that was mistyped
            raise ConfigurationError(
                f"the progress cannot be written to {self._path}: name a file in a folder that exists"
            )
        try:
            self._lock.acquire()
            make_private_file(self._path)
            self._file = self._path.open("w", encoding="utf-8", errors="replace", newline="\n")
        except filelock.Timeout as error:
            raise ConfigurationError(
                f"another training writes its progress to {self._path}; name another file"
            ) from error
        except OSError as error:
            self._lock.release()
            raise ConfigurationError(
                f"the progress cannot be written to {self._path}: {error.strerror or error}; name another file"
            ) from error
        self.begin("process", str(os.getpid()))  # of the one who holds the lock, so that it can be ended
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        self._lock.release()

    def begin(self, stage: str, message: str) -> None:
        """A new stage."""
        self._stage = stage
        self._write(0, 0, message)

    def end(self, stage: str, message: str) -> None:
        """The last line: how it ended."""
        self._stage = stage
        self._write(1, 1, message)

    @contextmanager
    def show(self, what: str) -> Iterator[Callable[..., None]]:
        """Gives the function to call with (done, total, ...), as a ProgressBar's."""

        def shown(done: int, total: int, cached: int = 0) -> None:
            if done >= total or time.monotonic() - self._shown_at >= _PAUSE_SECONDS:
                self._shown_at = time.monotonic()
                self._write(done, total, what)

        yield shown

    def _write(self, done: int, total: int, message: str) -> None:
        line = {"stage": self._stage, "done": int(done), "total": int(total), "message": message}
        if self._file is None:
            return
        try:
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._file.flush()
        except OSError as error:  # a full disk stops whoever reads along, not the training
            _logger.warning("the progress cannot be written to %s: %s", self._path, error.strerror or error)
            self._file = None


@dataclass(frozen=True, slots=True)
class Shown:
    """Progress for both: called with what is done, it gives a ``ProgressBar``, and what that shows also goes into
    ``file``, when there is one."""

    file: ProgressFile | None

    def begin(self, stage: str, message: str) -> None:
        """A new stage, which only the file tells."""
        if self.file is not None:
            self.file.begin(stage, message)

    @contextmanager
    def __call__(self, what: str, unit: str = "photo") -> Iterator[Callable[..., None]]:
        with ExitStack() as opened:
            displays = [opened.enter_context(ProgressBar(what, unit))]
            if self.file is not None:
                displays.append(opened.enter_context(self.file.show(what)))

            def show(done: int, total: int, cached: int = 0) -> None:
                for display in displays:
                    display(done, total, cached)

            yield show


def lock_of(path: Path) -> Path:
    """The file that is locked while a ``ProgressFile`` at ``path`` is open."""
    return path.with_name(f"{path.name}.lock")
