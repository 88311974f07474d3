"""The server's side of a model store: what changes in the model folder is published."""

from __future__ import annotations

from pathlib import Path

from cluster.model_store import ModelStore
from cluster.rounds import Rounds
from config import Settings
from errors import ModelStoreError

_EVERY_SECONDS = 2.0


class Publisher(Rounds):
    """Pushes ``model_dir`` into the store whenever it has changed: training, activating and erasing write there, in
    this process or in another. In a thread of its own, as a store that does not answer must keep nothing else waiting.
    """

    def __init__(self, store: ModelStore, model_dir: Path) -> None:
        super().__init__("publishing models", lambda: store.push(model_dir), _EVERY_SECONDS)
        self._store = store

    def publish(self, within: float = 10.0) -> None:
        """For who has just changed something: wait until it is published, or for ``within`` seconds. What fails is in
        ``error`` and is tried again."""
        self.now(within)

    def publish_surely(self, within: float = 60.0) -> None:
        """As ``publish``. Raises SmartAttendanceError unless it was done by then: for who must know what other machines
        still have."""
        if not self.now(within):
            raise ModelStoreError(f"the model store {self._store.address} gave no answer for {within:g} s")
        if self.error is not None:
            raise self.error


def publisher_of(settings: Settings) -> Publisher | None:
    """None where there is no model store. Raises ConfigurationError."""
    if settings.model_store is None:
        return None
    return Publisher(ModelStore(settings.model_store), settings.model_dir)
