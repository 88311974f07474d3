"""Which of two models was put to use later: told by a number that grows whatever happens to the folder."""

from __future__ import annotations

import errno
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from errors import ModelError, ModelNotFoundError
from recognizer import durable_files
from recognizer.artifact import MODEL_FILE
from recognizer.erasing import erase_student
from recognizer.history import HISTORY_FOLDER, activate, publish
from recognizer.loader import ClassifierLoader
from recognizer.manifest import MANIFEST_FILE
from recognizer.reading import load_artifact
from support.models import NearestStudent, make_artifact, make_embedder, make_metadata

KEY = b"a key to sign models with"


def put(folder: Path, version: str, key: bytes | None = None) -> None:
    publish(folder, make_artifact(version), {}, key)


def generation(folder: Path, key: bytes | None = None) -> int:
    """Of the model in use."""
    return load_artifact(folder / MODEL_FILE, signing_key=key)[1].generation


def without_numbers(folder: Path) -> None:
    """Make the manifest one that was written before there were generations."""
    path = folder / MANIFEST_FILE
    entries = json.loads(path.read_text())
    for entry in entries.values():
        del entry["activated"]
    path.write_text(json.dumps(entries))


class Counting(NearestStudent):
    made = 0

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        Counting.made += 1


@pytest.fixture
def loader(tmp_path: Path) -> Iterator[ClassifierLoader[Any]]:
    """Of a folder with v1; looks at the file only when it is asked to."""
    put(tmp_path, "v1")
    Counting.made = 0
    with ClassifierLoader(tmp_path / MODEL_FILE, build=Counting, embedder=make_embedder()) as made:
        made.load_now()
        yield made


@pytest.mark.parametrize("key", [None, KEY])
def test_each_time_a_model_is_put_to_use_it_is_newer_than_all_before(tmp_path: Path, key: bytes | None) -> None:
    numbers = []
    for version in ("v1", "v2"):
        put(tmp_path, version, key)
        numbers.append(generation(tmp_path, key))
    for version in ("v1", "v2", "v2", "v1"):
        activate(tmp_path, version, key)
        numbers.append(generation(tmp_path, key))
    assert numbers == sorted(set(numbers)) and numbers[0] > 0


def test_a_clock_that_is_set_back_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "v1")
    before = generation(tmp_path)
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    put(tmp_path, "v2")
    assert generation(tmp_path) == before + 1
    activate(tmp_path, "v1")
    assert generation(tmp_path) == before + 2


def test_erasing_makes_a_newer_model_of_the_one_in_use_only(tmp_path: Path) -> None:
    for version in ("v1", "v2"):
        put(tmp_path, version)
    activate(tmp_path, "v1")
    before = generation(tmp_path)
    done = erase_student(tmp_path, "student-01")
    assert done.in_use == "v1-e1" and set(done.rewritten) == {"v1", "v2"}
    after = generation(tmp_path)
    assert after > before
    erase_student(tmp_path, "nobody")
    assert generation(tmp_path) == after


def test_after_everything_was_erased_the_next_model_is_still_newer(tmp_path: Path) -> None:
    publish(tmp_path, make_artifact("v1", students=2), {})
    before = generation(tmp_path)
    assert erase_student(tmp_path, "student-01").in_use is None
    assert json.loads((tmp_path / MANIFEST_FILE).read_text()) == {}
    put(tmp_path, "v2")
    assert generation(tmp_path) > before


def test_after_the_manifest_was_lost_the_next_model_is_still_newer(tmp_path: Path) -> None:
    put(tmp_path, "v1")
    before = generation(tmp_path)
    (tmp_path / MANIFEST_FILE).unlink()
    assert generation(tmp_path) == 0
    activate(tmp_path, "v1")
    assert generation(tmp_path) > before


def test_a_manifest_of_before_is_read_and_its_model_is_of_no_known_generation(tmp_path: Path) -> None:
    put(tmp_path, "v1", KEY)
    without_numbers(tmp_path)
    _, info = load_artifact(tmp_path / MODEL_FILE, signing_key=KEY)
    assert (info.generation, info.verified) == (0, "signed")
    activate(tmp_path, "v1", KEY)
    assert generation(tmp_path, KEY) > 0


def test_a_model_that_could_not_be_put_in_place_leaves_the_one_in_use_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("v1", "v2"):
        put(tmp_path, version)
    before = generation(tmp_path)

    write = durable_files.write_synced

    def nearly_full(path: Path, data: bytes) -> None:
        if MANIFEST_FILE not in path.name:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(durable_files, "write_synced", nearly_full)
        with pytest.raises(ModelError):
            activate(tmp_path, "v1")
    _, info = load_artifact(tmp_path / MODEL_FILE)
    assert (info.model_version, info.generation) == ("v2", before)
    activate(tmp_path, "v1")
    assert generation(tmp_path) > before


def test_the_loader_knows_the_generation_and_keeps_the_classifier_of_a_file_it_knows(
    loader: ClassifierLoader[Any], tmp_path: Path
) -> None:
    first, before = loader.current, generation(tmp_path)
    assert loader.snapshot() == (first.classifier, "v1", before)
    activate(tmp_path, "v1")
    again = loader.load_now()
    assert again.classifier is first.classifier and Counting.made == 1
    assert again.info.generation == generation(tmp_path) > before


def test_who_is_behind_looks_at_once_and_who_is_not_does_not(loader: ClassifierLoader[Any], tmp_path: Path) -> None:
    first = loader.current.info.generation
    put(tmp_path, "v2")
    second = generation(tmp_path)
    assert loader.catch_up(0) == loader.catch_up(first) == first
    assert loader.catch_up(second) == second and loader.current.info.model_version == "v2"
    assert loader.catch_up(second + 1) == second  # there is nothing newer here


def test_a_file_that_was_refused_is_not_tried_again_for_each_frame(
    loader: ClassifierLoader[Any], tmp_path: Path
) -> None:
    first = loader.current.info.generation
    publish(tmp_path, make_artifact("v2", metadata=make_metadata("v2", make_embedder(id="facenet"))), {})
    second = generation(tmp_path)
    assert loader.catch_up(second) == first
    refused_at = loader.status().refused_at
    assert loader.status().refused_code == "embedder_mismatch" and refused_at is not None
    assert loader.catch_up(second) == first
    assert loader.status().refused_at == refused_at


def test_without_a_model_catching_up_says_so(tmp_path: Path) -> None:
    with (
        ClassifierLoader(tmp_path / MODEL_FILE, build=NearestStudent, embedder=None) as loader,
        pytest.raises(ModelNotFoundError),
    ):
        loader.catch_up(5)


def test_an_earlier_file_put_in_place_by_hand_is_no_newer(loader: ClassifierLoader[Any], tmp_path: Path) -> None:
    first = loader.current.info.generation
    put(tmp_path, "v2")
    shutil.copy(tmp_path / HISTORY_FOLDER / "v1" / MODEL_FILE, tmp_path / MODEL_FILE)
    assert generation(tmp_path) == first
