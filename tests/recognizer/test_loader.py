"""The model in use and its exchange."""

from __future__ import annotations

import logging
import pickle
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from errors import EmbedderMismatchError, ModelError, ModelFormatError, ModelIntegrityError, ModelNotFoundError
from recognizer.artifact import MODEL_FILE, encode
from recognizer.classifier import FaceClassifier
from recognizer.history import activate, publish
from recognizer.loader import ClassifierLoader, check_embedder
from recognizer.manifest import MANIFEST_FILE
from support.models import DIMENSION, NearestStudent, make_artifact, make_embedder, make_embeddings, make_metadata

FIXTURES = Path(__file__).parents[1] / "fixtures" / "models"
PROBE = make_embeddings()[0][:1]
REACTION_SECONDS = 2.0  # from a new file to its use, as promised


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    publish(tmp_path, make_artifact("v1", created_at="2026-01-01"), {})
    return tmp_path


def make_loader(folder: Path, **changes: Any) -> ClassifierLoader[Any]:
    options: dict[str, Any] = {"build": NearestStudent, "embedder": make_embedder(), "poll_seconds": 0.1}
    return ClassifierLoader(folder / MODEL_FILE, **{**options, **changes})


@pytest.fixture
def loader(folder: Path) -> Iterator[ClassifierLoader[Any]]:
    with make_loader(folder) as made:
        made.load_now()
        yield made


def wait_until(condition: Callable[[], bool], seconds: float = REACTION_SECONDS) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return condition()


def version_of(loader: ClassifierLoader[Any]) -> str:
    return str(loader.current.info.model_version)


def test_loading(folder: Path) -> None:
    loader = make_loader(folder)
    with pytest.raises(ModelNotFoundError, match=r"run python train_production_model\.py"):
        _ = loader.current
    assert loader.status().current is None and loader.status().refused is None
    loaded = loader.load_now()
    assert loaded is loader.current
    assert loaded.classifier.identify(PROBE) == (("v1", "student-00"),)
    assert loaded.loaded_at.tzinfo is UTC and abs((datetime.now(UTC) - loaded.loaded_at).total_seconds()) < 60
    status = loader.status()
    assert (status.current, status.loaded_at, status.refused) == (loaded.info, loaded.loaded_at, None)
    assert loader.load_now() is loaded  # nothing changed: nothing is built again


def test_no_model_yet(tmp_path: Path) -> None:
    with make_loader(tmp_path) as loader:
        with pytest.raises(ModelNotFoundError, match="there is no model at"):
            loader.load_now()
        assert loader.status().refused_code == "model_not_found"
        loader.start_watching()
        publish(tmp_path, make_artifact("v1"), {})
        assert wait_until(lambda: loader.status().current is not None)
        assert version_of(loader) == "v1" and loader.status().refused is None


