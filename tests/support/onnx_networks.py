"""ONNX files of small networks with random weights, made in a moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper


def small_network(
    *, numbers: int = 64, size: int | str = 112, nhwc: bool = False, seed: int = 0, kind: int = TensorProto.FLOAT
) -> ModelProto:
    """Two convolutions and the mean of each quarter: (n, 3, size, size) in, (n, numbers) out. nhwc: (n, size, size, 3)
    in, with the same answers."""
    random = np.random.default_rng(seed)
    half = 6 if isinstance(size, str) else (size // 8 - 2) // 2
    weights = {
        "first": random.normal(size=(12, 3, 8, 8)) / 14,
        "second": random.normal(size=(24, 12, 3, 3)) / 10,
        "last": random.normal(size=(24 * 4, numbers)) / 10,
    }
    turn = [helper.make_node("Transpose", ["x"], ["upright"], perm=[0, 3, 1, 2])] if nhwc else []
    nodes = [
        *turn,
        helper.make_node("Conv", ["upright" if nhwc else "x", "first"], ["a"], strides=[8, 8]),
        helper.make_node("Conv", ["a", "second"], ["c"]),
        helper.make_node("AveragePool", ["c"], ["e"], kernel_shape=[half, half], strides=[half, half]),
        helper.make_node("Flatten", ["e"], ["f"]),
        helper.make_node("Gemm", ["f", "last"], ["y"]),
    ]
    shape = ["n", size, size, 3] if nhwc else ["n", 3, size, size]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", numbers])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def write_network(path: Path, **changes: Any) -> Path:
    """``small_network`` as a file; its path."""
    path.write_bytes(small_network(**changes).SerializeToString())
    return path
