"""Trainings started from the server: one at a time, of students who consented, and their way from queued to over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from attendance import audit, consents
from attendance.actor import Actor, system_actor
from attendance.models import (
    Consent,
    ErasureKind,
    FaceImage,
    Student,
    StudentStatus,
    TrainingJob,
    TrainingState,
)
from attendance.paging import Page, page_of
from errors import ConflictError, NotFoundError

ACTIVE = frozenset({TrainingState.QUEUED, TrainingState.RUNNING})
_LONGEST_PROBLEM = 2000  # characters, of the column


@dataclass(frozen=True, slots=True)
class Subject:
    """A student who is trained on. external_id: the name of the folder. consent_id: of the consent it rests on. shas:
    SHA-256 of the images."""

    student_id: int
    external_id: str
    consent_id: int
    shas: tuple[str, ...] = ()


def list_jobs(db: Session, *, cursor: str | None = None, limit: int = 50) -> Page[TrainingJob]:
    """All trainings, the newest first."""
    return page_of(db, select(TrainingJob), (TrainingJob.id,), descending=True, cursor=cursor, limit=limit)


def require_job(db: Session, job_id: int, *, lock: bool = False) -> TrainingJob:
    """The training. lock: hold its row until the transaction ends. Raises NotFoundError."""
    job = db.get(TrainingJob, job_id, with_for_update=lock or None, populate_existing=True)
    if job is None:
        raise NotFoundError(f"there is no training {job_id}")
    return job


def active_job(db: Session) -> TrainingJob | None:
    """The training that is queued or running."""
    return db.scalar(select(TrainingJob).where(TrainingJob.active_slot.is_not(None)))


def create(db: Session, actor: Actor, options: Mapping[str, Any], host: str, now: datetime) -> TrainingJob:
    """A new training, queued. host: the machine it will run on. Raises ConflictError when there is one already."""
    job = TrainingJob(
        state=TrainingState.QUEUED,
        active_slot=1,
        options=dict(options),
        started_by=actor.user_id,
        created_at=now,
        host=host,
        stage="",
        progress=0.0,
    )
    db.add(job)
    try:
        db.flush()
    except IntegrityError as error:
        raise ConflictError(
            "a training is queued or running already; wait until it is over, or cancel it", code="training_running"
        ) from error
    audit.record(db, actor, "training.start", "training", job.id, now, options=dict(options))
    return job


def subjects(db: Session) -> list[Subject]:
    """Everybody whose images may be trained on: active students with a consent that is not withdrawn."""
    query = (
        select(Student.id, Student.external_id, Consent.id)
        .join(Consent, Consent.student_id == Student.id)
        .where(Consent.is_active, Student.status == StudentStatus.ACTIVE)
        .order_by(Student.id)
    )
    shas: dict[int, list[str]] = {}
    for student_id, sha in db.execute(select(FaceImage.student_id, FaceImage.sha256)):
        shas.setdefault(student_id, []).append(sha)
    return [
        Subject(student_id, external_id, consent_id, tuple(shas.get(student_id, ())))
        for student_id, external_id, consent_id in db.execute(query)
    ]


def started(db: Session, job_id: int, pid: int | None, now: datetime) -> TrainingJob:
    """Note that the training's process runs."""
    job = require_job(db, job_id, lock=True)
    if job.state is TrainingState.QUEUED:
        job.state, job.started_at = TrainingState.RUNNING, now
    job.pid, job.process_started = pid, now.timestamp()
    return job


def proceed(db: Session, job_id: int, stage: str, progress: float) -> None:
    """Note how far the training is. progress: 0..1 of ``stage``."""
    job = require_job(db, job_id, lock=True)
    if job.state in ACTIVE:
        job.stage, job.progress = stage[:100], min(1.0, max(0.0, progress))


def request_cancel(db: Session, actor: Actor, job_id: int, now: datetime, problem: str | None = None) -> TrainingJob:
    """Ask for the training's end. problem: why, when it is not because ``actor`` wants it. Raises ConflictError when
    it is over."""
    job = require_job(db, job_id, lock=True)
    if job.state not in ACTIVE:
        raise ConflictError(f"this training is over ({job.state}); there is nothing to cancel", code="training_over")
    if job.cancel_requested_at is None:
        job.cancel_requested_at, job.problem = now, problem
        audit.record(db, actor, "training.cancel", "training", job.id, now)
    return job


def finish(
    db: Session,
    job_id: int,
    state: TrainingState,
    now: datetime,
    *,
    model_version: str | None = None,
    problem: str | None = None,
    trained: Iterable[Subject] = (),
) -> bool:
    """Note how the training ended; False when somebody else has already. trained: whose images it may have used; what
    it made of those whose consent ended meanwhile is ordered to be erased, in the same transaction."""
    job = require_job(db, job_id, lock=True)
    if job.state not in ACTIVE:
        return False
    job.state, job.active_slot, job.finished_at = state, None, now
    job.model_version = model_version
    job.problem = (problem or job.problem or "")[:_LONGEST_PROBLEM] or None
    if state is TrainingState.SUCCEEDED:
        job.problem, job.progress = None, 1.0
    orders = erase_withdrawn(db, trained, now)
    audit.record(
        db, system_actor(), f"training.{state}", "training", job.id, now, model_version=model_version, erasures=orders
    )
    return True


def ended_consents(db: Session, trained: Iterable[Subject]) -> set[int]:
    """The ids of the students whose consent, that the training rests on, was withdrawn since."""
    resting = {subject.consent_id: subject.student_id for subject in trained}
    if not resting:
        return set()
    # from the ended consents, of which there are few, rather than from the students, of which there may be thousands
    query = select(Consent.id).where(~Consent.is_active, Consent.id.between(min(resting), max(resting)))
    return {resting[consent_id] for consent_id in db.scalars(query) if consent_id in resting}


def may_go_on(db: Session, trained: Iterable[Subject]) -> bool:
    """Whether everybody in ``trained`` may still be trained on."""
    trained = list(trained)
    if ended_consents(db, trained):
        return False
    restricted = set(db.scalars(select(Student.id).where(Student.status != StudentStatus.ACTIVE)))
    return restricted.isdisjoint(subject.student_id for subject in trained)


def erase_withdrawn(db: Session, trained: Iterable[Subject], now: datetime) -> list[int]:
    """Order that what was made of the faces of those among ``trained`` who have no consent any more is erased once
    more: an erasure that ran before the training was over could not find it. The ids of the orders."""
    trained = list(trained)
    ended, orders = ended_consents(db, trained), []
    for subject in trained:
        if subject.student_id not in ended or consents.active_consent(db, subject.student_id) is not None:
            continue
        order = consents.order_erasure(db, system_actor(), subject.student_id, ErasureKind.FACE, now)
        # the student may be erased by now, and the rows of the images gone
        order.external_id = subject.external_id
        order.shas = sorted({*order.shas, *subject.shas})
        db.flush()
        orders.append(order.id)
    return orders
