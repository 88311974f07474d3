"""Face images that are kept: read, deleted, and, after a crash, brought to the end that somebody had begun."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from attendance import face_images
from attendance.actor import Actor
from attendance.database import Database
from attendance.face_images import KeptImage
from attendance.models import FaceImageState
from errors import ConflictError, NotFoundError
from operations.face_files import told
from operations.places import Places
from training import cache

_logger = logging.getLogger(__name__)


class FaceKeeper:
    """Thread-safe."""

    def __init__(self, database: Database, places: Places) -> None:
        self._database, self._places, self.files = database, places, places.files

    def read(self, actor: Actor, image_id: int) -> bytes:
        """The stored image, JPEG. Raises NotFoundError."""
        with self._database.reading() as db:
            path = face_images.require_image(db, actor, image_id).path
        try:
            return self.files.read(path)
        except OSError as error:
            _logger.error("the face image %d has no file; python app.py check says more", image_id)
            raise NotFoundError("the file of this face image is missing", code="no_file") from error

    def remove(self, actor: Actor, image_id: int, now: datetime) -> None:
        """Delete an image and what was remembered of it. A model that was trained on it is not changed by that."""
        with self._database.writing() as db:
            image = face_images.begin_removal(db, actor, image_id, now)
        with self.files.locked(self._database):
            self.erase([image])

    def erase(self, images: Sequence[KeptImage]) -> int:
        """Delete the files of ``images``, what was remembered of them, then their rows; how many. For one who holds the
        lock on the files. What cannot be deleted keeps its row, is logged and tried again by ``settle``."""
        gone = []
        for image in images:
            try:
                self.files.remove(image.path)
            except (OSError, ConflictError) as error:
                _logger.error("the face image %d could not be deleted, it is tried again: %s", image.id, told(error))
            else:
                gone.append(image)
        if gone:
            cache.forget(self._places.embeddings, [image.sha256 for image in gone])
            with self._database.writing() as db:
                face_images.forget(db, [image.id for image in gone])
        return len(gone)

    def forget_strays(self) -> int:
        """Erase remembered embeddings of photos that are not there any more: somebody deleted the file by hand, or a
        training remembered it while it was being erased. How many."""
        strays = cache.stored(self._places.embeddings)
        if strays:
            with self._database.reading() as db:
                strays -= face_images.hashes(db)
        if strays:
            strays -= self.files.all_sha256()
        return cache.forget(self._places.embeddings, strays) if strays else 0

    def settle(self) -> dict[str, int]:
        """Bring to its end what a process that died had begun: ``completed`` images whose file is whole, ``given_up``
        those without, ``deleted`` those that were to go, and ``leftovers``, files that were never finished."""
        counts = {"completed": 0, "given_up": 0, "deleted": 0, "leftovers": 0}
        with self.files.locked(self._database):
            with self._database.reading() as db:
                images = face_images.unfinished(db)
            for image in images:
                if image.state is FaceImageState.ERASING:
                    counts["deleted"] += self.erase([image])
                elif self.files.sha256(image.path) == image.sha256:
                    with self._database.writing() as db:
                        counts["completed"] += face_images.finish(db, image.id)
                else:
                    counts["given_up"] += self.erase([image])
            for path in self.files.leftovers():
                path.unlink(missing_ok=True)
                counts["leftovers"] += 1
        return {what: count for what, count in counts.items() if count}
