"""What the server can take: how large the next frame of a camera should be, and when it should come.

Cameras that follow it share the networks evenly and are not sent away with 503; one that does not is no worse off than
before. What is told is worked out from how long frames took lately and how many cameras sent one.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

# Widths in pixels that a frame may have, best first. The smallest face that is looked for is 40 pixels wide. Before a
# laptop's camera, which sees about 70 degrees, a face of 15 cm has that at 1280 from 3.4 metres away, at 640 from 1.7.
WIDTHS = (1280, 960, 800, 640)
# Milliseconds. Faster, nobody sees a difference; at half a second people have walked past.
SHORTEST, LONG, LONGEST = 100, 500, 5000
# How much of the time the networks may be busy: above it, waiting grows faster than what is done.
BUSY_SHARE = 0.8
# Of the time of a frame of 1280, what grows with its pixels; the rest is per face. Measured (benchmarks/frames.py): a
# third with one face, a fifth with six.
BY_PIXELS = 0.3
ACTIVE_SECONDS = 5.0
_NEWEST = 0.2


@dataclass(frozen=True, slots=True)
class Advice:
    """width: pixels, at most. interval: milliseconds from one frame to the next, at least."""

    width: int
    interval: int


class Advisor:
    """Thread-safe. clock: seconds, for tests."""

    def __init__(self, workers: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._workers, self._clock = workers, clock
        self._lock = threading.Lock()
        self._seconds = 0.0
        self._pixels = 0.0
        self._seen: OrderedDict[str, float] = OrderedDict()

    def took(self, camera: str, width: int, height: int, seconds: float) -> None:
        """A frame of ``camera`` of this size was recognised in so many seconds, without its waiting."""
        with self._lock:
            weight = _NEWEST if self._pixels else 1.0
            self._seconds += weight * (seconds - self._seconds)
            self._pixels += weight * (width * height - self._pixels)
            self._seen[camera] = self._clock()
            self._seen.move_to_end(camera)

    def advice(self) -> Advice:
        """For the next frame of any camera."""
        with self._lock:
            now = self._clock()
            while self._seen and next(iter(self._seen.values())) < now - ACTIVE_SECONDS:
                self._seen.popitem(last=False)
            share = max(1, len(self._seen)) / self._workers / BUSY_SHARE
            seconds, pixels = self._seconds, self._pixels
        interval = 0.0
        for width in WIDTHS:
            # cameras are 16:9 or 4:3; the difference does not matter here
            grown = (width * width * 9 / 16) / pixels if pixels else 1.0
            interval = 1000 * seconds * (1 - BY_PIXELS + BY_PIXELS * grown) * share
            if interval <= LONG:
                break
        return Advice(width, round(min(LONGEST, max(SHORTEST, interval))))