def test_a_new_model_is_taken_within_two_seconds_and_nobody_notices(folder: Path) -> None:
    """At the default pace of looking; four threads ask for names all the while."""
    loader = make_loader(folder, poll_seconds=0.5)
    loader.load_now()
    loader.start_watching()
    stop, failures, seen = threading.Event(), [], [[] for _ in range(4)]  # type: ignore[var-annotated]
    longest = [0.0] * 4

    def recognise(number: int) -> None:
        while not stop.is_set():
            began = time.perf_counter()
            try:
                version, _ = loader.current.classifier.identify(PROBE)[0]
            except Exception as error:
                failures.append(error)
                return
            longest[number] = max(longest[number], time.perf_counter() - began)
            if not seen[number] or seen[number][-1] != version:
                seen[number].append(version)
            time.sleep(0.0005)

    threads = [threading.Thread(target=recognise, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        for number in (2, 3):
            publish(folder, make_artifact(f"v{number}", created_at=f"2026-01-0{number}"), {})
            assert wait_until(lambda number=number: version_of(loader) == f"v{number}")  # type: ignore[misc]
        activate(folder, "v1")
        assert wait_until(lambda: version_of(loader) == "v1")
    finally:
        time.sleep(0.1)
        stop.set()
        for thread in threads:
            thread.join(timeout=10)
        loader.close()
    assert not failures
    assert max(longest) < 1.0  # nobody waited for a load
    assert seen == [["v1", "v2", "v3", "v1"]] * 4


def truncate(folder: Path) -> None:
    data = (folder / MODEL_FILE).read_bytes()
    (folder / MODEL_FILE).write_bytes(data[:-100])


def tamper(folder: Path) -> None:
    data = bytearray((folder / MODEL_FILE).read_bytes())
    data[len(data) // 2] ^= 0xFF
    (folder / MODEL_FILE).write_bytes(bytes(data))


def by_hand(content: object) -> Callable[[Path], None]:
    def put(folder: Path) -> None:
        (folder / MANIFEST_FILE).unlink()
        (folder / MODEL_FILE).write_bytes(pickle.dumps(content, protocol=5))

    return put


def content(**changes: Any) -> dict[str, Any]:
    return {**pickle.loads(encode(make_artifact("v2"))), **changes}


def other_embedder(folder: Path) -> None:
    other = make_metadata("v2", make_embedder(id="facenet", weights_sha256="b" * 64))
    publish(folder, make_artifact("v2", metadata=other), {})


REFUSALS = [
    (truncate, "model_integrity", "cut short"),
    (tamper, "model_integrity", "altered"),
    (by_hand(Path("foreign")), "model_integrity", "pathlib"),
    (by_hand(content(format_version=2)), "model_format", "newer version .format 2.; update SmartAttendance"),
    (by_hand(content(classes=np.array(["a", "b"]))), "model_format", "fitted on 3 classes, but 2 are named"),
    (other_embedder, "embedder_mismatch", "facenet.*dlib.*SMARTATTENDANCE_FACENET_WEIGHTS.*--embedder dlib"),
    (lambda folder: (folder / MODEL_FILE).unlink(), "model_not_found", "there is no model"),
]


@pytest.mark.parametrize(("harm", "code", "message"), REFUSALS, ids=[message[:12] for _, _, message in REFUSALS])
def test_a_bad_file_is_refused_with_the_reason_and_the_old_model_stays(
    loader: ClassifierLoader[Any], folder: Path, harm: Any, code: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = loader.current
    loader.start_watching()
    with caplog.at_level(logging.ERROR):
        harm(folder)
        assert wait_until(lambda: loader.status().refused_code == code)
    status = loader.status()
    with pytest.raises(ModelError, match=message) as refused:
        loader.load_now()
    assert refused.value.code == code
    assert str(refused.value) == status.refused
    assert status.refused_at is not None and status.refused_at.tzinfo is UTC
    assert (status.refused_sha256 is None) == (code == "model_not_found")
    assert loader.current is before and status.current == before.info
    assert loader.current.classifier.identify(PROBE) == (("v1", "student-00"),)
    assert "v1 stays in use" in caplog.text
    # And a good one heals it.
    publish(folder, make_artifact("v8", created_at="2027-01-01"), {})
    assert wait_until(lambda: version_of(loader) == "v8")
    assert loader.status().refused is None


def test_a_refused_file_is_not_tried_again_until_something_changes(
    loader: ClassifierLoader[Any], folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = (folder / MODEL_FILE).read_bytes()
    loader.start_watching()
    with caplog.at_level(logging.ERROR):
        truncate(folder)
        assert wait_until(lambda: loader.status().refused is not None)
        first = loader.status().refused_at
        time.sleep(0.6)
    assert loader.status().refused_at == first and len(caplog.records) == 1
    # Put back, it is in use again without being built anew.
    before = loader.current
    (folder / MODEL_FILE).write_bytes(good)
    assert wait_until(lambda: loader.status().refused is None)
    assert loader.current is before


def test_a_file_that_cannot_be_read_for_a_moment_is_tried_again(
    loader: ClassifierLoader[Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may hold it, and nothing about the file itself changes when it lets go."""

    def held(path: Path) -> bytes:
        raise ModelError(f"{path} cannot be read: it is held by another process")

    with monkeypatch.context() as patch:
        patch.setattr("recognizer.loader.read_model_file", held)
        publish(folder, make_artifact("v2", created_at="2026-02-01"), {})
        with pytest.raises(ModelError, match="held by another"):
            loader.load_now()
    loader.start_watching()
    assert wait_until(lambda: version_of(loader) == "v2", 30)


def test_a_model_is_not_withdrawn_by_a_manifest_that_cannot_be_read(
    loader: ClassifierLoader[Any], folder: Path
) -> None:
    (folder / MODEL_FILE).unlink()
    (folder / MANIFEST_FILE).write_text("no list at all")
    with pytest.raises(ModelNotFoundError):
        loader.load_now()
    assert version_of(loader) == "v1" and loader.status().current is not None


def test_moving_the_manifest_away_lets_a_model_put_there_by_hand_in(
    loader: ClassifierLoader[Any], folder: Path
) -> None:
    loader.start_watching()
    (folder / MODEL_FILE).write_bytes(encode(make_artifact("by-hand")))
    assert wait_until(lambda: loader.status().refused_code == "model_integrity")
    (folder / MANIFEST_FILE).unlink()
    assert wait_until(lambda: version_of(loader) == "by-hand")
    assert loader.current.info.verified == "unverified"


def test_a_file_copied_slowly_over_the_old_one_arrives(loader: ClassifierLoader[Any], folder: Path) -> None:
    (folder / MANIFEST_FILE).unlink()
    data = encode(make_artifact("copied"))
    loader.start_watching()
    with (folder / MODEL_FILE).open("wb") as file:
        for start in range(0, len(data), len(data) // 4):
            file.write(data[start : start + len(data) // 4])
            file.flush()
            time.sleep(0.35)  # long enough for the file to be looked at half done
            assert version_of(loader) in ("v1", "copied")
    assert wait_until(lambda: version_of(loader) == "copied")
    assert loader.status().refused is None


class Mute:
    def __init__(self, artifact: Any) -> None:
        self.version = artifact.model_version

    def identify(self, embeddings: Any) -> tuple[Any, ...]:
        assert embeddings.shape == (1, DIMENSION) and embeddings.dtype == np.float32
        assert abs(float(np.linalg.norm(embeddings)) - 1) < 1e-5
        return () if self.version == "v2" else ("somebody",)


def test_a_model_that_cannot_answer_is_never_in_use(folder: Path) -> None:
    loader = make_loader(folder, build=Mute)
    loader.load_now()
    publish(folder, make_artifact("v2", created_at="2026-01-02"), {})
    with pytest.raises(ModelFormatError, match="0 answers for one face on trial"):
        loader.load_now()
    assert version_of(loader) == "v1"


def test_a_build_that_fails_is_a_refusal(folder: Path) -> None:
    def build(artifact: Any) -> NearestStudent:
        if artifact.model_version == "v2":
            raise IndexError("out of range")
        return NearestStudent(artifact)

    loader = make_loader(folder, build=build)
    loader.load_now()
    publish(folder, make_artifact("v2", created_at="2026-01-02"), {})
    with pytest.raises(ModelFormatError, match=r"cannot be put to use.*out of range"):
        loader.load_now()
    assert version_of(loader) == "v1" and loader.status().refused_code == "model_format"


def test_reading_the_current_model_never_waits_for_a_load(folder: Path) -> None:
    loading, go_on = threading.Event(), threading.Event()

    def build(artifact: Any) -> NearestStudent:
        if artifact.model_version == "v2":
            loading.set()
            assert go_on.wait(10)
        return NearestStudent(artifact)

    with make_loader(folder, build=build) as loader:
        loader.load_now()
        loader.start_watching()
        publish(folder, make_artifact("v2", created_at="2026-01-02"), {})
        assert loading.wait(5)
        began = time.perf_counter()
        assert version_of(loader) == "v1"
        assert loader.status().current is not None
        assert time.perf_counter() - began < 0.1
        go_on.set()
        assert wait_until(lambda: version_of(loader) == "v2")


def test_two_first_requests_load_once(folder: Path) -> None:
    built = []

    def build(artifact: Any) -> NearestStudent:
        time.sleep(0.2)
        built.append(artifact)
        return NearestStudent(artifact)

    loader = make_loader(folder, build=build)
    threads = [threading.Thread(target=loader.load_now) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(built) == 1 and version_of(loader) == "v1"


def test_a_signing_key_is_asked_of_every_model(folder: Path) -> None:
    key = b"k" * 32
    loader = make_loader(folder, signing_key=key)
    with pytest.raises(ModelIntegrityError, match="v1 is not signed"):
        loader.load_now()
    publish(folder, make_artifact("v2", created_at="2026-01-02"), {}, key)
    assert loader.load_now().info.verified == "signed"


def test_old_formats_are_loaded_with_the_real_classifier(tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "dict-scaler-threshold", tmp_path, dirs_exist_ok=True)
    loader = make_loader(tmp_path, build=FaceClassifier, embedder=make_embedder(dimension=128))
    loaded = loader.load_now()
    assert loaded.info.model_version.startswith("legacy-") and loaded.info.student_count == 3
    with pytest.raises(EmbedderMismatchError):
        make_loader(tmp_path, build=FaceClassifier, embedder=make_embedder(id="facenet", dimension=512)).load_now()


def test_closing_stops_watching_and_keeps_the_model(loader: ClassifierLoader[Any], folder: Path) -> None:
    loader.start_watching()
    loader.start_watching()
    assert [thread.name for thread in threading.enumerate()].count("model-watcher") == 1
    loader.close()
    loader.close()
    assert "model-watcher" not in [thread.name for thread in threading.enumerate()]
    publish(folder, make_artifact("v2", created_at="2026-01-02"), {})
    time.sleep(0.5)
    assert version_of(loader) == "v1"
    loader.start_watching()
    assert wait_until(lambda: version_of(loader) == "v2")


def signature(angle: float) -> tuple[float, ...]:
    values = np.zeros(DIMENSION)
    values[:3] = 0.6 * np.cos(angle), 0.8 * np.cos(angle), np.sin(angle)
    return tuple(float(value) for value in values)


@pytest.mark.parametrize(
    ("at_hand", "accepted"),
    [
        ({}, True),
        ({"signature": ()}, True),  # the same file: its hash says so
        ({"weights_sha256": "b" * 64}, True),  # another file of the same network
        ({"weights_sha256": "b" * 64, "signature": signature(0.08)}, True),  # cosine 0.9968
        ({"weights_sha256": "b" * 64, "signature": signature(0.12)}, False),  # cosine 0.9928
        ({"weights_sha256": "b" * 64, "signature": ()}, False),
        ({"weights_sha256": "b" * 64, "signature": signature(0.0)[:-1]}, False),
        ({"crop_recipe": {"kind": "landmarks", "size": 160, "margin": 0}}, False),
        ({"id": "facenet"}, False),
        ({"dimension": 512}, False),
    ],
)
def test_which_embedders_a_model_accepts(at_hand: dict[str, Any], accepted: bool) -> None:
    artifact = make_artifact()
    if accepted:
        check_embedder(artifact, make_embedder(**at_hand))
        return
    with pytest.raises(EmbedderMismatchError, match=r"trained with dlib \(16 numbers, .*retrain with --embedder"):
        check_embedder(artifact, make_embedder(**at_hand))


def test_the_remedy_for_other_weights_of_facenet_is_the_setting() -> None:
    trained = make_metadata("v1", make_embedder(id="facenet", signature=signature(1.0), weights_sha256="c" * 64))
    with pytest.raises(EmbedderMismatchError, match=r"weights cccccccccccc.*weights aaaaaaaaaaaa.*FACENET_WEIGHTS"):
        check_embedder(make_artifact(metadata=trained), make_embedder(id="facenet"))
