"""What may come out of a model file, and what must not."""

from __future__ import annotations

import builtins
import copyreg
import gzip
import io
import os
import pickle
import struct
import tracemalloc
import zlib
from collections import OrderedDict
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from numpy._core.numeric import _frombuffer  # type: ignore[attr-defined]
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, MinMaxScaler, StandardScaler
from sklearn.svm import SVC, LinearSVC

from errors import ModelFormatError, ModelIntegrityError
from recognizer import unpickling
from recognizer.unpickling import restricted_loads

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(30, 8))
Y = np.repeat(np.array(["a", "b", "ß"]), 10)

PICKLES = [2, 3, 4, 5]
JOBLIBS = [0, 3, ("gzip", 3)]


def dump(value: object, how: Any) -> bytes:
    """how: ("pickle", protocol) or ("joblib", compress)."""
    kind, option = how
    if kind == "pickle":
        return pickle.dumps(value, protocol=option)
    stream = io.BytesIO()
    joblib.dump(value, stream, compress=option)
    return stream.getvalue()


FORMS = [("pickle", protocol) for protocol in PICKLES] + [("joblib", compress) for compress in JOBLIBS]


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize(
    "estimator",
    [LinearSVC(), SVC(), LogisticRegression(), RidgeClassifier(), make_pipeline(StandardScaler(), SVC())],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.parametrize("labels", [Y, Y.astype(object), np.repeat([0, 1, 2], 10)], ids=["text", "object", "int"])
def test_estimators_predict_as_before(estimator: Any, labels: Any, form: Any) -> None:
    estimator.fit(X, labels)
    loaded: Any = restricted_loads(dump({"model": estimator}, form))
    assert type(loaded["model"]) is type(estimator)
    assert loaded["model"].predict(X).tolist() == estimator.predict(X).tolist()
    np.testing.assert_array_equal(loaded["model"].decision_function(X), estimator.decision_function(X))


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_arrays_and_primitives_come_out_equal(form: Any) -> None:
    value = {
        "empty": np.zeros((0, 4)),
        "fortran": np.asfortranarray(X),
        "transposed": X.reshape(5, 6, 8).transpose(1, 0, 2),
        "big endian": np.arange(3, dtype=">f8"),
        "text": np.array(["é", "bb"]),
        "objects": np.array(["x", "yy", None], dtype=object),
        "float32": X.astype(np.float32),
        "int32": np.arange(6, dtype=np.int32).reshape(2, 3),
        "bool": np.array([True, False]),
        "scalar": np.float64(3.5),
        "plain": [1, -2, 2**60, 1.5, None, True, "tëxt", (1, (2,)), {"k": []}, b"", b"bytes"],
    }
    loaded: Any = restricted_loads(dump(value, form))
    assert loaded["plain"] == value["plain"]
    for name, array in value.items():
        if isinstance(array, np.ndarray):
            assert loaded[name].dtype.newbyteorder("=") == array.dtype.newbyteorder("="), name
            np.testing.assert_array_equal(loaded[name], array)
    assert loaded["scalar"] == 3.5
    assert loaded["float32"].flags.writeable  # scikit-learn's compiled code wants it so


def test_arrays_as_numpy_1_spelled_them() -> None:
    data = pickle.dumps({"a": X, "n": np.int64(7)}, protocol=2)
    assert b"numpy._core" in data
    loaded: Any = restricted_loads(data.replace(b"numpy._core", b"numpy.core"))
    np.testing.assert_array_equal(loaded["a"], X)
    assert loaded["n"] == 7


def test_label_encoder_and_scaler() -> None:
    loaded: Any = restricted_loads(pickle.dumps([LabelEncoder().fit(Y), StandardScaler().fit(X)]))
    assert loaded[0].inverse_transform([2]).tolist() == ["ß"]
    np.testing.assert_allclose(loaded[1].transform(X), StandardScaler().fit_transform(X))


class Calls:
    """Pickles as a call of ``function``: what an attacker's file does."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.reduced = (function, arguments)

    def __call__(self) -> None:
        """Only so that one such call may stand for another's function."""

    def __reduce__(self) -> Any:
        return self.reduced


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_command_is_not_run(form: Any, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    data = dump({"model": Calls(os.mkdir, str(mark))}, form)
    joblib.load(io.BytesIO(data))  # the attack is real: an ordinary reader runs it
    mark.rmdir()
    with pytest.raises(ModelIntegrityError, match=rf"{os.mkdir.__module__}\.mkdir"):
        restricted_loads(data)
    assert not mark.exists()


@pytest.mark.parametrize("form", [("joblib", 0), ("joblib", 3), ("pickle", 5)], ids=str)
def test_a_command_inside_an_array_of_objects_is_not_run(form: Any, tmp_path: Path) -> None:
    """joblib writes such arrays as a pickle within the pickle, which older versions read without any check."""
    mark = tmp_path / "ran"
    data = dump({"classes": np.array([Calls(os.mkdir, str(mark)), "b"], dtype=object)}, form)
    joblib.load(io.BytesIO(data))
    mark.rmdir()
    with pytest.raises(ModelIntegrityError, match="mkdir"):
        restricted_loads(data)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (Calls(os.system, "true"), rf"{os.system.__module__}\.system"),
        (Calls(builtins.eval, "1+1"), r"builtins\.eval"),
        (Calls(Calls(builtins.getattr, Calls(builtins.getattr, "a", "join"), "__call__"), ["b"]), r"builtins\.getattr"),
        (Calls(builtins.bytearray, 10), r"builtins\.bytearray"),
        (Calls(np.load, "file.npy"), r"numpy.*\.load"),
        (Calls(joblib.load, "file.pkl"), r"joblib.*\.load"),
        (Path("x"), r"pathlib"),
        ({"a", "b"}, "empty_set"),
        (frozenset({"a"}), "frozenset"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_anything_else_is_refused_by_name(value: object, named: str) -> None:
    with pytest.raises(ModelIntegrityError, match=named) as refused:
        restricted_loads(pickle.dumps({"model": value}, protocol=5))
    assert "do not use this file" in str(refused.value)


class OfAScript:
    """Of no library: what a program that trains defines for itself."""


OfAScript.__module__ = "__main__"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (KNeighborsClassifier().fit(X, Y), r"sklearn\.neighbors.*KNeighborsClassifier.*Train again"),
        (GridSearchCV(SVC(), {"C": [1, 2]}, cv=2).fit(X, Y), r"GridSearchCV.*best_estimator_ instead"),
        (make_pipeline(PCA(2), SVC()).fit(X, Y), r"decomposition.*PCA.*Train again"),
        (make_pipeline(MinMaxScaler(), SVC()).fit(X, Y), r"MinMaxScaler.*Train again"),
        (SVC(random_state=np.random.RandomState(0)).fit(X, Y), r"numpy\.random.*Train again"),
        (RandomForestClassifier(n_estimators=2).fit(X, Y), r"RandomForestClassifier.*Train again"),
        (OfAScript(), r"__main__\.OfAScript.*Train again"),
        (OrderedDict(model=SVC().fit(X, Y)), r"collections\.OrderedDict.*Train again"),
        (np.array([b"a", b"b"]), r"array of S1.*Save names as text"),
    ],
    ids=lambda value: "" if isinstance(value, str) else type(value).__name__,
)
def test_an_honest_model_that_is_not_read_is_no_attack(
    value: object, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("__main__.OfAScript", OfAScript, raising=False)
    for content in (value, {"model": value}, (value, ["a", "b"])):
        with pytest.raises(ModelFormatError, match=said) as refused:
            restricted_loads(pickle.dumps(content, protocol=4))
        assert "attack" not in str(refused.value)


@pytest.mark.parametrize("protocol", [0, 1])
@pytest.mark.parametrize("value", [SVC().fit(X, Y), {"model": SVC().fit(X, Y)}, (SVC().fit(X, Y), ["a"])], ids=type)
def test_protocols_of_python_2_are_named(value: object, protocol: int) -> None:
    data = pickle.dumps(value, protocol=protocol)
    for form in (data, zlib.compress(data)):
        with pytest.raises(ModelFormatError, match=r"protocol 0 or 1.*save it again with pickle\.dump"):
            restricted_loads(form)
    with pytest.raises(ModelFormatError, match=r"written by Python 2.*encoding='latin1'"):
        restricted_loads(b"\x80\x02}U\x05modelK\x01s.")


def test_a_dotted_name_reaches_no_attribute_of_an_allowed_class() -> None:
    data = b"\x80\x04\x8c\x14sklearn.svm._classes\x8c\x18LinearSVC.__init__.__globals__\x93."
    data = data.replace(b"\x18LinearSVC", bytes([len("LinearSVC.__init__.__globals__")]) + b"LinearSVC")
    with pytest.raises(ModelIntegrityError, match="__globals__"):
        restricted_loads(data)


def test_persistent_ids_and_extension_codes_are_refused() -> None:
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream, protocol=4)
    pickler.persistent_id = lambda value: "id" if value == "outside" else None  # type: ignore[method-assign,assignment]
    pickler.dump(["outside"])
    with pytest.raises(ModelIntegrityError, match="binpersid"):
        restricted_loads(stream.getvalue())
    copyreg.add_extension("os", "system", 0x7F)
    try:
        with pytest.raises(ModelIntegrityError, match="ext1"):
            restricted_loads(b"\x80\x02\x82\x7f.")
    finally:
        copyreg.remove_extension("os", "system", 0x7F)


def test_an_estimator_is_not_called_and_takes_no_foreign_state() -> None:
    with pytest.raises(ModelIntegrityError, match="a call of"):
        restricted_loads(pickle.dumps(Calls(LinearSVC, "l2"), protocol=4))
    # BUILD on a list: the state would set attributes of anything
    with pytest.raises(ModelIntegrityError, match="state given to a list"):
        restricted_loads(b"\x80\x04]}b.")


def test_a_structured_dtype_is_refused() -> None:
    """Forged, it would have numpy take bytes for pointers."""
    with pytest.raises(ModelIntegrityError, match="array of a kind"):
        restricted_loads(pickle.dumps(np.zeros(2, dtype=[("a", "f8"), ("b", "i4")]), protocol=4))
    data = pickle.dumps(np.dtype("O"), protocol=4)
    forged = data.replace(b"K\x3ft", b"K\x00t")  # the flags: 'holds objects' taken away
    assert forged != data
    loaded: Any = restricted_loads(forged)
    assert loaded.hasobject and loaded.flags == np.dtype("O").flags


def test_an_uninitialised_array_cannot_be_asked_for() -> None:
    with pytest.raises(ModelIntegrityError, match="a call of"):
        restricted_loads(pickle.dumps(Calls(np.ndarray, (10**12,)), protocol=4))


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"x.",  # a bytearray of a terabyte
        b"\x80\x05\x8e" + struct.pack("<Q", 2**40) + b"x.",  # bytes of a terabyte
        b"\x80\x02Nr" + struct.pack("<I", 2**32 - 1) + b"0.",  # a memo of four thousand million places
    ],
    ids=["bytearray", "bytes", "memo"],
)
def test_a_small_file_takes_no_large_memory(data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ModelIntegrityError):
            restricted_loads(data)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def global_of(module: str, name: str) -> bytes:
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def dtype_of(spec: str) -> bytes:
    return global_of("numpy", "dtype") + b"(" + text(spec) + b"\x89\x88tR"


