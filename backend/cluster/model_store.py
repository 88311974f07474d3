"""How a model reaches every machine that recognises: from the model folder into a store, from there to each recognizer.

The model folder is what decides which models there are. ``push`` makes the store say the same, ``pull`` a recognizer's
private copy. In the store lie ``<sha256>.pkl``, each of which was in use once and is still listed in the folder's
manifest, and ``current.json``, which names the one in use. The order of steps is what lets both be killed anywhere:

push: the model file, whole, under the name of its hash; ``current.json``, which from then on names it; then what the
manifest does not list any more is removed, as somebody in it may have been erased.

pull: a manifest that lists the new model beside the old one; the model file, by one rename; a manifest of it alone.
What is read there goes through the same checks as in the model folder: format, signature, embedder. A model that was
withdrawn goes from the copy too. Whatever fails, the model that was there stays.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import filelock

from cluster.current import CURRENT_FILE, MOST_BYTES, Current, InUse, in_use
from cluster.store_files import FolderFiles, files_at
from errors import ConfigurationError, ModelIntegrityError, ModelStoreError
from recognizer import durable_files
from recognizer.artifact import LABELS_FILE, MAX_BYTES, MODEL_FILE, check_model_version
from recognizer.history import HISTORY_FOLDER, active_sha256
from recognizer.loader import stamp_of
from recognizer.manifest import MANIFEST_FILE, ManifestEntry, read_manifest, sha256_of, write_manifest

LOCK_FILE = ".push.lock"

# A store that looks unchanged is looked through all the same, as somebody may have taken a file away.
_LOOK_THROUGH_EVERY_SECONDS = 60.0
_LOCK_SECONDS = 60.0
# What push may remove: files of models, and what was being written when a process was killed.
_OURS = re.compile(r"([0-9a-f]{64})\.(?:pkl|npy)|\.(?:[0-9a-f]{64}\.(?:pkl|npy)|current\.json)\.tmp-[0-9a-f]+")

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Pushed:
    """seen: of the model folder. current: what the store said then. problem: why that is not what is in the folder.
    at: monotonic seconds."""

    seen: object
    current: Current | None
    problem: ModelStoreError | None
    at: float


class ModelStore:
    """Thread-safe; made anew in each process."""

    def __init__(self, address: str) -> None:
        """address: the whole path of a folder, or any URL that fsspec takes. Raises ConfigurationError."""
        self._files = files_at(address)
        self.address = self._files.address
        self._pushed: _Pushed | None = None
        self._pulled: tuple[object, bytes] | None = None

    def push(self, model_dir: Path, *, lock_timeout: float = _LOCK_SECONDS) -> None:
        """Make the store say what ``model_dir`` does. Little is done where it does already.

        Raises ModelError when it cannot be published; then the store still names the model that it named before.
        """
        if not model_dir.is_dir():
            return
        self._check_is_elsewhere(model_dir)
        with _alone(model_dir, lock_timeout):
            seen = _stamps(model_dir)
            if not self._is_pushed(seen):
                current, problem = self._publish(model_dir)
                self._pushed = _Pushed(seen, current, problem, time.monotonic())
            if self._pushed is not None and self._pushed.problem is not None:
                raise self._pushed.problem

    def pull(self, local_dir: Path) -> None:
        """Make ``local_dir``, which nobody else writes to, have the model that the store names; or none, when the model
        in use was withdrawn. Raises ModelError; then the model that was there stays."""
        text = self._read_current()
        if text is not None and self._pulled == (_stamps(local_dir), text):
            return
        while True:
            if text is None:
                raise ModelStoreError(
                    f"no model was published in the model store {self.address} yet, or it is not mounted here; train "
                    "one, and see that the server has the same model store in its settings"
                )
            try:
                with _writing(local_dir):
                    self._bring(self._parsed(text), local_dir)
                break
            except _GoneError:
                # Exchanged and removed while it was being fetched? Then it is another one now.
                before, text = text, self._read_current()
                if text == before:
                    raise
        self._pulled = _stamps(local_dir), text

    def _is_pushed(self, seen: object) -> bool:
        pushed = self._pushed
        if pushed is None or pushed.seen != seen or self._current() != pushed.current:
            return False
        if time.monotonic() - pushed.at < _LOOK_THROUGH_EVERY_SECONDS:
            return True
        sizes = self._files.sizes()
        current = pushed.current
        if current is not None and current.entry is not None and sizes.get(current.model_file) != current.entry.size:
            return False
        self._pushed = replace(pushed, at=time.monotonic())
        return True

    def _publish(self, model_dir: Path) -> tuple[Current | None, ModelStoreError | None]:
        """What the store says then, and why that is not what is in the folder."""
        local = in_use(model_dir)
        there = self._current()
        if local is None:
            return there, None
        wanted = local.current
        if wanted is not None:
            wanted = self._newer(wanted, there)
            self._upload(local)
            # that may take a while, and another server may have published meanwhile
            there = self._current()
            wanted = self._newer(wanted, there)
        elif there is not None and there.sha256 is not None and there.sha256 not in local.entries:
            wanted = Current(there.generation)
        else:
            wanted = there  # never trained, or only missing from its place: nobody withdrew it
        if wanted is not None and wanted != there:
            self._files.write(CURRENT_FILE, wanted.to_json())
            if wanted.entry is None:
                _logger.warning("the model in %s was withdrawn; none is in use", self.address)
            else:
                _logger.info("published model %s in %s", wanted.entry.model_version, self.address)
        self._remove_unlisted(local.entries)
        return wanted, local.problem

    def _newer(self, wanted: Current, there: Current | None) -> Current:
        """What is to be said in the store: of two servers the one with the newer model wins."""
        if there is None or there.generation <= wanted.generation:
            return wanted
        if there.sha256 == wanted.sha256:
            return there  # when it was put to use is lost here, together with the manifest
        ours = "none" if wanted.entry is None else f"model {wanted.entry.model_version}"
        newer = "no model" if there.entry is None else f"model {there.entry.model_version}"
        raise ModelStoreError(
            f"{self.address} has {newer} in use, by a later decision than the one for {ours} here. Either another "
            "server publishes there too, and needs a store of its own, or this model folder came from a backup: then "
            "activate a version, or train"
        )

    def _upload(self, local: InUse) -> None:
        assert local.current is not None
        sizes = self._files.sizes()
        for name, content in ((local.current.labels_file, local.labels), (local.current.model_file, local.model)):
            if content is not None and sizes.get(name) != len(content):
                self._files.write(name, content)

    def _remove_unlisted(self, entries: Mapping[str, ManifestEntry]) -> None:
        for name in self._files.sizes():
            match = _OURS.fullmatch(name)
            if match and match[1] not in entries:
                self._files.remove(name)
                _logger.info("removed %s from %s", name, self.address)

    def _read_current(self) -> bytes | None:
        return self._files.read(CURRENT_FILE, MOST_BYTES)

    def _parsed(self, text: bytes) -> Current:
        try:
            return Current.from_json(text)
        except ValueError as error:
            raise ModelStoreError(
                f"{CURRENT_FILE} in {self.address} is damaged or is just being written; the server writes it anew "
                "within a minute"
            ) from error

    def _current(self) -> Current | None:
        """None as well when it is damaged: then it is written anew."""
        text = self._read_current()
        try:
            return None if text is None else self._parsed(text)
        except ModelStoreError as error:
            _logger.warning("%s", error)
            return None

    def _bring(self, current: Current, local_dir: Path) -> None:
        here = active_sha256(local_dir)
        if current.sha256 is None or current.entry is None:
            if here is not None:
                # listed no more, then gone: whoever has it in use takes that for what it is
                write_manifest(local_dir, {})
                (local_dir / MODEL_FILE).unlink()
                _logger.warning("the model was withdrawn; none is in use")
            durable_files.remove(local_dir / HISTORY_FOLDER)
            return
        entry, only = current.entry, {current.sha256: current.entry}
        check_model_version(entry.model_version)
        if current.labels_sha256 is not None:
            labels = local_dir / HISTORY_FOLDER / entry.model_version / LABELS_FILE
            durable_files.make_private_folder(labels.parent)
            durable_files.write_atomically(labels, self._fetched(current.labels_file, current.labels_sha256, MAX_BYTES))
        if here != current.sha256:
            data = self._fetched(current.model_file, current.sha256, entry.size)
            write_manifest(local_dir, {**_listed(local_dir, here), **only})
            durable_files.write_atomically(local_dir / MODEL_FILE, data)
            _logger.info("fetched model %s from %s", entry.model_version, self.address)
        write_manifest(local_dir, only)
        for folder in (local_dir / HISTORY_FOLDER).glob("*"):
            if folder.name != entry.model_version:
                durable_files.remove(folder)

    def _fetched(self, name: str, sha256: str, most: int) -> bytes:
        data = self._files.read(name, min(most, MAX_BYTES) + 1)
        if data is None:
            raise _GoneError(
                f"{CURRENT_FILE} in {self.address} names {name}, which is not there; the server publishes it again "
                "within a minute"
            )
        if sha256_of(data) != sha256:
            raise ModelIntegrityError(
                f"{name} in {self.address} is cut short or was altered, and is not used. Delete it there; the server "
                "publishes it again within a minute"
            )
        return data

    def _check_is_elsewhere(self, model_dir: Path) -> None:
        if isinstance(self._files, FolderFiles) and self._files.folder.resolve().is_relative_to(model_dir.resolve()):
            raise ConfigurationError(
                f"the model store {self.address} lies in the model folder {model_dir}; name another folder, or no "
                "model store where every machine reads the model folder itself"
            )


class _GoneError(ModelStoreError):
    """A file that the store names is not there."""


def _listed(local_dir: Path, sha256: str | None) -> dict[str, ManifestEntry]:
    """What the manifest of ``local_dir`` says of that file; nothing when it is damaged."""
    try:
        entries = read_manifest(local_dir) or {}
    except ModelIntegrityError:
        return {}
    return {name: entry for name, entry in entries.items() if name == sha256}


def _stamps(folder: Path) -> object:
    return stamp_of(folder / MODEL_FILE), stamp_of(folder / MANIFEST_FILE)


@contextmanager
def _alone(model_dir: Path, timeout: float) -> Iterator[None]:
    """Servers that share the model folder push one after the other, so that none names what another has replaced."""
    try:
        with filelock.FileLock(model_dir / LOCK_FILE, timeout=timeout):
            yield
    except filelock.Timeout as error:
        raise ModelStoreError(
            f"another process has been publishing the models of {model_dir} for {timeout:g} s; it is tried again"
        ) from error
    except OSError as error:
        raise ModelStoreError(
            f"the models of {model_dir} cannot be published ({error.strerror or error}); correct the folder's "
            "permissions. It is tried again"
        ) from error


@contextmanager
def _writing(local_dir: Path) -> Iterator[None]:
    try:
        durable_files.make_private_folder(local_dir)
        durable_files.remove_leftovers(local_dir)
        yield
    except OSError as error:
        raise ModelStoreError(
            f"the model could not be written to {local_dir} ({error.strerror or error}); free space, or correct the "
            "permissions. It is tried again"
        ) from error
