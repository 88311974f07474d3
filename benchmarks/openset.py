"""Open-set identification on lfw-dev: the accuracy of the product's own training code on people it has never seen.

    python benchmarks/openset.py [--embedder facenet dlib both] [--seeds 5] [--classes 20] [--json FILE]

First table: 79 students, 10 or 5 photos each to train, their other photos as probes, everybody else a stranger.
Mean over the seeds (each draws other photos), 95 % intervals from all probes together.

Second table: the threshold that training chose at --max-fpir 0.01 for random classes, and the rate of strangers that
it then showed. The strangers are divided by name into two halves; the stranger table is measured on one, the rate on
the other, and the other way round, so that neither training nor the table saw the strangers counted.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedder_profile import profile_of
from lfw import EMBEDDERS, MISLABELLED, Faces, load
from recognizer.classifier import FaceClassifier
from recognizer.types import EmbedderInfo, FloatArray
from training.evaluation import OpenSetScores, Rate
from training.methods import compare_methods
from training.profiles import EmbedderProfile, load_profile
from training.trainer import TrainingConfig, TrainingData, TrainingOutcome, train

STUDENTS = 79
RATES = (0.01, 0.001)


@dataclass(frozen=True, eq=False)
class Drawn:
    """One random class: what trains, what probes, and whose the probes are."""

    train: NDArray[np.intp]
    probes: NDArray[np.intp]


def draw(faces: Faces, students: int, photos: int, rng: np.random.Generator) -> Drawn:
    return draw_class(faces, rng.permutation(faces.students)[:students], photos, rng)


def draw_class(faces: Faces, students: NDArray[np.str_], photos: int, rng: np.random.Generator) -> Drawn:
    """The class of these students: ``photos`` of each train, the rest are probes."""
    train_part, probes = [], []
    for name in students:
        own = rng.permutation(np.flatnonzero(faces.names == name))
        train_part.append(own[:photos])
        probes.append(own[photos:])
    return Drawn(np.concatenate(train_part), np.concatenate(probes))


def fit(
    faces: Faces, drawn: Drawn, profile: EmbedderProfile, config: TrainingConfig
) -> tuple[TrainingOutcome, FaceClassifier]:
    data = TrainingData(
        faces.embeddings[drawn.train],
        faces.names[drawn.train],
        np.arange(len(drawn.train)),
        fingerprint="benchmark",
        in_conditions=None if faces.in_conditions is None else faces.in_conditions[drawn.train],
    )
    info = EmbedderInfo(profile.embedder_id, "0" * 64, faces.embeddings.shape[1], {})
    outcome = train(data, config, profile, info, {}, datetime.now(UTC))
    return outcome, FaceClassifier(outcome.artifact)


def scores(classifier: FaceClassifier, faces: Faces, probes: NDArray[np.intp], strangers: FloatArray) -> OpenSetScores:
    return scores_of(classifier, faces.embeddings[probes], faces.names[probes], strangers)


def scores_of(
    classifier: FaceClassifier, probes: FloatArray, truth: NDArray[np.str_], strangers: FloatArray
) -> OpenSetScores:
    """By the delivered classifier: a face that it would never name (look-alikes, disagreement) has score -inf.
    truth: (n,), whose the probes are."""
    names = np.array(classifier.classes)[classifier.rank(probes)]
    return OpenSetScores(_accept(classifier, probes), names == truth, _accept(classifier, strangers))


def _accept(classifier: FaceClassifier, embeddings: FloatArray) -> FloatArray:
    answers = classifier.identify(embeddings)
    return np.array([a.score if a.agreed else -np.inf for a in answers], dtype=np.float32)


def accuracy(embedder: str, faces: Faces, photos: int, kind: str, seeds: int) -> dict[str, Any]:
    runs: list[OpenSetScores] = []
    for seed in range(seeds):
        drawn = draw(faces, STUDENTS, photos, np.random.default_rng(seed))
        _, classifier = fit(faces, drawn, load_profile(embedder), TrainingConfig(classifier=kind, seed=seed))
        runs.append(scores(classifier, faces, drawn.probes, faces.embeddings[faces.strangers]))
    return {
        "embedder": embedder,
        "photos": photos,
        "classifier": kind,
        "probes": len(runs[0].genuine),
        "strangers": len(runs[0].strangers),
        "rank1": _mean([run.rank1 for run in runs]),
        **{f"tpir@{rate:g}": _mean([run.tpir_at(rate) for run in runs]) for rate in RATES},
    }


def _mean(rates: list[Rate]) -> dict[str, Any]:
    """The seeds draw from the same photos, so the interval is that of one seed's number of probes, not of all."""
    mean = float(np.mean([rate.value for rate in rates]))
    total = rates[0].total
    low, high = Rate(round(mean * total), total).interval or (0.0, 1.0)
    return {"mean": mean, "low": low, "high": high, "by_seed": [rate.value for rate in rates]}


def methods(faces: Faces, seeds: int) -> dict[str, list[float]]:
    """Ways to score an embedding, on the same splits (10 photos): rank-1, TPIR at 1 % and 0.1 %."""
    table: dict[str, list[list[float]]] = {}
    profile = load_profile({512: "facenet", 128: "dlib", 640: "both"}[faces.embeddings.shape[1]])
    for seed in range(seeds):
        drawn = draw(faces, STUDENTS, 10, np.random.default_rng(seed))
        outcome, _ = fit(faces, drawn, profile, TrainingConfig(seed=seed))
        classes, labels = np.unique(faces.names[drawn.train], return_inverse=True)
        found = compare_methods(
            faces.embeddings[drawn.train],
            labels,
            classes,
            faces.embeddings[drawn.probes],
            np.searchsorted(classes, faces.names[drawn.probes]),
            faces.embeddings[faces.strangers],
            profile.scoring,
            outcome.artifact.scaler,
            outcome.artifact.model,
            seed,
        )
        for name, row in found.items():
            table.setdefault(name, []).append(
                [row[key]["value"] for key in ("rank1", "tpir_at_1_percent", "tpir_at_0.1_percent")]
            )
    return {name: [float(v) for v in np.mean(rows, axis=0)] for name, rows in table.items()}


