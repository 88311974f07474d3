"""Embedding of a training's photos on the machines of a Ray cluster."""

from __future__ import annotations

import importlib
import logging
import os
import pickle
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cluster.connection import connect, installed
from errors import TrainingError
from recognizer.download import file_sha256
from training.embedding import EmbeddedBatch, EmbeddingMethod, batches, decode, not_used
from training.production import EmbedElsewhere
from training.samples import DatasetIssue, Sample

# Ray Data calls its actors so.
_ACTORS = "MapWorker("
# A batch takes seconds, and an actor some to start; after this it is looked whether any has found a processor at all.
_STALLED_SECONDS = 60.0
_LOOKS_EVERY_SECONDS = 1.0
_ENDS_WITHIN_SECONDS = 3.0
_RELEASE = Path(__file__).resolve().parents[2]

_logger = logging.getLogger(__name__)


@contextmanager
def embedding_on_ray(address: str | None, networks: Path | None) -> Iterator[EmbedElsewhere]:
    """Gives ``TrainingJob.elsewhere``, while this process is connected to the cluster at ``address``; see ``connect``.
    networks: where each machine keeps converted networks. At its end nothing of it runs in the cluster any more."""
    ray = installed()
    mine = not ray.is_initialized()
    with _signals_kept(), _core_muted():
        connect(address)
    try:
        with _quiet():
            yield lambda method: RayEmbedding(method, networks)
    finally:
        if mine:
            ray.shutdown()


class RayEmbedding:
    """``EmbedMissing`` by Ray Data: a pool of actors of one core each, as many as there are processors.

    A batch whose machine was lost is done again by another one: unless told otherwise, Ray Data starts lost actors anew
    as often as it has to, and gives them what they had.
    """

    def __init__(self, method: EmbeddingMethod, networks: Path | None) -> None:
        self._method, self._networks = method, networks

    def __call__(self, samples: Sequence[Sample], /) -> Iterator[EmbeddedBatch]:
        """Raises TrainingError when no processor is free, when a machine lacks what it needs, and when Ray fails."""
        from cluster.capacity import check_a_processor_is_free, free_processors

        free = free_processors()  # counted first: the check reserves one, which is free again a little after it
        check_a_processor_is_free()
        done = 0
        for answer in _Pipeline(self._dataset(samples, free)):
            if answer.refusal:
                raise TrainingError(answer.refusal)
            batch = answer.batch
            issues = tuple(self._issue(unlike.sample, unlike.reason) for unlike in answer.unlike)
            done += batch.done + len(issues)
            yield EmbeddedBatch(batch.faces, batch.issues + issues, batch.done + len(issues))
        if done != len(samples):
            raise TrainingError(
                f"the Ray cluster accounted for {done} of {len(samples)} photos; train again, what was embedded is "
                "remembered"
            )

    def _dataset(self, samples: Sequence[Sample], free: int) -> Any:
        """The answers as a data set; nothing runs yet. A block is one batch, which is handed out and lost by itself.
        free: with how many processors to begin."""
        import ray.data

        from cluster.capacity import processors
        from cluster.photo_worker import PHOTOS, PhotoWorker

        rows = [{PHOTOS: pickle.dumps(tuple(batch), pickle.HIGHEST_PROTOCOL)} for batch in batches(samples)]
        most = max(1, min(processors(), len(rows)))
        folder = Path(os.path.commonpath([sample.path.parent for sample in samples]))
        return ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            PhotoWorker,
            fn_constructor_args=(self._method, folder, self._networks),
            batch_size=1,
            batch_format="pyarrow",
            num_cpus=1,
            compute=ray.data.ActorPoolStrategy(min_size=1, initial_size=min(most, max(1, free)), max_size=most),
        )

    def _issue(self, sample: Sample, reason: str) -> DatasetIssue:
        """The issue of a photo that a machine has not found as it was scanned, when it is so here too."""
        try:
            changed = file_sha256(sample.path) != sample.sha256
        except OSError:
            here = decode(sample, self._method.limits)
            return here if isinstance(here, DatasetIssue) else not_used(sample, "it could not be read")
        if changed:
            return not_used(sample, "it was changed while the training ran; train again")
        raise TrainingError(
            f"{reason}; the photos must be on storage that every machine has mounted at the same place as here"
        )


