"""A server as it is on the day it was installed: nobody has an account, nothing was trained."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.compute import ENGINE_DIR
from support.ending import end
from support.ports import free_port

BACKEND = Path(__file__).resolve().parents[2] / "backend"
STARTED_WITHIN_SECONDS = 120
_LINK = re.compile(r"http://\S+/#/redeem/\S+")


@dataclass(frozen=True)
class NewSchool:
    """address: of the server. link: makes the first admin; from its console."""

    address: str
    link: str


@contextmanager
def new_school(folder: Path) -> Iterator[NewSchool]:
    """``app.py`` with an empty data folder in ``folder``."""
    port = free_port()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SMARTATTENDANCE_")}
    environ.pop("DATABASE_URL", None)
    environ |= {
        "SMARTATTENDANCE_PORT": str(port),
        "SMARTATTENDANCE_DATA_DIR": str(folder / "instance"),
        "SMARTATTENDANCE_DATASET_DIR": str(folder / "dataset"),
        "SMARTATTENDANCE_MODEL_DIR": str(folder / "models"),
        "SMARTATTENDANCE_CACHE_DIR": str(folder / "cache"),
        "SMARTATTENDANCE_ENGINE_DIR": str(ENGINE_DIR),
        "SMARTATTENDANCE_EMBEDDER": "dlib",
        "SMARTATTENDANCE_ALLOW_DOWNLOAD": "false",
        # nobody waits two minutes for frames that are still on their way
        "SMARTATTENDANCE_CLOSE_GRACE_SECONDS": "0",
    }
    said = folder / "console.txt"
    with said.open("w", encoding="utf-8") as console:
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=BACKEND, env=environ, stdout=console, stderr=subprocess.STDOUT, text=True
        )
    try:
        deadline = time.monotonic() + STARTED_WITHIN_SECONDS
        while (link := _LINK.search(said.read_text("utf-8"))) is None:
            assert process.poll() is None and time.monotonic() < deadline, said.read_text("utf-8")
            time.sleep(0.1)
        yield NewSchool(f"http://127.0.0.1:{port}", link[0])
    finally:
        end(process)
