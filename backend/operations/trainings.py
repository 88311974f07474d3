"""Trainings started from the server: one at a time, each in a process of its own that outlives the server.

Any process of the server may look after a training: what is known of it is in its row and in its files, and each
step of ``look_after`` may be done twice. The one that started it does so in a thread; the others, and those that
start later, in a chore.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from attendance import training_jobs
from attendance.actor import Actor, system_actor
from attendance.clock import Clock
from attendance.database import Database
from attendance.models import TrainingJob, TrainingState
from attendance.training_jobs import Subject
from errors import BusyError, ConflictError, ModelError
from operations import training_process
from operations.training_files import Heard, TrainingFiles, tidy
from recognizer.history import list_versions

FOLDER = "trainings"

_LOOK_SECONDS = 0.25
_KILL_AFTER_SECONDS = 10.0
# A process imports for seconds before it holds its lock; on a machine that is busy with lessons, for longer.
_START_GRACE = timedelta(seconds=60)
# Who started the training acts on a cancellation at once; others only when that one does not.
_OTHERS_CANCEL_AFTER = timedelta(seconds=5)
_ANOTHER_MACHINE_AFTER = timedelta(days=1)
_WITHDRAWN = (
    "a student who was being trained on has withdrawn their consent or was set inactive; start the training again"
)

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainingSetup:
    """command: of the training command, without options. environment: of its process. embedder: gives the one that the
    server uses. erase: run after erasures were ordered, with the time it is."""

    folder: Path
    model_dir: Path
    command: Sequence[str]
    environment: Mapping[str, str]
    embedder: Callable[[], str]
    erase: Callable[[datetime], object] = lambda now: None


class Trainings:
    """Thread-safe. ``close`` ends the looking, not the training."""

    def __init__(self, setup: TrainingSetup, database: Database, clock: Clock) -> None:
        self._setup, self._database, self._clock = setup, database, clock
        self._host = socket.gethostname()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._watched: dict[int, threading.Thread] = {}
        self._asked_to_end: dict[int, float] = {}  # by job, in monotonic seconds
        self._known: tuple[int, list[Subject]] = (0, [])  # of the job that was looked at last

    def start(self, actor: Actor, options: Mapping[str, Any], now: datetime) -> TrainingJob:
        """Start a training of everybody who consented. options: of the command, by their names with underscores.

        Raises ConflictError (``training_running``, ``too_few_students``), BusyError when no process can be started."""
        with self._database.writing() as db:
            subjects = training_jobs.subjects(db)
            if len(subjects) < 2:
                raise ConflictError(
                    f"{len(subjects)} students have consented to be recognised; a model needs at least 2 to tell apart",
                    code="too_few_students",
                )
            job = training_jobs.create(db, actor, options, self._host, now)
        files = self._files(job.id)
        try:
            files.prepare((subject.external_id for subject in subjects), [asdict(subject) for subject in subjects])
            process = training_process.start(self._command(job), self._setup.environment, files.log)
        except OSError as error:
            _logger.exception("training %d could not be started", job.id)
            self._finish(job.id, TrainingState.FAILED, now, problem="the training's process could not be started")
            files.clear()
            raise BusyError(
                "the training could not be started; the log of the server says why", retry_after=60
            ) from error
        with self._database.writing() as db:
            job = training_jobs.started(db, job.id, process.pid, now)
        watcher = threading.Thread(target=self._watch, args=(job.id, process), name=f"training-{job.id}", daemon=True)
        with self._lock:
            self._watched[job.id] = watcher
        watcher.start()
        return job

    def cancel(self, actor: Actor, job_id: int, now: datetime) -> TrainingJob:
        """Ask for the training's end, which comes within seconds. Raises NotFoundError, ConflictError."""
        with self._database.writing() as db:
            return training_jobs.request_cancel(db, actor, job_id, now)

    def log(self, job_id: int, offset: int) -> tuple[str, int]:
        """(text, offset of what comes next) of the training's log; see ``TrainingFiles.read_log``."""
        return self._files(job_id).read_log(offset)

    def reconcile(self, now: datetime) -> list[str]:
        """Look after a training that nobody in this process looks after, and remove what dead ones left. What was
        found and done, a sentence each."""
        said = []
        with self._database.reading() as db:
            job = training_jobs.active_job(db)
        if job is not None and job.id not in self._watched:
            over = self.look_after(job, now)
            said.append(f"Training {job.id} is over: {over}." if over else f"Training {job.id} is running.")
        said += tidy(self._setup.folder, None if job is None else job.id, now)
        return said

    def look_after(self, job: TrainingJob, now: datetime, process: subprocess.Popen[bytes] | None = None) -> str | None:
        """One step: note how far the training is, end it when asked to, note how it ended. process: where this process
        started it. How it ended, or None while it goes on."""
        files = self._files(job.id)
        # whether it lives is asked first: what it says last, it says while it lives
        lives = process.poll() is None if process is not None else self._lives(job, files, now)
        heard = files.hear()
        if not lives:
            return self._note_end(job, heard, files, now, None if process is None else process.returncode)
        if heard.stage and (heard.stage, heard.progress) != (job.stage, job.progress):
            with self._database.writing() as db:
                if job.state is TrainingState.QUEUED:  # the server died between starting it and writing that down
                    training_jobs.started(db, job.id, heard.pid, now)
                training_jobs.proceed(db, job.id, heard.stage, heard.progress)
        self._end_if_asked(job, heard, files, now, process)
        return None

    def is_alive(self, job: TrainingJob, now: datetime) -> bool:
        """Whether the process of a training that is queued or running is there, or may still come to be."""
        return self._lives(job, self._files(job.id), now)

    def is_watching(self) -> bool:
        """Whether this process looks after a training that it started."""
        with self._lock:
            return bool(self._watched)

    def close(self) -> None:
        """Stop looking. A training that runs goes on; the next server finds it."""
        self._stop.set()
        with self._lock:
            watchers = list(self._watched.values())
        for watcher in watchers:
            watcher.join()

    def _watch(self, job_id: int, process: subprocess.Popen[bytes]) -> None:
        while not self._stop.is_set():
            try:
                with self._database.reading() as db:
                    job = training_jobs.require_job(db, job_id)
                if self.look_after(job, self._clock.now(), process):
                    break
            except Exception as error:
                if not self._database.away(error):
                    _logger.exception("looking after training %d failed; it is tried again", job_id)
            self._stop.wait(_LOOK_SECONDS)
        with self._lock:
            self._watched.pop(job_id, None)
            self._asked_to_end.pop(job_id, None)

    def _lives(self, job: TrainingJob, files: TrainingFiles, now: datetime) -> bool:
        if files.is_locked():
            return True
        heard = files.hear()
        if heard.is_last or heard.pid is not None:
            return False  # it had its lock and let go of it
        since = now - (job.started_at or job.created_at)
        if job.host != self._host and not files.lock.exists():
            return since < _ANOTHER_MACHINE_AFTER
        # it has not come to its lock yet, or never will; of another machine's process nothing can be told here
        is_gone = job.host == self._host and training_process.is_gone(job.pid)
        return since < _START_GRACE and not is_gone

    def _end_if_asked(
        self,
        job: TrainingJob,
        heard: Heard,
        files: TrainingFiles,
        now: datetime,
        process: subprocess.Popen[bytes] | None,
    ) -> None:
        if job.cancel_requested_at is None:
            with self._database.reading() as db:
                may_go_on = training_jobs.may_go_on(db, self._subjects(files))
            if may_go_on:
                return
            with self._database.writing() as db:
                training_jobs.request_cancel(db, system_actor(), job.id, now, _WITHDRAWN)
        elif process is None and now - job.cancel_requested_at < _OTHERS_CANCEL_AFTER:
            return
        if process is None and job.host != self._host:
            return  # on this machine its number is of another process
        # who has said its number holds the lock, so that the number is nobody else's
        pid = process.pid if process is not None else heard.pid
        if pid is None:
            return
        asked = self._asked_to_end.get(job.id)
        if asked is None:
            self._asked_to_end[job.id] = time.monotonic()
            training_process.end(pid)
        elif time.monotonic() - asked >= _KILL_AFTER_SECONDS:
            training_process.end(pid, at_once=True)

    def _note_end(self, job: TrainingJob, heard: Heard, files: TrainingFiles, now: datetime, status: int | None) -> str:
        state, version, problem = self._outcome(job, heard, status)
        noted = self._finish(job.id, state, now, version, problem, self._subjects(files))
        files.clear()
        if noted:
            self._setup.erase(now)
        return f"{state}" + (f" ({problem})" if problem else "")

    def _outcome(
        self, job: TrainingJob, heard: Heard, status: int | None
    ) -> tuple[TrainingState, str | None, str | None]:
        if heard.version is not None and (heard.stage == "done" or self._is_published(heard.version)):
            return TrainingState.SUCCEEDED, heard.version, None
        if job.cancel_requested_at is not None:
            return TrainingState.CANCELLED, None, job.problem
        if heard.stage == "failed":
            return TrainingState.FAILED, None, heard.message
        if heard.stage == "interrupted":
            return TrainingState.FAILED, None, "the training was interrupted from outside the server; start it again"
        how = "" if status is None else f" (exit status {status})"
        where = f" while at {heard.stage}" if heard.stage else " before it began"
        return TrainingState.FAILED, None, f"the training's process ended{where}{how}; its log may say why"

    def _is_published(self, version: str) -> bool:
        """Whether the model that was about to be published is the one in use: it was killed after that."""
        try:
            return any(stored.version == version and stored.active for stored in list_versions(self._setup.model_dir))
        except ModelError:
            return False

    def _finish(
        self,
        job_id: int,
        state: TrainingState,
        now: datetime,
        version: str | None = None,
        problem: str | None = None,
        trained: Sequence[Subject] = (),
    ) -> bool:
        with self._database.writing() as db:
            noted = training_jobs.finish(
                db, job_id, state, now, model_version=version, problem=problem, trained=trained
            )
        self._known = (0, [])
        if noted:
            # why it failed is in its row and its own log, which an erasure finds: it may name a student
            _logger.info("training %d: %s", job_id, state)
        return noted

    def _command(self, job: TrainingJob) -> list[str]:
        files, options = self._files(job.id), []
        for name, value in sorted(job.options.items()):
            options += [f"--{name.replace('_', '-')}", str(value)]
        return [
            *self._setup.command,
            *options,
            *("--embedder", self._setup.embedder()),
            *("--only", os.fspath(files.listed)),
            *("--progress", os.fspath(files.progress)),
        ]

    def _subjects(self, files: TrainingFiles) -> list[Subject]:
        """Who is trained on. Read once: of a large school it is a large file, and it does not change."""
        job_id, known = self._known
        if job_id != files.job_id or not known:
            known = [
                Subject(item["student_id"], item["external_id"], item["consent_id"], tuple(item["shas"]))
                for item in files.read_subjects()
            ]
            self._known = files.job_id, known
        return known

    def _files(self, job_id: int) -> TrainingFiles:
        return TrainingFiles(self._setup.folder, job_id)
