"""A network that the user brings as an ONNX file: how the JSON beside it describes its crops, and a look at the file
itself before any library reads it.

``FILE.json`` beside ``FILE.onnx`` may say how the network wants its faces; without it they are ArcFace's: 112 x 112
pixels, eyes, nose and mouth at insightface's places, RGB, ``(pixel - 127.5) / 127.5``.
"""

from __future__ import annotations

import hashlib
import json
import mmap
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

from errors import WeightsError
from recognizer.crops import CropRecipe

ONNX_SETTING = "SMARTATTENDANCE_ONNX_WEIGHTS"
NAMED_BY = f"It was named by {ONNX_SETTING} or --weights."
SMALLEST_CROP, LARGEST_CROP = 32, 512
LARGEST_FILE = 1 << 30  # bytes; ResNet-100, the largest that is usual, has 260 MB
_LARGEST_JSON = 64 * 1024
_MOST_FIELDS = 2_000_000
_DEEPEST = 24  # a graph inside a node inside a graph ...

Three = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class OnnxRecipe:
    """How a network wants its faces. size: side of the crop in pixels, None where the network's input says it. crop:
    ``landmarks`` (insightface's five points) or ``box``, widened by ``margin`` pixels of the crop. mean, scale: of red,
    green and blue, ``(pixel - mean) / scale``. channels: ``rgb`` or ``bgr``."""

    size: int | None = None
    crop: str = "landmarks"
    margin: int = 0
    mean: Three = (127.5, 127.5, 127.5)
    scale: Three = (127.5, 127.5, 127.5)
    channels: str = "rgb"

    @property
    def digest(self) -> str:
        """Tells this recipe from others."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:8]

    def for_size(self, size: int) -> CropRecipe:
        """The recipe of a network whose input is ``size`` pixels wide. Raises WeightsError when the margin is too
        wide for it."""
        if self.margin > size // 2:
            raise WeightsError(f"a margin of {self.margin} pixels is more than half of the crop's {size}")
        kind = "arcface" if self.crop == "landmarks" else self.crop
        return CropRecipe(kind, size, self.margin, self.mean, self.scale, self.channels)


def recipe_file(weights: Path) -> Path:
    """Where the recipe of ``weights`` may be."""
    return weights.with_suffix(".json")


def strangers_file(weights: Path) -> Path:
    """Where the stranger table measured for ``weights`` is kept."""
    return weights.with_suffix(".strangers.json")


def read_recipe(weights: Path) -> OnnxRecipe:
    """What the JSON beside ``weights`` says, the defaults where there is none. Raises WeightsError."""
    path = recipe_file(weights)
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_JSON + 1)
    except FileNotFoundError:
        return OnnxRecipe()
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(content) > _LARGEST_JSON:
        raise WeightsError(f"{path} has more than {_LARGEST_JSON:,} bytes; it should hold the few lines of a recipe")
    try:
        found = json.loads(
            content.decode("utf-8-sig"), object_pairs_hook=_without_repetition, parse_constant=_no_number
        )
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path} is not JSON that can be read: {str(error)[:200]}") from error
    try:
        return _recipe(found)
    except ValueError as error:
        raise WeightsError(f"{path}: {error}") from error


def _recipe(found: object) -> OnnxRecipe:
    if not isinstance(found, dict):
        raise ValueError(f"expected an object in braces, got {_kind(found)}")
    known = OnnxRecipe.__slots__
    for key in found:
        if key not in known:
            raise ValueError(f"unknown key {key[:40]!r}; there are {', '.join(known)}")
    values: dict[str, Any] = {}
    if "size" in found:
        values["size"] = _whole(found["size"], "size", SMALLEST_CROP, LARGEST_CROP)
    if "crop" in found:
        values["crop"] = _one_of(found["crop"], "crop", ("landmarks", "box"))
    if "margin" in found:
        values["margin"] = _whole(found["margin"], "margin", 0, LARGEST_CROP // 2)
        if values.get("crop") != "box":
            raise ValueError('margin goes with "crop": "box"; a crop by landmarks has none')
    if "mean" in found:
        values["mean"] = _three(found["mean"], "mean", 0, 255)
    if "scale" in found:
        values["scale"] = _three(found["scale"], "scale", 0.001, 1000)
    if "channels" in found:
        values["channels"] = _one_of(found["channels"], "channels", ("rgb", "bgr"))
    recipe = OnnxRecipe(**values)
    if recipe.size is not None and recipe.margin > recipe.size // 2:
        raise ValueError(f"margin must be at most half of size, {recipe.size // 2}, got {recipe.margin}")
    return recipe


def _whole(value: object, key: str, low: int, high: int) -> int:
    if type(value) is not int:
        raise ValueError(f"{key} must be a whole number, got {_kind(value)}")
    if not low <= value <= high:
        raise ValueError(f"{key} must lie between {low} and {high}, got {str(value)[:20]}")
    return value


def _one_of(value: object, key: str, words: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in words:
        got = f"{value[:40]!r}" if isinstance(value, str) else _kind(value)
        raise ValueError(f"{key} must be {' or '.join(words)}, got {got}")
    return value


def _three(value: object, key: str, low: float, high: float) -> Three:
    """One number for all channels, or one each of red, green and blue."""
    numbers: list[Any] = value if isinstance(value, list) else [value] * 3
    if len(numbers) != 3:
        raise ValueError(f"{key} must be a number, or three of red, green and blue, got {len(numbers)}")
    for number in numbers:
        if type(number) not in (int, float):
            raise ValueError(f"{key} must be a number, or three of red, green and blue, got {_kind(number)}")
        if not low <= number <= high:
            raise ValueError(f"{key} must lie between {low:g} and {high:g}, got {str(number)[:20]}")
    red, green, blue = map(float, numbers)
    return red, green, blue


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "null")


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number that can be used")


def check_onnx_file(path: Path) -> None:
    """Raise WeightsError unless ``path`` is built like an ONNX file that holds all of its weights itself.

    Looks at the structure only, in a second for 250 MB. What passes may still be no network of faces."""
    if path.suffix.lower() != ".onnx":
        raise WeightsError(f"{path} is not called .onnx; the embedder onnx reads ONNX files only. {NAMED_BY}")
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise WeightsError(
                f"{path} has {size:,} bytes, and at most {LARGEST_FILE:,} are read; a face network has up to about "
                f"300 million. {NAMED_BY}"
            )
        if size == 0:
            raise WeightsError(f"{path} is empty. {NAMED_BY}")
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            _Walk(content).run()
    except FileNotFoundError as error:
        raise WeightsError(f"The ONNX file {path} does not exist. {NAMED_BY}") from error
    except OSError as error:
        raise WeightsError(f"The ONNX file {path} cannot be read: {error.strerror or error}. {NAMED_BY}") from error
    except _DamagedError as error:
        raise WeightsError(
            f"{path} is not an ONNX file, or it is cut short or damaged ({error}); fetch or export it again. {NAMED_BY}"
        ) from error
    except _ElsewhereError as error:
        raise WeightsError(
            f"{path} keeps its weights in other files, which are not read. Save it as one file: "
            f"onnx.save(onnx.load(FILE), NEW_FILE). {NAMED_BY}"
        ) from error


class _DamagedError(Exception):
    """A clause about what is wrong with the bytes."""


class _ElsewhereError(Exception):
    """A tensor names another file."""


# The messages of onnx.proto that can hold tensors: which of their fields hold which messages.
_FIELDS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_IR_VERSION, _GRAPH = 1, 7
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5


class _Walk:
    """Through the protobuf messages of a file, without copying what they hold."""

    def __init__(self, content: mmap.mmap) -> None:
        self._content, self._place = content, 0

    def run(self) -> None:
        seen, fields = set(), 0
        waiting = [("model", 0, len(self._content), 0)]
        while waiting:
            message, self._place, end, depth = waiting.pop()
            if depth > _DEEPEST:
                raise _DamagedError("it is nested too deep")
            while self._place < end:
                fields += 1
                if fields > _MOST_FIELDS:
                    raise _DamagedError(f"it has more than {_MOST_FIELDS:,} parts")
                number, kind = divmod(self._varint(end), 8)
                if message == "model":
                    seen.add((number, kind))
                if message == "tensor" and number == _EXTERNAL_DATA:
                    raise _ElsewhereError
                value = self._skip(kind, end)
                if message == "tensor" and (number, kind) == (_DATA_LOCATION, _VARINT) and value:
                    raise _ElsewhereError
                inner = _FIELDS[message].get(number)
                if inner and kind == _LENGTH:
                    waiting.append((inner, self._place - value, self._place, depth + 1))
        if not {(_IR_VERSION, _VARINT), (_GRAPH, _LENGTH)} <= seen:
            raise _DamagedError("it holds no network")

    def _skip(self, kind: int, end: int) -> int:
        """Go past a field; its value where it is a whole number, its length where it has one."""
        if kind == _VARINT:
            return self._varint(end)
        length = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}.get(kind)
        if length is None:
            if kind != _LENGTH:
                raise _DamagedError("a part of it is of no known kind")
            length = self._varint(end)
        if length > end - self._place:
            raise _DamagedError("a part of it reaches beyond its end")
        self._place += length
        return length

    def _varint(self, end: int) -> int:
        value = 0
        for shift in range(0, 64, 7):
            if self._place >= end:
                break
            byte = self._content[self._place]
            self._place += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise _DamagedError("a number in it does not end")