def array_of(shape: bytes, dtype: bytes, content: bytes) -> bytes:
    begun = global_of("numpy.core.multiarray", "_reconstruct") + global_of("numpy", "ndarray") + b"K\x00\x85C\x01b\x87R"
    return begun + b"(K\x01" + shape + dtype + b"\x89" + content + b"tb"


BILLION = b"\x8a\x05" + (10**9).to_bytes(5, "little")


@pytest.mark.parametrize(
    ("once", "times"),
    [
        (b"}", 300_000),
        (b"]", 300_000),
        (b"(", 300_000),
        (b"\x85", 300_000),  # a tuple around what was there
        (b"\x94", 300_000),  # a place in the memo
        (b"h\x00", 300_000),
        (b"G\x3f\xf0\0\0\0\0\0\0", 100_000),
        (b"\x8a\x02\xff\x7f", 100_000),
        (global_of("sklearn.svm._classes", "LinearSVC") + b")\x81", 20_000),
        (dtype_of("f8"), 20_000),
    ],
    ids=["dicts", "lists", "marks", "nested", "memo", "one list", "floats", "integers", "estimators", "dtypes"],
)
def test_a_small_compressed_file_takes_no_large_memory(
    once: bytes, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert unpickling._ALLOWANCE <= 16 * 2**20
    monkeypatch.setattr(unpickling, "_ALLOWANCE", 2**20)  # to see the same sooner
    packed = zlib.compress(b"\x80\x04]\x94(N" + once * times + b"t.")
    assert len(packed) < 20_000
    tracemalloc.start()
    try:
        with pytest.raises(ModelIntegrityError, match=r"far more data than it holds|unpacks to more"):
            restricted_loads(packed)
        assert tracemalloc.get_traced_memory()[1] < 12_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "instructions",
    [
        array_of(BILLION + b"\x85", dtype_of("U0"), b"C\x00"),
        array_of(BILLION + b"\x85", dtype_of("<U00"), b"C\x00"),
        array_of(b"(" + b"\x8a\xfe" + b"\x7f" * 254 + b"t", dtype_of("f8"), b"C\x00"),
        array_of(b"(" + b"\x8a\x05\0\0\0\0\x7f" * 60_000 + b"t", dtype_of("f8"), b"C\x00"),
        array_of(b"(" + b"K\x00" * 9 + b"t", dtype_of("f8"), b"C\x00"),
    ],
    ids=["no size", "no size in two digits", "large", "product of many", "dimensions"],
)
def test_an_array_of_impossible_shape_is_refused(instructions: bytes) -> None:
    whole: Any = restricted_loads(b"\x80\x04" + array_of(b"K\x01\x85", dtype_of("f8"), b"C\x08" + b"\0" * 8) + b".")
    assert whole.tolist() == [0.0]
    with pytest.raises(ModelIntegrityError):
        restricted_loads(b"\x80\x04" + instructions + b".")


