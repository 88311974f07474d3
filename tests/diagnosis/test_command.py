"""The doctor as people call it: in a process of its own, on a new machine, a set-up school and broken ones."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import serving
from diagnosis import command
from diagnosis.case import Case
from diagnosis.finding import Finding, Status, note, ok, problem
from diagnosis.report import Screen
from recognizer.embeddings import FaceEmbedder
from support.diagnosing import NOW, add_school, publish_model, tree

APP = Path(__file__).resolve().parents[2] / "backend" / "app.py"


Answer = subprocess.CompletedProcess[str]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Every folder below ``tmp_path``/school, which is there and empty."""
    school = tmp_path / "school"
    school.mkdir()
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("SMARTATTENDANCE_", "DATABASE_URL"))
    }
    return {
        **kept,
        "SMARTATTENDANCE_DATA_DIR": str(school / "instance"),
        "SMARTATTENDANCE_MODEL_DIR": str(school / "models"),
        "SMARTATTENDANCE_DATASET_DIR": str(school / "dataset"),
        "SMARTATTENDANCE_CACHE_DIR": str(school / "cache"),
        "SMARTATTENDANCE_EMBEDDER": "dlib",
        "SMARTATTENDANCE_PORT": "18991",
        "OMP_NUM_THREADS": "1",
    }


def doctor(
    environment: dict[str, str], *options: str, python: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *python, str(APP), "doctor", *options],
        env=environment,
        cwd=Path(environment["SMARTATTENDANCE_DATA_DIR"]).parent,
        capture_output=True,
        text=True,
    )


def document(answer: Answer) -> dict[str, Any]:
    assert answer.stderr == ""
    read: dict[str, Any] = json.loads(answer.stdout)
    assert set(read) == {"format", "checked_at", "status", "counts", "findings"}
    assert read["format"] == 1
    assert datetime.fromisoformat(read["checked_at"]).tzinfo is not None
    statuses = [each["status"] for each in read["findings"]]
    assert read["counts"] == {name: statuses.count(name) for name in ("ok", "note", "problem")}
    assert read["status"] == next(name for name in ("problem", "note", "ok") if name in statuses)
    assert answer.returncode == int(read["status"] == "problem")
    for each in read["findings"]:
        assert set(each) == {"code", "label", "status", "found", "remedy", "command"}
        assert re.fullmatch(r"[a-z_]+", each["code"])
        assert (each["remedy"] is None) == (each["status"] == "ok")
        assert not each["found"].endswith(".")
        assert each["remedy"] is None or each["remedy"][-1] in ".:)"
    return read


def troubles(read: dict[str, Any]) -> dict[str, str]:
    return {each["code"]: each["status"] for each in read["findings"] if each["status"] != "ok"}


def test_a_new_machine_lacks_a_model_and_nothing_is_made(environment: dict[str, str], tmp_path: Path) -> None:
    before = tree(tmp_path)
    answer = doctor(environment)
    assert answer.returncode == 1, answer.stderr
    assert tree(tmp_path) == before
    lines = answer.stdout.splitlines()
    assert any(line.startswith("problem  Model") for line in lines)
    assert lines[-1] == "1 problem. Nothing was changed."
    assert "\033" not in answer.stdout
    # what is to be copied is on one line, however long
    long = [line for line in lines if len(line) > 80]
    assert all(re.match(r" {11}\S*python\S* ", line) or len(line.split()) == 1 for line in long), long


def test_a_school_that_is_set_up_is_well(
    environment: dict[str, str], tmp_path: Path, dlib_embedder: FaceEmbedder
) -> None:
    now = datetime.now(UTC)
    school = tmp_path / "school"
    add_school(f"sqlite:///{school / 'instance' / 'smartattendance.sqlite3'}", ["a", "b", "c"], now)
    publish_model(school / "models", dlib_embedder.info, ["a", "b", "c"], now)
    before = tree(tmp_path)
    answer = doctor(environment, "--json")
    read = document(answer)
    assert troubles(read).keys() <= {"slow", "memory_low", "one_core", "disk_narrow"}, read
    assert answer.returncode == 0
    assert {"database", "database_contents", "model", "model_fits", "dlib", "embedder"} <= {
        each["code"] for each in read["findings"]
    }
    assert tree(tmp_path) == before


def test_without_any_package_it_says_which_are_missing(environment: dict[str, str], tmp_path: Path) -> None:
    before = tree(tmp_path)
    read = document(doctor(environment, "--json", python=("-S",)))
    found = {each["code"]: each for each in read["findings"]}
    assert "are missing" in found["packages"]["found"]
    assert found["packages"]["command"]
    assert {"python", "settings", "disk", "data_folder", "processor", "not_looked_at"} <= set(found)
    assert tree(tmp_path) == before


def test_wrong_usage(environment: dict[str, str]) -> None:
    answer = doctor(environment, "--jsn")
    assert answer.returncode == 2
    assert "--jsn" in answer.stderr and answer.stdout == ""


def test_it_is_listed_among_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert serving.main(lambda _: pytest.fail("it served"), ["--help"]) == 0
    assert "doctor" in capsys.readouterr().out
    assert serving.main(lambda _: pytest.fail("it served"), ["doctor", "--wrong"]) == 2


def test_a_check_that_fails_is_a_finding_and_the_next_goes_on() -> None:
    def fails(_: Case) -> Any:
        raise RuntimeError("postgresql://a:s3cret-word@host broke")

    def lacks(_: Case) -> Any:
        raise ModuleNotFoundError("No module named 'numpy'")

    case = Case.of_environment({"DATABASE_URL": "postgresql://a:s3cret-word@host/b"}, NOW)
    checks: command.Checks = (
        (fails, "First"),
        (lacks, "Second"),
        (lambda _: iter([ok("fine", "Third", "fine")]), "Third"),
    )
    found = list(command.findings(case, checks))
    assert [each.code for each in found] == ["not_looked_at", "not_looked_at", "fine"]
    assert "RuntimeError" in found[0].found and "s3cret-word" not in found[0].found
    assert "numpy" in found[1].found


def test_every_finding_that_is_not_well_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="remedy"):
        Finding("code", "Label", Status.NOTE, "found")
    with pytest.raises(ValueError, match="remedy"):
        Finding("code", "Label", Status.OK, "found", "do something")


class Terminal:
    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


@pytest.mark.parametrize(("environ", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_a_terminal_is_coloured_unless_it_is_asked_not_to_be(environ: dict[str, str], coloured: bool) -> None:
    terminal = Terminal()
    screen = Screen(terminal, environ)  # type: ignore[arg-type]
    screen.add(problem("code", "Label", "found " * 30, "Do this. " * 15, "a command " * 12))
    screen.add(note("code", "Label", "found", "Do that."))
    screen.end()
    assert ("\033[31;1mproblem\033[0m" in terminal.text) == coloured
    lines = re.sub(r"\033\[[\d;]*m", "", terminal.text).splitlines()
    assert all(len(line) <= 80 for line in lines if "a command" not in line)
    assert lines[-1] == "1 problem, 1 note. Nothing was changed."
