"""Work spread over the cores of the machine."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
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
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin) as pool:
        try:
            with _interrupts_kept_back():
                results = pool.map(work, tasks, chunksize=max(1, len(tasks) // (workers * 8)))
            return list(results)
        except BaseException:
            pool.shutdown(cancel_futures=True)  # what is under way is finished, which takes seconds
            raise


@contextmanager
def _interrupts_kept_back() -> Iterator[None]:
    """Ctrl-C is heard after this. A process started meanwhile never hears it, not even while it loads what it needs,
    where it would end with a traceback."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """What a worker does first. Ctrl-C reaches every process of a terminal, and only whoever called decides what it
    means; when they are killed, nobody is left to tell the workers that there is no more to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def cores() -> int:
    """The cores this process may use, which in a container are often fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
