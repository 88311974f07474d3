"""The commands that people start the project with: Makefile, batch files, pinned requirements.

The Makefile is run for real, with a Python, pip and apt-get that only write down how they were called.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BATCH_FILES = {
    "train_production.bat": "train_production_model.py",
    "test_production.bat": "test_production_model.py",
    "demo.bat": "demo.py",
}
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==(?P<version>[0-9][0-9a-z.]*)(?:; (?P<marker>.+))?$")

# Where the name of a package is not the name it is imported by.
IMPORTED_AS = {
    "facenet-pytorch": "facenet_pytorch",
    "scikit-learn": "sklearn",
    "pillow": "PIL",
    "pillow-heif": "pillow_heif",
    "opencv-python": "cv2",
    "flask-cors": "flask_cors",
    "flask-smorest": "flask_smorest",
    "flask-limiter": "flask_limiter",
    "flask-wtf": "flask_wtf",
    "flask-swagger-ui": "flask_swagger_ui",
    "argon2-cffi": "argon2",
    "prometheus-client": "prometheus_client",
    "charset-normalizer": "charset_normalizer",
    "grpcio": "grpc",
}

needs_make = pytest.mark.skipif(
    os.name == "nt" or shutil.which("make") is None or shutil.which("sh") is None,
    reason="the Makefile needs make and a shell",
)


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if line and not line.startswith(("#", "-r "))]
    matches = [PIN.match(line) for line in wanted]
    assert all(matches), f"{name}: not an exact version: {[w for w, m in zip(wanted, matches, strict=True) if not m]}"
    return {match["name"].lower(): match["version"] for match in matches if match}


# ---------------------------------------------------------------------------------------------- requirements


def test_requirements_are_exact_and_named_once() -> None:
    names = list(pins("requirements.txt")) + list(pins("requirements-dev.txt"))
    assert {"torch", "opencv-python", "face_recognition_models", "flask", "pytest", "mypy", "ruff"} <= set(names)
    assert len(names) == len(set(names))
    # two builds of OpenCV in one environment overwrite each other's files
    assert "opencv-python-headless" not in names
    assert "-r requirements.txt" in (ROOT / "requirements-dev.txt").read_text(encoding="utf-8").splitlines()


def test_each_server_is_asked_for_only_where_it_runs() -> None:
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert re.search(r'^gunicorn==\S+; sys_platform != "win32"$', text, re.MULTILINE)
    assert re.search(r"^waitress==\S+$", text, re.MULTILINE)


def test_every_package_the_program_imports_is_pinned() -> None:
    sources = [
        path
        for path in (ROOT / "backend").rglob("*.py")
        if path.relative_to(ROOT / "backend").parts[0] not in {"dataset", "models", "instance"}
    ]
    ours = {path.relative_to(ROOT / "backend").parts[0].removesuffix(".py") for path in sources}
    imported = set()
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add((node.module or "").split(".")[0])
    foreign = imported - ours - set(sys.stdlib_module_names)
    assert {"torch", "numpy", "cv2"} <= foreign
    pinned = {IMPORTED_AS.get(name, name) for name in (*pins("requirements.txt"), *pins("requirements-cluster.txt"))}
    assert foreign <= pinned, f"in no requirements: {sorted(foreign - pinned)}"


# ---------------------------------------------------------------------------------------------- batch files


@pytest.fixture(params=BATCH_FILES)
def batch(request: pytest.FixtureRequest) -> tuple[str, bytes]:
    return request.param, (ROOT / request.param).read_bytes()


def test_batch_file_has_windows_line_endings(batch: tuple[str, bytes]) -> None:
    _, content = batch
    assert content.endswith(b"\r\n")
    assert content.count(b"\n") == content.count(b"\r\n") == content.count(b"\r") > 20
    assert content.isascii(), "cmd.exe reads batch files in the code page of the country"


def test_git_keeps_the_line_endings_of_batch_files() -> None:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    for name in BATCH_FILES:
        shown = subprocess.run(["git", "check-attr", "eol", name], cwd=ROOT, capture_output=True, text=True, check=True)
        assert shown.stdout.strip() == f"{name}: eol: crlf"


def test_batch_file_runs_its_program_from_any_folder(batch: tuple[str, bytes]) -> None:
    name, content = batch
    lines = content.decode("ascii").splitlines()
    assert f'set "PROGRAM={BATCH_FILES[name]}"' in lines
    assert 'set "ROOT=%~dp0"' in lines
    assert '"%VENV_PYTHON%" "%ROOT%backend\\%PROGRAM%" %*' in lines
    # nothing changes folder: the paths among the arguments are meant from where the user stands
    assert not [line for line in lines if re.match(r"\s*(cd|chdir|pushd)\b", line, re.IGNORECASE)]


def test_batch_file_survives_spaces_in_its_path(batch: tuple[str, bytes]) -> None:
    commands = [
        line for line in batch[1].decode("ascii").splitlines() if not line.startswith(("rem ", "echo ", "set "))
    ]
    uses = [line for line in commands if re.search(r"%(ROOT|VENV_PYTHON|PINNED|INSTALLED)%", line)]
    assert len(uses) >= 5
    for line in uses:
        # what is left outside the quotes, which come in pairs
        outside = "".join(line.split('"')[::2])
        assert line.count('"') % 2 == 0 and not re.search(r"%(ROOT|VENV_PYTHON|PINNED|INSTALLED)%", outside), line


def test_batch_file_prepares_venv_and_installs_only_what_changed(batch: tuple[str, bytes]) -> None:
    lines = batch[1].decode("ascii").splitlines()
    text = "\n".join(lines)
    assert '%PYTHON% -m venv --clear "%ROOT%.venv" && goto packages' in lines
    compare = lines.index('fc /b "%PINNED%" "%INSTALLED%" >nul 2>nul && goto run')
    install = lines.index(
        '"%VENV_PYTHON%" -m pip install --disable-pip-version-check -r "%PINNED%" || goto not_installed'
    )
    remember = lines.index('copy /y "%PINNED%" "%INSTALLED%" >nul')
    assert compare < install < remember < lines.index(":run")
    assert 'set "PINNED=%ROOT%requirements.txt"' in lines
    for version in ("3.13", "3.12", "3.11"):
        assert f'set "PYTHON=py -{version}"' in lines
    # every label that is jumped to exists
    assert set(re.findall(r"goto (\w+)", text)) <= set(re.findall(r"^:(\w+)$", text, re.MULTILINE))


def test_batch_file_returns_the_exit_code_and_pauses_only_after_a_double_click(batch: tuple[str, bytes]) -> None:
    lines = batch[1].decode("ascii").splitlines()
    run = lines.index('"%VENV_PYTHON%" "%ROOT%backend\\%PROGRAM%" %*')
    assert lines[run + 1] == 'set "CODE=%ERRORLEVEL%"'
    assert lines[-1] == "exit /b %CODE%"
    assert [line for line in lines if "pause" in line] == ['if "%~1"=="" if not defined CI if %0=="%~f0" pause']
    # every failure on the way says so in the exit code, before it jumps to the end
    ends = [index for index, line in enumerate(lines) if line == "goto done"]
    assert len(ends) == 3 and all(lines[index - 1] == 'set "CODE=1"' for index in ends)


def test_batch_files_differ_only_in_program_and_explanation() -> None:
    def skeleton(name: str) -> list[str]:
        lines = (ROOT / name).read_text(encoding="ascii").splitlines()
        return [line for line in lines if not line.startswith(("rem ", 'set "PROGRAM='))]

    assert len({tuple(skeleton(name)) for name in BATCH_FILES}) == 1


# ---------------------------------------------------------------------------------------------- Makefile, .ci/run


def test_ci_runs_the_tests_from_the_root() -> None:
    path = ROOT / ".ci" / "run"
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert lines[-1] == "exec make test", "nothing may be printed after the closing line of the tests"
    assert "set -euo pipefail" in lines
    if os.name != "nt":
        assert os.access(path, os.X_OK)


class Workshop:
    """A copy of the Makefile in a folder with a space in its name, and programs that write down their calls."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a folder"
        self.programs = folder / "programs"
        self.log = folder / "calls"
        self.library = folder / "libGL"
        self.root.mkdir()
        self.programs.mkdir()
        self.log.touch()
        self.library.touch()
        shutil.copy(ROOT / "Makefile", self.root)
        for name in ("requirements.txt", "requirements-dev.txt", "requirements-cluster.txt"):
            (self.root / name).write_text("# none\n")
        # None of the machine's own Pythons is to be found: each name gets a program that fails as a pyenv shim does.
        for name in ("python3.13", "python3.12", "python3.11", "python3", "python"):
            self.program(name, "echo 'command not found' >&2; exit 127")
        self.user(1000)
        for tool in ("chromium", "nginx", "openssl"):
            self.program(tool, "exit 0")
        self.program("apt-get", f'echo "apt-get $*" >> "{self.log}"; touch "{self.library}" "{folder}/venv module"')

    def program(self, name: str, script: str) -> Path:
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    def user(self, number: int) -> None:
        self.program("id", f"echo {number}")

    def python(self, name: str, *, has_venv: bool = True) -> Path:
        """A Python that answers for itself with the one running these tests, but installs nothing."""
        module = self.root.parent / "venv module"
        if has_venv:
            module.touch()
        return self.program(
            name,
            f"""
case "$*" in
"-m "*) echo "{name} $*" >> "{self.log}" ;;
esac
case "$*" in
"-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
"-m pip"* | "-m compileall"*) ;;
"-c import ensurepip"*) test -e "{module}" ;;
"-c import cv2") test -e "{self.library}" || {{
    echo "ImportError: libGL.so.1: cannot open shared object file: No such file or directory" >&2; exit 1; }} ;;
"-c "*) exec "{sys.executable}" "$@" ;;
*) echo "{name} $*" >> "{self.log}" ;;
esac""",
        )

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        for name in ("PYTHON", "ARGS", "INSTALL_ARGS", "SPREAD", "OS"):
            environ.pop(name, None)
        environ["PATH"] = f"{self.programs}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(["make", *arguments], cwd=self.root, env=environ, capture_output=True, text=True)

    def calls(self) -> list[str]:
        """What was called since the last time this was asked."""
        lines = self.log.read_text().splitlines()
        self.log.write_text("")
        return lines


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


