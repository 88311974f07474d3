"""Students under masks, behind dark glasses, out of focus and so on: what the product's model makes of them.

    python benchmarks/conditions.py [--embedder facenet dlib both] [--second-set] [--json FILE]

lfw-dev's 79 students, ten photos each to train, up to six others as probes; everybody else is a stranger, with one
photo. All are shown as they are, the probes and every fourth stranger also in nine conditions
(benchmarks/probe_drawings.py). A student whose face is not found is not recognised; a stranger's is left out, as it
says nothing about names.

With --second-set the students are other people, whom nothing was chosen by: those with three photos, two to train.

Rank-1: the right student ranked first. At 1 %: students found at the threshold that names one in a hundred of the
strangers in the same condition; bare: with galleries of the bare photos alone, which tells how hard a drawing is.
Found, strangers named: at the threshold that training chose, by its default and with --threshold-percentile 100.
Counts, percent, and 95 % intervals.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lfw import EMBEDDERS, MISLABELLED, ROOT, STUDENT_PHOTOS, Faces, build, load, test_data
from openset import Drawn, fit, scores_of
from probe_drawings import DRAWINGS, VERSION, drawn
from recognizer.assembly import build_detector
from recognizer.classifier import FaceClassifier
from recognizer.detector import DetectorConfig, FaceDetector
from recognizer.images import read_image
from recognizer.types import DetectedFace, FloatArray, RGBImage
from training.evaluation import OpenSetScores, Rate
from training.profiles import load_profile
from training.progress import ProgressBar
from training.trainer import TrainingConfig

CLEAN = "clean"
ALL = (CLEAN, *DRAWINGS)
MOST_PROBES = 6
SECOND_SET_PHOTOS = 2
DRAWN_STRANGERS = 4  # every so many
SMALLEST_FACE = {"32 pixels": 20}  # of the detector, where its default would not find the face
PERCENTILES = (TrainingConfig().threshold_percentile, 100.0)


@dataclass(frozen=True, eq=False)
class Shown:
    """names: (n,). embeddings: (n, c, d) float32 of each photo in each condition, 0 where no face was found.
    found: (n, c) bool."""

    names: NDArray[np.str_]
    embeddings: FloatArray
    found: NDArray[np.bool_]

    def seen(self, condition: int) -> FloatArray:
        return self.embeddings[self.found[:, condition], condition]


@dataclass(frozen=True, eq=False)
class Cast:
    """Rows of lfw-dev. train and probes: of students. drawn_strangers: shown in all conditions, the other strangers
    only as they are."""

    train: NDArray[np.intp]
    probes: NDArray[np.intp]
    drawn_strangers: NDArray[np.intp]
    other_strangers: NDArray[np.intp]


def second_set(faces: Faces) -> Faces:
    names, counts = np.unique(faces.names, return_counts=True)
    return replace(faces, students=names[counts == SECOND_SET_PHOTOS + 1])


def cast(faces: Faces, photos: int = STUDENT_PHOTOS) -> Cast:
    rows = [np.flatnonzero(faces.names == name) for name in faces.students]
    strangers = np.flatnonzero(faces.strangers)
    strangers = strangers[np.unique(faces.names[strangers], return_index=True)[1]]  # the first photo of each
    drawn_strangers = strangers[::DRAWN_STRANGERS]
    return Cast(
        np.concatenate([own[:photos] for own in rows]),
        np.concatenate([own[photos : photos + MOST_PROBES] for own in rows]),
        drawn_strangers,
        np.setdiff1d(strangers, drawn_strangers),
    )


class Camera:
    """Shows photos of lfw-dev to the product's detector and to a network; what they made of them is remembered."""

    def __init__(self, embedder: str) -> None:
        self._embedder, self._network = embedder, build(embedder)
        self._detector = build_detector(DetectorConfig())
        self._detectors = {
            name: build_detector(DetectorConfig(min_face_size=size)) for name, size in SMALLEST_FACE.items()
        }

    def show(self, faces: Faces, photos: NDArray[np.intp], conditions: Sequence[str]) -> Shown:
        names, files = faces.names[photos], faces.files[photos]
        remembered = self._file(files.tolist(), conditions)
        if not remembered.exists():
            shape = len(photos), len(conditions)
            embeddings, found = np.zeros((*shape, self._network.dimension), np.float32), np.zeros(shape, bool)
            with ProgressBar(f"{self._embedder}: {len(conditions)} conditions") as progress:
                for row, (name, file) in enumerate(zip(names, files, strict=True)):
                    image = read_image(test_data() / "faces" / "lfw-dev" / name / f"{file}.jpg")
                    found[row], embeddings[row, found[row]] = self._embed(image, file, conditions)
                    progress(row + 1, len(photos))
            np.savez(remembered, embeddings=embeddings, found=found)
        with np.load(remembered) as stored:
            return Shown(names, stored["embeddings"], stored["found"])

    def _file(self, files: list[str], conditions: Sequence[str]) -> Path:
        info = self._network.info
        key = json.dumps([info.weights_sha256, info.crop_recipe, self._detector.id, VERSION, list(conditions), files])
        return ROOT / ".cache" / "benchmarks" / f"conditions-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npz"

    def _embed(self, image: RGBImage, file: str, conditions: Sequence[str]) -> tuple[NDArray[np.bool_], FloatArray]:
        """Where a face was found, (c,), and the embeddings of those."""
        found = np.zeros(len(conditions), bool)
        clean = central_face(self._detector, image)
        if clean is None:  # there is nothing to draw on
            return found, np.zeros((0, self._network.dimension), np.float32)
        crops = []
        for index, condition in enumerate(conditions):
            shown, face = image, clean
            if condition != CLEAN:
                shown = drawn(condition, image, clean, file)
                face = central_face(self._detectors.get(condition, self._detector), shown)
            if face is not None:
                found[index] = True
                crops.append(self._network.cut(shown, [face]))
        return found, self._network.embed_crops(np.concatenate(crops))


