"""The networks' weights and the model."""

from __future__ import annotations

import copy
import hashlib
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from config import Settings
from diagnosis import model, speed, weights
from diagnosis.case import Case
from diagnosis.finding import Finding, Status
from errors import WeightsError
from recognizer.artifact import MODEL_FILE
from recognizer.detector import FaceDetector
from recognizer.embeddings import FaceEmbedder
from recognizer.engines.choice import OPENVINO_BF16, OPENVINO_F32, TORCH, Choice, Measured
from recognizer.types import EmbedderInfo
from support.diagnosing import NOW, add_school, by_code, look, publish_model, tree, troubles
from support.models import make_embedder
from support.onnx_networks import write_network
from support.service import make_settings

DLIB = make_embedder()
PROBLEM, NOTE = Status.PROBLEM, Status.NOTE


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return make_settings(tmp_path, database_url)


@pytest.fixture
def alone(tmp_path: Path) -> Settings:
    """Settings of a school without a database."""
    return make_settings(tmp_path, f"sqlite:///{tmp_path}/instance/none.sqlite3")


def model_troubles(settings: Settings) -> dict[str, Status]:
    return troubles(look(settings, model.CHECKS))


def test_a_model_and_those_it_knows_are_well(settings: Settings, database_url: str, tmp_path: Path) -> None:
    add_school(database_url, ["a", "b"])
    publish_model(settings.model_dir, DLIB, ["a", "b"], NOW - timedelta(days=3))
    before = tree(tmp_path)
    found = look(settings, model.CHECKS)
    assert troubles(found) == {}
    assert "3 days ago, 2 students" in by_code(found)["model"].found
    assert tree(tmp_path) == before


def test_a_model_that_knows_others_than_it_should(settings: Settings, database_url: str) -> None:
    add_school(database_url, ["a", "b", "c"], withdrawn=("b",))
    publish_model(settings.model_dir, DLIB, ["a", "b"])
    found = look(settings, model.CHECKS)
    assert troubles(found) == {"model_knows_withdrawn": PROBLEM, "model_lacks_students": NOTE}
    assert (by_code(found)["model_knows_withdrawn"].command or "").endswith("check --erase b")
    assert "(c)" in by_code(found)["model_lacks_students"].found


def test_a_model_of_another_school(settings: Settings, database_url: str) -> None:
    add_school(database_url, ["a", "b"])
    publish_model(settings.model_dir, DLIB, ["x", "y"])
    assert model_troubles(settings) == {"model_of_others": PROBLEM}


def test_none_yet(alone: Settings) -> None:
    found = look(alone, model.CHECKS)
    assert troubles(found) == {"no_model": PROBLEM}
    assert "Put photos" in (found[0].remedy or "")
    (alone.dataset_dir / "S1").mkdir(parents=True)
    [found_now] = look(alone, model.CHECKS)
    assert "photos of 1 student are there" in found_now.found


def test_a_model_that_is_refused(alone: Settings) -> None:
    publish_model(alone.model_dir, DLIB, ["a", "b"])
    path = alone.model_dir / MODEL_FILE
    content = path.read_bytes()
    path.write_bytes(b"foreign" + content)
    found = look(alone, model.CHECKS)
    assert troubles(found) == {"model_refused": PROBLEM}
    assert "(v1)" in (found[0].remedy or "") and (found[0].command or "").endswith("--activate v1")
    path.write_bytes(content)
    assert model_troubles(alone) == {}
    signed = replace(alone, model_signing_key="s3cret-key-of-thirty-two-characters")
    assert model_troubles(signed) == {"model_refused": PROBLEM}


def test_an_old_and_an_unlisted_model(alone: Settings) -> None:
    publish_model(alone.model_dir, DLIB, ["a", "b"], NOW - timedelta(days=400))
    assert model_troubles(alone) == {"model_old": NOTE}
    (alone.model_dir / "MANIFEST.json").unlink()
    assert model_troubles(alone) == {"model_old": NOTE, "model_unlisted": NOTE}


def weight_troubles(settings: Settings) -> dict[str, Status]:
    return troubles(look(settings, weights.CHECKS))


