"""Frames over HTTP: how long an answer takes, and how many a second there are, with 1, 4 and 16 clients at once.

    python benchmarks/frames_http.py [--seconds 15] [--clients 1 4 16] [--workers 1 2] [--json FILE]

The server is ``app.py`` in a process of its own, with FaceNet and a model of thirty people; each frame is a JPEG of
1280 x 720 with six of them, in photos it was not trained on. ``recognize``: single pictures, everything computed for
each. ``frames``: the frames of one camera in an open session, whose faces are followed. Each line: answers a second,
median and 95th percentile of those with 200, and how many were 503 or anything else; then the server's memory.
Needs the test data, as FaceNet's weights are there.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import requests
from PIL import Image

from lfw import ROOT, test_data
from scenes import Person, frame, people

sys.path.insert(0, str(ROOT / "tests"))

from attendance.clock import SystemClock
from config import Settings, recognition_environment
from hot_swap import train
from support.hot_swap import lesson
from support.ports import free_port
from support.recognition import FakeRecognizer
from support.service import make_service, make_settings

SIZE, FACES, SHOTS = (1280, 720), 6, 8
READY_WITHIN_SECONDS = 180


@dataclass
class Answers:
    """seconds: of each that was 200. others: how many of each other status."""

    seconds: list[float] = field(default_factory=list)
    others: Counter[int] = field(default_factory=Counter)


def shots(who: list[Person], shift: int) -> list[bytes]:
    """What a camera sends one after the other: everybody stands still but for a few pixels."""
    found = []
    for number in range(SHOTS):
        image = frame([person.unseen[0] for person in who], *SIZE, shift=(shift + number % 3, number % 2))
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=85)
        found.append(buffer.getvalue())
    return found


def send(url: str, headers: dict[str, str], pictures: list[bytes], until: float, answers: Answers) -> None:
    number = 0
    with requests.Session() as session:
        while time.perf_counter() < until:
            captured = {"X-Captured-At": datetime.now(UTC).isoformat(), "Content-Type": "image/jpeg"}
            begun = time.perf_counter()
            picture = pictures[number % len(pictures)]
            answer = session.post(url, data=picture, headers={**headers, **captured}, timeout=60)
            if answer.status_code == 200:
                answers.seconds.append(time.perf_counter() - begun)
            else:
                answers.others[answer.status_code] += 1
                time.sleep(float(answer.headers.get("Retry-After", 0.05)) if answer.status_code == 503 else 0)
            number += 1


def load(url: str, headers: dict[str, str], pictures: list[bytes], clients: int, seconds: float) -> dict[str, Any]:
    send(url, headers, pictures, time.perf_counter() + 2, Answers())  # warm
    each = [Answers() for _ in range(clients)]
    until = time.perf_counter() + seconds
    threads = [threading.Thread(target=send, args=(url, headers, pictures, until, answers)) for answers in each]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = [1000 * value for answers in each for value in answers.seconds]
    if not taken:
        refused = requests.post(url, data=pictures[0], headers={**headers, "Content-Type": "image/jpeg"}, timeout=60)
        raise SystemExit(f"no frame was answered: {refused.status_code} {refused.text[:500]}")
    others = sum((answers.others for answers in each), Counter())
    return {
        "clients": clients,
        "answers_per_second": round(len(taken) / seconds, 1),
        "median_ms": round(statistics.median(taken), 1),
        "p95_ms": round(float(np.percentile(taken, 95)), 1),
        "busy": others.pop(503, 0),
        "errors": sum(others.values()),
    }


@contextmanager
def served(settings: Settings, workers: int) -> Iterator[tuple[str, int]]:
    """The address and the process id of a server with these settings."""
    port = free_port()
    environ = {
        **os.environ,
        **recognition_environment(settings),
        "SMARTATTENDANCE_PORT": str(port),
        "SMARTATTENDANCE_DATA_DIR": str(settings.data_dir),
        "DATABASE_URL": settings.database_url,
        "SMARTATTENDANCE_SECRET_KEY": settings.secret_key or "",
        "SMARTATTENDANCE_FRAMES_PER_SECOND": "1000",
        "SMARTATTENDANCE_INFERENCE_WORKERS": str(workers),
        "SMARTATTENDANCE_INFERENCE_DEADLINE_SECONDS": "30",
        "SMARTATTENDANCE_INFERENCE_QUEUE": "16",
    }
    command = [sys.executable, "app.py"]
    process = subprocess.Popen(command, cwd=ROOT / "backend", env=environ, stdout=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while not is_ready(address):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the server did not start")
            time.sleep(0.2)
        yield address, process.pid
    finally:
        process.terminate()
        process.wait(30)


def is_ready(address: str) -> bool:
    try:
        return requests.get(f"{address}/readyz", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def megabytes(process: int) -> float | None:
    """Resident memory; None where the system does not say."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return None
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


def measure(arguments: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
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
    )
    train(folder, settings)
    service = make_service(settings, SystemClock(), FakeRecognizer())  # type: ignore[arg-type]
    headers, (frames, recognize) = lesson(service, [person.name for person in who])
    service.database.close()
    pictures = shots(who[:FACES], 0)
    results = []
    for workers in arguments.workers:
        with served(settings, workers) as (address, process):
            for path, clients in [(recognize, count) for count in arguments.clients] + [(frames, 1)]:
                row = load(address + path, headers, pictures, clients, arguments.seconds)
                row |= {"path": path.rsplit("/", 1)[-1], "workers": workers, "megabytes": megabytes(process)}
                results.append(row)
                print(row, flush=True)
    return results


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = measure(arguments, Path(folder))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return 1 if any(row["errors"] for row in results) else 0


if __name__ == "__main__":
    sys.exit(main())
