"""Every guide and the program say the same: options, settings, paths, links, targets, and what the program prints."""

from __future__ import annotations

import argparse
import ast
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import demo
import serving
import test_production_model
import train_production_model
from config import OTHER_VARIABLES, settings_table

ROOT = Path(__file__).resolve().parents[1]
# Written by others, or made on this machine.
_NOT_OURS = {"vendor", "node_modules", ".venv", ".git", ".pytest_cache", "instance", "dataset"}

TRAIN, TEST, SERVER, DEMO = (
    module._parser() for module in (train_production_model, test_production_model, serving, demo)
)
# What runs which of our commands; the words that follow are that command's own.
PROGRAMS = {
    "train_production_model.py": (TRAIN, []),
    "train_production.bat": (TRAIN, []),
    "make train": (TRAIN, []),
    "test_production_model.py": (TEST, []),
    "test_production.bat": (TEST, []),
    "app.py": (SERVER, []),
    "make serve": (SERVER, []),
    "make check": (SERVER, ["check"]),
    "demo.py": (DEMO, []),
    "demo.bat": (DEMO, []),
    "make demo": (DEMO, []),
}
# Options of other programs that the guides speak of by themselves.
FOREIGN = {"--preload": "gunicorn", "--extra-index-url": "pip"}
# Names that the program, or its user, gives to files that no checkout has.
MADE = re.compile(
    r"^((backend/(dataset|models|instance)|history|demo|dataset/processed|models/Classifier|instance)/"
    r"|compose\.override\.yaml)"
)
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]")
_CALL = re.compile(
    r"(?:^|[\s/\\\"'`(])(?P<program>(?:train_production_model|test_production_model|app|demo)\.py"
    r"|(?:train_production|test_production|demo)\.bat|make (?:train|serve|check|demo))(?![\w-])"
    r"(?P<rest>(?:[^\n;|&`)]|\\\|)*)"
)


@cache
def guides() -> tuple[Path, ...]:
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in _NOT_OURS and Path(folder, name) != ROOT / "demo"]
        found += [Path(folder, name) for name in names if name.endswith(".md")]
    return tuple(sorted(found))


each_guide = pytest.mark.parametrize("guide", guides(), ids=lambda path: path.relative_to(ROOT).as_posix())


@cache
def parts(guide: Path) -> tuple[str, tuple[tuple[str, str], ...], tuple[str, ...]]:
    """The prose without its code, the fenced blocks as (language, content), and the code within the prose."""
    text = guide.read_text(encoding="utf-8")
    fence = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
    blocks = tuple((match[1], match[2]) for match in fence.finditer(text))
    rest = fence.sub("", text)
    spans = tuple(_spelled_out(" ".join(span.split())) for span in re.findall(r"`([^`]+)`", rest))
    return re.sub(r"`[^`]+`", "", rest), blocks, spans


def _spelled_out(span: str) -> str:
    """`app.py check` in the midst of a sentence is a command; `app.py` alone is the file."""
    return f"python {span}" if re.match(r"\w+\.py ", span) else span


def calls(text: str) -> Iterator[tuple[str, list[str]]]:
    """Our programs that ``text`` runs, each with the words given to it."""
    for match in _CALL.finditer(re.sub(r"\\\n\s*", " ", text)):
        program, rest = match["program"], match["rest"].split(" #")[0]
        if program.startswith("make "):
            given = re.match(r'\s+ARGS=(["\'])(.*?)\1', rest)
            rest = given[2] if given else ""
        before = match.string[: match.start("program")].rpartition("\n")[2]
        if program.endswith(".py") and not re.search(r"python|run\.sh", before, re.IGNORECASE):
            continue  # the file, not its being run
        if rest.startswith(("'", '"')):  # the end of an argument of another program
            rest = ""
        try:
            yield program, shlex.split(rest.rstrip('"'))
        except ValueError as error:
            raise AssertionError(f"{program}{rest}: {error}") from error


def commands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(found[0]) if found else {}


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    own = {option for action in parser._actions for option in action.option_strings if option.startswith("--")}
    return own.union(*map(options_of, commands_of(parser).values()))


