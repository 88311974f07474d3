"""Who may import whom, and what must never be in the repository.

The rules are those of the layout: the recognizer knows no server and no training, the domain knows no recognizer,
only the engines know torch, and so on. Imports are read from the source, also those inside functions.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BACKEND = ROOT / "backend"
# Photos and models of the user, who may keep anything there.
NOT_SOURCE = frozenset({"dataset", "models", "instance", "__pycache__"})

COMMANDS = frozenset({"train_production_model", "test_production_model"})

# For each module or package directly under backend/: which others of ours it may import.
MAY_IMPORT: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "outages": frozenset(),
    "interrupts": frozenset(),
    # the modules that are the settings
    "setting_kinds": frozenset({"errors"}),
    "settings_of_recognition": frozenset({"setting_kinds"}),
    "settings_of_service": frozenset({"setting_kinds"}),
    "settings_of_cluster": frozenset({"setting_kinds"}),
    "config": frozenset(
        {"settings_of_cluster", "settings_of_recognition", "settings_of_service", "setting_kinds", "errors"}
    ),
    # how ids of students are compared
    "student_ids": frozenset(),
    "recognizer": frozenset({"outages", "student_ids", "errors"}),
    "training": frozenset({"recognizer", "student_ids", "errors"}),
    "attendance": frozenset({"outages", "student_ids", "errors"}),
    # rendered people for the demo and the tests
    "sample_class": frozenset({"errors"}),
    # what joins the domain with recognition and training, and knows no web
    "operations": frozenset({"attendance", "recognizer", "training", "student_ids", "errors"}),
    # recognition and training on the machines of a cluster
    "cluster": frozenset({"live_recognition", "operations", "training", "recognizer", "config", "outages", "errors"}),
    # the recognizer that the settings describe
    "live_recognition": frozenset({"operations", "recognizer", "config", "errors"}),
    "api": frozenset({"operations", "attendance", "recognizer", "outages", "errors"}),
    # the data folder and the command line of the server, which takes its application as an argument
    "data_folder": frozenset({"attendance", "recognizer", "config", "errors"}),
    "listening": frozenset({"config", "errors"}),
    "connections": frozenset(),
    # what looks at everything, and changes nothing
    "diagnosis": frozenset(
        {
            *("operations", "attendance", "training", "recognizer", "student_ids"),
            *("data_folder", "listening", "config", "setting_kinds", "errors"),
        }
    ),
    "serving": frozenset(
        {
            "cluster",
            "diagnosis",
            "data_folder",
            "connections",
            "listening",
            "operations",
            "attendance",
            "config",
            "errors",
            "interrupts",
        }
    ),
    # gunicorn's own settings
    "gunicorn": frozenset(),
    "app": frozenset(
        {
            *(
                "api",
                "cluster",
                "live_recognition",
                "operations",
                "attendance",
                "training",
                "recognizer",
                "student_ids",
            ),
            *("serving", "diagnosis", "data_folder", "config", "setting_kinds", "errors"),
        }
    ),
    # a second place where the parts meet: a school that does not exist, made and served
    "demonstration": frozenset(
        {
            *("app", "sample_class", "operations", "attendance", "training", "recognizer"),
            *("serving", "listening", "config", "errors"),
        }
    ),
    "demo": frozenset({"demonstration", "errors", "interrupts"}),
    **{
        command: frozenset({"cluster", "training", "recognizer", "config", "errors", "interrupts"})
        for command in COMMANDS
    },
}

ENGINES = ("recognizer.engines",)
IMAGE_MODULES = (
    "recognizer.images",
    "recognizer.crops",
    "recognizer.resampling",
    "recognizer.drawing",
    "training.conditions",
)
WEB = ("api", "app")

# Packages of others that only some of our modules may import.
KEPT_TO: dict[str, tuple[str, ...]] = {
    "torch": ENGINES,
    "torchvision": ENGINES,
    "facenet_pytorch": ENGINES,
    "openvino": ENGINES,
    "numba": ("recognizer.compiled",),
    "ray": ("cluster",),
    "fsspec": ("cluster",),
    "cv2": IMAGE_MODULES,
    "sqlalchemy": ("attendance",),
    "alembic": ("attendance",),
    "psycopg": ("attendance",),
    "flask": WEB,
    "flask_cors": WEB,
    "werkzeug": WEB,
    "flask_smorest": WEB,
    "flask_limiter": WEB,
    "flask_wtf": WEB,
    "marshmallow": WEB,
}

# Built so that this file does not hold what it looks for. An address such as example.org/home/ is no path, and
# "me" and "you" stand for nobody.
START = rb"(?<![\w.~/-])"
PERSONAL = {
    "a path in somebody's home folder": re.compile(
        START + rb"/(?:home|Users)/(?!(?:me|you)/)[\w.-]+/|" + START + rb"/(?:root)/"
    ),
    "a path in a work folder": re.compile(START + rb"/(?:work|workspace)/"),
    "a path in a Windows home folder": re.compile(rb"(?i)\b[a-z]:[\\/]{1,2}(?:Users)[\\/]{1,2}[\w.-]+[\\/]"),
    "a private key": re.compile(rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----"),
}


def module_name(path: Path) -> str:
    """``recognizer.engines.base`` for backend/recognizer/engines/base.py; a package for its __init__.py."""
    parts = path.relative_to(BACKEND).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def breaches(module: str, source: str, *, is_package: bool = False) -> list[str]:
    """What the source of ``module`` does against the rules, one sentence for each, in the order of the lines."""
    layer = module.split(".")[0]
    if layer not in MAY_IMPORT:
        return [f"{module}: no rule says what it may import; add one to MAY_IMPORT"]
    tree = ast.parse(source)
    package = module if is_package else module.rpartition(".")[0]
    found = []
    for line, imported in sorted(_imports(tree, package)):
        target = imported.split(".")[0]
        if target in MAY_IMPORT and target != layer and target not in MAY_IMPORT[layer]:
            found.append(f"{module}, line {line}: {layer} must not import {imported}")
        allowed = KEPT_TO.get(target)
        if allowed is not None and not any(module == home or module.startswith(f"{home}.") for home in allowed):
            found.append(f"{module}, line {line}: {target} may only be imported in {', '.join(allowed)}")
    if layer == "recognizer":
        found += [f"{module}, line {line}: prints; only commands print" for line in _prints(tree)]
    return found


def _imports(tree: ast.Module, package: str) -> set[tuple[int, str]]:
    """(line, absolute module) of every import, also inside functions and through importlib with a fixed name."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {(node.lineno, alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            # "from . import x" at the top level imports x itself
            found |= {(node.lineno, base)} if base else {(node.lineno, alias.name) for alias in node.names}
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in {"import_module", "__import__"} and isinstance(node.args[0].value, str):
                found.add((node.lineno, node.args[0].value))
    return found


