"""What the demo says at the terminal."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from demonstration.cast import ADMIN, INSTRUCTOR
from demonstration.folder import ROOT

PREPARING = (
    "The demo is made in the folder demo/, once: pictures of a class that does not exist, a school with two weeks\n"
    "behind it, a model. That takes some minutes; later it starts in seconds."
)
GOES_ON = "The demo is there already; it goes on where it was."
OPEN_TO_OTHERS = (
    "WARNING: this server listens on {host}, which others can reach, and what is sent to it is not encrypted.\n"
    "Without SMARTATTENDANCE_HOST only this machine can."
)

# What to do with it, from the first to the last.
_TRY = (
    """Open {address} in a browser, log in as the instructor, and open today's lesson: the class walks in.
    Everybody is marked as the camera sees them, and two strangers stay unknown. A doubtful face of an earlier lesson
    waits for a decision.""",
    """The same without a browser. In a second terminal, in this folder:
        {demo} walk-in""",
    """Ask as a program who is slipping:
        curl -c demo/cookies -H "Content-Type: application/json" {address}/api/v1/auth/login -d {login}
        curl -b demo/cookies {address}/api/v1/reports/at-risk""",
    """Read what else a program can ask for: {address}/api/docs/""",
)


def lines(address: str, passwords: Mapping[str, str]) -> Iterator[str]:
    """What is said once the demo is served at ``address``. passwords: by e-mail address."""
    yield ""
    yield f"  {'':10}  {'e-mail':20}  password"
    for role, account in (("instructor", INSTRUCTOR), ("admin", ADMIN)):
        yield f"  {role:10}  {account.email:20}  {passwords[account.email]:22}  {account.name}"
    yield ""
    login = json.dumps({"email": INSTRUCTOR.email, "password": passwords[INSTRUCTOR.email]})
    quoted = json.dumps(login)  # as cmd.exe and every shell read it
    for number, text in enumerate(_TRY, start=1):
        yield f"  {number}. " + text.format(demo=_command(), address=address, login=quoted)
    yield ""
    yield f"Nobody in it exists, and all of it lies in demo/. To remove it: {removal()}"


def _command() -> str:
    """How the demo's commands are called from the folder of the project."""
    if os.name == "nt":
        return "demo.bat"
    # not resolved: the Python of an environment is a link to the one it was made with
    python = Path(sys.executable)
    shown = python.relative_to(ROOT) if python.is_relative_to(ROOT) else python
    return shlex.join([str(shown), "backend/demo.py"])


def removal() -> str:
    """The command that removes the demo."""
    return "demo.bat clean" if os.name == "nt" else "make demo-clean"
