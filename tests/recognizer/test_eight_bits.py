"""Networks in eight bits: what they answer, what is left as it was, and that making them is not repeated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from recognizer import assembly
from recognizer.assembly import build_embedder, was_measured
from recognizer.compute import Compute
from recognizer.detector import FaceDetector
from recognizer.engines.choice import OPENVINO_INT8, TORCH, Choice
from recognizer.engines.eight_bits import HEADROOM, LEFT_AS_THEY_ARE, in_eight_bits
from recognizer.engines.openvino_import import ov
from recognizer.engines.openvino_models import embedder_in_eight_bits
from recognizer.weights import WeightsFile
from support.compute import ENGINE_DIR, REFERENCE
from support.pictures import face_picture

ops = ov.opset13
SIZE = 12
Pictures = NDArray[np.uint8]


def network() -> ov.Model:
    """Takes (n, 12, 12, 3) bytes. After two convolutions that are left alone it forks into two branches, of which one
    goes through a pool, and which a convolution takes together; what that gives goes into one more without a ReLU."""
    numbers = np.random.default_rng(3)

    def convolved(x: ov.Output, inputs: int, outputs: int, *, relu: bool = True) -> ov.Output:
        weights = ops.constant(numbers.normal(0, 0.3, (outputs, inputs, 3, 3)).astype(np.float32))
        y = ops.convolution(x, weights, [1, 1], [1, 1], [1, 1], [1, 1])
        return (ops.relu(y) if relu else y).output(0)

    given = ops.parameter([-1, SIZE, SIZE, 3], ov.Type.u8)
    pixels = ops.transpose(ops.convert(given, "f32"), np.array([0, 3, 1, 2]))
    x = convolved(ops.multiply(pixels, np.float32(1 / 255)).output(0), 3, 4)
    x = convolved(x, 4, 8)
    one = convolved(x, 8, 8)
    other = ops.max_pool(convolved(x, 8, 8), [1, 1], [1, 1], [1, 1], [1, 1], [3, 3]).output(0)
    x = convolved(ops.concat([one, other], 1).output(0), 16, 8, relu=False)
    x = convolved(x, 8, 4, relu=False)
    return ov.Model([ops.reduce_mean(x, np.array([2, 3]))], [given])


def pictures(count: int, highest: int = 256) -> Pictures:
    return np.random.default_rng(5).integers(0, highest, (count, SIZE, SIZE, 3), dtype=np.uint8)


def answers(model: ov.Model, asked: Pictures) -> NDArray[np.float32]:
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.asarray(compiled(asked)[0])


def whole_numbers(model: ov.Model) -> list[bool]:
    """Of each convolution, whether its weights are."""
    convolutions = [node for node in model.get_ordered_ops() if node.get_type_name() == "Convolution"]
    return [node.input_value(1).get_node().get_type_name() == "Multiply" for node in convolutions]


def steps(model: ov.Model) -> list[float]:
    """How high the inputs in steps go."""
    found = [node for node in model.get_ordered_ops() if node.get_type_name() == "FakeQuantize"]
    return [float(node.input_value(2).get_node().get_data()) for node in found]


def test_the_answers_are_nearly_those_of_single_precision() -> None:
    model, asked = network(), pictures(16)
    expected, found = answers(model, asked), answers(in_eight_bits(model, pictures(4)), asked)
    assert not np.array_equal(expected, found)
    assert np.abs(found - expected).max() < 0.02 * np.abs(expected).max()


def test_the_first_convolutions_and_what_has_no_relu_before_it_are_left_as_they_are() -> None:
    model = network()
    assert LEFT_AS_THEY_ARE == 2
    assert whole_numbers(in_eight_bits(model, pictures(4))) == [False, False, True, True, True, False]
    assert not any(whole_numbers(model)), "the model given stays as it was"


def test_what_enters_a_convolution_side_by_side_has_one_scale_and_room_above() -> None:
    def highest(asked: Pictures) -> list[float]:
        model = network()
        model.add_outputs([node.output(0) for node in model.get_ordered_ops() if node.get_type_name() == "Relu"][1:])
        answer = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(asked)
        return [float(answer[number].max()) for number in (1, 2, 3)]

    for asked in (pictures(4), pictures(4, highest=60)):
        before, one, other = highest(asked)
        found = sorted(steps(in_eight_bits(network(), asked)))
        both = max(one, other)
        assert found == pytest.approx(sorted(HEADROOM * each for each in (before, both, both)), rel=1e-4)


@pytest.fixture(scope="module")
def eight_bits(facenet_weights: WeightsFile) -> Compute:
    return Compute(device="cpu", engine=OPENVINO_INT8, folder=ENGINE_DIR)


def test_facenet_s_embeddings_of_photos_are_nearly_those_of_torch(
    eight_bits: Compute, facenet_weights: WeightsFile, detector: FaceDetector
) -> None:
    fast, reference = build_embedder(facenet_weights, eight_bits), build_embedder(facenet_weights, REFERENCE)
    photos = [face_picture(person) for person in range(20, 28)]
    found = detector.detect_batch(photos)
    crops = np.concatenate([fast.cut(photo, faces[:1]) for photo, faces in zip(photos, found, strict=True)])
    cosines = (fast.embed_crops(crops) * reference.embed_crops(crops)).sum(axis=1)
    assert len(cosines) == 8 and cosines.min() > 0.996


def test_it_is_made_once_and_missed_where_it_was_removed(
    eight_bits: Compute, facenet_weights: WeightsFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, asked = tmp_path / "networks", []

    def faces() -> Pictures:
        asked.append("faces")
        return np.random.default_rng(1).integers(0, 256, (1, 160, 160, 3), dtype=np.uint8)

    embedder_in_eight_bits(facenet_weights, 160, folder, faces)
    embedder_in_eight_bits(facenet_weights, 160, folder, faces)
    assert asked == ["faces"]

    def recall(name: str, *_: object) -> Choice:
        return Choice(OPENVINO_INT8 if name == "facenet" else TORCH, {})

    monkeypatch.setattr(assembly.choice, "recall", recall)
    compute = Compute(device="cpu", folder=folder)
    assert was_measured(facenet_weights, compute)
    for made in folder.glob("facenet-int8-*"):
        made.rename(tmp_path / made.name)
    assert not was_measured(facenet_weights, compute)
