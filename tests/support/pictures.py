"""Pictures of the sample class's people, so that real detection and recognition can be tested on every machine without
a photo of anybody. ``person`` fixes who it is, ``shot`` what changes from one photo to the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sample_class.portraits import portrait
from sample_class.workers import spread


def face_picture(person: int, shot: int = 0, size: int = 160) -> NDArray[np.uint8]:
    """Shot number ``shot`` of person ``person``: (size, size, 3) uint8 RGB, one face half as wide."""
    return _rendered(person, shot, size).copy()


def face_pictures(people: Iterable[tuple[int, int]], size: int = 160) -> list[NDArray[np.uint8]]:
    """The pictures of many (person, shot) at once, rendered on all cores."""
    return spread(_picture, [(person, shot, size) for person, shot in people])


def write_class(folder: Path, people: Iterable[int], shots: int) -> list[str]:
    """Write ``shots`` pictures of each of ``people`` as ``folder/student-07/3.jpg``; the student ids, in order."""
    ids = []
    for person in people:
        student = f"student-{person:02d}"
        target = folder / student
        target.mkdir(parents=True, exist_ok=True)
        for shot in range(shots):
            Image.fromarray(face_picture(person, shot)).save(target / f"{shot}.jpg", quality=95)
        ids.append(student)
    return ids


# Many tests ask for the same ones, and drawing takes longer than looking.
@lru_cache(maxsize=600)
def _rendered(person: int, shot: int, size: int) -> NDArray[np.uint8]:
    return portrait(person, shot, size)


def _picture(task: Sequence[int]) -> NDArray[np.uint8]:
    return portrait(*task)
