"""The folder of student images: what is in it, what can be used, and everything that is wrong with it.

``<root>/<student_id>/<any name>.jpg``: the name of a folder is the student id, composed (NFC), spelled as in the list
of students if there is one. Folders whose names differ only in case or form are of one student. Nothing is decoded
here and nothing in the folder is ever changed; every file that is not used is reported by name.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from errors import DatasetError
from recognizer.images import ImageLimits, is_picture_file, what_is
from student_ids import key_of, normalised
from training.samples import (
    DEFAULT_LIMITS,
    DEFAULT_MIN_IMAGES,
    DatasetIssue,
    IssueKind,
    Sample,
    count_images,
    fingerprint,
    reasons,
    students_with_enough,
)

__all__ = ["DatasetIssue", "DatasetScan", "IssueKind", "Sample", "apply_min_images", "fingerprint", "scan"]

LONGEST_STUDENT_ID = 128  # characters; what the attendance tables and reports hold

# Left behind by Windows and by network drives; macOS and Linux names of this sort begin with a dot.
SYSTEM_FILES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir", "__macosx"})

# Control characters, halves of surrogate pairs (a name that is not UTF-8), line and paragraph separators:
# none can be written to the files a model consists of and read back as the same name.
UNUSABLE_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class DatasetScan:
    """root: absolute. samples: the images to use, sorted by student id and then file name (code point order).
    issues: in the order of the folders, whole-student issues last."""

    root: Path
    samples: tuple[Sample, ...]
    issues: tuple[DatasetIssue, ...]

    @property
    def student_ids(self) -> tuple[str, ...]:
        """The students that have at least one sample, sorted."""
        return tuple(sorted({sample.student_id for sample in self.samples}))

    @property
    def fingerprint(self) -> str:
        """SHA-256 of who has which image, whatever the files are called."""
        return fingerprint(self.samples)

    def spelled_like(self, student_ids: Iterable[str]) -> DatasetScan:
        """The same, with the ids of students spelled as in ``student_ids`` where they are the same but for case or
        form: as a model spells them, for example."""
        spelled = {key_of(name): name for name in student_ids}
        samples = [
            replace(sample, student_id=spelled.get(key_of(sample.student_id), sample.student_id))
            for sample in self.samples
        ]
        return replace(self, samples=tuple(sorted(samples, key=lambda each: (each.student_id, each.path.name))))


def scan(root: Path, limits: ImageLimits = DEFAULT_LIMITS, only: Collection[str] | None = None) -> DatasetScan:
    """Look through ``root``/<student_id>/* and hash every image.

    only: the student ids to take; folders of others are reported and not looked into. None: all.

    The result does not depend on the order in which the file system lists names. Links that lead out of ``root`` are
    not followed. Files over ``limits.max_bytes`` are reported without being read. Raises DatasetError when there is no
    folder at ``root``, it may not be read, or it holds no student folders.
    """
    scanner = _Scanner(_existing_folder(root), limits, only)
    scanner.run()
    found = sorted(scanner.samples, key=lambda sample: (sample.student_id, sample.path.name, sample.path))
    samples = _without_duplicates(scanner.root, found, scanner.issues)
    return DatasetScan(scanner.root, tuple(samples), tuple(scanner.issues))


def apply_min_images(scanned: DatasetScan, min_images: int = DEFAULT_MIN_IMAGES) -> DatasetScan:
    """``scanned`` without the students who have fewer than ``min_images`` samples; each of them becomes an issue.
    Raises DatasetError when fewer than two students remain."""
    kept, issues = students_with_enough(scanned.samples, scanned.issues, min_images, where=scanned.root)
    samples = tuple(sample for sample in scanned.samples if sample.student_id in kept)
    return replace(scanned, samples=samples, issues=scanned.issues + issues)


def _existing_folder(root: Path) -> Path:
    absolute = Path(os.path.abspath(root))  # noqa: PTH100  (the name the user knows, before links are resolved)
    if not absolute.exists():
        raise DatasetError(f"there is no folder {absolute}. {_expectation(absolute)}")
    if not absolute.is_dir():
        raise DatasetError(f"{absolute} is a file, not a folder. {_expectation(absolute)}")
    return absolute


def _expectation(root: Path) -> str:
    return (
        f"Expected one folder for each student with at least {DEFAULT_MIN_IMAGES} photos in it: "
        f"{root / '<student_id>' / 'photo.jpg'}"
    )


class _Scanner:
    """One walk through a data set folder, collecting samples and issues."""

    def __init__(self, root: Path, limits: ImageLimits, only: Collection[str] | None) -> None:
        self.root = root
        self._only = None if only is None else {key_of(name): normalised(name) for name in only}
        self._folders: dict[str, tuple[str, Path]] = {}  # by the key of the id: its spelling, and its first folder
        self._real_root = root.resolve()
        self._limits = limits
        self.samples: list[Sample] = []
        self.issues: list[DatasetIssue] = []

    def run(self) -> None:
        try:
            entries = _sorted_entries(self.root)
        except OSError as error:
            raise DatasetError(f"the folder {self.root} cannot be read: {error.strerror or error}") from error
        folders = 0
        without_folder = dict(self._only or {})
        for entry in entries:
            if self._is_unwanted(entry, None):
                continue
            if entry.is_dir():
                folders += 1
                key = key_of(entry.name)
                without_folder.pop(key, None)
                if self._only is None or key in self._only:
                    self._student(entry, key)
                else:
                    self._report(IssueKind.NOT_LISTED, entry, entry.name, "is not on the list; it is left out")
            elif is_picture_file(entry):
                self._report(
                    IssueKind.LOOSE_FILE,
                    entry,
                    None,
                    "lies outside the student folders, so it is not known whose photo it is; it is not used",
                )
            else:
                self._foreign(entry, None)
        if not folders:
            why = reasons(self.issues)
            raise DatasetError(
                f"no student folders in {self.root}: {self._found()}. {_expectation(self.root)}."
                + (f" {why}" if why else "")
            )
        self.issues += [
            DatasetIssue(IssueKind.NO_FOLDER, f"{name} is on the list and has no folder.", student_id=name)
            for name in sorted(without_folder.values())
        ]

    def _found(self) -> str:
        """What is there instead of folders; hidden files, such as one that keeps the folder in git, are no find."""
        kinds = [issue.kind for issue in self.issues if issue.kind is not IssueKind.HIDDEN_FILE]
        loose = kinds.count(IssueKind.LOOSE_FILE)
        others = len(kinds) - loose
        if loose:
            return f"it holds {count_images(loose)} that lie there without a folder" + (
                f", and {_other_files(others)}" if others else ""
            )
        return f"it holds nothing but {_other_files(others)}" if others else "it is empty"

    def _student(self, folder: Path, key: str) -> None:
        problem = student_id_problem(folder.name)
        if problem:
            self._report(
                IssueKind.BAD_STUDENT_ID,
                folder,
                None,
                f"cannot serve as a student id: {problem}; rename the folder. Its images are not used",
            )
            return
        spelling = (self._only or {}).get(key, normalised(folder.name))
        student_id, first = self._folders.setdefault(key, (spelling, folder))
        if first != folder:
            self._report(
                IssueKind.SAME_STUDENT,
                folder,
                student_id,
                f"is taken for the same student as {display_name(self.root, first)}: an id is the same in upper and "
                "lower case. If they are two people, give one of them another id",
            )
        try:
            entries = _sorted_entries(folder)
        except OSError as error:
            self._report(
                IssueKind.UNREADABLE_FOLDER, folder, student_id, f"cannot be opened: {error.strerror or error}"
            )
            return
        images = 0
        for entry in entries:
            if self._is_unwanted(entry, student_id):
                continue
            if entry.is_dir():
                self._report(
                    IssueKind.NESTED_FOLDER,
                    entry,
                    student_id,
                    "is a folder inside a student's folder; it is not looked into. Move its images up one level. If "
                    f"the folders in {display_name(self.root, folder)} are the students, name that one with --dataset",
                )
            elif not is_picture_file(entry):
                self._foreign(entry, student_id)
            else:
                images += 1
                self._image(entry, student_id)
        if not images:
            self._report(IssueKind.EMPTY_FOLDER, folder, student_id, "holds no images")

    def _image(self, path: Path, student_id: str) -> None:
        try:
            size = path.stat().st_size
            if size == 0:
                problem = "is empty (0 bytes)"
            elif size > self._limits.max_bytes:
                problem = f"has {size:,} bytes, more than the {self._limits.max_bytes:,} allowed; save it smaller"
            elif not path.is_file():
                problem = "is not an ordinary file"
            else:
                with path.open("rb") as stream:
                    sha = hashlib.file_digest(stream, "sha256").hexdigest()
                self.samples.append(Sample(student_id, path, sha))
                return
        except OSError as error:
            problem = f"cannot be read: {error.strerror or error}"
        self._report(IssueKind.UNREADABLE, path, student_id, f"{problem}; it is not used")

    def _is_unwanted(self, entry: Path, student_id: str | None) -> bool:
        """Whether the entry is hidden or leads out of the root; reported when it does."""
        if entry.name.startswith(".") or entry.name.lower() in SYSTEM_FILES:
            self._report(IssueKind.HIDDEN_FILE, entry, student_id, "is a hidden or system file; it is not used")
            return True
        try:
            inside = entry.resolve().is_relative_to(self._real_root)
        except (OSError, RuntimeError):  # a link to itself
            inside = False
        if not inside:
            self._report(
                IssueKind.OUTSIDE_LINK,
                entry,
                student_id,
                "is a link that leads out of the data set folder; it is not followed. Copy the images in",
            )
        return not inside

    def _foreign(self, entry: Path, student_id: str | None) -> None:
        self._report(IssueKind.FOREIGN_FILE, entry, student_id, f"is not used: {foreign(entry)}")

    def _report(self, kind: IssueKind, path: Path, student_id: str | None, what: str) -> None:
        self.issues.append(DatasetIssue(kind, f"{display_name(self.root, path)} {what}.", path, student_id))


def student_id_problem(student_id: str) -> str | None:
    """Why ``student_id`` cannot be one, or None when it can."""
    if not student_id:
        return "it is empty"
    if any(unicodedata.category(character) in UNUSABLE_CATEGORIES for character in student_id):
        return "it contains control characters or is not valid text"
    if student_id != student_id.strip() or student_id.strip(".") != student_id:
        return "it begins or ends with a space or a dot"
    if len(student_id) > LONGEST_STUDENT_ID:
        return f"it has {len(student_id)} characters, more than {LONGEST_STUDENT_ID}"
    return None


def foreign(path: Path) -> str:
    """What a file that is no picture is instead, a clause."""
    try:
        if not path.is_file():
            return "it is not an ordinary file"
        with path.open("rb") as file:
            return what_is(file.read(64))
    except OSError as error:
        return f"it cannot be read: {error.strerror or error}"


def display_name(root: Path, path: Path) -> str:
    """``path`` below ``root`` as it may be shown: forward slashes, nothing that upsets a terminal."""
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
    return "".join(
        c if unicodedata.category(c) not in UNUSABLE_CATEGORIES else "\N{REPLACEMENT CHARACTER}" for c in name
    )


def _other_files(count: int) -> str:
    return "1 other file" if count == 1 else f"{count} other files"


def _sorted_entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir(), key=lambda path: path.name)


def _without_duplicates(root: Path, samples: Iterable[Sample], issues: list[DatasetIssue]) -> list[Sample]:
    """Each file's bytes once per student, and not at all when two students have them: one of the two is wrong."""
    same_bytes: dict[str, list[Sample]] = defaultdict(list)
    kept = []
    samples = list(samples)
    for sample in samples:
        same_bytes[sample.sha256].append(sample)
    for sample in samples:
        twins = same_bytes[sample.sha256]
        others = [twin for twin in twins if twin.student_id != sample.student_id]
        name = display_name(root, sample.path)
        if others:
            message = (
                f"{name} is the same file as {display_name(root, others[0].path)}, but they are two students. "
                "One of them is wrong, so it is used for neither; delete the wrong one."
            )
            issues.append(DatasetIssue(IssueKind.CONFLICTING_DUPLICATE, message, sample.path, sample.student_id))
        elif twins[0] is not sample:
            message = f"{name} is the same file as {display_name(root, twins[0].path)}; it is used once."
            issues.append(DatasetIssue(IssueKind.EXACT_DUPLICATE, message, sample.path, sample.student_id))
        else:
            kept.append(sample)
    return kept
