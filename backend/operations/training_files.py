"""The files of a training: whom it trains on, what it says of itself, its log.

What a training's process says is in the progress file of the training command; that it lives, in the lock that goes
with that file. Both are found again by a server that starts later.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import filelock

from recognizer.durable_files import make_private_folder, write_atomically
from training.progress import lock_of

LARGEST_LOG_PART = 64 * 1024  # bytes

_TAIL_BYTES = 8192
_LOGS_KEPT = timedelta(days=30)
# What is younger may belong to a training that another process starts this very moment.
_YOUNG = timedelta(minutes=2)

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Heard:
    """What a training's process said last. stage: "" when nothing yet. progress: 0..1 of it. pid: its own, None when
    it has not said it. version: of the model that it publishes or has published, once it came to that."""

    stage: str = ""
    progress: float = 0.0
    message: str = ""
    pid: int | None = None
    version: str | None = None

    @property
    def is_last(self) -> bool:
        """Whether this is what a process says when it is done, however it went."""
        return self.stage in ("done", "failed", "interrupted")


@dataclass(frozen=True, slots=True)
class TrainingFiles:
    """Where the files of one training are. listed: ids of the students to train on. subjects: the same with what is
    needed to erase what was made of them. log: the only one that is kept."""

    folder: Path
    job_id: int

    @property
    def progress(self) -> Path:
        return self.folder / f"{self.job_id}.progress"

    @property
    def lock(self) -> Path:
        return lock_of(self.progress)

    @property
    def listed(self) -> Path:
        return self.folder / f"{self.job_id}.students"

    @property
    def subjects(self) -> Path:
        return self.folder / f"{self.job_id}.subjects"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.job_id}.log"

    def prepare(self, external_ids: Iterable[str], subjects: Sequence[Mapping[str, Any]]) -> None:
        """Write the list of students. Raises OSError."""
        make_private_folder(self.folder)
        write_atomically(self.subjects, json.dumps(subjects).encode())
        write_atomically(self.listed, "".join(f"{name}\n" for name in external_ids).encode())

    def read_subjects(self) -> list[dict[str, Any]]:
        """What ``prepare`` wrote; nothing when it never came to that."""
        try:
            content = json.loads(self.subjects.read_bytes())
        except (OSError, ValueError):
            return []
        return content if isinstance(content, list) else []

    def clear(self) -> None:
        """Remove all but the log: lists of students, which nobody needs any more."""
        for path in (self.listed, self.subjects, self.progress, self.lock):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def hear(self) -> Heard:
        """What the process said last."""
        try:
            with self.progress.open("rb") as file:
                first = _line(file.readline(_TAIL_BYTES))
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _TAIL_BYTES))
                tail = file.read().split(b"\n")[:-1]  # the last one is empty or not complete yet
        except OSError:
            return Heard()
        lines = [line for line in map(_line, tail) if line is not None]
        if not lines:
            return Heard()
        last = lines[-1]
        versions = [line["message"] for line in lines if line["stage"] in ("publish", "done")]
        pid = first["message"] if first and first["stage"] == "process" else ""
        return Heard(
            stage=last["stage"],
            progress=last["done"] / last["total"] if last["total"] > 0 else 0.0,
            message=last["message"],
            pid=int(pid) if pid.isdecimal() else None,
            version=versions[-1] if versions else None,
        )

    def read_log(self, offset: int) -> tuple[str, int]:
        """(text, offset of what comes next) of the log from byte ``offset`` on, at most LARGEST_LOG_PART at a time."""
        try:
            with self.log.open("rb") as file:
                file.seek(offset)
                data = file.read(LARGEST_LOG_PART)
        except OSError:
            return "", offset
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        text = decoder.decode(data)
        # a character that is cut in two belongs to the next part
        return text, offset + len(data) - len(decoder.getstate()[0])

    def is_locked(self) -> bool:
        """Whether the process that writes the progress lives."""
        if not self.lock.exists():
            return False
        lock = filelock.FileLock(self.lock)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            return True
        except OSError as error:
            _logger.warning("%s cannot be looked at (%s); the training is taken for running", self.lock, error)
            return True
        lock.release()
        return False


def tidy(folder: Path, active_id: int | None, now: datetime) -> list[str]:
    """Remove what trainings that are over, all but ``active_id``, left in ``folder``, and logs that are old. What was
    done, a sentence each."""
    said = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.lstrip(".").split(".")[0] == str(active_id):
            continue
        kept = _LOGS_KEPT if path.suffix == ".log" else _YOUNG
        with contextlib.suppress(FileNotFoundError):  # another process tidies too
            if now.timestamp() - path.stat().st_mtime > kept.total_seconds():
                path.unlink()
                said.append(f"Removed {path.name}, which a training left behind.")
    return said


def _line(data: bytes) -> dict[str, Any] | None:
    try:
        line = json.loads(data)
    except ValueError:
        return None
    if not isinstance(line, dict):
        return None
    texts = all(isinstance(line.get(key), str) for key in ("stage", "message"))
    numbers = all(isinstance(line.get(key), int) for key in ("done", "total"))
    return line if texts and numbers else None