def test_dlib_is_well_and_not_asked_for_facenet(alone: Settings, tmp_path: Path) -> None:
    found = look(alone, weights.CHECKS)
    assert troubles(found) == {}
    assert "not needed" in by_code(found)["facenet"].found
    assert "SMARTATTENDANCE_EMBEDDER" in by_code(found)["embedder"].found
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "expected", "said"),
    [
        ({"embedder": "auto"}, {"facenet_missing": NOTE}, "dlib's network is used"),
        ({"embedder": "auto", "allow_download": True}, {"facenet_missing": NOTE}, "tries to download it (112 MB"),
        ({"embedder": "facenet"}, {"facenet_missing": PROBLEM, "no_weights": PROBLEM}, "does not exist"),
        (
            {"embedder": "auto", "facenet_weights": Path("nowhere.pt")},
            {"facenet_unusable": PROBLEM, "no_weights": PROBLEM},
            "nowhere.pt does not exist",
        ),
    ],
)
def test_facenet_that_is_not_there(
    alone: Settings, tmp_path: Path, changes: dict[str, object], expected: dict[str, Status], said: str
) -> None:
    found = look(replace(alone, **changes), weights.CHECKS)  # type: ignore[arg-type]
    assert troubles(found) == expected
    assert said in found[0].found
    assert list(tmp_path.iterdir()) == []  # nothing was downloaded, and no folder made for it


def test_a_network_of_ones_own(alone: Settings, tmp_path: Path) -> None:
    named = replace(alone, embedder="onnx", onnx_weights=write_network(tmp_path / "own.onnx"))
    found = look(named, weights.CHECKS)
    assert troubles(found) == {}
    assert "own.onnx" in by_code(found)["onnx"].found and "the ONNX network" in by_code(found)["embedder"].found
    assert troubles(look(replace(named, embedder="auto"), weights.CHECKS)) == {}
    (tmp_path / "own.json").write_text('{"size": 1}')
    found = look(named, weights.CHECKS)
    assert troubles(found) == {"onnx_unusable": PROBLEM, "no_weights": PROBLEM}
    assert "size must lie between 32 and 512" in by_code(found)["onnx_unusable"].found
    assert weight_troubles(replace(alone, embedder="onnx")) == {"onnx_unusable": PROBLEM, "no_weights": PROBLEM}


def test_what_the_model_was_trained_with_is_asked_for(alone: Settings) -> None:
    facenet = make_embedder(id="facenet")
    publish_model(alone.model_dir, facenet, ["a", "b"])
    assert weight_troubles(replace(alone, embedder="auto")) == {"facenet_missing": PROBLEM, "no_weights": PROBLEM}


