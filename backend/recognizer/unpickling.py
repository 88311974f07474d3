"""Reading a pickle without giving it the run of the machine.

A pickle is a small program. Here it may only do what the pickles of our models do: build numbers, text, lists,
dicts, numpy arrays of plain numbers or text, and the scikit-learn estimators listed in ``ESTIMATORS``. Three
lists say so, and everything else is refused with its name:

* the opcodes (no persistent ids, no extension registry, no sets, no out-of-band buffers, no protocol 0 and 1);
* the globals, exact pairs of module and name. None of them is handed out as it is, except the estimator
  classes: numpy's helpers are replaced by functions of ours that check what they are given, because
  ``numpy.ndarray((10**12,))`` or a dtype with forged flags would do harm with allowed names alone;
* what may be called (those functions), made (``__new__`` of an estimator, without arguments) and filled with
  state (an estimator, an array, a dtype).

Memory and time are bounded by the file's size: every instruction, and every byte that is made anew, is paid from one
budget, because half a kilobyte of compressed "make a list" would otherwise fill the memory.

Files written by ``joblib.dump`` are the same kind of pickle with the arrays' bytes lying between the opcodes;
they are read by the same reader, so that a nested pickle (joblib's form of an object array) meets the same lists.
Neither joblib nor its ``NumpyArrayWrapper`` takes part.
"""

from __future__ import annotations

import functools
import io
import itertools
import math
import pickle
import pickletools
import zlib
from collections.abc import Callable
from types import FunctionType
from typing import Any, ClassVar

import numpy as np
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import LabelBinarizer, LabelEncoder, Normalizer, StandardScaler
from sklearn.svm import SVC, LinearSVC

from errors import ModelError, ModelFormatError, ModelIntegrityError
from recognizer import unpickling_numpy as arrays
from recognizer.artifact import MAX_BYTES

ESTIMATORS: dict[tuple[str, str], type[Any]] = {
    ("sklearn.svm._classes", "LinearSVC"): LinearSVC,
    ("sklearn.svm._classes", "SVC"): SVC,
    ("sklearn.linear_model._logistic", "LogisticRegression"): LogisticRegression,
    ("sklearn.linear_model._ridge", "RidgeClassifier"): RidgeClassifier,
    ("sklearn.preprocessing._data", "StandardScaler"): StandardScaler,
    ("sklearn.preprocessing._data", "Normalizer"): Normalizer,
    ("sklearn.preprocessing._label", "LabelEncoder"): LabelEncoder,
    ("sklearn.preprocessing._label", "LabelBinarizer"): LabelBinarizer,
    ("sklearn.pipeline", "Pipeline"): Pipeline,
}
# Where the same classes were up to scikit-learn 0.21; recognizer.legacy brings their state up to date.
_OLD_MODULES = {
    "sklearn.svm.classes": "sklearn.svm._classes",
    "sklearn.linear_model.logistic": "sklearn.linear_model._logistic",
    "sklearn.linear_model.ridge": "sklearn.linear_model._ridge",
    "sklearn.preprocessing.data": "sklearn.preprocessing._data",
    "sklearn.preprocessing.label": "sklearn.preprocessing._label",
    "sklearn.externals.joblib.numpy_pickle": "joblib.numpy_pickle",
}

_ESTIMATOR_TYPES = frozenset(ESTIMATORS.values())
_MADE_TYPES = _ESTIMATOR_TYPES | {arrays.JoblibArray}

