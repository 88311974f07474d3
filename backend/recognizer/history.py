"""Publishing a model, keeping every earlier one, and going back to it. Nothing is ever half there.

The order of steps is what makes a publication safe to kill at any point:

1. The complete set of files goes into ``history/.<version>.tmp-<random>/``, each brought to the disk, and the
   folder is renamed to ``history/<version>/``. Killed here, a hidden folder is left, removed by the next run.
2. ``MANIFEST.json`` is replaced by one that lists the new file as well, as the newest. The model in use stays listed:
   killed here, it still loads.
3. Activation. Copies of the version's files are written under temporary names beside the old ones; when all
   are on the disk they are renamed into place, ``face_classifier_v1.pkl`` last. It is self-contained and the
   only file a loader reads, so that this one rename *is* the activation. The other files are for analysis;
   killed among them, some describe the new version while the old one is still in use, until the next run.

Going back to an earlier version is step 3 alone, and a manifest that calls that version the newest. A lock file keeps
two runs apart.

A model file of an old version that lies there before the first publication is taken into the history first,
with its labels, so that it stays loadable throughout and can be gone back to.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import filelock
import numpy as np

from errors import ModelError, ModelIntegrityError, ModelNotFoundError, SmartAttendanceError
from recognizer import durable_files
from recognizer.artifact import LABELS_FILE, MODEL_FILE, ClassifierArtifact, check_model_version, decode, encode
from recognizer.manifest import (
    MANIFEST_FILE,
    ManifestEntry,
    put_to_use,
    read_manifest,
    sha256_of,
    sign,
    verify,
    write_manifest,
)

HISTORY_FOLDER = "history"
LOCK_FILE = ".publish.lock"

# What belongs to a model and is kept with it; a log goes on from one training to the next.
_KEPT_SUFFIXES = frozenset({".pkl", ".npy", ".npz", ".json", ".txt", ".csv", ".png", ".svg", ".html"})

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A version in the history. created_at: ISO 8601 UTC. size: bytes of its model file. active: in use."""

    version: str
    created_at: str
    sha256: str
    size: int
    active: bool


def publish(
    output_dir: Path,
    artifact: ClassifierArtifact,
    extra_files: Mapping[str, bytes],
    signing_key: bytes | None = None,
    *,
    lock_timeout: float = 60.0,
    check: Callable[[], object] = lambda: None,
) -> StoredVersion:
    """Write ``artifact`` with ``extra_files`` (name -> content) as a new version and make it the one in use.

    ``label_encoder_classes.npy`` is written from the artifact unless it is among ``extra_files``. lock_timeout:
    seconds to wait for another run in the same folder. check: called while nobody else publishes or erases, right
    before anything is written; what it raises keeps the model from being published. Raises ModelFormatError when the
    artifact is incomplete, ModelError when the folder is locked or cannot be written; then the model that was in use
    still is.
    """
    version = check_model_version(artifact.model_version)
    model_bytes = encode(artifact)
    files = {LABELS_FILE: labels_file(artifact), **extra_files, MODEL_FILE: model_bytes}
    for name in extra_files:
        _check_name(name)
    _check_readable(model_bytes)
    sha256 = sha256_of(model_bytes)
    with writing(output_dir, lock_timeout):
        check()
        entries = known_entries(output_dir)
        folder = output_dir / HISTORY_FOLDER / version
        if folder.exists():
            raise ModelError(f"model version {version} exists already in {folder.parent}; train again for a new one")
        try:
            store(folder, files)
            entries[sha256] = ManifestEntry(
                model_version=version,
                size=len(model_bytes),
                created_at=str(artifact.metadata["created_at"]),
                hmac=None if signing_key is None else sign(sha256, version, signing_key),
            )
            bring_into_use(output_dir, folder, entries, sha256)
        except BaseException:
            # Not when the last rename was done and only the tidying up behind it failed.
            if active_sha256(output_dir) != sha256:
                durable_files.remove(folder)
            raise
    _logger.info("published model %s in %s", version, output_dir)
    return StoredVersion(version, entries[sha256].created_at, sha256, len(model_bytes), active=True)