class _Pipeline:
    """Iterates over the answers of a data set, as they come. A thread of its own waits for them, so that who iterates
    can be interrupted, and notices when nothing comes because no machine works."""

    def __init__(self, dataset: Any) -> None:
        self._dataset, self._executors = dataset, _executors_of(dataset)
        self._ended = threading.Event()
        self._come: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name="answers", daemon=True)

    def __iter__(self) -> Iterator[Any]:
        self._reader.start()
        heard = time.monotonic()
        try:
            while True:
                try:
                    item = self._come.get(timeout=_LOOKS_EVERY_SECONDS)
                except queue.Empty:
                    if time.monotonic() - heard > _STALLED_SECONDS:
                        _check_somebody_works()
                        heard = time.monotonic()
                    continue
                heard = time.monotonic()
                if item is None:
                    return
                if isinstance(item, BaseException):
                    raise _failure(item) from item
                yield item
        finally:
            self._ended.set()
            # A thread of Ray Data's that still asks while the connection ends can take the whole process with it.
            for executor in self._executors:
                executor.shutdown(force=True)
            self._reader.join(_ENDS_WITHIN_SECONDS)

    def _read(self) -> None:
        from cluster.photo_worker import ANSWER

        try:
            for table in self._dataset.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
                for row in table.column(ANSWER).to_pylist():
                    self._come.put(pickle.loads(row))
                if self._ended.is_set():
                    return
            self._come.put(None)
        except BaseException as error:  # it belongs to who iterates
            self._come.put(error)


def _executors_of(dataset: Any) -> list[Any]:
    """What will run ``dataset``, once it does. Ray Data itself lets go of it with the first answer only, and where no
    processor is free there is none."""
    found: list[Any] = []
    create = dataset._create_executor

    def noted() -> Any:
        found.append(create())
        return found[-1]

    dataset._create_executor = noted
    return found


def _check_somebody_works() -> None:
    from cluster.capacity import free_processors, none_is_free, states_of_my_actors

    if not states_of_my_actors(_ACTORS)["ALIVE"] and not free_processors():
        raise TrainingError(none_is_free())


def _failure(error: BaseException) -> TrainingError:
    """What Ray says in a page of traceback, in a sentence."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = lines[-1] if lines else type(error).__name__
    return TrainingError(
        f"the photos could not be embedded on the Ray cluster ({reason[:500]}). Every machine needs this release at "
        f"{_RELEASE} with the same packages; Ray's logs on them say more. What was embedded so far is remembered"
    )


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray would have SIGTERM end the process its own way, and not as the command has it."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


@contextmanager
def _core_muted() -> Iterator[None]:
    """Of what Ray's core would write to the terminal nothing helps whoever trains. The variable is read when it
    connects, and even then it writes straight to stderr that it has read it."""
    if "RAY_BACKEND_LOG_LEVEL" in os.environ:  # somebody wants to know more
        yield
        return
    os.environ["RAY_BACKEND_LOG_LEVEL"] = "fatal"
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
        del os.environ["RAY_BACKEND_LOG_LEVEL"]


@contextmanager
def _quiet() -> Iterator[None]:
    """Ray Data's own bars and remarks are not shown, as what goes wrong is raised; what Ray reports of lost
    machines is logged."""
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # Ray Data's own handler only: the logger may have others, which show what the rest of the program logs as well.
    shown = [handler for handler in logging.getLogger("ray.data").handlers if handler.name == "console"]
    levels = [handler.level for handler in shown]
    for handler in shown:
        handler.setLevel(logging.CRITICAL + 1)
    # Ray has no setting for these: they are printed whatever ``log_to_driver`` says
    worker: Any = importlib.import_module("ray._private.worker")
    printing, worker.print_to_stdstream = worker.print_to_stdstream, _log_report
    try:
        yield
    finally:
        worker.print_to_stdstream = printing
        for handler, level in zip(shown, levels, strict=True):
            handler.setLevel(level)


def _log_report(data: dict[str, Any], ignore_prefix: bool) -> None:
    for line in data["lines"]:
        _logger.info("Ray: %s", line)
