"""Fetching a file: whole, resumed, broken off, wrong, unavailable."""

from __future__ import annotations

import hashlib
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from errors import WeightsError
from recognizer import download
from recognizer.download import CHUNK_BYTES, RemoteFile, fetch
from support.file_server import NAME, FileServer, serving

CONTENT = random.Random(7).randbytes(1_000_000)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PAUSE_SECONDS", 0.0)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(FileServer(CONTENT)) as running:
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / NAME


def remote(server: FileServer, content: bytes = CONTENT) -> RemoteFile:
    return RemoteFile(server.url, len(content), hashlib.sha256(content).hexdigest())


def part_of(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def test_a_file_is_fetched_in_one_request_and_progress_reaches_its_size(server: FileServer, target: Path) -> None:
    seen: list[tuple[int, int]] = []
    fetch(remote(server), target, lambda done, size: seen.append((done, size)))
    assert target.read_bytes() == CONTENT
    assert server.requested == [None]
    assert seen == sorted(seen)
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert not part_of(target).exists()


def test_a_transfer_that_breaks_off_goes_on_where_it_stopped(server: FileServer, target: Path) -> None:
    server.break_after = [20 * CHUNK_BYTES, 10 * CHUNK_BYTES]
    fetch(remote(server), target)
    assert target.read_bytes() == CONTENT
    assert server.requested == [None, f"bytes={20 * CHUNK_BYTES}-", f"bytes={30 * CHUNK_BYTES}-"]


def test_a_later_run_asks_only_for_the_missing_bytes(server: FileServer, target: Path) -> None:
    part_of(target).write_bytes(CONTENT[:400_000])
    fetch(remote(server), target)
    assert target.read_bytes() == CONTENT
    assert server.requested == ["bytes=400000-"]


def test_a_transfer_that_never_finishes_is_given_up_and_what_came_is_kept(server: FileServer, target: Path) -> None:
    server.break_after = [CHUNK_BYTES] * 50
    with pytest.raises(WeightsError, match=r"stopped after 81,920 of 1,000,000 bytes"):
        fetch(remote(server), target)
    assert len(server.requested) == download.ATTEMPTS
    assert part_of(target).read_bytes() == CONTENT[: 5 * CHUNK_BYTES]
    assert not target.exists()


def test_a_server_that_falls_silent_is_asked_again(
    server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "STALL_SECONDS", 0.3)
    server.break_after, server.stall_seconds = [300_000], 2.0
    fetch(remote(server), target)
    assert target.read_bytes() == CONTENT
    assert len(server.requested) == 2


def test_a_server_without_ranges_sends_everything_again(server: FileServer, target: Path) -> None:
    server.ranges = False
    part_of(target).write_bytes(CONTENT[:400_000])
    fetch(remote(server), target)
    assert target.read_bytes() == CONTENT


def test_a_server_that_resumes_at_the_wrong_place_is_asked_for_everything(server: FileServer, target: Path) -> None:
    server.wrong_start = True
    part_of(target).write_bytes(CONTENT[:400_000])
    fetch(remote(server), target)
    assert target.read_bytes() == CONTENT
    assert server.requested == ["bytes=400000-", None]


def test_a_refused_range_starts_over(server: FileServer, target: Path) -> None:
    server.status = [416]
    part_of(target).write_bytes(CONTENT[:400_000])
    fetch(remote(server), target)
    assert target.read_bytes() == CONTENT
    assert server.requested == ["bytes=400000-", None]


@pytest.mark.parametrize("extra", [b"", b"more than there is"])
def test_a_leftover_as_long_as_the_file_or_longer_does_no_harm(server: FileServer, target: Path, extra: bytes) -> None:
    part_of(target).write_bytes(CONTENT + extra)
    fetch(remote(server), target)
    assert target.read_bytes() == CONTENT
    assert server.requested == ([None] if extra else [])


def test_a_leftover_of_another_file_is_thrown_away_and_all_fetched(server: FileServer, target: Path) -> None:
    part_of(target).write_bytes(b"x" * 400_000)
    fetch(remote(server), target)
    assert target.read_bytes() == CONTENT
    assert server.requested == ["bytes=400000-", None]


def test_wrong_content_is_removed_and_the_file_that_was_there_stays(server: FileServer, target: Path) -> None:
    target.write_bytes(b"old")
    server.content = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    with pytest.raises(WeightsError, match=r"another SHA-256 .* than expected .* removed"):
        fetch(remote(server), target)
    assert not part_of(target).exists()
    assert target.read_bytes() == b"old"
    assert len(server.requested) == 1


def test_a_page_in_place_of_the_file_is_refused_before_it_is_stored(server: FileServer, target: Path) -> None:
    server.content = b"<html>Please log in to the guest network</html>"
    with pytest.raises(WeightsError, match=r"offers a file of 47 bytes instead of 1,000,000"):
        fetch(remote(server), target)
    assert not target.exists()
    assert len(server.requested) == 1


def test_a_missing_file_is_not_asked_for_again(server: FileServer, target: Path) -> None:
    server.status = [404] * 9
    with pytest.raises(WeightsError, match=r"answered 404"):
        fetch(remote(server), target)
    assert len(server.requested) == 1


def test_a_busy_server_is_asked_again(server: FileServer, target: Path) -> None:
    server.status = [503, 429]
    fetch(remote(server), target)
    assert target.read_bytes() == CONTENT


def test_nobody_listening_is_said_after_two_tries(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    with pytest.raises(WeightsError, match=r"cannot be reached \(Connection refused\)|actively refused"):
        fetch(RemoteFile(f"http://127.0.0.1:{port}/{NAME}", 1, "0"), target)
    assert len(pauses) == 1


def test_a_folder_that_cannot_be_written_is_named(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"absent.*cannot be written"):
        fetch(remote(server), tmp_path / "absent" / NAME)
