"""Who may use the networks, and when: a few at a time, a few more waiting, everybody else told at once to come back.

A frame that waits is a compressed file; its pixels exist only while it is recognised. Memory therefore stays within
what ``workers`` pictures take, however many are sent.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from errors import BusyError
from operations.advice import Advice, Advisor
from operations.cameras import Camera
from operations.metrics import Metrics
from operations.recognition import Recognizer
from recognizer.images import ImageLimits, Picture, decode_picture
from recognizer.types import DetectedFace, RecognitionResult, RGBImage

T = TypeVar("T")

# Seconds. What is told to those who are sent away is a guess; a page should not give up for longer.
LONGEST_RETRY = 30
# How much the newest frame counts in the mean time that a frame takes.
_NEWEST = 0.2


class InferenceGate:
    """Lets in ``workers`` at once and ``queue`` to wait, first come first served. Thread-safe.

    Not to be entered again by who is inside: with one worker that would wait for itself.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        *,
        workers: int,
        queue: int,
        deadline_seconds: float,
        limits: ImageLimits,
        metrics: Metrics,
    ) -> None:
        """workers: 1 or more. queue: how many may wait, 0 or more. deadline_seconds: how long one may wait. limits: of
        the pictures that are decoded."""
        if workers < 1 or queue < 0 or deadline_seconds <= 0:
            raise ValueError(
                f"expected workers >= 1, queue >= 0, deadline > 0, got {workers}, {queue}, {deadline_seconds}"
            )
        self.capacity = queue
        self._recognizer, self._limits, self._metrics = recognizer, limits, metrics
        self._workers, self._deadline = workers, deadline_seconds
        self._lock = threading.Lock()
        self._inside = 0
        self._waiting: deque[threading.Event] = deque()
        self._mean_seconds = 0.2
        self._advisor = Advisor(workers)
        metrics.watch_queue(capacity=queue, workers=workers, waiting=lambda: self.waiting, inside=lambda: self.inside)

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        with self._lock:
            return len(self._waiting)

    @property
    def inside(self) -> int:
        """How many have it."""
        with self._lock:
            return self._inside

    def recognize(
        self,
        data: bytes,
        *,
        among: frozenset[str] | None = None,
        without: frozenset[str] = frozenset(),
        camera: Camera | None = None,
    ) -> tuple[RGBImage, RecognitionResult]:
        """The decoded picture and everybody in it, in pixels of the picture as it was sent; the rest as
        ``Recognizer.recognize`` takes it.

        Raises BusyError (see ``metrics.REFUSALS``), InvalidImageError, ModelNotFoundError.
        """
        with self._turn():
            begun = time.perf_counter()
            picture = self._decode(data)
            result = self._recognizer.recognize(picture.pixels, among=among, without=without, camera=camera)
            seconds = time.perf_counter() - begun
        self._metrics.recognized(result)
        if camera is not None:
            self._advisor.took(camera.key, *result.image_size, seconds)
        return picture.pixels, result.in_picture_of(picture.size)

    def advice(self) -> Advice:
        """How large the next frame of a camera should be, and when it should come."""
        return self._advisor.advice()

    def detect(self, data: bytes) -> tuple[Picture, tuple[DetectedFace, ...]]:
        """The decoded picture and its faces in ``Picture.pixels``, largest first. Raises BusyError,
        InvalidImageError."""
        with self._turn():
            picture = self._decode(data)
            start = time.perf_counter()
            faces = self._recognizer.detect(picture.pixels)
            self._metrics.stage("detect", time.perf_counter() - start)
        return picture, faces

    def detect_in(self, image: RGBImage) -> tuple[DetectedFace, ...]:
        """The faces of pixels that were decoded before. Raises BusyError."""
        return self.run(lambda: self._recognizer.detect(image))

    def run(self, function: Callable[[], T]) -> T:
        """What ``function`` returns, which uses the networks. Raises BusyError, and whatever it raises."""
        with self._turn():
            return function()

    def _decode(self, data: bytes) -> Picture:
        start = time.perf_counter()
        picture = decode_picture(data, self._limits)
        self._metrics.stage("decode", time.perf_counter() - start)
        return picture

    def refused(self, error: BusyError) -> None:
        """Count a picture that is sent away."""
        self._metrics.refused(error.code)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        arrived = time.perf_counter()
        try:
            self._enter()
        except BusyError as error:
            self.refused(error)
            raise
        begun = time.perf_counter()
        self._metrics.stage("queue", begun - arrived)
        try:
            yield
        except BusyError as error:
            # the cluster sends away, too; it knows less of who waits here than we do
            with self._lock:
                error.retry_after = max(error.retry_after, self._retry_after())
            self.refused(error)
            raise
        finally:
            self._leave(time.perf_counter() - begun)

    def _enter(self) -> None:
        with self._lock:
            if self._inside < self._workers:  # then nobody waits: who leaves hands over to whoever waits
                self._inside += 1
                return
            if len(self._waiting) >= self.capacity:
                retry_after = self._retry_after()
                turn = None
            else:
                turn = threading.Event()
                self._waiting.append(turn)
        if turn is None:
            raise BusyError(
                f"more pictures are being sent than can be recognised; try again in {retry_after} s",
                retry_after=retry_after,
                code="queue_full",
            )
        try:
            if turn.wait(self._deadline):
                return
        except BaseException:  # a server that stops its threads
            if not self._give_up(turn):
                self._leave(None)
            raise
        # between the end of the wait and here it may have been handed over all the same
        if self._give_up(turn):
            with self._lock:
                retry_after = self._retry_after()
            raise BusyError(
                f"this picture had to wait longer than {self._deadline:g} s; send a newer one in {retry_after} s",
                retry_after=retry_after,
                code="deadline",
            )

    def _give_up(self, turn: threading.Event) -> bool:
        """No longer wait; False when it is one's turn already."""
        with self._lock:
            if turn.is_set():
                return False
            self._waiting.remove(turn)
            return True

    def _leave(self, seconds: float | None) -> None:
        with self._lock:
            if seconds is not None:
                self._mean_seconds += _NEWEST * (seconds - self._mean_seconds)
            if self._waiting:
                self._waiting.popleft().set()  # the place stays taken, so nobody can come between
            else:
                self._inside -= 1

    def _retry_after(self) -> int:
        """Under the lock: whole seconds until those who are here now will be done, about."""
        ahead = (self._inside + len(self._waiting)) / self._workers
        return min(LONGEST_RETRY, max(1, math.ceil(ahead * self._mean_seconds)))
