"""Erasing everything that was made of a student's face: files, crops, remembered embeddings, models, logs.

Each step may be done twice, and is done again after a crash until all are done; what was done is the evidence. From the
moment the erasure was ordered nobody is told whose face it is, whatever the models still know.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import filelock

from attendance import crops_kept, erasures, face_images
from attendance.database import Database
from attendance.erasures import Order, Past
from errors import SmartAttendanceError
from operations import models, review_crops
from operations.erasure_journal import ErasureJournal
from operations.face_files import file_sha256, told
from operations.places import Places
from recognizer.erased_student import ErasedStudent
from recognizer.erasing import erase_student
from training import cache

_LOCK_SECONDS = 20.0  # somebody may be waiting for the answer
_MODELS_LOCK_SECONDS = 60.0

_logger = logging.getLogger(__name__)


class Eraser:
    """Thread-safe, and safe in several processes, on several machines: one works at a time."""

    def __init__(self, database: Database, places: Places, publish: Callable[[], object] | None = None) -> None:
        """publish: makes other machines have no models but those that are left, and raises where it cannot."""
        self._database, self._places, self._publish = database, places, publish
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
        with self._alone() as alone:
            if not alone:
                _logger.info("another process is erasing; it goes on")
                return []
            with self._database.reading() as db:
                orders = erasures.pending(db)
            return [order.id for order in orders if self._run(order, now)]

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Whether no other process is erasing, on this machine or another."""
        lock = filelock.FileLock(self._places.erasure_lock, timeout=_LOCK_SECONDS)
        try:
            lock.acquire()
        except filelock.Timeout:
            yield False
            return
        try:
            with self._database.alone("erasures", _LOCK_SECONDS) as alone:
                yield alone
        finally:
            lock.release()

    def _run(self, order: Order, now: datetime) -> bool:
        problems = []
        if order.external_id is not None:
            try:
                self.journal.note(order.external_id, order.kind, order.student_id, order.requested_at)
            except (OSError, SmartAttendanceError) as error:  # erasing is not to wait for it
                _logger.error("erasure %d: not written down beside the database: %s", order.id, told(error))
                problems.append(f"journal: {told(error)}")
        steps: Mapping[str, Callable[[Order, datetime], Mapping[str, Any]]] = {
            "face_images": self._face_images,
            "embeddings": self._embeddings,
            "review_crops": self._review_crops,
            "models": self._models,
            "logs": self._logs,
        }
        if self._publish is not None:
            steps = {**steps, "model_store": self._model_store}
        for name, step in steps.items():
            try:
                found = step(order, now)
            except (OSError, SmartAttendanceError) as error:
                _logger.error("erasure %d: %s not erased yet: %s", order.id, name, told(error))
                problems.append(f"{name}: {told(error)}")
                continue
            with self._database.writing() as db:
                erasures.note_step(db, order.id, name, found)
        with self._database.writing() as db:
            if problems:
                erasures.fail(db, order.id, "; ".join(problems))
                return False
            return erasures.complete(db, order.id, now)

    def _face_images(self, order: Order, now: datetime) -> Mapping[str, Any]:
        """Every file of the student, whoever put it there, then the rows."""
        files, count = self._places.files, 0
        with files.locked(self._database):
            with self._database.reading() as db:
                images = face_images.of_student(db, order.student_id)
            if order.external_id is not None:
                shas = {file_sha256(path) for path in files.files_in(order.external_id)} - {None}
                # before the files go: of whose bytes they were nobody could tell afterwards
                with self._database.writing() as db:
                    erasures.note_shas(db, order.id, {*map(str, shas), *(image.sha256 for image in images)})
                count += files.remove_folder(order.external_id)
            for image in images:
                if files.sha256(image.path) is not None:
                    count += 1
                files.remove(image.path)
            with self._database.writing() as db:
                rows = face_images.forget(db, [image.id for image in images])
        return {"files": count, "rows": rows}

    def _embeddings(self, order: Order, now: datetime) -> Mapping[str, Any]:
        with self._database.writing() as db:
            shas = erasures.note_shas(db, order.id, set())
        return {"rows": cache.forget(self._places.embeddings, shas)}

    def _review_crops(self, order: Order, now: datetime) -> Mapping[str, Any]:
        with self._database.reading() as db:
            paths = crops_kept.paths_of_student(db, order.student_id)
        deleted = review_crops.delete(self._database, self._places.crops, paths, now)
        with self._database.reading() as db:
            if crops_kept.paths_of_student(db, order.student_id):
                raise OSError("crops of doubtful faces could not be deleted")
        with self._database.writing() as db:
            return {"files": deleted, "items": erasures.clean_reviews(db, order.student_id)}

    def _models(self, order: Order, now: datetime) -> Mapping[str, Any]:
        if order.external_id is None:
            return {}
        # here, as scikit-learn takes a second to import
        from training.fitting import fit_scaler_and_classifier

        with models.changing(self._database, _MODELS_LOCK_SECONDS):
            done = erase_student(
                self._places.model_dir, order.external_id, self._places.signing_key, fit=fit_scaler_and_classifier
            )
        return {
            "rewritten": dict(done.rewritten),
            "removed": dict(done.removed),
            "not_fitted_anew": dict(done.not_fitted_anew),
            "in_use": done.in_use,
        }

    def _model_store(self, order: Order, now: datetime) -> Mapping[str, Any]:
        if self._publish is not None:
            self._publish()
        return {}

    def _logs(self, order: Order, now: datetime) -> Mapping[str, Any]:
        if order.external_id is None:
            return {}
        student = ErasedStudent(order.external_id)
        lines = 0
        for folder, pattern in ((self._places.model_dir, "training.log*"), (self._places.trainings, "*.log")):
            for path in sorted(folder.glob(pattern)) if folder.is_dir() else ():
                lines += _without_lines(path, student.is_named)
        with self._database.writing() as db:
            return {"lines": lines, "trainings": erasures.clean_trainings(db, student.is_named)}


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
