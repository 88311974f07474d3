"""The README and the program say the same."""

from __future__ import annotations

import os
import re
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


def options_of(script: str) -> set[str]:
    shown = subprocess.run(
        [sys.executable, script, "--help"], cwd=ROOT / "backend", capture_output=True, text=True, check=True
    ).stdout
    return set(re.findall(r"--[a-z][a-z-]+", shown))


def test_every_option_in_the_readme_exists_and_training_lists_all_of_its_own() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    training, testing = options_of("train_production_model.py"), options_of("test_production_model.py")
    training_part = readme.split("### Training")[1].split("### Testing")[0]
    testing_part = readme.split("### Testing")[1].split("###")[0]
    assert set(re.findall(r"--[a-z][a-z-]+", training_part)) == training - {"--help"}
    named = set(re.findall(r"--[a-z][a-z-]+", testing_part))
    assert named and named <= testing


def test_every_make_target_in_the_readme_exists() -> None:
    named = set(re.findall(r"^make ([a-z]+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert named and named <= targets


def test_every_module_the_readme_pictures_exists() -> None:
    picture = (ROOT / "README.md").read_text(encoding="utf-8").split("## How it is built")[1].split("```")[1]
    named = set(re.findall(r"\b([a-z_]+\.py)\b", picture))
    existing = {path.name for path in (ROOT / "backend").rglob("*.py")}
    assert named and named <= existing
