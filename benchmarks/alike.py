"""Classes of people whom the network finds alike: does the threshold that training chose keep what it states?

    python benchmarks/alike.py [--embedder facenet dlib both] [--photos 5 10] [--starts 10] [--json FILE]

Three kinds of classes, the threshold chosen at 1 % strangers (--threshold-percentile 100, so that only the cap on
strangers binds):

- most alike: 10 and 20 students of lfw-dev. The first is given; the student most similar to those chosen is added, one
  after the other. Strangers are the 400 photos of others, students as well, that are most similar to one of the class.
- random: 10 and 20 students of lfw-dev drawn at random; strangers are all who are not among the 79.
- alike-dev: four of its six people with ten photos each, the two others as strangers, in all 15 ways. With 80 photos of
  two strangers 1 % is none at all, and one of them may resemble a student: only the mean says something.

Strangers seen: mean, least and most over the classes. Students found: mean, and at the best threshold, which names 1 %
of these very strangers.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lfw import EMBEDDERS, MISLABELLED, STUDENT_PHOTOS, Faces, load
from openset import Drawn, draw, draw_class, fit, scores
from recognizer.scoring import build_gallery
from recognizer.types import FloatArray
from training.profiles import load_profile
from training.trainer import TrainingConfig

SIZES = (10, 20)
MAX_FPIR = 0.01
MOST_SIMILAR_PHOTOS = 400
ALIKE_DEV_STUDENTS = 4


@dataclass(frozen=True, eq=False)
class Class:
    """drawn: what trains and what probes. strangers: (m,) rows."""

    drawn: Drawn
    strangers: NDArray[np.intp]


def most_alike(faces: Faces, size: int, photos: int, starts: int) -> Iterator[Class]:
    of_student = {name: number for number, name in enumerate(faces.students)}
    own = ~faces.strangers
    labels = np.array([of_student[name] for name in faces.names[own]])
    centroids = build_gallery(faces.embeddings[own], labels, len(faces.students)).centroids
    for start in np.linspace(0, len(faces.students), starts, endpoint=False).astype(int):
        chosen = alike_to(centroids @ centroids.T, int(start), size)
        drawn = draw_class(faces, faces.students[chosen], photos, np.random.default_rng(start))
        others = np.flatnonzero(~np.isin(faces.names, faces.students[chosen]))
        similarity = (faces.embeddings[others] @ centroids[chosen].T).max(axis=1)
        yield Class(drawn, others[np.argsort(-similarity)[:MOST_SIMILAR_PHOTOS]])


def alike_to(similarities: FloatArray, start: int, size: int) -> list[int]:
    """``start`` and, one after the other, whoever is most similar on average to those before. similarities: (N, N)."""
    chosen = [start]
    while len(chosen) < size:
        to_chosen = similarities[:, chosen].mean(axis=1)
        to_chosen[chosen] = -np.inf
        chosen.append(int(to_chosen.argmax()))
    return chosen


def random_classes(faces: Faces, size: int, photos: int, count: int) -> Iterator[Class]:
    for number in range(count):
        drawn = draw(faces, size, photos, np.random.default_rng([size, photos, number]))
        yield Class(drawn, np.flatnonzero(faces.strangers))


def alike_dev(faces: Faces) -> Iterator[Class]:
    for number, students in enumerate(combinations(faces.students, ALIKE_DEV_STUDENTS)):
        drawn = draw_class(faces, np.array(students), STUDENT_PHOTOS, np.random.default_rng(number))
        yield Class(drawn, np.flatnonzero(~np.isin(faces.names, students)))


def measure(embedder: str, kind: str, faces: Faces, classes: Iterator[Class]) -> dict[str, Any]:
    profile = load_profile(embedder)
    seen, found, best, ranked, scale = [], [], [], [], []
    for number, each in enumerate(classes):
        config = TrainingConfig(threshold_percentile=100, max_fpir=MAX_FPIR, seed=number)
        outcome, classifier = fit(faces, each.drawn, profile, config)
        result = scores(classifier, faces, each.drawn.probes, faces.embeddings[each.strangers])
        accept = outcome.thresholds.accept
        seen.append(result.fpir(accept).value or 0.0)
        found.append(result.tpir(accept).value or 0.0)
        best.append(result.tpir_at(MAX_FPIR).value or 0.0)
        ranked.append(result.rank1.value or 0.0)
        scale.append(outcome.thresholds.angle_scale)
    return {
        "embedder": embedder,
        "class": kind,
        "classes": len(seen),
        "fpir_mean": float(np.mean(seen)),
        "fpir_min": min(seen),
        "fpir_max": max(seen),
        "tpir": float(np.mean(found)),
        "tpir_best": float(np.mean(best)),
        "rank1": float(np.mean(ranked)),
        "angle_scale": float(np.mean(scale)),
        "fpir": seen,
    }


def show(row: dict[str, Any]) -> None:
    print(
        f"  {row['class']:34} {row['classes']:2} classes  strangers {100 * row['fpir_mean']:5.2f} % "
        f"({100 * row['fpir_min']:.2f}-{100 * row['fpir_max']:.2f})  found {100 * row['tpir']:.2f} %  "
        f"best {100 * row['tpir_best']:.2f} %  rank-1 {100 * row['rank1']:.2f} %  angles x {row['angle_scale']:.3f}",
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embedder", nargs="+", choices=EMBEDDERS, default=EMBEDDERS)
    parser.add_argument("--photos", nargs="+", type=int, default=[5, 10])
    parser.add_argument("--starts", type=int, default=10, help="most alike and random classes of each size")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    start = time.perf_counter()
    rows: list[dict[str, Any]] = []

    def add(embedder: str, kind: str, faces: Faces, classes: Iterator[Class]) -> None:
        rows.append(measure(embedder, kind, faces, classes))
        show(rows[-1])

    for embedder in options.embedder:
        print(f"\n{embedder}: threshold chosen at {100 * MAX_FPIR:g} % strangers")
        alike = load(embedder, "alike-dev")
        add(embedder, f"alike-dev, {STUDENT_PHOTOS} photos", alike, alike_dev(alike))
        lfw = load(embedder).without(MISLABELLED)
        for size in SIZES:
            for photos in options.photos:
                words = f"{size} students, {photos} photos"
                add(embedder, f"most alike {words}", lfw, most_alike(lfw, size, photos, options.starts))
                add(embedder, f"random {words}", lfw, random_classes(lfw, size, photos, options.starts))
    print(f"\n{time.perf_counter() - start:.0f} s")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