@dataclass(frozen=True, eq=False)
class Half:
    """strangers: (n,) mask of those that are counted. profile: measured on the other half."""

    strangers: NDArray[np.bool_]
    profile: EmbedderProfile


def halves(embedder: str, faces: Faces) -> tuple[Half, Half]:
    second = np.array([hashlib.sha256(name.encode()).digest()[0] % 2 == 1 for name in faces.names])
    first, other = faces.strangers & ~second, faces.strangers & second
    return tuple(
        Half(
            counted,
            profile_of(embedder, faces.only(~counted)),
        )
        for counted in (first, other)
    )


def thresholds(
    parts: tuple[Half, Half], faces: Faces, students: int, photos: int, classes: int, kind: str
) -> dict[str, Any]:
    """``classes`` random classes; even ones are measured on one half of the strangers, odd ones on the other."""
    seen, found, best = [], [], []
    for number in range(classes):
        rng = np.random.default_rng([students, photos, number])
        drawn = draw(faces, students, photos, rng)
        half = parts[number % 2]
        # at the 100th percentile the students set no limit: only the cap on strangers binds, which is examined here
        config = TrainingConfig(classifier=kind, threshold_percentile=100, max_fpir=0.01, seed=number)
        outcome, classifier = fit(faces, drawn, half.profile, config)
        limit = outcome.thresholds.accept
        result = scores(classifier, faces, drawn.probes, faces.embeddings[half.strangers])
        seen.append(result.fpir(limit).value or 0.0)
        found.append(result.tpir(limit).value or 0.0)
        best.append(result.tpir_at(0.01).value or 0.0)
    gaps = np.array(best) - np.array(found)
    return {
        "embedder": parts[0].profile.embedder_id,
        "students": students,
        "photos": photos,
        "classes": classes,
        "strangers": [int(half.strangers.sum()) for half in parts],
        "fpir_mean": float(np.mean(seen)),
        "fpir_min": float(np.min(seen)),
        "fpir_max": float(np.max(seen)),
        "at_most_3_percent": int(np.sum(np.array(seen) <= 0.03)),
        "tpir": float(np.mean(found)),
        "tpir_best": float(np.mean(best)),
        "mean_gap": float(gaps.mean()),
        "worst_gap": float(gaps.max()),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embedder", nargs="+", choices=EMBEDDERS, default=EMBEDDERS)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--classes", type=int, default=20)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    start = time.perf_counter()
    result: dict[str, Any] = {"accuracy": [], "as_labelled": [], "methods": {}, "thresholds": []}
    for embedder in options.embedder:
        labelled = load(embedder)
        faces = labelled.without(MISLABELLED)
        print(f"\n{embedder}: {len(faces.students)} students, {int(faces.strangers.sum())} photos of strangers")
        for title, key, data in (
            ("three mislabelled photos left out", "accuracy", faces),
            ("as labelled", "as_labelled", labelled),
        ):
            print(f"  {title}: percent (95 % interval), mean of {options.seeds} seeds")
            for photos in (10, 5):
                for kind in ("svm", "logistic"):
                    row = accuracy(embedder, data, photos, kind, options.seeds)
                    result[key].append(row)
                    cells = "   ".join(f"{name} {_percent(row[name])}" for name in ("rank1", "tpir@0.01", "tpir@0.001"))
                    print(f"    {photos:2} photos  {kind:8}  {cells}   ({row['probes']} probes)", flush=True)
        print("  ways to score, 10 photos: rank-1, TPIR at 1 %, at 0.1 %")
        result["methods"][embedder] = methods(faces, options.seeds)
        for name, values in result["methods"][embedder].items():
            print(f"    {name:38}" + "   ".join(f"{100 * value:6.2f}" for value in values))
        print(
            "  threshold chosen at 1 % strangers: strangers seen (mean, lowest, highest), classes at most 3 %, "
            "students found, found at the best threshold, mean and worst difference"
        )
        parts = halves(embedder, faces)
        for students in (10, 20, 50):
            for photos in (5, 10):
                row = thresholds(parts, faces, students, photos, options.classes, "svm")
                result["thresholds"].append(row)
                print(
                    f"    {students:2} students {photos:2} photos  FPIR {100 * row['fpir_mean']:.2f} % "
                    f"({100 * row['fpir_min']:.2f}-{100 * row['fpir_max']:.2f})  "
                    f"{row['at_most_3_percent']} of {row['classes']}  TPIR {100 * row['tpir']:.2f} %  "
                    f"best {100 * row['tpir_best']:.2f} %  difference {100 * row['mean_gap']:+.2f} "
                    f"(worst {100 * row['worst_gap']:+.2f})",
                    flush=True,
                )
    print(f"\n{time.perf_counter() - start:.0f} s")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


def _percent(value: dict[str, Any]) -> str:
    return f"{100 * value['mean']:6.2f} ({100 * value['low']:.1f}-{100 * value['high']:.1f})"


if __name__ == "__main__":
    raise SystemExit(main())
