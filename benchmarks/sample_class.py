"""The sample class: how long its pictures take, how surely its faces are found, and how well they are told apart.

    python benchmarks/sample_class.py [--shots 12] [--size 200] [--json FILE]

The students' pictures are those the demo trains on, and as many of the strangers are drawn. FaceNet is measured where
its weights are on this machine (SMARTATTENDANCE_FACENET_WEIGHTS, or downloaded by an earlier training), dlib always.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "backend"))

from config import Settings
from errors import SmartAttendanceError
from recognizer.assembly import build_detector, build_embedder
from recognizer.compute import Compute
from recognizer.detector import DetectorConfig
from recognizer.quality import assess
from recognizer.weights import default_cache_dir, resolve_weights
from sample_class.members import STRANGERS, STUDENTS
from sample_class.portraits import portrait
from sample_class.workers import spread


def picture(task: tuple[int, int, int]) -> np.ndarray:
    return portrait(*task)


def distances(embedded: np.ndarray, people: np.ndarray) -> dict[str, float]:
    """Of unit vectors: within a person the mean and the largest, between people the mean and the smallest."""
    apart = np.sqrt(np.maximum(2 - 2 * embedded @ embedded.T, 0))
    pairs = np.triu_indices(len(people), 1)
    same = (people[:, None] == people[None])[pairs]
    within, between = apart[pairs][same], apart[pairs][~same]
    return {
        "within": float(within.mean()),
        "within_most": float(within.max()),
        "between": float(between.mean()),
        "between_least": float(between.min()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the pictures of the sample class.")
    parser.add_argument("--shots", type=int, default=12, help="pictures of each person")
    parser.add_argument("--size", type=int, default=200, help="pixels")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    asked = parser.parse_args()
    members = (*STUDENTS, *STRANGERS)
    tasks = [(member.person, shot, asked.size) for member in members for shot in range(asked.shots)]
    people = np.repeat(np.arange(len(members)), asked.shots)

    start = time.perf_counter()
    for task in tasks[:20]:
        picture(task)
    alone = 1000 * (time.perf_counter() - start) / len(tasks[:20])
    start = time.perf_counter()
    pictures = spread(picture, tasks)
    together = 1000 * (time.perf_counter() - start) / len(tasks)
    detector = build_detector(DetectorConfig(), Compute(device="cpu"))
    found = [faces for i in range(0, len(tasks), 32) for faces in detector.detect_batch(pictures[i : i + 32])]
    figures: dict[str, Any] = {
        "pictures": len(tasks),
        "milliseconds_in_one_process": alone,
        "milliseconds_on_all_cores": together,
        "with_one_face": sum(len(faces) == 1 for faces in found),
        "least_probability": min((faces[0].probability if faces else 0.0) for faces in found),
        "good_enough_to_enrol": sum(assess(image, faces).good for image, faces in zip(pictures, found, strict=True)),
    }
    print(
        f"{len(tasks)} pictures of {asked.size} pixels: {alone:.0f} ms each in one process, {together:.0f} on all cores"
    )
    print(
        f"one face found in {figures['with_one_face']}, probability at least {figures['least_probability']:.3f}; "
        f"{figures['good_enough_to_enrol']} good enough to enrol"
    )
    settings = Settings.from_env()
    for name in ("dlib", "facenet"):
        try:
            weights = resolve_weights(
                name,
                facenet_file=settings.facenet_weights,
                cache_dir=settings.cache_dir or default_cache_dir(),
                allow_download=False,
                progress=None,
                announce=lambda line: None,
            )
        except SmartAttendanceError as error:
            print(f"{name}: not measured; {error}")
            continue
        embedder = build_embedder(weights, Compute(device="cpu"))
        kept = [i for i, faces in enumerate(found) if faces]
        embedded = np.stack([embedder.embed(pictures[i], found[i][:1])[0] for i in kept])
        figures[name] = distances(embedded, people[kept])
        print(
            "{}: distance within a person {within:.2f} on average and {within_most:.2f} at most, between people "
            "{between:.2f} and {between_least:.2f} at least".format(name, **figures[name])
        )
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