def test_an_official_file_that_is_damaged(alone: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from recognizer import weights as source
    from recognizer.download import RemoteFile

    assert alone.cache_dir is not None
    alone.cache_dir.mkdir()
    content = b"weights"
    official = RemoteFile("https://example.org/w.pt", len(content), hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(source, "OFFICIAL_FACENET", official)
    (alone.cache_dir / "w.pt").write_bytes(content)
    before = tree(tmp_path)
    settings = replace(alone, embedder="auto")
    assert weight_troubles(settings) == {}
    assert tree(tmp_path) == before  # not even a note that it was verified
    (alone.cache_dir / "w.pt").write_bytes(b"WEIGHTS")
    found = look(settings, weights.CHECKS)
    assert troubles(found) == {"facenet_missing": NOTE}
    assert "damaged or another file" in found[0].found


def test_dlibs_file_that_is_not_as_it_was_packed(tmp_path: Path) -> None:
    case = Case.of_environment({"SMARTATTENDANCE_EMBEDDER": "dlib"})
    found = weights.usable(case)
    assert found is not None
    assert weights._is_as_packed("face_recognition_models", found.path, found.sha256)
    assert not weights._is_as_packed("face_recognition_models", found.path, "0" * 64)


def test_a_model_of_another_network_is_found_out_when_the_network_is_loaded(
    alone: Settings, dlib_embedder: FaceEmbedder
) -> None:
    other: EmbedderInfo = make_embedder(dimension=dlib_embedder.info.dimension)
    publish_model(alone.model_dir, other, ["a", "b"])
    found = look(alone, speed.CHECKS)
    assert troubles(found)["model_of_another_network"] is PROBLEM
    assert {"speed", "slow", "too_slow"} & set(by_code(found))


@pytest.mark.parametrize(("milliseconds", "code"), [(50, "speed"), (800, "slow"), (9000, "too_slow")])
def test_what_a_speed_means(alone: Settings, milliseconds: int, code: str) -> None:
    [found] = speed._measured(Case(alone, {}), 3.0, milliseconds / 1000)
    assert found.code == code
    assert f"{1000 / milliseconds:.1f} frames a second" in found.found


def test_a_device_that_is_not_there(alone: Settings) -> None:
    found = speed._not_built(RuntimeError("no CUDA"), "cuda")
    assert found.code == "device_unusable" and "SMARTATTENDANCE_DEVICE" in (found.command or "")


def engines(found: list[Finding]) -> list[str]:
    return [each.found for each in found if each.code.startswith("engine")]


def test_before_the_first_start_the_engines_are_not_measured_and_nothing_is_kept(
    alone: Settings, tmp_path: Path
) -> None:
    """Measuring converts networks and writes them; the doctor looks, and changes nothing."""
    settings = replace(alone, engine_dir=tmp_path / "networks", device="cpu")
    before = tree(tmp_path)
    found = look(settings, speed.CHECKS)
    assert engines(found) == ["PyTorch; what is fastest here is measured at the first start"]
    assert {"speed", "slow", "too_slow"} & set(by_code(found))
    assert tree(tmp_path) == before


def test_which_engines_were_chosen_and_how_much_faster_they_are(
    alone: Settings, dlib_embedder: FaceEmbedder, detector: FaceDetector
) -> None:
    settings = replace(alone, device="cpu")
    assert settings.engine_dir is not None
    before = tree(settings.engine_dir)
    found = look(settings, speed.CHECKS)
    assert dlib_embedder.choice is not None and detector.choice is not None
    assert engines(found) == [
        f"faces are found by {detector.choice.in_words()}",
        f"faces are embedded by {dlib_embedder.choice.in_words()}",
    ]
    assert tree(settings.engine_dir) == before


def test_where_converted_networks_are_gone_none_is_converted(
    alone: Settings, tmp_path: Path, dlib_embedder: FaceEmbedder, detector: FaceDetector
) -> None:
    assert alone.engine_dir is not None and dlib_embedder.choice is not None
    if dlib_embedder.choice.engine == TORCH:
        pytest.skip("torch is the fastest engine here, so nothing is converted")
    settings = replace(alone, engine_dir=tmp_path / "networks", device="cpu")
    (tmp_path / "networks").mkdir()
    shutil.copy(alone.engine_dir / "engines.json", tmp_path / "networks")
    before = tree(tmp_path)
    found = look(settings, speed.CHECKS)
    assert engines(found) == ["PyTorch; what is fastest here is measured at the first start"]
    assert tree(tmp_path) == before


def test_torch_that_was_asked_for_is_shown(alone: Settings) -> None:
    found = look(replace(alone, device="cpu", engine="torch"), speed.CHECKS)
    assert engines(found) == ["faces are found by torch", "faces are embedded by torch"]


def test_an_engine_that_answers_otherwise_is_noted(detector: FaceDetector, dlib_embedder: FaceEmbedder) -> None:
    """Not a problem, as another is used; but whoever makes the program should know."""
    measured = {
        TORCH: Measured(60.0, 1.0, usable=True),
        OPENVINO_BF16: Measured(10.0, 0.6, usable=False),
        OPENVINO_F32: Measured(0.0, 0.0, usable=False, problem="it is not there"),
    }
    embedder = copy.copy(dlib_embedder)
    embedder.choice = Choice(TORCH, measured)
    found = list(speed._engines(detector, embedder))
    assert troubles(found) == {"engine_differs": NOTE}
    [said] = [each.found for each in found if each.code == "engine_differs"]
    assert said == "faces are embedded by torch, as openvino bf16 answers otherwise than torch on this processor"


def test_without_the_detectors_package_it_says_so(alone: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise WeightsError("the package facenet-pytorch, which carries MTCNN's weights, is not installed")

    monkeypatch.setattr("recognizer.assembly.mtcnn_sha256", missing)
    found = look(replace(alone, device="cpu"), speed.CHECKS)
    assert troubles(found) == {"networks_unusable": PROBLEM}
    assert "facenet-pytorch" in by_code(found)["networks_unusable"].found