def _prints(tree: ast.Module) -> list[int]:
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]


def _sources() -> Iterator[Path]:
    for path in sorted(BACKEND.rglob("*.py")):
        if path.relative_to(BACKEND).parts[0] not in NOT_SOURCE:
            yield path


def test_every_module_keeps_the_import_rules() -> None:
    sources = list(_sources())
    checked = {module_name(path) for path in sources}
    assert {"errors", "config", "recognizer.images", "recognizer.engines.torch_engine", "training"} <= checked
    found = [
        breach
        for path in sources
        for breach in breaches(
            module_name(path), path.read_text(encoding="utf-8"), is_package=path.name == "__init__.py"
        )
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("module", "source", "reported"),
    [
        ("errors", "import config", "errors must not import config"),
        ("setting_kinds", "import config", "setting_kinds must not import config"),
        ("config", "from recognizer.detector import DetectorConfig", "config must not import recognizer.detector"),
        ("recognizer.loader", "from config import Settings", "recognizer must not import config"),
        ("recognizer.loader", "from setting_kinds import Whole", "recognizer must not import setting_kinds"),
        ("recognizer.loader", "import os\nimport training.trainer", "line 2: recognizer must not import training"),
        ("recognizer.loader", "def f():\n    from training import trainer", "line 2: recognizer must not"),
        ("recognizer.loader", "from ..training import trainer", "recognizer must not import training"),
        ("recognizer.loader", "import importlib\nimportlib.import_module('api')", "recognizer must not import api"),
        ("recognizer.loader", "x = __import__('flask')", "flask may only be imported in api, app"),
        ("recognizer.loader", "import torch", "torch may only be imported in recognizer.engines"),
        ("recognizer.engines_too", "import torch", "torch may only be imported in recognizer.engines"),
        ("recognizer.loader", "if TYPE_CHECKING:\n    import torch.nn as nn", "line 2: torch may only"),
        ("recognizer.detector", "from facenet_pytorch import MTCNN", "facenet_pytorch may only"),
        ("recognizer.detector", "from torchvision.ops import nms", "torchvision may only"),
        ("recognizer.detector", "import openvino", "openvino may only"),
        ("recognizer.loader", "x = importlib.import_module('fsspec')", "fsspec may only be imported in cluster"),
        ("recognizer.detector", "import cv2", "cv2 may only be imported in recognizer.images"),
        ("recognizer.detector", "def f():\n    print('found')", "line 2: prints"),
        ("training.trainer", "import config", "training must not import config"),
        ("training.trainer", "from attendance import marks", "training must not import attendance"),
        ("training.trainer", "import sqlalchemy.orm", "sqlalchemy may only be imported in attendance"),
        ("attendance.marks", "from recognizer.types import Identity", "attendance must not import recognizer"),
        ("attendance.marks", "from flask import session", "flask may only be imported in api, app"),
        ("api.people", "from training import trainer", "api must not import training"),
        ("api.people", "import config", "api must not import config"),
        ("api.people", "from sqlalchemy import select", "sqlalchemy may only be imported in attendance"),
        ("train_production_model", "import app", "train_production_model must not import app"),
        ("test_production_model", "from attendance import marks", "test_production_model must not import attendance"),
        ("serving", "import app", "serving must not import app"),
        ("data_folder", "import serving", "data_folder must not import serving"),
        ("app", "import train_production_model", "app must not import train_production_model"),
        ("diagnosis.model", "import serving", "diagnosis must not import serving"),
        ("diagnosis.database", "import sqlalchemy", "sqlalchemy may only be imported in attendance"),
        ("demonstration.walk_in", "from api import auth", "demonstration must not import api"),
        ("demonstration.past", "from sqlalchemy import select", "sqlalchemy may only be imported in attendance"),
        ("demonstration.running", "from flask import Flask", "flask may only be imported in api, app"),
        ("demo", "from sample_class import clip", "demo must not import sample_class"),
        ("app", "from demonstration import today", "app must not import demonstration"),
        ("helpers", "", "no rule says what it may import"),
    ],
)
def test_a_breach_is_reported(module: str, source: str, reported: str) -> None:
    found = breaches(module, source)
    assert len(found) == 1, found
    assert reported in found[0]
    assert found[0].startswith(module)


