"""Which model is in use: as a model folder has it, and as the file says it that a model store has in its place."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from errors import ModelError, ModelNotFoundError, ModelStoreError
from recognizer.artifact import MODEL_FILE
from recognizer.history import archived_labels
from recognizer.manifest import MANIFEST_FILE, ManifestEntry, entry_of, read_manifest, sha256_of
from recognizer.reading import read_model_file

CURRENT_FILE = "current.json"
MOST_BYTES = 64 * 1024

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Current:
    """What ``current.json`` says. generation: that of the model in use, or of the last one where there is none; the
    higher is the newer. sha256, entry: of the model in use, None when there is none. labels_sha256: of the file of
    student ids that a model of an old format needs; others have none."""

    generation: int
    sha256: str | None = None
    entry: ManifestEntry | None = None
    labels_sha256: str | None = None

    @property
    def model_file(self) -> str:
        """Its name in the store."""
        return f"{self.sha256}.pkl"

    @property
    def labels_file(self) -> str:
        return f"{self.sha256}.npy"

    def to_json(self) -> bytes:
        content = {
            "sha256": self.sha256,
            "version": None if self.entry is None else self.entry.model_version,
            "generation": self.generation,
            "entry": None if self.entry is None else asdict(self.entry),
            "labels_sha256": self.labels_sha256,
        }
        return (json.dumps(content, indent=2) + "\n").encode()

    @classmethod
    def from_json(cls, text: bytes) -> Current:
        """Raises ValueError."""
        try:
            content = json.loads(text)
            generation, sha256, labels = content["generation"], content["sha256"], content["labels_sha256"]
            entry = None if content["entry"] is None else entry_of(content["entry"])
        except (AttributeError, KeyError, TypeError, RecursionError) as error:
            raise ValueError("other content") from error
        for value in (sha256, labels):
            if value is not None and not (isinstance(value, str) and _SHA256.fullmatch(value)):
                raise ValueError("no hash")
        if type(generation) is not int or (sha256 is None) != (entry is None):
            raise ValueError("other content")
        return cls(generation, sha256, entry, labels)


@dataclass(frozen=True, slots=True)
class InUse:
    """Of a model folder. entries: of its manifest, by SHA-256. current: None when there is no model, and when it is one
    that must not be published, ``problem`` saying why. model, labels: content of the files that go with ``current``."""

    entries: Mapping[str, ManifestEntry]
    current: Current | None = None
    model: bytes | None = None
    labels: bytes | None = None
    problem: ModelStoreError | None = None


def in_use(model_dir: Path) -> InUse | None:
    """None of a folder in which nothing was ever published. Raises ModelError."""
    try:
        data = read_model_file(model_dir / MODEL_FILE)
    except ModelNotFoundError:
        data = None
    # after the file: whoever exchanges it lists the new one first
    entries = read_manifest(model_dir)
    if data is None:
        return None if entries is None else InUse(entries)
    sha256 = sha256_of(data)
    entry = None if entries is None else entries.get(sha256)
    if entries is None or entry is None:
        problem = ModelStoreError(
            f"{model_dir / MODEL_FILE} is not listed in {MANIFEST_FILE}, so it is not published for the machines that "
            "recognise: it was put there by hand, is damaged or was altered. Train, or activate a version"
        )
        if entries is None:
            raise problem
        return InUse(entries, problem=problem)
    labels = _labels(model_dir, sha256)
    current = Current(entry.activated, sha256, entry, None if labels is None else sha256_of(labels))
    return InUse(entries, current, data, labels)


def _labels(model_dir: Path, sha256: str) -> bytes | None:
    path = archived_labels(model_dir / MODEL_FILE, sha256)
    try:
        return None if path is None else path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}; check its permissions") from error
