"""Deleting what is due, and leaving evidence of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from attendance import crops_kept, face_images, retention
from attendance.actor import Actor, system_actor
from attendance.clock import Clock
from attendance.database import Database
from attendance.models import RetentionRun
from attendance.policy import Policy
from operations import review_crops
from operations.face_files import logged
from operations.face_keeping import FaceKeeper

_logger = logging.getLogger(__name__)


@dataclass
class _Run:
    deleted: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def do(self, kind: str, step: Callable[[], int]) -> None:
        """One kind; that one fails keeps no other from being deleted."""
        try:
            self.deleted[kind] = step()
        except Exception as error:
            _logger.error("retention: %s could not be deleted, it is tried again: %s", kind, logged(error))
            self.problems.append(f"{kind} could not all be deleted; the log says why, it is tried again")


class Retention:
    """Thread-safe; two runs at once do no harm, and each writes down what it deleted itself."""

    def __init__(self, database: Database, policy: Policy, clock: Clock, crops: Path, faces: FaceKeeper) -> None:
        self._database, self._policy, self._clock = database, policy, clock
        self._crops, self._faces = crops, faces

    def run(self, now: datetime, actor: Actor | None = None) -> RetentionRun | None:
        """Delete everything that is due by ``now``. actor: who asked for it; default: the server. None when nothing was
        due and a run of today says so already."""
        run = _Run()
        run.do("review_crops", lambda: self._review_crops(now))
        run.do("face_images", lambda: self._face_images(now))
        run.do("sightings", lambda: self._in_parts(lambda db: retention.delete_sightings(db, self._policy, now)))
        run.do("frames", lambda: self._in_parts(lambda db: retention.delete_frames(db, self._policy, now)))
        run.do("logins", lambda: self._once(lambda db: retention.delete_logins(db, now)))
        run.do("one_time_links", lambda: self._once(lambda db: retention.delete_links(db, now)))
        with self._database.writing() as db:
            noted = retention.note_run(
                db,
                actor or system_actor(),
                run.deleted,
                "; ".join(run.problems) or None,
                now,
                self._clock.now(),
            )
        if any(run.deleted.values()):
            self._database.empty_log()
        return noted

    def _review_crops(self, now: datetime) -> int:
        deleted = review_crops.delete_due(self._database, self._crops, now)
        with self._database.reading() as db:
            left = crops_kept.due_paths(db, now)
        if left:
            raise OSError(f"{len(left)} crops are left")
        return deleted

    def _face_images(self, now: datetime) -> int:
        with self._database.writing() as db:
            due = face_images.expire(db, now)
        if not due:
            return 0
        with self._faces.files.locked(self._database):
            deleted = self._faces.erase(due)
        if deleted < len(due):
            raise OSError(f"{len(due) - deleted} face images are left")
        return deleted

    def _once(self, step: Callable[..., int]) -> int:
        with self._database.writing() as db:
            return step(db)

    def _in_parts(self, step: Callable[..., int]) -> int:
        """Short transactions, so that marks are written meanwhile."""
        total = 0
        while count := self._once(step):
            total += count
        return total
