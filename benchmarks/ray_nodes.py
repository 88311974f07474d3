"""What machines of a Ray cluster carry: frames a second of one node of one processor, and of two, in one run.

    python benchmarks/ray_nodes.py [--seconds 15] [--rounds 3] [--json FILE]

A cluster on this machine: a head without processors for recognition, and two nodes, each bound to a core of its own
with all that runs on it. The recognizers are those that ``app.py recognizers`` starts, and are asked as the server's
processes ask, with decoded frames of 640 x 480 with six faces from eight threads. One and two nodes take turns. On a
machine of two cores who asks, and Ray itself, share them with the second node. Beside them the embedded recognizer,
bound to one core and to two. Needs the test data, as FaceNet's weights are there, and Ray (pip install -r
requirements-cluster.txt).
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from lfw import ROOT, test_data
from scenes import frame, people

sys.path.insert(0, str(ROOT / "tests"))

from PIL import Image
from ray import serve

from cluster import deployment
from cluster.connection import APPLICATION
from cluster.recognizer import RayRecognizer
from config import Settings
from errors import BusyError
from hot_swap import train
from live_recognition import live_recognizer
from recognizer.types import RGBImage
from support.ray_cluster import ray_cluster
from support.service import make_settings

SIZE, FACES, SENDERS, WARM_UP_SECONDS = (640, 480), 6, 8, 3.0


def rate(
    recognize: Callable[[RGBImage], Any], images: list[RGBImage], seconds: float, senders: int
) -> dict[str, float]:
    """Answers a second, and how long one took (median and 95th percentile, milliseconds)."""
    taken: list[float] = []
    busy = 0
    until = time.perf_counter() + seconds

    def send(number: int) -> None:
        nonlocal busy
        while time.perf_counter() < until:
            begun = time.perf_counter()
            try:
                recognize(images[number % len(images)])
                taken.append(1000 * (time.perf_counter() - begun))
            except BusyError:
                busy += 1
            number += 1

    threads = [threading.Thread(target=send, args=(number,)) for number in range(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken.sort()
    return {
        "frames_per_second": round(len(taken) / seconds, 2),
        "median_ms": round(statistics.median(taken), 1),
        "p95_ms": round(taken[int(0.95 * (len(taken) - 1))], 1),
        "busy": busy,
    }


def school(folder: Path) -> tuple[Settings, list[RGBImage]]:
    """Settings with a model of thirty people, and frames of six of them."""
    who = people(30)
    for person in who:
        (folder / "photos" / person.name).mkdir(parents=True)
        for number, photo in enumerate(person.trained):
            Image.fromarray(photo).save(folder / "photos" / person.name / f"{number}.png")
    settings = make_settings(
        folder,
        f"sqlite:///{folder / 'frames.sqlite3'}",
        embedder="facenet",
        facenet_weights=test_data() / "weights" / "facenet-vggface2-folded.pt",
        recognizer="ray",
        inference_deadline_seconds=30.0,
    )
    train(folder, settings)
    images = [frame([each.unseen[number % 4] for each in who[:FACES]], *SIZE, shift=(number, 0)) for number in range(8)]
    return settings, images


@contextmanager
def bound_to(*cores: int) -> Iterator[None]:
    """What is started meanwhile computes on these cores alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def embedded(settings: Settings, images: list[RGBImage], cores: int, seconds: float) -> dict[str, float]:
    with bound_to(*range(cores)):
        recognizer = live_recognizer(replace(settings, threads=cores, recognizer="embedded"))
        recognizer.start()
        try:
            return rate(recognizer.recognize, images, seconds, 2)
        finally:
            recognizer.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    logging.disable(logging.INFO)
    rows: dict[str, list[dict[str, float]]] = {
        "one": [],
        "two": [],
        "embedded, one core": [],
        "embedded, two cores": [],
    }
    with tempfile.TemporaryDirectory() as name:
        settings, images = school(Path(name))
        for cores, label in ((1, "embedded, one core"), (2, "embedded, two cores")):
            rows[label].append(embedded(settings, images, cores, arguments.seconds))
        with ray_cluster(nodes=1, head_cpus=0) as cluster:
            for core in (0, 1):
                with bound_to(core):
                    cluster.add_node()
            for _ in range(arguments.rounds):
                for word, count in (("one", 1), ("two", 2)):
                    here = replace(
                        settings, ray_address=cluster.address, ray_least_replicas=count, ray_most_replicas=count
                    )
                    deployment.deploy(here)
                    recognizer = RayRecognizer(here)
                    recognizer.start()
                    wait_for(count)
                    rate(recognizer.recognize, images, WARM_UP_SECONDS, SENDERS)
                    rows[word].append(rate(recognizer.recognize, images, arguments.seconds, SENDERS))
                    print(word, rows[word][-1], flush=True)
    for label, found in rows.items():
        print(
            f"{label:20} {statistics.median(row['frames_per_second'] for row in found):6.2f} frames a second  {found}"
        )
    ratio = statistics.median(
        two["frames_per_second"] / one["frames_per_second"] for one, two in zip(rows["one"], rows["two"], strict=True)
    )
    print(f"two nodes of one processor carry {ratio:.2f} times what one carries")
    if arguments.json:
        arguments.json.write_text(json.dumps({**rows, "ratio": ratio}, indent=2) + "\n", encoding="utf-8")
    return 0


def wait_for(count: int) -> None:
    """Until there are so many recognizers, and not one more."""
    while True:
        states = serve.status().applications[APPLICATION].deployments["recognizer"].replica_states
        if {str(getattr(state, "value", state)): number for state, number in states.items() if number} == {
            "RUNNING": count
        }:
            return
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
