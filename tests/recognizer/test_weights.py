"""Which weights are used, where they are looked for, and what the user is told."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import random
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from errors import ConfigurationError, WeightsError
from recognizer import download, weights
from recognizer.download import RemoteFile
from recognizer.weights import WeightsFile, default_cache_dir, resolve_weights, with_dlib
from support.file_server import FileServer, serving

CONTENT = random.Random(8).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()

Resolve = Callable[..., WeightsFile]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PAUSE_SECONDS", 0.0)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Serves what stands in for the official file."""
    with serving(FileServer(CONTENT)) as running:
        monkeypatch.setattr(weights, "OFFICIAL_FACENET", RemoteFile(running.url, len(CONTENT), SHA256))
        yield running


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/network.pt"
    monkeypatch.setattr(weights, "OFFICIAL_FACENET", RemoteFile(url, len(CONTENT), SHA256))


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def resolve(tmp_path: Path, said: list[str]) -> Resolve:
    def call(choice: Any, **changes: Any) -> WeightsFile:
        arguments: dict[str, Any] = {
            "facenet_file": None,
            "cache_dir": tmp_path / "cache",
            "allow_download": True,
            "progress": None,
            "announce": said.append,
        }
        return resolve_weights(choice, **{**arguments, **changes})

    return call


def test_the_official_file_is_the_one_that_is_documented() -> None:
    official = weights.OFFICIAL_FACENET
    assert official.url == (
        "https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/20180402-114759-vggface2.pt"
    )
    assert official.name == "20180402-114759-vggface2.pt"
    assert official.size == 111_898_327
    assert official.sha256 == "281cebca8662831adb987a874bdcb36e73f5b1c6dc5ee5878f305e985625d99b"


@pytest.mark.parametrize("choice", ["facenet", "auto"])
def test_a_named_file_is_used_whatever_its_hash(resolve: Resolve, tmp_path: Path, choice: str) -> None:
    mine = tmp_path / "mine.pt"
    mine.write_bytes(b"other weights")
    found = resolve(choice, facenet_file=mine)
    assert found.embedder_id == "facenet"
    assert found.path == mine
    assert found.sha256 == hashlib.sha256(b"other weights").hexdigest()
    assert str(mine) in found.origin


@pytest.mark.parametrize("choice", ["facenet", "auto"])
def test_a_named_file_that_is_missing_is_an_error_and_never_replaced_by_another(
    resolve: Resolve, server: FileServer, tmp_path: Path, choice: str
) -> None:
    with pytest.raises(WeightsError, match=r"mistyped\.pt does not exist.*SMARTATTENDANCE_FACENET_WEIGHTS"):
        resolve(choice, facenet_file=tmp_path / "mistyped.pt")
    with pytest.raises(WeightsError, match=r"is not a file.*SMARTATTENDANCE_FACENET_WEIGHTS"):
        resolve(choice, facenet_file=tmp_path)
    assert server.requested == []


@pytest.mark.parametrize("choice", ["facenet", "auto"])
def test_the_official_file_is_downloaded_once(
    resolve: Resolve, server: FileServer, said: list[str], tmp_path: Path, choice: str
) -> None:
    progress: list[tuple[int, int]] = []
    first = resolve(choice, progress=lambda done, size: progress.append((done, size)))
    again = resolve(choice, allow_download=False)
    assert first == again
    assert first.path.read_bytes() == CONTENT
    assert first.path.parent == tmp_path / "cache"
    assert first.sha256 == SHA256
    assert len(server.requested) == 1
    assert progress[-1] == (len(CONTENT), len(CONTENT))
    assert sum("Downloading" in line and server.url in line for line in said) == 1
    assert not [path.name for path in first.path.parent.iterdir() if path.suffix == ".part"]


def test_auto_says_that_it_took_facenet(resolve: Resolve, server: FileServer, said: list[str]) -> None:
    assert resolve("auto").embedder_id == "facenet"
    assert "FaceNet" in said[-1]