def test_state_given_again_and_again_is_paid_each_time() -> None:
    entries = b"".join(text(f"key{number:05}") + b"N" for number in range(3000))
    estimator = global_of("sklearn.svm._classes", "LinearSVC") + b")\x81"
    data = b"\x80\x04}\x94(" + entries + b"u" + estimator + b"h\x00b" * 10_000 + b"."
    with pytest.raises(ModelIntegrityError, match="far more data than it holds"):
        restricted_loads(data)


def test_numbers_as_keys_cannot_be_chosen_to_collide() -> None:
    assert restricted_loads(pickle.dumps({0: "a", -7: "b", 2**31 - 1: "c"})) == {0: "a", -7: "b", 2**31 - 1: "c"}
    with pytest.raises(ModelIntegrityError, match="keys"):
        restricted_loads(pickle.dumps({number * (2**61 - 1): None for number in range(1, 10)}))


def test_the_same_bytes_copied_again_and_again_are_stopped() -> None:
    shared = b"\0" * 1_000_000
    data = pickle.dumps([Calls(_frombuffer, shared, np.dtype("u1"), (1_000_000,), "C") for _ in range(100)], protocol=5)
    assert len(data) < 1_300_000
    with pytest.raises(ModelIntegrityError, match="far more data than it holds"):
        restricted_loads(data)


