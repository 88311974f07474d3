"""The stand-ins for numpy's own helpers that a model's pickle calls: they make arrays of plain numbers and text
and nothing else, each checked against the bytes that are really there. Only ``recognizer.unpickling`` uses them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errors import ModelFormatError, ModelIntegrityError

# Booleans, integers, floats, text of fixed width, and objects (text labels of old files). A structured dtype
# may hide object pointers behind plain bytes, so there are none.
# Never of size 0: of those, nothing at all is any number.
_DTYPE = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248]|U[1-9]\d{0,3}|O8?)")
# Bytes, dates, spans of time and complex numbers: honest, but not read.
_OTHER_DTYPE = re.compile(r"[<>|=]?[SMmc]\d{1,4}")

# What an array of objects may hold: the labels of old files. numpy's own scalars are plain, as ``safe_globals`` makes
# them.
_PLAIN = (str, int, float, bool, type(None))

# Of an array. The product of a hundred thousand large numbers alone would take minutes.
_MOST_DIMENSIONS = 8
_LARGEST_DIMENSION = 2**48


class _Token:
    """Stands for a class that is named in a pickle but must not be made or called there."""


_NDARRAY = _Token()


class Budget:
    """How many bytes may still be made of a file, so that a small one cannot fill the memory."""

    def __init__(self, size: int) -> None:
        self._left = size

    def spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise ModelIntegrityError("the model file makes far more data than it holds; do not use this file")


def safe_globals(budget: Budget) -> dict[tuple[str, str], Any]:
    """What stands in for each global of numpy's, joblib's and protocol 2's that a model's pickle names."""

    def frombuffer(
        data: Any, dtype: Any, shape: Any, order: Any, axis_order: Any = None
    ) -> NDArray[Any]:  # numpy._core.numeric._frombuffer, protocol 5
        made = _array(data, dtype, budget)
        _count(shape)
        if order == "K" and axis_order is not None:  # numpy 2.3 and later
            return made.reshape(shape).transpose(axis_order)
        return made.reshape(shape, order=order)

    def scalar(dtype: Any, data: Any) -> Any:
        made = _array(data, dtype, budget)
        if made.shape != (1,):
            raise ModelIntegrityError("the model file is damaged (a number of several values)")
        return made[0]

    def encode(text: Any, encoding: Any) -> bytes:  # how protocol 2 writes bytes
        if type(text) is not str or encoding != "latin1":
            raise ModelIntegrityError("the model file is damaged (bytes written as text)")
        budget.spend(len(text))
        return text.encode("latin1")

    table: dict[tuple[str, str], Callable[..., Any] | _Token] = {
        ("numpy", "ndarray"): _NDARRAY,
        ("numpy", "dtype"): make_dtype,
        ("_codecs", "encode"): encode,
        ("__builtin__", "bytes"): bytes_of_nothing,
        ("joblib.numpy_pickle", "NumpyArrayWrapper"): JoblibArray,
    }
    for core in ("numpy._core", "numpy.core"):  # as numpy 2 and numpy 1 spell it
        table[f"{core}.multiarray", "_reconstruct"] = empty_array
        table[f"{core}.multiarray", "scalar"] = scalar
        table[f"{core}.numeric", "_frombuffer"] = frombuffer
    return table


def make_dtype(spec: Any, align: Any = False, copy: Any = True) -> np.dtype[Any]:
    if type(spec) is str and _OTHER_DTYPE.fullmatch(spec):
        raise ModelFormatError(
            f"the model file holds an array of {spec}, where only numbers and text are read. Save names as text, not "
            "as bytes or dates, or train again"
        )
    if type(spec) is not str or not _DTYPE.fullmatch(spec) or align not in (False, 0):
        raise ModelIntegrityError("the model file holds an array of a kind that no model holds; do not use this file")
    # Always a copy: its state is set next, and numpy's own dtypes are shared by the whole process.
    return np.dtype(spec, copy=True)


def bytes_of_nothing() -> bytes:
    """How protocol 2 writes b''."""
    return b""


def empty_array(cls: Any, shape: Any, typecode: Any) -> NDArray[Any]:
    """numpy's ``_reconstruct``: an array without content, filled by ``set_array_state``."""
    if cls is not _NDARRAY or shape != (0,) or typecode not in (b"b", "b"):
        raise ModelIntegrityError("the model file is damaged (an array begun wrongly)")
    return np.zeros((0,), np.int8)


