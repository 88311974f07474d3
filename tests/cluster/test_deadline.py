"""Work that comes too late is not begun, and ends where it has begun."""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from cluster.deadline import Deadline, Pace
from errors import BusyError


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_travels_is_the_time_that_is_left_and_not_that_of_a_clock() -> None:
    clock = Clock()
    deadline = Deadline(30.0, clock)
    clock.now += 10.0
    there: Deadline = pickle.loads(pickle.dumps(deadline))
    assert there.left == pytest.approx(20.0, abs=5.0)


def test_what_would_be_late_is_not_begun_while_others_are_at_work() -> None:
    clock = Clock()
    pace = Pace(clock)
    for _ in range(30):  # work takes two seconds
        with pace.work(Deadline(5.0, clock)):
            clock.now += 2.0
    with pytest.raises(BusyError) as late, pace.work(Deadline(0.0, clock)):
        pytest.fail("it is too late")
    assert late.value.code == "deadline"
    with pace.work(Deadline(5.0, clock)):
        with pytest.raises(BusyError), pace.work(Deadline(1.0, clock)):
            pytest.fail("it would be late")
        with pace.work(Deadline(3.0, clock)):
            pass
    # what is alone may find that work takes less time now
    with pace.work(Deadline(1.0, clock)):
        pass


def test_a_recognizer_begins_nothing_for_who_has_gone_and_ends_what_it_has_begun() -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-cluster.txt")
    from cluster.refusal import Refusal
    from cluster.replica import Replica

    replica = object.__new__(Replica)
    replica._pace, replica._pool = Pace(), ThreadPoolExecutor(1)
    go, ended, begun = threading.Event(), threading.Event(), []

    def long(check: Callable[[], None]) -> str:
        begun.append("long")
        try:
            assert go.wait(30)
            check()
            return "in time"
        finally:
            ended.set()

    def short(check: Callable[[], None]) -> str:
        begun.append("short")
        return "in time"

    async def ask() -> list[object]:
        first = asyncio.create_task(replica._run(long, Deadline(30.0)))
        while not begun:
            await asyncio.sleep(0.001)
        waiting = asyncio.create_task(replica._run(short, Deadline(0.05)))
        gone = asyncio.create_task(replica._run(short, Deadline(30.0)))
        await asyncio.sleep(0.1)
        for task in (first, gone):
            task.cancel()
        await asyncio.sleep(0)
        go.set()
        found = await asyncio.gather(first, waiting, gone, return_exceptions=True)
        return [*found, await replica._run(short, Deadline(30.0))]

    given_up, late, gone, next_one = asyncio.run(ask())
    assert isinstance(given_up, asyncio.CancelledError) and isinstance(gone, asyncio.CancelledError)
    assert isinstance(late, Refusal) and late.code == "deadline"
    assert ended.is_set() and next_one == "in time"
    assert begun == ["long", "short"], "only what somebody waits for"


def test_whoever_is_begun_or_refused_leaves_no_place_behind() -> None:
    pace, begun = Pace(), []

    def one(number: int) -> None:
        try:
            with pace.work(Deadline(0.0 if number % 3 else 60.0)):
                begun.append(number)
                threading.Event().wait(0.001)
                if number % 2:
                    raise ZeroDivisionError
        except (BusyError, ZeroDivisionError):
            pass

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(one, range(60)))
    assert sorted(begun) == list(range(0, 60, 3))
    assert pace._at_work == 0
