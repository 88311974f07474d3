"""Stands in for the training command: says that it is under way, then does what the file ``go`` in the folder of the
variable FAKE_TRAINING says. Only the training itself is made up; progress file, lock, signals and publication are the
real ones."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent / "backend")]

from training.progress import ProgressFile  # noqa: E402


def main() -> int:
    folder = Path(os.environ["FAKE_TRAINING"])
    parser = argparse.ArgumentParser()
    parser.add_argument("--progress", type=Path)
    parser.add_argument("--only", type=Path)
    arguments, options = parser.parse_known_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ProgressFile(arguments.progress) as file:
        try:
            (folder / "seen").write_text("\n".join([*options, os.environ.get("SMARTATTENDANCE_DEVICE", "")]), "utf-8")
            print("Training \N{SNOWMAN}", flush=True)
            file.begin("embed", "Embedding the photos")
            with file.show("Embedding the photos") as show:
                show(1, 2)
                show(2, 2)
            while not (folder / "go").exists():
                time.sleep(0.02)
            return act((folder / "go").read_text("utf-8"), arguments.only, file)
        except KeyboardInterrupt:
            file.end("interrupted", "Interrupted.")
            return 130


def act(what: str, only: Path, file: ProgressFile) -> int:
    if what == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        file.begin("train", "Not listening")
        time.sleep(60)
    if what == "fail":
        file.end("failed", "no student has 2 images or more that can be used")
        return 2
    if what == "crash":
        os._exit(3)
    import numpy as np

    from recognizer.history import publish
    from support.models import make_artifact

    students = only.read_text("utf-8").splitlines()
    version = f"20261123T080000Z-{os.getpid():06x}"
    artifact = make_artifact(version, students=len(students), classes=np.array(sorted(students)))
    file.begin("publish", version)
    publish(Path(os.environ["SMARTATTENDANCE_MODEL_DIR"]), artifact, {"training_summary.txt": b"fine"})
    if what == "die after publishing":
        os.kill(os.getpid(), signal.SIGKILL)
    file.end("done", version)
    return 0


if __name__ == "__main__":
    sys.exit(main())
