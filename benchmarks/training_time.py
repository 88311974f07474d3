"""How long training takes: 50 students with 10 photos each from an empty cache, then with one student more.

    python benchmarks/training_time.py [--students 50] [--embedder facenet] [--json FILE]

The command is run as a user runs it, each time in a process of its own. "whole" is from start to exit; "libraries" and
the start of Python are in it (PyTorch, scikit-learn and matplotlib take seconds to import); "training" is the rest.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from lfw import EMBEDDERS, ROOT, STUDENT_PHOTOS, test_data

# Runs the command and prints the peak memory of the process as its last line.
RUN = """
import resource, sys
sys.path.insert(0, sys.argv.pop(1))
import train_production_model
status = train_production_model.main()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
sys.exit(status)
"""


def add_students(dataset: Path, first: int, count: int) -> None:
    people = [
        folder
        for folder in sorted((test_data() / "faces" / "lfw-dev").iterdir())
        if len(list(folder.iterdir())) >= STUDENT_PHOTOS
    ]
    for person in people[first : first + count]:
        (dataset / person.name).mkdir(parents=True)
        for photo in sorted(person.iterdir())[:STUDENT_PHOTOS]:
            shutil.copy(photo, dataset / person.name / photo.name)


def run(work: Path, embedder: str) -> dict[str, Any]:
    result = work / "result.json"
    command = [sys.executable, "-c", RUN, str(ROOT / "backend"), "--dataset", str(work / "dataset")]
    command += ["--output", str(work / "model"), "--embedder", embedder, "--json", str(result), "--without-database"]
    if embedder != "dlib":
        command += ["--weights", str(test_data() / "weights" / "facenet-vggface2-folded.pt")]
    start = time.perf_counter()
    done = subprocess.run(
        command,
        env={**os.environ, "SMARTATTENDANCE_CACHE_DIR": str(work / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    whole = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(done.stderr)
    measured = json.loads(result.read_text(encoding="utf-8"))
    stages: dict[str, float] = measured["seconds"]
    return {
        "photos": measured["photos"],
        "remembered": measured["cached"],
        "whole_s": round(whole, 1),
        "training_s": round(sum(stages.values()) - stages["libraries"], 1),
        "peak_memory_mb": round(int(done.stdout.split()[-1]) / 1024),
        **{f"{stage}_s": round(seconds, 1) for stage, seconds in stages.items()},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", type=int, default=50)
    parser.add_argument("--embedder", choices=("auto", *EMBEDDERS), default="facenet")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for title, first, count in (("empty cache", 0, options.students), ("one student more", options.students, 1)):
            add_students(work / "dataset", first, count)
            rows[title] = run(work, options.embedder)
            print(f"{title}: " + ", ".join(f"{key} {value}" for key, value in rows[title].items()), flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
