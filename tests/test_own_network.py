"""A network of one's own from training to the server: its table of strangers, measured or estimated."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest

import live_recognition
import test_production_model
from config import Settings
from recognizer.artifact import MODEL_FILE
from recognizer.images import read_image
from recognizer.scoring import build_gallery
from support.embeddings import make_people, make_profile, student_ids
from support.onnx_networks import write_network
from support.pictures import write_class
from support.training_command import training_command
from training import network_measurement, profile_measurement
from training.profiles import EmbedderProfile

Train = Callable[..., int]


@pytest.fixture(scope="module")
def class_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("class")
    write_class(folder, range(5), 5)
    return folder


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three people with ten different photos; a fourth whose photos are nearly all the same, and five with two."""
    folder = tmp_path_factory.mktemp("people")
    write_class(folder, range(10, 14), 14)
    write_class(folder, range(20, 25), 2)
    return folder


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """With a recipe that leaves what all drawn faces have in common out."""
    (tmp_path / "own.json").write_text('{"mean": [150, 120, 105]}')
    return write_network(tmp_path / "own.onnx")


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: Path) -> Train:
    run = training_command(tmp_path, monkeypatch)
    return lambda dataset, *more: run(dataset, "--embedder", "onnx", "--weights", str(network), *more)


@pytest.fixture
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of a few drawn people is taken for one that can be measured on, with a table of people made up."""

    def measured(embedder: str, *arguments: object) -> EmbedderProfile:
        assert isinstance(arguments[5], dict)
        return replace(make_profile(), embedder_id=embedder, origin=arguments[5])

    for name in ("LEAST_STUDENTS", "LEAST_STRANGERS", "LEAST_STRANGER_PHOTOS"):
        monkeypatch.setattr(network_measurement, name, 3)
    monkeypatch.setattr(network_measurement, "measure_profile", measured)


def origin(tmp_path: Path) -> dict[str, object]:
    found: dict[str, object] = joblib.load(tmp_path / "model" / MODEL_FILE)["metadata"]["profile_origin"]
    return found


def test_it_trains_is_tested_and_serves_and_another_file_is_refused(
    train: Train,
    class_folder: Path,
    network: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert train(class_folder, "--json", str(tmp_path / "result.json")) == 0
    shown = capsys.readouterr().out
    assert "%, ESTIMATED (allowed" in shown and "--measure-network DIR" in shown
    assert json.loads((tmp_path / "result.json").read_text())["strangers_limit"] == "estimated"
    assert train(class_folder, "--list-models") == 0
    assert "% (estimated)" in capsys.readouterr().out
    assert origin(tmp_path)["estimated"] is True
    embedder = joblib.load(tmp_path / "model" / MODEL_FILE)["metadata"]["embedder"]
    assert embedder["id"] == "onnx" and embedder["dimension"] == 64
    assert embedder["crop_recipe"]["mean"] == [150, 120, 105]
    tested = ["--model", str(tmp_path / "model"), "--test-all", "--dataset", str(class_folder), "--min-accuracy", "0"]
    assert test_production_model.main([*tested, "--weights", str(network)]) == 0

    monkeypatch.setenv("SMARTATTENDANCE_MODEL_DIR", str(tmp_path / "model"))
    monkeypatch.setenv("SMARTATTENDANCE_ONNX_WEIGHTS", str(network))
    recognizer = live_recognition.live_recognizer(Settings.from_env())
    recognizer.start()
    try:
        assert recognizer.embedder_info.id == "onnx"
        photo = read_image(next(class_folder.rglob("*.jpg")))
        assert len(recognizer.recognize(photo).faces) == 1
    finally:
        recognizer.close()

    write_network(network, seed=1)
    capsys.readouterr()
    assert test_production_model.main([*tested, "--weights", str(network)]) == 2
    assert "SMARTATTENDANCE_ONNX_WEIGHTS" in capsys.readouterr().err
    recognizer = live_recognition.live_recognizer(Settings.from_env())
    recognizer.start()
    try:
        status = recognizer.model_status()
        assert status.current is None and "trained with onnx" in str(status.refused)
    finally:
        recognizer.close()


@pytest.mark.usefixtures("few_are_enough")
def test_a_measured_table_is_used_and_one_of_another_file_refused(
    train: Train,
    class_folder: Path,
    people: Path,
    network: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert train(class_folder, "--measure-network", str(people)) == 0
    table = tmp_path / "own.strangers.json"
    assert str(table) in capsys.readouterr().out
    assert not (tmp_path / "model").exists()
    assert train(class_folder) == 0
    assert "ESTIMATED" not in capsys.readouterr().out
    assert origin(tmp_path)["estimated"] is False and origin(tmp_path)["students"] == 3

    for change, words in (
        ({"weights_sha256": "0" * 64}, "another network"),
        ({"crop_recipe": {}}, "another recipe"),
        ({"profile": {}}, "damaged"),
    ):
        kept = table.read_text()
        table.write_text(json.dumps({**json.loads(kept), **change}))
        assert train(class_folder) == 2
        error = capsys.readouterr().err
        assert words in error and "--measure-network" in error
        table.write_text(kept)


def test_a_folder_that_is_not_enough_is_told_what_it_lacks(
    train: Train, people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = tmp_path / "few"
    shutil.copytree(people, few)
    assert train(few, "--measure-network", str(few)) == 2
    error = capsys.readouterr().err
    assert "3 people with 10 photos or more, where 30 are needed" in error
    assert "6 people with fewer photos, to play strangers, where 50 are needed" in error
    assert " photos of those, where 200 are needed" in error
    assert train(few, "--measure-network", str(few), "--embedder", "dlib") == 2
    assert "--embedder onnx --weights FILE.onnx" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.strangers.json"))


def test_students_without_a_class_to_compare_are_still_told_apart(train: Train, tmp_path: Path) -> None:
    write_class(tmp_path / "two", range(2), 3)
    assert train(tmp_path / "two") == 0
    content = joblib.load(tmp_path / "model" / MODEL_FILE)
    assert np.isfinite(content["threshold"]) and content["threshold"] < 1


def test_a_table_measured_on_enough_people_states_the_rate_that_others_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_measurement, "REPEATS", 8)
    everyone = make_people(1400, seed=3)
    photos, labels = everyone[slice(0, 40)].photos(10, seed=4)
    strange, numbers = everyone[slice(40, 700)].photos(1, seed=5)
    names = np.concatenate([student_ids(40)[labels], np.array([f"T{number}" for number in numbers])])
    profile = network_measurement._measured(np.concatenate([photos, strange]), names, Path("people"), 1)
    assert profile.origin["estimated"] is False and profile.origin["strangers"] == 660
    fresh, _ = everyone[slice(700, None)].photos(1, seed=6)
    gallery = build_gallery(photos, labels, 40)
    best = (fresh @ gallery.centroids.T - gallery.offsets(profile.scoring)).max(axis=1)
    for stated in (0.02, 0.05, 0.2):
        assert stated / 2 <= float(np.mean(best > profile.threshold(stated, 40, 10))) <= 2 * stated
