"""Crops of several frames in one batch: what arrives while the network computes goes into its next pass together.

Nobody waits for others to come: whoever finds the network idle starts at once, with what is there. Under load a pass
ends every few milliseconds, and by then a few more frames have come. So a crop waits for one pass that was running, at
most, and for those of its own.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recognizer.engines.base import EmbeddingEngine
from recognizer.types import FloatArray

# A call's own crops may be more. Above this a pass takes in proportion longer, and the first would wait for the last.
MOST_TOGETHER = 16


@dataclass(slots=True, eq=False)
class _Call:
    crops: NDArray[np.uint8]
    ready: threading.Event = field(default_factory=threading.Event)
    raw: FloatArray | None = None
    error: Exception | None = None


class SharedBatches:
    """``EmbeddingEngine`` around another one. Thread-safe."""

    def __init__(self, engine: EmbeddingEngine) -> None:
        self.dimension = engine.dimension
        self._engine = engine
        self._lock = threading.Lock()
        self._waiting: deque[_Call] = deque()
        self._computing = False

    def forward(self, crops: NDArray[np.uint8]) -> FloatArray:
        call = _Call(crops)
        with self._lock:
            self._waiting.append(call)
            leads, self._computing = not self._computing, True
        if not leads:
            # woken with the answer, or without one to compute the next pass
            try:
                call.ready.wait()
            except BaseException:  # a server that stops its threads
                self._give_up(call)
                raise
        if call.raw is None and call.error is None:
            self._pass(call)
        if call.error is not None:
            raise call.error
        assert call.raw is not None
        return call.raw

    def _pass(self, mine: _Call) -> None:
        """Compute what waits, ``mine`` first, and hand on to the next who waits."""
        with self._lock:
            self._waiting.remove(mine)
            together, count = [mine], len(mine.crops)
            while self._waiting and count + len(self._waiting[0].crops) <= MOST_TOGETHER:
                together.append(self._waiting.popleft())
                count += len(together[-1].crops)
        try:
            raw = self._engine.forward(np.concatenate([call.crops for call in together]))
            start = 0
            for call in together:
                call.raw = raw[start : start + len(call.crops)]
                start += len(call.crops)
        except Exception as error:  # each of them fails as it would have alone
            for call in together:
                call.error = error
        except BaseException:  # this thread is stopped: the others' turn is still to come
            with self._lock:
                self._waiting.extendleft(reversed(together[1:]))
            together = [mine]
            raise
        finally:
            with self._lock:
                self._hand_on()
            for call in together[1:]:
                call.ready.set()

    def _hand_on(self) -> None:
        """Under the lock: the next pass is that of who has waited longest."""
        self._computing = bool(self._waiting)
        if self._waiting:
            self._waiting[0].ready.set()

    def _give_up(self, call: _Call) -> None:
        with self._lock:
            if call in self._waiting:
                self._waiting.remove(call)
                if call.ready.is_set():
                    self._hand_on()
