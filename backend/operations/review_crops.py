"""The files of crops of doubtful faces: cut, written, read, deleted.

A file's row is committed before the file is written. Whoever writes a file looks at its row again afterwards, and
whoever deletes one looks for the file again after the row is gone: of a crop that is written while it is being erased
nothing stays. What a crash between the two leaves behind, ``delete_strays`` finds.
"""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from PIL import Image

from attendance import crops_kept, erasures, review
from attendance.actor import Actor
from attendance.database import Database
from attendance.frames_taken import with_consent
from attendance.observation import Crop
from errors import NotFoundError
from recognizer.durable_files import make_private_folder
from recognizer.types import BoundingBox, RecognitionResult, RGBImage

FOLDER = "review"
# Enough for a person to recognise somebody, and no more of them than that.
LONGEST_SIDE = 256  # pixels
_PADDING = 0.3  # of the box, on each side: hair and ears help people
_QUALITY = 85
_ROWS_AT_ONCE = 200

_logger = logging.getLogger(__name__)


def folder_of(data_dir: Path) -> Path:
    return data_dir / FOLDER


def cut(image: RGBImage, box: BoundingBox) -> bytes:
    """The face in ``box`` with some of what is around it, as JPEG."""
    height, width = image.shape[:2]
    x1, x2 = _span(box.x1, box.x2, width)
    y1, y2 = _span(box.y1, box.y2, height)
    crop = Image.fromarray(image[y1:y2, x1:x2])
    crop.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    buffer = io.BytesIO()
    crop.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def write(
    database: Database, folder: Path, image: RGBImage, result: RecognitionResult, crops: Sequence[Crop], now: datetime
) -> None:
    """Write the files of ``crops``, whose rows are committed. A disk that is full costs the picture, not the mark."""
    for crop in crops:
        box = result.faces[crop.face_index].face.box
        # the result is told in pixels of the picture that was sent, which may have been shrunk
        data = cut(image, box.times(image.shape[1] / result.image_size[0], image.shape[0] / result.image_size[1]))
        try:
            make_private_folder(folder)
            # readable by nobody else from its first byte on, and never in the place of another
            handle = os.open(folder / crop.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
        except OSError as error:
            _logger.error("the crop of a doubtful face could not be written: %s", error.strerror or error)
        _look_again(database, folder, crop.path, now)


def _look_again(database: Database, folder: Path, path: str, now: datetime) -> None:
    """Delete a crop that was written while its student's erasure ran, before or after the erasure read its row."""
    with database.reading() as db:
        candidates = crops_kept.candidate_ids(db, path)
        erased = set() if candidates is None else candidates - with_consent(db, candidates)
    if candidates is None or erased:
        delete(database, folder, [path], now)
    for student_id in erased:
        with database.writing() as db:
            erasures.clean_reviews(db, student_id)


def read(database: Database, folder: Path, actor: Actor, item_id: int, now: datetime) -> bytes:
    """The crop of an open review item, JPEG. Raises NotFoundError when it is no longer kept."""
    with database.reading() as db:
        path = review.crop_path(db, actor, item_id, now)
    try:
        return (folder / path).read_bytes()
    except OSError as error:
        raise NotFoundError("the crop of this face is no longer there", code="no_crop") from error


def delete_due(database: Database, folder: Path, now: datetime) -> int:
    """Delete the crops that must be gone by ``now``, and those that no row knows; how many."""
    with database.reading() as db:
        paths = crops_kept.due_paths(db, now)
    return delete(database, folder, paths, now) + delete_strays(database, folder)


def strays(database: Database, folder: Path) -> list[Path]:
    """The files in the folder of crops that no row knows."""
    # the files first: a crop's row is there before its file
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    with database.reading() as db:
        known = crops_kept.all_paths(db) if there else frozenset()
    return [path for path in there if path.name not in known]


def delete_strays(database: Database, folder: Path) -> int:
    """Delete the crops that no row knows; how many."""
    return sum(map(_unlink, strays(database, folder)))


def delete(database: Database, folder: Path, paths: Sequence[str], now: datetime) -> int:
    """Delete these crops, first the files, then what the rows say of them; how many. One that cannot be deleted now
    keeps its row, and is tried again."""
    gone = [path for path in paths if _unlink(folder / path)]
    count = 0
    for start in range(0, len(gone), _ROWS_AT_ONCE):
        with database.writing() as db:
            count += crops_kept.forget(db, gone[start : start + _ROWS_AT_ONCE], now)
    for path in gone:  # written meanwhile, by who saw the row
        _unlink(folder / path)
    return count


def _unlink(path: Path) -> bool:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        _logger.error("a crop could not be deleted, it is tried again: %s", error.strerror or error)
        return False
    return True


def _span(low: float, high: float, limit: int) -> tuple[int, int]:
    padding = _PADDING * (high - low)
    start = min(max(int(low - padding), 0), limit - 1)
    return start, max(min(int(high + padding), limit), start + 1)
