"""The training command, run as a user runs it, on drawn faces and the packaged embedder."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
from PIL import Image

import test_production_model
import train_production_model
from config import Settings
from recognizer.artifact import MODEL_FILE
from recognizer.history import list_versions
from recognizer.images import read_image
from support.ending import SIGINT_IGNORED
from support.pictures import write_class
from support.training_command import training_command
from training import production

BACKEND = Path(train_production_model.__file__).parent
STUDENTS = 5
SHOTS = 6


@pytest.fixture(scope="module")
def class_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("class")
    write_class(folder, range(STUDENTS), SHOTS)
    return folder


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    return training_command(tmp_path, monkeypatch)


def test_every_promised_file_is_written_and_opens_with_ordinary_tools(run, class_folder, tmp_path, capsys):
    before = os.umask(0)
    try:
        assert run(class_folder, "--json", str(tmp_path / "result.json")) == 0
    finally:
        os.umask(before)
    model = tmp_path / "model"
    for name in (
        "label_encoder_classes.npy",
        "X.npy",
        "y.npy",
        "training_metadata.json",
        "training_summary.txt",
        "training.log",
        "score_histogram.png",
        "det_curve.png",
        "look_alikes.png",
        "images_per_student.png",
        "MANIFEST.json",
    ):
        assert (model / name).stat().st_size > 0, name
    content = joblib.load(model / MODEL_FILE)
    assert content["metadata"]["format_version"] == 1
    assert content["classes"].tolist() == np.load(model / "label_encoder_classes.npy").tolist()
    assert np.load(model / "X.npy").shape == (STUDENTS * SHOTS, 128)
    assert (
        content["model"].predict(content["scaler"].transform(np.load(model / "X.npy"))).tolist()
        == np.load(model / "y.npy").tolist()
    )
    result = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert result["rank1"]["value"] >= 0.8
    assert result["model_version"] == content["metadata"]["model_version"]
    shown = capsys.readouterr().out
    assert "rank-1" in shown and content["metadata"]["model_version"] in shown
    for picture in model.glob("*.png"):
        assert min(read_image(picture).shape[:2]) >= 400
    if os.name != "nt":  # faces are for their owner only, whatever the umask
        kept = [path for path in (model, *model.rglob("*"), tmp_path / "cache") if path.suffix != ".lock"]
        assert [path for path in kept if path.stat().st_mode & 0o077] == []


def test_only_new_photos_are_embedded_and_removed_ones_are_forgotten(run, class_folder, tmp_path):
    dataset = tmp_path / "dataset"
    shutil.copytree(class_folder, dataset)
    results = []
    for name in ("first", "second", "third"):
        assert run(dataset, "--json", str(tmp_path / f"{name}.json")) == 0
        results.append(json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8")))
        if name == "first":
            write_class(dataset, [STUDENTS], SHOTS)
        if name == "second":
            shutil.rmtree(dataset / sorted(path.name for path in dataset.iterdir())[0])
    assert [(r["photos"], r["cached"]) for r in results] == [
        (STUDENTS * SHOTS, 0),
        ((STUDENTS + 1) * SHOTS, STUDENTS * SHOTS),
        (STUDENTS * SHOTS, STUDENTS * SHOTS),
    ]
    # the erased student's vectors are gone: putting the photos back means embedding them again
    write_class(dataset, [0], SHOTS)
    assert run(dataset, "--json", str(tmp_path / "fourth.json")) == 0
    assert json.loads((tmp_path / "fourth.json").read_text(encoding="utf-8"))["cached"] == STUDENTS * SHOTS


def test_the_same_photos_and_seed_give_the_same_metrics_byte_for_byte(run, class_folder, tmp_path):
    for output in ("a", "b"):
        assert run(class_folder, "--seed", "7", output=output) == 0
    metrics = [
        json.dumps(json.loads((tmp_path / output / "training_metadata.json").read_text(encoding="utf-8"))["metrics"])
        for output in ("a", "b")
    ]
    assert metrics[0] == metrics[1]


def test_a_messy_folder_is_trained_on_and_every_problem_is_named(run, class_folder, tmp_path, capsys):
    dataset = tmp_path / "messy"
    shutil.copytree(class_folder, dataset)
    students = sorted(path.name for path in dataset.iterdir())
    (dataset / students[0] / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (dataset / students[0] / "notes.txt").write_text("x")
    (dataset / "empty").mkdir()
    (dataset / "alone").mkdir()
    write_class(tmp_path / "one", [30], 1)
    shutil.copy(next((tmp_path / "one").rglob("*.*")), dataset / "alone" / "only.jpg")
    assert run(dataset) == 0
    shown = capsys.readouterr().out
    for name in ("broken.jpg", "notes.txt", "empty", "alone"):
        assert name in shown, name
    assert "alone" not in np.load(tmp_path / "model" / "label_encoder_classes.npy").tolist()


def test_pictures_without_a_findable_face_are_counted(run, class_folder, tmp_path, capsys):
    dataset = tmp_path / "dataset"
    shutil.copytree(class_folder, dataset)
    student = sorted(dataset.iterdir())[0]

    Image.fromarray(np.full((120, 120, 3), 127, np.uint8)).save(student / "grey.png")
    assert run(dataset) == 0
    shown = capsys.readouterr().out
    assert "1 not found" in shown
    assert f"No face was found in {student.name}/grey.png" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--threshold-percentile", "20"], "between 50 and 100"),
        (["--max-fpir", "0"], "between 0 and 1"),
        (["--min-images", "0"], "at least 1"),
        (["--classifier", "forest"], "invalid choice"),
        (["--weights", "missing.pt", "--embedder", "facenet"], "missing.pt"),
        (["--unknown", "nowhere"], "nowhere"),
        (["--json", "no/such/folder/x.json"], "folder that exists"),
        (["--progress", "no/such/folder/x.jsonl"], "folder that exists"),
        (["--only", "nowhere.txt"], "nowhere.txt"),
        (["--only", os.devnull], "lists nobody"),
        (["--address", "head:6379"], "--engine ray"),
        (["--engine", "spark"], "invalid choice"),
    ],
)
def test_wrong_usage_says_what_is_allowed_and_writes_nothing(run, class_folder, tmp_path, capsys, arguments, words):
    assert run(class_folder, *arguments) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "model" / MODEL_FILE).exists()


def test_without_ray_it_says_what_to_install(run, class_folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert run(class_folder, "--engine", "ray", "--address", "head:6379") == 2
    assert "pip install -r requirements-cluster.txt" in capsys.readouterr().err
    assert not (tmp_path / "model" / MODEL_FILE).exists()


def test_an_error_is_said_once_and_kept_in_the_log(class_folder, tmp_path):
    command = [sys.executable, str(BACKEND / "train_production_model.py"), "--output", str(tmp_path / "model")]
    failed = subprocess.run([*command, "--dataset", str(tmp_path / "none")], capture_output=True, text=True)
    assert failed.returncode == 2
    assert failed.stderr.count("there is no folder") == 1
    assert "ERROR" in (log := (tmp_path / "model" / "training.log").read_text(encoding="utf-8"))
    assert "there is no folder" in log


def test_the_models_are_listed_and_gone_back_to_by_one_command(run, class_folder, tmp_path, capsys):
    assert run(class_folder) == 0
    assert run(class_folder, "--seed", "7") == 0
    newer, older = (stored.version for stored in list_versions(tmp_path / "model"))
    capsys.readouterr()
    assert run(class_folder, "--list-models") == 0
    shown = capsys.readouterr().out
    assert shown.index(newer) < shown.index("in use") < shown.index(older)
    assert run(class_folder, "--activate", "previous") == 0
    assert older in capsys.readouterr().out
    assert [stored.active for stored in list_versions(tmp_path / "model")] == [False, True]
    assert run(class_folder, "--activate", "20200101T000000Z-000000") == 2
    assert newer in capsys.readouterr().err
    assert run(class_folder, "--activate", "") == 2  # and trains nothing
    assert len(list_versions(tmp_path / "model")) == 2


def test_an_empty_dataset_says_where_it_looked_and_what_it_expects(run, tmp_path, capsys):
    (tmp_path / "nothing").mkdir()
    assert run(tmp_path / "nothing") == 2
    error = capsys.readouterr().err
    assert str(tmp_path / "nothing") in error and "student" in error


def test_strangers_given_to_training_are_used_and_measured(run, class_folder, tmp_path):
    write_class(tmp_path / "strangers", range(40, 48), 3)
    assert run(class_folder, "--unknown", str(tmp_path / "strangers"), "--json", str(tmp_path / "r.json")) == 0
    result = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert result["strangers"] == "real"
    assert result["stranger_fpir"]["total"] == 12
    assert "real strangers" in result["delivered_thresholds"]["scale_reason"]


def test_logistic_regression_trains_too(run, class_folder, tmp_path):
    assert run(class_folder, "--classifier", "logistic") == 0
    assert type(joblib.load(tmp_path / "model" / MODEL_FILE)["model"]).__name__ == "LogisticRegression"


def test_without_facenet_weights_auto_takes_dlib_and_says_so(run, class_folder, tmp_path, capsys):
    assert run(class_folder, "--embedder", "auto") == 0
    shown = capsys.readouterr().out
    assert "dlib" in shown and "SMARTATTENDANCE_FACENET_WEIGHTS" in shown
    assert joblib.load(tmp_path / "model" / MODEL_FILE)["metadata"]["embedder"]["id"] == "dlib"


def test_both_networks_together_train_a_model_that_knows_its_photos(run, class_folder, tmp_path, capsys, facenet_file):
    weights = ("--weights", str(facenet_file))
    assert run(class_folder, "--embedder", "both", *weights) == 0
    model = tmp_path / "model"
    embedder = joblib.load(model / MODEL_FILE)["metadata"]["embedder"]
    assert (embedder["id"], embedder["dimension"]) == ("both", 640)
    tested = ["--model", str(model), "--test-all", "--dataset", str(class_folder), *weights, "--min-accuracy", "0.9"]
    assert test_production_model.main(tested) == 0
    # left to choose, it says what it tried, and the model is of whichever it says
    assert run(class_folder, "--embedder", "auto", *weights, output="chosen") == 0
    shown = capsys.readouterr().out
    chosen = joblib.load(tmp_path / "chosen" / MODEL_FILE)["metadata"]["embedder"]
    assert {"both": "both are used", "facenet": "FaceNet alone is used"}[chosen["id"]] in shown


def test_progress_is_written_line_by_line_for_programs(run, class_folder, tmp_path):
    file = tmp_path / "progress.jsonl"
    assert run(class_folder, "--progress", str(file)) == 0
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert all(set(line) == {"stage", "done", "total", "message"} for line in lines)
    order = ["process", "libraries", "scan", "networks", "embed", "check", "train", "report", "publish", "done"]
    assert list(dict.fromkeys(line["stage"] for line in lines)) == order
    embedded = [line["done"] for line in lines if line["stage"] == "embed" and line["total"]]
    assert embedded == sorted(embedded) and embedded[-1] == STUDENTS * SHOTS
    version = list_versions(tmp_path / "model")[0].version
    assert [line["message"] for line in lines[-2:]] == [version, version]
    # wrong usage and data that cannot be trained on are told there as well
    (tmp_path / "nothing").mkdir()
    assert run(tmp_path / "nothing", "--progress", str(file)) == 2
    last = json.loads(file.read_text(encoding="utf-8").splitlines()[-1])
    assert last["stage"] == "failed" and str(tmp_path / "nothing") in last["message"]


def test_only_those_listed_are_trained_on_and_the_others_are_named(run, class_folder, tmp_path, capsys):
    students = sorted(path.name for path in class_folder.iterdir())
    listed = tmp_path / "list.txt"
    listed.write_text("\ufeff" + "\r\n".join([*students[:3], "", "nobody"]) + "\n", encoding="utf-8")
    assert run(class_folder, "--only", str(listed)) == 0
    assert np.load(tmp_path / "model" / "label_encoder_classes.npy").tolist() == students[:3]
    shown = capsys.readouterr().out
    assert f"{students[3]} is not on the list" in shown and f"{students[4]} is not on the list" in shown
    assert "nobody is on the list and has no folder" in shown
    described = json.loads((tmp_path / "model" / "training_metadata.json").read_text(encoding="utf-8"))
    counts = described["dataset"]["issue_counts"]
    assert (counts["not_listed"], counts["no_folder"]) == (2, 1)


@pytest.mark.parametrize("where", ["the data folder", "DATABASE_URL"])
def test_where_a_database_knows_who_consented_everybody_is_trained_on_only_if_asked_for(
    run, class_folder, tmp_path, monkeypatch, capsys, where
):
    if where == "DATABASE_URL":
        monkeypatch.setenv("DATABASE_URL", "postgresql://me:secret@localhost/none")
    else:
        (tmp_path / "instance").mkdir()
        (tmp_path / "instance" / "smartattendance.sqlite3").touch()
    assert run(class_folder) == 2
    error = capsys.readouterr().err
    assert "--only FILE" in error and "--without-database" in error and "secret" not in error
    assert not (tmp_path / "model").exists()
    monkeypatch.setattr(train_production_model, "run_training", lambda job, *_: called.append(job.only))
    called: list[object] = []
    (tmp_path / "list").write_text("S1\n")
    for more in (["--without-database"], ["--only", str(tmp_path / "list")]):
        with pytest.raises(AttributeError):  # there is no result to show
            run(class_folder, *more)
    assert called == [None, {"S1"}]


@pytest.mark.parametrize("stage", ["prepare", "build_report_files"])
def test_a_student_who_is_erased_meanwhile_is_not_published(run, class_folder, tmp_path, monkeypatch, capsys, stage):
    dataset = tmp_path / "dataset"
    shutil.copytree(class_folder, dataset)
    erased = sorted(path.name for path in dataset.iterdir())[2]
    step = getattr(production, stage)

    def erased_meanwhile(*arguments, **more):
        done = step(*arguments, **more)
        shutil.rmtree(dataset / erased)
        return done

    monkeypatch.setattr(production, stage, erased_meanwhile)
    assert run(dataset) == 2
    assert "the photos of 1 student were deleted while the training ran" in capsys.readouterr().err
    assert list_versions(tmp_path / "model") == ()
    assert erased not in (tmp_path / "model" / "training.log").read_text()


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without a signal")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_a_server_s_end_leave_the_last_good_model(run, class_folder, tmp_path, how):
    assert run(class_folder) == 0
    before = list_versions(tmp_path / "model")
    more = tmp_path / "more"
    shutil.copytree(class_folder, more)
    # more to embed than it gets to; whoever is in the pictures is never looked at
    for number in range(20):
        folder = more / f"p{number}"
        folder.mkdir()
        for photo in sorted((class_folder / "student-00").iterdir()):
            with Image.open(photo) as image:
                image.resize((300 - number, 300)).save(folder / f"{photo.stem}.jpg")
    child = subprocess.Popen(
        [
            *SIGINT_IGNORED,
            sys.executable,
            str(BACKEND / "train_production_model.py"),
            "--dataset",
            str(more),
            "--output",
            str(tmp_path / "model"),
            "--embedder",
            "dlib",
            "--progress",
            str(tmp_path / "progress"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert child.stdout is not None
    child.stdout.readline()  # the photos are counted; networks and embedding come next
    until = time.monotonic() + 60
    while '"embed"' not in (tmp_path / "progress").read_text(encoding="utf-8"):
        assert child.poll() is None and time.monotonic() < until
        time.sleep(0.01)
    child.send_signal(how)
    _, error = child.communicate(timeout=60)
    assert child.returncode == 130, error
    assert "unchanged" in error and "Traceback" not in error
    assert list_versions(tmp_path / "model") == before
    assert json.loads((tmp_path / "progress").read_text(encoding="utf-8").splitlines()[-1])["stage"] == "interrupted"
    assert not list((tmp_path / "model").rglob("*.tmp-*"))


def test_it_runs_from_the_backend_folder_with_the_settings_it_finds(class_folder, tmp_path):
    environment = {
        **os.environ,
        "SMARTATTENDANCE_DATASET_DIR": str(class_folder),
        "SMARTATTENDANCE_MODEL_DIR": str(tmp_path / "model"),
        "SMARTATTENDANCE_CACHE_DIR": str(tmp_path / "cache"),
        "SMARTATTENDANCE_EMBEDDER": "dlib",
    }
    done = subprocess.run(
        [sys.executable, "train_production_model.py"], cwd=BACKEND, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "model" / MODEL_FILE).is_file()
    assert Settings().dataset_dir == BACKEND / "dataset" / "processed"