INSTALL = "-m pip install --disable-pip-version-check --no-compile -r requirements-dev.txt"
COMPILE = "-m compileall -q -j 0 -x [^a-z_]tests?[^a-z_.] .venv"


@needs_make
@pytest.mark.parametrize(
    ("target", "commands"),
    [
        ("train", ['".venv/bin/python" backend/train_production_model.py --seed 7']),
        ("demo", ['".venv/bin/python" backend/demo.py --seed 7']),
        (
            "test",
            [
                '".venv/bin/python" -m ruff check .',
                '".venv/bin/python" -m ruff format --check .',
                '".venv/bin/python" -m mypy backend/recognizer backend/training ',
                '".venv/bin/python" -m pytest -q --durations=10 -n auto --no-loadscope-reorder --seed 7',
            ],
        ),
        (
            "bench",
            [f'".venv/bin/python" benchmarks/{script}.py' for script in ("openset", "scale", "training_time")],
        ),
    ],
)
def test_make_target_runs_these_commands_in_this_order(workshop: Workshop, target: str, commands: list[str]) -> None:
    done = workshop.make("-n", target, "ARGS=--seed 7")
    assert done.returncode == 0, done.stderr
    places = [done.stdout.find(command) for command in commands]
    assert -1 not in places, f"{commands[places.index(-1)]} is not in\n{done.stdout}"
    assert places == sorted(places)
    assert 0 <= done.stdout.find("$PREPARE") < places[0], "the environment is prepared first"


