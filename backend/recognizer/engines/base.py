"""What an inference engine offers: plain numpy in, plain numpy out. One module beside this one per engine."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recognizer.types import FloatArray, RGBImage

Detections = tuple[FloatArray, FloatArray, FloatArray]
"""Boxes (n, 4) x1 y1 x2 y2, landmarks (n, 5, 2), probabilities (n,), all float32; n may be 0."""


class DetectionEngine(Protocol):
    """A built MTCNN. Safe to call from several threads."""

    def detect(self, image: RGBImage) -> Detections:
        """Every face in ``image``."""
        ...

    def detect_at(self, image: RGBImage, boxes: FloatArray) -> Detections | None:
        """The faces that lie where ``boxes`` (n, 4) of the frame before did; None where the engine has to search the
        whole image."""
        ...

    def detect_batch(self, images: NDArray[np.uint8]) -> list[Detections]:
        """The same for (b, H, W, 3) images of one size."""
        ...


class EmbeddingEngine(Protocol):
    """A built embedding network. Safe to call from several threads."""

    dimension: int

    def forward(self, crops: NDArray[np.uint8]) -> FloatArray:
        """Raw embeddings (n, dimension) of RGB crops (n, size, size, 3) uint8."""
        ...
