"""OpenVINO reports to Google Analytics whenever it is imported or converts a network, unless it is stopped: a server
for faces must not tell anybody that it was started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

BACKEND = Path(__file__).resolve().parent.parent.parent / "backend"
PROGRAM = """
import socket, sys, threading
asked = []
def refused(host, *args, **kwargs):
    asked.append(host)
    raise OSError("not here")
socket.getaddrinfo = refused
from recognizer.engines.converted import from_torch
import torch
from_torch(torch.nn.Linear(3, 2), (torch.zeros(2, 3),), ((0,),))
for thread in threading.enumerate():
    if thread is not threading.current_thread():
        thread.join(5)
print("asked", asked)
"""


def test_importing_and_converting_reach_nobody_and_leave_nothing_at_home(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if name not in ("CI", "TF_BUILD", "JENKINS_URL")}
    environ |= {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path), "PYTHONPATH": str(BACKEND)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environ, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "asked []" in done.stdout
    assert not (tmp_path / "intel").exists()
