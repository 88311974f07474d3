"""Crops of doubtful faces: which there are, and which must go. The files are dealt with in
``operations.review_crops``; the row is there before the file and after it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from attendance.models import ReviewItem, ReviewResolution, Sighting


def all_paths(db: Session) -> frozenset[str]:
    """Every crop that has a row."""
    return frozenset(path for path in db.scalars(select(Sighting.crop_path)) if path is not None)


def candidate_ids(db: Session, path: str) -> set[int] | None:
    """Whom the crop may show; None when no row knows it."""
    query = select(ReviewItem).join(ReviewItem.sighting).where(Sighting.crop_path == path)
    item = db.scalar(query)
    return None if item is None else {each["student_id"] for each in item.candidates}


def due_paths(db: Session, now: datetime) -> list[str]:
    """The crops that must be gone by ``now``."""
    query = select(Sighting.crop_path).where(Sighting.crop_path.is_not(None), Sighting.expires_at <= now)
    return [path for path in db.scalars(query) if path is not None]


def paths_of_student(db: Session, student_id: int) -> list[str]:
    """The crops that may show the student: of items in which they are a candidate, or were decided to be the one."""
    query = select(ReviewItem, Sighting.crop_path).join(ReviewItem.sighting).where(Sighting.crop_path.is_not(None))
    return [
        path
        for item, path in db.execute(query)
        if path is not None
        and (item.student_id == student_id or student_id in {each["student_id"] for each in item.candidates})
    ]


def forget(db: Session, paths: Collection[str], now: datetime) -> int:
    """Note that these files are gone; how many rows knew them. Items that nobody decided about are closed: without the
    picture nobody can."""
    gone = select(Sighting.id).where(Sighting.crop_path.in_(paths))
    db.execute(
        update(ReviewItem)
        .where(ReviewItem.sighting_id.in_(gone), ReviewItem.resolution.is_(None))
        .values(resolution=ReviewResolution.EXPIRED, resolved_at=now, version=ReviewItem.version + 1)
        .execution_options(synchronize_session=False)
    )
    done = db.execute(
        update(Sighting)
        .where(Sighting.crop_path.in_(paths))
        .values(crop_path=None, expires_at=None)
        .execution_options(synchronize_session=False)
    )
    return cast(CursorResult[Any], done).rowcount
