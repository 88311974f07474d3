"""Pictures that are far too large are refused, and cost the server no more memory than the file that was sent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell the highest memory of a process this way")
def test_huge_pictures_are_refused_with_flat_memory(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "support" / "send_large_pictures.py", tmp_path],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "backend"), str(ROOT / "tests")])},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert set(map(tuple, told["answers"].values())) == {(413, "image_too_large"), (413, "too_large")}, told
    # decoded, the PNG alone would take 200 MB as it is, 600 MB as the recognizer sees it
    assert told["grown"] < 100, f"the memory grew by {told['grown']:.0f} MB"
