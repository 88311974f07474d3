"""The demo as somebody tries it, with the real networks and a smaller class: made, killed, made on, served, walked
into, started again, removed."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from attendance.clock import SystemClock
from attendance.database import Database
from data_folder import database_of
from demonstration.folder import DemoFolder
from operations.check import Check
from serving import places_of
from support.demonstrate import STRANGER, STUDENTS_IN_VIEW
from support.ending import SIGINT_IGNORED
from support.ports import free_port

SCRIPT = Path(__file__).resolve().parents[1] / "support" / "demonstrate.py"
LAST_LINE = "To remove it:"
SECONDS = 180


class Demo:
    """The demo's command with its folder. Its environment names the data of a real server, which nothing may touch."""

    def __init__(self, home: Path) -> None:
        self.folder = DemoFolder(home / "demo")
        self.real = home / "real"
        self._environ = {
            **os.environ,
            "SMARTATTENDANCE_PORT": str(free_port()),
            "SMARTATTENDANCE_EMBEDDER": "dlib",
            "SMARTATTENDANCE_DATABASE_URL": f"sqlite:///{self.real / 'database'}",
            "DATABASE_URL": f"sqlite:///{self.real / 'database'}",
            **{f"SMARTATTENDANCE_{name}_DIR": str(self.real) for name in ("DATA", "DATASET", "MODEL", "CACHE")},
            "SMARTATTENDANCE_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "PYTHONUTF8": "1",
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(arguments), env=self._environ, capture_output=True, text=True, timeout=SECONDS
        )

    def start(self) -> Running:
        return Running(
            subprocess.Popen(
                [*SIGINT_IGNORED, *self._command(())],
                env=self._environ,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                bufsize=1,
                start_new_session=True,
            )
        )

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-u", str(SCRIPT), str(self.folder.root), *arguments]


class Running:
    """A demo under way. output: what it has said so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process, self.output = process, ""
        self._limit = threading.Timer(SECONDS, process.kill)
        self._limit.start()

    def read_until(self, text: str) -> str:
        assert self.process.stdout is not None
        while text not in self.output:
            got = self.process.stdout.read(1)
            assert got, f"it ended before it said {text!r}:\n{self.output}"
            self.output += got
        return self.output

    def interrupt(self) -> int:
        """Ctrl-C at its terminal; the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self._over()

    def kill(self) -> None:
        self.process.kill()
        self._over()

    def _over(self) -> int:
        assert self.process.stdout is not None
        self.output += self.process.stdout.read()
        status = self.process.wait(SECONDS)
        self._limit.cancel()
        return status


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Killed when all pictures were drawn and the school was begun."""
    made = Demo(tmp_path_factory.mktemp("a home"))
    first = made.start()
    try:
        first.read_until("Founding a school")
    finally:
        first.kill()
    assert "Drawing photos of 3 students and 1 strangers" in first.output
    return made


@pytest.fixture(scope="module")
def served(demo: Demo) -> Iterator[Running]:
    running = demo.start()
    try:
        running.read_until(LAST_LINE)
        yield running
    finally:
        running.kill()


def test_after_a_kill_it_goes_on_from_what_was_complete(demo: Demo, served: Running) -> None:
    assert "Drawing" not in served.output
    assert "0 of them wrongly; 0 of 1 photos of strangers" in served.output
    # of the real server's folders, which the environment names, nothing was made
    assert not demo.real.exists()
    assert {path.name for path in demo.folder.root.parent.iterdir()} == {"demo"}


def test_what_it_prints_to_be_tried_works(demo: Demo, served: Running) -> None:
    line = next(line for line in served.output.splitlines() if "auth/login" in line)
    words = shlex.split(line)
    address, login = next(word for word in words if "auth/login" in word), json.loads(words[words.index("-d") + 1])
    with requests.Session() as client:
        client.trust_env = False
        answer = client.post(address, json=login)
        assert answer.status_code == 200, answer.text
        at_risk = client.get(address.replace("auth/login", "reports/at-risk"))
        assert at_risk.status_code == 200
        # what the page plays in the place of a camera
        assert len(client.get(address.replace("auth/login", "demo/clip")).json()["frames"]) == 12


def test_the_class_walks_in_and_the_stranger_stays_unknown(demo: Demo, served: Running) -> None:
    done = demo.run("walk-in")
    assert done.returncode == 0, done.stdout + done.stderr
    for number, member in enumerate(STUDENTS_IN_VIEW, start=1):
        assert f"  present   {member.name}" in done.stdout and f"{number} of 3" in done.stdout
    assert "3 of 3 students are marked." in done.stdout
    said = " ".join(done.stdout.split())
    assert f"came with them: {STRANGER.name}." in said
    assert "none got the name of somebody who was not there" in said
    again = demo.run("walk-in")
    assert again.returncode == 2 and "run it with --again" in again.stderr


def test_while_it_is_served_it_is_not_removed(demo: Demo, served: Running) -> None:
    done = demo.run("clean")
    assert done.returncode == 2
    assert done.stderr.startswith("error: the demo is running already, at http://127.0.0.1:")
    assert demo.folder.completed() is not None


def test_the_second_start_prepares_nothing_and_it_can_be_removed(demo: Demo, served: Running) -> None:
    assert served.interrupt() == 0
    assert demo.run("walk-in").stderr.startswith("error: the demo is not served")
    assert not _findings(demo)

    second = demo.start()
    try:
        second.read_until(LAST_LINE)
        assert "Drawing" not in second.output and "Training" not in second.output
        logins = [line for line in served.output.splitlines() if line.startswith(("  instructor ", "  admin "))]
        assert len(logins) == 2 and all(line in second.output for line in logins)
        done = demo.run("walk-in", "--again", "--close")
        assert done.returncode == 0 and "The session is closed" in done.stdout, done.stdout + done.stderr
    finally:
        second.interrupt()

    assert demo.run("clean").stdout == "The demo is removed.\n"
    assert not demo.folder.root.exists()
    assert demo.run("clean").stdout == "There is no demo.\n"
    assert not demo.real.exists()


def _findings(demo: Demo) -> list[Any]:
    settings = demo.folder.settings({})
    database: Database = database_of(settings)
    try:
        return list(Check(database, places_of(settings), SystemClock()).run(repair=False))
    finally:
        database.close()