def test_two_at_once_download_once(resolve: Resolve, server: FileServer, said: list[str]) -> None:
    server.seconds_to_answer = 0.4
    found: list[WeightsFile] = []
    threads = [threading.Thread(target=lambda: found.append(resolve("facenet"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert len(found) == 2
    assert found[0] == found[1]
    assert len(server.requested) == 1
    assert any("waiting" in line for line in said)


def test_an_interrupted_download_goes_on_at_the_next_start(
    resolve: Resolve, server: FileServer, tmp_path: Path
) -> None:
    def stop(done: int, size: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        resolve("facenet", progress=stop)
    kept = (weights.OFFICIAL_FACENET.name + ".part", download.CHUNK_BYTES)
    assert [(path.name, path.stat().st_size) for path in (tmp_path / "cache").glob("*.part")] == [kept]
    assert resolve("facenet").path.read_bytes() == CONTENT
    assert server.requested == [None, f"bytes={download.CHUNK_BYTES}-"]


def test_the_cached_file_is_not_hashed_at_every_start(
    resolve: Resolve, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve("facenet")
    monkeypatch.setattr(weights, "file_sha256", lambda path: pytest.fail("hashed a file that had not changed"))
    assert resolve("facenet", allow_download=False).sha256 == SHA256


def test_a_cached_file_that_changed_is_found_out_and_fetched_again(resolve: Resolve, server: FileServer) -> None:
    path = resolve("facenet").path
    before = path.stat()
    path.write_bytes(bytes([CONTENT[0] ^ 1]) + CONTENT[1:])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    with pytest.raises(WeightsError, match="damaged or another file"):
        resolve("facenet", allow_download=False)
    assert resolve("facenet").path.read_bytes() == CONTENT
    assert len(server.requested) == 2


def test_a_cached_file_that_was_cut_off_is_found_out(resolve: Resolve, server: FileServer) -> None:
    path = resolve("facenet").path
    path.write_bytes(CONTENT[:1000])
    with pytest.raises(WeightsError, match=r"has 1,000 bytes instead of 300,000"):
        resolve("facenet", allow_download=False)


@pytest.mark.parametrize("note", [b"", b"not json", b"[]", json.dumps({"sha256": SHA256}).encode()])
def test_a_damaged_note_only_costs_the_hashing(resolve: Resolve, server: FileServer, note: bytes) -> None:
    path = resolve("facenet").path
    path.with_name(path.name + ".verified").write_bytes(note)
    assert resolve("facenet", allow_download=False).path == path


def test_a_file_put_into_the_cache_by_hand_is_taken(resolve: Resolve, offline: None, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / weights.OFFICIAL_FACENET.name).write_bytes(CONTENT)
    assert resolve("auto", allow_download=False).embedder_id == "facenet"


def check_remedies(message: str, cache: Path) -> None:
    official = weights.OFFICIAL_FACENET
    for needed in (
        "SMARTATTENDANCE_FACENET_WEIGHTS",
        str(cache),
        official.url,
        official.name,
        f"{official.size:,}",
        official.sha256,
    ):
        assert needed in message


def test_facenet_without_weights_names_both_remedies(resolve: Resolve, offline: None, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be reached") as unreachable:
        resolve("facenet")
    check_remedies(str(unreachable.value), tmp_path / "cache")
    with pytest.raises(WeightsError, match="downloads are switched off") as forbidden:
        resolve("facenet", allow_download=False)
    check_remedies(str(forbidden.value), tmp_path / "cache")


def test_without_permission_nothing_is_downloaded(resolve: Resolve, server: FileServer, tmp_path: Path) -> None:
    assert resolve("auto", allow_download=False).embedder_id == "dlib"
    assert server.requested == []
    assert not (tmp_path / "cache").exists()


def test_a_download_with_the_wrong_hash_is_removed(resolve: Resolve, server: FileServer, tmp_path: Path) -> None:
    server.content = b"x" * len(CONTENT)
    with pytest.raises(WeightsError, match="another SHA-256"):
        resolve("facenet")
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] in ([], [".lock"])


def test_auto_falls_back_to_dlib_and_says_so(
    resolve: Resolve, offline: None, said: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        found = resolve("auto")
    assert found.embedder_id == "dlib"
    line = said[-1]
    assert "\n" not in line
    for needed in ("dlib", "cannot be reached", "SMARTATTENDANCE_FACENET_WEIGHTS", str(tmp_path / "cache")):
        assert needed in line
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [line]


def test_auto_falls_back_where_the_cache_cannot_be_written(
    resolve: Resolve, server: FileServer, said: list[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert resolve("auto", cache_dir=tmp_path / "file" / "cache").embedder_id == "dlib"
    assert "cannot be" in said[-1]


def test_dlib_is_found_in_its_package_without_importing_it(resolve: Resolve, said: list[str]) -> None:
    found = resolve("dlib")
    assert found.embedder_id == "dlib"
    assert found.path.stat().st_size > 20_000_000
    assert found.sha256 == hashlib.sha256(found.path.read_bytes()).hexdigest()
    assert "face_recognition_models" in found.origin
    assert "face_recognition_models" not in sys.modules
    assert said == []


def test_both_are_the_two_files_and_one_hash_tells_them_from_others(resolve: Resolve, tmp_path: Path) -> None:
    mine = tmp_path / "mine.pt"
    mine.write_bytes(b"a network")
    found = resolve("both", facenet_file=mine)
    assert [part.embedder_id for part in found.parts] == ["facenet", "dlib"] and found.networks == found.parts
    assert found.embedder_id == "both" and found.path == mine
    assert found.sha256 not in {part.sha256 for part in found.parts}
    mine.write_bytes(b"another network")
    assert resolve("both", facenet_file=mine).sha256 != found.sha256
    assert with_dlib(found.parts[0]) == found


def test_facenet_stays_alone_where_dlibs_package_is_missing(resolve: Resolve, monkeypatch: pytest.MonkeyPatch) -> None:
    facenet = WeightsFile("facenet", Path("mine.pt"), "0" * 64, "a test")
    monkeypatch.setattr(weights, "DLIB_PACKAGE", "no_such_package_here")
    assert with_dlib(facenet) == facenet


def test_dlib_without_its_package_names_the_command(resolve: Resolve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "DLIB_PACKAGE", "no_such_package_here")
    with pytest.raises(WeightsError, match=r"-m pip install no_such_package_here"):
        resolve("dlib")


def test_auto_with_neither_names_all_remedies(
    resolve: Resolve, offline: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(weights, "DLIB_PACKAGE", "no_such_package_here")
    with pytest.raises(WeightsError, match="pip install") as caught:
        resolve("auto")
    check_remedies(str(caught.value), tmp_path / "cache")


def test_another_choice_is_refused(resolve: Resolve) -> None:
    with pytest.raises(ConfigurationError, match="auto, facenet, dlib, both or onnx"):
        resolve("arcface")


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "/var/cache/me"}, "/var/cache/me/smartattendance"),
        ("linux", {}, "/homes/me/.cache/smartattendance"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "/homes/me/.cache/smartattendance"),
        ("darwin", {}, "/homes/me/Library/Caches/smartattendance"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/smartattendance"),
        ("win32", {}, "/homes/me/AppData/Local/smartattendance"),
    ],
)
def test_the_cache_folder_is_where_the_system_keeps_caches(
    monkeypatch: pytest.MonkeyPatch, platform: str, variables: dict[str, str], expected: str
) -> None:
    monkeypatch.setattr(Path, "home", classmethod(lambda cls: Path("/homes/me")))
    monkeypatch.setattr(sys, "platform", platform)
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert default_cache_dir() == Path(expected)
