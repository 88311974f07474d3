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
        self._open = ""  # what is said of the stage under way

    @contextmanager
    def stage(self, what: str, count: Count | None = None) -> Iterator[None]:
        """A stage that is done inside. count: how far it is, asked now and then in another thread."""
        begun = time.perf_counter()
        self._open = f"{what} ..."
        self._write(self._open)
        over = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(count, over), daemon=True) if self._shows(count) else None
        if watcher is not None:
            watcher.start()
        done = False
        try:
            yield
            done = True
        finally:
            over.set()
            if watcher is not None:
                watcher.join()
            if self._open:
                self._rewrite("")
            if done:
                self._write(f"{' ' * (_WIDTH - len(self._open))}{time.perf_counter() - begun:6.1f} s")
            self._write("\n")
            self._open = ""

    def say(self, line: str) -> None:
        """A line besides, also while a stage is under way, which then goes on in a line of its own."""
        begun = self._open
        self._write(f"\n  {line}\n{begun}" if begun else f"{line}\n")

    def _watch(self, count: Count | None, over: threading.Event) -> None:
        while count is not None and not over.wait(_LOOK_SECONDS):
            done, total = count()
            self._rewrite(f" {done} of {total}")

    def _shows(self, count: Count | None) -> bool:
        return count is not None and self._out.isatty()

    def _rewrite(self, more: str) -> None:
        if self._out.isatty():
            self._write(f"\r{self._open}{more:<20}\r{self._open}{more}")

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
