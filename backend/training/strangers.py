"""A folder of people who are not students: every image in it, however deep, to see whether any of them is named."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from errors import DatasetError
from recognizer.images import ImageLimits, is_picture_file
from training.dataset import SYSTEM_FILES, display_name, foreign
from training.samples import DEFAULT_LIMITS, DatasetIssue, IssueKind, Sample, reasons


@dataclass(frozen=True, slots=True)
class StrangerScan:
    """root: absolute. samples: every image once, by path; ``student_id`` is the folder it lies in, which need not be
    a person. issues: images that cannot be used, and equal files."""

    root: Path
    samples: tuple[Sample, ...]
    issues: tuple[DatasetIssue, ...]


def scan_strangers(root: Path, limits: ImageLimits = DEFAULT_LIMITS) -> StrangerScan:
    """All images at and below ``root``, flat or in folders. Hidden files are passed over, links to other folders are
    not followed; what is no image becomes an issue. Raises DatasetError when there is no such folder or no image in
    it."""
    root = Path(os.path.abspath(root))  # noqa: PTH100  (the name the user knows, before links are resolved)
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "does not exist"
        raise DatasetError(
            f"the folder of strangers {root} {what}. Name a folder with photos of people who are no students"
        )
    samples: list[Sample] = []
    issues: list[DatasetIssue] = []
    seen: dict[str, Path] = {}
    for path in _images_below(root, issues):
        folder = path.parent.relative_to(root).as_posix()
        name, owner = display_name(root, path), root.name if folder == "." else folder
        try:
            size = path.stat().st_size
            if not 0 < size <= limits.max_bytes:
                allowed = f"1 to {limits.max_bytes:,} are allowed"
                message = f"{name} is not used: it has {size:,} bytes, {allowed}."
                issues.append(DatasetIssue(IssueKind.UNREADABLE, message, path))
                continue
            with path.open("rb") as stream:
                sha = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            message = f"{name} is not used: it cannot be read: {error.strerror or error}."
            issues.append(DatasetIssue(IssueKind.UNREADABLE, message, path))
            continue
        if sha in seen:
            message = f"{name} is the same file as {display_name(root, seen[sha])}; it is used once."
            issues.append(DatasetIssue(IssueKind.EXACT_DUPLICATE, message, path))
            continue
        seen[sha] = path
        samples.append(Sample(owner, path, sha))
    if not samples:
        raise DatasetError(
            f"no usable image in {root} or the folders below it. Put photos of people who are no students there"
            + (f". {reasons(issues)}" if reasons(issues) else "")
        )
    return StrangerScan(root, tuple(samples), tuple(issues))


def _images_below(root: Path, issues: list[DatasetIssue]) -> list[Path]:
    def unreadable(error: OSError) -> None:
        path = Path(error.filename or root)
        message = f"{display_name(root, path)} cannot be opened: {error.strerror or error}."
        issues.append(DatasetIssue(IssueKind.UNREADABLE_FOLDER, message, path))

    found = []
    for folder, folders, names in os.walk(root, onerror=unreadable):
        folders[:] = [name for name in folders if not _is_hidden(name)]
        found += [Path(folder, name) for name in names if not _is_hidden(name)]
    pictures = []
    for path in sorted(found, key=lambda path: path.relative_to(root).as_posix()):
        if path.is_file() and is_picture_file(path):
            pictures.append(path)
        else:
            message = f"{display_name(root, path)} is not used: {foreign(path)}."
            issues.append(DatasetIssue(IssueKind.FOREIGN_FILE, message, path))
    return pictures


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in SYSTEM_FILES
