"""The models this server has seen, and who in a model may not be named."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from attendance import audit
from attendance.actor import system_actor
from attendance.models import Consent, ModelVersion, Student
from student_ids import key_of

_AT_ONCE = 500  # ids in one statement


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a model. trained_at: aware, None when the model does not say. embedder: its id. generation:
    higher of one that was put to use later, 0 when that is not known."""

    version: str
    sha256: str
    trained_at: datetime | None
    student_count: int
    embedder: str | None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    thresholds: Mapping[str, Any] = field(default_factory=dict)
    generation: int = 0


def note(db: Session, model: Seen, now: datetime) -> None:
    """Note that ``model`` is the one in use. Writes nothing when that is known, or when a newer one is: of several
    processes the one that is behind, or cannot use the newer one, has no say."""
    if 0 < model.generation < _newest(db):
        return
    row = db.get(ModelVersion, model.version, with_for_update=True)
    if row is not None and row.active and row.sha256 == model.sha256:
        row.model_generation = model.generation or None
        return
    db.execute(
        update(ModelVersion)
        .where(ModelVersion.active, ModelVersion.version != model.version)
        .values(active=False)
        .execution_options(synchronize_session="fetch")
    )
    row = row or _added(db, model, now)
    row.sha256, row.trained_at, row.student_count = model.sha256, model.trained_at, model.student_count
    row.embedder, row.metrics, row.thresholds = model.embedder, dict(model.metrics), dict(model.thresholds)
    row.active, row.model_generation = True, model.generation or None
    db.flush()
    audit.record(db, system_actor(), "model.use", "model", model.version, now, sha256=model.sha256)


def _added(db: Session, model: Seen, now: datetime) -> ModelVersion:
    """The row of ``model``, new or, when another process was first, that one's."""
    row = ModelVersion(version=model.version, sha256=model.sha256, student_count=model.student_count, first_used_at=now)
    try:
        with db.begin_nested():
            db.add(row)
    except IntegrityError:
        return db.get_one(ModelVersion, model.version, with_for_update=True)
    return row


def is_noted(db: Session, version: str, sha256: str, generation: int = 0) -> bool:
    """Whether this very model is known to be the one in use, or a newer one is."""
    if 0 < generation < _newest(db):
        return True
    row = db.get(ModelVersion, version)
    if row is None or not row.active or row.sha256 != sha256:
        return False
    return (row.model_generation or 0) == generation


def _newest(db: Session) -> int:
    """The generation of the model in use, 0 when it is not known."""
    return db.scalar(select(func.max(ModelVersion.model_generation)).where(ModelVersion.active)) or 0


def seen(db: Session) -> Mapping[str, ModelVersion]:
    """Every model this server has seen, by version."""
    return {row.version: row for row in db.scalars(select(ModelVersion))}


def without_consent(db: Session, external_ids: Collection[str]) -> Sequence[int]:
    """The numbers of those students among ``external_ids`` who have no active consent, in order. Ids of nobody here
    are passed over: nobody of that id is on a roster, so nobody is named by it."""
    consenting = select(Consent.student_id).where(Consent.is_active)
    ordered, found = sorted(set(map(key_of, external_ids))), list[int]()
    for start in range(0, len(ordered), _AT_ONCE):
        query = select(Student.id).where(
            Student.external_key.in_(ordered[start : start + _AT_ONCE]), Student.id.not_in(consenting)
        )
        found += db.scalars(query)
    return sorted(found)
