"""A school of the sample class in a real server, and pages of it in a real browser."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from support.browser import launch, watched

PROGRAM = Path(__file__).resolve().parents[1] / "support" / "demo_school.py"
# Drawing, enrolling and training on a busy machine.
MADE_WITHIN_SECONDS = 240
PREPARED_VARIABLE = "SMARTATTENDANCE_TEST_SCHOOL"
NORA, ROBIN = "nora@demo.example", "admin@demo.example"
"""The instructor, and the admin."""


@dataclass(frozen=True)
class School:
    """address: of the server. folder: of the demo. passwords: by e-mail address. process: the server's."""

    address: str
    folder: Path
    passwords: dict[str, str]
    process: subprocess.Popen[str]

    def log_in(self, context: BrowserContext, email: str = NORA) -> None:
        answer = context.request.post("/api/v1/auth/login", data={"email": email, "password": self.passwords[email]})
        assert answer.ok, answer.text()

    def call(self, context: BrowserContext, method: str, path: str, json_body: Any = None) -> Any:
        """Ask the API as whoever is logged in there."""
        token = context.request.get("/api/v1/auth/me").json()["csrf_token"]
        options: dict[str, Any] = {"method": method, "headers": {"X-CSRF-Token": token}}
        if json_body is not None:
            options["data"] = json.dumps(json_body)
            options["headers"]["Content-Type"] = "application/json"
        answer = context.request.fetch(f"/api/v1{path}", **options)
        assert answer.ok, f"{method} {path}: {answer.status} {answer.text()}"
        return answer.json() if answer.body() else None


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as made:
        yield made


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Chromium without a camera of its own; see ``camera_browser``."""
    found = launch(playwright)
    yield found
    found.close()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo's folder, complete. One that PREPARED_VARIABLE names saves its making while tests are written."""
    if PREPARED_VARIABLE in os.environ:
        return Path(os.environ[PREPARED_VARIABLE])
    folder = tmp_path_factory.mktemp("school") / "demo"
    with serving(folder):
        pass
    return folder


@pytest.fixture(scope="module")
def school(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[School]:
    """The school of the tests of a module, served."""
    folder = tmp_path_factory.mktemp("served") / "demo"
    shutil.copytree(prepared, folder)
    with serving(folder) as made:
        yield made


@contextmanager
def serving(folder: Path) -> Iterator[School]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environ = {
        **os.environ,
        "SMARTATTENDANCE_PORT": str(port),
        "SMARTATTENDANCE_EMBEDDER": "dlib",
        "SMARTATTENDANCE_ALLOW_DOWNLOAD": "false",
    }
    output = folder.parent / "output.txt"
    with output.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(folder)], env=environ, stdout=out, stderr=subprocess.STDOUT, text=True
        )
    try:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + MADE_WITHIN_SECONDS
        while not (folder / "address.json").exists():
            assert process.poll() is None, output.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, output.read_text(encoding="utf-8")
            time.sleep(0.1)
        facts = json.loads((folder / "complete.json").read_text(encoding="utf-8"))
        yield School(address, folder, facts["passwords"], process)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


@pytest.fixture
def context_of(school: School, browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Gives a context of its own, logged in as the address given (None: nobody). Further options: Playwright's, and
    ``browser``."""
    with ExitStack() as stack:

        def make(email: str | None = NORA, *, browser: Browser = browser, **options: Any) -> BrowserContext:
            options.setdefault("viewport", {"width": 1280, "height": 800})
            context = stack.enter_context(watched(browser, school.address, **options))
            if email:
                school.log_in(context, email)
            return context

        yield make


@pytest.fixture
def page_of(context_of: Callable[..., BrowserContext]) -> Callable[..., Page]:
    """Gives a page that shows the address, such as "/courses", of a context made by ``context_of``."""

    def make(address: str = "/", email: str | None = NORA, **options: Any) -> Page:
        page = context_of(email, **options).new_page()
        page.goto(f"/#{address}")
        return page

    return make
