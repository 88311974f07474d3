"""Whose faces are followed from frame to frame: one tracker for each camera that sends to a session."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from recognizer.tracking import Tracker

# A kiosk or a laptop each; beyond that the one that was silent longest starts anew.
MOST_CAMERAS = 256
# What is remembered of a camera's faces goes when it is silent for so long: no later frame could use it.
FORGOTTEN_AFTER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Camera:
    """Where a frame comes from. key: of the session and what sends, see ``Actor.sender``. captured_at: seconds. needed:
    sightings that make a mark; a face is embedded in at least so many frames. model_at_least: the generation of the
    newest model that has answered in the session; no older one may."""

    key: str
    captured_at: float
    needed: int
    model_at_least: int = 0


class Cameras:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._trackers: OrderedDict[str, tuple[Tracker, float]] = OrderedDict()

    def tracker(self, camera: Camera) -> Tracker:
        """The tracker of ``camera``, a new one when nothing of it is remembered."""
        now = time.monotonic()
        with self._lock:
            while self._trackers and next(iter(self._trackers.values()))[1] < now - FORGOTTEN_AFTER_SECONDS:
                self._trackers.popitem(last=False)
            found = self._trackers.pop(camera.key, None)
            tracker = found[0] if found is not None else Tracker(camera.needed)
            self._trackers[camera.key] = (tracker, now)
            if len(self._trackers) > MOST_CAMERAS:
                self._trackers.popitem(last=False)
        return tracker

    def forget_all(self) -> None:
        with self._lock:
            self._trackers.clear()