def test_keys_of_nested_tuples_are_refused_before_they_are_hashed() -> None:
    with pytest.raises(ModelIntegrityError, match="keys"):
        restricted_loads(b"\x80\x04})" + b"\x85" * 100_000 + b"Ns.")


@pytest.mark.parametrize("pack", [zlib.compress, gzip.compress], ids=["zlib", "gzip"])
def test_a_compressed_file_is_unpacked_up_to_the_limit(pack: Any) -> None:
    data = pack(pickle.dumps(b"\0" * 3_000_000, protocol=4))
    assert len(data) < 5_000
    assert restricted_loads(data) == b"\0" * 3_000_000
    tracemalloc.start()
    try:
        with pytest.raises(ModelIntegrityError, match="unpacks to more than the 1,000,000 bytes"):
            restricted_loads(data, max_bytes=1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_a_file_over_the_limit_is_refused() -> None:
    data = pickle.dumps(b"\0" * 1000)
    with pytest.raises(ModelIntegrityError, match="1,000 allowed"):
        restricted_loads(data, max_bytes=1000)


@pytest.mark.parametrize("compression", ["bz2", "xz", "lzma"])
def test_other_compressions_are_named(compression: str) -> None:
    with pytest.raises(ModelFormatError, match=f"{compression}.*joblib.dump"):
        restricted_loads(dump({"a": 1}, ("joblib", (compression, 3))))


@pytest.mark.parametrize("data", [b"", b"hello", b"\x93NUMPY", b"PK\x03\x04", b"\x80", b"(lp0\nx"], ids=repr)
def test_what_is_no_model_is_said_so(data: bytes) -> None:
    with pytest.raises(ModelIntegrityError, match="damaged, or not a model file"):
        restricted_loads(data)


@pytest.mark.parametrize("form", [("pickle", 2), ("pickle", 5), ("joblib", 0), ("joblib", 3)], ids=str)
def test_damage_anywhere_raises_nothing_else(form: Any) -> None:
    """Every cut, and bytes changed at random: refused, or (an altered number) still whole."""
    data = dump({"model": LinearSVC().fit(X, Y), "classes": Y.astype(object), "a": X}, form)
    refused = 0
    for end in range(0, len(data), 61):
        with pytest.raises(ModelIntegrityError):
            restricted_loads(data[:end])
    random = np.random.default_rng(1)
    for _ in range(300):
        altered = bytearray(data)
        for place in random.integers(0, len(data), 3):
            altered[place] = random.integers(256)
        try:
            restricted_loads(bytes(altered))
        except (ModelIntegrityError, ModelFormatError):
            refused += 1
    assert refused > 20


def test_more_behind_the_end_is_refused() -> None:
    with pytest.raises(ModelIntegrityError, match="more bytes follow"):
        restricted_loads(pickle.dumps([1]) + b"x")
