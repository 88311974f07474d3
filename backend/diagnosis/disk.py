"""The room on the disks that the server writes to."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from diagnosis.case import Case
from diagnosis.finding import Finding, note, ok, problem
from diagnosis.folders import nearest
from diagnosis.wording import shown, size

# A training writes a model and its pictures beside the old ones; the log of the database grows between two writes.
FULL, NARROW = 200_000_000, 2_000_000_000
_FEW_FILES = 1000


def room(case: Case) -> Iterator[Finding]:
    """Of each disk once, however many of the folders are on it."""
    settings = case.settings
    wanted: dict[str, Path] = {
        "data": settings.data_dir,
        "models": settings.model_dir,
        "photos": settings.dataset_dir,
    }
    if settings.cache_dir is not None:
        wanted["cache"] = settings.cache_dir
    disks: dict[int, tuple[Path, list[str]]] = {}
    for what, folder in wanted.items():
        there = nearest(folder)
        disks.setdefault(there.stat().st_dev, (there, []))[1].append(what)
    for there, uses in disks.values():
        yield from _judged(shutil.disk_usage(there).free, _files_left(there), there, ", ".join(uses))


def _judged(free: int, files: int | None, there: Path, uses: str) -> Iterator[Finding]:
    text = f"{size(free)} free where {uses} are ({shown(there)})"
    if free < FULL:
        yield problem(
            "disk_full",
            "Disk",
            f"{text}: marks, photos and models soon cannot be written any more",
            "Free some space, or move the folders to a larger disk and name them in the settings.",
        )
    elif files is not None and files < _FEW_FILES:
        yield problem(
            "disk_full",
            "Disk",
            f"{text}, but it takes only {files:,} more files",
            "Delete files that nobody needs; there are many small ones somewhere on this disk.",
        )
    elif free < NARROW:
        yield note("disk_narrow", "Disk", text, "Free some space before the next training; 2 GB give peace of mind.")
    else:
        yield ok("disk", "Disk", text)


def _files_left(there: Path) -> int | None:
    """How many more files the disk takes; None where it does not count them."""
    if not hasattr(os, "statvfs"):
        return None
    found = os.statvfs(there)
    return found.f_favail if found.f_files else None


CHECKS = ((room, "Disk"),)