# What pickle protocols 2 to 5 write for such objects, and no more.
_OPCODES = (
    *(pickle.PROTO, pickle.FRAME, pickle.STOP, pickle.MARK, pickle.POP),
    *(pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE),
    *(pickle.BININT, pickle.BININT1, pickle.BININT2, pickle.LONG1, pickle.BINFLOAT),
    *(pickle.BINUNICODE, pickle.SHORT_BINUNICODE, pickle.BINUNICODE8),
    *(pickle.BINBYTES, pickle.SHORT_BINBYTES, pickle.BINBYTES8, pickle.BYTEARRAY8),
    *(pickle.EMPTY_TUPLE, pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3),
    *(pickle.EMPTY_LIST, pickle.APPEND, pickle.APPENDS, pickle.EMPTY_DICT, pickle.SETITEM, pickle.SETITEMS),
    *(pickle.BINPUT, pickle.LONG_BINPUT, pickle.MEMOIZE, pickle.BINGET, pickle.LONG_BINGET),
    *(pickle.GLOBAL, pickle.STACK_GLOBAL, pickle.REDUCE, pickle.NEWOBJ, pickle.BUILD),
)

_DAMAGED = "the model file is damaged, or not a model file at all"
_TRAIN = "Train again with python train_production_model.py"
_SAVE_AGAIN = (
    "Load it where its scikit-learn is installed with pickle.load(file, encoding='latin1') and save it again with "
    "pickle.dump(model, file, protocol=4), or train again with python train_production_model.py"
)
_TEXT_OF_PYTHON_2 = ("string", "binstring", "short_binstring")
_INSTEAD = {
    "GridSearchCV": "Save the search's best_estimator_ instead of the search, where it was made, or train again",
    "RandomizedSearchCV": "Save the search's best_estimator_ instead of the search, where it was made, or train again",
}
# What comes from there is no attack in most cases, only more than is read here. __main__: the script that wrote it.
_LIBRARIES = frozenset(
    (
        *("__main__", "collections", "sklearn", "scipy", "pandas", "imblearn", "xgboost", "lightgbm", "catboost"),
        *("torch", "keras", "tensorflow"),
    )
)

# What an instruction may take of memory at most: a mark with its list, or a place in the memo.
_INSTRUCTION = 128
# What any file may make, however small it is: an empty array takes as much of a file as a full one of few numbers.
_ALLOWANCE = 16 * 1024 * 1024
# Embeddings hardly shrink, text in arrays to a tenth.
_LARGEST_RATIO = 16


def restricted_loads(data: bytes, max_bytes: int = MAX_BYTES) -> object:
    """The object in ``data``: a pickle (protocol 2 to 5) or a ``joblib.dump``, uncompressed, zlib or gzip.

    ``max_bytes`` bounds the data, also once decompressed, and so what it can make of memory. Raises
    ModelIntegrityError for anything that is damaged, too large, or holds what no model holds.
    """
    if len(data) > max_bytes:
        raise ModelIntegrityError(f"the model file has {len(data):,} bytes, more than the {max_bytes:,} allowed")
    plain = _decompress(data, min(max_bytes, _ALLOWANCE + _LARGEST_RATIO * len(data)))
    if plain[:1] != b"\x80":
        raise _no_pickle(plain)
    # An object's bytes are in the file once; text of protocol 2 twice at most. A file that copies the same
    # bytes again and again is stopped here.
    budget = arrays.Budget(_ALLOWANCE + 4 * len(plain))
    stream = io.BytesIO(plain)
    try:
        value: object = _ModelUnpickler(stream, budget).load()
    except ModelError:
        raise
    except Exception as error:  # a damaged pickle raises whatever the misread bytes lead to
        raise ModelIntegrityError(f"{_DAMAGED} ({type(error).__name__} at byte {stream.tell():,})") from error
    if stream.read(1):
        raise ModelIntegrityError(f"{_DAMAGED} (more bytes follow where it should end)")
    return value


_UNREADABLE_COMPRESSIONS = ((b"BZ", "bz2"), (b"\xfd7zXZ", "xz"), (b"]\x00\x00", "lzma"), (b"\x04\x22\x4d\x18", "lz4"))


