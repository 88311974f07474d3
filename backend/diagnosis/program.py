"""Python and the packages: what is installed, and is it what this version was made and tested with?"""

from __future__ import annotations

import importlib.metadata
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterator

from diagnosis import remedies
from diagnosis.finding import Finding, note, ok, problem
from diagnosis.wording import count, shown, some

# As pyproject.toml says it for pip.
OLDEST, NEWEST = (3, 11), (3, 13)

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>[^;\s]+)\s*(?:;(?P<marker>.+))?$")
_MARKER = re.compile(r'^\s*sys_platform\s*(?P<sign>==|!=)\s*"(?P<value>[^"]+)"\s*$')

_NEEDS_TORCH = re.compile(r"^torch\s*\(?==(?P<version>[^;,)\s]+)\)?\s*$")

VersionOf = Callable[[str], "str | None"]


def version(_: object) -> Iterator[Finding]:
    """Which version of SmartAttendance this is."""
    try:
        text = (remedies.ROOT / "pyproject.toml").read_text(encoding="utf-8")
        number = re.findall(r'^version = "([^"]+)"', text, re.MULTILINE)[0]
    except (OSError, IndexError):
        number = "of unknown version"
    yield ok("version", "SmartAttendance", f"{number}{_commit()}, in {remedies.ROOT}")


def python(_: object) -> Iterator[Finding]:
    yield from _python(tuple(sys.version_info[:3]), bits=64 if sys.maxsize > 2**32 else 32)


def packages(_: object) -> Iterator[Finding]:
    if not remedies.REQUIREMENTS.is_file():
        yield note(
            "packages",
            "Packages",
            f"{shown(remedies.REQUIREMENTS)} is missing, so nobody can tell which versions belong here",
            "Get it back from where you have SmartAttendance from.",
        )
        return
    yield from _packages(pins(remedies.REQUIREMENTS.read_text(encoding="utf-8")), _installed)


def pins(requirements: str) -> dict[str, str]:
    """The exact version of every package that ``requirements`` ask for on this system."""
    found = {}
    for line in requirements.splitlines():
        match = _PIN.match(line.strip())
        if match and _applies(match["marker"]):
            found[match["name"]] = match["version"]
    return found


def _commit() -> str:
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=remedies.ROOT, capture_output=True, text=True, timeout=3
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return f", commit {done.stdout.strip()}" if done.returncode == 0 else ""


def _python(found: tuple[int, ...], bits: int) -> Iterator[Finding]:
    name = ".".join(str(part) for part in found)
    where = f"Python {name}, {bits} bit, on {platform.system()} {platform.release()} ({platform.machine()})"
    wanted = "https://www.python.org/downloads/ has them; then delete .venv and run: make setup"
    if not OLDEST <= found[:2] <= NEWEST:
        yield problem(
            "python", "Python", f"{where}; 3.11, 3.12 or 3.13 is needed", f"Install one of these versions: {wanted}"
        )
    elif bits != 64:
        yield problem(
            "python", "Python", f"{where}; PyTorch exists for 64 bit only", f"Install the 64-bit version: {wanted}"
        )
    else:
        yield ok("python", "Python", where)


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _packages(pinned: dict[str, str], version_of: VersionOf) -> Iterator[Finding]:
    found = {name: version_of(name) for name in pinned}
    missing = sorted(name for name, installed in found.items() if installed is None)
    # torch 2.15.0+cpu is the build without a GPU of torch 2.15.0
    other = {name: text for name, text in found.items() if text is not None and text.split("+")[0] != pinned[name]}
    if missing:
        yield problem(
            "packages",
            "Packages",
            f"{len(missing)} of {len(pinned)} are missing: {some(missing)}",
            *_remedy_of_missing(len(missing) == len(pinned)),
        )
    if _release(other.get("facenet-pytorch")) >= (2, 6):
        yield problem(
            "facenet_pytorch",
            "facenet-pytorch",
            f"version {other.pop('facenet-pytorch')} demands an old PyTorch and numpy, and breaks those that are "
            "installed as soon as pip heeds it",
            f"Go back to version {pinned['facenet-pytorch']}, the last one without these demands, and to what belongs "
            "to it.",
            remedies.install(),
        )
    if other:
        listed = some(f"{name} {other[name]} (tested: {pinned[name]})" for name in sorted(other))
        yield note(
            "packages",
            "Packages",
            f"{count(len(other), 'has another version', 'have other versions')} than the one tested: {listed}",
            "Install the versions that this program was tested with.",
            remedies.install(),
        )
    if not missing and not other:
        yield ok("packages", "Packages", f"all {len(pinned)} are there, in the versions that were tested")
    yield from _pair(version_of, importlib.metadata.requires)
    twins = [name for name in ("opencv-python-headless", "opencv-contrib-python") if version_of(name) is not None]
    if twins and version_of("opencv-python") is not None:
        yield problem(
            "opencv_twice",
            "OpenCV",
            f"{' and '.join(twins)} and opencv-python are installed, and have overwritten each other's files",
            "Remove them all, then install the right one again.",
            f"{remedies.python('-m', 'pip', 'uninstall', '-y', 'opencv-python', *twins)} && {remedies.install()}",
        )


def _pair(version_of: VersionOf, needs_of: Callable[[str], list[str] | None]) -> Iterator[Finding]:
    """torchvision is built for one version of torch, which it names, and does not load beside another."""
    torch, torchvision = version_of("torch"), version_of("torchvision")
    if torch is None or torchvision is None:
        return
    needs = [match["version"] for each in needs_of("torchvision") or [] if (match := _NEEDS_TORCH.match(each))]
    if needs and torch.split("+")[0] != needs[0].split("+")[0]:
        yield problem(
            "torch_pair",
            "PyTorch",
            f"torchvision {torchvision} belongs to torch {needs[0]}, and torch {torch} is installed: the networks "
            "cannot be loaded",
            "Install the two together.",
            remedies.install(),
        )


def _remedy_of_missing(everything: bool) -> tuple[str, str]:
    ours = remedies.venv_python()
    if everything and not remedies.in_venv() and ours.is_file():
        return (
            "This Python is not the one that SmartAttendance was installed into; ask that one.",
            remedies.line(shown(ours), shown(remedies.BACKEND / "app.py"), "doctor"),
        )
    return "Install what is pinned (PyTorch is large: some minutes).", remedies.install()


def _release(text: str | None) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", (text or "").split("+")[0])[:2])


def _applies(marker: str | None) -> bool:
    match = _MARKER.match(marker or "")
    if match is None:  # none, or one that is not understood: then it is asked for
        return True
    return (sys.platform == match["value"]) == (match["sign"] == "==")


CHECKS = ((version, "SmartAttendance"), (python, "Python"), (packages, "Packages"))
