"""What fewer bits and leaving out the mirror image cost in recognising people: open-set tables of lfw-dev.

    python benchmarks/mirrored.py [--embedder facenet dlib] [--seeds 3] [--json FILE]

79 students, 10 photos each to train, their other photos as probes, everybody else a stranger, as in openset.py; trained
with mirrored embeddings always, as training does. The first rows differ in what people were trained with and the probes
embedded with: single precision, bfloat16, eight bits. Then what this machine has chosen, without mirror images, and as
the server does it, which leaves the mirror image out where the decision is clear by ``pipeline.CLEAR_BY``; of this it
is also shown how many faces were embedded twice, and how many names were others than with mirror images always.
The last row is people who were trained in single precision and are looked for by what this machine has chosen.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lfw import MISLABELLED, ROOT, Faces, build, photographed_faces
from openset import RATES, STUDENTS, draw, fit, scores
from recognizer.classifier import FaceClassifier
from recognizer.compute import Compute
from recognizer.engines.choice import OPENVINO_F32, TORCH
from recognizer.pipeline import CLEAR_BY
from recognizer.types import FloatArray
from training.profiles import load_profile
from training.trainer import TrainingConfig

NETWORKS = ROOT / ".cache" / "networks"


@dataclass(frozen=True, eq=False)
class Embedded:
    """ways: by engine, (n, d) each. chosen: the engine of this machine. once: by that one, without mirror images."""

    ways: dict[str, FloatArray]
    chosen: str
    once: FloatArray


def embeddings(embedder: str, faces: Any) -> Embedded:
    fast = build(embedder, Compute(device="cpu", engine="openvino", folder=NETWORKS))
    assert fast.choice is not None
    crops = faces.crops(fast)
    ways = {TORCH: in_parts(build(embedder, Compute(device="cpu", engine=TORCH)).embed_crops, crops)}
    for engine, measured in fast.choice.measured.items():
        if measured.usable and engine not in (TORCH, OPENVINO_F32):
            made = build(embedder, Compute(device="cpu", engine=engine, folder=NETWORKS))
            ways[engine] = in_parts(made.embed_crops, crops)
    return Embedded(ways, fast.choice.engine, in_parts(fast.embed_once, crops))


def in_parts(embed: Any, crops: np.ndarray[Any, np.dtype[np.uint8]]) -> FloatArray:
    return np.concatenate([embed(crops[start : start + 64]) for start in range(0, len(crops), 64)])


def as_served(
    classifier: FaceClassifier, once: FloatArray, both: FloatArray, clear_by: float
) -> tuple[FloatArray, np.ndarray[Any, np.dtype[np.bool_]]]:
    """The embeddings that decide, and which faces were embedded twice for them."""
    unclear = np.array([answer.slack < clear_by for answer in classifier.identify(once)])
    return np.where(unclear[:, None], both, once), unclear


def table(embedder: str, faces: Any, seeds: int) -> dict[str, Any]:
    made = embeddings(embedder, faces)
    fast, once = made.ways[made.chosen], made.once
    clear_by = CLEAR_BY.get(embedder, math.inf)
    rows: dict[str, list[list[float]]] = {}
    twice, other = [], []
    kept = ~np.isin(faces.files, list(MISLABELLED))
    known = Faces(fast, faces.names, faces.files, faces.students).without(MISLABELLED)
    for seed in range(seeds):
        drawn = draw(known, STUDENTS, 10, np.random.default_rng(seed))
        config = TrainingConfig(seed=seed)
        by_way = {
            way: fit(replace(known, embeddings=vectors[kept]), drawn, load_profile(embedder), config)[1]
            for way, vectors in made.ways.items()
        }
        classifier = by_way[made.chosen]
        served, unclear = as_served(classifier, once[kept], fast[kept], clear_by)
        for row, model, vectors in (
            *((way, by_way[way], made.ways[way][kept]) for way in made.ways),
            ("once", classifier, once[kept]),
            ("served", classifier, served),
            ("trained by torch", by_way[TORCH], fast[kept]),
        ):
            probed = replace(known, embeddings=vectors)
            found = scores(model, probed, drawn.probes, vectors[known.strangers])
            rows.setdefault(row, []).append([found.rank1.value, *(found.tpir_at(rate).value for rate in RATES)])
        probes = np.concatenate([drawn.probes, np.flatnonzero(known.strangers)])
        answers, expected = classifier.identify(served[probes]), classifier.identify(fast[kept][probes])
        twice.append(float(unclear[probes].mean()))
        other.append(float(np.mean([a.student_id != b.student_id for a, b in zip(answers, expected, strict=True)])))
    return {
        "embedder": embedder,
        "least_cosine": {way: float((made.ways[TORCH] * made.ways[way]).sum(axis=1).min()) for way in made.ways},
        "rows": {way: np.mean(values, axis=0).tolist() for way, values in rows.items()},
        "embedded_twice": float(np.mean(twice)),
        "other_names": float(np.mean(other)),
        "probes": len(drawn.probes),
        "strangers": int(known.strangers.sum()),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embedder", nargs="+", choices=("facenet", "dlib"), default=["facenet", "dlib"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    faces = photographed_faces(NETWORKS)
    results = [table(embedder, faces, arguments.seeds) for embedder in arguments.embedder]
    for result in results:
        print(
            f"{result['embedder']}: {result['probes']} probes, {result['strangers']} strangers, {arguments.seeds} draws"
        )
        print(f"  least cosine to torch's {result['least_cosine']}")
        print(f"  {'':<18}{'rank-1':>8}{'TPIR 1 %':>10}{'0.1 %':>8}")
        for way, (rank1, *rates) in result["rows"].items():
            print(f"  {way:<18}{100 * rank1:>7.2f} {100 * rates[0]:>9.2f} {100 * rates[1]:>7.2f}")
        print(
            f"  served: {100 * result['embedded_twice']:.1f} % embedded twice, "
            f"{100 * result['other_names']:.2f} % other names than with mirror images always"
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