def _decompress(data: bytes, max_bytes: int) -> bytes:
    if data[:1] == b"\x80":
        return data
    for magic, name in _UNREADABLE_COMPRESSIONS:
        if data.startswith(magic):
            raise ModelFormatError(
                f"the model file is compressed with {name}; only zlib and gzip are read. Load it with joblib.load "
                "where it was made and save it again with joblib.dump(..., compress=0)"
            )
    if data[:1] != b"\x78" and data[:2] != b"\x1f\x8b":
        return data
    inflater = zlib.decompressobj(wbits=47)  # 32 + 15: zlib or gzip, told by the header
    try:
        plain = inflater.decompress(data, max_bytes)
        if not inflater.eof and inflater.decompress(inflater.unconsumed_tail, 1):
            raise ModelIntegrityError(f"the model file unpacks to more than the {max_bytes:,} bytes allowed")
    except zlib.error as error:
        raise ModelIntegrityError(f"{_DAMAGED} (its compressed data: {error})") from error
    if not inflater.eof or inflater.unused_data:
        raise ModelIntegrityError(f"{_DAMAGED} (its compressed data is cut short or followed by more)")
    return plain


def _no_pickle(plain: bytes) -> ModelIntegrityError | ModelFormatError:
    """Why ``plain``, which does not start as protocols 2 to 5 do, is not read."""
    if plain[:1] and plain[:1] in b"(c]}":
        try:  # only split into instructions, none of which is followed
            for _ in itertools.islice(pickletools.genops(plain[:100_000]), 40):
                pass
        except ValueError:
            pass
        else:
            return ModelFormatError(
                f"the model file is a pickle of protocol 0 or 1, as Python 2 wrote them; 2 to 5 are read. {_SAVE_AGAIN}"
            )
    return ModelIntegrityError(f"{_DAMAGED} (it starts like no pickle and no joblib file)")


# pickle._Unpickler is the reader in Python that joblib and dill build on as well. The one in C reserves memory
# for whatever memo index or length a file names before reading on, and its opcodes cannot be taken away.
def _paid(method: Callable[[Any], None]) -> Callable[[Any], None]:
    @functools.wraps(method)
    def instruction(self: Any) -> None:
        self._budget.spend(_INSTRUCTION)
        method(self)

    return instruction


