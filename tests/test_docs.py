"""The README and the program say the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from config import settings_table

ROOT = Path(__file__).resolve().parents[1]
OPENING, CLOSING = "<!-- settings -->", "<!-- /settings -->"


def test_readme_lists_every_setting_as_it_is() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.count(OPENING) == 1 and readme.count(CLOSING) == 1, f"README.md needs {OPENING} and {CLOSING}, once"
    listed = readme.split(OPENING)[1].split(CLOSING)[0].strip()
    assert listed == settings_table(), (
        "the table of settings in README.md is out of date: "
        f"put the output of `cd backend && python -m config` between {OPENING} and {CLOSING}"
    )


def test_config_prints_the_table() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "config"],
        cwd=ROOT / "backend",
        # a console that cannot show more than ASCII must be able to print it too
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed.stdout.rstrip("\n") == settings_table()
