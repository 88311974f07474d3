"""Work spread over the cores of the machine."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

# A process takes half a second to start; less work than this is done sooner here.
WORTH_A_POOL = 24


def spread(work: Callable[[Task], Result], tasks: Sequence[Task], workers: int | None = None) -> list[Result]:
    """``work`` of every task, in the order of the tasks.

    workers: processes; None: one for each core this process may use. ``work`` must be a function of a module and is
    called in processes that are started afresh, the same on every system: a fork would copy the threads' locks of
    whoever calls this. A module that calls it when run as a program needs the usual ``__name__`` guard.
    """
    if workers is None:
        workers = cores() if len(tasks) >= WORTH_A_POOL else 1
    if workers <= 1:
        return [work(task) for task in tasks]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_leave_interrupts) as pool:
        try:
            return list(pool.map(work, tasks, chunksize=max(1, len(tasks) // (workers * 8))))
        except BaseException:
            pool.shutdown(cancel_futures=True)  # what is under way is finished, which takes seconds
            raise


def _leave_interrupts() -> None:
    """Ctrl-C reaches every process of a terminal; only whoever called decides what it means."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def cores() -> int:
    """The cores this process may use, which in a container are often fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
