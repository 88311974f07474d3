"""How long naming a face takes as the school grows: 50 to 50,000 students.

    python benchmarks/gallery.py [--students 50 500 5000 50000] [--json FILE]

Synthetic embeddings, of 512 numbers; a linear classifier whose rows are the students' centroids, as fitting one for
50,000 students takes days and its speed does not depend on how well it fits. One face, six and thirty at once; whole
school, and among the forty of a course. Memory is what the model adds to the process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "backend"))

from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from recognizer.classifier import FaceClassifier
from recognizer.scoring import build_gallery
from support.models import make_artifact, make_embedder, make_metadata
from training.profiles import load_profile

DIMENSION, PHOTOS, COURSE, ROUNDS = 512, 4, 40, 15
FACES = (1, 6, 30)


def directions(count: int, seed: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    rows = np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def classifier_of(students: int) -> FaceClassifier:
    centres = directions(students, 0)
    labels = np.repeat(np.arange(students), PHOTOS)
    photos = centres[labels] + 0.02 * np.random.default_rng(1).standard_normal((len(labels), DIMENSION))
    photos = (photos / np.linalg.norm(photos, axis=1, keepdims=True)).astype(np.float32)
    model = LinearSVC()
    names = np.array([f"{number:06d}" for number in range(students)])
    model.classes_, model.coef_, model.intercept_ = names, centres.astype(np.float64), np.zeros(students)
    model.n_features_in_ = DIMENSION
    scaler = StandardScaler(with_mean=False, with_std=False).fit(photos[:10])
    embedder = make_embedder(id="facenet", dimension=DIMENSION, signature=(), crop_recipe={})
    artifact = make_artifact(
        "gallery",
        model=model,
        scaler=scaler,
        classes=names,
        gallery=build_gallery(photos, labels, students).as_dict(),
        scoring=load_profile("facenet").scoring.as_dict(),
        metadata=make_metadata("gallery", embedder),
    )
    return FaceClassifier(artifact)


def median_ms(function: Any) -> float:
    taken = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        function()
        taken.append(time.perf_counter() - begun)
    return round(1000 * statistics.median(taken), 3)


def resident() -> float:
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096 / 2**20
    except OSError:
        return float("nan")


def measure(students: int) -> dict[str, Any]:
    before = resident()
    classifier = classifier_of(students)
    course = frozenset(classifier.classes[:COURSE])
    row: dict[str, Any] = {"students": students, "megabytes": round(resident() - before, 1)}
    for faces in FACES:
        probes = directions(faces, 2)
        row[f"{faces} faces"] = median_ms(lambda: classifier.identify(probes))  # noqa: B023
        row[f"{faces} faces, course"] = median_ms(lambda: classifier.identify(probes, among=course))  # noqa: B023
    return row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", type=int, nargs="+", default=[50, 500, 5000, 50000])
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    rows = []
    for students in arguments.students:
        rows.append(measure(students))
        print(rows[-1], flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
