"""Class sessions, the frames and sightings in them, the marks, and what a person is to decide."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, Date, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from attendance.models.base import Base, Instant, Word
from attendance.models.courses import Course
from attendance.models.people import Student


class SessionState(StrEnum):
    SCHEDULED = "scheduled"
    OPEN = "open"
    """Frames are taken."""
    CLOSED = "closed"
    """No new frames; those that were queued while it was open still come in for the grace, marks may be corrected."""
    LOCKED = "locked"
    """Nothing changes any more, unless it is reopened with a reason."""
    CANCELLED = "cancelled"


class ClassSession(Base):
    """A meeting of a course. late_after: see ``mark_of``.

    closed_at: frames captured up to here count. settled_at: when those never seen were set absent or excused; None
    before. reopened_at: when it last was; it locks by itself, and is closed when forgotten, counted from then on.
    thresholds: what was in force when it was opened (sightings needed, window in seconds, the model's own).
    model_generation: the highest of those that answered its frames; kept here, as frames are deleted.
    rule_date: the day of the schedule rule it was made from, in the course's time zone.
    """

    __tablename__ = "class_session"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="times"),
        UniqueConstraint("schedule_rule_id", "rule_date"),
        Index("ix_class_session_course_id_starts_at", "course_id", "starts_at"),
        Index(
            "uq_class_session_open_course_id",
            "course_id",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("course.id"))
    schedule_rule_id: Mapped[int | None] = mapped_column(ForeignKey("schedule_rule.id"))
    rule_date: Mapped[date | None] = mapped_column(Date)
    title: Mapped[str] = mapped_column(String(200), default="")
    starts_at: Mapped[datetime] = mapped_column(Instant)
    ends_at: Mapped[datetime] = mapped_column(Instant)
    late_after: Mapped[datetime] = mapped_column(Instant)
    state: Mapped[SessionState] = mapped_column(Word(SessionState), default=SessionState.SCHEDULED, index=True)
    opened_at: Mapped[datetime | None] = mapped_column(Instant)
    opened_by: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    closed_at: Mapped[datetime | None] = mapped_column(Instant)
    closed_by: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    settled_at: Mapped[datetime | None] = mapped_column(Instant)
    locked_at: Mapped[datetime | None] = mapped_column(Instant)
    reopened_at: Mapped[datetime | None] = mapped_column(Instant)
    cancelled_reason: Mapped[str | None] = mapped_column(String(500))
    model_version: Mapped[str | None] = mapped_column(String(100))
    model_generation: Mapped[int | None] = mapped_column(BigInteger)
    thresholds: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime] = mapped_column(Instant)
    version: Mapped[int] = mapped_column(default=1)

    course: Mapped[Course] = relationship()

    def mark_of(self, seen_at: datetime) -> MarkStatus:
        """What a student is who was first seen at ``seen_at``: late at or after ``late_after``."""
        return MarkStatus.LATE if seen_at >= self.late_after else MarkStatus.PRESENT


class Frame(Base):
    """A frame that was taken in; the picture itself is not kept. event_uuid: the client's Idempotency-Key.
    body_sha256: of the picture's bytes, so that a key used again for another picture is noticed. answer: what was
    answered, for when it is sent again. model_generation: higher of a model that was put to use later; None where that
    is not known."""

    __tablename__ = "frame"
    __table_args__ = (
        UniqueConstraint("session_id", "event_uuid"),
        Index("ix_frame_received_at", "received_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("class_session.id"))
    event_uuid: Mapped[str] = mapped_column(String(100))
    body_sha256: Mapped[str] = mapped_column(String(64))
    captured_at: Mapped[datetime] = mapped_column(Instant)
    received_at: Mapped[datetime] = mapped_column(Instant)
    model_version: Mapped[str] = mapped_column(String(100))
    model_generation: Mapped[int | None] = mapped_column(BigInteger)
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSON)


class SightingDecision(StrEnum):
    ACCEPTED = "accepted"
    REVIEW = "review"
    UNKNOWN = "unknown"
    NOT_ENROLLED = "not_enrolled"
    DUPLICATE = "duplicate"
    """Accepted, of a student whose mark it changes nothing of."""
    SPOOF = "spoof"


class Sighting(Base):
    """One face in one frame. box: x1, y1, x2, y2 in pixels of the frame. crop_path: below the folder of review crops,
    None when there is none or it was deleted. expires_at: when the crop must be gone."""

    __tablename__ = "sighting"
    __table_args__ = (
        UniqueConstraint("frame_id", "face_index"),
        Index("ix_sighting_session_id_student_id_captured_at", "session_id", "student_id", "captured_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("class_session.id"))
    frame_id: Mapped[int] = mapped_column(ForeignKey("frame.id"))
    face_index: Mapped[int]
    student_id: Mapped[int | None] = mapped_column(ForeignKey("student.id"), index=True)
    captured_at: Mapped[datetime] = mapped_column(Instant)
    received_at: Mapped[datetime] = mapped_column(Instant)
    similarity: Mapped[float]
    score: Mapped[float]
    margin: Mapped[float]
    decision: Mapped[SightingDecision] = mapped_column(Word(SightingDecision))
    box: Mapped[list[float]] = mapped_column(JSON)
    crop_path: Mapped[str | None] = mapped_column(String(200))
    expires_at: Mapped[datetime | None] = mapped_column(Instant, index=True)

    frame: Mapped[Frame] = relationship()


class MarkStatus(StrEnum):
    UNMARKED = "unmarked"
    PRESENT = "present"
    LATE = "late"
    EXCUSED = "excused"
    ABSENT = "absent"
    LEFT_EARLY = "left_early"


class MarkSource(StrEnum):
    FACE = "face"
    MANUAL = "manual"
    IMPORT = "import"
    AUTO_CLOSE = "auto_close"


class AttendanceRecord(Base):
    """A student's mark in a session. source: who set the status; None while it is as it was made. version: raised by
    every change; the ETag."""

    __tablename__ = "attendance_record"
    __table_args__ = (UniqueConstraint("session_id", "student_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("class_session.id"))
    student_id: Mapped[int] = mapped_column(ForeignKey("student.id"), index=True)
    status: Mapped[MarkStatus] = mapped_column(Word(MarkStatus), default=MarkStatus.UNMARKED)
    source: Mapped[MarkSource | None] = mapped_column(Word(MarkSource))
    first_seen_at: Mapped[datetime | None] = mapped_column(Instant)
    last_seen_at: Mapped[datetime | None] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)
    version: Mapped[int] = mapped_column(default=1)

    student: Mapped[Student] = relationship()
    session: Mapped[ClassSession] = relationship()


class AttendanceChange(Base):
    """One change of one mark; never changed or deleted (a trigger of the database sees to it). actor_id None: the
    camera or the close of the session; source says which. old_source: the record's source before, which comes back when
    the change is undone. frame_id: the frame that brought it about."""

    __tablename__ = "attendance_change"

    id: Mapped[int] = mapped_column(primary_key=True)
    record_id: Mapped[int] = mapped_column(ForeignKey("attendance_record.id"), index=True)
    old_status: Mapped[MarkStatus] = mapped_column(Word(MarkStatus))
    old_source: Mapped[MarkSource | None] = mapped_column(Word(MarkSource))
    new_status: Mapped[MarkStatus] = mapped_column(Word(MarkStatus))
    source: Mapped[MarkSource] = mapped_column(Word(MarkSource))
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    reason_code: Mapped[str] = mapped_column(String(40))
    text: Mapped[str] = mapped_column(String(1000), default="")
    frame_id: Mapped[int | None]
    at: Mapped[datetime] = mapped_column(Instant)

    record: Mapped[AttendanceRecord] = relationship()


class ReviewResolution(StrEnum):
    STUDENT = "student"
    """It is the student in ``student_id``."""
    STRANGER = "stranger"
    """It is nobody of the course."""
    DISMISSED = "dismissed"
    """Cannot be told, or does not matter."""
    EXPIRED = "expired"
    """Nobody decided before the crop had to be deleted."""


class ReviewItem(Base):
    """A doubtful face that a person decides about. candidates: best first, each ``{"student_id", "similarity"}``.
    change_id: the change of a mark that the decision brought about, to take it back."""

    __tablename__ = "review_item"
    __table_args__ = (Index("ix_review_item_session_id_resolution", "session_id", "resolution"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("class_session.id"))
    sighting_id: Mapped[int] = mapped_column(ForeignKey("sighting.id"), unique=True)
    candidates: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(Instant)
    resolution: Mapped[ReviewResolution | None] = mapped_column(Word(ReviewResolution))
    student_id: Mapped[int | None] = mapped_column(ForeignKey("student.id"), index=True)
    resolved_by: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    resolved_at: Mapped[datetime | None] = mapped_column(Instant)
    change_id: Mapped[int | None] = mapped_column(ForeignKey("attendance_change.id"))
    version: Mapped[int] = mapped_column(default=1)

    sighting: Mapped[Sighting] = relationship()
    session: Mapped[ClassSession] = relationship()
