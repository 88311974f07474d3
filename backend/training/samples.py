"""What a data set consists of: images with their owners, and what is wrong with some of them."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from errors import DatasetError
from recognizer.images import ImageLimits

SMALLEST_CLASS = 2  # students; with one there is nobody to tell apart
DEFAULT_LIMITS = ImageLimits()
DEFAULT_MIN_IMAGES = 2  # per student: one to learn from, one to check with


class IssueKind(StrEnum):
    """What can be wrong with a file, a folder or a student. The comment says what becomes of it."""

    HIDDEN_FILE = "hidden_file"  # not used
    FOREIGN_FILE = "foreign_file"  # not used
    NESTED_FOLDER = "nested_folder"  # not used
    OUTSIDE_LINK = "outside_link"  # not followed
    LOOSE_FILE = "loose_file"  # not used: nobody knows whose it is
    EMPTY_FOLDER = "empty_folder"  # no student
    UNREADABLE_FOLDER = "unreadable_folder"  # no student
    UNREADABLE = "unreadable"  # not used
    SAME_STUDENT = "same_student"  # used: two folders whose names differ only in case or form
    BAD_STUDENT_ID = "bad_student_id"  # no student
    EXACT_DUPLICATE = "exact_duplicate"  # used once
    CONFLICTING_DUPLICATE = "conflicting_duplicate"  # used for nobody
    TOO_FEW_IMAGES = "too_few_images"  # no student
    NOT_LISTED = "not_listed"  # no student
    NO_FOLDER = "no_folder"  # no student
    NEAR_DUPLICATE = "near_duplicate"  # used, but kept on one side of a split
    PROBABLE_MISLABEL = "probable_mislabel"  # used; a person should look
    NO_FACE = "no_face"  # used whole; a person should look


@dataclass(frozen=True, slots=True)
class DatasetIssue:
    """One thing a person should know about the data set. message: a whole sentence that names the file or folder,
    relative to the root. path: the file or folder it is about; None when it is about a student as a whole."""

    kind: IssueKind
    message: str
    path: Path | None = None
    student_id: str | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One image of one student. sha256: of the file's bytes, 64 hexadecimal digits."""

    student_id: str
    path: Path
    sha256: str

    @property
    def is_there(self) -> bool:
        """Whether nobody has deleted the file since."""
        return _is_there(self.path)


# After these an image that somebody put into a student's folder is gone.
LOSSES = frozenset({IssueKind.UNREADABLE, IssueKind.CONFLICTING_DUPLICATE})


def fingerprint(samples: Iterable[Sample]) -> str:
    """SHA-256 (hexadecimal) over the sorted (student id, file SHA-256) pairs: equal for equal training data, wherever
    it lies and whatever its files are called."""
    digest = hashlib.sha256()
    for student_id, sha in sorted((sample.student_id, sample.sha256) for sample in samples):
        digest.update(f"{student_id}\0{sha}\n".encode())
    return digest.hexdigest()


def students_with_enough(
    samples: Sequence[Sample],
    issues: Sequence[DatasetIssue],
    min_images: int,
    *,
    where: Path | None = None,
    passed_over: Sequence[DatasetIssue] = (),
) -> tuple[frozenset[str], tuple[DatasetIssue, ...]]:
    """The students with at least ``min_images`` of ``samples``, and an issue for each of the others, also for those
    who, by ``issues``, lost every image. ``where`` and ``passed_over``, what was left out before, are named in the
    error. Raises DatasetError when fewer than two students remain."""
    if min_images < 1:
        raise DatasetError(f"the minimum number of images must be at least 1, got {min_images}")
    counts = Counter(sample.student_id for sample in samples)
    for issue in issues:
        if issue.kind in LOSSES and issue.student_id:
            counts.setdefault(issue.student_id, 0)
    kept = frozenset(student for student, count in counts.items() if count >= min_images)
    too_few = tuple(
        DatasetIssue(
            IssueKind.TOO_FEW_IMAGES,
            f"{student} has {count_images(counts[student])} that can be used, fewer than the {min_images} needed; "
            "the student is left out. Add photos, or lower the minimum.",
            student_id=student,
        )
        for student in sorted(counts)
        if student not in kept
    )
    if len(kept) < SMALLEST_CLASS:
        why = reasons([*passed_over, *issues])
        raise DatasetError(_too_few_students(kept, counts, min_images, where) + (f" {why}" if why else ""))
    return kept, too_few


