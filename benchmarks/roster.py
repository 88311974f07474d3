"""What restricting the candidates to a lesson's roster does: on lfw-dev, with a model of the whole school.

    python benchmarks/roster.py [--embedder facenet dlib] [--roster 20] [--seeds 5] [--json FILE]

A model of 79 students with 10 photos each; a roster of some of them. Probes: the other photos of those on the roster,
of those enrolled but not on it, and of strangers. Counted once without and once with the restriction, all seeds
together; "marked" is named as somebody on the roster. Last, the time of one face with 5,000 students.

FaceNet, roster of 20, 5 seeds: 1,051 of 1,083 photos of the roster marked rightly and 31 to review, with the
restriction as without; nobody else marked. What goes to review of the others falls from 166 to 4 of 2,937 photos of
those enrolled elsewhere, and from 512 to 118 of 8,735 of strangers.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.svm import LinearSVC

from lfw import MISLABELLED, STUDENT_PHOTOS, Faces, load
from openset import STUDENTS, draw, fit
from recognizer.artifact import ClassifierArtifact
from recognizer.classifier import FaceClassifier
from recognizer.types import Decision, FloatArray, Identity
from training.profiles import load_profile
from training.trainer import TrainingConfig

LARGE, LARGE_ROSTER, DIMENSION = 5000, 30, 512
OUTCOMES = ("marked rightly", "marked wrongly", "not enrolled, rightly", "not enrolled, wrongly", "review", "unknown")


def count(
    classifier: FaceClassifier,
    embeddings: FloatArray,
    names: NDArray[np.str_],
    roster: frozenset[str],
    *,
    restricted: bool,
) -> Counter[str]:
    answers = classifier.identify(embeddings, among=roster if restricted else None)
    return Counter(_outcome(answer, str(name), roster) for answer, name in zip(answers, names, strict=True))


def _outcome(answer: Identity, name: str, roster: frozenset[str]) -> str:
    if answer.decision is not Decision.KNOWN or answer.student_id is None:
        return "review" if answer.decision is Decision.UNCERTAIN else "unknown"
    kind = "marked" if answer.student_id in roster else "not enrolled,"
    return f"{kind} {'rightly' if answer.student_id == name else 'wrongly'}"


def measure(faces: Faces, embedder: str, roster_size: int, seeds: int) -> list[dict[str, Any]]:
    profile = load_profile(embedder)
    totals: dict[tuple[str, bool], Counter[str]] = {}
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        drawn = draw(faces, STUDENTS, STUDENT_PHOTOS, rng)
        _, classifier = fit(faces, drawn, profile, TrainingConfig())
        roster = frozenset(str(name) for name in rng.permutation(classifier.classes)[:roster_size])
        own = np.isin(faces.names[drawn.probes], list(roster))
        for who, probes in (
            ("on the roster", drawn.probes[own]),
            ("enrolled elsewhere", drawn.probes[~own]),
            ("strangers", np.flatnonzero(faces.strangers)),
        ):
            for restricted in (False, True):
                counted = count(
                    classifier, faces.embeddings[probes], faces.names[probes], roster, restricted=restricted
                )
                totals.setdefault((who, restricted), Counter()).update(counted)
    return [
        {"embedder": embedder, "faces": who, "restricted": restricted, **{key: counted[key] for key in OUTCOMES}}
        for (who, restricted), counted in totals.items()
    ]


def milliseconds(rounds: int = 200) -> dict[str, float]:
    """Median time of one face, without and with a roster; made-up weights, since only the sizes count."""
    rng = np.random.default_rng(0)
    centroids = rng.normal(size=(LARGE, DIMENSION)).astype(np.float32)
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    classes = np.array([f"s{number:05d}" for number in range(LARGE)])
    model = LinearSVC()
    model.classes_, model.n_features_in_ = classes, DIMENSION
    model.coef_, model.intercept_ = centroids.astype(np.float64), np.zeros(LARGE)
    artifact = ClassifierArtifact(
        model=model,
        scaler=None,
        classes=classes,
        threshold=0.6,
        review_threshold=0.5,
        scoring=load_profile("facenet").scoring.as_dict(),
        calibration=None,
        gallery={
            "centroids": centroids,
            "compactness": np.full(LARGE, 0.7, np.float32),
            "counts": np.full(LARGE, 10, np.int32),
        },
        metadata={},
    )
    classifier, roster = FaceClassifier(artifact), frozenset(classes[:LARGE_ROSTER].tolist())
    found = {}
    for what, among in (("everybody", None), ("a roster of 30", roster)):
        times = []
        for _ in range(rounds):
            start = time.perf_counter()
            classifier.identify(centroids[:1], among=among)
            times.append(1000 * (time.perf_counter() - start))
        found[what] = round(float(np.median(times)), 3)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embedder", choices=["facenet", "dlib"], nargs="+", default=["facenet", "dlib"])
    parser.add_argument("--roster", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for embedder in options.embedder:
        rows += measure(load(embedder).without(MISLABELLED), embedder, options.roster, options.seeds)
    widths = [max(len(str(key)), *(len(str(row[key])) for row in rows)) for key in rows[0]]
    for line in ([*rows[0]], *([*row.values()] for row in rows)):
        print("  ".join(f"{value!s:>{width}}" for value, width in zip(line, widths, strict=True)))
    print(f"one face among {LARGE} students, milliseconds: {milliseconds()}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
