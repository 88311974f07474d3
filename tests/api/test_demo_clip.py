"""The demo's clip, as the page plays it in the place of a camera."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from support.databases import sqlite_database
from support.service import Client, make_service, make_settings, problem

LISTING = {
    "fps": 5,
    "size": [1280, 720],
    "people": {"s01": "Ada", "x1": "Zoë"},
    "frames": [{"file": "0001.jpg", "in_view": []}, {"file": "0002.jpg", "in_view": ["x1", "s01"]}],
}


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    folder = tmp_path / "clip"
    folder.mkdir()
    (folder / "clip.json").write_text(json.dumps(LISTING), encoding="utf-8")
    (folder / "0002.jpg").write_bytes(b"second")
    return folder


@pytest.fixture
def viewer(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path | None], Client]:
    """Gives the browser of a viewer of a server with this clip."""

    def served(clip: Path | None) -> Client:
        url = sqlite_database(tmp_path_factory.getbasetemp(), tmp_path)
        service = make_service(make_settings(tmp_path, url, demo_clip=clip))
        return service.browser(service.user("viewer"))

    return served


def test_it_is_played_frame_by_frame(viewer: Callable[[Path | None], Client], clip: Path) -> None:
    client = viewer(clip)
    assert client.get("/demo/clip").json == LISTING
    answer = client.get("/demo/clip/2")
    assert (answer.data, answer.content_type) == (b"second", "image/jpeg")
    # the browser keeps it, and nobody between does
    assert answer.headers["Cache-Control"].startswith("private, max-age=")
    again = client.get("/demo/clip/2", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_there_is_no_frame_before_the_first_and_after_the_last(
    viewer: Callable[[Path | None], Client], clip: Path
) -> None:
    client = viewer(clip)
    (clip / "0003.jpg").write_bytes(b"of another clip")
    answer = client.get("/demo/clip/3")
    assert problem(answer) == (404, "no_frame") and "frames 1 to 2" in answer.json["detail"]
    for number in ("0", "-1", "..%2fclip.json", "99999999999"):
        assert client.get(f"/demo/clip/{number}").status_code == 404


def test_without_a_clip_it_says_so(viewer: Callable[[Path | None], Client], clip: Path) -> None:
    client = viewer(None)
    assert problem(client.get("/demo/clip")) == (404, "no_clip")
    assert problem(client.get("/demo/clip/1")) == (404, "no_clip")


@pytest.mark.parametrize("content", [None, b"", b"[]", b"\xff{}"])
def test_a_damaged_clip_is_none(viewer: Callable[[Path | None], Client], clip: Path, content: bytes | None) -> None:
    client = viewer(clip)
    (clip / "clip.json").unlink()
    if content is not None:
        (clip / "clip.json").write_bytes(content)
    assert problem(client.get("/demo/clip")) == (404, "no_clip")
    assert problem(client.get("/demo/clip/2")) == (404, "no_clip")
