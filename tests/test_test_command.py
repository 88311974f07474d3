"""``test_production_model.py`` as somebody at a terminal meets it: what it prints, writes, and exits with.

The model is trained by the real training command on drawn faces, with the real detector and the dlib network.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import recognizer.assembly
import test_production_model
import train_production_model
from recognizer.compute import Compute
from recognizer.detector import DetectorConfig, FaceDetector
from recognizer.embeddings import FaceEmbedder
from recognizer.images import read_image
from recognizer.reading import load_artifact
from recognizer.weights import WeightsFile
from support.compute import ENGINE_DIR
from support.pictures import face_picture, write_class

REPOSITORY = Path(__file__).resolve().parents[1]
OLD_MODELS = Path(__file__).parent / "fixtures" / "models"

STUDENTS, SHOTS = range(8), 6
STRANGERS = range(40, 52)
JSON_KEYS = {
    *("rank1", "tpir", "fpir", "threshold", "known_images", "unknown_images", "students", "det", "model_version"),
    *("embedder", "images", "milliseconds"),
}


@dataclass(frozen=True)
class World:
    """A trained model with the photos it was trained on, and photos of strangers. Tests leave them as they are."""

    dataset: Path
    model: Path
    strangers: Path
    cache: Path


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("testing")
    made = World(root / "students", root / "model", root / "strangers", root / "cache")
    write_class(made.dataset, STUDENTS, SHOTS)
    write_class(made.strangers, STRANGERS, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SMARTATTENDANCE_CACHE_DIR", str(made.cache))
        arguments = ["--dataset", str(made.dataset), "--output", str(made.model), "--embedder", "dlib"]
        arguments.append("--without-database")  # of whoever runs the tests
        status = train_production_model.main(arguments)
    assert status == 0, "the model for these tests could not be trained"
    return made


@pytest.fixture
def run(
    world: World,
    dlib_embedder: FaceEmbedder,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """The command in this process, with the world's model unless another is named. Networks are built once for all."""
    for name in [name for name in os.environ if name.startswith("SMARTATTENDANCE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SMARTATTENDANCE_CACHE_DIR", str(world.cache))
    monkeypatch.setenv("SMARTATTENDANCE_ENGINE_DIR", str(ENGINE_DIR))
    monkeypatch.setenv("SMARTATTENDANCE_DATASET_DIR", str(world.dataset))
    monkeypatch.setenv("SMARTATTENDANCE_MODEL_DIR", str(world.model))

    def same_embedder(weights: WeightsFile, compute: Compute) -> FaceEmbedder:
        assert weights.sha256 == dlib_embedder.info.weights_sha256
        return dlib_embedder

    monkeypatch.setattr("training.opened_model.build_embedder", same_embedder)
    monkeypatch.setattr("training.opened_model.build_detector", _detector)

    def call(*arguments: object) -> Outcome:
        capsys.readouterr()
        status = test_production_model.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Outcome(status, captured.out, captured.err)

    return call


@lru_cache
def _detector(config: DetectorConfig, compute: Compute) -> FaceDetector:
    return recognizer.assembly.build_detector(config, compute)


def read_json(path: Path) -> dict[str, Any]:
    """Strict: NaN and Infinity are no JSON."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    content = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    assert set(content) >= JSON_KEYS
    return dict(content)


def save_face(path: Path, person: int, shot: int = 20, size: int = 200) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(face_picture(person, shot, size)).save(path)
    return path


def save_group(path: Path, *people: int, shot: int = 0) -> Path:
    Image.fromarray(np.concatenate([face_picture(person, shot, 240) for person in people], axis=1)).save(path)
    return path


# --image -------------------------------------------------------------------------------------------------------------


def test_each_face_of_a_picture_is_printed_with_name_confidence_box_and_times(run: Run, tmp_path: Path) -> None:
    picture = save_group(tmp_path / "group.png", 2, 44, 5)
    done = run("--image", picture, "--json", tmp_path / "out.json")
    assert done.status == 0
    assert "group.png (720 x 240 pixels): 3 faces" in done.out
    lines = done.out.splitlines()
    assert any("✓ student-02" in line and "%, sure" in line and "box " in line for line in lines)
    assert any("✓ student-05" in line for line in lines)
    assert sum("student-" in line for line in lines if line.startswith("  ✓")) == 2, "the stranger was named"
    assert "finding faces" in done.out
    assert "embedding" in done.out
    content = read_json(tmp_path / "out.json")
    (image,) = content["images"]
    faces = sorted(image["faces"], key=lambda face: face["box"][0])
    assert [face["name"] for face in faces] == ["student-02", None, "student-05"]
    assert [face["decision"] for face in faces][::2] == ["known", "known"]
    assert all(0 <= face["probability"] <= 1 for face in faces)
    for column, face in enumerate(faces):
        assert 240 * column < face["box"][0] < face["box"][2] < 240 * (column + 1)
    assert content["milliseconds"]["total"] > 0
    for not_measured in ("rank1", "tpir", "fpir", "known_images", "unknown_images"):
        assert content[not_measured] is None
    assert content["students"] == []
    assert content["det"] == {"0.001": None, "0.01": None, "0.1": None}
    assert content["embedder"] == "dlib"


def test_a_picture_without_a_face_is_no_error(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "wall.png"
    Image.new("RGB", (200, 150), "grey").save(path)
    done = run("--image", path, "--save", tmp_path / "out.png")
    assert done.status == 0
    assert "no face found" in done.out
    assert np.array_equal(read_image(tmp_path / "out.png"), read_image(path))


def test_the_annotated_picture_is_saved(run: Run, tmp_path: Path) -> None:
    picture = save_group(tmp_path / "group.png", 2, 5)
    done = run("--image", picture, "--save", tmp_path / "marked.jpg")
    assert done.status == 0
    assert "marked.jpg" in done.out
    before, after = read_image(picture), read_image(tmp_path / "marked.jpg")
    assert after.shape == before.shape
    difference = np.abs(after.astype(int) - before.astype(int)).max(axis=2)
    assert (difference > 60).sum() > 500, "nothing was drawn"


def test_several_pictures_are_saved_under_numbers(run: Run, tmp_path: Path) -> None:
    one, other = save_face(tmp_path / "one.png", 1), save_face(tmp_path / "other.png", 2, size=180)
    assert run("--image", one, "--image", other, "--save", tmp_path / "out.png").status == 0
    assert read_image(tmp_path / "out-1.png").shape[1] == 200
    assert read_image(tmp_path / "out-2.png").shape[1] == 180
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize(
    ("target", "reason"),
    [("missing/out.jpg", "no folder"), ("out.xyz", "must end in"), ("face.png", "would overwrite")],
)
def test_a_place_where_no_picture_can_be_saved_is_refused_before_any_work(
    run: Run, tmp_path: Path, target: str, reason: str
) -> None:
    picture = save_face(tmp_path / "face.png", 1)
    before = picture.read_bytes()
    done = run("--image", picture, "--save", tmp_path / target)
    assert done.status == 2
    assert reason in done.err
    assert done.out == ""
    assert picture.read_bytes() == before


def test_pictures_that_cannot_be_used_are_named_and_the_others_still_recognised(run: Run, tmp_path: Path) -> None:
    good = save_face(tmp_path / "good.jpg", 1)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(good.read_bytes()[:900])
    video = tmp_path / "lesson.mp4"
    video.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(500))
    missing = tmp_path / "nobody.jpg"
    arguments = [part for path in (broken, video, missing, good) for part in ("--image", path)]
    done = run(*arguments, "--json", tmp_path / "out.json")
    assert done.status == 2, "somebody asked for pictures that were not recognised"
    assert "✓ student-01" in done.out
    assert "broken.jpg is not used" in done.err
    assert "a video" in done.err
    assert "nobody.jpg is not used" in done.err
    images = read_json(tmp_path / "out.json")["images"]
    assert [image["error"] is None for image in images] == [False, False, False, True]
    assert images[3]["faces"][0]["name"] == "student-01"


def test_a_picture_of_16_bits_is_recognised(run: Run, tmp_path: Path) -> None:
    grey = np.asarray(Image.fromarray(face_picture(4, 0, 200)).convert("L"), dtype=np.uint16) * 257
    Image.fromarray(grey).save(tmp_path / "deep.png")
    done = run("--image", tmp_path / "deep.png")
    assert done.status == 0
    assert "1 face" in done.out


# --test-all ----------------------------------------------------------------------------------------------------------


def test_photos_it_was_trained_on_are_said_to_flatter_and_held_out_figures_are_shown(
    run: Run, world: World, tmp_path: Path
) -> None:
    done = run("--test-all", "--json", tmp_path / "out.json")
    assert done.status == 0
    assert "48 photos of 8 students" in done.out
    assert "These are the photos it was trained on" in done.out
    assert "held out" in done.out
    content = read_json(tmp_path / "out.json")
    assert content["trained_on_these_photos"] is True
    assert content["known_images"] == 48
    assert content["rank1"] == 1.0
    assert content["tpir"] >= 0.9
    assert content["tpir"] + content["not_sure"] + content["unknown"] + content["misnamed"] == pytest.approx(1)
    low, high = content["intervals"]["tpir"]
    assert 0.8 < low < content["tpir"] <= high <= 1
    assert [row["student_id"] for row in content["students"]] == [f"student-{n:02d}" for n in STUDENTS]
    assert sum(row["photos"] for row in content["students"]) == 48
    assert all(f"student-{n:02d}" in done.out for n in STUDENTS)
    held_out = load_artifact(world.model / "face_classifier_v1.pkl")[1].metrics["tpir"]
    assert f"{held_out['count']} of {held_out['total']}" in done.out


def test_other_photos_of_the_students_with_every_kind_of_trouble_among_them(run: Run, tmp_path: Path) -> None:
    dataset = tmp_path / "later"
    for person in (0, 1, 2):
        for shot in (30, 31, 32):
            save_face(dataset / f"student-{person:02d}" / f"{shot}.png", person, shot, 160)
    save_face(dataset / "student-01" / "swapped.jpg", 5, 2, 160)  # a photo of student-05
    save_face(dataset / "newcomer" / "1.jpg", 45, 1, 160)
    save_face(dataset / "newcomer" / "2.jpg", 45, 2, 160)
    (dataset / "student-02" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 this is no picture")
    (dataset / "student-02" / "notes.txt").write_text("not a photo")
    (dataset / "student-03").mkdir()
    done = run("--test-all", "--dataset", dataset, "--min-accuracy", "1", "--json", tmp_path / "out.json")
    content = read_json(tmp_path / "out.json")
    assert content["known_images"] == 10, "the newcomer's or the broken photo was counted"
    assert content["trained_on_these_photos"] is False
    assert "trained on some of these photos" in done.out
    assert content["rank1"] == 0.9
    assert content["misnamed"] == 0.1
    (misnamed,) = content["misnamed_photos"]
    assert Path(misnamed["path"]).name == "swapped.jpg"
    assert misnamed["named"] == "student-05"
    assert "swapped.jpg was named student-05" in done.out
    assert content["not_in_model"]["students"] == ["newcomer"]
    assert content["not_in_model"]["images"] == 2
    assert "Not in the model, so in none of these rates: newcomer" in done.out
    assert "broken.jpg is not used" in done.out
    assert any("notes.txt" in issue["message"] for issue in content["issues"])
    rows = {row["student_id"]: row for row in content["students"]}
    assert set(rows) == {"student-00", "student-01", "student-02"}
    assert rows["student-01"]["misnamed"] == 1
    assert rows["student-01"]["photos"] == 4
    assert content["tpir"] <= 0.9
    assert done.status == 1, "--min-accuracy 1 was not reached"
    assert "Below --min-accuracy" in done.err


def test_min_accuracy_looks_at_names_given_and_not_at_ranks(run: Run, tmp_path: Path) -> None:
    dataset = tmp_path / "dark"
    # Too different to be accepted, near enough to rank first: darkened and blurred.
    for person in (0, 1, 2, 3):
        image = Image.fromarray(face_picture(person, 1, 160)).resize((48, 48)).resize((160, 160))
        (dataset / f"student-{person:02d}").mkdir(parents=True)
        image.save(dataset / f"student-{person:02d}" / "1.png")
    done = run("--test-all", "--dataset", dataset, "--json", tmp_path / "out.json", "--min-accuracy", "0.9")
    content = read_json(tmp_path / "out.json")
    assert content["rank1"] > content["tpir"], "the pictures do not show the difference this test is about"
    assert content["tpir"] < 0.9
    assert done.status == 1
    assert run("--test-all", "--dataset", dataset, "--min-accuracy", "0").status == 0


def test_a_second_run_takes_embeddings_from_the_cache_and_no_cache_keeps_none(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_class(tmp_path / "students", (0, 1), 2)
    arguments = ("--test-all", "--dataset", tmp_path / "students")
    monkeypatch.setenv("SMARTATTENDANCE_CACHE_DIR", str(tmp_path / "cache"))
    first = run(*arguments, "--no-cache")
    assert "4 photos of 2 students" in first.out
    assert not (tmp_path / "cache").exists()
    run(*arguments)
    assert any((tmp_path / "cache").iterdir())

    def fail(*_: object) -> None:
        raise AssertionError("a photo was embedded again")

    monkeypatch.setattr(FaceEmbedder, "embed_crops", fail)
    assert run(*arguments).out == first.out


# --unknown -----------------------------------------------------------------------------------------------------------


def test_strangers_flat_or_in_folders_give_one_rate_with_an_interval(run: Run, world: World, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in sorted(world.strangers.rglob("*.jpg")):
        shutil.copy(path, flat / f"{path.parent.name}-{path.name}")
    shutil.copytree(world.strangers, tmp_path / "deep" / "one" / "two")
    results = []
    for number, folder in enumerate((world.strangers, flat, tmp_path / "deep")):
        done = run("--unknown", folder, "--json", tmp_path / f"{number}.json")
        assert done.status == 0
        assert "12 photos" in done.out
        assert "given a name (FPIR)" in done.out
        content = read_json(tmp_path / f"{number}.json")
        results.append((content["fpir"], content["intervals"]["fpir"], content["unknown_images"]))
    assert results[0] == results[1] == results[2]
    fpir, (low, high), count = results[0]
    assert count == 12
    assert low <= fpir <= high
    assert fpir <= 0.25
    assert content["tpir"] is None


def test_a_stranger_who_is_named_is_listed_with_path_and_name(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "strangers"
    twin = save_face(folder / "student-03" / "twin.png", 3, 0, 160)  # for the model this is student-03
    save_face(folder / "other" / "1.png", 46, 0, 160)
    (folder / "other" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    Image.new("RGB", (120, 120), "white").save(folder / "wall.png")
    (folder / ".hidden.png").write_bytes(b"")
    done = run("--unknown", folder, "--json", tmp_path / "out.json")
    assert done.status == 0
    content = read_json(tmp_path / "out.json")
    assert content["unknown_images"] == 2, "only images with a face count"
    assert content["fpir"] == 0.5
    (named,) = content["strangers_named"]
    assert Path(named["path"]) == twin
    assert named["named"] == "student-03"
    assert f"{twin} was named student-03" in done.out
    assert "broken.png" in done.out
    assert "wall.png" in done.out
    assert ".hidden" not in done.out
    assert "called like students in the model: student-03" in done.out


def test_students_and_strangers_together_give_the_trade_off(run: Run, world: World, tmp_path: Path) -> None:
    done = run("--test-all", "--unknown", world.strangers, "--json", tmp_path / "out.json")
    assert done.status == 0
    content = read_json(tmp_path / "out.json")
    assert content["det"]["0.001"] is None, "12 strangers cannot show one in a thousand"
    assert content["det"]["0.01"] is None
    assert content["det"]["0.1"] >= 0.8
    assert "too few strangers to tell" in done.out


# what cannot be done -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "nothing to test"),
        (["--save", "x.jpg", "--test-all"], "--save needs --image"),
        (["--dataset", ".", "--unknown", "."], "--dataset needs --test-all"),
        (["--test-all", "--min-accuracy", "90"], "0.90 is 90 percent"),
        (["--test-all", "--min-accuracy", "nan"], "from 0 to 1"),
        (["--test-all", "--embedder", "other"], "invalid choice"),
        (["--test-all", "--json", "missing/folder/out.json"], "--json cannot write"),
        (["--test-all", "--dataset", "missing-folder"], "there is no folder"),
        (["--unknown", "missing-folder"], "does not exist"),
        (["--image"], "expected one argument"),
    ],
)
def test_wrong_usage_is_explained(run: Run, arguments: list[str], reason: str) -> None:
    done = run(*arguments)
    assert done.status == 2
    assert reason in done.err
    assert done.out == ""


def test_folders_with_nothing_in_them(run: Run, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    done = run("--test-all", "--dataset", empty)
    assert (done.status, done.out) == (2, "")
    assert "no student folders" in done.err
    done = run("--unknown", empty)
    assert (done.status, done.out) == (2, "")
    assert "no usable image" in done.err


def test_a_folder_in_which_nothing_is_usable_says_why(run: Run, tmp_path: Path) -> None:
    (tmp_path / "strangers").mkdir()
    (tmp_path / "strangers" / "one.jpg").write_bytes(b"<html>not found</html>")
    done = run("--unknown", tmp_path / "strangers")
    assert done.status == 2
    assert "one.jpg" in done.err
    assert "web page" in done.err


def test_a_data_set_of_other_people_says_that_none_is_in_the_model(run: Run, world: World) -> None:
    done = run("--test-all", "--dataset", world.strangers)
    assert done.status == 2
    assert "none of the students" in done.err
    assert "student-40" in done.err


def test_without_a_model_it_says_where_it_looked_and_what_to_run(run: Run, tmp_path: Path) -> None:
    done = run("--image", save_face(tmp_path / "face.png", 1), "--model", tmp_path / "nowhere")
    assert done.status == 2
    assert "nowhere" in done.err
    assert "train_production_model.py" in done.err
    assert "--model" in done.err


def test_a_damaged_model_is_refused(run: Run, world: World, tmp_path: Path) -> None:
    shutil.copytree(world.model, tmp_path / "model")
    path = tmp_path / "model" / "face_classifier_v1.pkl"
    path.write_bytes(path.read_bytes()[:-100])
    done = run("--test-all", "--model", tmp_path / "model")
    assert done.status == 2
    assert "cut short" in done.err


def test_another_embedder_than_the_models_is_refused(run: Run, tmp_path: Path) -> None:
    picture = save_face(tmp_path / "face.png", 1)
    done = run("--image", picture, "--embedder", "facenet")
    assert done.status == 2
    assert "trained with the embedder dlib" in done.err


@pytest.mark.parametrize("embedder", [(), ("--embedder", "auto"), ("--embedder", "dlib")], ids=str)
def test_a_model_is_tested_with_the_words_it_was_trained_with(
    run: Run, tmp_path: Path, embedder: tuple[str, ...]
) -> None:
    """Training with dlib's network does not look at --weights either."""
    done = run("--image", save_face(tmp_path / "face.png", 1), *embedder, "--weights", tmp_path / "facenet.pt")
    assert done.status == 0, done.err
    assert "--weights names another network's file and is not used: the model needs dlib" in done.err


def test_a_model_of_an_old_format_without_threshold_names_nobody(run: Run, tmp_path: Path) -> None:
    done = run("--image", save_face(tmp_path / "face.png", 1), "--model", OLD_MODELS / "dict-classes")
    assert done.status == 0
    assert "old format without a threshold" in done.out
    assert "✓" not in done.out
    assert "Not sure" in done.out


def test_an_old_model_for_facenet_asks_for_its_weights(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMARTATTENDANCE_ALLOW_DOWNLOAD", "false")
    model = OLD_MODELS / "dict-facenet-two-students"
    done = run("--image", save_face(tmp_path / "face.png", 1), "--model", model)
    assert done.status == 2
    assert "FaceNet's weights are not available" in done.err


def test_a_wrong_setting_is_named(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMARTATTENDANCE_MIN_FACE_SIZE", "tiny")
    done = run("--image", save_face(tmp_path / "face.png", 1))
    assert done.status == 2
    assert "SMARTATTENDANCE_MIN_FACE_SIZE" in done.err


def test_interrupting_ends_with_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(test_production_model, "measure_students", interrupted)
    done = run("--test-all")
    assert done.status == 130
    assert len(done.err.splitlines()) == 1


# how it prints -------------------------------------------------------------------------------------------------------


def test_help_explains_the_accuracy_and_the_exit_status(run: Run) -> None:
    done = run("--help")
    assert done.status == 0
    assert "rank-1" in done.out
    assert "exit status" in done.out


def test_started_from_the_top_folder_on_a_console_of_ascii_with_json_on_standard_output(
    world: World, tmp_path: Path
) -> None:
    picture = save_group(tmp_path / "group.png", 2, 44)
    name = "Zoë ✓.png"
    shutil.move(picture, tmp_path / name)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SMARTATTENDANCE_")}
    environment |= {"PYTHONIOENCODING": "ascii", "SMARTATTENDANCE_CACHE_DIR": str(tmp_path / "cache")}
    environment["SMARTATTENDANCE_ENGINE_DIR"] = str(ENGINE_DIR)
    done = subprocess.run(
        [
            *(sys.executable, "backend/test_production_model.py", "--model", world.model, "--json", "-"),
            *("--image", tmp_path / name, "--save", tmp_path / "out.png"),
        ],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        timeout=120,
        check=False,
    )
    errors = done.stderr.decode("ascii")
    assert done.returncode == 0, errors
    content = json.loads(done.stdout)
    assert Path(content["images"][0]["path"]).name == name
    assert "+ student-02" in errors, "the sign should be one that the console has"
    assert read_image(tmp_path / "out.png").shape == (240, 480, 3)
    assert "%|" not in errors, "a progress bar was printed, but this is no terminal"
