"""A school of the sample class, served by a process of its own, for the browser."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext

from demonstration.cast import ADMIN, INSTRUCTOR, MAIN_COURSE
from support.ending import end
from support.ports import free_port

PROGRAM = Path(__file__).with_name("demo_school.py")
# Drawing, enrolling and training on a busy machine.
MADE_WITHIN_SECONDS = 240
PREPARED_VARIABLE = "SMARTATTENDANCE_TEST_SCHOOL"
NORA, ROBIN = INSTRUCTOR.email, ADMIN.email
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

    def main_course(self, context: BrowserContext) -> dict[str, Any]:
        """The course that the class walks into."""
        courses = self.call(context, "GET", "/courses")["items"]
        return next(course for course in courses if course["code"] == MAIN_COURSE)


@contextmanager
def serving(folder: Path) -> Iterator[School]:
    """The demo in ``folder``, which is made if it is not there, served at a port of its own."""
    port = free_port()
    environ = {
        **os.environ,
        "SMARTATTENDANCE_PORT": str(port),
        "SMARTATTENDANCE_EMBEDDER": "dlib",
        "SMARTATTENDANCE_ALLOW_DOWNLOAD": "false",
    }
    (folder / "address.json").unlink(missing_ok=True)  # of one that was killed
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
        end(process)