class _ModelUnpickler(pickle._Unpickler):
    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        code[0]: pickle._Unpickler.dispatch[code[0]] for code in _OPCODES
    }
    stack: list[Any]
    append: Callable[[Any], None]
    read: Callable[[int], bytes]
    pop_mark: Callable[[], list[Any]]

    def __init__(self, stream: io.BytesIO, budget: arrays.Budget) -> None:
        super().__init__(stream)
        self._stream = stream
        self._budget = budget
        self._globals: dict[tuple[str, str], Any] = {**arrays.safe_globals(budget), **ESTIMATORS}
        self._callables = frozenset(id(f) for f in self._globals.values() if isinstance(f, FunctionType))

    def load(self) -> Any:
        try:
            return super().load()
        except KeyError as error:
            code = error.args[0] if error.args else None
            if isinstance(code, int) and code in pickle._Unpickler.dispatch and code not in self.dispatch:
                name = pickle._Unpickler.dispatch[code].__name__.removeprefix("load_")
                if name in _TEXT_OF_PYTHON_2:
                    raise ModelFormatError(
                        f"the model file was written by Python 2, which is not read. {_SAVE_AGAIN}"
                    ) from None
                raise ModelIntegrityError(
                    f"the model file uses the pickle instruction '{name}', which no model uses; do not use this file"
                ) from None
            raise

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._globals[_OLD_MODULES.get(module, module), name]
        except KeyError:
            raise _foreign_global(module, name) from None

    def _load_reduce(self) -> None:
        arguments = self.stack.pop()
        function = self.stack[-1]
        if id(function) not in self._callables or type(arguments) is not tuple:
            raise _foreign(f"a call of {_describe(function)}")
        self.stack[-1] = function(*arguments)

    def _load_newobj(self) -> None:
        arguments = self.stack.pop()
        made = self.stack.pop()
        if not isinstance(made, type) or made not in _MADE_TYPES or arguments != ():
            raise _foreign(f"an object made from {_describe(made)}")
        self.append(object.__new__(made))

    def _load_build(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if type(target) in _ESTIMATOR_TYPES:
            if type(state) is not dict or not all(type(key) is str for key in state):
                raise ModelIntegrityError(f"{_DAMAGED} (state of {type(target).__name__})")
            # BaseEstimator.__setstate__ would do the same and warn of another scikit-learn version, by number
            # only; what the state holds is checked in recognizer.estimators whatever version wrote it.
            self._budget.spend(len(state) * _INSTRUCTION)
            vars(target).update({key: value for key, value in state.items() if key != "_sklearn_version"})
        elif type(target) is arrays.JoblibArray:
            self.stack[-1] = self._read_joblib_array(arrays.JoblibArray.from_state(state))
        elif type(target) is np.ndarray:
            arrays.set_array_state(target, state, self._budget)
        elif isinstance(target, np.dtype):
            arrays.set_dtype_state(target, state)
        else:
            raise _foreign(f"state given to {_describe(target)}")

    def _read_joblib_array(self, wrapped: arrays.JoblibArray) -> Any:
        # The bytes lie in the stream itself, right behind the opcode and outside of any frame.
        if wrapped.dtype.hasobject:
            nested = _ModelUnpickler(self._stream, self._budget).load()
            if type(nested) is not np.ndarray or nested.shape != wrapped.shape or not nested.dtype.hasobject:
                raise ModelIntegrityError(f"{_DAMAGED} (an array of objects is not one)")
            return nested
        if wrapped.aligned:
            padding = self._stream.read(1)
            self._stream.read(padding[0])
        return wrapped.fill(self._stream.read(math.prod(wrapped.shape) * wrapped.dtype.itemsize))

    def _load_bytearray8(self) -> None:
        length = int.from_bytes(self.read(8), "little")
        # Python's own reader reserves the length a file names before it looks whether so much is there.
        if length > self._stream.getbuffer().nbytes:
            raise ModelIntegrityError(f"{_DAMAGED} (a length beyond its end)")
        self.append(bytearray(self.read(length)))

    def _load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set_items([key, value])

    def _load_setitems(self) -> None:
        self._set_items(self.pop_mark())

    def _set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        # Only text and small numbers as keys: hashing a tuple nested a million deep would overflow the stack of C, and
        # among large numbers there are any number with one hash.
        if type(target) is not dict or not all(
            type(key) is str or (type(key) is int and -(2**31) <= key < 2**31) for key in items[::2]
        ):
            raise ModelIntegrityError(f"{_DAMAGED} (a dict with keys other than text and numbers)")
        target.update(zip(items[::2], items[1::2], strict=True))

    dispatch.update(
        {
            pickle.REDUCE[0]: _load_reduce,
            pickle.NEWOBJ[0]: _load_newobj,
            pickle.BUILD[0]: _load_build,
            pickle.BYTEARRAY8[0]: _load_bytearray8,
            pickle.SETITEM[0]: _load_setitem,
            pickle.SETITEMS[0]: _load_setitems,
        }
    )
    for _code, _method in dispatch.items():
        dispatch[_code] = _paid(_method)


def _foreign_global(module: str, name: str) -> ModelIntegrityError | ModelFormatError:
    whole = f"{module[:100]}.{name[:100]}"
    shown = whole if whole.isprintable() else ascii(whole)
    if name.isidentifier() and (
        module.split(".")[0] in _LIBRARIES or module.startswith("numpy.random") or name.endswith("ArrayWrapper")
    ):
        return ModelFormatError(
            f"the model file holds {shown}, which is not read here: only linear and support vector classifiers are, "
            f"alone or behind a StandardScaler. {_INSTEAD.get(name, _TRAIN)}"
        )
    return _foreign(shown)


def _foreign(what: str) -> ModelIntegrityError:
    return ModelIntegrityError(
        f"the model file holds {what}, which no model of SmartAttendance holds; do not use this file, it may be an "
        "attack. Train again or activate an earlier version"
    )


def _describe(value: object) -> str:
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    return f"a {type(value).__name__}"
