"""A progress bar for the commands: rate and time left, on a terminal only."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

from tqdm import tqdm


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
