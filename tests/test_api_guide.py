"""docs/API.md does what it says: its blocks are run with curl against a server, in their order."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.databases import sqlite_database
from support.enrolling import drawn, encoded
from support.recognition import doubtful, known, picture

ROOT = Path(__file__).resolve().parents[1]
SERVER = ROOT / "tests" / "support" / "guide_server.py"
GUIDE = (ROOT / "docs" / "API.md").read_text(encoding="utf-8")
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
    for title, language, content in re.findall(
        r"^## ([^\n]+)$|^```(\w*)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL
    ):
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
        server.send_signal(signal.SIGINT)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(30)
    yield Session(done.stdout.split(MARK)[1:], done.stderr, folder, printed.read_text("utf-8"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def prepare_desk(desk: Path) -> None:
    """The folder with the pictures that the guide asks for."""
    (desk / "photos").mkdir(parents=True)
    for person, name in enumerate(("ada", "bruno"), 1):
        for shot in range(1, 4):
            (desk / "photos" / f"{name}-{shot}.jpg").write_bytes(encoded(drawn(person, shot), "JPEG"))
    for number in (1, 2):
        (desk / f"frame-{number}.jpg").write_bytes(picture(known("2026-001"), nonce=number))
    (desk / "frame-3.jpg").write_bytes(picture(doubtful("2026-002", "2026-001")))
    # a wait of more than a second is waited by the server's clock
    programs = desk / "programs"
    programs.mkdir()
    sleep = programs / "sleep"
    sleep.write_text(
        "#!/bin/bash\n"
        'if [ "$1" -le 1 ]; then exec /bin/sleep "$1"; fi\n'
        'echo $(( $(cat "$GUIDE_CLOCK") + $1 )) > "$GUIDE_CLOCK.new" && mv "$GUIDE_CLOCK.new" "$GUIDE_CLOCK"\n'
        "exec /bin/sleep 0.4\n"
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


def test_nothing_goes_wrong_on_the_way(session: Session) -> None:
    assert session.complaints == ""
    assert "ERROR" not in session.printed and "WARNING" not in session.printed
