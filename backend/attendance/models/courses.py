"""Courses, who staffs them, who is enrolled in them, and when they meet."""

from __future__ import annotations

from datetime import date, datetime, time
from enum import StrEnum

from sqlalchemy import JSON, CheckConstraint, Date, ForeignKey, Index, String, Time, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from attendance.models.accounts import UserAccount
from attendance.models.base import Base, Instant, Word
from attendance.models.people import Student


class ExcusedCounts(StrEnum):
    """What an excused session does to a student's percentage."""

    LEFT_OUT = "left_out"
    AS_PRESENT = "as_present"
    AS_ABSENT = "as_absent"


class Course(Base):
    """One section of a course in one term. timezone: an IANA name, in which its schedule and its days are meant.
    late_after_s: seconds after the start of a session from which a student is late. min_percent: 0..100, below
    which a student is at risk. late_weight: 0..1, how much of a presence a late one is in the percentage."""

    __tablename__ = "course"
    __table_args__ = (
        UniqueConstraint("code", "term"),
        CheckConstraint("late_after_s >= 0", name="late_after"),
        CheckConstraint("min_percent >= 0 AND min_percent <= 100", name="min_percent"),
        CheckConstraint("late_weight >= 0 AND late_weight <= 1", name="late_weight"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40))
    title: Mapped[str] = mapped_column(String(200))
    term: Mapped[str] = mapped_column(String(40))
    timezone: Mapped[str] = mapped_column(String(64))
    late_after_s: Mapped[int] = mapped_column(default=600)
    min_percent: Mapped[float] = mapped_column(default=75.0)
    excused_counts: Mapped[ExcusedCounts] = mapped_column(Word(ExcusedCounts), default=ExcusedCounts.LEFT_OUT)
    late_weight: Mapped[float] = mapped_column(default=1.0)
    created_at: Mapped[datetime] = mapped_column(Instant)
    archived_at: Mapped[datetime | None] = mapped_column(Instant)
    version: Mapped[int] = mapped_column(default=1)


