"""How training and classifying grow with the number of students: 50, 500, 5,000.

    python benchmarks/scale.py [--students 50 500 5000] [--photos 10] [--json FILE]

Synthetic embeddings (random people on the 512-d sphere with FaceNet's spread within a person), because no public set of
photos that may be used here holds 5,000 students with ten photos each. Training is what follows the embedding of the
photos: split, fit, thresholds, measure, refit. Classifying is one embedding at a time, as for a frame with one face.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "backend"))

from recognizer.classifier import FaceClassifier
from recognizer.types import EmbedderInfo, FloatArray
from training.profiles import load_profile
from training.trainer import TrainingConfig, TrainingData, train

DIMENSION = 512
# Mean cosine between two photos of one person: FaceNet's on lfw-dev.
COMPACTNESS = 0.787


def synthetic_class(students: int, photos: int, seed: int) -> tuple[FloatArray, np.ndarray]:
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((students, DIMENSION)).astype(np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    noise = rng.standard_normal((students * photos, DIMENSION)).astype(np.float32) / np.sqrt(DIMENSION)
    samples = np.repeat(centres, photos, axis=0) + np.sqrt(1 / COMPACTNESS - 1).astype(np.float32) * noise
    return samples / np.linalg.norm(samples, axis=1, keepdims=True), np.repeat(np.arange(students), photos)


def measure(students: int, photos: int, classifier: str) -> dict[str, Any]:
    embeddings, labels = synthetic_class(students, photos, seed=students)
    names = np.array([f"s{i:05d}" for i in labels])
    data = TrainingData(embeddings, names, np.arange(len(names)), fingerprint=f"synthetic-{students}-{photos}")
    info = EmbedderInfo("facenet", "0" * 64, DIMENSION, {})
    start = time.perf_counter()
    outcome = train(data, TrainingConfig(classifier=classifier), load_profile("facenet"), info, {}, datetime.now(UTC))
    trained = time.perf_counter() - start
    recognizer = FaceClassifier(outcome.artifact)
    probes, _ = synthetic_class(students, 1, seed=students)
    times = []
    for probe in probes[: min(students, 500)]:
        begin = time.perf_counter()
        recognizer.identify(probe[None])
        times.append(1000 * (time.perf_counter() - begin))
    return {
        "classifier": classifier,
        "students": students,
        "photos": len(labels),
        "train_s": round(trained, 2),
        "classify_ms_median": round(float(np.median(times)), 3),
        "classify_ms_p95": round(float(np.quantile(times, 0.95)), 3),
        "rank1": outcome.report.rank1.value,
        "threshold": round(outcome.thresholds.accept, 3),
        "stranger_limit": round(outcome.thresholds.stranger_limit, 3),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", type=int, nargs="+", default=[50, 500, 5000])
    parser.add_argument("--photos", type=int, default=10)
    parser.add_argument("--classifier", choices=["svm", "logistic"], nargs="+", default=["svm", "logistic"])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    for classifier in options.classifier:
        for students in options.students:
            rows.append(measure(students, options.photos, classifier))
            if len(rows) == 1:
                print("  ".join(f"{key:>18}" for key in rows[0]))
            print("  ".join(f"{value!s:>18}" for value in rows[-1].values()), flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
