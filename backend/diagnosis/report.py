"""The findings on a screen, or as one document for programs."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol, TextIO

from diagnosis.finding import Finding, Status
from diagnosis.wording import count

FORMAT = 1
"""Raised when a program that reads the document would have to be changed; a further field is no reason."""

WIDEST = 80
_MARK, _LABEL = 9, 16
_COLOURS = {Status.OK: "32", Status.NOTE: "33", Status.PROBLEM: "31;1"}


class Shown(Protocol):
    def add(self, finding: Finding) -> None: ...

    def end(self) -> None:
        """To be called when there are no more findings."""
        ...


class Screen:
    """For people: in 80 columns, each finding as soon as it is known."""

    def __init__(self, stream: TextIO, environ: Mapping[str, str]) -> None:
        self._stream = stream
        self._counts = dict.fromkeys(Status, 0)
        # https://no-color.org
        self._coloured = stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
        self._width = max(50, min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns))

    def add(self, finding: Finding) -> None:
        self._counts[finding.status] += 1
        indent = " " * (_MARK + _LABEL)
        first = f"{finding.status.value:{_MARK}}{finding.label + '  ':{_LABEL}}"
        text = textwrap.fill(
            finding.found,
            self._width,
            initial_indent=first,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        mark = finding.status.value
        self._say(self._colour(finding.status, mark) + text[len(mark) :])
        if finding.remedy is not None:
            self._say(
                textwrap.fill(
                    finding.remedy,
                    self._width,
                    initial_indent=f"{' ' * _MARK}> ",
                    subsequent_indent=f"{' ' * _MARK}  ",
                    break_long_words=False,
                    break_on_hyphens=False,
                )
            )
        if finding.command is not None:  # never broken: it is there to be copied
            self._say(f"{' ' * _MARK}  {finding.command}")

    def end(self) -> None:
        problems, notes = self._counts[Status.PROBLEM], self._counts[Status.NOTE]
        parts = [count(problems, "problem") if problems else "No problem"]
        if notes:
            parts.append(count(notes, "note"))
        self._say(f"\n{', '.join(parts)}. Nothing was changed.")

    def _colour(self, status: Status, text: str) -> str:
        return f"\033[{_COLOURS[status]}m{text}\033[0m" if self._coloured else text

    def _say(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


class Document:
    """For programs: one JSON document, when everything was looked at."""

    def __init__(self, stream: TextIO, now: datetime) -> None:
        self._stream, self._now = stream, now
        self._findings: list[Finding] = []

    def add(self, finding: Finding) -> None:
        self._findings.append(finding)

    def end(self) -> None:
        counts = {status.value: sum(each.status is status for each in self._findings) for status in Status}
        document = {
            "format": FORMAT,
            "checked_at": self._now.isoformat(timespec="seconds"),
            "status": next((status.value for status in reversed(Status) if counts[status.value]), Status.OK.value),
            "counts": counts,
            "findings": [
                {
                    "code": each.code,
                    "label": each.label,
                    "status": each.status.value,
                    "found": each.found,
                    "remedy": each.remedy,
                    "command": each.command,
                }
                for each in self._findings
            ],
        }
        print(json.dumps(document, indent=2, ensure_ascii=True), file=self._stream)
