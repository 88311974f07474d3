"""The folders of the server, and the room on their disks."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from config import Settings
from diagnosis import disk, folders
from diagnosis.finding import Status
from support.diagnosing import look, tree, troubles
from support.service import make_settings

POSIX = pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = make_settings(tmp_path, "sqlite:///" + str(tmp_path / "instance" / "a.sqlite3"), secret_key=None)
    for folder in (made.data_dir, made.dataset_dir, made.model_dir):
        folder.mkdir(mode=0o700)
    return made


def test_private_folders_are_well(settings: Settings, tmp_path: Path) -> None:
    before = tree(tmp_path)
    assert troubles(look(settings, folders.CHECKS)) == {}
    assert tree(tmp_path) == before


def test_a_data_folder_that_is_not_there_is_left_so(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, "sqlite:////none")
    [found] = look(settings, folders.CHECKS)
    assert found.code == "data_folder" and "first start" in found.found
    assert list(tmp_path.iterdir()) == []


def _a_file_instead(settings: Settings) -> None:
    settings.data_dir.rmdir()
    settings.data_dir.touch()


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        pytest.param(lambda s: s.data_dir.chmod(0o755), {"data_folder_open": Status.PROBLEM}, marks=POSIX),
        (_a_file_instead, {"data_folder_unusable": Status.PROBLEM}),
        (lambda s: (s.data_dir / "secret.key").write_text("short"), {"key_damaged": Status.PROBLEM}),
        (lambda s: (s.data_dir / "secret.key").write_bytes(b"\xff" * 64), {"key_damaged": Status.PROBLEM}),
    ],
)
def test_what_is_wrong_with_it_is_said(
    settings: Settings, spoil: Callable[[Settings], object], expected: dict[str, Status]
) -> None:
    spoil(settings)
    assert troubles(look(settings, folders.CHECKS)) == expected


@pytest.fixture
def as_somebody(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Takes the right to write to a folder away; root, whom the system asks for none, included."""
    ask = os.access

    def deny(folder: Path) -> None:
        monkeypatch.setattr(
            os, "access", lambda path, mode: ask(path, mode) and not (mode & os.W_OK and Path(path) == folder)
        )

    return deny


def test_folders_that_may_not_be_written(settings: Settings, as_somebody: Callable[[Path], None]) -> None:
    as_somebody(settings.data_dir)
    assert troubles(look(settings, folders.CHECKS)) == {"data_folder_unusable": Status.PROBLEM}
    as_somebody(settings.dataset_dir)
    assert troubles(look(settings, folders.CHECKS))["photos_not_writable"] is Status.NOTE


@POSIX
def test_photos_that_everybody_can_read(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.dataset_dir.chmod(0o755)
    (settings.dataset_dir / "S1").mkdir()
    # pytest's own folders above let nobody but their owner through
    assert troubles(look(settings, folders.CHECKS)) == {}
    monkeypatch.setattr(folders, "_is_open", lambda folder: folder == settings.dataset_dir)
    assert troubles(look(settings, folders.CHECKS)) == {"photos_open": Status.NOTE}


@pytest.mark.parametrize(
    ("free", "files", "code"),
    [
        (50_000_000_000, None, "disk"),
        (1_000_000_000, 10**6, "disk_narrow"),
        (50_000_000, 10**6, "disk_full"),
        (50_000_000_000, 3, "disk_full"),
    ],
)
def test_the_room_on_a_disk(free: int, files: int | None, code: str) -> None:
    [found] = disk._judged(free, files, Path(), "data")
    assert found.code == code


def test_one_disk_is_told_of_once(settings: Settings) -> None:
    [found] = look(settings, disk.CHECKS)
    assert "data, models, photos, cache" in found.found