def test_every_breach_of_a_module_is_reported() -> None:
    source = "import torch, cv2\nfrom flask import g\nprint(1)\n"
    assert len(breaches("recognizer.loader", source)) == 4


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("config", "from errors import ConfigurationError\nimport setting_kinds"),
        ("recognizer.loader", "import recognizer.types\nfrom errors import ModelError\nfrom . import artifact"),
        ("recognizer.engines.torch_engine", "import torch\nfrom facenet_pytorch import MTCNN\nfrom ..types import X"),
        ("recognizer.images", "import cv2"),
        ("training.trainer", "import sklearn\nfrom recognizer import embeddings\nprint('a progress bar does this')"),
        ("attendance.marks", "import sqlalchemy"),
        ("api.people", "import flask\nfrom attendance import marks\nfrom recognizer.types import Identity"),
        ("app", "import flask, api, attendance, recognizer, training, config, errors"),
        ("train_production_model", "import training, recognizer, config, errors\nprint('done')"),
        # the name of a module in a text or a comment is no import
        ("recognizer.loader", "'import torch'  # import flask\nlogger.print('x')"),
    ],
)
def test_what_is_allowed_is_not_reported(module: str, source: str) -> None:
    assert breaches(module, source) == []


def test_a_relative_import_in_a_package_starts_at_the_package() -> None:
    assert breaches("recognizer", "from .engines import base", is_package=True) == []
    assert breaches("recognizer.engines", "from ...training import trainer", is_package=True) != []


def personal_content(content: bytes) -> list[str]:
    """What of ``PERSONAL`` is in ``content``."""
    return [what for what, pattern in PERSONAL.items() if pattern.search(content)]


def test_no_tracked_file_holds_a_personal_path_or_a_private_key() -> None:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so there is no list of tracked files")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    # a file may be deleted and not yet committed so
    paths = [path for path in (ROOT / name.decode() for name in listed.split(b"\0") if name) if path.is_file()]
    assert BACKEND / "errors.py" in paths
    found = [f"{path.relative_to(ROOT)}: {what}" for path in paths for what in personal_content(path.read_bytes())]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("parts", "what"),
    [
        (("open('", "/home", "/ada/photos/1.jpg')"), "a path in somebody's home folder"),
        (("/home", "/media/1.jpg"), "a path in somebody's home folder"),
        (("/Users", "/ada/model.pkl"), "a path in somebody's home folder"),
        (('"', "/root", '/.cache/x"'), "a path in somebody's home folder"),
        (("cd ", "/work", "/main"), "a path in a work folder"),
        (("\0\1", "/work", "/shared\0"), "a path in a work folder"),
        (("C:", "\\Users", "\\ada\\model.pkl"), "a path in a Windows home folder"),
        (("'c:", "\\\\Users", "\\\\ada\\\\x'"), "a path in a Windows home folder"),
        (("-----BEGIN ", "PRIVATE KEY-----"), "a private key"),
        (("-----BEGIN RSA ", "PRIVATE KEY-----"), "a private key"),
        (("-----BEGIN OPENSSH ", "PRIVATE KEY-----"), "a private key"),
    ],
)
def test_personal_content_is_found(parts: tuple[str, ...], what: str) -> None:
    assert personal_content("".join(parts).encode()) == [what]


@pytest.mark.parametrize(
    "harmless",
    [
        b"https://example.org/home/ada/index.html",
        b"../shared/data, ~%s/photos, frame%s/x, /homework/, /usr/lib/python3/x" % (b"/work", b"/work"),
        b"-----BEGIN PUBLIC KEY-----",
        b"/home/me/.cache/smartattendance, /Users/you/Pictures/",
        b"C:\\Program Files\\Python",
    ],
)
def test_harmless_content_is_not_reported(harmless: bytes) -> None:
    assert personal_content(harmless) == []
