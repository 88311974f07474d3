"""The demo's folder: only its own things are ever in danger, and only one demo works in it."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import pytest

import demo
from config import Settings
from demonstration import embedder
from demonstration.folder import DemoFolder
from errors import ConfigurationError
from recognizer import weights
from support.onnx_networks import write_network


@pytest.fixture
def folder(tmp_path: Path) -> DemoFolder:
    return DemoFolder(tmp_path / "demo")


def test_what_a_demo_made_is_kept_until_it_is_removed(folder: DemoFolder) -> None:
    with folder.held():
        folder.complete({"choice": {}})
    assert folder.root.stat().st_mode & 0o077 == 0, "the passwords are in it"
    with folder.held():
        assert folder.completed() == {"choice": {}}
    assert folder.remove() and not folder.root.exists()
    assert not folder.remove()


def test_a_folder_with_other_things_is_left_alone(folder: DemoFolder, capsys: pytest.CaptureFixture[str]) -> None:
    folder.root.mkdir()
    (folder.root / "thesis.txt").write_text("years of work")
    for command in ([], ["clean"]):
        assert demo.main(command, folder) == demo.UNUSABLE
        assert "holds what no demo made, thesis.txt for one" in capsys.readouterr().err
    assert (folder.root / "thesis.txt").read_text() == "years of work"


def test_what_another_version_made_is_made_anew(folder: DemoFolder) -> None:
    with folder.held():
        folder.complete({})
        folder.clip.mkdir()
    (folder.root / "version.json").write_text('{"version": 0}')
    with folder.held():
        assert folder.completed() is None and not folder.clip.exists()


def test_a_link_to_another_disk_is_removed_with_what_is_behind_it(folder: DemoFolder, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    folder.root.symlink_to(tmp_path / "disk")
    with folder.held():
        folder.complete({})
    assert folder.remove()
    assert not folder.root.is_symlink() and not list((tmp_path / "disk").iterdir())


def test_two_demos_do_not_work_in_it_at_once(folder: DemoFolder) -> None:
    with folder.held():
        with pytest.raises(ConfigurationError, match="being made or started"), DemoFolder(folder.root).held():
            pass
        folder.serve_at("http://127.0.0.1:8000")
        with pytest.raises(ConfigurationError, match=r"running already, at http://127\.0\.0\.1:8000"):
            folder.remove()
    assert folder.served_at() is None


def test_the_address_that_a_killed_demo_left_is_not_believed(
    folder: DemoFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    with folder.held():
        folder.complete({"passwords": {}})
        folder.serve_at("http://127.0.0.1:8000")
        assert folder.served_at() == "http://127.0.0.1:8000"
        left = {path: path.read_bytes() for path in folder.root.iterdir()}
    for path, content in left.items():  # as they lie there after SIGKILL, which lets go of the lock
        path.write_bytes(content)
    assert demo.main(["walk-in"], folder) == demo.UNUSABLE
    assert "the demo is not served" in capsys.readouterr().err


def test_nothing_of_a_real_servers_settings_counts_but_where_it_listens(folder: DemoFolder) -> None:
    environ = {
        "SMARTATTENDANCE_PORT": "8123",
        "SMARTATTENDANCE_DATABASE_URL": "postgresql://school",
        "DATABASE_URL": "postgresql://school",
        "SMARTATTENDANCE_DATA_DIR": "/srv/school",
        "SMARTATTENDANCE_MODEL_DIR": "/srv/school",
        "SMARTATTENDANCE_DATASET_DIR": "/srv/school",
        "SMARTATTENDANCE_CACHE_DIR": "/srv/school",
        "SMARTATTENDANCE_PUBLIC_URL": "https://school.example",
    }
    settings = folder.settings(environ)
    assert settings.port == 8123 and settings.host == "127.0.0.1"
    assert (settings.database_url, settings.public_url) == (None, None)
    for path in (settings.data_dir, settings.model_dir, settings.dataset_dir, settings.cache_dir, settings.demo_clip):
        assert path is not None and path.is_relative_to(folder.root)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "the disk is full; free some space",
        ),
        (OSError(errno.EROFS, "Read-only file system", "x"), "cannot be used: Read-only file system (x)"),
    ],
)
def test_a_disk_that_does_not_take_it_is_said(
    folder: DemoFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: OSError, said: str
) -> None:
    def refuse(self: Path, *arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert demo.main([], folder) == demo.UNUSABLE
    assert said in capsys.readouterr().err


def test_without_facenets_weights_it_says_so_once_and_takes_dlib(folder: DemoFolder) -> None:
    said: list[str] = []
    settings = replace(folder.settings({}), allow_download=False)
    choice = embedder.choose(settings, said.append)
    assert choice["embedder"] == "dlib"
    assert len(said) == 1 and "because FaceNet's weights are not available" in said[0]
    chosen = embedder.with_choice(settings, choice)
    assert (chosen.embedder, chosen.facenet_weights, chosen.allow_download) == ("dlib", None, False)
    assert embedder.remark(settings, choice) is None
    asked = embedder.remark(replace(settings, embedder="facenet"), choice)
    assert asked is not None and "remove the demo first" in asked


def test_a_network_of_ones_own_is_kept_for_the_demo(folder: DemoFolder, tmp_path: Path) -> None:
    named = write_network(tmp_path / "own.onnx")
    asked = replace(folder.settings({}), embedder="onnx", onnx_weights=named)
    chosen = embedder.with_choice(folder.settings({}), embedder.choose(asked, lambda line: None))
    assert (chosen.embedder, chosen.onnx_weights, chosen.facenet_weights) == ("onnx", named, None)


def test_weights_that_a_real_server_downloaded_are_used_where_they_are(
    folder: DemoFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = tmp_path / "cache" / weights.OFFICIAL_FACENET.name
    cached.parent.mkdir()
    cached.write_bytes(b"the network")
    official = replace(weights.OFFICIAL_FACENET, size=cached.stat().st_size, sha256=weights.file_sha256(cached))
    monkeypatch.setattr(weights, "OFFICIAL_FACENET", official)
    monkeypatch.setattr(embedder, "default_cache_dir", lambda: cached.parent)
    choice = embedder.choose(folder.settings({}), lambda line: None)
    assert choice == {"embedder": "facenet", "facenet_weights": str(cached), "onnx_weights": None}
    chosen: Settings = embedder.with_choice(folder.settings({}), choice)
    assert chosen.facenet_weights == cached
