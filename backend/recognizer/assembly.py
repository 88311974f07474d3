"""Builds detector and embedder from plain values, the same way for commands, server and tests.

The engines are imported when something is built: torch takes seconds to import and asking for help should not. A server
whose networks run on OpenVINO imports torch only to convert them the first time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np

from errors import ConfigurationError, WeightsError
from recognizer.compute import Compute
from recognizer.crops import BOTH_RECIPE, DLIB_RECIPE, FACENET_RECIPE, CropRecipe
from recognizer.detector import DetectorConfig, FaceDetector
from recognizer.drawn_face import drawn_face
from recognizer.embeddings import FaceEmbedder, l2_normalise
from recognizer.engines import choice
from recognizer.engines.base import DetectionEngine, Detections, EmbeddingEngine
from recognizer.engines.mtcnn_weights import NETWORKS, mtcnn_sha256
from recognizer.engines.shared_batches import SharedBatches
from recognizer.engines.two_networks import TwoNetworks
from recognizer.onnx_files import OnnxRecipe
from recognizer.types import BoundingBox, FloatArray, RGBImage
from recognizer.weights import EMBEDDERS, NAMED_BY, WeightsFile

ANYHOW = Compute()
MTCNN = "mtcnn"
# Least cosine to torch's embeddings. On lfw-dev FaceNet's stay above 0.998 in bfloat16 and 0.996 in eight bits, of the
# drawn faces above 0.999 in both, and the errors in identifying people are the same (benchmarks/mirrored.py).
ENOUGH_FOR_EMBEDDING = {choice.OPENVINO_F32: 0.9999, choice.OPENVINO_BF16: 0.995, choice.OPENVINO_INT8: 0.998}
# Of a detector: the share of torch's faces that it finds too, with boxes that overlap so much and landmarks so near.
ENOUGH_FOR_DETECTION = {choice.OPENVINO_F32: 1.0}
SAME_BOX, SAME_LANDMARKS = 0.85, 0.02


def build_detector(config: DetectorConfig, compute: Compute = ANYHOW) -> FaceDetector:
    """MTCNN with ``config``. Raises ConfigurationError when ``compute`` asks for what there is not."""

    def reference() -> DetectionEngine:
        from recognizer.engines.torch_engine import TorchMtcnn, set_threads

        set_threads(compute.threads)
        return TorchMtcnn(
            min_face_size=config.min_face_size,
            thresholds=config.thresholds,
            scale_factor=config.scale_factor,
            device=compute.device,
        )

    def fast() -> DetectionEngine:
        from recognizer.engines.mtcnn import Mtcnn
        from recognizer.engines.openvino_models import mtcnn_networks

        return Mtcnn(
            mtcnn_networks(compute.folder, compute.threads),
            min_face_size=config.min_face_size,
            thresholds=config.thresholds,
            scale_factor=config.scale_factor,
        )

    engine, chosen = choice.built(
        choice.Network(
            name=MTCNN,
            weights_sha256=mtcnn_sha256(),
            build={choice.TORCH: reference, choice.OPENVINO_F32: fast},
            work=lambda engine: [engine.detect(picture) for picture in _trial_pictures()],
            agreement=_share_found,
            enough=ENOUGH_FOR_DETECTION,
        ),
        compute,
    )
    return FaceDetector(engine, config, chosen)


def build_embedder(weights: WeightsFile, compute: Compute = ANYHOW) -> FaceEmbedder:
    """The network that ``weights`` belong to, with its crop recipe. Raises WeightsError when the file is not that
    network's, ConfigurationError for an unknown embedder, or when ``compute`` asks for what there is not."""
    if weights.parts:
        return _two_networks(weights, compute)
    if weights.embedder_id == "facenet":
        recipe = FACENET_RECIPE
    elif weights.embedder_id == "dlib":
        recipe = DLIB_RECIPE
    elif weights.onnx is not None:
        return _onnx_embedder(weights, weights.onnx, _for_onnx(compute))
    else:
        raise ConfigurationError(f"no embedder is called {weights.embedder_id!r}; there are {', '.join(EMBEDDERS)}")
    return _embedder(weights, recipe, *_chosen(weights, recipe, _embedding_engines(weights, recipe, compute), compute))


