"""docs/API.md does what it says: its blocks are run with curl against a server, in their order."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from attendance.scopes import Scope
from support.databases import sqlite_database
from support.ending import end
from support.endpoints import is_endpoint
from support.enrolling import drawn, encoded
from support.ports import free_port
from support.recognition import doubtful, known, picture
from support.service import Service

ROOT = Path(__file__).resolve().parents[1]
SERVER = ROOT / "tests" / "support" / "guide_server.py"
GUIDE = (ROOT / "docs" / "API.md").read_text(encoding="utf-8")
PRIVACY = (ROOT / "docs" / "PRIVACY.md").read_text(encoding="utf-8")
# What stands between two blocks' outputs: no command of the guide prints it.
MARK = "\x1e"

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="the guide is for bash"),
    pytest.mark.skipif(not (shutil.which("bash") and shutil.which("curl")), reason="needs bash and curl"),
]


@dataclass(frozen=True)
class Block:
    """heading: below which it stands. commands: for bash. said: what the guide shows as its output; None when it shows
    none."""

    heading: str
    commands: str
    said: str | None


def blocks() -> list[Block]:
    found: list[Block] = []
    heading = ""
    for title, language, content in re.findall(r"^## ([^\n]+)$|^```(\w*)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL):
        if title:
            heading = title
        elif language == "bash":
            found.append(Block(heading, content, None))
        elif language == "text":
            assert found[-1].said is None, f"two outputs below one block of {heading}"
            found[-1] = Block(found[-1].heading, found[-1].commands, content)
    return found


BLOCKS = blocks()


@dataclass(frozen=True)
class Session:
    """What came of following the guide. said: the output of each block that was run. complaints: on standard error.
    folder: of everything that the server keeps. printed: by the server."""

    said: list[str]
    complaints: str
    folder: Path
    printed: str


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Somebody who starts a new server, and pastes one block after another."""
    base = tmp_path_factory.mktemp("guide")
    folder, desk = base / "kept", base / "desk"
    folder.mkdir()
    prepare_desk(desk)
    (base / "go").write_text("succeed", "utf-8")
    (base / "ahead").write_text("0", "utf-8")
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SMARTATTENDANCE_", "DATABASE_"))}
    environment = {
        **kept,
        "DATABASE_URL": sqlite_database(tmp_path_factory.getbasetemp(), folder),
        "SMARTATTENDANCE_DATA_DIR": str(folder / "instance"),
        "SMARTATTENDANCE_DATASET_DIR": str(folder / "dataset"),
        "SMARTATTENDANCE_MODEL_DIR": str(folder / "models"),
        "SMARTATTENDANCE_CACHE_DIR": str(folder / "cache"),
        "SMARTATTENDANCE_PORT": str(port),
        "PYTHONUNBUFFERED": "1",
        "FAKE_TRAINING": str(base),
        "GUIDE_CLOCK": str(base / "ahead"),
    }
    printed = base / "printed"
    with printed.open("w") as output:
        server = subprocess.Popen([sys.executable, SERVER], env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        secret = setup_secret(server, printed)
        done = follow(desk, base / "ahead", secret, port)
    finally:
        end(server, 30)
    yield Session(done.stdout.split(MARK)[1:], done.stderr, folder, printed.read_text("utf-8"))


def prepare_desk(desk: Path) -> None:
    """The folder with the pictures that the guide asks for."""
    (desk / "photos").mkdir(parents=True)
    for person, name in enumerate(("ada", "bruno"), 1):
        for shot in range(1, 4):
            (desk / "photos" / f"{name}-{shot}.jpg").write_bytes(encoded(drawn(person, shot), "JPEG"))
    for number in (1, 2):
        (desk / f"frame-{number}.jpg").write_bytes(picture(known("2025-001"), nonce=number))
    (desk / "frame-3.jpg").write_bytes(picture(doubtful("2025-002", "2025-001")))
    # a wait of more than a second is waited by the server's clock
    programs = desk / "programs"
    programs.mkdir()
    sleep = programs / "sleep"
    sleep.write_text(
        "#!/bin/bash\n"
        'if [ "$1" -le 1 ]; then exec /bin/sleep "$1"; fi\n'
        'echo $(( $(cat "$GUIDE_CLOCK") + $1 )) > "$GUIDE_CLOCK.new" && mv "$GUIDE_CLOCK.new" "$GUIDE_CLOCK"\n'
        "exec /bin/sleep 0.1\n"
    )
    sleep.chmod(0o755)


def setup_secret(server: subprocess.Popen[bytes], printed: Path) -> str:
    deadline = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < deadline:
        found = re.search(r"/#/redeem/(\S+)\n", printed.read_text("utf-8"))
        if found:
            return found[1]
        time.sleep(0.05)
    pytest.fail(f"the server did not start:\n{printed.read_text('utf-8')}")


def follow(desk: Path, clock: Path, secret: str, port: int) -> subprocess.CompletedProcess[str]:
    script = "set -euo pipefail\n" + "".join(f"printf '\\x1e'\n{block.commands}" for block in BLOCKS)
    for written, here in (
        ("SERVER=http://localhost:8000", f"SERVER=http://127.0.0.1:{port}"),
        ("SECRET=paste-the-end-of-the-link", f"SECRET={secret}"),
    ):
        assert script.count(f"{written}\n") == 1, f"the guide says {written} once"
        script = script.replace(written, here)
    path = f"{desk / 'programs'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(desk), "GUIDE_CLOCK": str(clock), "LANG": "C.UTF-8"}
    return subprocess.run(
        ["bash", "-c", script], cwd=desk, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("number", range(len(BLOCKS)), ids=[f"{n}-{b.heading}" for n, b in enumerate(BLOCKS)])
def test_each_block_does_what_the_guide_says(session: Session, number: int) -> None:
    block = BLOCKS[number]
    said = f"{''.join(session.said[number - 1 :])}{session.complaints}"
    assert len(session.said) > number, f"an earlier block failed:\n{said}"
    if block.said is not None:
        assert session.said[number] == block.said, said
    # the last one that began is the one that failed
    assert number < len(session.said) - 1 or len(session.said) == len(BLOCKS), f"{block.commands}\n{said}"


def test_only_what_is_meant_to_be_refused_is_refused(session: Session) -> None:
    refused = re.findall(r"^curl: \(22\) The requested URL returned error: (\d+)$", session.complaints, re.MULTILINE)
    assert refused == ["422", "412", "401"] and len(session.complaints.splitlines()) == 3, session.complaints
    assert "ERROR" not in session.printed and "WARNING" not in session.printed, session.printed


def test_the_log_names_nobody(session: Session) -> None:
    log = (session.folder / "instance" / "server.log").read_text("utf-8")
    assert "training 1: succeeded" in log
    for name in ("Ada", "Bruno", "Ama", "2025-00", "@example", "lanterns", "redeem/"):
        assert name not in log, log


def test_no_frame_and_nothing_of_the_withdrawn_face_is_kept(session: Session) -> None:
    desk = session.folder.parent / "desk"
    frames = {path.read_bytes() for path in desk.glob("frame-*.jpg")}
    kept = [path for path in session.folder.rglob("*") if path.is_file()]
    assert len(frames) == 3 and len(kept) > 5
    assert not [path for path in kept if path.read_bytes() in frames]
    assert {path.parent.name for path in kept if session.folder / "dataset" in path.parents} == {"2025-002"}
    assert not list((session.folder / "models").rglob("*.pkl"))
    for path in kept:
        if ".sqlite3" not in path.name:  # the id stays in the database, where the attendance does
            assert b"2025-001" not in path.read_bytes(), path


def test_the_guide_to_privacy_lists_every_file_that_is_kept(session: Session) -> None:
    listed = set(re.findall(r"`([^`]+)`", PRIVACY.split("## What is kept in folders")[1].split("## ")[0]))
    for path in session.folder.rglob("*"):
        name, folder = path.name.partition(".sqlite3")[0], path.parent.relative_to(session.folder)
        if path.is_dir() or path.name.endswith(".lock") or name == "test":  # locks are empty; the test's own database
            continue
        whole_folders = {part for part in folder.parts if f"{part}/" in listed or part == "dataset"}
        assert whole_folders or path.name in listed, path


def test_every_endpoint_that_the_guide_names_exists() -> None:
    prose = re.sub(r"^```.*?^```$", "", GUIDE, flags=re.MULTILINE | re.DOTALL)
    named = re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`]*)`", prose)
    assert len(named) > 10
    assert [f"{method} {path}" for method, path in named if not is_endpoint(method, path)] == []


def test_the_guide_lists_the_scopes() -> None:
    table = GUIDE.split("## Scopes")[1].split("## ")[0]
    assert re.findall(r"^\| `([a-z:]+)` \|", table, re.MULTILINE) == [str(scope) for scope in Scope]


def test_the_guide_lists_what_a_request_may_be_refused_with(sqlite_service: Service) -> None:
    table = GUIDE.split("## When it is refused")[1].split("## ")[0]
    listed = set(re.findall(r"^\| (\d{3}) \|", table, re.MULTILINE))
    document = sqlite_service.app.test_client().get("/api/openapi.json").get_json()
    answered = {
        status
        for methods in document["paths"].values()
        for method, operation in methods.items()
        if method != "parameters"
        for status in operation["responses"]
    }
    assert listed == {status for status in answered if status >= "400"}
