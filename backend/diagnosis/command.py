"""``python app.py doctor``: asks every check, and shows what they found."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone

from diagnosis import address, clock, database, disk, environment, folders, machine, model, program, speed, weights
from diagnosis.case import Case
from diagnosis.finding import Finding, Status, problem
from diagnosis.report import Document, Screen
from diagnosis.wording import first_line

WELL, PROBLEMS, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130

_NOT_LOOKED_AT = "not_looked_at"

HELP = "look whether everything is as it should be, and say what to do where it is not; changes nothing"
DESCRIPTION = "Look whether everything is as it should be, and say what to do where it is not. Changes nothing."

Checks = Sequence[tuple[Callable[[Case], Iterator[Finding]], str]]

# In the order in which they are shown: what the others rest on comes first, what takes seconds last.
ALL: Checks = (
    *program.CHECKS,
    *environment.CHECKS,
    *folders.CHECKS,
    *disk.CHECKS,
    *database.CHECKS,
    *weights.CHECKS,
    *model.CHECKS,
    *address.CHECKS,
    *clock.CHECKS,
    *machine.CHECKS,
    *speed.CHECKS,
)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document, for programs")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with ``argv`` (default: the process's) and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="app.py doctor",
        description=DESCRIPTION,
        epilog=f"exit status: {WELL} no problem; {PROBLEMS} a problem; {WRONG_USAGE} wrong usage",
    )
    add_options(parser)
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as request:  # argparse has said why
        return int(request.code or 0)
    return run(as_json=arguments.json)


def run(*, as_json: bool) -> int:
    """Look, show what was found, and return the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    logging.disable(logging.CRITICAL)  # what is logged meanwhile is said in the findings
    now = datetime.now(timezone.utc)  # noqa: UP017  (for an old Python)
    shown = Document(sys.stdout, now) if as_json else Screen(sys.stdout, os.environ)
    try:
        worst = Status.OK
        for finding in _findings(now):
            shown.add(finding)
            if finding.status is Status.PROBLEM:
                worst = Status.PROBLEM
        shown.end()
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PROBLEMS
    finally:
        logging.disable(logging.NOTSET)
    return PROBLEMS if worst is Status.PROBLEM else WELL


def _findings(now: datetime) -> Iterator[Finding]:
    if sys.version_info[:2] < program.OLDEST:  # the settings cannot even be read by it
        yield from program.python(None)
        return
    yield from findings(Case.of_environment(os.environ, now))


def findings(case: Case, checks: Checks = ALL) -> Iterator[Finding]:
    """What ``checks`` find, without a secret in it. A check that fails is a finding, and the next one goes on."""
    secrets = case.secrets()
    not_looked_at: set[str] = set()
    try:
        for check, label in checks:
            for finding in _asked(check, label, case):
                if finding.code == _NOT_LOOKED_AT:
                    if label in not_looked_at:
                        continue
                    not_looked_at.add(label)
                yield finding.without(secrets)
    finally:
        case.close()


def _asked(check: Callable[[Case], Iterator[Finding]], label: str, case: Case) -> Iterator[Finding]:
    try:
        yield from check(case)
    except ImportError as error:
        yield problem(
            _NOT_LOOKED_AT,
            label,
            f"could not be looked at, because something of Python's packages is missing: {first_line(error)}",
            "Do first what is said about the packages above, then ask again.",
        )
    except Exception as error:
        yield problem(
            _NOT_LOOKED_AT,
            label,
            f"could not be looked at: {type(error).__name__}: {first_line(error)}",
            "Do first what is said above, then ask again; if it stays, report it with this line.",
        )