class CourseStaff(Base):
    """is_lead: may also change the course and its roster, lock and reopen sessions. may_enrol: an admin has appointed
    this instructor for enrolment: they may also change the roster, and see to identity, consent and photos of the
    course's students."""

    __tablename__ = "course_staff"

    course_id: Mapped[int] = mapped_column(ForeignKey("course.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), primary_key=True, index=True)
    is_lead: Mapped[bool] = mapped_column(default=False)
    may_enrol: Mapped[bool] = mapped_column(default=False, server_default=false())
    added_at: Mapped[datetime] = mapped_column(Instant)

    user: Mapped[UserAccount] = relationship()
    course: Mapped[Course] = relationship()


class Enrolment(Base):
    """starts_on, ends_on: days of the course's time zone, both included; ends_on None: until the end of the course."""

    __tablename__ = "enrolment"
    __table_args__ = (
        UniqueConstraint("course_id", "student_id", "starts_on"),
        CheckConstraint("ends_on IS NULL OR ends_on >= starts_on", name="dates"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("course.id"))
    student_id: Mapped[int] = mapped_column(ForeignKey("student.id"), index=True)
    starts_on: Mapped[date] = mapped_column(Date)
    ends_on: Mapped[date | None] = mapped_column(Date)
    created_at: Mapped[datetime] = mapped_column(Instant)

    student: Mapped[Student] = relationship()
    course: Mapped[Course] = relationship()


class EnrolmentRequest(Base):
    """Somebody whom the staff of a course want on its roster, and whom they may not see or who does not exist yet.
    Until an admin approves it is a line on the roster and nothing else: no student, no mark, nothing for the camera."""

    __tablename__ = "enrolment_request"
    __table_args__ = (
        UniqueConstraint("course_id", "external_key"),
        CheckConstraint("ends_on IS NULL OR ends_on >= starts_on", name="dates"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("course.id"))
    external_id: Mapped[str] = mapped_column(String(64))
    external_key: Mapped[str] = mapped_column(String(200), index=True)
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(254))
    starts_on: Mapped[date] = mapped_column(Date)
    ends_on: Mapped[date | None] = mapped_column(Date)
    requested_by: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    requested_at: Mapped[datetime] = mapped_column(Instant)

    course: Mapped[Course] = relationship()
    requester: Mapped[UserAccount] = relationship()


class ScheduleRule(Base):
    """When a course meets, as a recurrence rule of RFC 5545 over days of the course's time zone.

    rrule: such as ``FREQ=WEEKLY;BYDAY=MO,WE``, without dates of its own. starts_on, ends_on: first and last day, both
    included. start_time: on the wall clock of the course's time zone. excluded: days without a session, ISO dates.
    """

    __tablename__ = "schedule_rule"
    __table_args__ = (
        CheckConstraint("ends_on >= starts_on", name="dates"),
        CheckConstraint("duration_s > 0", name="duration"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("course.id"), index=True)
    rrule: Mapped[str] = mapped_column(String(200))
    starts_on: Mapped[date] = mapped_column(Date)
    ends_on: Mapped[date] = mapped_column(Date)
    start_time: Mapped[time] = mapped_column(Time)
    duration_s: Mapped[int]
    late_after_s: Mapped[int | None]
    excluded: Mapped[list[str]] = mapped_column(JSON, default=list)
    created_at: Mapped[datetime] = mapped_column(Instant)

    course: Mapped[Course] = relationship()


class Excuse(Base):
    """A student is excused from a course's sessions (course_id None: every course's) from the first to the last day,
    both included. It decides what a student who was not seen becomes when a session closes."""

    __tablename__ = "excuse"
    __table_args__ = (
        CheckConstraint("ends_on >= starts_on", name="dates"),
        Index("ix_excuse_student_id_starts_on", "student_id", "starts_on"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    student_id: Mapped[int] = mapped_column(ForeignKey("student.id"))
    course_id: Mapped[int | None] = mapped_column(ForeignKey("course.id"), index=True)
    starts_on: Mapped[date] = mapped_column(Date)
    ends_on: Mapped[date] = mapped_column(Date)
    reason_code: Mapped[str] = mapped_column(String(40))
    text: Mapped[str] = mapped_column(String(1000), default="")
    created_by: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime] = mapped_column(Instant)
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)

    student: Mapped[Student] = relationship()


class WarningKind(StrEnum):
    PERCENT_BELOW = "percent_below"
    ABSENCES = "absences"
    """So many in the whole term."""
    ABSENCES_IN_A_ROW = "absences_in_a_row"


class WarningRule(Base):
    """When a student of a course is to be warned. threshold: percent, or a number of absences."""

    __tablename__ = "warning_rule"

    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("course.id"), index=True)
    kind: Mapped[WarningKind] = mapped_column(Word(WarningKind))
    threshold: Mapped[float]
    created_by: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime] = mapped_column(Instant)
    disabled_at: Mapped[datetime | None] = mapped_column(Instant)


class WarningSent(Base):
    """A warning that was raised, once for each time the student falls below a rule. value: what was measured then.
    occasion: the id of the session after which it was raised."""

    __tablename__ = "warning_sent"
    __table_args__ = (UniqueConstraint("rule_id", "student_id", "occasion"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    rule_id: Mapped[int] = mapped_column(ForeignKey("warning_rule.id"))
    student_id: Mapped[int] = mapped_column(ForeignKey("student.id"), index=True)
    occasion: Mapped[int]
    value: Mapped[float]
    at: Mapped[datetime] = mapped_column(Instant)
    acknowledged_by: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    acknowledged_at: Mapped[datetime | None] = mapped_column(Instant)

    rule: Mapped[WarningRule] = relationship()
    student: Mapped[Student] = relationship()