def activate(
    output_dir: Path, version: str, signing_key: bytes | None = None, *, lock_timeout: float = 60.0
) -> StoredVersion:
    """Make ``version`` of the history the model in use, by one atomic replace.

    Raises ModelNotFoundError when there is no such version, ModelIntegrityError when its file is not the one that
    was published, ModelError when the folder is locked or cannot be written; then the model in use is unchanged.
    """
    folder = output_dir / HISTORY_FOLDER / check_model_version(version)
    if not (folder / MODEL_FILE).is_file():
        known = ", ".join(stored.version for stored in list_versions(output_dir)) or "none"
        raise ModelNotFoundError(f"there is no model version {version} in {folder.parent}; there are: {known}")
    with writing(output_dir, lock_timeout):
        entries = read_manifest(output_dir)
        if entries is None:
            entries = known_entries(output_dir)
        sha256 = sha256_of((folder / MODEL_FILE).read_bytes())
        entry = entries.get(sha256)
        if entry is None or entry.model_version != version:
            raise ModelIntegrityError(
                f"{folder / MODEL_FILE} is not the file that was published as {version}: it is damaged or was altered. "
                "Activate another version or train again"
            )
        if signing_key is not None:
            verify(entry, sha256, signing_key)
        bring_into_use(output_dir, folder, entries, sha256)
    _logger.info("activated model %s in %s", version, output_dir)
    return StoredVersion(version, entry.created_at, sha256, entry.size, active=True)


def list_versions(output_dir: Path) -> tuple[StoredVersion, ...]:
    """The versions in the history, newest first; an empty tuple when there is none. Where the manifest was lost, they
    are those that activating one would list in a new manifest. Raises ModelIntegrityError when it is damaged."""
    active, entries = active_sha256(output_dir), read_manifest(output_dir)
    if entries is None:
        entries = _unlisted(output_dir / HISTORY_FOLDER, set())
    stored = [
        StoredVersion(entry.model_version, entry.created_at, sha256, entry.size, sha256 == active)
        for sha256, entry in entries.items()
        if (output_dir / HISTORY_FOLDER / entry.model_version / MODEL_FILE).is_file()
    ]
    return tuple(sorted(stored, key=lambda item: (item.created_at, item.version), reverse=True))


def archived_labels(model_path: Path, sha256: str) -> Path | None:
    """The labels that were taken into the history with the old model file of hash ``sha256``, if it was."""
    path = model_path.parent / HISTORY_FOLDER / _legacy_version(sha256) / LABELS_FILE
    return path if path.is_file() else None


@contextmanager
def writing(output_dir: Path, timeout: float) -> Iterator[None]:
    """Hold the folder's lock and clear up after dead runs; OSErrors come out as a ModelError that says what to do."""
    try:
        durable_files.make_private_folder(output_dir / HISTORY_FOLDER)
        # The operating system lets go of this lock when its holder dies, so none can be stale.
        with filelock.FileLock(output_dir / LOCK_FILE, timeout=timeout):
            durable_files.remove_leftovers(output_dir)
            durable_files.remove_leftovers(output_dir / HISTORY_FOLDER)
            yield
    except filelock.Timeout as error:
        raise ModelError(
            f"another training or activation is writing to {output_dir}; wait until it is done, then try again"
        ) from error
    except OSError as error:
        raise ModelError(
            f"the model could not be written to {output_dir}: {error.strerror or error}. The model that was in use "
            "is unchanged. Free space or correct the folder's permissions, then try again"
        ) from error


