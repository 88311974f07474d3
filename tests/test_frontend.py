"""The page's files: vendored libraries as they were published, types of the API as the API is, texts that exist."""

from __future__ import annotations

import ast
import gzip
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import api_types

FRONTEND = Path(__file__).resolve().parents[1] / "frontend"
SCRIPTS = sorted((FRONTEND / "js").rglob("*.js"))
TEXTS = FRONTEND / "js" / "texts" / "en"
# What opens with the page before anybody is logged in, compressed.
FIRST_LOAD_BYTES = 150_000
# Keys that are made of what the server says, such as t(`status.${status}`).
MADE = re.compile(r"`([a-z_]+\.[a-z_]*)\$\{")
WRITTEN = re.compile(r"""["'`]([a-z_]+\.[a-z0-9_]+)["'`]""")
IMPORTED = re.compile(r"""(?:^|\n)\s*(?:import|export)[^;]*?from\s*["'](\.[^"']+)["']""")
KEY = re.compile(r'^  "([a-z_]+\.[A-Za-z0-9_]+)":', re.MULTILINE)


def texts() -> dict[str, str]:
    """Key -> the file it is in."""
    return {key: path.name for path in sorted(TEXTS.glob("*.js")) for key in KEY.findall(path.read_text("utf-8"))}


def test_vendored_files_are_those_that_are_listed() -> None:
    listed = {"VERSIONS.json", "update.py"}
    for package in json.loads((FRONTEND / "vendor" / "VERSIONS.json").read_text("utf-8"))["packages"]:
        assert package["version"] and package["licence"]
        for file in package["files"]:
            content = (FRONTEND / "vendor" / file["file"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == file["sha256"], file["file"]
            listed.add(file["file"])
        assert any(file["file"].startswith("licences/") for file in package["files"]), package["name"]
    there = {path.relative_to(FRONTEND / "vendor").as_posix() for path in (FRONTEND / "vendor").rglob("*.*")}
    assert {name for name in there if not name.endswith(".d.mts")} == listed


def test_the_types_of_the_api_are_those_of_the_api(tmp_path: Path) -> None:
    current = api_types.typescript(api_types.document_of_the_api(tmp_path))
    assert (FRONTEND / "types" / "api.d.ts").read_text("utf-8") == current, (
        "made anew by: cd tests && python -m support.api_types"
    )


def test_every_text_that_is_named_exists_and_each_is_named_once() -> None:
    known = texts()
    scripts = {path: path.read_text("utf-8") for path in SCRIPTS if TEXTS not in path.parents}
    used = set()
    for path, script in scripts.items():
        for key in re.findall(r"""\bt\(\s*["'`]([^"'`$]+)["'`]""", script):
            assert key in known, f"{path.name} says t({key!r})"
        used |= set(WRITTEN.findall(script))
    beginnings = tuple({begin for script in scripts.values() for begin in MADE.findall(script) if begin})
    unused = [key for key in known if key not in used and not key.startswith(beginnings)]
    assert not unused, f"texts that nothing shows: {unused}"
    every = [key for path in TEXTS.glob("*.js") for key in KEY.findall(path.read_text("utf-8"))]
    assert len(every) == len(set(every)), "a key is in two files"


def test_every_act_that_the_audit_notes_has_words() -> None:
    acts = {act for package in ("attendance", "operations") for act in noted(FRONTEND.parent / "backend" / package)}
    assert len(acts) > 50
    known = texts()
    assert [act for act in sorted(acts) if f"action.{act.replace('.', '_')}" not in known] == []


def noted(package: Path) -> Iterator[str]:
    """What is said to whatever writes to the audit."""
    for path in package.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(call, ast.Call) or ast.unparse(call.func) not in ("audit.record", "_note"):
                continue
            for word in (node for argument in call.args for node in ast.walk(argument)):
                if isinstance(word, ast.Constant) and re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", str(word.value)):
                    yield word.value


def test_the_page_keeps_to_its_security_policy() -> None:
    page = (FRONTEND / "index.html").read_text("utf-8")
    assert not re.search(r"<style|\son[a-z]+=|\sstyle=|javascript:", page)
    assert re.findall(r"<script[^>]*>", page) == ['<script type="module" src="js/app.js">']
    for path in SCRIPTS:
        script = path.read_text("utf-8")
        assert not re.search(r"\beval\(|new Function\(|innerHTML|dangerouslySetInnerHTML", script), path.name
        assert script.startswith("// @ts-check\n"), path.name
    for address in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert (FRONTEND / address).is_file(), address


def test_only_one_module_fetches_and_one_asks_for_the_camera() -> None:
    for word, owner in ((r"\bfetch\(", "api.js"), (r"getUserMedia", "camera.js")):
        users = [path.name for path in SCRIPTS if re.search(word, path.read_text("utf-8"))]
        assert users == [owner]


def test_the_first_load_is_small() -> None:
    page = FRONTEND / "index.html"
    waiting = [FRONTEND / address for address in re.findall(r'(?:src|href)="([^"]+)"', page.read_text("utf-8"))]
    loaded = {page}
    while waiting:
        path = waiting.pop().resolve()
        if path in loaded:
            continue
        loaded.add(path)
        if path.suffix in (".js", ".mjs"):
            named = re.findall(
                r"""(?:^|\n)\s*(?:import|export)[^;]*?from\s*["'](\.[^"']+)["']""", path.read_text("utf-8")
            )
            waiting += [path.parent / name for name in named]
    assert len(loaded) > 20, "the modules were not followed"
    total = sum(len(gzip.compress(path.read_bytes())) for path in loaded)
    print(f"{total} bytes compressed, in {len(loaded)} files")
    assert total < FIRST_LOAD_BYTES, f"{total} bytes in {len(loaded)} files"


def test_the_types_of_the_page_are_right() -> None:
    compiler = FRONTEND / "node_modules" / ".bin" / "tsc"
    if not compiler.exists() or not shutil.which("node"):
        pytest.skip("the TypeScript compiler is not installed (cd frontend && npm ci)")
    done = subprocess.run([str(compiler), "-p", "."], cwd=FRONTEND, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
