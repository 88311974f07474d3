"""What the server keeps about itself: models, trainings, retention runs, and the audit trail."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from attendance.models.base import Base, Instant, Word


class ModelVersion(Base):
    """A model that this server has seen. active: whether it was the one in use when last looked at. model_generation:
    higher of a model that was put to use later; None where that is not known."""

    __tablename__ = "model_version"

    version: Mapped[str] = mapped_column(String(100), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    trained_at: Mapped[datetime | None] = mapped_column(Instant)
    student_count: Mapped[int]
    embedder: Mapped[str | None] = mapped_column(String(40))
    metrics: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    thresholds: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    active: Mapped[bool] = mapped_column(default=False)
    model_generation: Mapped[int | None] = mapped_column(BigInteger)
    first_used_at: Mapped[datetime] = mapped_column(Instant)


class TrainingState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TrainingJob(Base):
    """A training started from the server, in a process of its own. active_slot: 1 while it is queued or running, else
    None; unique, so there is one at a time. pid, process_started: of the process on ``host``, to find it again after
    a restart without mistaking another for it. progress: 0..1 of ``stage``."""

    __tablename__ = "training_job"

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[TrainingState] = mapped_column(Word(TrainingState))
    active_slot: Mapped[int | None] = mapped_column(unique=True)
    options: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    started_by: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime] = mapped_column(Instant)
    started_at: Mapped[datetime | None] = mapped_column(Instant)
    finished_at: Mapped[datetime | None] = mapped_column(Instant)
    cancel_requested_at: Mapped[datetime | None] = mapped_column(Instant)
    host: Mapped[str | None] = mapped_column(String(255))
    pid: Mapped[int | None]
    process_started: Mapped[float | None]
    stage: Mapped[str] = mapped_column(String(100), default="")
    progress: Mapped[float] = mapped_column(default=0.0)
    model_version: Mapped[str | None] = mapped_column(String(100))
    problem: Mapped[str | None] = mapped_column(String(2000))


class RetentionRun(Base):
    """Evidence that what was due was deleted. deleted: counts by kind."""

    __tablename__ = "retention_run"

    id: Mapped[int] = mapped_column(primary_key=True)
    started_at: Mapped[datetime] = mapped_column(Instant)
    finished_at: Mapped[datetime | None] = mapped_column(Instant)
    deleted: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    problem: Mapped[str | None] = mapped_column(String(1000))


class AuditEvent(Base):
    """Who did what to what; never changed or deleted (a trigger of the database sees to it). data: no names, no
    faces, no secrets: ids and what changed."""

    __tablename__ = "audit_event"
    __table_args__ = (Index("ix_audit_event_object_type_object_id", "object_type", "object_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant, index=True)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"), index=True)
    action: Mapped[str] = mapped_column(String(60), index=True)
    object_type: Mapped[str] = mapped_column(String(40))
    object_id: Mapped[str] = mapped_column(String(100))
    data: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    request_id: Mapped[str | None] = mapped_column(String(64))
