"""Answers a second over HTTP as more and more cameras send than can be served, embedded and in a cluster.

    python benchmarks/overload.py [--cameras 2 8 40] [--seconds 30] [--rounds 2] [--kinds embedded ray] [--json FILE]

Each camera sends JPEGs of 1280 x 720 with six faces to one open session, the next as soon as one is answered; one that
is sent away with 503 waits as long as it is told. The server is ``app.py`` in a process of its own with its ordinary
limits; the cluster is on this machine, a head and a node with a recognizer for each core. ``of_best``: the share of
the best row of that kind and round. Needs the test data and, for the cluster, Ray (requirements-cluster.txt).
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import requests

from frames_http import FACES, Answers, send, shots
from lfw import ROOT
from ray_nodes import school
from scenes import people

sys.path.insert(0, str(ROOT / "tests"))

from attendance.clock import SystemClock
from cluster import deployment
from config import Settings
from support.campus import server
from support.ports import free_port
from support.ray_cluster import ray_cluster
from support.recognition import FakeRecognizer
from support.service import make_service

WARM_UP_SECONDS = 5.0


def lesson(settings: Settings, cameras: int) -> tuple[str, list[dict[str, str]]]:
    """Where the frames of an open session are sent, and the headers of each camera."""
    service = make_service(replace(settings, recognizer="embedded"), SystemClock(), FakeRecognizer())  # type: ignore[arg-type]
    staff = [service.user() for _ in range(cameras)]
    course = service.course(staff=tuple(staff))
    service.enrol(course, *(service.student(person.name) for person in people(30)))
    session = service.session(course)
    programs = [service.program(each) for each in staff]
    assert programs[0].post(f"/sessions/{session}/open").status_code == 200
    service.database.close()
    return f"/api/v1/sessions/{session}/frames", [dict(program.headers) for program in programs]


def load(url: str, senders: list[dict[str, str]], pictures: list[bytes], seconds: float) -> dict[str, Any]:
    """What cameras heard that sent all the while: those of the first seconds are not counted."""
    begun = time.perf_counter() + WARM_UP_SECONDS
    until = begun + seconds
    each = [Answers() for _ in senders]
    threads = [
        threading.Thread(target=send, args=(url, headers, pictures, until, answers))
        for headers, answers in zip(senders, each, strict=True)
    ]
    for thread in threads:
        thread.start()
    time.sleep(max(0.0, begun - time.perf_counter()))
    before = sum(len(answers.seconds) for answers in each)
    time.sleep(max(0.0, until - time.perf_counter()))
    answered = sum(len(answers.seconds) for answers in each) - before
    for thread in threads:
        thread.join()
    others = sum((answers.others for answers in each), Counter())
    return {
        "cameras": len(senders),
        "answers_per_second": round(answered / seconds, 2),
        "busy": others.pop(503, 0),
        "errors": sum(others.values()),
    }


@contextmanager
def served(settings: Settings, folder: Path) -> Iterator[str]:
    with ExitStack() as stack:
        if settings.recognizer == "ray":
            cores = os.cpu_count() or 1
            cluster = stack.enter_context(ray_cluster(nodes=2, cpus=cores, head_cpus=0))
            settings = replace(settings, ray_address=cluster.address, ray_least_replicas=cores, ray_most_replicas=cores)
            deployment.deploy(settings)
        port = free_port()
        stack.enter_context(server(settings, folder, 0, port))
        yield f"http://127.0.0.1:{port}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, nargs="+", default=[2, 8, 40])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--kinds", nargs="+", choices=("embedded", "ray"), default=["embedded", "ray"])
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    logging.disable(logging.INFO)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings, _ = school(folder)
        settings = replace(settings, inference_deadline_seconds=Settings.inference_deadline_seconds)
        path, senders = lesson(settings, max(arguments.cameras))
        pictures = shots(people(FACES), 0)
        for kind in arguments.kinds:
            with served(replace(settings, recognizer=kind), folder) as address:
                for number in range(arguments.rounds):
                    found = [
                        load(address + path, senders[:count], pictures, arguments.seconds)
                        for count in arguments.cameras
                    ]
                    best = max(row["answers_per_second"] for row in found)
                    for row in found:
                        row |= {"kind": kind, "round": number, "of_best": round(row["answers_per_second"] / best, 2)}
                        print(row, flush=True)
                    rows += found
                metrics = requests.get(f"{address}/metrics", timeout=30).text
                print(*(line for line in metrics.splitlines() if line.startswith("smartattendance_frames_")), sep="\n")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 1 if any(row["errors"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
