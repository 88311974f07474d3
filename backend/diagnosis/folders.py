"""The server's folders: are they there, may this account use them, and are they shut to others?"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from diagnosis import remedies
from diagnosis.case import Case
from diagnosis.finding import Finding, note, ok, problem
from diagnosis.wording import shown

KEY_FILE = "secret.key"
_SHORTEST_KEY = 32
# Everybody but the owner and the group.
_OTHERS = stat.S_IROTH | stat.S_IXOTH
_NOT_OWNER = 0o077


def nearest(path: Path) -> Path:
    """``path``, or the closest folder above it that exists."""
    return next((folder for folder in (path, *path.parents) if folder.exists()), Path(path.anchor or "."))


def data_folder(case: Case) -> Iterator[Finding]:
    folder = case.settings.data_dir
    if not folder.exists():
        above = nearest(folder)
        if _may_write(above):
            yield ok("data_folder", "Data folder", f"{shown(folder)} is made at the first start")
        else:
            yield problem(
                "data_folder_unusable",
                "Data folder",
                f"{shown(folder)} does not exist, and this account may not make it in {shown(above)}",
                "Let this account write there, or name another folder by SMARTATTENDANCE_DATA_DIR.",
                remedies.make_usable(above),
            )
        return
    if not folder.is_dir():
        yield problem(
            "data_folder_unusable",
            "Data folder",
            f"{shown(folder)} is no folder",
            "Move it away, or name another folder by SMARTATTENDANCE_DATA_DIR.",
        )
        return
    faults = [*_unusable(folder), *_open_to_read(folder), *_of_root(folder)]
    yield from faults or [ok("data_folder", "Data folder", f"{shown(folder)}, for this account only")]


def key_of_cookies(case: Case) -> Iterator[Finding]:
    path = case.settings.data_dir / KEY_FILE
    if case.settings.secret_key is not None or not path.is_file():
        return
    try:
        fine = len(path.read_text(encoding="ascii").strip()) >= _SHORTEST_KEY
    except OSError:
        return  # said of the folder
    except UnicodeDecodeError:
        fine = False
    if not fine:
        yield problem(
            "key_damaged",
            "Key of cookies",
            f"{shown(path)} is damaged, and the server does not start with it",
            "Delete it: a new one is made, and everybody logs in again.",
            remedies.delete(path),
        )


def faces(case: Case) -> Iterator[Finding]:
    """The folders of photos and models, which the server shares with the training's command line."""
    settings = case.settings
    for code, label, folder, what in (
        ("photos", "Photos", settings.dataset_dir, "the photos of students"),
        ("models", "Model folder", settings.model_dir, "what was learnt of faces"),
    ):
        if not folder.is_dir():
            continue
        if not os.access(folder, os.R_OK | os.X_OK):
            yield problem(
                f"{code}_unreadable",
                label,
                f"{shown(folder)} may not be read by this account",
                f"{_what_opens(folder)}.",
                remedies.make_usable(folder),
            )
        elif not _may_write(folder):
            yield note(
                f"{code}_not_writable",
                label,
                f"{shown(folder)} may be read by this account but not written, so that neither enrolling, training nor "
                "an erasure can work there",
                f"{_what_opens(folder)}, unless that is meant.",
                remedies.make_usable(folder),
            )
        elif _is_open(folder) and _holds_people(folder):
            yield note(
                f"{code}_open",
                label,
                f"every account of this machine can read {what} in {shown(folder)}",
                "Shut it.",
                _shut(folder),
            )


def _unusable(folder: Path) -> Iterator[Finding]:
    if not os.access(folder, os.R_OK | os.X_OK) or not _may_write(folder):
        yield problem(
            "data_folder_unusable",
            "Data folder",
            f"{shown(folder)} may not be read and written by this account{_belongs_to(folder)}",
            f"{_what_opens(folder)}, or name another by SMARTATTENDANCE_DATA_DIR.",
            remedies.make_usable(folder),
        )
        return
    locked = [path for path in sorted(folder.iterdir()) if path.is_file() and not os.access(path, os.R_OK | os.W_OK)]
    if locked:
        names = ", ".join(path.name for path in locked[:3])
        yield problem(
            "data_folder_unusable",
            "Data folder",
            f"this account may not read and write {names} in {shown(folder)}{_belongs_to(locked[0])}",
            f"{_what_opens(locked[0])}.",
            remedies.make_usable(folder),
        )


def _open_to_read(folder: Path) -> Iterator[Finding]:
    if os.name != "nt" and folder.stat().st_mode & _NOT_OWNER:
        yield problem(
            "data_folder_open",
            "Data folder",
            f"other accounts of this machine can look into {shown(folder)}, which holds what is known of people",
            "Shut it; the server does so too at its next start, if the folder is its own.",
            _shut(folder),
        )


def _of_root(folder: Path) -> Iterator[Finding]:
    """Whoever starts the server once as root leaves files that its own account cannot write."""
    if os.name == "nt" or os.geteuid() != 0 or folder.stat().st_uid == 0:
        return
    owner = _owner(folder)
    yield note(
        "data_folder_of_another",
        "Data folder",
        f"you are root, and {shown(folder)} belongs to {owner}: what is started as root leaves files there that "
        f"{owner} cannot write",
        f"Start the server and its commands as {owner}.",
    )


def _may_write(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK)


def _is_open(folder: Path) -> bool:
    """Whether any account can get there: the folder and all those above it let everybody through."""
    if os.name == "nt":
        return False
    above = all(each.stat().st_mode & stat.S_IXOTH for each in folder.resolve().parents)
    return above and folder.stat().st_mode & _OTHERS == _OTHERS


def _holds_people(folder: Path) -> bool:
    return any(not each.name.startswith(".") and not each.name.startswith("README") for each in folder.iterdir())


def _shut(folder: Path) -> str:
    return remedies.line("chmod", "700", shown(folder))


def _what_opens(path: Path) -> str:
    if remedies.is_ours(path):
        return "Take back what forbids it (on a disk that is mounted read-only, nothing but another disk helps)"
    return "Hand it to the account that the server runs as"


def _belongs_to(path: Path) -> str:
    return "" if os.name == "nt" else f"; it belongs to {_owner(path)}"


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except (KeyError, OSError, NotImplementedError):
        return f"account {path.stat().st_uid}"


CHECKS = ((data_folder, "Data folder"), (key_of_cookies, "Key of cookies"), (faces, "Photos and models"))