def set_dtype_state(dtype: np.dtype[Any], state: Any) -> None:
    """Set the byte order, the only part of ``state`` that a plain dtype has not already."""
    if type(state) is not tuple or len(state) < 8 or state[1] not in ("<", ">", "|", "=") or any(state[2:5]):
        raise ModelIntegrityError("the model file holds an array of a kind that no model holds; do not use this file")
    # Sizes and flags are taken from the dtype itself: forged flags would make numpy read bytes as pointers.
    own: Any = dtype.__reduce__()[2]
    dtype.__setstate__((3, state[1], None, None, None, *own[5:8]))  # type: ignore[attr-defined]


def set_array_state(array: NDArray[Any], state: Any, budget: Budget) -> None:
    """Fill an array made by ``empty_array`` with (version, shape, dtype, Fortran order, bytes or list)."""
    if type(state) is not tuple or len(state) != 5:
        raise ModelIntegrityError("the model file is damaged (the state of an array)")
    _, shape, dtype, fortran, content = state
    count = _count(shape)
    if not isinstance(dtype, np.dtype) or type(fortran) not in (bool, int):
        raise ModelIntegrityError("the model file is damaged (the state of an array)")
    if dtype.hasobject:
        if type(content) is not list or len(content) != count or not all(map(_is_plain, content)):
            raise ModelIntegrityError("the model file holds an array of objects other than text and numbers")
        budget.spend(8 * count)
    else:
        if type(content) not in (bytes, bytearray) or len(content) != count * dtype.itemsize:
            raise ModelIntegrityError("the model file is damaged (an array of other size than stated)")
        budget.spend(len(content))
    array.__setstate__((1, shape, dtype, bool(fortran), content))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class JoblibArray:
    """What joblib writes in place of an array, ahead of the array's bytes (its ``NumpyArrayWrapper``).

    aligned: whether a byte with the length of a padding, and the padding, lie before them (joblib 1.2 and later).
    """

    shape: tuple[int, ...]
    order: str
    dtype: np.dtype[Any]
    aligned: bool

    @classmethod
    def from_state(cls, state: Any) -> JoblibArray:
        if type(state) is not dict:
            raise ModelIntegrityError("the model file is damaged (an array of joblib's)")
        shape, order, dtype = state.get("shape"), state.get("order"), state.get("dtype")
        _count(shape)
        if state.get("subclass") is not _NDARRAY or order not in ("C", "F") or not isinstance(dtype, np.dtype):
            raise ModelIntegrityError("the model file holds an array of a kind that no model holds")
        aligned = state.get("numpy_array_alignment_bytes") is not None
        return cls(tuple(shape), order, dtype, aligned)  # type: ignore[arg-type]

    def fill(self, data: bytes) -> NDArray[Any]:
        if len(data) != math.prod(self.shape) * self.dtype.itemsize:
            raise ModelIntegrityError("the model file is cut short in the middle of an array")
        return np.frombuffer(bytearray(data), self.dtype).reshape(self.shape, order=self.order)  # type: ignore[call-overload,no-any-return]


def _array(data: Any, dtype: Any, budget: Budget) -> NDArray[Any]:
    if not isinstance(dtype, np.dtype) or dtype.hasobject or type(data) not in (bytes, bytearray):
        raise ModelIntegrityError("the model file is damaged (the bytes of an array)")
    budget.spend(len(data))
    # A copy that may be written to: scikit-learn's compiled code asks for that.
    return np.frombuffer(bytearray(data), dtype)


def _is_plain(item: Any) -> bool:
    return type(item) in _PLAIN or isinstance(item, np.generic)


def _count(shape: Any) -> int:
    if (
        type(shape) is not tuple
        or len(shape) > _MOST_DIMENSIONS
        or not all(type(n) is int and 0 <= n <= _LARGEST_DIMENSION for n in shape)
    ):
        raise ModelIntegrityError("the model file is damaged (the shape of an array)")
    return math.prod(shape)
