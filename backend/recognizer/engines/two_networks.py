"""FaceNet and dlib's network as one: its cosines are the weighted sum of theirs.

They err on different faces. On lfw-dev (benchmarks/conditions.py) the two together find more students at the same rate
of strangers than either alone, of faces out of focus and in dim rooms most of all.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recognizer.crops import BESIDE_DLIB, FACENET_RECIPE
from recognizer.embeddings import l2_normalise
from recognizer.engines.base import EmbeddingEngine
from recognizer.types import FloatArray

# dlib's cosines lie four times closer together than FaceNet's; by how much strangers differ, FaceNet has 1.7 times the
# say. Any share from 0.2 to 0.4 did nearly as well.
FACENET_SHARE = 0.3


class TwoNetworks:
    """``EmbeddingEngine`` of crops as ``crops.BOTH_RECIPE`` cuts them."""

    def __init__(self, facenet: EmbeddingEngine, dlib: EmbeddingEngine) -> None:
        self.dimension = facenet.dimension + dlib.dimension
        self._facenet, self._dlib = facenet, dlib

    def forward(self, crops: NDArray[np.uint8]) -> FloatArray:
        rows, columns = FACENET_RECIPE.size, slice(BESIDE_DLIB, -BESIDE_DLIB)
        facenet = l2_normalise(self._facenet.forward(np.ascontiguousarray(crops[:, :rows])))
        dlib = l2_normalise(self._dlib.forward(np.ascontiguousarray(crops[:, rows:, columns])))
        both = np.sqrt(FACENET_SHARE) * facenet, np.sqrt(1 - FACENET_SHARE) * dlib
        return np.concatenate(both, axis=1).astype(np.float32)