def _embedder(weights: WeightsFile, recipe: CropRecipe, engine: EmbeddingEngine, chosen: choice.Choice) -> FaceEmbedder:
    return FaceEmbedder(weights.embedder_id, engine, recipe, weights.sha256, chosen)


_AND = " and "
"""Between the names of two networks' engines."""


def _two_networks(weights: WeightsFile, compute: Compute) -> FaceEmbedder:
    engines = compute.engine.split(_AND) if _AND in compute.engine else [compute.engine] * 2
    parts = [
        _chosen(part, recipe, _embedding_engines(part, recipe, each), each)
        for part, recipe, each in zip(
            weights.parts,
            (FACENET_RECIPE, DLIB_RECIPE),
            (replace(compute, engine=engine) for engine in engines),
            strict=True,
        )
    ]
    engine = TwoNetworks(*(engine for engine, _ in parts))
    return _embedder(weights, BOTH_RECIPE, engine, choice.Choice(_AND.join(chosen.engine for _, chosen in parts), {}))


def _chosen(
    weights: WeightsFile, recipe: CropRecipe, engines: dict[str, Callable[[], EmbeddingEngine]], compute: Compute
) -> tuple[EmbeddingEngine, choice.Choice]:
    try:
        engine, chosen = choice.built(
            choice.Network(
                name=weights.network,
                weights_sha256=weights.sha256,
                build=engines,
                work=lambda engine: engine.forward(_trial_crops(recipe)),
                agreement=lambda mine, theirs: float((l2_normalise(mine) * l2_normalise(theirs)).sum(axis=1).min()),
                enough=ENOUGH_FOR_EMBEDDING,
            ),
            compute,
        )
    except WeightsError as error:
        if weights.embedder_id == "facenet":
            raise WeightsError(f"{error}. {NAMED_BY}") from error
        raise
    return SharedBatches(engine), chosen


def was_measured(weights: WeightsFile, compute: Compute) -> bool:
    """Whether building the networks would find an engine that was chosen earlier, and not measure now."""
    of_embedder = compute if weights.onnx is None else _for_onnx(compute)
    networks = [(MTCNN, mtcnn_sha256(), compute)]
    networks += [(each.network, each.sha256, of_embedder) for each in weights.networks]
    return all(_was_measured(*network) for network in networks)


def _was_measured(name: str, sha256: str, compute: Compute) -> bool:
    if compute.engine not in ("auto", "openvino") or choice.on_accelerator(compute.device):
        return True
    chosen = choice.recall(name, sha256, compute)
    return chosen is not None and _is_kept(name, sha256, chosen, compute)


def _for_onnx(compute: Compute) -> Compute:
    """Where an ONNX network runs: on the processor by OpenVINO, whatever computes the others. Where torch is asked for,
    by the reference, and nothing is kept."""
    if compute.engine == choice.TORCH:
        return replace(compute, device="cpu", engine=choice.OPENVINO_F32, folder=None)
    return replace(compute, device="cpu")


def _onnx_embedder(weights: WeightsFile, described: OnnxRecipe, compute: Compute) -> FaceEmbedder:
    from recognizer.engines.onnx_model import onnx_model, reason
    from recognizer.engines.openvino_engine import OpenVinoEmbedder, supports_bfloat16

    model = onnx_model(weights, compute.folder)
    size = int(model.inputs[0].partial_shape[1].get_length())

    def build(precision: str) -> EmbeddingEngine:
        if precision == "bf16" and not supports_bfloat16():
            raise RuntimeError("this processor does not compute in bfloat16")
        return OpenVinoEmbedder(model.clone(), size, precision, compute.threads)

    engines: dict[str, Callable[[], EmbeddingEngine]] = {
        choice.OPENVINO_F32: partial(build, "f32"),
        choice.OPENVINO_BF16: partial(build, "bf16"),
    }
    try:
        recipe = described.for_size(size)
        return _embedder(weights, recipe, *_chosen(weights, recipe, engines, compute))
    except RuntimeError as error:
        raise WeightsError(f"OpenVINO cannot compute {weights.path} ({reason(error)}); export it again") from error


