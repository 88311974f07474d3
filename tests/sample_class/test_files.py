"""Photos and clip on disk: complete or not there, and nobody keeps on drawing for a parent who is gone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recognizer.detector import FaceDetector
from sample_class import clip
from sample_class.clip import write_clip
from sample_class.members import STRANGERS, STUDENTS
from sample_class.photos import write_photos

BACKEND = Path(__file__).resolve().parents[2] / "backend"


def test_photos_lie_where_training_looks_for_them(tmp_path: Path) -> None:
    assert write_photos(tmp_path, STUDENTS[:2], shots=2, size=64) == 4
    assert sorted(tmp_path.rglob("*.jpg")) == [
        tmp_path / student / name for student in ("s01", "s02") for name in ("01.jpg", "02.jpg")
    ]
    assert Image.open(tmp_path / "s01" / "01.jpg").size == (64, 64)


@pytest.fixture(scope="module")
def walking_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clip") / "clip"
    assert write_clip(folder, [(STUDENTS[0], STRANGERS[0])], seconds=2.0) == 10
    return folder


def test_a_clip_is_numbered_frames_and_the_same_ones_in_a_row(walking_in: Path) -> None:
    told = json.loads((walking_in / "clip.json").read_text(encoding="utf-8"))
    assert told["fps"] == 5 and told["size"] == [1280, 720]
    assert told["people"] == {"s01": STUDENTS[0].name, "x1": STRANGERS[0].name}
    names = [frame["file"] for frame in told["frames"]]
    assert names == [f"{number:04d}.jpg" for number in range(1, 11)]
    assert (walking_in / "clip.mjpeg").read_bytes() == b"".join((walking_in / name).read_bytes() for name in names)
    assert {path.name for path in walking_in.iterdir()} == {*names, "clip.mjpeg", "clip.json"}
    assert all(Image.open(walking_in / name).size == (1280, 720) for name in names)


def test_who_is_said_to_be_in_view_is_seen_there(walking_in: Path, detector: FaceDetector) -> None:
    told = json.loads((walking_in / "clip.json").read_text(encoding="utf-8"))
    assert any(set(frame["in_view"]) == {"s01", "x1"} for frame in told["frames"])
    for frame in told["frames"]:
        seen = detector.detect(np.asarray(Image.open(walking_in / frame["file"])))
        assert len(seen) <= len(frame["in_view"])
    both = [frame for frame in told["frames"] if len(frame["in_view"]) == 2]
    assert any(len(detector.detect(np.asarray(Image.open(walking_in / frame["file"])))) == 2 for frame in both)


def test_a_clip_that_fails_leaves_the_old_one_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "clip"
    folder.mkdir()
    (folder / "0001.jpg").write_bytes(b"old")

    def broken(task: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(clip, "_write_frame", broken)
    with pytest.raises(OSError, match="no space"):
        write_clip(folder, [(STUDENTS[0],)], seconds=1.0, workers=1)
    assert (folder / "0001.jpg").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["clip"]


def test_a_new_clip_takes_the_place_of_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "clip"
    folder.mkdir()
    (folder / "0099.jpg").write_bytes(b"old")
    monkeypatch.setattr(clip, "_write_frame", lambda task: Path(task[2]).write_bytes(b"new"))
    write_clip(folder, [(STUDENTS[0],)], seconds=0.4, workers=1)
    assert {path.name for path in folder.iterdir()} == {"0001.jpg", "0002.jpg", "clip.mjpeg", "clip.json"}
    assert [path.name for path in tmp_path.iterdir()] == ["clip"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL on Windows")
def test_killed_in_the_middle_the_old_clip_stays_and_no_worker_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "clip"
    folder.mkdir()
    (folder / "0001.jpg").write_bytes(b"old")
    script = tmp_path / "draw.py"
    script.write_text(DRAW_AND_NAME_WORKERS, encoding="utf-8")
    drawing = subprocess.Popen(
        [sys.executable, str(script), str(folder), str(tmp_path / "workers")],
        env={**os.environ, "PYTHONPATH": str(BACKEND)},
    )
    try:
        _until(lambda: any(tmp_path.glob(".clip-*/*.jpg")) and (tmp_path / "workers").is_file())
    finally:
        drawing.kill()
        drawing.wait()
    workers = [int(pid) for pid in (tmp_path / "workers").read_text(encoding="utf-8").split()]
    assert len(workers) == 2
    _until(lambda: not any(_runs(pid) for pid in workers))
    assert [path.name for path in folder.iterdir()] == ["0001.jpg"]
    assert (folder / "0001.jpg").read_bytes() == b"old"


DRAW_AND_NAME_WORKERS = """
import multiprocessing, os, sys, threading, time
from pathlib import Path

from sample_class.clip import write_clip


def name_workers():
    while len(multiprocessing.active_children()) < 2:
        time.sleep(0.02)
    part = Path(sys.argv[2] + ".part")
    part.write_text(" ".join(str(child.pid) for child in multiprocessing.active_children()))
    os.replace(part, sys.argv[2])


if __name__ == "__main__":
    threading.Thread(target=name_workers, daemon=True).start()
    write_clip(Path(sys.argv[1]), workers=2)
"""


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    # one that has ended stays listed until somebody asks for its status
    return not (stat.is_file() and stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z")


def _until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end, "nothing happened for a minute"
        time.sleep(0.05)
