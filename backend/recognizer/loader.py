"""The model in use, and its exchange while lessons go on.

A new file is read, checked, built into a classifier and tried before one reference is swapped; whoever is
recognising meanwhile goes on with the old one, and nobody waits. Whatever goes wrong, the old model stays and
``status`` says why.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from errors import EmbedderMismatchError, ModelError, ModelFormatError, ModelNotFoundError, SmartAttendanceError
from outages import Outage
from recognizer.artifact import ClassifierArtifact
from recognizer.manifest import MANIFEST_FILE, read_manifest, sha256_of
from recognizer.reading import artifact_from_bytes, read_model_file
from recognizer.types import EmbedderInfo, FloatArray, ModelInfo

# Two files of one network (with batch norms folded, or in half the precision) differ in the fifth decimal, two engines
# by up to 0.0012 (FaceNet in eight bits), which is what noise of 1 % in all weights does. Networks trained differently
# are nearly orthogonal.
SAME_NETWORK_COSINE = 0.995
# A file that is being copied over the old one grows in steps; it is looked at again until it stays the same.
_SETTLE_SECONDS = 0.2

_logger = logging.getLogger(__name__)


class Identifies(Protocol):
    """What ``build`` must make: (n, d) float32 embeddings in, n answers out."""

    def identify(self, embeddings: FloatArray) -> Sequence[Any]: ...


T = TypeVar("T", bound=Identifies)


@dataclass(frozen=True, slots=True)
class LoadedModel(Generic[T]):
    """A model in use. classifier: what ``build`` made. loaded_at: aware UTC."""

    classifier: T
    info: ModelInfo
    loaded_at: datetime


@dataclass(frozen=True, slots=True)
class LoaderStatus:
    """current: the model in use, if any, since ``loaded_at``. refused: why the file that lies there now is not in
    use, None when it is; with its error ``code``, the time, and the SHA-256 if it could be read. Times: aware UTC."""

    current: ModelInfo | None
    loaded_at: datetime | None
    refused: str | None = None
    refused_code: str | None = None
    refused_at: datetime | None = None
    refused_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class _Refusal:
    error: ModelError
    at: datetime
    sha256: str | None


# (mtime in ns, size, inode) of the model file and of the manifest, None for a file that is not there
_Stamp = tuple[tuple[int, int, int] | None, tuple[int, int, int] | None]


class ClassifierLoader(Generic[T]):
    """Holds the current model of one file and exchanges it when the file changes. Thread-safe."""

    def __init__(
        self,
        model_path: Path,
        *,
        build: Callable[[ClassifierArtifact], T],
        embedder: EmbedderInfo | None,
        signing_key: bytes | None = None,
        poll_seconds: float = 0.5,
    ) -> None:
        """build: makes the runtime classifier of an artifact; may raise. embedder: of the network at hand, which
        the model must have been trained with; None to take any. poll_seconds: between two looks at the file."""
        self._path = model_path
        self._outage = Outage(f"the model {model_path}", _logger)
        self._build = build
        self._embedder = embedder
        self._signing_key = signing_key
        self._poll_seconds = poll_seconds
        self._lock = threading.Lock()
        # Readers take these references without the lock; each is exchanged whole.
        self._current: LoadedModel[T] | None = None
        self._refusal: _Refusal | None = None
        self._tried: _Stamp | None = None  # the files as they were when last tried, loaded or refused
        self._stop = threading.Event()
        self._watcher: threading.Thread | None = None

    @property
    def current(self) -> LoadedModel[T]:
        """The model in use; never waits for a load. Raises ModelNotFoundError when there has been none yet."""
        current = self._current
        if current is None:
            refusal = self._refusal
            why = f" ({refusal.error})" if refusal is not None and refusal.sha256 is not None else ""
            raise ModelNotFoundError(f"no model is loaded{why}; run python train_production_model.py")
        return current

    def snapshot(self) -> tuple[T, str, int]:
        """The classifier in use, its model version and its generation, taken together: what a pipeline works with for
        one image."""
        loaded = self.current
        return loaded.classifier, loaded.info.model_version, loaded.info.generation

    def status(self) -> LoaderStatus:
        current, refusal = self._current, self._refusal
        info, loaded_at = (None, None) if current is None else (current.info, current.loaded_at)
        if refusal is None:
            return LoaderStatus(info, loaded_at)
        return LoaderStatus(info, loaded_at, str(refusal.error), refusal.error.code, refusal.at, refusal.sha256)

    def load_now(self) -> LoadedModel[T]:
        """Load the file as it is now and return the model in use. Raises ModelError; then the old model stays."""
        before = self._stamp()
        with self._lock:
            # Two requests may ask at once; the second finds the work done.
            if self._current is not None and self._refusal is None and self._tried == before:
                return self._current
            return self._load()

    def catch_up(self, generation: int) -> int:
        """Look at the file now when the model in use is older than ``generation``; the generation of the one in use
        then. A file that was refused is not tried again. Raises ModelNotFoundError when there has been none yet."""
        if self.current.info.generation < generation and self._changed():
            with self._lock, suppress(ModelError):  # then it is in the status
                if self._changed():
                    self._load()
        return self.current.info.generation

    def start_watching(self) -> None:
        """Look at the file every ``poll_seconds`` in a thread of its own, until ``close``."""
        with self._lock:
            if self._watcher is None:
                self._stop.clear()
                self._watcher = threading.Thread(target=self._watch, name="model-watcher", daemon=True)
                self._watcher.start()

    def close(self) -> None:
        """Stop watching. The model in use stays usable."""
        with self._lock:
            watcher, self._watcher = self._watcher, None
        self._stop.set()
        if watcher is not None and watcher is not threading.current_thread():
            watcher.join()

    def __enter__(self) -> ClassifierLoader[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                if self._changed() and self._settled():
                    with self._lock:
                        if self._changed():
                            self._load()
            except ModelError:
                pass  # kept in the status and logged where it happened
            except Exception as error:
                self._outage.noticed("it cannot be watched; it is tried again", error)
            else:
                self._outage.over()
            self._stop.wait(self._poll_seconds)

    def _changed(self) -> bool:
        return self._stamp() != self._tried

    def _settled(self) -> bool:
        """Whether the files stay the same for a moment; otherwise they are looked at again at the next poll."""
        before = self._stamp()
        self._stop.wait(_SETTLE_SECONDS)
        return self._stamp() == before

    def _load(self) -> LoadedModel[T]:
        """Under the lock: try the file as it is now and keep the outcome."""
        stamp, sha256 = self._stamp(), None
        try:
            data = read_model_file(self._path)
            sha256 = sha256_of(data)
            current = self._checked(data, sha256)
        except Exception as caught:
            error = caught if isinstance(caught, ModelError) else _as_model_error(caught)
            if isinstance(error, ModelNotFoundError) and self._is_withdrawn():
                _logger.warning("the model was withdrawn; none is in use")
                self._current = None
            known = self._refusal is not None and str(self._refusal.error) == str(error)
            self._refusal = _Refusal(error, datetime.now(UTC), sha256)
            # A file that is there and could not be read may be held by another process for a moment: try again.
            unreadable = sha256 is None and not isinstance(error, ModelNotFoundError)
            self._tried = None if unreadable else stamp
            if not known:
                kept = "none is in use" if self._current is None else f"{self._current.info.model_version} stays in use"
                # before the first training there is none, and nothing is wrong
                awaited = self._current is None and isinstance(error, ModelNotFoundError)
                level = logging.INFO if awaited else logging.ERROR
                _logger.log(level, "the model %s was refused, %s: %s", self._path, kept, error)
            if error is caught:
                raise
            raise error from caught
        if current is not self._current:
            _logger.info("model %s is in use (%d students)", current.info.model_version, current.info.student_count)
        self._current = current
        self._refusal = None
        self._tried = stamp
        return current

    def _is_withdrawn(self) -> bool:
        """Whether the model in use was taken out of the manifest as well as out of its place: that is no accident and
        no exchange, somebody in it is to be forgotten."""
        current = self._current
        if current is None:
            return False
        try:
            entries = read_manifest(self._path.parent)
        except ModelError:
            return False
        return entries is not None and current.info.sha256 not in entries

    def _checked(self, data: bytes, sha256: str) -> LoadedModel[T]:
        artifact, info = artifact_from_bytes(data, self._path, signing_key=self._signing_key)
        current = self._current
        if current is not None and replace(current.info, generation=info.generation) == info:
            # only touched, or put back after a file that was refused, or put to use again
            return current if current.info == info else replace(current, info=info)
        if self._embedder is not None:
            check_embedder(artifact, self._embedder)
        classifier = self._build(artifact)
        _try_out(classifier, artifact.dimension)
        return LoadedModel(classifier, info, datetime.now(UTC))

    def _stamp(self) -> _Stamp:
        return stamp_of(self._path), stamp_of(self._path.with_name(MANIFEST_FILE))


def check_embedder(artifact: ClassifierArtifact, embedder: EmbedderInfo) -> None:
    """Raise EmbedderMismatchError unless ``artifact`` was trained on embeddings of ``embedder``.

    Old files tell only the dimension; nothing else is compared for them.
    """
    trained = artifact.embedder
    if trained is None:
        raise EmbedderMismatchError("the model does not say which network it was trained with; train again")
    same = trained.id == embedder.id and trained.dimension == embedder.dimension
    if "legacy" not in artifact.metadata:
        same = same and dict(trained.crop_recipe) == dict(embedder.crop_recipe) and _same_network(trained, embedder)
    if not same:
        raise EmbedderMismatchError(
            f"the model was trained with {_describe(trained)}, but faces are embedded with {_describe(embedder)}; "
            f"{_remedy(trained, embedder)}, or retrain with --embedder {embedder.id}"
        )


def _remedy(trained: EmbedderInfo, embedder: EmbedderInfo) -> str:
    facenet = "SMARTATTENDANCE_FACENET_WEIGHTS"
    setting = {"facenet": facenet, "both": facenet, "onnx": "SMARTATTENDANCE_ONNX_WEIGHTS"}.get(trained.id)
    weights = f"give the weights it was trained with by the setting {setting}"
    if trained.id == embedder.id:
        return weights if setting else "activate a version trained with these weights"
    choice = f"set SMARTATTENDANCE_EMBEDDER={trained.id}"
    return f"{choice} and {weights}" if setting else choice


def _same_network(one: EmbedderInfo, other: EmbedderInfo) -> bool:
    if one.weights_sha256 == other.weights_sha256:
        return True
    a, b = np.array(one.signature, np.float64), np.array(other.signature, np.float64)
    if a.shape != b.shape or not a.size:
        return False
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return lengths > 0 and float(a @ b) / lengths > SAME_NETWORK_COSINE


def _describe(embedder: EmbedderInfo) -> str:
    weights = f"weights {embedder.weights_sha256[:12]}" if embedder.weights_sha256 else "weights unknown"
    recipe = ", ".join(f"{key} {value}" for key, value in embedder.crop_recipe.items()) or "unknown"
    return f"{embedder.id} ({embedder.dimension} numbers, {weights}, crop: {recipe})"


def _try_out(classifier: Identifies, dimension: int) -> None:
    """One prediction on a random direction, so that a model that cannot answer is found before it is in use."""
    vector = np.random.default_rng(0).normal(size=(1, dimension))
    answers = classifier.identify((vector / np.linalg.norm(vector)).astype(np.float32))
    if len(answers) != 1:
        raise ModelFormatError(f"the model gave {len(answers)} answers for one face on trial; train again")


def _as_model_error(error: Exception) -> ModelError:
    text = str(error) if isinstance(error, SmartAttendanceError) else repr(error)[:200]
    return ModelFormatError(f"the model cannot be put to use ({text}); train again")


def stamp_of(path: Path) -> tuple[int, int, int] | None:
    """What changes with the content of the file ``path``; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
