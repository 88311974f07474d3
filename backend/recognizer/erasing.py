"""Taking a student out of every model: the one in use and all of the history.

The student's place in the gallery goes, the rows among the embeddings, and what was written about them in the report of
the training. Scaler and classifier are fitted anew on the embeddings of the others that lie beside the model; where
there are none (somebody took them away), the classifier loses the student's row, and the rest of it stays as it was.
What remains is published as a new version. A model that cannot lose a student (of two students, of an old format, of
another kind, damaged) is removed whole, also when it is the one in use: then there is none until the next training.

Embeddings beside a model that are damaged, or are not those it was trained on, are deleted: nobody can tell whose they
are. A version that cannot be dealt with now keeps none of the others from being rewritten.

What makes it safe to kill at any point: the new version is complete, listed and, where the old one was in use, in its
place before anything of the old one goes; a run that finds both goes on from there.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from errors import ModelError, SmartAttendanceError
from recognizer import durable_files, history, version_files
from recognizer.artifact import LABELS_FILE, MODEL_FILE, ClassifierArtifact, encode
from recognizer.erased_student import ERASED_FROM, ErasedStudent, Fit, belong, fitted_on_others, without_student
from recognizer.manifest import ManifestEntry, sha256_of, sign, verify, write_manifest
from recognizer.reading import artifact_from_bytes

# What lies beside a model and names nobody (pictures of scores of all students together), and what can be mended.
# Anything else is left behind with the old version.
_NAMELESS = ("score_histogram.png", "det_curve.png")
_EMBEDDINGS, _STUDENTS = "X.npy", "y.npy"
_METADATA, _SUMMARY = "training_metadata.json", "training_summary.txt"
_KNOWN_FILES = frozenset(
    {*_NAMELESS, _EMBEDDINGS, _STUDENTS, _METADATA, _SUMMARY, LABELS_FILE, "look_alikes.png", "images_per_student.png"}
)
_REVISION = re.compile(r"(.+)-e(\d{1,6})")

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelErasure:
    """rewritten: old version -> the one in its place. removed: version -> why it could not be rewritten. in_use: the
    version in use afterwards, None when there is none. not_fitted_anew: new version -> why its scaler and classifier
    still are those that the student's photos helped to form. failed: what kept versions from being dealt with now; the
    next run tries them again."""

    rewritten: Mapping[str, str] = field(default_factory=dict)
    removed: Mapping[str, str] = field(default_factory=dict)
    in_use: str | None = None
    not_fitted_anew: Mapping[str, str] = field(default_factory=dict)
    failed: tuple[Exception, ...] = ()


def erase_student(
    model_dir: Path,
    student_id: str,
    signing_key: bytes | None = None,
    *,
    fit: Fit | None = None,
    lock_timeout: float = 60.0,
) -> ModelErasure:
    """Take ``student_id`` out of every model of ``model_dir``; nothing happens to those that do not know them. fit: how
    training fits; without it nothing is fitted anew.

    Raises ModelError when another run holds the folder or it cannot be written; what was done until then stays, and
    the next run does the rest.
    """
    if not model_dir.is_dir():
        return ModelErasure()
    with history.writing(model_dir, lock_timeout):
        return _Erasing(model_dir, ErasedStudent(student_id), signing_key, fit).run()


class _Erasing:
    """One run, under the lock of the folder."""

    def __init__(self, model_dir: Path, student: ErasedStudent, signing_key: bytes | None, fit: Fit | None) -> None:
        self._dir, self._student, self._key, self._fit = model_dir, student, signing_key, fit
        self._history = model_dir / history.HISTORY_FOLDER
        self._entries = history.known_entries(model_dir)
        self._rewritten: dict[str, str] = {}
        self._removed: dict[str, str] = {}
        self._not_fitted_anew: dict[str, str] = {}

    def run(self) -> ModelErasure:
        write_manifest(self._dir, self._entries)  # what was found without an entry must stay loadable meanwhile
        failed: list[Exception] = []
        for folder in sorted(self._history.iterdir()):
            if folder.is_dir() and not durable_files.is_temporary(folder):
                try:
                    self._version(folder)
                except Exception as error:
                    failed.append(error)
        self._stray_model()
        in_use = self._tidy()
        return ModelErasure(self._rewritten, self._removed, in_use, self._not_fitted_anew, tuple(failed))

    def _version(self, folder: Path) -> None:
        try:
            data = (folder / MODEL_FILE).read_bytes()
            artifact, _ = artifact_from_bytes(data, folder / MODEL_FILE)
            entry = self._entries.get(sha256_of(data))
            if entry is None or entry.model_version != folder.name:
                raise ModelError("not the file that was published")
        except FileNotFoundError:
            self._remove(folder, "there is no model in it")
            return
        except SmartAttendanceError as error:
            # whether the student is in there nobody can tell
            _logger.warning("model %s cannot be read and is removed: %s", folder.name, error)
            self._remove(folder, "it is damaged, so nobody can tell whom it knows")
            return
        self._drop_strange_embeddings(folder, artifact)
        if not self._knows(folder, artifact):
            return
        made = self._made_before(folder) or self._rewrite(folder, artifact, entry)
        if made is None:
            self._remove(folder, "it cannot lose a student")
            return
        if history.active_sha256(self._dir) == sha256_of(data):
            new_sha256 = sha256_of((made / MODEL_FILE).read_bytes())
            self._entries = history.bring_into_use(self._dir, made, self._entries, new_sha256)
        self._drop(folder)
        self._rewritten[folder.name] = made.name

    def _drop_strange_embeddings(self, folder: Path, artifact: ClassifierArtifact) -> None:
        """Delete embeddings of which nobody can tell whose they are: one flipped bit gives a row to somebody else."""
        paths = [folder / name for name in (_EMBEDDINGS, _STUDENTS) if (folder / name).exists()]
        if not paths or artifact.gallery is None:
            return
        if not belong(artifact, version_files.array(folder / _EMBEDDINGS), version_files.names(folder / _STUDENTS)):
            for path in paths:
                path.unlink()
            _logger.warning("the embeddings beside model %s are not its own; they are deleted", folder.name)

    def _knows(self, folder: Path, artifact: ClassifierArtifact) -> bool:
        named = [name for file in (LABELS_FILE, _STUDENTS) for name in version_files.names(folder / file)]
        known = (*artifact.classes, *named)
        if any(map(self._student.is_class, known)) or self._student.is_in(artifact.metadata):
            return True
        described = version_files.json_object(folder / _METADATA)
        # the summary names nobody whom the report does not
        if described is None:
            return self._student.is_named(version_files.text(folder / _SUMMARY))
        return self._student.is_in(described)

    def _made_before(self, folder: Path) -> Path | None:
        """The version that an earlier run made of this one before it was killed."""
        for other in sorted(self._history.iterdir()):
            if not other.name.startswith(_stem(folder.name)) or other == folder:
                continue
            try:
                data = (other / MODEL_FILE).read_bytes()
                artifact, _ = artifact_from_bytes(data, other / MODEL_FILE)
            except (OSError, SmartAttendanceError):
                continue
            if artifact.metadata.get(ERASED_FROM) != folder.name or self._knows(other, artifact):
                continue
            # listed, and signed as the old one was: one that was killed before that is made again
            listed, before = self._entries.get(sha256_of(data)), self._entry_of(folder)
            if listed and before and (listed.hmac is None) == (before.hmac is None):
                return other
            self._drop(other)
        return None

    def _entry_of(self, folder: Path) -> ManifestEntry | None:
        return next((entry for entry in self._entries.values() if entry.model_version == folder.name), None)

    def _rewrite(self, folder: Path, artifact: ClassifierArtifact, entry: ManifestEntry) -> Path | None:
        name = self._next_name(folder.name)
        fitted = self._fitted(folder, artifact)
        changed = without_student(artifact, self._student, name, fitted)
        if changed is None:
            return None
        if fitted is None and len(changed.classes) < len(artifact.classes):
            self._not_fitted_anew[name] = "the embeddings that it was trained on are not beside it"
        data = encode(changed)
        made = self._history / name
        history.store(made, {**self._files(folder, changed, name), MODEL_FILE: data})
        sha256 = sha256_of(data)
        self._entries[sha256] = ManifestEntry(name, len(data), entry.created_at, self._signature(sha256, name, folder))
        write_manifest(self._dir, self._entries)
        return made

    def _fitted(self, folder: Path, artifact: ClassifierArtifact) -> tuple[Any, Any] | None:
        embeddings = version_files.array(folder / _EMBEDDINGS)
        if self._fit is None or embeddings is None:
            return None
        return fitted_on_others(artifact, self._student, embeddings, version_files.names(folder / _STUDENTS), self._fit)

    def _signature(self, sha256: str, name: str, old: Path) -> str | None:
        """Signed exactly when the old one was, by this key: erasing must not vouch for what nobody vouched for."""
        entry = self._entry_of(old)
        if self._key is None or entry is None:
            return None
        old_sha = next(key for key, value in self._entries.items() if value is entry)
        try:
            verify(entry, old_sha, self._key)
        except SmartAttendanceError:
            return None
        return sign(sha256, name, self._key)

    def _next_name(self, version: str) -> str:
        number = 1
        while (self._history / f"{_stem(version)}-e{number}").exists():
            number += 1
        return f"{_stem(version)}-e{number}"

    def _files(self, folder: Path, artifact: ClassifierArtifact, version: str) -> dict[str, bytes]:
        """What goes with the new version."""
        files = {LABELS_FILE: history.labels_file(artifact)}
        for name in _NAMELESS:
            if (folder / name).is_file():
                files[name] = (folder / name).read_bytes()
        files |= self._arrays(folder)
        described = self._described(folder, artifact)
        if described is not None:
            files[_METADATA] = described
        if (folder / _SUMMARY).is_file():
            text = (
                "SmartAttendance: training summary\n\n"
                f"{version} was made of an earlier version by erasing a student from it. It knows the other students\n"
                "as before. What was measured in training is in training_metadata.json, less what was about that "
                "student.\n"
            )
            files[_SUMMARY] = text.encode()
        return files

    def _arrays(self, folder: Path) -> dict[str, bytes]:
        names = version_files.names(folder / _STUDENTS)
        embeddings = version_files.array(folder / _EMBEDDINGS)
        if embeddings is None or embeddings.ndim != 2 or len(names) != len(embeddings):
            return {}
        kept = np.array([not self._student.is_class(name) for name in names], dtype=bool)
        return {
            _EMBEDDINGS: version_files.as_npy(embeddings[kept]),
            _STUDENTS: version_files.as_npy(np.array(names, dtype=np.str_)[kept]),
        }

    def _described(self, folder: Path, artifact: ClassifierArtifact) -> bytes | None:
        content = version_files.json_object(folder / _METADATA)
        if content is None:
            return None
        content = {**self._student.taken_out_of(content), **_changed(artifact.metadata)}
        return (json.dumps(content, sort_keys=True, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "replace")

    def _remove(self, folder: Path, reason: str) -> None:
        """Remove a version whole, from its place as the one in use first."""
        active = history.active_sha256(self._dir)
        if active is not None and active == version_files.sha256(folder / MODEL_FILE):
            (self._dir / MODEL_FILE).unlink()
            durable_files.sync_folder(self._dir)
        self._drop(folder)
        self._removed[folder.name] = reason

    def _drop(self, folder: Path) -> None:
        """Remove the folder in one step, then its entry; an entry whose folder is gone is dropped by the next run."""
        going = durable_files.temporary_beside(folder)
        durable_files.replace(folder, going)
        durable_files.sync_folder(self._history)
        durable_files.remove(going)
        if going.exists():
            raise ModelError(f"{going} could not be deleted; correct its permissions, it is tried again")
        active = history.active_sha256(self._dir)
        self._entries = {
            sha256: entry
            for sha256, entry in self._entries.items()
            if entry.model_version != folder.name or sha256 == active
        }
        write_manifest(self._dir, self._entries)

    def _stray_model(self) -> None:
        """A model file in use that the history does not have: somebody put it there, or it is damaged."""
        active = history.active_sha256(self._dir)
        kept = {version_files.sha256(path) for path in self._history.glob(f"*/{MODEL_FILE}")}
        if active is None or active in kept:
            return
        path = self._dir / MODEL_FILE
        try:
            artifact, _ = artifact_from_bytes(path.read_bytes(), path)
            known = any(map(self._student.is_class, artifact.classes)) or self._student.is_in(artifact.metadata)
        except SmartAttendanceError:
            known = True
        if known:
            path.unlink()
            self._removed[f"unlisted-{active[:12]}"] = "it was in use without being in the history"
            self._entries.pop(active, None)
            write_manifest(self._dir, self._entries)

    def _tidy(self) -> str | None:
        """What lies beside the model in use is what belongs to it; the version in use."""
        active = history.active_sha256(self._dir)
        entry = None if active is None else self._entries.get(active)
        folder = None if entry is None else self._history / entry.model_version
        for name in _KNOWN_FILES:
            path = self._dir / name
            if path.is_file() and (folder is None or not (folder / name).is_file()):
                path.unlink()
        if (
            folder is not None
            and folder.is_dir()
            and any(
                path.is_file() and version_files.sha256(path) != version_files.sha256(self._dir / path.name)
                for path in folder.iterdir()
            )
        ):
            history.put_in_use(self._dir, folder)
        return None if entry is None else entry.model_version


def _changed(metadata: Mapping[str, Any]) -> dict[str, Any]:
    names = ("model_version", ERASED_FROM, "students")
    return {name: metadata[name] for name in names if name in metadata}


def _stem(version: str) -> str:
    match = _REVISION.fullmatch(version)
    return match[1] if match else version
