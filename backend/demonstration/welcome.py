"""What the demo says at the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from demonstration.folder import ROOT
from demonstration.known import ADMIN, INSTRUCTOR

PREPARING = (
    "The demo is made in the folder demo/, once: pictures of a class that does not exist, a school with two weeks\n"
    "behind it, a model. That takes some minutes; later it starts in seconds."
)
GOES_ON = "The demo is there already; it goes on where it was."
OPEN_TO_OTHERS = (
    "WARNING: this server listens on {host}, which others can reach, and everybody knows the demo's passwords.\n"
    "Without SMARTATTENDANCE_HOST only this machine can."
)

# What to do with it, from the first to the last.
_TRY = (
    """Let the class walk in before the camera. In a second terminal, in this folder:
        {demo} walk-in
    Everybody is marked as the camera sees them, and two strangers stay unknown.""",
    """Ask who is slipping:
        curl -c demo/cookies -H "Content-Type: application/json" {address}/api/v1/auth/login \\
          -d '{{"email": "{instructor.email}", "password": "{instructor.password}"}}'
        curl -b demo/cookies {address}/api/v1/reports/at-risk""",
    """Read what else a program can ask for: {address}/api/docs/""",
)


def lines(address: str) -> Iterator[str]:
    """What is said once the demo is served at ``address``."""
    yield ""
    yield f"  {'':10}  {'e-mail':20}  password"
    for role, account in (("instructor", INSTRUCTOR), ("admin", ADMIN)):
        yield f"  {role:10}  {account.email:20}  {account.password:22}  {account.name}"
    yield ""
    for number, text in enumerate(_TRY, start=1):
        yield f"  {number}. " + text.format(demo=_command(), address=address, instructor=INSTRUCTOR)
    yield ""
    yield f"Nobody in it exists, and all of it lies in demo/. To remove it: {_removal()}"


def _command() -> str:
    """How the demo's commands are called from the folder of the project."""
    if os.name == "nt":
        return "demo.bat"
    # not resolved: the Python of an environment is a link to the one it was made with
    python = Path(sys.executable)
    shown = python.relative_to(ROOT) if python.is_relative_to(ROOT) else python
    return f"{shown} backend/demo.py"


def _removal() -> str:
    return "demo.bat clean" if os.name == "nt" else "make demo-clean"
