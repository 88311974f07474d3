"""Embeddings kept from one training to the next, so that only new images go through the networks.

One SQLite file. A row belongs to the bytes of one image file and to one way of turning bytes into an embedding: the
network, its weights, the crop recipe and the detector's settings. Change any of these and nothing old is found.

An embedding of a face is biometric data. The file is readable by its owner only; what is erased is overwritten, not
just unlinked; and a file that is damaged is deleted, not set aside, because nobody would ever erase from it again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from errors import TrainingError
from recognizer.durable_files import make_private_folder
from recognizer.types import EmbedderInfo, FloatArray
from training.conditions import CONDITIONS
from training.duplicates import THUMBNAIL_SIZE

FILE_NAME = "embeddings.sqlite3"
SCHEMA_VERSION = 2  # raised with every change to the table; a file of another version is built anew
WAYS = ("detected", "padded", "whole")

_LOCK_SECONDS = 30.0  # another training may be writing a batch
_CHUNK = 500  # names in one statement; SQLite's limit is 999 in old versions
# SQLITE_ERROR: our few fixed statements only fail that way on a file whose table is not what it was. Without a number
# comes Python's own finding that a text is not text.
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, None})
_TABLE = """
CREATE TABLE embedding (
    file_sha256 TEXT NOT NULL,
    method      TEXT NOT NULL,
    vector      BLOB NOT NULL,
    thumbnail   BLOB NOT NULL,
    how         TEXT NOT NULL,
    quality     REAL NOT NULL,
    checksum    INTEGER NOT NULL,
    PRIMARY KEY (file_sha256, method)
)
"""

logger = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class CachedFace:
    """What is kept of one image.

    embedding: (d,) float32, L2 norm 1. in_conditions: (c, d) float32, the same face in each of
    ``training.conditions.CONDITIONS``. thumbnail: (32, 32) uint8, the whole image in grey. how: where the face came
    from, one of ``WAYS``. quality: the detector's probability, 0..1, 0 for ``whole``.
    """

    embedding: FloatArray
    in_conditions: FloatArray
    thumbnail: NDArray[np.uint8]
    how: str
    quality: float

    def __post_init__(self) -> None:
        if self.embedding.ndim != 1 or self.embedding.dtype != np.float32:
            raise ValueError(f"expected (d,) float32, got {self.embedding.shape} {self.embedding.dtype}")
        if self.in_conditions.shape != (len(CONDITIONS), *self.embedding.shape):
            raise ValueError(f"expected a row for each of {len(CONDITIONS)} conditions, got {self.in_conditions.shape}")
        if self.thumbnail.shape != (THUMBNAIL_SIZE, THUMBNAIL_SIZE) or self.thumbnail.dtype != np.uint8:
            raise ValueError(f"expected a (32, 32) uint8 thumbnail, got {self.thumbnail.shape} {self.thumbnail.dtype}")
        if self.how not in WAYS:
            raise ValueError(f"expected one of {WAYS}, got {self.how!r}")


class EmbeddingCache:
    """The faces of ``folder``'s cache that were made by one method. For use by one thread.

    A cache that cannot be opened or written never stops a training: a warning is logged, ``usable`` turns False,
    nothing is found and nothing is kept.
    """

    def __init__(self, folder: Path, embedder: EmbedderInfo, detector_key: str) -> None:
        self.path = folder / FILE_NAME
        self.method = _method_key(embedder, detector_key)
        self._dimension = embedder.dimension
        self.usable = True
        try:
            make_private_folder(folder)
            with _opened(self.path):
                pass
        except sqlite3.Error as error:
            self._failed(error)
            self._attempt(lambda database: None)
        except OSError as error:
            self._give_up(error)

    def get_many(self, shas: Sequence[str]) -> dict[str, CachedFace]:
        """The faces that are kept for the file hashes ``shas``; those that are missing or damaged are left out."""
        return self._attempt(lambda database: self._read(database, shas)) or {}

    def put_many(self, faces: Mapping[str, CachedFace]) -> None:
        """Keep ``faces`` by file hash; all of them or, when the machine stops half-way, none."""
        rows = [
            (sha, self.method, vector, thumbnail, face.how, face.quality, _checksum(vector, thumbnail, face.how))
            for sha, face in faces.items()
            for vector, thumbnail in [(_vectors(face).astype("<f4").tobytes(), face.thumbnail.tobytes())]
        ]

        def write(database: sqlite3.Connection) -> None:
            with database:
                database.executemany("INSERT OR REPLACE INTO embedding VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

        self._attempt(write)

    def forget(self, shas: Iterable[str]) -> int:
        """``forget`` for this cache's folder."""
        return forget(self.path.parent, shas)

    def prune(self, keep_shas: Iterable[str]) -> int:
        """``prune`` for this cache's folder."""
        return prune(self.path.parent, keep_shas)

    def _read(self, database: sqlite3.Connection, shas: Sequence[str]) -> dict[str, CachedFace]:
        found = {}
        for chunk in _chunks(shas):
            rows = database.execute(
                "SELECT file_sha256, vector, thumbnail, how, quality, checksum FROM embedding "
                f"WHERE method = ? AND file_sha256 IN ({','.join('?' * len(chunk))})",
                [self.method, *chunk],
            )
            for sha, *columns in rows:
                face = _face(columns, self._dimension)
                if face:
                    found[sha] = face
        return found

    def _attempt(self, action: Callable[[sqlite3.Connection], T]) -> T | None:
        """``action`` on the open cache; once more on a new one when it proves damaged; None when that fails too."""
        for _ in range(2):
            if not self.usable:
                return None
            try:
                with _opened(self.path) as database:
                    return action(database)
            except sqlite3.Error as error:
                self._failed(error)
        return None

    def _failed(self, error: sqlite3.Error) -> None:
        if not _is_damage(error):
            self._give_up(error)
            return
        logger.warning("The embedding cache %s is damaged (%s); it is built anew.", self.path, error)
        try:
            _delete(self.path)
        except OSError as second:
            self._give_up(second)

    def _give_up(self, error: Exception) -> None:
        self.usable = False
        logger.warning(
            "The embedding cache %s cannot be used (%s); training goes on without it and embeds every image again.",
            self.path,
            error,
        )


