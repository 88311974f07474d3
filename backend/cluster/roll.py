"""Which recognizers there are, and which model each has: they report, the server processes ask."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from recognizer.loader import LoaderStatus
from recognizer.types import EmbedderInfo, ModelInfo

NAME = "smartattendance-roll"
REPORTS_EVERY_SECONDS = 1.0
# Of a recognizer that said nothing for so long it is not known whether it lives.
_GONE_AFTER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Report:
    """Of one recognizer. replica: its id. deployment: by which ``app.py recognizers`` it was started. machine: its
    host's name. embedder: of its networks."""

    replica: str
    deployment: str
    machine: str
    embedder: EmbedderInfo
    status: LoaderStatus


class Roll:
    """The latest report of each recognizer: one actor of the cluster. Started again it is empty, and knows them again
    after a second."""

    def __init__(self) -> None:
        self._reports: dict[str, tuple[Report, float]] = {}

    def report(self, report: Report) -> None:
        self._reports[report.replica] = (report, time.monotonic())

    def reports(self) -> list[Report]:
        """Of those that are there, in the order of their ids."""
        oldest = time.monotonic() - _GONE_AFTER_SECONDS
        self._reports = {key: each for key, each in self._reports.items() if each[1] >= oldest}
        return [self._reports[key][0] for key in sorted(self._reports)]


def the_roll(ray: Any) -> Any:
    """The actor, which is made when there is none; on the head, without which there is no cluster anyway."""
    actor = ray.remote(Roll)
    return actor.options(
        name=NAME,
        lifetime="detached",
        get_if_exists=True,
        num_cpus=0,
        resources={"node:__internal_head__": 0.001},
        max_restarts=-1,
        max_task_retries=2,
    ).remote()


def summed_up(reports: list[Report]) -> LoaderStatus:
    """One status for all: the newest model that any of them has, and what keeps the others from it."""
    having = [report for report in reports if report.status.current is not None]
    if not having:
        return _refusal(LoaderStatus(None, None), reports, of=None)
    newest = max(having, key=lambda report: _order(report.status.current))
    status = LoaderStatus(newest.status.current, newest.status.loaded_at)
    return _refusal(status, reports, of=newest.status.current)


def _order(model: ModelInfo | None) -> tuple[int, str]:
    return (0, "") if model is None else (model.generation, model.created_at or "")


def _refusal(status: LoaderStatus, reports: list[Report], of: ModelInfo | None) -> LoaderStatus:
    """``status`` with the first refusal, and how many recognizers it concerns."""
    refusing = [report for report in reports if report.status.refused is not None]
    if not refusing:
        return status
    first = refusing[0]
    who = f"{len(refusing)} of {len(reports)} recognizers (the first on {first.machine})"
    return LoaderStatus(
        status.current,
        status.loaded_at,
        f"{who}: {first.status.refused}",
        first.status.refused_code,
        first.status.refused_at,
        first.status.refused_sha256,
    )