def central_face(detector: FaceDetector, image: RGBImage) -> DetectedFace | None:
    """The person whom the photo is of: large, and in the middle."""
    middle = np.array(image.shape[1::-1]) / 2

    def merit(face: DetectedFace) -> float:
        return face.box.area - 2 * float(np.sum((np.array(face.box.centre) - middle) ** 2))

    return max(detector.detect(image), key=merit, default=None)


def judge(classifier: FaceClassifier, probes: Shown, condition: int, strangers: FloatArray) -> OpenSetScores:
    found = probes.found[:, condition]
    seen = scores_of(classifier, probes.seen(condition), probes.names[found], strangers)
    genuine, correct = np.full(len(found), -np.inf, np.float32), np.zeros(len(found), bool)
    genuine[found], correct[found] = seen.genuine, seen.correct
    return OpenSetScores(genuine, correct, seen.strangers)


def measure(embedder: str, *, second: bool) -> list[dict[str, Any]]:
    """One row for each condition. second: of the second set of people."""
    faces = load(embedder).without(MISLABELLED)
    faces = second_set(faces) if second else faces
    parts = cast(faces, SECOND_SET_PHOTOS if second else STUDENT_PHOTOS)
    camera = Camera(embedder)
    probes = camera.show(faces, parts.probes, ALL)
    drawn_strangers = camera.show(faces, parts.drawn_strangers, ALL)
    other_strangers = camera.show(faces, parts.other_strangers, [CLEAN])
    models = {}
    for percentile in PERCENTILES:
        config = TrainingConfig(threshold_percentile=percentile)
        outcome, classifier = fit(faces, Drawn(parts.train, parts.probes), load_profile(embedder), config)
        models[percentile] = outcome.thresholds.accept, classifier
        print(f"{embedder}, percentile {percentile:g}: named from {outcome.thresholds.accept:.4f}", flush=True)
    _, bare = fit(
        replace(faces, in_conditions=None), Drawn(parts.train, parts.probes), load_profile(embedder), TrainingConfig()
    )
    rows = []
    for index, condition in enumerate(ALL):
        strangers = drawn_strangers.seen(index)
        if condition == CLEAN:
            strangers = np.concatenate([strangers, other_strangers.seen(0)])
        row: dict[str, Any] = {"embedder": embedder, "condition": condition}
        row["faces not found"] = Rate(int((~probes.found[:, index]).sum()), len(probes.names))
        row["at 1 %, bare"] = judge(bare, probes, index, strangers).tpir_at(0.01)
        for percentile, (accept, classifier) in models.items():
            result = judge(classifier, probes, index, strangers)
            # the same for both: only the thresholds differ
            row["rank-1"], row["at 1 %"] = result.rank1, result.tpir_at(0.01)
            row[f"found, {percentile:g}"] = result.tpir(accept)
            row[f"strangers named, {percentile:g}"] = result.fpir(accept)
        rows.append(row)
    return rows


def show(rows: list[dict[str, Any]]) -> None:
    lines = [[*rows[0]][1:], *([_cell(value) for value in row.values()][1:] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        print("  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: str | Rate) -> str:
    if isinstance(value, str):
        return value
    low, high = value.interval or (0.0, 1.0)
    return f"{value.count}/{value.total} {100 * (value.value or 0):.1f} ({100 * low:.1f}-{100 * high:.1f})"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embedder", nargs="+", choices=EMBEDDERS, default=EMBEDDERS)
    parser.add_argument("--second-set", action="store_true", help="other people, with two photos each to train")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    start = time.perf_counter()
    rows = []
    for embedder in options.embedder:
        found = measure(embedder, second=options.second_set)
        show(found)
        rows += found
    print(f"\n{time.perf_counter() - start:.0f} s")
    if options.json:
        plain = [{key: v.as_dict() if isinstance(v, Rate) else v for key, v in row.items()} for row in rows]
        options.json.write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
