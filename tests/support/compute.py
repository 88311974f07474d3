"""Where the networks of the tests run: on the processor, by the engine that this machine would choose."""

from __future__ import annotations

import os
from pathlib import Path

from recognizer.compute import Compute

ENGINE_DIR = Path(os.environ["SMARTATTENDANCE_ENGINE_DIR"])  # set in conftest.py
COMPUTE = Compute(device="cpu", folder=ENGINE_DIR)
REFERENCE = Compute(device="cpu", engine="torch")
