"""Bulk embedding on a Ray cluster: photos a second here, on one node of one processor, and on two, in one run.

    python benchmarks/ray_training.py [--photos 720] [--embedder dlib] [--json FILE]

A cluster on this machine: a head that embeds nothing, and nodes that offer one processor each. All photos go the way
of a training, without a cache. The clock starts when a quarter is done, so that the rate is that of a long run; "to the
first" are the seconds until a batch is back, in which actors start and load their networks. What is local is
one process whose networks have one thread, as a node's have; the next photos are decoded beside them, on another core.
Needs Ray (pip install -r requirements-cluster.txt) and the test data: photos, and FaceNet's weights.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lfw import ROOT, test_data

sys.path.insert(0, str(ROOT / "tests"))

from cluster.embedding import embedding_on_ray
from recognizer.assembly import build_detector, build_embedder
from recognizer.detector import DetectorConfig
from recognizer.weights import resolve_weights
from support.compute import COMPUTE, ENGINE_DIR
from support.ray_cluster import ray_cluster
from training.dataset import scan
from training.embedding import EmbeddingMethod, EmbedMissing
from training.samples import DEFAULT_LIMITS, Sample


def method(embedder: str) -> EmbeddingMethod:
    """As ``training.production`` has it, by the engines that this machine chooses."""
    weights = resolve_weights(
        embedder,
        facenet_file=test_data() / "weights" / "facenet-vggface2-folded.pt",
        cache_dir=ROOT / ".cache" / "benchmarks",
        allow_download=False,
        progress=None,
        announce=print,
    )
    chosen = build_detector(DetectorConfig(), COMPUTE).choice, build_embedder(weights, COMPUTE).choice
    engines = [choice.engine for choice in chosen if choice]
    return EmbeddingMethod(weights, DetectorConfig(), DEFAULT_LIMITS, *engines)


def rate(embed: EmbedMissing, samples: Sequence[Sample]) -> dict[str, float]:
    begun = time.perf_counter()
    back: list[tuple[float, int]] = []  # when, and how many until then
    for batch in embed(samples):
        back.append((time.perf_counter(), batch.done + (back[-1][1] if back else 0)))
    start, before = next(each for each in back if each[1] >= len(samples) / 4)
    end, everything = back[-1]
    return {
        "photos_per_second": round((everything - before) / (end - start), 1),
        "to_the_first_s": round(back[0][0] - begun, 1),
        "whole_s": round(end - begun, 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=720)
    parser.add_argument("--embedder", choices=("facenet", "dlib"), default="facenet")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    samples = scan(test_data() / "faces" / "lfw-dev").samples[: options.photos]
    by = method(options.embedder)
    rows: dict[str, Any] = {"photos": len(samples), "cores": os.cpu_count()}

    def measured(title: str, embed: EmbedMissing) -> None:
        rows[title] = rate(embed, samples)
        print(f"{title}: " + ", ".join(f"{key} {value}" for key, value in rows[title].items()), flush=True)

    measured("local, one thread", by.on_one_core(ENGINE_DIR))
    for nodes in (1, 2):
        with (
            ray_cluster(nodes=nodes + 1, head_cpus=0) as cluster,
            embedding_on_ray(cluster.address, ENGINE_DIR) as elsewhere,
        ):
            measured(f"nodes of one core: {nodes}", elsewhere(by))
    one, two = (rows[f"nodes of one core: {nodes}"]["photos_per_second"] for nodes in (1, 2))
    rows["two_to_one"] = round(two / one, 2)
    print(f"two nodes carry {rows['two_to_one']} times what one does")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
