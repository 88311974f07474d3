"""The models that were kept, shown to people, and going back to one without a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from errors import EmbedderMismatchError, ModelError, ModelIntegrityError, ModelNotFoundError
from recognizer.artifact import MODEL_FILE
from recognizer.history import publish
from recognizer.manifest import MANIFEST_FILE
from recognizer.reading import load_artifact
from support.models import make_artifact
from training.stored_models import PREVIOUS, go_back, model_lines


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in (1, 2, 3):
        artifact = make_artifact(f"v{number}", students=number + 1, created_at=f"2026-01-0{number}T00:00:00+00:00")
        artifact.metadata["config"]["threshold_percentile"] = 95.0
        artifact.metadata["metrics"] = {"tpir": {"value": 0.925}}
        artifact.metadata["thresholds"] = {"expected_fpir": 0.000012}
        publish(tmp_path, artifact, {})
    return tmp_path


def in_use(folder: Path) -> str:
    return load_artifact(folder / MODEL_FILE)[1].model_version


def test_one_after_the_other_is_gone_back_to(folder: Path) -> None:
    assert go_back(folder, PREVIOUS) == "v2" == in_use(folder)
    assert go_back(folder, PREVIOUS) == "v1" == in_use(folder)
    with pytest.raises(ModelNotFoundError, match="v1, which is in use, is the oldest"):
        go_back(folder, PREVIOUS)
    assert go_back(folder, "v3", embedder="dlib") == "v3" == in_use(folder)


def test_the_table_says_what_each_is_and_which_is_in_use(folder: Path) -> None:
    go_back(folder, "v2")
    lines = list(model_lines(folder))
    assert str(folder) in lines[0]
    assert [line.split()[0] for line in lines[2:]] == ["v3", "v2", "v1"]
    assert lines[3].split() == ["v2", "3", "dlib", "95", "92.5", "%", "0.0012", "%", "in", "use"]
    assert [line.endswith("in use") for line in lines[2:]] == [False, True, False]
    assert "no models" in "".join(model_lines(folder / "elsewhere"))


def test_what_could_not_be_used_is_not_put_in_use(folder: Path) -> None:
    with pytest.raises(EmbedderMismatchError, match="trained with the embedder dlib, but facenet is set"):
        go_back(folder, "v1", embedder="facenet")
    with pytest.raises(ModelNotFoundError, match="there are: v3, v2, v1"):
        go_back(folder, "v9")
    with pytest.raises(ModelError, match="folder name"):
        go_back(folder, "../v1")
    file = folder / "history" / "v1" / MODEL_FILE
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(ModelIntegrityError):
        go_back(folder, "v1")
    assert in_use(folder) == "v3"
    assert list(model_lines(folder))[-1].split()[-3:] == ["cannot", "be", "read"]


def test_a_damaged_model_in_use_is_put_right_from_the_history(folder: Path) -> None:
    (folder / MODEL_FILE).write_bytes(b"cut short")
    with pytest.raises(ModelNotFoundError, match=r"none of the models .* is in use.*there are: v3, v2, v1"):
        go_back(folder, PREVIOUS)
    assert go_back(folder, "v3") == "v3" == in_use(folder)


def test_without_the_manifest_the_history_still_tells(folder: Path) -> None:
    (folder / MANIFEST_FILE).unlink()
    assert {line.split()[0] for line in list(model_lines(folder))[2:]} == {"v1", "v2", "v3"}
    assert go_back(folder, "v2") == "v2" == in_use(folder)
    assert (folder / MANIFEST_FILE).is_file()
