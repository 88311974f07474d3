"""A network whose convolutions multiply bytes, which takes a little more than half the time of bfloat16 where the
processor has instructions for it.

A convolution's weights become whole numbers -127..127 times a scale for each of its outputs. Its inputs, which ReLUs
give, become 0..255 times a scale for the whole picture, so that it has to be known how high they go: faces that are
drawn are embedded, and ``HEADROOM`` is left above the highest values that these give.

Only where nothing else is lost by it: sums, and the first two convolutions, stay as they are. On lfw-dev the least
cosine of FaceNet's embeddings to those of single precision is 0.996 so, and 0.984 with the second convolution in eight
bits too, whose inputs differ from channel to channel; the open-set table is in README.md (``benchmarks/mirrored.py``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recognizer.engines.openvino_import import ov
from recognizer.types import FloatArray

ops = ov.opset13

# Real faces give up to three times the highest values of drawn ones in some places, 1.5 times in most. On 160 photos of
# lfw-dev the mean cosine to single precision was the same, 0.9995, from 1.3 to 1.7, and 0.9992 without headroom.
HEADROOM = 1.5
LEFT_AS_THEY_ARE = 2
_PASSED_THROUGH = ("Concat", "MaxPool")
_STEPS = 127
_EACH_PICTURE = np.array([1, 2, 3])  # the axes of channels, rows and columns


def in_eight_bits(model: ov.Model, crops: NDArray[np.uint8]) -> ov.Model:
    """A copy of ``model``, which takes (n, size, size, 3) uint8, with its convolutions in eight bits.

    crops: (n, size, size, 3) uint8, of faces."""
    model = model.clone()
    convolutions = [node for node in model.get_ordered_ops() if node.get_type_name() == "Convolution"]
    found = [(node, _from_relus(node.input(0))) for node in convolutions[LEFT_AS_THEY_ARE:]]
    # the values of a ReLU are never negative; of others it is not known
    found = [(node, entries) for node, entries in found if entries]
    highest = _highest(model, crops)
    _level(highest, [{_source(entry) for entry in entries} for _, entries in found])
    # two convolutions may be reached by one way
    ways = {(_name(entry.get_node()), entry.get_index()): entry for _, entries in found for entry in entries}
    sources = {way: _source(entry) for way, entry in ways.items()}
    in_steps: dict[str, ov.Output] = {}
    for way, entry in ways.items():
        name = sources[way]
        if name not in in_steps:
            in_steps[name] = _in_steps(entry.get_source_output(), HEADROOM * highest[name])
        entry.replace_source_output(in_steps[name])
    for node, _ in found:
        _in_whole_numbers(node)
    model.validate_nodes_and_infer_types()
    return model


def _from_relus(entry: ov.Input) -> list[ov.Input]:
    """Where the values that reach ``entry`` leave a ReLU; none where some come from elsewhere."""
    found: list[ov.Input] = []
    waiting = [entry]
    while waiting:
        entry = waiting.pop()
        node = entry.get_source_output().get_node()
        if node.get_type_name() == "Relu":
            found.append(entry)
        elif node.get_type_name() in _PASSED_THROUGH:
            waiting.extend(node.inputs())
        else:
            return []
    return found


def _source(entry: ov.Input) -> str:
    return _name(entry.get_source_output().get_node())


def _name(node: ov.Node) -> str:
    return str(node.get_friendly_name())


def _highest(model: ov.Model, crops: NDArray[np.uint8]) -> dict[str, float]:
    """By ReLU, the highest value that any of ``crops`` makes it give."""
    asked = model.clone()
    relus = [node for node in asked.get_ordered_ops() if node.get_type_name() == "Relu"]
    asked.add_outputs([ops.reduce_max(node, _EACH_PICTURE).output(0) for node in relus])
    asked.reshape([len(crops), *crops.shape[1:]])
    compiled = ov.Core().compile_model(asked, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    answer = compiled(crops)
    first = len(model.outputs)
    return {_name(node): float(answer[first + number].max()) for number, node in enumerate(relus)}


def _level(highest: dict[str, float], together: Sequence[set[str]]) -> None:
    """The same for all that enter a convolution side by side, as it has one scale for them."""
    levelled = False
    while not levelled:  # a ReLU may be among several such groups
        levelled = True
        for group in together:
            most = max(highest[name] for name in group)
            for name in group:
                levelled = levelled and highest[name] == most
                highest[name] = most


def _in_steps(output: ov.Output, most: float) -> ov.Output:
    low, high = ops.constant(np.float32(0)), ops.constant(np.float32(max(most, 1e-6)))
    return ops.fake_quantize(output, low, high, low, high, 256).output(0)


def _in_whole_numbers(convolution: ov.Node) -> None:
    weights: FloatArray = convolution.input_value(1).get_node().get_data()
    most = np.abs(weights).max(axis=(1, 2, 3), keepdims=True)
    scale = (np.maximum(most, 1e-12) / _STEPS).astype(np.float32)
    numbers = np.clip(np.rint(weights / scale), -_STEPS, _STEPS).astype(np.int8)
    found = ops.multiply(ops.convert(ops.constant(numbers), "f32"), ops.constant(scale))
    convolution.input(1).replace_source_output(found.output(0))
