"""Serving as people start it: app.py and gunicorn in processes of their own, and the commands of the console."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import serving
from attendance.database import Database
from attendance.models import OneTimeLink, Role, UserAccount
from attendance.secrets_kept import sha256_of
from config import Settings
from data_folder import open_database
from support.clock import MONDAY
from support.databases import sqlite_database
from support.ending import SIGINT_IGNORED
from support.ports import free_port

ROOT = Path(__file__).resolve().parents[1]
SERVE = ROOT / "tests" / "support" / "serve.py"
PASSWORD = "a long enough passphrase"
POSIX = pytest.mark.skipif(os.name == "nt", reason="gunicorn and POSIX signals and modes")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    ours = ("SMARTATTENDANCE_", "DATABASE_URL")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {
        **kept,
        "SMARTATTENDANCE_DATA_DIR": str(tmp_path / "instance"),
        "SMARTATTENDANCE_MODEL_DIR": str(tmp_path / "models"),
        "SMARTATTENDANCE_DATASET_DIR": str(tmp_path / "dataset"),
        "SMARTATTENDANCE_PORT": str(free_port()),
        "PYTHONUNBUFFERED": "1",
        "HOME": str(tmp_path),
    }


class Running:
    """A server in a process of its own. said: what it printed so far."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.port = environment["SMARTATTENDANCE_PORT"]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.said: list[str] = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._more:
                self.said.append(line.rstrip("\n"))
                self._more.notify_all()

    def wait_for(self, text: str, times: int = 1) -> str:
        """The first line that has ``text`` in it; with ``times``, that one of them."""

        def found() -> str | None:
            return next(iter([line for line in self.said if text in line][times - 1 :]), None)

        with self._more:
            assert self._more.wait_for(lambda: found() is not None or self.process.poll() is not None, 60), self.said
            line = found()
        assert line is not None, self.said
        return line

    def ask(self, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """The status and what is in the answer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json", **headers},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read().decode()
                return answer.status, json.loads(text) if "json" in answer.headers["Content-Type"] else text
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def end(self, sent: int) -> tuple[int, list[str]]:
        """The exit status after the signal, and all that was said."""
        self.process.send_signal(sent)
        status = self.process.wait(60)
        self._reader.join(10)
        return status, self.said


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Callable[..., Running]]:
    """Starts servers, and sees that none is left."""
    started: list[Running] = []

    def run(*command: str, **more: str) -> Running:
        started.append(Running([*(command or (sys.executable, str(SERVE)))], {**environment, **more}))
        return started[-1]

    yield run
    for server in started:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait(30)


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """Runs a command of app.py that serves nothing: the exit status, output and errors."""
    for name in [name for name in os.environ if name.startswith(("SMARTATTENDANCE_", "DATABASE_URL"))]:
        monkeypatch.delenv(name)

    def create_app(settings: Settings) -> Any:
        open_database(settings).close()
        pytest.fail("it must not get as far as serving")

    def run(*arguments: str, **more: str) -> tuple[int, str, str]:
        for name, value in {**environment, **more}.items():
            monkeypatch.setenv(name, value)
        status = serving.main(create_app, arguments)
        return status, *capsys.readouterr()

    root, stop = logging.getLogger(), signal.getsignal(signal.SIGTERM)
    level, handlers = root.level, list(root.handlers)
    yield run
    signal.signal(signal.SIGTERM, stop)
    for handler in set(root.handlers) - set(handlers):
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)
    root.handlers[:] = handlers


@POSIX
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_first_start_ends_with_an_admin_who_is_logged_in(
    start: Callable[..., Running], tmp_path: Path, ending: int
) -> None:
    server = start(*SIGINT_IGNORED, sys.executable, str(SERVE))
    secret = server.wait_for("/#/redeem/").rpartition("/")[2]
    assert server.ask("/readyz") == (200, {"status": "ready"})
    assert server.ask("/api/v1/auth/setup") == (200, {"needs_admin": True})
    body = {"secret": secret, "password": PASSWORD, "email": "first@example.org", "name": "First"}
    status, me = server.ask("/api/v1/auth/redeem", body)
    assert (status, me["role"]) == (200, "admin")
    assert server.ask("/api/v1/auth/login", {"email": "first@example.org", "password": PASSWORD})[0] == 200
    status, said = server.end(ending)
    assert status == 0
    assert said[-2:] == ["Ending ...", "the recognizer was closed"]
    log = (tmp_path / "instance" / "server.log").read_text()
    assert "started at" in log and "ended" in log
    assert secret not in log and "redeem" not in log and PASSWORD not in log
    mode = (tmp_path / "instance").stat().st_mode
    assert mode & 0o077 == 0


@POSIX
def test_pictures_are_never_written_to_the_disk_on_their_way(start: Callable[..., Running]) -> None:
    server = start(SMARTATTENDANCE_MAX_IMAGE_BYTES="3000000")
    server.wait_for("Ctrl-C ends it")
    for headers in ({}, {"Authorization": "Bearer nobody's"}):
        for size in (2_900_000, 40_000_000):
            request = urllib.request.Request(
                f"http://127.0.0.1:{server.port}/api/v1/recognize",
                bytes(size),
                {"Content-Type": "image/jpeg", **headers},
            )
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request, timeout=30)
            assert refused.value.code == 401
    status, refusal = server.ask("/api/v1/auth/login", {"email": "a" * 20_900_000, "password": "x"})
    assert (status, refusal["code"]) == (413, "too_large") and "64,000 bytes" in refusal["detail"]
    assert "a temporary file was made" not in server.said


@POSIX
@pytest.mark.parametrize(
    ("how", "workers"),
    [(["--chdir", "backend", "--threads", "8"], 2), (["-c", "backend/gunicorn.conf.py"], 1)],
    ids=["by-its-command-line", "by-its-settings"],
)
def test_gunicorn_serves(
    start: Callable[..., Running],
    command: Command,
    environment: dict[str, str],
    tmp_path: Path,
    how: list[str],
    workers: int,
) -> None:
    bind = f"127.0.0.1:{environment['SMARTATTENDANCE_PORT']}"
    server = start(
        *(sys.executable, "-m", "gunicorn", *how, "--workers", str(workers), "--bind", bind),
        *("--pythonpath", str(ROOT / "tests"), "support.serve:application()"),
    )
    server.wait_for("the recognizer was started", workers)
    assert server.ask("/readyz") == (200, {"status": "ready"})
    # what one process signs the other believes, and a login is known to both
    status, link, _ = command("setup-link")
    assert status == 0
    body = {"secret": link.strip().rpartition("/")[2], "password": PASSWORD, "email": "a@example.org", "name": "A"}
    assert server.ask("/api/v1/auth/redeem", body)[0] == 200
    request = urllib.request.Request(
        f"http://{bind}/api/v1/auth/login",
        json.dumps({"email": "a@example.org", "password": PASSWORD}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
    assert {server.ask("/api/v1/auth/me", Cookie=cookie)[0] for _ in range(20)} == {200}
    assert (tmp_path / "instance" / "secret.key").stat().st_mode & 0o777 == 0o600
    status, said = server.end(signal.SIGTERM)
    assert status == 0
    assert said.count("the recognizer was closed") == workers


def test_a_taken_port_is_said_in_one_line(command: Command, environment: dict[str, str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(environment["SMARTATTENDANCE_PORT"])))
        other.listen()
        status, said, error = command()
    assert (status, said) == (2, "")
    assert re.fullmatch(r"error: port \d+ of 127.0.0.1 is taken: .*SMARTATTENDANCE_PORT\n", error)


def test_an_address_of_another_machine_is_said_in_one_line(start: Callable[..., Running]) -> None:
    server = start(SMARTATTENDANCE_HOST="192.0.2.1")
    server.wait_for("error: 192.0.2.1 is not an address of this machine")
    assert server.process.wait(30) == 2
    assert len(server.said) == 1


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"SMARTATTENDANCE_PORT": "http"}, "SMARTATTENDANCE_PORT"),
        ({"DATABASE_URL": "mysql://me:hidden@db/x"}, "DATABASE_URL names a mysql database"),
        ({"DATABASE_URL": "postgresql://me:hidden@127.0.0.1:1/x"}, "the database cannot be used"),
        ({"DATABASE_URL": f"sqlite:///{SERVE}"}, "the database cannot be used: file is not a database"),
        ({"SMARTATTENDANCE_DATA_DIR": str(SERVE)}, "SMARTATTENDANCE_DATA_DIR"),
    ],
)
def test_what_keeps_it_from_starting_is_said_in_one_line(command: Command, more: dict[str, str], said: str) -> None:
    status, _, error = command(**more)
    assert status == 2
    assert error.startswith("error: ") and error.count("\n") == 1 and said in error
    assert "hidden" not in error


def test_wrong_usage_is_said(command: Command) -> None:
    status, _, error = command("reset-link")
    assert status == 2 and "email" in error
    assert command("--help")[0] == 0


def test_a_database_of_a_newer_version_is_left_alone(
    command: Command, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    url = sqlite_database(tmp_path_factory.getbasetemp(), tmp_path)
    database = Database(url)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    status, _, error = command("setup-link", DATABASE_URL=url)
    assert status == 2 and error.count("\n") == 1 and "newer version" in error


def test_links_are_made_on_the_console(command: Command, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SMARTATTENDANCE_PUBLIC_URL", "https://attendance.example.org")
    database = Database(database_url)
    status, said, _ = command("setup-link")
    assert status == 0
    link = said.splitlines()[-1].strip()
    assert link.startswith("https://attendance.example.org/#/redeem/")
    with database.writing() as db:
        [row] = db.query(OneTimeLink)
        assert row.secret_sha256 == sha256_of(link.rpartition("/")[2])
        values = {"email": "ada@example.org", "name": "Ada", "role": Role.ADMIN, "created_at": MONDAY}
        db.add(UserAccount(**values, password_hash="x"))
    status, said, error = command("setup-link")
    assert (status, said) == (2, "") and "reset-link" in error
    status, said, _ = command("reset-link", "Ada@Example.org")
    assert status == 0 and "https://attendance.example.org/#/redeem/" in said
    status, said, error = command("reset-link", "nobody@example.org")
    assert (status, said) == (2, "") and error == "error: no account has this e-mail address\n"
    with database.reading() as db:
        assert [row.purpose for row in db.query(OneTimeLink).order_by(OneTimeLink.id)] == ["setup", "reset"]
    database.close()


@POSIX
def test_processes_that_start_at_once_agree_on_the_key(tmp_path: Path) -> None:
    folder = tmp_path / "instance"
    folder.mkdir()
    program = (
        "import sys, time; from pathlib import Path; from data_folder import secret_key\n"
        "time.sleep(max(0, float(sys.argv[2]) - time.time()))\n"
        "print(secret_key(Path(sys.argv[1])))"
    )
    at = str(time.time() + 3)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(folder), at], cwd=ROOT / "backend", stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    keys = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert len(keys) == 1 and len(keys.pop()) == 64
    assert [path.name for path in folder.iterdir()] == ["secret.key"]
    assert (folder / "secret.key").stat().st_mode & 0o777 == 0o600
