"""Small models for tests, fitted on random embeddings in a moment."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from recognizer.artifact import ClassifierArtifact, embedder_metadata
from recognizer.types import EmbedderInfo

DIMENSION = 16


def make_embedder(**changes: Any) -> EmbedderInfo:
    signature = np.zeros(DIMENSION)
    signature[:2] = 0.6, 0.8
    values: dict[str, Any] = {
        "id": "dlib",
        "weights_sha256": "a" * 64,
        "dimension": DIMENSION,
        "crop_recipe": {"kind": "landmarks", "size": 150, "margin": 0},
        "signature": tuple(float(value) for value in signature),
    }
    return EmbedderInfo(**{**values, **changes})


def make_embeddings(students: int = 3, each: int = 4, seed: int = 0) -> tuple[Any, Any]:
    """(students * each, DIMENSION) float32 of norm 1, and the students' numbers."""
    random = np.random.default_rng(seed)
    numbers = np.repeat(np.arange(students), each)
    rows = random.normal(size=(students, DIMENSION))[numbers] + 0.3 * random.normal(size=(len(numbers), DIMENSION))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), numbers


def make_metadata(version: str, embedder: EmbedderInfo | None = None, created_at: str | None = None) -> dict[str, Any]:
    return {
        "format_version": 1,
        "model_version": version,
        "embedder": embedder_metadata(embedder or make_embedder()),
        "detector": {"id": "mtcnn-facenet-pytorch"},
        "sklearn_version": "1.9.1",
        "config": {"classifier": "svm"},
        "seed": 42,
        "metrics": {"rank1": 1.0},
        "dataset_fingerprint": hashlib.sha256(version.encode()).hexdigest(),
        "created_at": created_at or "2026-01-01T00:00:00+00:00",
    }


def make_parts(
    version: str = "v1", students: int = 3, seed: int = 0, created_at: str | None = None, **changes: Any
) -> dict[str, Any]:
    """The arguments of a ClassifierArtifact that fit together, less those given in ``changes``."""
    X, y = make_embeddings(students, seed=seed)
    scaler = StandardScaler().fit(X)
    parts: dict[str, Any] = {
        "model": LinearSVC(random_state=0).fit(scaler.transform(X), y),
        "scaler": scaler,
        "classes": np.array([f"student-{number:02d}" for number in range(students)]),
        "threshold": 0.5,
        "review_threshold": 0.4,
        "scoring": {"method": "cosine"},
        "calibration": {"slope": 10.0, "intercept": -5.0},
        "gallery": {"centroids": np.stack([X[y == number].mean(axis=0) for number in range(students)])},
        "metadata": make_metadata(version, created_at=created_at),
    }
    return {**parts, **changes}


def make_artifact(version: str = "v1", **changes: Any) -> ClassifierArtifact:
    return ClassifierArtifact(**make_parts(version, **changes))


@dataclass(frozen=True)
class NearestStudent:
    """The least that a loader can build: names the nearest centroid and the version that answers."""

    artifact: ClassifierArtifact

    def identify(self, embeddings: Any) -> tuple[tuple[str, str], ...]:
        gallery = self.artifact.gallery
        if gallery is None:
            raise ValueError("no gallery")
        best = np.argmax(embeddings @ gallery["centroids"].T, axis=1)
        return tuple((self.artifact.model_version, str(self.artifact.classes[index])) for index in best)