@each_guide
def test_the_commands_of_its_blocks_are_understood(guide: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for language, block in parts(guide)[1]:
        if language in ("text", "mermaid", "json"):
            continue
        for program, words in calls(block):
            parser, before = PROGRAMS[program]
            try:
                parser.parse_args([*before, *words])
            except SystemExit:
                pytest.fail(f"{program} {' '.join(words)}: {capsys.readouterr().err}")


@each_guide
def test_the_options_and_commands_it_names_exist(guide: Path) -> None:
    ours = {option for parser, _ in PROGRAMS.values() for option in options_of(parser)}
    for span in parts(guide)[2]:
        for program, words in calls(span):
            named = {word.split("=")[0] for word in words if word.startswith("--")}
            assert named <= options_of(PROGRAMS[program][0]), span
            if (commands := commands_of(PROGRAMS[program][0])) and words and not words[0].startswith("-"):
                assert words[0] in commands, span
        if span.startswith("--"):
            assert set(_OPTION.findall(span)) <= ours | FOREIGN.keys(), span


@each_guide
def test_the_settings_it_names_exist(guide: Path) -> None:
    known = set(re.findall(r"`(SMARTATTENDANCE_[A-Z_]+)`", settings_table())) | OTHER_VARIABLES
    named = set(re.findall(r"\bSMARTATTENDANCE_[A-Z][A-Z_]*[A-Z]\b", guide.read_text(encoding="utf-8")))
    assert named <= known


@each_guide
def test_the_make_targets_it_names_exist(guide: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    _, blocks, spans = parts(guide)
    named = {target for _, block in blocks for target in re.findall(r"^\s*make ([a-z-]+)", block, re.MULTILINE)}
    named |= {match[1] for span in spans if (match := re.match(r"make ([a-z-]+)", span))}
    assert named <= targets


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


@each_guide
def test_its_links_lead_somewhere(guide: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", parts(guide)[0]):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = guide if not path else guide.parent / path
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in map(slug, headings), target


@cache
def repository() -> tuple[str, ...]:
    """Every file that is, or is about to be, under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode:  # an archive without its history
        return tuple(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if not _NOT_OURS & set(path.parts))
    return tuple(listed.stdout.splitlines())


def is_there(name: str, guide: Path) -> bool:
    if "/" not in name:
        return any(path == name or path.endswith("/" + name) for path in repository())
    return any((base / name).exists() for base in (ROOT, ROOT / "backend", guide.parent))


@each_guide
def test_the_files_it_names_exist(guide: Path) -> None:
    _, blocks, spans = parts(guide)
    named = {span.rstrip("/") for span in spans if re.fullmatch(r"[\w./-]+\.(py|bat|html|service|example|yaml)", span)}
    folders = "backend|tests|benchmarks|docs|frontend|deploy"
    named |= {span.rstrip("/") for span in spans if re.fullmatch(rf"({folders})/[\w./-]+", span)}
    for language, block in blocks:
        if language == "mermaid":
            named |= set(re.findall(r"\b[\w./-]+/[\w.-]+\.(?:py|json)", block))
        elif language != "text":
            named |= set(re.findall(rf"(?<![\w./-])(?:{folders})/[\w./-]+\.\w+", block))
    missing = {name for name in named if not MADE.match(name + "/") and not is_there(name, guide)}
    assert not missing


@cache
def printed() -> tuple[str, ...]:
    """What stands in the program's texts between one inserted value and the next, each with its white space evened."""
    found = set()
    for path in (ROOT / "backend").rglob("*.py"):
        if "sample_class" in path.parts or "migrations" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(" ".join(node.value.split()))
    return tuple(sorted(text for text in found if len(re.findall("[a-zA-Z]", text)) >= 4))


TRAINING_GUIDES = tuple(path for path in guides() if "TRAINING" in path.name)


@pytest.mark.parametrize("guide", TRAINING_GUIDES, ids=lambda path: path.name)
def test_the_report_it_shows_is_the_one_that_is_printed(guide: Path) -> None:
    everything = "\n".join(printed())
    for language, block in parts(guide)[1]:
        for line in block.splitlines() if language == "text" else ():
            plain = " ".join(line.split())
            if not re.search("[a-z]{4}", plain) or re.match(r"\d{8}T\d{6}Z-", plain):
                continue
            # a line of the report holds at least one piece of the program's text, or is cut out of a long one
            assert plain in everything or any(piece in plain for piece in printed() if len(piece) > 8), line
            for heading in re.findall(r"^(.+)\n-{4,}$", block, re.MULTILINE):
                assert heading in printed(), heading


@pytest.mark.parametrize("guide", TRAINING_GUIDES, ids=lambda path: path.name)
def test_the_messages_it_quotes_are_those_the_program_gives(guide: Path) -> None:
    everything = "\n".join(printed())
    for span in parts(guide)[2]:
        # three words or more that are no command are a quotation
        if span.count(" ") < 2 or span.startswith("--") or any(calls(span)) or "ARGS=" in span:
            continue
        for piece in filter(None, map(str.strip, span.split("…"))):
            assert piece in everything, span


def test_the_guides_are_found_and_say_something() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in guides()}
    assert {"README.md", "PRODUCTION_TRAINING_GUIDE.md", "docs/API.md"} <= names
    assert len(list(calls("\n".join(block for _, block in parts(ROOT / "PRODUCTION_TRAINING_GUIDE.md")[1])))) >= 5
    assert len(parts(ROOT / "PRODUCTION_TRAINING_GUIDE.md")[2]) > 50


def test_the_checks_notice_what_is_wrong() -> None:
    [(program, words)] = calls('make train ARGS="--treshold 98"')
    assert PROGRAMS[program][0] is TRAIN and words == ["--treshold", "98"]
    assert [words for _, words in calls("cd backend && ../.venv/bin/python app.py chekc --repair")] == [
        ["chekc", "--repair"]
    ]
    assert not list(calls("make sure that the trainings end; gunicorn app:create_app()"))
    assert slug("2. Photos, and `more`") == "2-photos-and-more"
