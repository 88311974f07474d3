"""P-Net, R-Net and O-Net as OpenVINO graphs, put together from the numbers that facenet-pytorch carries.

What torch exports computes the same in more steps. Here activations are what OpenVINO computes together with the
convolution before them, the last layers of a network are one, and of the two classes only the difference is computed,
which is the logarithm of the odds of a face.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recognizer.engines.openvino_import import ov
from recognizer.engines.pixels import FACENET_MEAN, FACENET_SCALE
from recognizer.types import FloatArray

ops = ov.opset13

Numbers = Mapping[str, FloatArray]
"""Of one network, by the names that facenet-pytorch gives them."""


def pnet(numbers: Numbers) -> ov.Model:
    """Takes (1, H, W, 3) RGB 0..255 float32, gives (1, h, w, 5): the logarithm of the odds, and the box relative to
    the window."""
    given, x = _pixels(1, -1, -1)
    # in the first convolution, as one pass over a large picture less
    x = _layer(x, *_for_pixels(numbers), numbers["prelu1.weight"])
    x = _layer(_pooled(x, 2), *_of(numbers, "conv2", "prelu2"))
    x = _layer(x, *_of(numbers, "conv3", "prelu3"))
    x = _convolved(x, *_joined(numbers, "conv4_1", "conv4_2"))
    return ov.Model([ops.transpose(x, np.array([0, 2, 3, 1]))], [given])


def rnet(numbers: Numbers) -> ov.Model:
    """Takes (n, 24, 24, 3), gives (n, 5) as P-Net does."""
    given, x = _pixels(-1, 24, 24)
    x = _layer(x, *_for_pixels(numbers), numbers["prelu1.weight"])
    x = _layer(_pooled(x, 3), *_of(numbers, "conv2", "prelu2"))
    x = _layer(_pooled(x, 3), *_of(numbers, "conv3", "prelu3"))
    x = _flattened(x, numbers, "4", 3)
    return ov.Model([_dense(x, *_joined(numbers, "dense5_1", "dense5_2"))], [given])


def onet(numbers: Numbers) -> ov.Model:
    """Takes (n, 48, 48, 3), gives (n, 15): as P-Net does, then the landmarks, first all x."""
    given, x = _pixels(-1, 48, 48)
    # by itself: bfloat16 has more digits for small numbers, and this network is computed in it too
    x = ops.multiply(ops.subtract(x, _constant(_MEAN)), _constant(1 / FACENET_SCALE))
    x = _layer(x, *_of(numbers, "conv1", "prelu1"))
    x = _layer(_pooled(x, 3), *_of(numbers, "conv2", "prelu2"))
    x = _layer(_pooled(x, 3), *_of(numbers, "conv3", "prelu3"))
    x = _layer(_pooled(x, 2), *_of(numbers, "conv4", "prelu4"))
    x = _flattened(x, numbers, "5", 3)
    return ov.Model([_dense(x, *_joined(numbers, "dense6_1", "dense6_2", "dense6_3"))], [given])


def side_by_side(model: ov.Model, sizes: Sequence[tuple[int, int]]) -> ov.Model:
    """P-Net for a picture of each of ``sizes``, height and width: as many inputs, and as many outputs."""
    given: list[Any] = []
    answers: list[Any] = []
    for height, width in sizes:
        one = model.clone()
        one.reshape([1, height, width, 3])
        given += one.get_parameters()
        answers += one.get_results()
    return ov.Model(answers, given)


_MEAN = np.array(FACENET_MEAN).reshape(1, 3, 1, 1)


def _constant(numbers: Any) -> Any:
    return ops.constant(np.asarray(numbers, np.float32))


def _pixels(count: int, height: int, width: int) -> tuple[Any, Any]:
    """The input, -1 where any number will do, and the same with its colours first."""
    given = ops.parameter([count, height, width, 3], np.float32)
    return given, ops.transpose(given, np.array([0, 3, 1, 2]))


def _for_pixels(numbers: Numbers) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights and bias of the first convolution, with which it takes pixels that are not normalised."""
    weight: NDArray[np.float64] = numbers["conv1.weight"].astype(np.float64) / FACENET_SCALE
    return weight, numbers["conv1.bias"] - (weight * _MEAN).sum(axis=(1, 2, 3))


def _of(numbers: Numbers, layer: str, activation: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    return numbers[f"{layer}.weight"], numbers[f"{layer}.bias"], numbers[f"{activation}.weight"]


def _joined(numbers: Numbers, odds: str, *others: str) -> tuple[FloatArray, FloatArray]:
    """Weights and bias of a layer that gives how much likelier ``odds`` finds its second class, and then what each of
    ``others`` gives."""
    parts = [(numbers[f"{name}.weight"], numbers[f"{name}.bias"]) for name in others]
    (no, yes), (no_bias, yes_bias) = numbers[f"{odds}.weight"], numbers[f"{odds}.bias"]
    weight = np.concatenate([(yes - no)[None], *(each for each, _ in parts)])
    return weight, np.concatenate([[yes_bias - no_bias], *(each for _, each in parts)])


def _convolved(x: Any, weight: Any, bias: Any) -> Any:
    x = ops.convolution(x, _constant(weight), [1, 1], [0, 0], [0, 0], [1, 1])
    return ops.add(x, _constant(np.reshape(bias, (1, -1, 1, 1))))


def _layer(x: Any, weight: Any, bias: Any, slopes: Any) -> Any:
    return ops.prelu(_convolved(x, weight, bias), _constant(slopes))


def _pooled(x: Any, window: int) -> Any:
    """The last window may be a part of one."""
    pooled = ops.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [window, window], "ceil")
    return pooled.output(0)


def _flattened(x: Any, numbers: Numbers, name: str, side: int) -> Any:
    """The layer after convolutions that are ``side`` wide and high: torch's takes them column by column, with all
    channels of a place together."""
    weight = numbers[f"dense{name}.weight"]
    weight = weight.reshape(len(weight), side, side, -1).transpose(0, 3, 2, 1).reshape(len(weight), -1)
    x = _dense(ops.reshape(x, np.array([0, -1]), True), weight, numbers[f"dense{name}.bias"])
    return ops.prelu(x, _constant(numbers[f"prelu{name}.weight"]))


def _dense(x: Any, weight: Any, bias: Any) -> Any:
    return ops.add(ops.matmul(x, _constant(weight), False, True), _constant(np.reshape(bias, (1, -1))))
