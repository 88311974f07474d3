"""Students, their consents, their face images, and what was erased."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ColumnElement, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from attendance import external_ids
from attendance.models.base import Base, Instant, Word


class StudentStatus(StrEnum):
    ACTIVE = "active"
    INACTIVE = "inactive"
    ERASED = "erased"
    """Name and id are gone; the attendance of nobody in particular stays in the counts."""


class Student(Base):
    """external_id: the school's own number; also the name of the student's folder of face images and of the class in
    the model, so it can be a folder name on every system. external_key: of it, set with it; unique, so that no two ids
    differ only in case (see ``external_ids.key_of``)."""

    __tablename__ = "student"

    id: Mapped[int] = mapped_column(primary_key=True)
    external_id: Mapped[str] = mapped_column(String(64), unique=True)
    external_key: Mapped[str] = mapped_column(String(200), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(254))
    status: Mapped[StudentStatus] = mapped_column(Word(StudentStatus), default=StudentStatus.ACTIVE)
    created_at: Mapped[datetime] = mapped_column(Instant)
    version: Mapped[int] = mapped_column(default=1)

    @validates("external_id")
    def _keyed(self, _: str, external_id: str) -> str:
        self.external_key = external_ids.key_of(external_id)
        return external_id


class ConsentMethod(StrEnum):
    PAPER = "paper"
    ONLINE = "online"
    IN_PERSON = "in_person"
    GUARDIAN = "guardian"


class Consent(Base):
    """A student's agreement to be recognised by face. evidence: where the proof is, such as the number of a form.

    At most one of a student's consents is active (not withdrawn) at a time.
    """

    __tablename__ = "consent"
    __table_args__ = (
        Index(
            "uq_consent_active_student_id",
            "student_id",
            unique=True,
            sqlite_where=text("withdrawn_at IS NULL"),
            postgresql_where=text("withdrawn_at IS NULL"),
        ),
        Index("ix_consent_student_id", "student_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    student_id: Mapped[int] = mapped_column(ForeignKey("student.id"))
    policy_version: Mapped[str] = mapped_column(String(40))
    method: Mapped[ConsentMethod] = mapped_column(Word(ConsentMethod))
    evidence: Mapped[str] = mapped_column(String(500), default="")
    given_at: Mapped[datetime] = mapped_column(Instant)
    recorded_by: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    withdrawn_at: Mapped[datetime | None] = mapped_column(Instant)
    withdrawn_by: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))

    student: Mapped[Student] = relationship()

    @hybrid_property
    def is_active(self) -> bool:
        return self.withdrawn_at is None

    @is_active.inplace.expression
    @classmethod
    def _is_active(cls) -> ColumnElement[bool]:
        return cls.withdrawn_at.is_(None)


class FaceImageState(StrEnum):
    """The row is written before the file is, and outlives it: after a crash each file is accounted for."""

    PENDING = "pending"
    STORED = "stored"
    ERASING = "erasing"


class FaceImage(Base):
    """An aligned crop in the data set. path: below the data set folder, forward slashes. quality: measured numbers."""

    __tablename__ = "face_image"
    __table_args__ = (UniqueConstraint("student_id", "sha256"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    student_id: Mapped[int] = mapped_column(ForeignKey("student.id"))
    consent_id: Mapped[int] = mapped_column(ForeignKey("consent.id"), index=True)
    sha256: Mapped[str] = mapped_column(String(64))
    path: Mapped[str] = mapped_column(String(300), unique=True)
    quality: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[FaceImageState] = mapped_column(Word(FaceImageState), index=True)
    created_by: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime] = mapped_column(Instant)
    delete_after: Mapped[datetime | None] = mapped_column(Instant, index=True)

    student: Mapped[Student] = relationship()


class ErasureKind(StrEnum):
    FACE = "face"
    """Consent withdrawn: everything made of the face goes, the attendance stays."""
    STUDENT = "student"
    """The student's name and id go as well."""


class Erasure(Base):
    """An erasure that was asked for, and the evidence that it was done. external_id: what the face was filed under
    until it is done, then None. shas: of the images, so that cached embeddings of them are found. steps: what was
    done, with counts."""

    __tablename__ = "erasure"

    id: Mapped[int] = mapped_column(primary_key=True)
    student_id: Mapped[int] = mapped_column(ForeignKey("student.id"), index=True)
    kind: Mapped[ErasureKind] = mapped_column(Word(ErasureKind))
    external_id: Mapped[str | None] = mapped_column(String(64))
    shas: Mapped[list[str]] = mapped_column(JSON, default=list)
    steps: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    requested_by: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    requested_at: Mapped[datetime] = mapped_column(Instant)
    completed_at: Mapped[datetime | None] = mapped_column(Instant)
    problem: Mapped[str | None] = mapped_column(String(1000))
