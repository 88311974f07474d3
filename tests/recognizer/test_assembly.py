"""Building the parts is cheap until something is built."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_importing_loads_no_network_library() -> None:
    """Asking a command for help must not take the seconds that importing torch takes."""
    backend = Path(__file__).resolve().parents[2] / "backend"
    code = "import sys, recognizer.assembly; print(sorted({'torch', 'facenet_pytorch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=backend, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
