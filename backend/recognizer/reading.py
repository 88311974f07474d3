"""A model file in, a checked artifact out: size, SHA-256, signature, safe unpickling, format, contents."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from errors import ModelError, ModelFormatError, ModelIntegrityError, ModelNotFoundError, SmartAttendanceError
from recognizer.artifact import LABELS_FILE, MAX_BYTES, MODEL_FILE, ClassifierArtifact, decode
from recognizer.history import HISTORY_FOLDER, archived_labels
from recognizer.manifest import MANIFEST_FILE, ManifestEntry, read_manifest, sha256_of, verify
from recognizer.types import ModelInfo


def load_artifact(
    path: Path, *, signing_key: bytes | None = None, max_bytes: int = MAX_BYTES
) -> tuple[ClassifierArtifact, ModelInfo]:
    """The artifact in the model file ``path`` and what is known of it.

    signing_key: when set, only files signed with it are taken. max_bytes: of the file, and once decompressed.
    Raises ModelNotFoundError, ModelIntegrityError (truncated, altered, unsigned, foreign content) or
    ModelFormatError (of a newer format, or its parts do not fit together); each message ends in what to do.
    """
    return artifact_from_bytes(read_model_file(path, max_bytes), path, signing_key=signing_key, max_bytes=max_bytes)


def read_model_file(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """The bytes of ``path``, read once, so that what is checked is what is used."""
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except FileNotFoundError as error:
        raise ModelNotFoundError(f"there is no model at {path}; run python train_production_model.py") from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}; check its permissions") from error
    if len(data) > max_bytes:
        raise ModelIntegrityError(f"{path} has more than the {max_bytes:,} bytes a model may have; it is no model")
    return data


def artifact_from_bytes(
    data: bytes, path: Path, *, signing_key: bytes | None = None, max_bytes: int = MAX_BYTES
) -> tuple[ClassifierArtifact, ModelInfo]:
    """``load_artifact`` for bytes that were read from ``path``."""
    # here, as they import scikit-learn
    from recognizer import legacy
    from recognizer.unpickling import restricted_loads

    sha256 = sha256_of(data)
    # The manifest after the file: a publisher writes it before the file, so a new file is always listed by now.
    verified, generation = _verify(data, sha256, path, signing_key)
    content = restricted_loads(data, max_bytes)
    try:
        if legacy.is_legacy(content):
            artifact = legacy.read_legacy(content, sha256, lambda: _labels_path(path, sha256))
        else:
            assert isinstance(content, dict)
            artifact = decode(content)
    except SmartAttendanceError:
        raise
    except Exception as error:  # odd state in a place no check foresaw must not stop a server
        raise ModelFormatError(
            f"the model file's content does not fit together ({error!r:.200}); train again"
        ) from error
    return artifact, replace(artifact.info(sha256, verified), generation=generation)


def _labels_path(path: Path, sha256: str) -> Path:
    # Those taken into the history together with this very file come first: while a new version is being
    # activated the labels beside it may be the new version's already.
    return archived_labels(path, sha256) or path.with_name(LABELS_FILE)


def _verify(data: bytes, sha256: str, path: Path, signing_key: bytes | None) -> tuple[str, int]:
    """How it was checked, and its generation."""
    entries = read_manifest(path.parent)
    if entries is None:
        if signing_key is not None:
            raise ModelIntegrityError(
                f"a signing key is set, but {path.parent} has no {MANIFEST_FILE} with the model's signature; "
                "train again with the key set"
            )
        return "unverified", 0
    entry = entries.get(sha256)
    if entry is None:
        raise ModelIntegrityError(
            f"{path.name} is {_what_is_wrong(data, path.parent, entries)}. Train again or activate an earlier version; "
            f"if you put this file there on purpose, move {MANIFEST_FILE} away"
        )
    if signing_key is None:
        return "manifest", entry.activated
    verify(entry, sha256, signing_key)
    return "signed", entry.activated


def _what_is_wrong(data: bytes, folder: Path, entries: dict[str, ManifestEntry]) -> str:
    """The likeliest of: cut short (a file of the history begins with it), changed (the same size), unknown."""
    newest_first = sorted(entries.values(), key=lambda entry: entry.created_at, reverse=True)
    for entry in newest_first:
        if len(data) < entry.size and _begins_with(folder / HISTORY_FOLDER / entry.model_version / MODEL_FILE, data):
            return f"cut short: {len(data):,} of the {entry.size:,} bytes of version {entry.model_version} are there"
    for entry in newest_first:
        if len(data) == entry.size:
            return f"altered: it has the {entry.size:,} bytes of version {entry.model_version}, but other content"
    expected = f"; the newest version has {newest_first[0].size:,}" if newest_first else ""
    return f"not a model that was published here (cut short or altered): {len(data):,} bytes found{expected}"


def _begins_with(path: Path, data: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(data)) == data
    except OSError:
        return False
