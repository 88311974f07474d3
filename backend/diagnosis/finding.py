"""What the doctor says: a finding for each thing looked at, and what to do where it is not as it should be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum


class Status(str, Enum):  # noqa: UP042  (StrEnum would keep an old Python from being told that it is too old)
    OK = "ok"
    NOTE = "note"
    """Works, and should be known or could be better."""
    PROBLEM = "problem"
    """Keeps something from working, or people or data from being safe."""


@dataclass(frozen=True)
class Finding:
    """code: stable, for programs. label: what was looked at, in a word or two. found: a clause or a sentence, without
    the last full stop. remedy: what to do, a sentence; everything that is not ok has one. command: what to type for it,
    None where typing does not help."""

    code: str
    label: str
    status: Status
    found: str
    remedy: str | None = None
    command: str | None = None

    def __post_init__(self) -> None:
        if (self.status is Status.OK) != (self.remedy is None):
            raise ValueError(f"a finding has a remedy exactly when it is not ok: {self}")

    def without(self, secrets: Iterable[str]) -> Finding:
        """The same, with stars wherever it holds one of ``secrets``."""
        found, remedy, command = self.found, self.remedy, self.command
        for secret in secrets:
            found = found.replace(secret, "***")
            remedy = remedy and remedy.replace(secret, "***")
            command = command and command.replace(secret, "***")
        return replace(self, found=found, remedy=remedy, command=command)


def ok(code: str, label: str, found: str) -> Finding:
    return Finding(code, label, Status.OK, found)


def note(code: str, label: str, found: str, remedy: str, command: str | None = None) -> Finding:
    return Finding(code, label, Status.NOTE, found, remedy, command)


def problem(code: str, label: str, found: str, remedy: str, command: str | None = None) -> Finding:
    return Finding(code, label, Status.PROBLEM, found, remedy, command)