def store(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write ``files`` as the version's ``folder``, all of them or none. For one who holds the lock."""
    temporary = durable_files.temporary_beside(folder)
    try:
        temporary.mkdir(mode=0o700)
        for name, data in files.items():
            durable_files.write_synced(temporary / name, data)
        durable_files.sync_folder(temporary)
        durable_files.replace(temporary, folder)
    except BaseException:
        durable_files.remove(temporary)
        raise
    durable_files.sync_folder(folder.parent)


def bring_into_use(
    output_dir: Path, folder: Path, entries: Mapping[str, ManifestEntry], sha256: str
) -> dict[str, ManifestEntry]:
    """Make the version in ``folder``, whose model file has the hash ``sha256``, the newest of ``entries`` and the one
    in use; the entries as they are now. For one who holds the lock."""
    entries = put_to_use(entries, sha256)
    # before the file: whoever finds the file in use must find when that was
    write_manifest(output_dir, entries)
    put_in_use(output_dir, folder)
    return entries


def put_in_use(output_dir: Path, folder: Path) -> None:
    """Copy the version's ``folder`` into place. For one who holds the lock, and has listed it in the manifest."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    names.sort(key=lambda name: name == MODEL_FILE)  # the model last
    copies: list[tuple[Path, Path]] = []
    try:
        # All copies first: a full disk shows here, while nothing has been replaced yet.
        for name in names:
            target = output_dir / name
            copies.append((durable_files.temporary_beside(target), target))
            durable_files.write_synced(copies[-1][0], (folder / name).read_bytes())
        for temporary, target in copies:
            durable_files.replace(temporary, target)
    finally:
        for temporary, _ in copies:
            durable_files.remove(temporary)
    durable_files.sync_folder(output_dir)
    _remove_foreign(output_dir, set(names))


def _remove_foreign(output_dir: Path, names: set[str]) -> None:
    """Remove analysis files at the top that came with other versions and that this one has not."""
    with suppress(OSError):  # the model is in use already; a picture too many must not make that a failure
        for path in (output_dir / HISTORY_FOLDER).glob("*/*"):
            if path.name not in names and path.is_file():
                durable_files.remove(output_dir / path.name)


def known_entries(output_dir: Path) -> dict[str, ManifestEntry]:
    """The manifest less what is gone, plus versions in the history that it does not name (a run killed between
    steps 1 and 2, or a manifest that was lost). Those are unsigned: who put them there is not known."""
    try:
        manifest = read_manifest(output_dir)
        entries = manifest or {}
    except ModelIntegrityError as error:
        _logger.warning("%s; the manifest is made anew", error)
        manifest, entries = {}, {}
    active = active_sha256(output_dir)
    if manifest is None and active is not None:
        _adopt(output_dir, active)
    history = output_dir / HISTORY_FOLDER
    entries = {
        sha256: entry
        for sha256, entry in entries.items()
        if (history / entry.model_version).is_dir() or sha256 == active
    }
    return entries | _unlisted(history, {entry.model_version for entry in entries.values()})


def _unlisted(history: Path, named: set[str]) -> dict[str, ManifestEntry]:
    """Entries for the versions in the folder ``history`` that are not among ``named``."""
    entries = {}
    for folder in sorted(history.iterdir()) if history.is_dir() else ():
        file = folder / MODEL_FILE
        if folder.name not in named and not durable_files.is_temporary(folder) and file.is_file():
            data = file.read_bytes()
            entries[sha256_of(data)] = ManifestEntry(folder.name, len(data), _modified_at(file), None)
    return entries


def _adopt(output_dir: Path, sha256: str) -> None:
    """Take a model file that lies there without manifest and history into the history, with what lies beside it."""
    history = output_dir / HISTORY_FOLDER
    folder = history / _legacy_version(sha256)
    kept = [path for path in history.glob(f"*/{MODEL_FILE}") if sha256_of(path.read_bytes()) == sha256]
    if kept:
        return
    files = {
        path.name: path.read_bytes()
        for path in sorted(output_dir.iterdir())
        if path.is_file() and path.suffix in _KEPT_SUFFIXES and path.name not in (MANIFEST_FILE, LOCK_FILE)
    }
    store(folder, files)
    _logger.info("kept the earlier model of %s as version %s", output_dir, folder.name)


def _legacy_version(sha256: str) -> str:
    return f"legacy-{sha256[:12]}"


def active_sha256(output_dir: Path) -> str | None:
    """SHA-256 of the file of the model in use, None when there is none."""
    try:
        return sha256_of((output_dir / MODEL_FILE).read_bytes())
    except OSError:
        return None


def _modified_at(path: Path) -> str:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")


def _check_name(name: str) -> None:
    reserved = (MODEL_FILE, MANIFEST_FILE, LOCK_FILE, HISTORY_FOLDER)
    if not name or name in reserved or name.startswith(".") or Path(name).name != name or "\\" in name or ":" in name:
        raise ValueError(f"{name!r} cannot be the name of a file that goes with a model")


def _check_readable(model_bytes: bytes) -> None:
    """What is published must pass the reader that will load it; otherwise the fault shows here, not in the lesson."""
    # here, as it imports scikit-learn
    from recognizer.unpickling import restricted_loads

    content = restricted_loads(model_bytes)
    assert isinstance(content, dict)
    try:
        decode(content)
    except SmartAttendanceError as error:
        raise ModelError(f"the new model cannot be read back: {error}") from error


def labels_file(artifact: ClassifierArtifact) -> bytes:
    """``label_encoder_classes.npy`` of ``artifact``."""
    stream = io.BytesIO()
    np.save(stream, artifact.classes, allow_pickle=False)
    return stream.getvalue()