@needs_make
def test_make_alone_lists_the_targets_and_installs_nothing(workshop: Workshop) -> None:
    done = workshop.make()
    assert done.returncode == 0
    for target in ("setup", "demo", "demo-clean", "train", "test", "lint", "bench", "clean"):
        assert f"make {target} " in done.stdout
    assert not (workshop.root / ".venv").exists() and not workshop.calls()


@needs_make
def test_first_target_makes_venv_and_installs_and_the_next_does_not(workshop: Workshop) -> None:
    workshop.python("python3.12")
    done = workshop.make("train", "ARGS=--seed 7")
    assert done.returncode == 0, done.stderr
    train = "python3.12 backend/train_production_model.py --seed 7"
    # python3.13 comes first on the list but does not run
    assert workshop.calls() == [
        "python3.12 -m venv --clear .venv",
        f"python3.12 {INSTALL}",
        f"python3.12 {COMPILE}",
        train,
    ]

    assert workshop.make("train", "ARGS=--seed 7").returncode == 0
    assert workshop.calls() == [train]


@needs_make
@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_changed_requirements_are_installed_into_the_same_venv(workshop: Workshop, name: str) -> None:
    workshop.python("python3.11")
    assert workshop.make("setup").returncode == 0
    workshop.calls()
    (workshop.root / name).write_text("# other\n")
    assert workshop.make("setup", "INSTALL_ARGS=--quiet --no-deps").returncode == 0
    quietly = INSTALL.replace("-r", "--quiet --no-deps -r")
    assert workshop.calls() == [f"python3.11 {quietly}", f"python3.11 {COMPILE}"]


