"""docs/SCALE.md shows what the benchmarks print, and names units, ports and commands that there are."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))

import frame_cost
from attendance import engines
from operations.metrics import REFUSALS
from simulate_lecture import FILE, Campus, ServiceTimes, simulate
from support.service import Service

ROOT = Path(__file__).resolve().parents[1]
GUIDE = (ROOT / "docs" / "SCALE.md").read_text(encoding="utf-8")
RECORDED = json.loads(FILE.read_text(encoding="utf-8"))["frames"]


def part(heading: str) -> str:
    return GUIDE.split(f"## {heading}\n")[1].split("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """The cells of all lines of tables."""
    lines = (line.strip() for line in text.splitlines())
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def test_the_recorded_times_are_those_it_shows() -> None:
    shown = [row for row in rows(part("What a frame costs")) if re.fullmatch(r"\d+ x \d+", row[0])]
    mean = {(row["kind"], *row["size"], row["faces"]): row["mean"] for row in RECORDED}
    assert len(shown) == 8
    for size, faces, second, tenth in shown:
        width, height = map(int, size.split(" x "))
        assert second == f"{mean['second', width, height, int(faces)]:.0f}"
        assert tenth == f"{mean['tenth', width, height, int(faces)]:.0f}"


def test_the_simulation_prints_what_it_shows_of_fifty_rooms() -> None:
    shown = [row for row in rows(part("Fifty rooms, and a thousand")) if row[0] == "50" and len(row) == 10]
    assert len(shown) == 10
    times = ServiceTimes(RECORDED, "second")
    for row in shown:
        seen = simulate(Campus(rooms=50, cores=int(row[1]), follows=row[2] == "yes"), times)
        assert row[3:] == [
            f"{seen['answers_per_second']:.0f}",
            f"{100 * seen['utilisation']:.0f} %",
            f"{seen['waiting_mean']:.0f} ({seen['waiting_most']})",
            *(str(seen[name]) for name in ("median_ms", "p95_ms", "p99_ms")),
            f"{100 * seen['refused']:.1f} %",
        ]


def test_a_frame_takes_as_many_statements_and_transactions_as_it_says(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    if service.database.is_sqlite:
        pytest.skip("counted on PostgreSQL")
    monkeypatch.setattr(frame_cost, "postgres_seconds", lambda _: 0.0)
    counted: dict[str, Any] = frame_cost.measure(service, 120)
    said = dict(row for row in rows(part("What a frame costs")) if len(row) == 2)
    reads, writes = counted["statements"].pop("SELECT"), sum(counted["statements"].values())
    assert said["statements"] == f"{reads + writes:.0f}: {reads:.0f} that read, {writes:.0f} that write"
    assert said["transactions"] == f"{counted['transactions']:.0f}, one of which writes"
    assert counted["rows"]["frame"] == 120


def test_the_units_it_installs_are_there() -> None:
    units = {path.stem.partition("@")[0] for path in (ROOT / "deploy" / "cluster").glob("*.service")}
    named = set(re.findall(r"\bsmartattendance-(?:ray-head|ray-worker|web)\b", GUIDE))
    assert named == units


def test_machine_by_machine_it_comes_to_the_first_admin_and_nginx_finds_its_site() -> None:
    steps = part("From one machine to a cluster")
    assert "app.py setup-link" in steps.split("**9.")[1] and "sites-enabled" in steps.split("**8.")[1].split("**9.")[0]


def test_every_reason_to_refuse_a_frame_that_is_counted_is_explained() -> None:
    assert all(f"`{reason}`" in part("When one machine is enough") for reason in REFUSALS)


def test_the_connections_it_speaks_of_are_those_of_a_process() -> None:
    most = engines._KEPT + engines._BESIDES
    words = " ".join(GUIDE.split())
    assert f"opens {most} connections at most" in words and f"{most} of each web process" in words
    assert f"{40 * most}" in part("What becomes too small next")


@pytest.mark.skipif(os.name == "nt" or shutil.which("bash") is None, reason="there is no bash")
def test_the_shell_understands_its_commands() -> None:
    blocks = re.findall(r"^ *```bash\n(.*?)^ *```", GUIDE, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 6
    for block in blocks:
        done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{block}\n{done.stderr}"
