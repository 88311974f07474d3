"""Where the networks of the tests run: on the processor, by the engine that this machine would choose.

Converted networks are the same for every run and every test; made anew for each they would take most of the time.
"""

from __future__ import annotations

import os
from pathlib import Path

from recognizer.compute import Compute

_KEPT = Path(__file__).resolve().parents[2] / ".cache" / "networks"
# in the environment, so that the commands and servers that tests start find it too
ENGINE_DIR = Path(os.environ.setdefault("SMARTATTENDANCE_ENGINE_DIR", str(_KEPT)))
COMPUTE = Compute(device="cpu", folder=ENGINE_DIR, threads=int(os.environ.get("SMARTATTENDANCE_THREADS", "0")))
REFERENCE = Compute(device="cpu", engine="torch")
