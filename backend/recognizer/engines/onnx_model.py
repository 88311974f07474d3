"""ONNX files as OpenVINO models: read, checked to be a network of faces, and given pixels as input."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from errors import WeightsError
from recognizer.engines.converted import converted, take_pixels
from recognizer.engines.openvino_import import ov
from recognizer.onnx_files import LARGEST_CROP, NAMED_BY, SMALLEST_CROP, OnnxRecipe
from recognizer.weights import WeightsFile

FEWEST_NUMBERS, MOST_NUMBERS = 32, 4096
_FLOATS = ("f32", "f16")


def onnx_model(weights: WeightsFile, folder: Path | None) -> ov.Model:
    """The network of ``weights`` for crops (n, size, size, 3) uint8, which answers (n, d) float32. Raises WeightsError
    saying what the file is when it is no such network."""
    assert weights.onnx is not None
    return converted(weights.network, weights.sha256, folder, partial(_read, weights.path, weights.onnx))


def _read(path: Path, recipe: OnnxRecipe) -> ov.Model:
    try:
        model = ov.Core().read_model(path)
        layout, size = _input(model, recipe)
        across = [3, size, size] if layout == "NCHW" else [size, size, 3]
        _check_output(model, across)
        model.reshape([-1, *across])
        return take_pixels(model, mean=recipe.mean, scale=recipe.scale, layout=layout, bgr=recipe.channels == "bgr")
    except _NoFaceNetworkError as error:
        raise WeightsError(f"{path} cannot be used to compare faces: {error}. {NAMED_BY}") from error
    except (RuntimeError, ValueError, TypeError) as error:
        raise WeightsError(f"OpenVINO cannot read {path} ({reason(error)}); export it again. {NAMED_BY}") from error


class _NoFaceNetworkError(Exception):
    """A clause about what the network is, and what to do."""


def _input(model: ov.Model, recipe: OnnxRecipe) -> tuple[str, int]:
    """Layout and size of the only input."""
    if len(model.inputs) != 1:
        raise _NoFaceNetworkError(f"it has {len(model.inputs)} inputs, and only one is allowed: pictures of faces")
    taken, shape = model.inputs[0], model.inputs[0].partial_shape
    if taken.element_type.get_type_name() not in _FLOATS:
        raise _NoFaceNetworkError(
            f"its input is of type {taken.element_type.get_type_name()}, not float; export it without the steps that "
            "prepare the pixels"
        )
    if shape.rank.is_dynamic or len(shape) != 4:
        raise _NoFaceNetworkError(f"its input has the shape {shape}, not that of pictures (n, 3, size, size)")
    sides = [int(each.get_length()) if each.is_static else None for each in shape]
    layout = {(True, False): "NCHW", (False, True): "NHWC", (True, True): "NCHW"}.get((sides[1] == 3, sides[3] == 3))
    if layout is None:
        raise _NoFaceNetworkError(f"its input has the shape {shape}, without three channels of colour")
    height, width = sides[2:] if layout == "NCHW" else sides[1:3]
    said = {each for each in (height, width) if each is not None}
    if len(said) > 1:
        raise _NoFaceNetworkError(f"its input is {width} x {height} pixels, and only squares are cut out of photos")
    size = said.pop() if said else recipe.size or 112
    if recipe.size not in (None, size):
        raise _NoFaceNetworkError(f"its input is {size} pixels wide, and its JSON says {recipe.size}; correct the JSON")
    if not SMALLEST_CROP <= size <= LARGEST_CROP:
        raise _NoFaceNetworkError(
            f"its input is {size} pixels wide, and {SMALLEST_CROP} to {LARGEST_CROP} can be cut out of photos"
        )
    return layout, size


def _check_output(model: ov.Model, across: list[int]) -> None:
    if len(model.outputs) != 1:
        raise _NoFaceNetworkError(
            f"it has {len(model.outputs)} outputs, and a face's numbers have to be the only one; export it with that "
            "output alone"
        )
    kind = model.outputs[0].element_type.get_type_name()
    if kind not in _FLOATS:
        raise _NoFaceNetworkError(f"its output is of type {kind}, not float")
    two = model.clone()
    try:
        two.reshape([2, *across])
    except RuntimeError as error:
        raise _NoFaceNetworkError(
            f"it cannot take two faces at a time ({reason(error)}); export it with a batch size that may vary"
        ) from error
    shape = two.outputs[0].partial_shape
    if shape.rank.is_dynamic or len(shape) != 2 or any(each.is_dynamic for each in shape):
        raise _NoFaceNetworkError(
            f"for two faces it answers in the shape {shape}, not (2, d) with d numbers for each; export it with the "
            "layer that gives a face's numbers as its output"
        )
    faces, numbers = (int(each.get_length()) for each in shape)
    if faces != 2:
        raise _NoFaceNetworkError(
            f"for two faces it answers in the shape {shape}: it takes one face at a time; export it with a batch size "
            "that may vary"
        )
    if not FEWEST_NUMBERS <= numbers <= MOST_NUMBERS:
        raise _NoFaceNetworkError(
            f"it answers with {numbers:,} numbers for a face, and {FEWEST_NUMBERS} to {MOST_NUMBERS:,} can be compared"
        )


def reason(error: Exception) -> str:
    """What OpenVINO says, without the places in its source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("Exception from", "Check '"))]
    return (told or lines or [type(error).__name__])[-1][:200].rstrip(".")
