"""Photos of the sample class, in the folders that training reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from sample_class.members import Member
from sample_class.portraits import portrait
from sample_class.workers import spread


def write_photos(
    folder: Path, members: Sequence[Member], shots: int = 12, size: int = 200, workers: int | None = None
) -> int:
    """Write shots 0..``shots`` - 1 of each member as ``folder/<student_id>/<nn>.jpg``; the number of photos.

    workers: processes to render in; None: one for each core.
    """
    tasks = []
    for member in members:
        target = folder / member.student_id
        target.mkdir(parents=True, exist_ok=True)
        tasks += [(member.person, shot, size, str(target / f"{shot + 1:02d}.jpg")) for shot in range(shots)]
    spread(_write_photo, tasks, workers)
    return len(tasks)


def _write_photo(task: tuple[int, int, int, str]) -> None:
    person, shot, size, path = task
    Image.fromarray(portrait(person, shot, size)).save(path, quality=93)