@needs_make
def test_failed_install_stops_and_is_tried_again(workshop: Workshop) -> None:
    workshop.python("python3")
    assert workshop.make("setup").returncode == 0
    (workshop.root / "requirements.txt").write_text("# other\n")
    python = workshop.root / ".venv" / "bin" / "python"
    working = python.read_text()
    python.write_text(working.replace('"-m pip"* |', '"-m pip"*) exit 1 ;;\n'))
    workshop.calls()
    for _ in range(2):
        done = workshop.make("train")
        assert done.returncode != 0 and "could not be installed" in done.stderr
        assert workshop.calls() == [f"python3 {INSTALL}"], "nothing is trained"
    python.write_text(working)
    assert workshop.make("setup").returncode == 0


@needs_make
def test_venv_whose_python_is_gone_is_made_anew(workshop: Workshop) -> None:
    workshop.python("python3")
    assert workshop.make("setup").returncode == 0
    (workshop.root / ".venv" / "bin" / "python").unlink()
    workshop.calls()
    assert workshop.make("setup").returncode == 0
    assert workshop.calls()[0] == "python3 -m venv --clear .venv"


@needs_make
def test_without_a_python_that_runs_the_error_says_what_to_do(workshop: Workshop) -> None:
    done = workshop.make("train")
    assert done.returncode != 0
    assert "No Python 3.11, 3.12 or 3.13 was found that runs" in done.stderr
    assert "apt-get install python3 python3-venv" in done.stderr and "make PYTHON=" in done.stderr
    assert not workshop.calls()


@needs_make
def test_python_may_be_named_and_a_wrong_one_is_refused(workshop: Workshop) -> None:
    chosen = workshop.python("my python")
    assert workshop.make("setup", f"PYTHON={chosen}").returncode == 0
    assert workshop.calls()[0] == "my python -m venv --clear .venv"

    shutil.rmtree(workshop.root / ".venv")
    workshop.python("python3.12")
    old = workshop.program("old", "exit 1")
    done = workshop.make("setup", f"PYTHON={old}")
    assert done.returncode != 0 and f"PYTHON={old} does not run or is not Python 3.11" in done.stderr
    assert not workshop.calls(), "another Python than the one named was taken"


@needs_make
def test_missing_venv_module_is_named(workshop: Workshop) -> None:
    workshop.python("python3.12", has_venv=False)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    done = workshop.make("setup")
    assert done.returncode != 0
    assert f"apt-get install python{version}-venv" in done.stderr
    assert not workshop.calls()


@needs_make
def test_missing_venv_module_is_installed_by_root(workshop: Workshop) -> None:
    workshop.python("python3.12", has_venv=False)
    workshop.user(0)
    done = workshop.make("setup")
    assert done.returncode == 0, done.stderr
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    calls = workshop.calls()
    assert calls[0] == "apt-get update -q"
    assert calls[1].startswith("apt-get install ") and calls[1].endswith(f" python{version}-venv")
    assert calls[2] == "python3.12 -m venv --clear .venv"


