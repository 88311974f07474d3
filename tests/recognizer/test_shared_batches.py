"""Crops of frames that come at the same time share passes through the network, and each frame gets what it would have
got alone: the right rows, its own errors, and no endless wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from recognizer.engines import shared_batches
from recognizer.engines.shared_batches import MOST_TOGETHER, SharedBatches
from recognizer.types import FloatArray

SIZE = 4
LONG = 30.0


class GatedEngine:
    """An engine whose answer tells which crop it was for, and which computes when the test lets it. passes: the sizes
    of the batches that it saw. refuse: numbers of crops that it fails for."""

    dimension = 2

    def __init__(self) -> None:
        self.passes: list[int] = []
        self.inside = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)
        self.refuse: dict[int, BaseException] = {}
        self.at_once = 0

    def forward(self, crops: NDArray[np.uint8]) -> FloatArray:
        self.at_once += 1
        assert self.at_once == 1, "two passes at once"
        self.passes.append(len(crops))
        self.inside.release()
        assert self.gate.acquire(timeout=LONG)
        self.at_once -= 1
        numbers = crops[:, 0, 0, 0].astype(np.float32)
        for number in numbers:
            if int(number) in self.refuse:
                raise self.refuse[int(number)]
        return np.stack([numbers, -numbers], axis=1)

    def entered(self) -> None:
        assert self.inside.acquire(timeout=LONG)

    def let(self, passes: int = 1) -> None:
        for _ in range(passes):
            self.gate.release()


def crops(first: int, count: int = 1) -> NDArray[np.uint8]:
    made = np.zeros((count, SIZE, SIZE, 3), np.uint8)
    made[:] = (first + np.arange(count))[:, None, None, None]
    return made


def assert_own(found: FloatArray, first: int, count: int = 1) -> None:
    numbers = first + np.arange(count, dtype=np.float32)
    assert (found == np.stack([numbers, -numbers], axis=1)).all()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


class Callers:
    """Calls of one ``SharedBatches`` from threads that wait in the order in which they were made."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self.engine = GatedEngine()
        self.shared = SharedBatches(self.engine)
        self._pool = pool

    def first(self, number: int, count: int = 1) -> Future[Any]:
        """One that finds the network idle, and is computing when this returns."""
        call = self._pool.submit(self.shared.forward, crops(number, count))
        self.engine.entered()
        return call

    def waiting(self, number: int, count: int = 1) -> Future[Any]:
        before = len(self.shared._waiting)
        call = self._pool.submit(self.shared.forward, crops(number, count))
        until(lambda: len(self.shared._waiting) == before + 1)
        return call


@pytest.fixture
def callers() -> Any:
    with ThreadPoolExecutor(12) as pool:
        made = Callers(pool)
        yield made
        made.engine.let(100)  # so that a test that fails ends


def test_a_call_alone_is_computed_at_once(callers: Callers) -> None:
    callers.engine.let()
    assert_own(callers.shared.forward(crops(7, 3)), 7, 3)
    assert callers.engine.passes == [3]
    assert callers.shared.dimension == GatedEngine.dimension


def test_what_comes_while_the_network_computes_goes_into_its_next_pass(callers: Callers) -> None:
    first = callers.first(0)
    others = [(callers.waiting(10 * n, n), 10 * n, n) for n in (1, 2, 3, 4)]
    callers.engine.let(2)
    assert_own(first.result(LONG), 0)
    for call, number, count in others:
        assert_own(call.result(LONG), number, count)
    assert callers.engine.passes == [1, 1 + 2 + 3 + 4]


def test_no_more_share_a_pass_than_do_not_hold_one_another_up(callers: Callers) -> None:
    first = callers.first(0)
    calls = [(callers.waiting(20 * n, 6), 20 * n) for n in range(1, 7)]
    callers.engine.let(10)
    assert_own(first.result(LONG), 0)
    for call, number in calls:
        assert_own(call.result(LONG), number, 6)
    assert callers.engine.passes == [1, 12, 12, 12]
    assert all(size <= MOST_TOGETHER for size in callers.engine.passes)


def test_a_frame_of_more_faces_than_that_goes_alone_and_whole(callers: Callers) -> None:
    first = callers.first(0)
    small, large = callers.waiting(1), callers.waiting(100, MOST_TOGETHER + 5)
    after = callers.waiting(2)
    callers.engine.let(10)
    for call, number, count in ((first, 0, 1), (small, 1, 1), (large, 100, MOST_TOGETHER + 5), (after, 2, 1)):
        assert_own(call.result(LONG), number, count)
    assert callers.engine.passes == [1, 1, MOST_TOGETHER + 5, 1]


