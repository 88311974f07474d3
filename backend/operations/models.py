"""The model in use, its earlier versions, and going back to one."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attendance import audit, model_versions
from attendance.actor import Actor
from attendance.database import Database
from errors import (
    BusyError,
    ConflictError,
    EmbedderMismatchError,
    ModelError,
    NotFoundError,
    SmartAttendanceError,
)
from operations.recognition import Recognizer
from recognizer import history
from recognizer.artifact import MODEL_FILE, ClassifierArtifact, check_model_version
from recognizer.loader import LoaderStatus
from recognizer.manifest import read_manifest
from recognizer.reading import load_artifact

METADATA_FILE = "training_metadata.json"
# Pictures and texts; arrays hold faces' embeddings, which nobody needs to see.
FILE_TYPES = {".png": "image/png", ".txt": "text/plain; charset=utf-8"}

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}\.(?:png|txt)")
# Of all that a training measures, what is about everybody together.
_SUMMARY = (
    "rank1", "tpir", "misnamed", "review", "stranger_fpir", "left_out_fpir", "strangers", "named_within_five",
    "in_conditions",
)  # fmt: skip
_DATASET = ("photos_by_face", "photos_held_out", "stranger_photos", "issue_counts")
_LOCK_SECONDS = 10.0  # somebody waits for the answer


@dataclass(frozen=True, slots=True)
class Version:
    """A model in the history. in_use_since: when this server first used it, None when it never did. active: whether
    its file is the one that recognition reads."""

    version: str
    created_at: str
    sha256: str
    size: int
    active: bool
    in_use_since: datetime | None
    student_count: int | None
    embedder: str | None
    metrics: Mapping[str, Any]
    thresholds: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Activation:
    """in_use: whether this process recognises with it already; other processes follow at their next look."""

    version: str
    in_use: bool


@contextmanager
def changing(database: Database, wait_seconds: float) -> Iterator[None]:
    """Put models to use, or out of it, while no other machine does; processes of one machine also wait for one another
    at the folder. Raises BusyError after ``wait_seconds``."""
    with database.alone("models", wait_seconds) as alone:
        if not alone:
            raise BusyError(
                "another server is changing which model is in use; try again in a moment",
                retry_after=5,
                code="models_busy",
            )
        yield


class Models:
    """Thread-safe."""

    def __init__(self, model_dir: Path, signing_key: bytes | None, recognizer: Recognizer, database: Database) -> None:
        self._dir, self._signing_key = model_dir, signing_key
        self._recognizer, self._database = recognizer, database

    def status(self) -> LoaderStatus:
        """The model this process recognises with, and why a newer file is not in use."""
        return self._recognizer.model_status()

    def versions(self) -> list[Version]:
        """The models of the history, the newest first, with what was measured of those that this server has used.
        Raises ModelIntegrityError when the manifest is damaged."""
        stored = history.list_versions(self._dir)
        with self._database.reading() as db:
            seen = model_versions.seen(db)
        answer = []
        for item in stored:
            row = seen.get(item.version)
            known = row if row is not None and row.sha256 == item.sha256 else None
            answer.append(
                Version(
                    version=item.version,
                    created_at=item.created_at,
                    sha256=item.sha256,
                    size=item.size,
                    active=item.active,
                    in_use_since=known.first_used_at if known else None,
                    student_count=known.student_count if known else None,
                    embedder=known.embedder if known else None,
                    metrics=known.metrics if known else {},
                    thresholds=known.thresholds if known else {},
                )
            )
        return answer

    def activate(self, actor: Actor, version: str, now: datetime) -> Activation:
        """Make ``version`` the model in use. One that this server cannot use is not left in use: the one before is.

        Raises NotFoundError, ConflictError (``no_consent``: somebody in it has withdrawn theirs), ModelError when its
        file is damaged or the folder is being written to, BusyError when another machine is writing to it.
        """
        with changing(self._database, _LOCK_SECONDS):
            activation = self._activate(actor, version, now)
        self.note(now)
        return activation

    def _activate(self, actor: Actor, version: str, now: datetime) -> Activation:
        artifact = self._artifact(self._folder(version))
        with self._database.reading() as db:
            withdrawn = model_versions.without_consent(db, list(map(str, artifact.classes)))
        if withdrawn:
            raise ConflictError(
                f"{len(withdrawn)} students in this model have no consent any more (students "
                f"{', '.join(map(str, withdrawn[:5]))}{', ...' if len(withdrawn) > 5 else ''}); train a new model",
                code="no_consent",
            )
        before = next((item.version for item in history.list_versions(self._dir) if item.active), None)
        stored = history.activate(self._dir, version, self._signing_key, lock_timeout=_LOCK_SECONDS)
        status = self._recognizer.reload()
        if status.refused is not None and status.refused_sha256 == stored.sha256:
            if before is not None and before != version:
                history.activate(self._dir, before, self._signing_key, lock_timeout=_LOCK_SECONDS)
                self._recognizer.reload()
            kind = EmbedderMismatchError if status.refused_code == EmbedderMismatchError.code else ModelError
            raise kind(f"model {version} cannot be used here: {status.refused}")
        with self._database.writing() as db:
            audit.record(db, actor, "model.activate", "model", version, now, before=before)
        return Activation(version, status.current is not None and status.current.sha256 == stored.sha256)

    def report(self, version: str) -> Mapping[str, Any]:
        """What was measured when ``version`` was trained, about everybody together. Raises NotFoundError."""
        folder = self._folder(version)
        try:
            content = json.loads((folder / METADATA_FILE).read_bytes())
        except (OSError, ValueError) as error:
            raise NotFoundError(f"model {version} came without a report", code="no_report") from error
        if not isinstance(content, dict):
            raise NotFoundError(f"the report of model {version} is damaged", code="no_report")
        metrics, dataset = content.get("metrics"), content.get("dataset")
        return {
            "version": version,
            "created_at": content.get("created_at"),
            "config": _finite(content.get("config")),
            "seed": content.get("seed"),
            "estimated": bool(_chosen(content.get("profile_origin"), ("estimated",)).get("estimated")),
            "thresholds": _finite(content.get("thresholds")),
            "metrics": _chosen(metrics, _SUMMARY),
            "dataset": _chosen(dataset, _DATASET),
            "seconds": _finite(content.get("seconds")),
            "files": sorted(path.name for path in folder.iterdir() if _FILE_NAME.fullmatch(path.name)),
        }

    def file(self, version: str, name: str) -> tuple[bytes, str]:
        """(content, media type) of a picture or text that came with ``version``. Raises NotFoundError."""
        folder = self._folder(version)
        if not _FILE_NAME.fullmatch(name):
            raise NotFoundError(f"there is no file {name!r:.80} with this model; its report lists them")
        try:
            return (folder / name).read_bytes(), FILE_TYPES[Path(name).suffix]
        except OSError as error:
            raise NotFoundError(f"there is no file {name} with this model; its report lists them") from error

    def note(self, now: datetime) -> None:
        """Keep the model in use in the database, with its metrics and thresholds, unless it is known."""
        current = self._recognizer.model_status().current
        if current is None:
            return
        with self._database.reading() as db:
            if model_versions.is_noted(db, current.model_version, current.sha256, current.generation):
                return
        seen = model_versions.Seen(
            version=current.model_version,
            sha256=current.sha256,
            trained_at=_moment(current.created_at),
            student_count=current.student_count,
            embedder=None if current.embedder is None else current.embedder.id,
            metrics=_chosen(current.metrics, _SUMMARY),
            thresholds=self._thresholds(current.sha256),
            generation=current.generation,
        )
        # of two processes that have another one each, the second sees what the first has noted
        with self._database.alone("model in use", _LOCK_SECONDS) as alone:
            if alone:  # else the next look notes it
                with self._database.writing() as db:
                    model_versions.note(db, seen, now)

    def _thresholds(self, sha256: str) -> dict[str, Any]:
        """Of the model file with this hash; empty when it is no longer there."""
        try:
            for path in (self._dir / MODEL_FILE, *self._named(sha256)):
                artifact, info = load_artifact(path)
                if info.sha256 == sha256:
                    return {"accept": artifact.threshold, "review": artifact.review_threshold}
        except SmartAttendanceError:
            return {}
        return {}

    def _named(self, sha256: str) -> list[Path]:
        entry = (read_manifest(self._dir) or {}).get(sha256)
        return [] if entry is None else [self._dir / history.HISTORY_FOLDER / entry.model_version / MODEL_FILE]

    def _folder(self, version: str) -> Path:
        try:
            folder = self._dir / history.HISTORY_FOLDER / check_model_version(version)
        except ModelError as error:
            raise NotFoundError("there is no model of this version; GET /api/v1/model/versions lists them") from error
        if not (folder / MODEL_FILE).is_file():
            raise NotFoundError(f"there is no model {version}; GET /api/v1/model/versions lists them")
        return folder

    def _artifact(self, folder: Path) -> ClassifierArtifact:
        # the signature is checked when it is activated, by the manifest, which is not in this folder
        artifact, _ = load_artifact(folder / MODEL_FILE)
        return artifact


def _chosen(content: object, names: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(content, Mapping):
        return {}
    return {name: _finite(content[name]) for name in names if name in content}


def _finite(value: Any) -> Any:
    """``value`` as JSON and every database take it: null where a number is none."""
    if isinstance(value, Mapping):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