@needs_make
def test_missing_library_of_opencv_is_named(workshop: Workshop) -> None:
    workshop.python("python3.12")
    workshop.library.unlink()
    done = workshop.make("train")
    assert done.returncode != 0
    assert "libGL.so.1" in done.stderr and "sudo apt-get install libgl1 libglib2.0-0" in done.stderr
    assert not [call for call in workshop.calls() if "train" in call or "apt-get" in call]
    # once the user has installed it, the same command goes on
    workshop.library.touch()
    assert workshop.make("train").returncode == 0
    assert workshop.calls()[-1].startswith("python3.12 backend/train_production_model.py")


@needs_make
def test_missing_library_of_opencv_is_installed_by_root(workshop: Workshop) -> None:
    workshop.python("python3.12")
    workshop.library.unlink()
    workshop.user(0)
    done = workshop.make("setup")
    assert done.returncode == 0, done.stderr
    installs = [call for call in workshop.calls() if call.startswith("apt-get install ")]
    assert len(installs) == 1 and installs[0].endswith(" libgl1 libglib2.0-0")


def test_the_browser_is_installed_if_it_may_be_and_missed_aloud_if_not(workshop: Workshop) -> None:
    workshop.python("python3.12")
    done = workshop.make("test", "BROWSERS=nothing-of-that-name")
    assert done.returncode == 0, done.stderr
    assert "Without chromium" in done.stdout and "sudo apt-get install chromium" in done.stdout
    assert any("-m pytest" in call for call in workshop.calls())
    workshop.user(0)
    done = workshop.make("test", "BROWSERS=nothing-of-that-name")
    assert done.returncode == 0, done.stderr
    assert [call for call in workshop.calls() if call.startswith("apt-get install") and " chromium" in call]
    # without the network the other tests are run all the same
    workshop.program("apt-get", "exit 100")
    done = workshop.make("test", "BROWSERS=nothing-of-that-name")
    assert done.returncode == 0 and "Without chromium" in done.stdout, done.stderr
    assert any("-m pytest" in call for call in workshop.calls())


@needs_make
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Ray is installed for the tests on Linux only")
def test_what_several_machines_need_is_installed_once_for_the_tests_alone(workshop: Workshop) -> None:
    workshop.python("python3.12")
    assert workshop.make("setup").returncode == 0
    assert not [call for call in workshop.calls() if "requirements-cluster.txt" in call]
    assert workshop.make("test").returncode == 0
    calls = workshop.calls()
    installed = next(number for number, call in enumerate(calls) if call.endswith("-r requirements-cluster.txt"))
    assert installed < next(number for number, call in enumerate(calls) if "-m pytest" in call)
    assert workshop.make("test").returncode == 0
    assert not [call for call in workshop.calls() if "requirements-cluster.txt" in call]


@needs_make
def test_exit_code_of_the_program_is_passed_on(workshop: Workshop) -> None:
    workshop.python("python3.12")
    assert workshop.make("setup").returncode == 0
    python = workshop.root / ".venv" / "bin" / "python"
    python.write_text(python.read_text().replace("\nesac", "\nesac\ncase $1 in backend/*) exit 3 ;; esac"))
    done = workshop.make("train")
    assert done.returncode != 0 and "Error 3" in done.stderr


@needs_make
def test_the_demo_is_removed_and_nothing_is_installed_for_that(workshop: Workshop) -> None:
    (workshop.root / "demo" / "school").mkdir(parents=True)
    assert workshop.make("demo-clean").returncode == 0
    assert not (workshop.root / "demo").exists() and not workshop.calls()
    # where there is a Python, it first looks whether the demo is being served
    workshop.python("python3.12")
    assert workshop.make("setup").returncode == 0
    workshop.calls()
    assert workshop.make("demo-clean").returncode == 0
    assert workshop.calls() == ["python3.12 backend/demo.py clean"]


@needs_make
def test_clean_removes_caches_and_nothing_else(workshop: Workshop) -> None:
    root = workshop.root
    caches = [root / ".pytest_cache", root / ".mypy_cache", root / ".ruff_cache", root / "backend" / "__pycache__"]
    kept = [root / ".venv" / "lib" / "__pycache__", root / "backend" / "models", root / "backend" / "dataset"]
    for folder in caches + kept:
        folder.mkdir(parents=True)
        (folder / "file").touch()
    assert workshop.make("clean").returncode == 0
    assert not [folder for folder in caches if folder.exists()]
    assert all((folder / "file").exists() for folder in kept)
