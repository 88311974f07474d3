"""What is being done and how long it took, a line for each stage."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

_WIDTH = 58
_LOOK_SECONDS = 0.5

Count = Callable[[], tuple[int, int]]
"""Gives how much of a stage is done, and how much there is to do."""


class Stages:
    """Writes to ``out`` (default: standard output). At a terminal a stage also shows how far it is."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout

    @contextmanager
    def stage(self, what: str, count: Count | None = None) -> Iterator[None]:
        """A stage that is done inside. count: how far it is, asked now and then in another thread."""
        begun = time.perf_counter()
        line = f"{what} ..."
        self._write(line)
        over = threading.Event()
        watcher = None
        if count is not None and self._out.isatty():
            watcher = threading.Thread(target=self._watch, args=(line, count, over), daemon=True)
            watcher.start()
        done = False
        try:
            yield
            done = True
        finally:
            over.set()
            if watcher is not None:
                watcher.join()
                self._rewrite(line, "")
            if done:
                self._write(f"{' ' * (_WIDTH - len(line))}{time.perf_counter() - begun:6.1f} s")
            self._write("\n")

    def say(self, line: str) -> None:
        """A line between two stages."""
        self._write(f"{line}\n")

    def _watch(self, line: str, count: Count, over: threading.Event) -> None:
        while not over.wait(_LOOK_SECONDS):
            done, total = count()
            self._rewrite(line, f" {done} of {total}")

    def _rewrite(self, line: str, more: str) -> None:
        self._write(f"\r{line}{more:<20}\r{line}{more}")

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