def _too_few_students(kept: frozenset[str], counts: Counter[str], min_images: int, where: Path | None) -> str:
    place = f" in {where}" if where else ""
    have = f"only {next(iter(kept))} has" if kept else "no student has"
    short = [f"{student} ({count})" for student, count in sorted(counts.items()) if student not in kept]
    listed = ", ".join(short[:10]) + (f" and {len(short) - 10} more" if len(short) > 10 else "")
    return (
        f"{have} {count_images(min_images)} or more that can be used{place}; a model needs at least {SMALLEST_CLASS} "
        f"students to tell apart. " + (f"Students with fewer images: {listed}. " if short else "") + "Add photos of "
        "the students, one folder each."
    )


_NOT_USED = frozenset(
    {
        IssueKind.FOREIGN_FILE,
        IssueKind.NESTED_FOLDER,
        IssueKind.OUTSIDE_LINK,
        IssueKind.LOOSE_FILE,
        IssueKind.UNREADABLE_FOLDER,
        IssueKind.UNREADABLE,
        IssueKind.BAD_STUDENT_ID,
        IssueKind.EXACT_DUPLICATE,
        IssueKind.CONFLICTING_DUPLICATE,
        IssueKind.NOT_LISTED,
    }
)
_MOST_REASONS = 8


def reasons(issues: Iterable[DatasetIssue]) -> str:
    """What was passed over: each kind with its number and one example. Empty when nothing was."""
    groups: dict[tuple[str, ...], list[DatasetIssue]] = {}
    for issue in issues:
        # what was deleted meanwhile was most likely erased, and its owner is not named again
        if issue.kind in _NOT_USED and (issue.path is None or os.path.lexists(issue.path)):
            groups.setdefault(_alike(issue), []).append(issue)
    if not groups:
        return ""
    most_first = sorted(groups.values(), key=len, reverse=True)
    told = [
        f"{count_files(len(group))} of this kind: {group[0].message}" if len(group) > 1 else group[0].message
        for group in most_first[:_MOST_REASONS]
    ]
    rest = sum(map(len, most_first[_MOST_REASONS:]))
    return "Passed over: " + " ".join(told) + (f" And {rest} more." if rest else "")


def _alike(issue: DatasetIssue) -> tuple[str, ...]:
    """Equal for issues that differ in no more than names and numbers."""
    if issue.kind is not IssueKind.UNREADABLE or issue.path is None:
        return issue.kind, issue.path.suffix.lower() if issue.kind is IssueKind.FOREIGN_FILE and issue.path else ""
    reason = issue.message.rpartition(issue.path.name)[2]
    return issue.kind, re.sub(r"\d[\d,]*", "0", reason), issue.path.suffix.lower()


def count_files(count: int) -> str:
    """``1 file``, ``2 files``."""
    return "1 file" if count == 1 else f"{count} files"


def deleted_students(samples: Iterable[Sample], issues: Iterable[DatasetIssue]) -> set[str]:
    """The students whose files are all deleted since: they were most likely erased."""
    paths = [(sample.student_id, sample.path) for sample in samples]
    paths += [(issue.student_id, issue.path) for issue in issues if issue.student_id and issue.path]
    there = {student_id for student_id, path in paths if _is_there(path)}
    return {student_id for student_id, _ in paths} - there


def count_images(count: int) -> str:
    """``1 image``, ``2 images``."""
    return "1 image" if count == 1 else f"{count} images"


def _is_there(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110  (Path.exists raises where a folder may not be looked into)
