"""The commands that README.md gives can be given: targets, scripts, options and endpoints are there."""

from __future__ import annotations

import argparse
import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import app
import demo
import serving
import test_production_model as testing
import train_production_model as training
from support.endpoints import is_endpoint

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PARSERS: dict[str, Callable[[], argparse.ArgumentParser]] = {
    "app.py": serving._parser,
    "demo.py": demo._parser,
    "train_production_model.py": training._parser,
    "test_production_model.py": testing._parser,
}
# Blocks that show something else than commands begin so.
PICTURES = ("backend/\n",)
# In the text, code that begins so is a command; what is not in this list may be anything.
IN_TEXT = ("make ", "cd ", "python ", "curl ", "gunicorn ")
BODIES = {"-d", "--data", "--data-binary", "--json", "-F", "--form"}
WITH_VALUE = BODIES | {"-H", "--header", "-X", "--request", "-b", "--cookie", "-c", "--cookie-jar", "-o", "--output"}


def commands() -> Iterator[str]:
    """Every command of the README, in one line each."""
    blocks = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    for block in blocks.findall(README):
        if not block.startswith(PICTURES):
            yield from (line for line in block.replace("\\\n", " ").splitlines() if line.strip())
    # what a table has as \| is a | for the reader
    for code in re.findall(r"`([^`\n]+)`", blocks.sub("", README).replace("\\|", "|")):
        if code.startswith(IN_TEXT):
            yield code


COMMANDS = sorted(set(commands()))


@pytest.mark.parametrize("command", COMMANDS)
def test_command(command: str) -> None:
    folder = ROOT
    words = shlex.split(command, comments=True)
    while "&&" in words:
        cut = words.index("&&")
        folder = check(words[:cut], folder)
        words = words[cut + 1 :]
    check(words, folder)


def test_commands_are_found_in_blocks_and_in_the_text() -> None:
    found = {command.split()[0] for command in COMMANDS}
    assert found >= {"make", "cd", "python"}


def check(words: list[str], folder: Path) -> Path:
    """Fail unless these ``words`` are a command that can be given in ``folder``; the folder afterwards."""
    program, arguments = words[0], words[1:]
    if program == "cd":
        assert (folder / arguments[0]).is_dir(), f"there is no folder {arguments[0]}"
        return folder / arguments[0]
    if Path(program).name in ("python", "python3"):
        check_python(arguments, folder)
    else:
        assert program in CHECKS, f"{program}: say in this test how to check it"
        CHECKS[program](arguments)
    return folder


def check_python(arguments: list[str], folder: Path) -> None:
    if arguments[0] == "-m":
        assert (ROOT / "backend" / f"{arguments[1]}.py").is_file(), arguments[1]
        return
    # in the text the folder is said around it
    script = next((each for each in (folder, ROOT / "backend") if (each / arguments[0]).is_file()), None)
    assert script is not None, f"there is no {arguments[0]}"
    name = Path(arguments[0]).name
    if name in PARSERS:
        check_options(PARSERS[name](), arguments[1:])


def check_options(parser: argparse.ArgumentParser, arguments: list[str]) -> None:
    """arguments: what may be left out in brackets, and words in the place of values."""
    given = [word.strip("[]") for word in arguments]
    commands = subcommands(parser)
    if commands and given and not given[0].startswith("-"):
        assert given[0] in commands, f"{parser.prog} has no command {given[0]}"
        parser = commands[given[0]]
    for word in given:
        if word.startswith("-"):
            assert word in parser._option_string_actions, f"{parser.prog} has no option {word}"


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return {name: each for action in found for name, each in action.choices.items()}


def check_make(arguments: list[str]) -> None:
    names = [word for word in arguments if "=" not in word]
    variables = dict(word.split("=", 1) for word in arguments if "=" in word)
    for name in names:
        assert re.search(rf"^{re.escape(name)}:", MAKEFILE, re.MULTILINE), f"the Makefile has no target {name}"
    for variable in variables:
        assert re.search(rf"^{variable} \?=", MAKEFILE, re.MULTILINE), f"the Makefile has no variable {variable}"
    for name in names if "ARGS" in variables else ():
        recipe = re.search(rf"^{name}:.*\n\t(.* )\$\(ARGS\)", MAKEFILE, re.MULTILINE)
        assert recipe, f"make {name} takes no ARGS"
        before = shlex.split(recipe[1].replace("$(VENV_PYTHON)", "python"))
        script = next((word for word in before if Path(word).name in PARSERS), None)
        if script:
            given = before[before.index(script) + 1 :] + shlex.split(variables["ARGS"])
            check_options(PARSERS[Path(script).name](), given)


def check_gunicorn(arguments: list[str]) -> None:
    config = pytest.importorskip("gunicorn.config", reason="gunicorn runs on POSIX only", exc_type=ImportError)
    parsed = config.Config().parser().parse_args(arguments)
    assert parsed.args == ["app:create_app()"] and callable(app.create_app)
    assert (ROOT / parsed.config).is_file() and (ROOT / parsed.chdir / "app.py").is_file()


def check_curl(arguments: list[str]) -> None:
    options: dict[str, str] = {}
    addresses = []
    words = iter(arguments)
    for word in words:
        if word in WITH_VALUE:
            options[word] = next(words)
        elif not word.startswith("-"):
            addresses.append(word)
    [address] = addresses
    body = next((options[name] for name in BODIES if name in options), None)
    method = options.get("-X") or options.get("--request") or ("GET" if body is None else "POST")
    path = urlsplit(address if "://" in address else f"http://{address}").path
    assert is_endpoint(method, path), f"the API has no {method} {path}"
    if body is not None and not body.startswith(("@", "$")):
        json.loads(body)


def check_batch(_: list[str]) -> None:
    """Its name is all there is to it."""


CHECKS: dict[str, Callable[[list[str]], None]] = {
    "make": check_make,
    "gunicorn": check_gunicorn,
    "curl": check_curl,
    **{path.name: check_batch for path in ROOT.glob("*.bat")},
}


@pytest.mark.parametrize(
    "wrong",
    [
        "make nothing",
        'make train ARGS="--clasifier svm"',
        "cd frontent && python app.py",
        "cd backend && python apps.py",
        "cd backend && python app.py chek",
        "cd backend && python app.py check --mend",
        "python -m confg",
        "gunicorn -c backend/gunicorn.conf.py --chdir backend app:app",
        "curl -X POST localhost:8000/api/v1/sessions/1/opn",
        "curl -X DELETE localhost:8000/api/v1/sessions/1",
        "curl localhost:8000/api/v1/tokens -d '{not json}'",
        "mystery --now",
    ],
)
def test_a_wrong_command_is_found(wrong: str) -> None:
    with pytest.raises((AssertionError, ValueError)):
        test_command(wrong)
