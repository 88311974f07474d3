"""The embedding cache: what it keeps, whom it keeps apart, what survives damage, and that erased is erased."""

from __future__ import annotations

import logging
import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from errors import TrainingError
from recognizer.types import EmbedderInfo
from training import cache as cache_module
from training.cache import FILE_NAME, CachedFace, EmbeddingCache, forget, prune
from training.conditions import CONDITIONS

INFO = EmbedderInfo(id="dlib", weights_sha256="ab" * 32, dimension=128, crop_recipe={"kind": "landmarks", "size": 150})


def sha(number: int) -> str:
    return f"{number:064x}"


def make_face(number: int, how: str = "detected") -> CachedFace:
    random = np.random.default_rng(number)
    rows = random.normal(size=(1 + len(CONDITIONS), 128)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return CachedFace(rows[0], rows[1:], random.integers(0, 256, (32, 32), dtype=np.uint8), how, 0.75)


def test_what_is_put_is_found_again_by_a_later_run(tmp_path: Path) -> None:
    faces = {sha(number): make_face(number, how) for number, how in enumerate(["detected", "padded", "whole"])}
    EmbeddingCache(tmp_path / "new" / "cache", INFO, "detector").put_many(faces)
    found = EmbeddingCache(tmp_path / "new" / "cache", INFO, "detector").get_many([*faces, sha(99)])
    assert set(found) == set(faces)
    for name, face in faces.items():
        assert np.array_equal(found[name].embedding, face.embedding)
        assert np.array_equal(found[name].in_conditions, face.in_conditions)
        assert np.array_equal(found[name].thumbnail, face.thumbnail)
        assert (found[name].how, found[name].quality) == (face.how, face.quality)
        assert found[name].embedding.dtype == np.float32


def test_more_names_than_one_statement_takes(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path, INFO, "detector")
    names = [sha(number) for number in range(1203)]
    cache.put_many({name: make_face(0) for name in names})
    assert sorted(cache.get_many(names)) == names
    assert cache.forget(names) == 1203
    assert cache.get_many(names) == {}


@pytest.mark.parametrize(
    "other",
    [
        replace(INFO, id="facenet"),
        replace(INFO, weights_sha256="cd" * 32),
        replace(INFO, crop_recipe={"kind": "landmarks", "size": 160}),
        replace(INFO, dimension=512),
    ],
    ids=["embedder", "weights", "recipe", "dimension"],
)
def test_another_embedder_finds_nothing(tmp_path: Path, other: EmbedderInfo) -> None:
    EmbeddingCache(tmp_path, INFO, "detector").put_many({sha(1): make_face(1)})
    assert EmbeddingCache(tmp_path, other, "detector").get_many([sha(1)]) == {}
    assert EmbeddingCache(tmp_path, INFO, "another detector").get_many([sha(1)]) == {}
    assert len(EmbeddingCache(tmp_path, INFO, "detector").get_many([sha(1)])) == 1


def test_forgetting_leaves_no_byte_of_the_vector_behind(tmp_path: Path) -> None:
    face, kept = make_face(1), make_face(2)
    cache = EmbeddingCache(tmp_path, INFO, "detector")
    cache.put_many({sha(1): face, sha(2): kept})
    EmbeddingCache(tmp_path, replace(INFO, id="other"), "detector").put_many({sha(1): face})

    def on_disk(values: bytes) -> bool:
        return any(values in path.read_bytes() for path in tmp_path.iterdir())

    # a page may end within the vector, so pieces are looked for
    pieces = [face.embedding.tobytes()[start : start + 32] for start in range(0, 512, 32)]
    assert sum(map(on_disk, pieces)) >= 14
    assert forget(tmp_path, [sha(1), sha(7)]) == 2, "both embedders' rows go"
    assert not any(on_disk(piece) for piece in pieces)
    assert not on_disk(face.thumbnail.tobytes()[:64])
    assert not on_disk(sha(1).encode())
    assert np.array_equal(cache.get_many([sha(2)])[sha(2)].embedding, kept.embedding)


def test_pruning_keeps_what_is_named(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path, INFO, "detector")
    cache.put_many({sha(number): make_face(number) for number in range(5)})
    assert cache.prune([sha(1), sha(3), sha(77)]) == 3
    assert sorted(cache.get_many([sha(number) for number in range(5)])) == [sha(1), sha(3)]
    assert prune(tmp_path, []) == 2
    assert forget(tmp_path / "never", [sha(1)]) == 0


def test_erasing_that_fails_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "_LOCK_SECONDS", 0.05)
    EmbeddingCache(tmp_path, INFO, "detector").put_many({sha(1): make_face(1)})
    other = sqlite3.connect(tmp_path / FILE_NAME)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(TrainingError, match="could not be erased"):
        forget(tmp_path, [sha(1)])
    other.close()
    assert forget(tmp_path, [sha(1)]) == 1