def test_an_error_reaches_those_of_its_pass_and_nobody_else(callers: Callers) -> None:
    callers.engine.refuse[9] = RuntimeError("the network failed")
    first = callers.first(0)
    # 8 and 9 fit together; 50 with its sixteen does not, and goes by itself
    with_it, failing, later = callers.waiting(8), callers.waiting(9), callers.waiting(50, MOST_TOGETHER)
    callers.engine.let(10)
    assert_own(first.result(LONG), 0)
    for call in (with_it, failing):
        with pytest.raises(RuntimeError, match="the network failed"):
            call.result(LONG)
    assert_own(later.result(LONG), 50, MOST_TOGETHER)
    assert_own(callers.shared.forward(crops(1)), 1)


def test_an_error_of_the_first_holds_nobody_up(callers: Callers) -> None:
    callers.engine.refuse[0] = ValueError("not this one")
    first, second = callers.first(0), callers.waiting(1)
    callers.engine.let(2)
    with pytest.raises(ValueError, match="not this one"):
        first.result(LONG)
    assert_own(second.result(LONG), 1)


def test_crops_of_two_sizes_fail_together_and_hold_nobody_up(callers: Callers) -> None:
    """No caller does that; if one did, everybody else must go on."""
    first = callers.first(0)
    wrong = callers._pool.submit(callers.shared.forward, np.zeros((1, SIZE + 1, SIZE, 3), np.uint8))
    until(lambda: len(callers.shared._waiting) == 1)
    beside = callers.waiting(1)
    callers.engine.let(10)
    assert_own(first.result(LONG), 0)
    for call in (wrong, beside):
        with pytest.raises(ValueError, match="dimension"):
            call.result(LONG)
    assert_own(callers.shared.forward(crops(3)), 3)


def test_when_the_thread_that_computes_is_stopped_the_others_are_computed_all_the_same(callers: Callers) -> None:
    """SystemExit is how a server ends a thread whose time is over; those who share its pass did nothing wrong."""
    callers.engine.refuse[1] = SystemExit()
    first = callers.first(0)
    stopped, beside, last = callers.waiting(1), callers.waiting(2), callers.waiting(3, 2)
    callers.engine.let(10)
    assert_own(first.result(LONG), 0)
    with pytest.raises(SystemExit):
        stopped.result(LONG)
    assert_own(beside.result(LONG), 2)
    assert_own(last.result(LONG), 3, 2)
    assert callers.engine.passes == [1, 4, 3]


@pytest.mark.parametrize("its_turn", [False, True], ids=["while others compute", "when its turn came"])
def test_a_thread_that_is_stopped_while_it_waits_holds_nobody_up(
    callers: Callers, monkeypatch: pytest.MonkeyPatch, its_turn: bool
) -> None:
    class Stopped(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if its_turn:
                super().wait(LONG)
            raise SystemExit

    first, call = callers.first(0), shared_batches._Call
    with monkeypatch.context() as patch:
        patch.setattr(shared_batches, "_Call", lambda given: call(given, ready=Stopped()))
        stopped = callers._pool.submit(callers.shared.forward, crops(1))
        until(lambda: len(callers.shared._waiting) == 1 if its_turn else stopped.done())
    other = callers.waiting(2)
    callers.engine.let(10)
    with pytest.raises(SystemExit):
        stopped.result(LONG)
    assert_own(first.result(LONG), 0)
    assert_own(other.result(LONG), 2)
    assert callers.engine.passes == [1, 1]


def test_many_threads_for_a_while() -> None:
    """Nothing is lost, mixed up or left waiting when calls come as they come."""

    class Quick:
        dimension = 2

        def __init__(self) -> None:
            self.passes: list[int] = []

        def forward(self, given: NDArray[np.uint8]) -> FloatArray:
            self.passes.append(len(given))
            time.sleep(0.001)
            numbers = given[:, 0, 0, 0].astype(np.float32)
            return np.stack([numbers, -numbers], axis=1)

    engine = Quick()
    shared = SharedBatches(engine)

    def work(thread: int) -> None:
        random = np.random.default_rng(thread)
        for _ in range(30):
            first, count = int(random.integers(0, 100)), int(random.integers(1, 20))
            assert_own(shared.forward(crops(first, count)), first, count)

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work, thread) for thread in range(8)]:
            done.result(LONG)
    assert len(engine.passes) < 8 * 30
    assert not shared._waiting and not shared._computing
