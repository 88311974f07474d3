"""What to type, on this system, from where the user stands, with the Python that runs."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from config import Settings
from diagnosis.wording import shown

BACKEND = Path(__file__).resolve().parents[1]
ROOT = BACKEND.parent
REQUIREMENTS = ROOT / "requirements.txt"


def line(*words: str) -> str:
    """``words`` as one line for the shell."""
    return subprocess.list2cmdline(words) if os.name == "nt" else " ".join(shlex.quote(word) for word in words)


def python(*words: str) -> str:
    return line(shown(sys.executable or "python"), *words)


def app(*words: str) -> str:
    """A command of app.py."""
    return python(shown(BACKEND / "app.py"), *words)


def train(*options: str) -> str:
    return python(shown(BACKEND / "train_production_model.py"), *options)


def to_train(settings: Settings, remedy: str) -> tuple[str, str | None]:
    """``remedy``, which is or ends with a training, and the command for it; None where the page is to be used, as a
    database knows who consented."""
    if settings.has_database:
        return f"{remedy} Trainings are started on the page.", None
    return remedy, train()


def pip_install(*what: str) -> str:
    return python("-m", "pip", "install", *what)


def venv_python() -> Path:
    """The Python of the project's own environment, whether it is there or not."""
    return ROOT / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def in_venv() -> bool:
    return sys.prefix != sys.base_prefix


def install() -> str:
    """Install what is pinned: into the environment that runs, else into one made for it."""
    if in_venv():
        return pip_install("-r", shown(REQUIREMENTS))
    if os.name != "nt" and shutil.which("make") and (ROOT / "Makefile").is_file():
        return line("make", "setup") if Path.cwd() == ROOT else line("make", "-C", shown(ROOT), "setup")
    venv = shown(venv_python())
    make, fill = (
        python("-m", "venv", shown(ROOT / ".venv")),
        line(venv, "-m", "pip", "install", "-r", shown(REQUIREMENTS)),
    )
    return f"{make} && {fill}"


def set_variable(name: str, value: str) -> str:
    """For the shell that starts the server."""
    return f'set "{name}={value}"' if os.name == "nt" else f"export {name}={shlex.quote(value)}"


def unset_variable(name: str) -> str:
    return f'set "{name}="' if os.name == "nt" else f"unset {name}"


def delete(path: Path) -> str:
    return line("del" if os.name == "nt" else "rm", shown(path))


def is_ours(path: Path) -> bool:
    """Whether ``path`` belongs to the account that runs."""
    return os.name != "nt" and path.stat().st_uid == os.geteuid()


def make_usable(path: Path) -> str:
    """Let the account that runs read and write ``path`` and what is in it."""
    if is_ours(path):
        return line("chmod", "-R", "u+rwX", shown(path))
    if os.name == "nt":
        return line("icacls", shown(path), "/grant", f"{os.environ.get('USERNAME', '%USERNAME%')}:F", "/t")
    return f"sudo chown -R $(id -un) {shlex.quote(shown(path))}"
