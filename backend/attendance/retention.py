"""What is kept for how long, and the evidence that what was due was deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, delete, or_, select
from sqlalchemy.orm import Session

from attendance import audit
from attendance.actor import Actor
from attendance.models import Frame, Login, OneTimeLink, RetentionRun, ReviewItem, Sighting
from attendance.policy import Policy

_ROWS_AT_ONCE = 2000
# Runs in which nothing was due say no more than that they happened; one a day says it.
_EMPTY_RUN_EVERY = timedelta(days=1)
_LONGEST_PROBLEM = 1000  # characters, of the column


def policy_of(policy: Policy) -> dict[str, Any]:
    """How long things are kept, in days."""
    return {
        "review_crop_days": policy.review_crops / timedelta(days=1),
        "frame_record_days": policy.frame_records / timedelta(days=1),
    }


def runs(db: Session, limit: int = 20) -> Sequence[RetentionRun]:
    """The last runs, the latest first."""
    return db.scalars(select(RetentionRun).order_by(RetentionRun.id.desc()).limit(limit)).all()


def delete_sightings(db: Session, policy: Policy, now: datetime) -> int:
    """Delete a part of the sightings that are older than the policy keeps them, with the review items about them; how
    many sightings. Those whose crop is still there wait for its deletion. Call it until it gives 0."""
    due = (
        select(Sighting.id)
        .where(Sighting.received_at < now - policy.frame_records, Sighting.crop_path.is_(None))
        .order_by(Sighting.id)
        .limit(_ROWS_AT_ONCE)
    )
    ids = list(db.scalars(due))
    if ids:
        _delete(db, ReviewItem, ReviewItem.sighting_id.in_(ids))
        _delete(db, Sighting, Sighting.id.in_(ids))
    return len(ids)


def delete_frames(db: Session, policy: Policy, now: datetime) -> int:
    """Delete a part of the frames of which no sighting is left and that are old or left nothing behind; how many. Call
    it until it gives 0."""
    due = (
        select(Frame.id)
        .where(Frame.received_at < now - policy.frame_records, Frame.id.not_in(select(Sighting.frame_id)))
        .order_by(Frame.id)
        .limit(_ROWS_AT_ONCE)
    )
    ids = list(db.scalars(due))
    if ids:
        _delete(db, Frame, Frame.id.in_(ids))
    return len(ids)


def delete_logins(db: Session, now: datetime) -> int:
    """Delete the logins that have ended; how many."""
    return _delete(db, Login, Login.expires_at <= now)


def delete_links(db: Session, now: datetime) -> int:
    """Delete the one-time links that are used up or too old; how many."""
    return _delete(db, OneTimeLink, or_(OneTimeLink.expires_at <= now, OneTimeLink.used_at.is_not(None)))


def note_run(
    db: Session, actor: Actor, deleted: Mapping[str, int], problem: str | None, started_at: datetime, now: datetime
) -> RetentionRun | None:
    """Write down a run. deleted: counts by kind. None for one in which nothing was due, when there was one such on the
    same day already."""
    counts = {kind: count for kind, count in deleted.items() if count}
    if not counts and problem is None and actor.user_id is None:
        last = select(RetentionRun.id).where(RetentionRun.started_at > now - _EMPTY_RUN_EVERY)
        if db.scalar(last.limit(1)) is not None:
            return None
    run = RetentionRun(
        started_at=started_at,
        finished_at=now,
        deleted=counts,
        problem=None if problem is None else problem[:_LONGEST_PROBLEM],
    )
    db.add(run)
    db.flush()
    if counts or actor.user_id is not None:
        audit.record(db, actor, "retention.run", "retention_run", run.id, now, deleted=counts)
    return run


def _delete(db: Session, table: Any, condition: Any) -> int:
    done = db.execute(delete(table).where(condition).execution_options(synchronize_session=False))
    return cast(CursorResult[Any], done).rowcount
