"""lfw-dev for the benchmarks: where it is, its embeddings, and who plays which part.

The folder of test data is ``../shared/data`` beside the repository, or what SMARTATTENDANCE_TEST_DATA names.
Embeddings are remembered in ``.cache/benchmarks``, because thousands of photos take minutes.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "backend"))

from recognizer.assembly import build_detector, build_embedder  # noqa: E402  (after the path is set)
from recognizer.classifier import FaceClassifier  # noqa: E402
from recognizer.compute import Compute  # noqa: E402
from recognizer.detector import DetectorConfig  # noqa: E402
from recognizer.embeddings import FaceEmbedder  # noqa: E402
from recognizer.images import read_image  # noqa: E402
from recognizer.types import DetectedFace, EmbedderInfo, FloatArray, RGBImage  # noqa: E402
from recognizer.weights import resolve_weights  # noqa: E402
from training.cache import EmbeddingCache  # noqa: E402
from training.dataset import scan  # noqa: E402
from training.embedding import LocalEmbedding  # noqa: E402
from training.preparation import detector_key, prepare  # noqa: E402
from training.profiles import load_profile  # noqa: E402
from training.progress import ProgressBar  # noqa: E402
from training.trainer import TrainingConfig, TrainingData, train  # noqa: E402

EMBEDDERS = ("facenet", "dlib", "both")
STUDENT_PHOTOS = 10
ANYHOW = Compute()

# Photos of lfw-dev that show somebody else than their label says, found by looking at what was recognised "wrongly"
# with high scores: Rubens Barrichello, the king of Bahrain, Eduardo Duhalde. Results are given with and without them.
MISLABELLED = frozenset({"Michael_Schumacher_0008", "Mahmoud_Abbas_0012", "Carlos_Ruckauf_0001"})


@dataclass(frozen=True, eq=False)
class Faces:
    """embeddings: (n, d) float32. names: (n,). files: (n,) stems. students: people with ten photos or more.
    in_conditions: (n, c, d), the same photos in each of training's conditions; None where they were not made."""

    embeddings: FloatArray
    names: NDArray[np.str_]
    files: NDArray[np.str_]
    students: NDArray[np.str_]
    in_conditions: FloatArray | None = None

    @property
    def strangers(self) -> NDArray[np.bool_]:
        return ~np.isin(self.names, self.students)

    def without(self, files: frozenset[str]) -> Faces:
        return self.only(~np.isin(self.files, list(files)))

    def only(self, photos: NDArray[np.bool_]) -> Faces:
        return replace(
            self,
            embeddings=self.embeddings[photos],
            names=self.names[photos],
            files=self.files[photos],
            in_conditions=None if self.in_conditions is None else self.in_conditions[photos],
        )


def test_data() -> Path:
    folder = Path(os.environ.get("SMARTATTENDANCE_TEST_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / "faces" / "lfw-dev").is_dir():
        raise SystemExit(f"no faces/lfw-dev in {folder}; set SMARTATTENDANCE_TEST_DATA to the folder of test data")
    return folder


def build(embedder: str, compute: Compute = ANYHOW) -> FaceEmbedder:
    weights = resolve_weights(
        embedder,
        facenet_file=test_data() / "weights" / "facenet-vggface2-folded.pt",
        cache_dir=ROOT / ".cache" / "benchmarks",
        allow_download=False,
        progress=None,
        announce=print,
    )
    return build_embedder(weights, compute)


def load_model_of(embeddings: FloatArray, names: NDArray[np.str_]) -> FaceClassifier:
    """FaceNet's classifier of these people, as training makes it."""
    data = TrainingData(embeddings, names, np.arange(len(names)), fingerprint="benchmark")
    info = EmbedderInfo("facenet", "0" * 64, embeddings.shape[1], {})
    outcome = train(data, TrainingConfig(), load_profile("facenet"), info, {}, datetime.now(UTC))
    return FaceClassifier(outcome.artifact)


def load(embedder: str, people: str = "lfw-dev") -> Faces:
    """All photos of the folder ``people`` of the test data's faces, embedded exactly as training does."""
    network = build(embedder)

    def make_detector(size: int) -> Any:
        return build_detector(DetectorConfig(min_face_size=size))

    cache = EmbeddingCache(ROOT / ".cache" / "benchmarks", network.info, detector_key(make_detector(40)))
    with ProgressBar(f"{embedder}: {people}") as progress:
        samples = scan(test_data() / "faces" / people).samples
        found = prepare(samples, LocalEmbedding(make_detector, network), cache, progress)
    names, counts = np.unique(found.labels, return_counts=True)
    files = np.array([sample.path.stem for sample in found.samples])
    return Faces(found.embeddings, found.labels, files, names[counts >= STUDENT_PHOTOS], found.in_conditions)


@dataclass(frozen=True, eq=False)
class PhotographedFaces:
    """The largest face of each photo that has one. images: (250, 250, 3). names, files, students: as ``Faces``."""

    images: list[RGBImage]
    found: list[DetectedFace]
    names: NDArray[np.str_]
    files: NDArray[np.str_]
    students: NDArray[np.str_]

    def crops(self, embedder: FaceEmbedder) -> NDArray[np.uint8]:
        pairs = zip(self.images, self.found, strict=True)
        return np.concatenate([embedder.cut(image, [face]) for image, face in pairs])


def photographed_faces(networks: Path) -> PhotographedFaces:
    detector = build_detector(DetectorConfig(), Compute(device="cpu", folder=networks))
    images, found, names, files = [], [], [], []
    for sample in scan(test_data() / "faces" / "lfw-dev").samples:
        image = read_image(sample.path)
        faces = detector.detect(image)
        if faces:
            images.append(image)
            found.append(faces[0])
            names.append(sample.student_id)
            files.append(sample.path.stem)
    people, counts = np.unique(names, return_counts=True)
    return PhotographedFaces(images, found, np.array(names), np.array(files), people[counts >= STUDENT_PHOTOS])
