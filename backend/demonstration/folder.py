"""The demo's folder: where its parts lie, which of them are complete, and that only one demo works in it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import filelock

from config import Settings, variable
from errors import ConfigurationError
from recognizer.durable_files import remove_leftovers, write_atomically

ROOT = Path(__file__).resolve().parents[2]

# Raised whenever what is made differs: a demo that an earlier version made is made anew.
VERSION = 1

# What of the environment counts. A demo never touches the data, photos or models of the real server, whatever that
# was started with.
_HONOURED = (
    "host",
    "port",
    "embedder",
    "facenet_weights",
    "allow_download",
    "device",
    "engine",
    "engine_dir",
    "threads",
)
# A week's sessions can be corrected, those before are locked: both are there to be seen.
_LOCK_AFTER_HOURS = 7 * 24.0
_LEAST_FREE_BYTES = 300_000_000

# Longer than another command holds the lock to see whether a demo has it.
_LOOK_SECONDS = 0.5

_LOCK, _VERSION, _ADDRESS, _COMPLETE = ".lock", "version.json", "address.json", "complete.json"


@dataclass(frozen=True, slots=True)
class DemoFolder:
    """root: of everything the demo makes."""

    root: Path = ROOT / "demo"

    @property
    def students(self) -> Path:
        """Photos to enrol: a folder for each student."""
        return self.root / "photos" / "students"

    @property
    def kept_back(self) -> Path:
        """More photos of the students, which nobody is trained on, to try the model with."""
        return self.root / "photos" / "kept-back"

    @property
    def strangers(self) -> Path:
        return self.root / "photos" / "strangers"

    @property
    def clip(self) -> Path:
        return self.root / "clip"

    @property
    def school(self) -> Path:
        """What the server works with; made as a whole, or anew."""
        return self.root / "school"

    @property
    def log(self) -> Path:
        return self.root / "preparation.log"

    def settings(self, environ: Mapping[str, str] = os.environ) -> Settings:
        """The demo's settings: every folder here, the rest as usual but for what of ``environ`` is honoured. Raises
        ConfigurationError."""
        given = {variable(name): environ[variable(name)] for name in _HONOURED if variable(name) in environ}
        return replace(
            Settings.from_env(given),
            data_dir=self.school / "instance",
            dataset_dir=self.school / "dataset",
            model_dir=self.school / "models",
            cache_dir=self.root / "cache",
            demo_clip=self.clip,
            lock_after_hours=_LOCK_AFTER_HOURS,
        )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Work in the folder, which is made; nobody else can meanwhile. What another version made is gone. Raises
        ConfigurationError when somebody does, or the folder holds what no demo made, and OSError."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)  # the passwords are in it
        lock = filelock.FileLock(self.root / _LOCK)
        try:
            lock.acquire(timeout=_LOOK_SECONDS)
        except filelock.Timeout as error:
            raise ConfigurationError(self._why_held()) from error
        try:
            (self.root / _ADDRESS).unlink(missing_ok=True)  # of one that was killed
            remove_leftovers(self.root)
            if self._read(_VERSION) != {"version": VERSION}:
                self._empty()
                self._write(_VERSION, {"version": VERSION})
            yield
        finally:
            (self.root / _ADDRESS).unlink(missing_ok=True)
            lock.release()

    def remove(self) -> bool:
        """Remove the folder with everything in it; whether it was there. Raises ConfigurationError while a demo works
        in it, or when it holds what no demo made, and OSError."""
        if not self.root.exists():
            return False
        with self.held():
            self._empty()
        (self.root / _LOCK).unlink(missing_ok=True)
        if self.root.is_symlink():  # to a disk with more room
            self.root.unlink()
        else:
            self.root.rmdir()
        return True

    def check_space(self) -> None:
        """Raise ConfigurationError when the disk has no room for what is made."""
        free = shutil.disk_usage(self.root).free
        if free < _LEAST_FREE_BYTES:
            raise ConfigurationError(
                f"the disk of {self.root} has {free // 1_000_000} MB free, and the demo needs "
                f"{_LEAST_FREE_BYTES // 1_000_000} MB; free some"
            )

    def forget_school(self) -> None:
        """Remove a school that was not completed."""
        shutil.rmtree(self.school, ignore_errors=True)

    def complete(self, facts: Mapping[str, Any]) -> None:
        """Note that everything is there. facts: what a later start wants to know."""
        self._write(_COMPLETE, dict(facts))

    def completed(self) -> dict[str, Any] | None:
        """What ``complete`` was told; None when it never came to that."""
        return self._read(_COMPLETE)

    def serve_at(self, address: str) -> None:
        """Note where the demo is served, for whoever looks for it."""
        self._write(_ADDRESS, {"address": address})

    def served_at(self) -> str | None:
        """Where the demo is served, as long as it is: one that was killed leaves the address, but not the lock."""
        found = self._read(_ADDRESS)
        return str(found.get("address")) if found is not None and self._is_held() else None

    def _is_held(self) -> bool:
        lock = filelock.FileLock(self.root / _LOCK)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            return True
        except OSError:  # somebody else's
            return True
        lock.release()
        return False

    def _why_held(self) -> str:
        address = self.served_at()
        if address is None:
            return f"the demo is being made or started in {self.root} at this moment; wait, or end it by Ctrl-C"
        return f"the demo is running already, at {address}; Ctrl-C in its terminal ends it"

    def _empty(self) -> None:
        """Remove everything but the lock. What says that a demo made it all goes last."""
        found = [path for path in self.root.iterdir() if path.name not in (_LOCK, _VERSION)]
        if found and self._read(_VERSION) is None:
            raise ConfigurationError(
                f"{self.root} holds what no demo made, {found[0].name} for one; the demo needs this folder for itself: "
                "move that elsewhere"
            )
        for path in [*found, self.root / _VERSION]:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            content = json.loads((self.root / name).read_bytes())
        except (OSError, ValueError):
            return None
        return content if isinstance(content, dict) else None

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        write_atomically(self.root / name, json.dumps(content, indent=1).encode())
