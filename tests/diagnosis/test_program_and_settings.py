"""Python, packages and settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from config import Settings
from diagnosis import environment, program
from diagnosis.case import Case
from diagnosis.command import findings
from diagnosis.finding import Status
from support.diagnosing import by_code, troubles

PINNED = {"torch": "2.15.0", "torchvision": "0.29.2", "facenet-pytorch": "2.5.3", "opencv-python": "5.0.0.93"}


def packages(**other: str | None) -> dict[str, Status]:
    found = {**PINNED, **{name.replace("_", "-"): version for name, version in other.items()}}
    return troubles(list(program._packages(PINNED, found.get)))


def test_the_pinned_versions_are_well() -> None:
    assert packages() == {}
    assert packages(torch="2.15.0+cpu") == {}


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({"torch": None}, {"packages": Status.PROBLEM}),
        ({"opencv_python": "4.9.0"}, {"packages": Status.NOTE}),
        ({"facenet_pytorch": "2.6.0"}, {"facenet_pytorch": Status.PROBLEM}),
        ({"opencv_python_headless": "5.0.0.93"}, {"opencv_twice": Status.PROBLEM}),
    ],
)
def test_other_packages_are_reported(other: dict[str, str | None], expected: dict[str, Status]) -> None:
    assert packages(**other) == expected


@pytest.mark.parametrize(
    ("torch", "needs", "fits"),
    [
        ("2.15.0", ["numpy", "torch==2.15.0"], True),
        ("2.15.0+cpu", ["torch (==2.15.0)"], True),
        ("2.14.1", ["numpy", "torch==2.15.0"], False),
        ("2.14.1", None, True),
    ],
)
def test_torchvision_belongs_to_one_torch(torch: str, needs: list[str] | None, fits: bool) -> None:
    versions = {"torch": torch, "torchvision": "0.29.2"}
    assert [each.code for each in program._pair(versions.get, lambda _: needs)] == ([] if fits else ["torch_pair"])


@pytest.mark.parametrize(
    ("version", "bits", "status"),
    [((3, 11, 7), 64, "ok"), ((3, 10, 1), 64, "problem"), ((3, 14, 0), 64, "problem"), ((3, 12, 0), 32, "problem")],
)
def test_python(version: tuple[int, ...], bits: int, status: str) -> None:
    [found] = program._python(version, bits)
    assert found.status == status


def test_every_pinned_package_is_looked_at() -> None:
    requirements = Path(__file__).resolve().parents[2] / "requirements.txt"
    lines = [line for line in requirements.read_text().splitlines() if line and not line.startswith("#")]
    pins = program.pins("\n".join(lines))
    assert len(pins) == len(lines) and pins["psycopg"]
    assert program.pins('a==1; sys_platform == "nowhere"\nb==2; sys_platform != "nowhere"') == {"b": "2"}


def test_settings_that_cannot_be_read_or_are_misspelt() -> None:
    environ = {
        "SMARTATTENDANCE_PORT": "none",
        "SMARTATTENDANCE_SECRET_KEY": "too-short",
        "SMARTATTENDANCE_PROT": "1",
        "SMARTATTENDANCE_DEVICE": "cpu",
    }
    case = Case.of_environment(environ)
    assert case.settings.device == "cpu" and case.settings.port == Settings().port
    found = list(findings(case, environment.CHECKS))
    unusable = [each for each in found if each.code == "settings_unusable"]
    assert len(unusable) == 2 and "SMARTATTENDANCE_PORT is 'none'" in unusable[0].found
    assert not any("too-short" in str(each) for each in found)
    misspelt = by_code(found)["setting_unknown"]
    assert "SMARTATTENDANCE_PROT" in misspelt.found and "SMARTATTENDANCE_PORT" in (misspelt.remedy or "")


@pytest.mark.parametrize("address", ["mysql://a:s3cret-word@host/b", "no address s3cret-word", "sqlite://"])
def test_a_database_address_that_is_none(address: str) -> None:
    case = Case.of_environment({"DATABASE_URL": address})
    found = list(findings(case, environment.CHECKS))
    assert troubles(found) == {"settings_unusable": Status.PROBLEM}
    assert not any("s3cret-word" in str(each) for each in found)