def test_a_damaged_file_is_replaced_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"this was a database once" * 100)
    with caplog.at_level(logging.WARNING):
        cache = EmbeddingCache(tmp_path, INFO, "detector")
    assert "damaged" in caplog.text
    cache.put_many({sha(1): make_face(1)})
    assert list(cache.get_many([sha(1)])) == [sha(1)]


def test_damage_inside_never_ends_in_a_crash_or_a_wrong_vector(tmp_path: Path) -> None:
    faces = {sha(number): make_face(number) for number in range(40)}
    EmbeddingCache(tmp_path / "whole", INFO, "detector").put_many(faces)
    whole = (tmp_path / "whole" / FILE_NAME).read_bytes()
    random = np.random.default_rng(0)
    for attempt in range(25):
        damaged = bytearray(whole)
        start = int(random.integers(0, len(whole) - 600))
        damaged[start : start + 600] = random.bytes(600)
        folder = tmp_path / str(attempt)
        folder.mkdir()
        (folder / FILE_NAME).write_bytes(damaged if attempt % 5 else whole[: start + 1])
        cache = EmbeddingCache(folder, INFO, "detector")
        for name, face in cache.get_many(list(faces)).items():
            assert np.array_equal(face.embedding, faces[name].embedding)
        cache.put_many(faces)
        assert cache.usable
        again = EmbeddingCache(folder, INFO, "detector").get_many(list(faces))
        assert all(np.array_equal(again[name].embedding, face.embedding) for name, face in faces.items())
        forget(folder, [sha(1)])
        assert sha(1) not in EmbeddingCache(folder, INFO, "detector").get_many([sha(1)])


def test_a_file_of_another_version_is_built_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with sqlite3.connect(tmp_path / FILE_NAME) as old:
        old.execute("CREATE TABLE embedding (something TEXT)")
        old.execute("PRAGMA user_version = 99")
    old.close()
    with caplog.at_level(logging.WARNING):
        cache = EmbeddingCache(tmp_path, INFO, "detector")
    assert "another version" in caplog.text
    cache.put_many({sha(1): make_face(1)})
    assert list(cache.get_many([sha(1)])) == [sha(1)]


def test_a_folder_that_cannot_be_used_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    with caplog.at_level(logging.WARNING):
        cache = EmbeddingCache(tmp_path / "taken", INFO, "detector")
    assert "training goes on without it" in caplog.text
    assert not cache.usable
    cache.put_many({sha(1): make_face(1)})
    assert cache.get_many([sha(1)]) == {}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_folder_that_cannot_be_written_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tmp_path.chmod(0o500)
    try:
        with caplog.at_level(logging.WARNING):
            assert not EmbeddingCache(tmp_path, INFO, "detector").usable
        assert "cannot be used" in caplog.text
    finally:
        tmp_path.chmod(0o700)


def test_a_busy_cache_does_not_stop_a_training(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "_LOCK_SECONDS", 0.05)
    cache = EmbeddingCache(tmp_path, INFO, "detector")
    other = sqlite3.connect(tmp_path / FILE_NAME)
    other.execute("BEGIN IMMEDIATE")
    cache.put_many({sha(1): make_face(1)})
    other.close()
    assert not cache.usable
    assert "locked" in caplog.text


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_the_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    EmbeddingCache(tmp_path / "cache", INFO, "detector").put_many({sha(1): make_face(1)})
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0
    assert (tmp_path / "cache" / FILE_NAME).stat().st_mode & 0o077 == 0
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [FILE_NAME], "no journal is left behind"