def forget(folder: Path, shas: Iterable[str]) -> int:
    """Erase whatever the cache in ``folder`` keeps of the files with these hashes, by every embedder and detector; the
    number of rows erased. Their bytes are overwritten on disk as far as the file system writes in place.

    Raises TrainingError when they could not be erased: withdrawn consent must not fail in silence.
    """
    wanted = sorted(set(shas))

    def delete(database: sqlite3.Connection) -> int:
        return sum(
            database.execute(
                f"DELETE FROM embedding WHERE file_sha256 IN ({','.join('?' * len(chunk))})", chunk
            ).rowcount
            for chunk in _chunks(wanted)
        )

    return _erase(folder, delete)


def stored(folder: Path) -> set[str]:
    """The hashes of all files of which the cache in ``folder`` keeps anything; none when it cannot be read."""
    path = folder / FILE_NAME
    if not path.exists():
        return set()
    try:
        with _opened(path) as database:
            return {sha for (sha,) in database.execute("SELECT DISTINCT file_sha256 FROM embedding")}
    except sqlite3.Error:
        return set()


def prune(folder: Path, keep_shas: Iterable[str]) -> int:
    """Erase everything but what belongs to files with these hashes; otherwise as ``forget``."""
    kept = sorted(set(keep_shas))

    def delete(database: sqlite3.Connection) -> int:
        database.execute("CREATE TEMP TABLE kept (file_sha256 TEXT PRIMARY KEY)")
        database.executemany("INSERT INTO kept VALUES (?)", [(sha,) for sha in kept])
        return database.execute(
            "DELETE FROM embedding WHERE file_sha256 NOT IN (SELECT file_sha256 FROM kept)"
        ).rowcount

    return _erase(folder, delete)


