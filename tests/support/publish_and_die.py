"""Publishes a model again and again, each time killed (SIGKILL) one step further on, and prints what is left.

A step is any rename, replace or fsync. Run as a script in a process of its own, because it forks.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main(work: Path, first_is_legacy: bool) -> None:
    from errors import SmartAttendanceError
    from recognizer.history import activate, list_versions, publish
    from recognizer.reading import load_artifact
    from support.models import make_artifact

    before, after = (
        make_artifact("v1", created_at="2026-01-01"),
        make_artifact("v2", created_at="2998-01-01", students=4),
    )
    start = work / "start"
    if first_is_legacy:
        shutil.copytree(Path(__file__).parents[1] / "fixtures" / "models" / "bare-numbers", start)
    else:
        publish(start, before, {"notes.txt": b"one"})

    def loaded(folder: Path) -> Any:
        try:
            artifact, info = load_artifact(folder / "face_classifier_v1.pkl")
            return [info.model_version, artifact.classes.tolist()]
        except SmartAttendanceError as error:
            return repr(error)

    outcomes = []
    for step in range(1, 200):
        folder = work / f"step-{step}"
        shutil.copytree(start, folder)
        child = os.fork()
        if child == 0:
            die_at(step)
            publish(folder, after, {"notes.txt": b"two", "scores.png": b"png"})
            os._exit(0)
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status)
        left = loaded(folder)
        # The next run clears up, publishes, and can go back to what was there before.
        publish(folder, make_artifact("v3", created_at="2999-01-01"), {})
        next_version = loaded(folder)[0]
        versions = [stored.version for stored in list_versions(folder)]
        activate(folder, versions[-1])
        rubbish = [str(path) for path in folder.rglob("*.tmp-*")]
        outcome = {"killed": killed, "left": left, "next": next_version, "versions": versions}
        outcomes.append({**outcome, "back": loaded(folder), "rubbish": rubbish})
        shutil.rmtree(folder)
        if not killed:
            assert os.WEXITSTATUS(status) == 0
            break
    print(json.dumps({"before": loaded(start), "outcomes": outcomes}))


def die_at(step: int, calls: tuple[str, ...] = ("replace", "rename", "fsync")) -> None:
    count = 0

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal count
            count += 1
            if count == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **named)

        return call

    for name in calls:
        setattr(os, name, counted(getattr(os, name)))


if __name__ == "__main__":
    tests = Path(__file__).parents[1]
    sys.path[:0] = [str(tests), str(tests.parent / "backend")]
    main(Path(sys.argv[1]), sys.argv[2] == "legacy")
