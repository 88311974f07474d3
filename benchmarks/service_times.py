"""What a frame takes of one core, by how many faces are in it: what ``simulate_lecture.py`` draws from.

    python benchmarks/service_times.py [--rounds 12] [--json benchmarks/service_times.json]

Milliseconds of processor time of a process that may use one core, as a recognizer of the cluster does: other programs
on the machine do not change that by much. Frames of nobody, and of people whom the model knows. ``whole``: a single
picture. ``second``: one of the frames that a camera sends once a second; ``tenth``: ten times a second, when faces are
followed from one to the next. Beside them what a server process has to do for each: ``decode`` its JPEG. Takes a
minute. Needs the test data, as FaceNet's weights are there.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# before anything starts threads
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import numpy as np
from PIL import Image

from frames import NETWORKS, FixedModel
from lfw import ROOT, build, load_model_of
from recognizer.assembly import build_detector
from recognizer.compute import Compute
from recognizer.detector import DetectorConfig
from recognizer.images import ImageLimits, decode
from recognizer.pipeline import FaceRecognizer
from recognizer.tracking import Tracker
from recognizer.types import RGBImage
from scenes import Person, frame, people, room

FILE = ROOT / "benchmarks" / "service_times.json"
SIZES = ((640, 480), (1280, 720))
FACES = (0, 1, 6, 30)
PEOPLE, WARM_UP = 40, 3
# Seconds from one frame to the next; None: each is the only one.
KINDS: dict[str, float | None] = {"whole": None, "second": 1.0, "tenth": 0.1}


def processor_ms(function: Callable[[], Any]) -> float:
    begun = time.process_time()
    function()
    return 1000 * (time.process_time() - begun)


def model(recognizer_parts: tuple[Any, Any], who: list[Person]) -> FixedModel:
    detector, embedder = recognizer_parts
    vectors, names = [], []
    for person in who:
        for photo in person.trained:
            if faces := detector.detect(photo):
                vectors.append(embedder.embed(photo, faces[:1]))
                names.append(person.name)
    return FixedModel(load_model_of(np.concatenate(vectors), np.array(names)))


def known_photos(recognizer: FaceRecognizer, who: list[Person]) -> list[RGBImage]:
    """Of each person a photo that the model was not trained on and names."""
    found = []
    for person in who:
        for photo in person.unseen:
            faces = recognizer.recognize(frame([photo], *SIZES[0])).faces
            if faces and faces[0].identity.student_id == person.name:
                found.append(photo)
                break
    return found[: max(FACES)]


def record(
    recognizer: FaceRecognizer, photos: list[RGBImage], size: tuple[int, int], rounds: int
) -> list[dict[str, Any]]:
    """One row for each kind of frame."""
    times: dict[str, list[float]] = {kind: [] for kind in (*KINDS, "decode")}
    trackers = {kind: Tracker(needed=2) for kind, gap in KINDS.items() if gap is not None}
    limits = ImageLimits(20_000_000, 50_000_000)
    sizes = []
    for number in range(rounds + WARM_UP):
        shift = (number % 5, number % 3)
        image = frame(photos, *size, shift=shift) if photos else room(*size, seed=number)
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=85)
        taken = {"decode": processor_ms(lambda: decode(buffer.getvalue(), limits))}  # noqa: B023
        for kind, gap in KINDS.items():
            if gap is None:
                taken[kind] = processor_ms(lambda: recognizer.recognize(image))  # noqa: B023
            else:
                at, tracker = gap * (number + 1), trackers[kind]
                taken[kind] = processor_ms(
                    lambda: recognizer.recognize(image, tracker=tracker, captured_at=at)  # noqa: B023
                )
        if number >= WARM_UP:
            sizes.append(len(buffer.getvalue()))
            for kind, milliseconds in taken.items():
                times[kind].append(round(milliseconds, 2))
    return [
        {
            "kind": kind,
            "size": list(size),
            "faces": len(photos),
            "mean": round(statistics.mean(each), 1),
            "milliseconds": sorted(each),
            **({"bytes": round(statistics.mean(sizes))} if kind == "decode" else {}),
        }
        for kind, each in times.items()
    ]


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--json", type=Path, metavar="FILE", help=f"write them, for the simulation: {FILE.name}")
    arguments = parser.parse_args()
    compute = Compute(device="cpu", threads=1, folder=NETWORKS)
    detector, embedder = build_detector(DetectorConfig(), compute), build("facenet", compute)
    who = people(PEOPLE)
    recognizer = FaceRecognizer(detector, embedder, model((detector, embedder), who))
    photos = known_photos(recognizer, who)
    rows = []
    for size in SIZES:
        for count in FACES:
            for row in record(recognizer, photos[:count], size, arguments.rounds):
                rows.append(row)
                print({name: value for name, value in row.items() if name != "milliseconds"}, flush=True)
    if arguments.json:
        lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
        head = json.dumps({"processor": processor(), "cores": 1})[:-1]
        arguments.json.write_text(f'{head}, "frames": [\n{lines}\n]}}\n', encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