def _erase(folder: Path, delete: Callable[[sqlite3.Connection], int]) -> int:
    path = folder / FILE_NAME
    try:
        if not path.exists():
            return 0
        with _opened(path) as database:
            with database:
                erased = delete(database)
            if erased:
                database.execute("VACUUM")  # overwritten pages are given back, and none keeps a stray copy
            return erased
    except sqlite3.Error as error:
        if _is_damage(error):
            # Whether the vectors are in there nobody can tell; without the file they are not.
            logger.warning("The embedding cache %s is damaged (%s); it is deleted.", path, error)
            _delete_or_raise(path)
            return 0
        raise TrainingError(_not_erased(path, error)) from error
    except OSError as error:
        raise TrainingError(_not_erased(path, error)) from error


def _delete_or_raise(path: Path) -> None:
    try:
        _delete(path)
    except OSError as error:
        raise TrainingError(_not_erased(path, error)) from error


def _not_erased(path: Path, error: Exception) -> str:
    return (
        f"stored face data in {path} could not be erased ({error}). Wait for a running training to end and try again, "
        "or delete that file: it only saves time."
    )


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """An open cache with its table, closed at the end.

    With a rollback journal and not WAL: a write-ahead log would keep copies of erased vectors as long as another
    process reads, and it does not work on network drives.
    """
    with closing(sqlite3.connect(path, timeout=_LOCK_SECONDS)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("PRAGMA secure_delete = ON")
        database.execute("PRAGMA temp_store = MEMORY")
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version != SCHEMA_VERSION:
            _create_table(database, path)
        yield database


def _create_table(database: sqlite3.Connection, path: Path) -> None:
    with database:
        database.execute("BEGIN IMMEDIATE")  # two trainings may start on an empty folder
        if database.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION:
            return
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        if tables:
            logger.warning("The embedding cache %s is of another version; it is built anew.", path)
        for name in tables:
            database.execute(f'DROP TABLE "{name}"')
        database.execute(_TABLE)
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    path.chmod(0o600)


def _delete(path: Path) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def _is_damage(error: sqlite3.Error) -> bool:
    # the low byte is the kind of error, the rest says where it was met
    code = getattr(error, "sqlite_errorcode", None)
    return (code if code is None else code & 0xFF) in _DAMAGE


def _method_key(embedder: EmbedderInfo, detector_key: str) -> str:
    parts = [embedder.id, embedder.weights_sha256, embedder.dimension, dict(embedder.crop_recipe), detector_key]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _face(columns: Sequence[Any], dimension: int) -> CachedFace | None:
    """The face in (vector, thumbnail, how, quality, checksum), or None when damage has changed any of them."""
    vector, thumbnail, how, quality, checksum = columns
    if not (isinstance(vector, bytes) and isinstance(thumbnail, bytes) and isinstance(how, str)):
        return None
    rows = 1 + len(CONDITIONS)
    if len(vector) != 4 * dimension * rows or not isinstance(quality, float):
        return None
    if checksum != _checksum(vector, thumbnail, how):
        return None
    grey = np.frombuffer(thumbnail, np.uint8).reshape(THUMBNAIL_SIZE, THUMBNAIL_SIZE).copy()
    vectors = np.frombuffer(vector, "<f4").astype(np.float32).reshape(rows, dimension)
    return CachedFace(vectors[0], vectors[1:], grey, how, quality)


def _vectors(face: CachedFace) -> FloatArray:
    """(1 + c, d): the face as it is, then in each condition."""
    return np.concatenate([face.embedding[None], face.in_conditions])


def _checksum(vector: bytes, thumbnail: bytes, how: str) -> int:
    return zlib.crc32(vector + thumbnail + how.encode())


def _chunks(shas: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(shas), _CHUNK):
        yield shas[start : start + _CHUNK]
