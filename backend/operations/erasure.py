"""Erasing everything that was made of a student's face: files, crops, remembered embeddings, models, logs.

An erasure is a list of steps, each tried by itself. Each may be done twice, and is done again after an error or a crash
until all are done in one go; what was done, and what could not be, is the evidence. From the moment the erasure was
ordered nobody is told whose face it is, whatever the models still know.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import filelock

from attendance import crops_kept, erasures, face_images
from attendance.database import Database
from attendance.erasures import Order, Past
from errors import BusyError, ConflictError
from operations import models, review_crops
from operations.erasure_journal import ErasureJournal
from operations.face_files import file_sha256, logged, told
from operations.face_keeping import FaceKeeper
from operations.places import Places
from recognizer.erased_student import ErasedStudent
from recognizer.erasing import erase_student
from training import cache

_LOCK_SECONDS = 20.0  # somebody may be waiting for the answer
_MODELS_LOCK_SECONDS = 60.0

Step = Callable[[Order, datetime, dict[str, Any]], None]
"""Does one step of an erasure. Told the time, and where to note what was found; raises when anything is left."""

_logger = logging.getLogger(__name__)


class Eraser:
    """Thread-safe, and safe in several processes, on several machines: one works at a time."""

    def __init__(self, database: Database, places: Places, publish: Callable[[], object] | None = None) -> None:
        """publish: makes other machines have no models but those that are left, and raises where it cannot."""
        self._database, self._places, self._publish = database, places, publish
        self._faces = FaceKeeper(database, places)
        self.journal = ErasureJournal(places.erasure_journal)

    def forgotten(self) -> Sequence[tuple[Past, int]]:
        """Erasures that the database, restored from a backup, knows nothing of, each with the id of the student whom it
        brought back. Raises ConfigurationError."""
        past = self.journal.read()
        if not past:
            return []
        with self._database.reading() as db:
            return erasures.forgotten(db, past)

    def repeat_forgotten(self, now: datetime) -> list[int]:
        """Order them again; the ids of the orders. Raises ConfigurationError."""
        orders = []
        for past, student_id in self.forgotten():
            with self._database.writing() as db:
                order_id = erasures.order_again(db, past, student_id, now)
            if order_id is not None:
                orders.append(order_id)
        if orders:
            _logger.warning(
                "the database was restored from a backup that knew nothing of %d erasures; they are done again",
                len(orders),
            )
        return orders

    def run_pending(self, now: datetime) -> list[int]:
        """Do every erasure that is not done; the ids of those that are now. One that cannot be done says why in its
        row, and is tried again by the next call. Nothing is done while another process is at it for long."""
        done = []
        with self._alone() as alone:
            if not alone:
                _logger.info("another process is erasing; it goes on")
                return []
            with self._database.reading() as db:
                orders = erasures.pending(db)
            for order in orders:
                try:
                    if self._run(order, now):
                        done.append(order.id)
                except Exception as error:  # the database is away; the next erasure may find it back
                    _logger.error("erasure %d could not be gone on with: %s", order.id, logged(error))
        return done

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Whether no other process is erasing, on this machine or another."""
        lock = filelock.FileLock(self._places.erasure_lock, timeout=_LOCK_SECONDS)
        try:
            lock.acquire()
        except OSError as error:  # a timeout is one, too
            if not isinstance(error, filelock.Timeout):
                _logger.error("%s cannot be locked: %s", self._places.erasure_lock, told(error))
            yield False
            return
        try:
            with self._database.alone("erasures", _LOCK_SECONDS) as alone:
                yield alone
        finally:
            lock.release()

    def _run(self, order: Order, now: datetime) -> bool:
        """Try every step, each by itself: what one raises is noted with it and keeps none of the others back."""
        steps: dict[str, Step] = {
            "journal": self._journal,
            "face_images": self._face_images,
            "embeddings": self._embeddings,
            "review_crops": self._review_crops,
            "models": self._models,
            "logs": self._logs,
        }
        if self._publish is not None:
            steps["model_store"] = self._model_store
        problems = [problem for name, step in steps.items() if (problem := self._try(order, name, step, now))]
        if not problems:
            # the last trace, without which nothing of the above can be found any more
            with self._database.writing() as db:
                erasures.forget_whose(db, order.id)
        if problem := self._try(order, "database", self._database_log, now):
            problems.append(problem)
        with self._database.writing() as db:
            if problems:
                erasures.fail(db, order.id, "; ".join(problems))
                return False
            return erasures.complete(db, order.id, now)

    def _try(self, order: Order, name: str, step: Step, now: datetime) -> str | None:
        """One step; why it could not do all of its work, None when it did."""
        found: dict[str, Any] = {}
        problem = None
        try:
            step(order, now, found)
        except Exception as error:
            problem = told(error)
            _logger.error("erasure %d: %s not erased yet: %s", order.id, name, logged(error))
        with self._database.writing() as db:
            erasures.note_step(db, order.id, name, found, problem)
        return None if problem is None else f"{name}: {problem}"

    def _journal(self, order: Order, now: datetime, found: dict[str, Any]) -> None:
        if order.external_id is not None:
            self.journal.note(order.external_id, order.kind, order.student_id, order.requested_at)

    def _face_images(self, order: Order, now: datetime, found: dict[str, Any]) -> None:
        """Every file of the student, whoever put it there, then the rows of those that are gone."""
        files = self._faces.files
        found |= {"files": 0, "rows": 0}
        errors: list[Exception] = []  # raised when everything else is gone
        with files.locked(self._database):
            with self._database.reading() as db:
                images = face_images.of_student(db, order.student_id)
            if order.external_id is not None:
                shas = {file_sha256(path) for path in files.files_of(order.external_id)} - {None}
                # before the files go: afterwards we could no longer tell whose photo it was
                with self._database.writing() as db:
                    erasures.note_shas(db, order.id, {*map(str, shas), *(image.sha256 for image in images)})
                try:
                    found["files"] += files.remove_all_of(order.external_id)
                except OSError as error:
                    errors.append(error)
            gone = []
            for image in images:
                try:
                    there = files.sha256(image.path) is not None
                    files.remove(image.path)
                    found["files"] += there
                    gone.append(image.id)
                except (OSError, ConflictError) as error:
                    errors.append(error)
            with self._database.writing() as db:
                found["rows"] += face_images.forget(db, gone)
        if errors:
            raise errors[0]

    def _embeddings(self, order: Order, now: datetime, found: dict[str, Any]) -> None:
        with self._database.writing() as db:
            shas = erasures.note_shas(db, order.id, set())
        found["rows"] = cache.forget(self._places.embeddings, shas)
        # of photos that somebody deleted before; whose they were nobody knows
        found["rows"] += self._faces.forget_strays()

    def _review_crops(self, order: Order, now: datetime, found: dict[str, Any]) -> None:
        folder = self._places.crops
        with self._database.reading() as db:
            paths = crops_kept.paths_of_student(db, order.student_id)
        found["files"] = review_crops.delete(self._database, folder, paths, now)
        # a crash may have left one whose row is gone
        found["files"] += review_crops.delete_strays(self._database, folder)
        if any((folder / path).exists() for path in paths) or review_crops.strays(self._database, folder):
            raise OSError("crops of doubtful faces could not be deleted")
        with self._database.writing() as db:
            found["items"] = erasures.clean_reviews(db, order.student_id)

    def _models(self, order: Order, now: datetime, found: dict[str, Any]) -> None:
        if order.external_id is None:
            return
        # here, as scikit-learn takes a second to import
        from training.fitting import fit_scaler_and_classifier

        with models.changing(self._database, _MODELS_LOCK_SECONDS):
            done = erase_student(
                self._places.model_dir, order.external_id, self._places.signing_key, fit=fit_scaler_and_classifier
            )
        found["rewritten"], found["removed"] = dict(done.rewritten), dict(done.removed)
        found["not_fitted_anew"], found["in_use"] = dict(done.not_fitted_anew), done.in_use
        if done.failed:
            raise done.failed[0]

    def _model_store(self, order: Order, now: datetime, found: dict[str, Any]) -> None:
        if self._publish is not None:
            self._publish()

    def _logs(self, order: Order, now: datetime, found: dict[str, Any]) -> None:
        if order.external_id is None:
            return
        student = ErasedStudent(order.external_id)
        errors: list[Exception] = []
        found["lines"] = 0
        for folder, pattern in ((self._places.model_dir, "training.log*"), (self._places.trainings, "*.log")):
            for path in sorted(folder.glob(pattern)) if folder.is_dir() else ():
                try:
                    found["lines"] += _without_lines(path, student.is_named)
                except OSError as error:
                    errors.append(error)
        with self._database.writing() as db:
            found["trainings"] = erasures.clean_trainings(db, student.is_named)
        if errors:
            raise errors[0]

    def _database_log(self, order: Order, now: datetime, found: dict[str, Any]) -> None:
        if not self._database.empty_log():
            raise BusyError("somebody is reading the database, whose log still has what was overwritten", code="busy")


def _without_lines(path: Path, named: Callable[[str], bool]) -> int:
    """Take the lines out of a log that name the student; how many. In place: a training may be writing to it."""
    with path.open("r+b") as file:
        lines = file.read().splitlines(keepends=True)
        kept = [line for line in lines if not named(line.decode("utf-8", "replace"))]
        if len(kept) == len(lines):
            return 0
        file.seek(0)
        file.write(b"".join(kept))
        file.truncate()
    return len(lines) - len(kept)
