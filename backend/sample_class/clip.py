"""The clip of the sample class walking in: what a camera beside the teacher's desk would see.

Frames are numbered JPEG files, because that is what the server takes; ``clip.mjpeg`` holds the same files one after
another, which Chromium plays as a camera (--use-file-for-fake-video-capture).
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops

from sample_class.entrance import FPS, Group, Sighting, entrance, moment_of, stride_of, walk_in
from sample_class.room import SIZE, doorway, room
from sample_class.walking import ABOVE, ASIDE, walker
from sample_class.workers import spread


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
    moments = walk_in(groups, seconds)
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
                {"file": name, "in_view": [each.member.student_id for each in _left_to_right(moment)]}
                for name, moment in zip(names, moments, strict=True)
            ],
        }
        (made / "clip.json").write_text(json.dumps(listed, ensure_ascii=False, indent=1), encoding="utf-8")
        made.chmod(0o755)
        if folder.exists():
            # moved aside first: to remove it takes time, in which there would be no clip
            old = made / "before"
            folder.rename(old)
            try:
                made.rename(folder)
            except BaseException:
                old.rename(folder)
                raise
            shutil.rmtree(folder / "before")
        else:
            made.rename(folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return len(moments)


def _left_to_right(moment: Sequence[Sighting]) -> list[Sighting]:
    return sorted((each for each in moment if each.in_view), key=lambda each: each.x)


def _write_frame(task: tuple[int, tuple[Sighting, ...], str]) -> None:
    number, moment, path = task
    picture = Image.fromarray(room())
    for sighting in moment:
        below = (SIZE[1] - sighting.y) / sighting.scale + 0.5
        sprite = Image.fromarray(
            walker(sighting.member.person, moment_of(sighting, number), sighting.scale, stride_of(sighting), below)
        )
        place = round(sighting.x - ASIDE * sighting.scale), round(sighting.y - ABOVE * sighting.scale)
        layer = Image.new("L", SIZE)
        layer.paste(sprite.getchannel("A"), place)
        if sighting.in_corridor:
            layer = ImageChops.multiply(layer, Image.fromarray(doorway()))
        whole = Image.new("RGB", SIZE)
        whole.paste(sprite.convert("RGB"), place)
        picture.paste(whole, (0, 0), layer)
    grain = np.random.default_rng([number, 0x6A1]).integers(-3, 4, (SIZE[1], SIZE[0], 1), dtype=np.int16)
    noisy = np.clip(np.asarray(picture, np.int16) + grain, 0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(path, quality=88)
