"""What is published beside a model, and that a picture that fails never stops a training."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from recognizer.history import publish
from recognizer.types import EmbedderInfo
from support.embeddings import DIMENSION, make_people, make_profile, student_ids
from training import plots
from training.report import build_report_files, closest_scores, strict_json
from training.samples import DatasetIssue, IssueKind
from training.trainer import TrainingConfig, TrainingData, TrainingOutcome, train

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
EMBEDDER = EmbedderInfo("facenet", "ab" * 32, DIMENSION, {"kind": "box", "size": 160, "margin": 32}, (0.5,) * DIMENSION)
PICTURES = ("score_histogram.png", "det_curve.png", "look_alikes.png", "images_per_student.png")
ROOT = Path("/photos")
ISSUES = (
    DatasetIssue(
        IssueKind.UNREADABLE, "S00001/broken.jpg is cut short; it is not used.", ROOT / "S00001" / "broken.jpg"
    ),
    DatasetIssue(IssueKind.TOO_FEW_IMAGES, "Zoë has 1 image, fewer than the 2 needed.", student_id="Zoë"),
)


@cache
def class_of_twelve() -> tuple[TrainingData, TrainingOutcome]:
    photos, labels = make_people(12, seed=5).photos(6, seed=6)
    data = TrainingData(photos, student_ids(12)[labels], np.arange(len(labels)), "fingerprint")
    return data, train(data, TrainingConfig(), make_profile(strangers=500), EMBEDDER, {"id": "mtcnn"}, NOW)


def files_of(outcome: TrainingOutcome, data: TrainingData, **changes: Any) -> dict[str, bytes]:
    arguments: dict[str, Any] = {
        "issues": ISSUES,
        "how_counts": {"detected": 70, "padded": 1, "whole": 1},
        "dataset_dir": str(ROOT),
        "seconds": {"scan": 0.25, "train": 1.5},
        "strangers_count": 0,
    }
    return build_report_files(outcome, data, **{**arguments, **changes})


@cache
def files() -> dict[str, bytes]:
    data, outcome = class_of_twelve()
    return files_of(outcome, data)


def load(name: str) -> np.ndarray[Any, Any]:
    return np.load(io.BytesIO(files()[name]), allow_pickle=False)


def test_every_promised_file_is_there_and_can_be_published(tmp_path: Path) -> None:
    arrays = {"label_encoder_classes.npy", "X.npy", "y.npy"}
    assert set(files()) == arrays | {"training_metadata.json", "training_summary.txt", *PICTURES}
    publish(tmp_path, class_of_twelve()[1].artifact, files())
    for name, content in files().items():
        assert (tmp_path / name).read_bytes() == content


def test_the_arrays_load_without_pickle_and_belong_together() -> None:
    data, outcome = class_of_twelve()
    classes, embeddings, students = load("label_encoder_classes.npy"), load("X.npy"), load("y.npy")
    assert classes.dtype.kind == students.dtype.kind == "U"
    assert classes.tolist() == outcome.artifact.classes.tolist() == sorted(set(students.tolist()))
    assert embeddings.dtype == np.float32
    np.testing.assert_array_equal(embeddings, data.embeddings)
    np.testing.assert_array_equal(students, data.student_ids)


def test_the_metadata_is_json_with_the_metrics_and_every_issue_by_name() -> None:
    _, outcome = class_of_twelve()
    metadata = json.loads(files()["training_metadata.json"], parse_constant=pytest.fail)
    assert metadata["metrics"] == json.loads(json.dumps(outcome.report.as_dict()))
    assert metadata["model_version"] == outcome.artifact.model_version
    assert metadata["thresholds"]["accept"] == outcome.thresholds.accept
    dataset = metadata["dataset"]
    assert [issue["path"] for issue in dataset["issues"]] == ["S00001/broken.jpg", None]
    assert [issue["student_id"] for issue in dataset["issues"]] == [None, "Zoë"]
    assert dataset["issue_counts"] == {"unreadable": 1, "too_few_images": 1}
    assert dataset["photos_by_face"] == {"detected": 70, "padded": 1, "whole": 1}
    assert metadata["seconds"] == {"scan": 0.25, "train": 1.5}
    assert "Zoë" in files()["training_metadata.json"].decode("utf-8")


def test_what_is_no_number_becomes_null_and_keys_are_sorted() -> None:
    text = strict_json({"b": float("nan"), "a": [np.float32(0.5), float("-inf"), (np.int64(3),)], "c": "\udcff"})
    assert json.loads(text, parse_constant=pytest.fail) == {"a": [0.5, None, [3]], "b": None, "c": "?"}
    assert text.startswith(b'{\n  "a"') and text.index(b'"a"') < text.index(b'"b"')


def test_the_pictures_have_their_size_and_are_the_same_each_time() -> None:
    data, outcome = class_of_twelve()
    again = files_of(outcome, data)
    for name in PICTURES:
        with Image.open(io.BytesIO(files()[name])) as picture:
            assert (picture.format, picture.size) == ("PNG", (1200, 800))
        assert again[name] == files()[name], name


def test_a_picture_that_fails_is_left_out_and_the_reason_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> bytes:
        raise FloatingPointError("odd data")

    monkeypatch.setattr(plots, "det_curve", fail)
    data, outcome = class_of_twelve()
    with caplog.at_level(logging.WARNING):
        made = files_of(outcome, data)
    assert set(files()) - set(made) == {"det_curve.png"}
    assert "det_curve.png" in caplog.text and "odd data" in caplog.text
    assert "det_curve.png" not in made["training_summary.txt"].decode("utf-8")


def test_without_matplotlib_everything_but_the_pictures_is_made(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    data, outcome = class_of_twelve()
    with caplog.at_level(logging.WARNING):
        made = files_of(outcome, data)
    assert set(files()) - set(made) == set(PICTURES)
    assert "score_histogram.png" in caplog.text


def test_scores_of_look_alikes_are_those_of_the_report() -> None:
    data, outcome = class_of_twelve()
    students = sorted({name for pair in outcome.report.pairs for name in (pair.student_id, pair.other_id)})
    closest = closest_scores(outcome, data, students)
    np.testing.assert_array_equal(closest, closest.T)
    for pair in outcome.report.pairs:
        score = closest[students.index(pair.student_id), students.index(pair.other_id)]
        assert float(score) == pytest.approx(pair.score, abs=1e-4)


def test_the_smallest_class_gets_a_whole_report() -> None:
    photos, labels = make_people(2, seed=8).photos(2, seed=9)
    data = TrainingData(photos, student_ids(2)[labels], np.arange(4), "fingerprint")
    outcome = train(data, TrainingConfig(), make_profile(strangers=500), EMBEDDER, {"id": "mtcnn"}, NOW)
    made = files_of(outcome, data, issues=(), how_counts={}, seconds={})
    assert set(PICTURES) <= set(made)


def test_a_student_with_one_photo_is_in_the_report_without_a_score() -> None:
    data, _ = class_of_twelve()
    single = int(np.argmax(data.student_ids == "S00003"))
    kept = [*np.flatnonzero(data.student_ids != "S00003").tolist(), single]
    data = replace(
        data, embeddings=data.embeddings[kept], student_ids=data.student_ids[kept], groups=np.arange(len(kept))
    )
    config = TrainingConfig(min_images=1, threshold_percentile=100)
    outcome = train(data, config, make_profile(strangers=500), EMBEDDER, {"id": "mtcnn"}, NOW)
    assert np.isnan(outcome.genuine).any()
    made = files_of(outcome, data)
    json.loads(made["training_metadata.json"], parse_constant=pytest.fail)
    assert set(PICTURES) <= set(made)
    assert "Not measured" in made["training_summary.txt"].decode("utf-8")


def test_recognition_never_loads_matplotlib_and_drawing_never_loads_pyplot() -> None:
    backend = Path(__file__).resolve().parents[2] / "backend"
    script = (
        "import sys\n"
        "import training.report\n"
        "from training import plots\n"
        "assert 'matplotlib' not in sys.modules, 'loaded before anything is drawn'\n"
        "assert plots.images_per_student({'a': 3, 'b': 2}, {}, 2)\n"
        "assert 'matplotlib.pyplot' not in sys.modules, 'pyplot'\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=backend, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
