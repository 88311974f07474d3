"""Pushes a model into a store, or pulls one out of it, again and again, each time killed (SIGKILL) one step further on,
and prints what is left.

A step is any rename, replace, fsync or removal. Run as a script in a process of its own, because it forks.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any


def main(work: Path, what: str) -> None:
    """what: ``push`` or ``pull`` a new version, or ``withdraw`` the only one from a copy."""
    from cluster.model_store import ModelStore
    from recognizer.erasing import erase_student
    from recognizer.history import publish
    from support.models import make_artifact
    from support.publish_and_die import die_at

    start = work / "start"
    models, store, copy = (start / name for name in ("models", "store", "copy"))
    publish(models, make_artifact("v1", created_at="2026-01-01", students=2), {})
    ModelStore(str(store)).push(models)
    ModelStore(str(store)).pull(copy)
    before = loaded(copy)
    if what == "withdraw":
        erase_student(models, "student-01")
    else:
        publish(models, make_artifact("v2", created_at="2026-01-02", students=4), {})
        # what goes from the manifest goes from the store
        shutil.rmtree(models / "history" / "v1")
        publish(models, make_artifact("v3", created_at="2026-01-03", students=3), {})
    if what != "push":
        ModelStore(str(store)).push(models)

    outcomes = []
    for step in range(1, 200):
        folder = work / f"step-{step}"
        shutil.copytree(start, folder)
        models, store, copy = (folder / name for name in ("models", "store", "copy"))
        child = os.fork()
        if child == 0:
            die_at(step, ("replace", "rename", "fsync", "unlink"))
            if what == "push":
                ModelStore(str(store)).push(models)
            else:
                ModelStore(str(store)).pull(copy)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status)
        if what == "push":  # what a recognizer that looks now gets
            ModelStore(str(store)).pull(copy)
        left = loaded(copy)
        # the next run goes on
        ModelStore(str(store)).push(models)
        ModelStore(str(store)).pull(copy)
        named = json.loads((store / "current.json").read_text())["sha256"]
        files = sorted(path.name.replace(str(named), "NAMED") for path in store.iterdir())
        rubbish = [path.name for path in folder.rglob("*") if ".tmp-" in path.name]
        outcomes.append({"killed": killed, "left": left, "next": loaded(copy), "store": files, "rubbish": rubbish})
        shutil.rmtree(folder)
        if not killed:
            assert os.WEXITSTATUS(status) == 0
            break
    print(json.dumps({"before": before, "outcomes": outcomes}))


def loaded(folder: Path) -> Any:
    from errors import ModelNotFoundError, SmartAttendanceError
    from recognizer.reading import load_artifact

    try:
        artifact, info = load_artifact(folder / "face_classifier_v1.pkl")
    except ModelNotFoundError:
        return None
    except SmartAttendanceError as error:
        return repr(error)
    return [info.model_version, info.verified, artifact.classes.tolist()]


if __name__ == "__main__":
    tests = Path(__file__).parents[1]
    sys.path[:0] = [str(tests), str(tests.parent / "backend")]
    main(Path(sys.argv[1]), sys.argv[2])
