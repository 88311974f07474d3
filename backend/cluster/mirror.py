"""A recognizer's side of a model store: its own copy of the model in use, kept as the store is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cluster.model_store import ModelStore
from cluster.rounds import Rounds


class Mirror(Rounds):
    """Keeps ``folder`` as the store is, looking every ``poll_seconds``; ``error`` says why it cannot."""

    def __init__(
        self, store: ModelStore, folder: Path, poll_seconds: float, *, closed: Callable[[], object] = lambda: None
    ) -> None:
        """closed: called at the end, when nothing is written to ``folder`` any more."""
        super().__init__("fetching models", lambda: store.pull(folder), poll_seconds)
        self.folder, self._when_closed = folder, closed

    def start(self, within: float = 30.0) -> None:
        """Wait ``within`` seconds for the first look: which networks are loaded depends on the model."""
        super().start()
        self.now(within)

    def close(self) -> None:
        super().close()
        self._when_closed()

    def pull_now(self, within: float = 5.0) -> bool:
        """Look now; whether that was done within so many seconds, be it with an error."""
        return self.now(within)
