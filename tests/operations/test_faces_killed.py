"""Killed at any step of an enrolment or an erasure, ``check --repair`` leaves nothing unaccounted for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="killing by fork needs POSIX")
SCRIPT = Path(__file__).parents[1] / "support" / "faces_and_death.py"


def outcomes(tmp_path: Path, what: str) -> list[dict[str, Any]]:
    ran = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path), what], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    assert all(outcome["killed"] for outcome in found[:-1]) and not found[-1]["killed"]
    return found


def test_killed_while_enrolling(tmp_path: Path) -> None:
    found = outcomes(tmp_path, "enrol")
    assert len(found) > 6
    for outcome in found:
        assert outcome["left"] == [] and outcome["rows"] == outcome["files"], outcome
        assert len(outcome["rows"]) in (1, 2)
    assert len(found[-1]["rows"]) == 2 and found[-1]["repaired"] == []  # what was acknowledged is there
    assert {code for outcome in found for code in outcome["repaired"]} == {"image_unfinished", "leftover"}
    assert {len(outcome["rows"]) for outcome in found[:-1]} == {1, 2}


def test_killed_while_erasing(tmp_path: Path) -> None:
    found = outcomes(tmp_path, "erase")
    assert len(found) > 20
    for outcome in found:
        assert outcome["left"] == [] and outcome["done"] == [True], outcome
        assert outcome["rows"] == outcome["files"] and [path[:3] for path in outcome["rows"]] == ["S2/"], outcome
        assert outcome["classes"] == ["S0", "S2", "S3"] and outcome["crops"] == ["2.jpg"], outcome
        assert outcome["embeddings"] == 1 and outcome["log"] == "S2 too\n", outcome
    assert found[-1]["repaired"] == []
