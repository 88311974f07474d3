"""The clip of the sample class walking in: what a camera beside the teacher's desk would see.

Frames are numbered JPEG files, because that is what the server takes; ``clip.mjpeg`` holds the same files one after
another, which Chromium plays as a camera (--use-file-for-fake-video-capture).
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sample_class.members import STRANGERS, STUDENTS, Member
from sample_class.portraits import figure
from sample_class.workers import spread

FPS = 5
SIZE = (1280, 720)
# Width of a face in pixels: at the door, and where the walker leaves the picture.
NEAR, FAR = 130.0, 60.0

Group = Sequence[Member]


def entrance() -> tuple[tuple[Member, ...], ...]:
    """All students and two strangers, in the groups in which they come in."""
    s, x = STUDENTS, STRANGERS
    return (
        (s[0],),
        (s[1], s[2]),
        (s[3], x[0], s[4]),
        (s[5],),
        (s[6], s[7]),
        (s[8], s[9], x[1]),
        (s[10], s[11]),
    )


@dataclass(frozen=True, slots=True)
class Sighting:
    """One walker in one frame. progress: 0 at the door, 1 when leaving the picture. lane: -1..1, left to right."""

    member: Member
    progress: float
    lane: float


def write_clip(
    folder: Path, groups: Sequence[Group] | None = None, seconds: float = 7.0, workers: int | None = None
) -> int:
    """Write the clip into ``folder``, which is replaced as a whole; the number of frames.

    groups: who comes in together, one group after another; None: the whole class and two strangers. seconds: how long
    each group is in view. workers: processes to render in; None: one for each core.

    Writes 0001.jpg ..., clip.mjpeg and clip.json: ``fps``, ``size`` [width, height], ``people`` (student_id -> name)
    and ``frames``, each with its ``file`` and ``in_view``, the student_ids from left to right.
    """
    groups = entrance() if groups is None else groups
    moments = _moments(groups, seconds)
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        names = [f"{number:04d}.jpg" for number in range(1, len(moments) + 1)]
        spread(
            _write_frame,
            [
                (number, moment, str(made / name))
                for number, (moment, name) in enumerate(zip(moments, names, strict=True))
            ],
            workers,
        )
        with (made / "clip.mjpeg").open("wb") as stream:
            for name in names:
                stream.write((made / name).read_bytes())
        listed = {
            "fps": FPS,
            "size": list(SIZE),
            "people": {member.student_id: member.name for group in groups for member in group},
            "frames": [
                {"file": name, "in_view": [sighting.member.student_id for sighting in moment]}
                for name, moment in zip(names, moments, strict=True)
            ],
        }
        (made / "clip.json").write_text(json.dumps(listed, ensure_ascii=False, indent=1), encoding="utf-8")
        made.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        made.rename(folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return len(moments)


def _moments(groups: Sequence[Group], seconds: float) -> list[tuple[Sighting, ...]]:
    """Who is where in each frame."""
    length = max(2, round(seconds * FPS))
    moments = []
    for group in groups:
        lanes = np.linspace(-1, 1, len(group) + 2)[1:-1]
        for number in range(length):
            progress = number / (length - 1)
            moments.append(
                tuple(Sighting(member, progress, float(lane)) for member, lane in zip(group, lanes, strict=True))
            )
    return moments


def _write_frame(task: tuple[int, tuple[Sighting, ...], str]) -> None:
    number, moment, path = task
    picture = Image.fromarray(_room())
    for sighting in moment:
        width = FAR * (NEAR / FAR) ** sighting.progress
        side = round(width / 0.5)
        sprite = Image.fromarray(figure(sighting.member.person, 1000 + number, side))
        sway = 0.05 * width * np.sin(number * 1.3 + 7 * sighting.lane)
        left = SIZE[0] / 2 + sighting.lane * 3.2 * width + sway - side / 2
        picture.paste(sprite, (round(left), round(210 - 0.2 * side)), sprite)
    picture.save(path, quality=88)


def _room() -> NDArray[np.uint8]:
    picture = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
    picture[:] = (196, 194, 184)
    picture[90:560, 520:760] = (126, 98, 72)
    picture[560:] = (120, 112, 104)
    return picture