def _is_kept(name: str, weights_sha256: str, chosen: choice.Choice, compute: Compute) -> bool:
    if chosen.engine == choice.TORCH:
        return True
    from recognizer.engines import openvino_models

    names = NETWORKS if name == MTCNN else (name,)
    if chosen.engine == choice.OPENVINO_INT8:
        names = (openvino_models.eight_bits_name(name),)
    return openvino_models.are_kept(names, weights_sha256, compute.folder)


def _embedding_engines(
    weights: WeightsFile, recipe: CropRecipe, compute: Compute
) -> dict[str, Callable[[], EmbeddingEngine]]:
    def reference() -> EmbeddingEngine:
        from recognizer.engines.torch_engine import TorchDlib, TorchFaceNet, set_threads

        set_threads(compute.threads)
        return (TorchFaceNet if weights.embedder_id == "facenet" else TorchDlib)(weights.path, compute.device)

    def fast(precision: str) -> EmbeddingEngine:
        from recognizer.engines.openvino_engine import OpenVinoEmbedder, supports_bfloat16
        from recognizer.engines.openvino_models import embedder_model

        if precision == "bf16" and not supports_bfloat16():
            raise RuntimeError("this processor does not compute in bfloat16")
        model = embedder_model(weights, recipe.size, compute.folder)
        return OpenVinoEmbedder(model, recipe.size, precision, compute.threads)

    def in_eight_bits() -> EmbeddingEngine:
        from recognizer.engines.openvino_engine import OpenVinoEmbedder, supports_bfloat16
        from recognizer.engines.openvino_models import embedder_in_eight_bits

        model = embedder_in_eight_bits(weights, recipe.size, compute.folder, lambda: _trial_crops(recipe))
        rest = "bf16" if supports_bfloat16() else "f32"
        return OpenVinoEmbedder(model, recipe.size, rest, compute.threads)

    engines: dict[str, Callable[[], EmbeddingEngine]] = {
        choice.TORCH: reference,
        choice.OPENVINO_BF16: partial(fast, "bf16"),
        choice.OPENVINO_F32: partial(fast, "f32"),
    }
    if weights.embedder_id == "facenet":  # of dlib's 1.6 ms a face they would save 0.4
        engines[choice.OPENVINO_INT8] = in_eight_bits
    return engines


# Only when engines are measured: most starts find what was chosen.
@cache
def _trial_pictures() -> list[RGBImage]:
    return [drawn_face(width) for width in (80, 140, 220)]


@cache
def _trial_crops(recipe: CropRecipe) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Eight drawn faces of the recipe's size, in other colours and at other sizes."""
    crops, larger = [], max(1.0, recipe.size / FACENET_RECIPE.size)
    for number in range(8):
        picture = np.roll(drawn_face(round(larger * (120 + 20 * (number % 4)))), number % 3, axis=2)
        top, left = (picture.shape[0] - recipe.size) // 2, (picture.shape[1] - recipe.size) // 2
        crops.append(picture[top : top + recipe.size, left : left + recipe.size])
    return np.stack(crops)


def _share_found(mine: list[Detections], theirs: list[Detections]) -> float:
    """Which part of the faces of ``theirs`` is in ``mine``, of all faces of both."""
    found = everything = 0
    for (boxes, landmarks, _), (their_boxes, their_landmarks, _) in zip(mine, theirs, strict=True):
        everything += max(len(boxes), len(their_boxes))
        for box, points in zip(their_boxes, their_landmarks, strict=True):
            found += any(_same(box, points, *each) for each in zip(boxes, landmarks, strict=True))
    return found / everything if everything else 1.0


def _same(box: FloatArray, points: FloatArray, other_box: FloatArray, other_points: FloatArray) -> bool:
    one, other = BoundingBox(*map(float, box)), BoundingBox(*map(float, other_box))
    near = float(np.abs(points - other_points).max()) <= SAME_LANDMARKS * max(one.width, one.height)
    return near and one.iou(other) >= SAME_BOX
