"""Is everything that the server keeps accounted for? ``python app.py check`` reports; with ``--repair`` it mends what
can be mended without deciding anything about a person's photos.

A photo that no row knows is adopted when its student consented. One of somebody who did not is never deleted without
being asked for by name: it may be the only copy of something that a form just has not been recorded for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from attendance import crops_kept, erasures, face_images, rosters, training_jobs
from attendance.actor import system_actor
from attendance.clock import Clock
from attendance.database import Database
from attendance.models import ErasureKind, FaceImageState
from errors import NotFoundError, SmartAttendanceError
from operations import review_crops
from operations.erasure import Eraser
from operations.face_files import file_sha256
from operations.face_keeping import FaceKeeper
from operations.places import Places
from operations.trainings import Trainings, TrainingSetup
from recognizer import durable_files, history
from recognizer.artifact import LABELS_FILE, MODEL_FILE
from recognizer.images import is_picture_file
from recognizer.reading import load_artifact
from student_ids import key_of, normalised
from training.dataset import SYSTEM_FILES, display_name, foreign

_logger = logging.getLogger(__name__)

Repair = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Finding:
    """code: stable, for programs. message: what was found, and what to do when it is not repaired."""

    code: str
    message: str
    repaired: bool = False


@dataclass(frozen=True, slots=True)
class _Found:
    finding: Finding
    repair: Repair | None = None


class Check:
    """One look at everything. For use beside a running server as well."""

    def __init__(
        self, database: Database, places: Places, clock: Clock, publish: Callable[[], object] | None = None
    ) -> None:
        """publish: as of ``Eraser``."""
        self._database, self._places, self._clock = database, places, clock
        self._files, self._keeper = places.files, FaceKeeper(database, places)
        self._eraser = Eraser(database, places, publish)

    def run(self, *, repair: bool = False) -> list[Finding]:
        """Everything that is not as it should be. repair: mend it where that is safe; what was mended is marked."""
        findings = []
        parts = (
            self._tables,
            self._forgotten_erasures,
            self._unfinished_images,
            self._erasures,
            self._trainings,
            self._rows_of_images,
            self._data_set,
            self._crops,
            self._models,
        )
        for part in parts:
            for found in part():
                findings.append(self._mended(found) if repair and found.repair else found.finding)
        return findings

    def erase(self, external_id: str) -> str:
        """Erase everything made of the face of a student who has not (or no longer) consented, or who is erased; what
        was done, a sentence. Raises ConfigurationError, ConflictError, NotFoundError."""
        now = self._clock.now()
        with self._database.writing() as db:
            try:
                erasure_id = erasures.order_without_consent(db, external_id, now)
            except NotFoundError:
                student_id = self._erased_students(external_id)
                if student_id is None:
                    raise
                erasure_id = erasures.order_of_erased(db, student_id, external_id, now)
        done = erasure_id in self._eraser.run_pending(now)
        return f"Erasure {erasure_id} is {'done' if done else 'not done yet; the server tries it again'}."

    def _mended(self, found: _Found) -> Finding:
        try:
            done = found.repair() if found.repair else False
        except (OSError, SmartAttendanceError) as error:
            return replace(found.finding, message=f"{found.finding.message} It could not be repaired: {error}")
        return replace(found.finding, repaired=done is not False)

    def _tables(self) -> Iterator[_Found]:
        for problem in self._database.integrity_problems():
            yield _Found(Finding("database_damaged", f"The database is damaged: {problem}. Restore it from a backup."))

    def _unfinished_images(self) -> Iterator[_Found]:
        with self._files.locked(self._database), self._database.reading() as db:
            images = face_images.unfinished(db)
        leftovers = self._files.leftovers()
        for image in images:
            what = "was being stored" if image.state is FaceImageState.PENDING else "was being deleted"
            message = f"Face image {image.id} of student {image.student_id} {what} when a process died."
            yield _Found(Finding("image_unfinished", message), self._settle)
        for path in leftovers:
            message = f"{self._shown(path)} was never finished by a process that died."
            yield _Found(Finding("leftover", message), self._settle)

    def _settle(self) -> bool:
        self._keeper.settle()
        with self._database.reading() as db:
            return not face_images.unfinished(db) and not self._files.leftovers()

    def _erasures(self) -> Iterator[_Found]:
        with self._database.reading() as db:
            orders = erasures.pending(db)
        for order in orders:
            message = f"Erasure {order.id} of student {order.student_id} is not done."
            yield _Found(Finding("erasure_pending", message), partial(self._erased, order.id))

    def _forgotten_erasures(self) -> Iterator[_Found]:
        try:
            forgotten = self._eraser.forgotten()
        except SmartAttendanceError as error:
            yield _Found(Finding("journal_damaged", f"{error}."))
            return
        for past, student_id in forgotten:
            message = (
                f"What was erased on {past.at:%Y-%m-%d} is back, of student {student_id}: the database was restored "
                "from a backup. Starting the server erases it again, as does --repair."
            )
            yield _Found(Finding("erasure_forgotten", message), self._repeat_forgotten)

    def _repeat_forgotten(self) -> bool:
        now = self._clock.now()
        self._eraser.repeat_forgotten(now)
        self._eraser.run_pending(now)
        return not self._eraser.forgotten()

    def _erased_students(self, external_id: str) -> int | None:
        """The row of the erased student who had ``external_id``; None when nobody is known to have been."""
        for noted in reversed(self._eraser.journal.read()):
            if noted.kind is ErasureKind.STUDENT and noted.is_of(external_id):
                return noted.student_id
        return None

    def _was_erased(self, external_id: str) -> bool:
        try:
            return self._erased_students(external_id) is not None
        except SmartAttendanceError:  # a finding of its own
            return False

    def _erased(self, erasure_id: int) -> bool:
        self._eraser.run_pending(self._clock.now())
        with self._database.reading() as db:
            return all(order.id != erasure_id for order in erasures.pending(db))

    def _trainings(self) -> Iterator[_Found]:
        setup = TrainingSetup(self._places.trainings, self._places.model_dir, (), {}, lambda: "", self._erase_now)
        trainings = Trainings(setup, self._database, self._clock)
        with self._database.reading() as db:
            job = training_jobs.active_job(db)
        if job is not None and not trainings.is_alive(job, self._clock.now()):
            message = f"Training {job.id} is under way by its row, but its process is gone."
            yield _Found(Finding("training_gone", message), lambda: trainings.reconcile(self._clock.now()) is not None)

    def _erase_now(self, now: datetime) -> None:
        self._eraser.run_pending(now)

    def _rows_of_images(self) -> Iterator[_Found]:
        with self._database.reading() as db:
            images = face_images.everything(db)
        for image in images:
            if image.state is not FaceImageState.STORED:
                continue
            sha256 = self._files.sha256(image.path)
            if sha256 is None:
                message = f"The file of face image {image.id} of student {image.student_id} is missing."
                yield _Found(Finding("image_without_file", message), partial(self._forget, image))
            elif sha256 != image.sha256:
                message = (
                    f"The file of face image {image.id} of student {image.student_id} is not the one that was stored. "
                    f"Look at {self._shown(self._files.path(image.path))}, and delete the image on the server if in "
                    "doubt."
                )
                yield _Found(Finding("image_changed", message))

    def _forget(self, image: face_images.KeptImage) -> bool:
        with self._files.locked(self._database):
            if self._files.sha256(image.path) is not None:  # it was on a disk that was not there for a moment
                return False
            return self._keeper.erase([image]) == 1

    def _data_set(self) -> Iterator[_Found]:
        root = self._files.root
        if not root.is_dir():
            return
        with self._database.reading() as db:
            folders, rows = face_images.folders(db), {_place(image.path) for image in face_images.everything(db)}
        first: dict[str, Path] = {}
        for folder in sorted(root.iterdir()):
            name, key = folder.name, key_of(folder.name)
            if not folder.is_dir():
                if not name.startswith(".") and name.lower() not in SYSTEM_FILES:
                    message = f"{self._shown(folder)} lies outside the students' folders; move or delete it."
                    yield _Found(Finding("loose_file", message))
            elif folder.is_symlink():
                yield _Found(Finding("link", f"{self._shown(folder)} is a link; replace it by a folder."))
            elif key not in folders and self._was_erased(name):
                message = (
                    f"The folder {self._shown(folder)} is of a student who was erased. Run: python app.py check "
                    f"--erase {name!r}"
                )
                yield _Found(Finding("folder_of_erased", message))
            elif key not in folders:
                message = (
                    f"The folder {self._shown(folder)} belongs to no student of the server; add the student, or delete "
                    "the folder."
                )
                yield _Found(Finding("folder_without_student", message))
            elif folders[key][1] is None:
                message = (
                    f"The folder {self._shown(folder)} holds {len(self._files.files_of(name))} files of a student who "
                    f"has not consented. Record the consent, or run: python app.py check --erase {name!r}"
                )
                yield _Found(Finding("folder_without_consent", message))
            else:
                yield from self._student_folder(folder, folders[key][0], rows)
            if folder.is_dir() and first.setdefault(key, folder) != folder:
                message = (
                    f"The folders {self._shown(first[key])} and {self._shown(folder)} are of one student: an id is the "
                    "same in upper and lower case. If they are two people's, give one of them another id; else move "
                    "the photos into one folder."
                )
                yield _Found(Finding("two_folders", message))

    def _student_folder(self, folder: Path, student_id: int, rows: set[tuple[str, str]]) -> Iterator[_Found]:
        for path in sorted(folder.iterdir()):
            relative = f"{folder.name}/{path.name}"
            if _place(relative) in rows or durable_files.is_temporary(path) or path.name.lower() in SYSTEM_FILES:
                continue
            if path.is_file() and not path.is_symlink() and is_picture_file(path):
                message = f"{self._shown(path)} is known to no row, so that it would be missing from exports."
                yield _Found(
                    Finding("image_without_row", message),
                    partial(self._adopt, student_id, path, relative),
                )
            else:
                yield _Found(
                    Finding("foreign_file", f"{self._shown(path)} is not used: {foreign(path)}. Move or delete it.")
                )

    def _adopt(self, student_id: int, path: Path, relative: str) -> bool:
        with self._files.locked(self._database):
            sha256 = file_sha256(path)
            if sha256 is None:
                return False
            with self._database.writing() as db:
                return (
                    face_images.adopt(db, system_actor(), student_id, relative, sha256, self._clock.now()) is not None
                )

    def _crops(self) -> Iterator[_Found]:
        folder = self._places.crops
        for path in review_crops.strays(self._database, folder):
            message = f"The crop {path.name} of a doubtful face is known to no row."
            yield _Found(Finding("crop_without_row", message), path.unlink)
        with self._database.reading() as db:
            known = crops_kept.all_paths(db)
        for missing in sorted(path for path in known if not (folder / path).is_file()):
            message = f"The crop {missing} of a doubtful face is missing."
            yield _Found(
                Finding("crop_without_file", message),
                partial(review_crops.delete, self._database, folder, [missing], self._clock.now()),
            )

    def _models(self) -> Iterator[_Found]:
        model_dir = self._places.model_dir
        if not model_dir.is_dir():
            return
        for folder in (model_dir, model_dir / history.HISTORY_FOLDER):
            for path in sorted(folder.iterdir()) if folder.is_dir() else ():
                if durable_files.is_temporary(path):
                    message = f"{path} was left by a training or an activation that was killed."
                    yield _Found(Finding("leftover", message), self._tidy_models)
        with self._database.reading() as db:
            withdrawn, students = set(map(key_of, rosters.without_consent(db))), set(face_images.folders(db))
        try:
            versions = history.list_versions(model_dir)
        except SmartAttendanceError as error:
            yield _Found(Finding("models_damaged", f"{error}"))
            return
        for version in versions:
            folder = model_dir / history.HISTORY_FOLDER / version.version
            if file_sha256(folder / MODEL_FILE) != version.sha256:
                message = (
                    f"Model {version.version} is damaged or was altered; it cannot be gone back to. Delete {folder}."
                )
                yield _Found(Finding("model_damaged", message))
            yield from self._withdrawn_in(folder, version.version, withdrawn, students)
        if (model_dir / MODEL_FILE).exists():
            try:
                load_artifact(model_dir / MODEL_FILE, signing_key=self._places.signing_key)
            except SmartAttendanceError as error:
                yield _Found(Finding("model_refused", f"The model in use cannot be loaded: {error}"))

    def _withdrawn_in(self, folder: Path, version: str, withdrawn: set[str], students: set[str]) -> Iterator[_Found]:
        """withdrawn, students: keys of their ids."""
        known = _labels(folder / LABELS_FILE)
        for name in sorted(name for name in known if key_of(name) not in students):
            if self._was_erased(name):
                message = f"Model {version} knows {name}, who was erased. Run: python app.py check --erase {name!r}"
                yield _Found(Finding("model_knows_erased", message))
        for name in sorted(name for name in known if key_of(name) in withdrawn):
            message = (
                f"Model {version} knows the student {name}, whose consent was withdrawn. Run: python app.py check "
                f"--erase {name!r}"
            )
            yield _Found(Finding("model_knows_withdrawn", message))

    def _tidy_models(self) -> bool:
        with history.writing(self._places.model_dir, 10.0):
            return True

    def _shown(self, path: Path) -> str:
        return display_name(self._files.root, path)


def _place(path: str) -> tuple[str, str]:
    """Where a photo lies, however the file system spells that: macOS gives names decomposed."""
    folder, _, name = path.partition("/")
    return key_of(folder), normalised(name)


def _labels(path: Path) -> list[str]:
    # here, as it imports scikit-learn
    from recognizer.legacy import read_labels

    try:
        return [str(name) for name in read_labels(path)]
    except (OSError, SmartAttendanceError):
        return []
