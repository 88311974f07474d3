"""Who may use the server: accounts, logins, one-time links, tokens of programs, secret calendar addresses."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, ForeignKey, String, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from attendance.models.base import Base, Instant, Word


class Role(StrEnum):
    ADMIN = "admin"
    """May do everything, in every course."""
    INSTRUCTOR = "instructor"
    """Takes attendance in the courses they staff."""
    VIEWER = "viewer"
    """Reads the courses they staff, changes nothing."""


class LinkPurpose(StrEnum):
    SETUP = "setup"
    """Makes the first admin of a new server."""
    INVITE = "invite"
    """Lets a new user choose the first password."""
    RESET = "reset"
    """Lets a user who has lost it choose another password."""


class UserAccount(Base):
    """email: lower case. password_hash: argon2id, or None until the invitation is taken up. may_create_courses: an
    admin lets this instructor make courses; admins may anyway."""

    __tablename__ = "user_account"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    role: Mapped[Role] = mapped_column(Word(Role))
    may_create_courses: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime] = mapped_column(Instant)
    disabled_at: Mapped[datetime | None] = mapped_column(Instant)
    version: Mapped[int] = mapped_column(default=1)


class Login(Base):
    """One browser that is logged in. Its secret is in the browser's cookie; here is only the SHA-256 of it, so that
    a copy of the database lets nobody in, and logging out ends it for good."""

    __tablename__ = "login"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    secret_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant, index=True)

    user: Mapped[UserAccount] = relationship()


class OneTimeLink(Base):
    """A link that works once and not for long. user_id: whose password it sets; None for the setup of the server."""

    __tablename__ = "one_time_link"

    id: Mapped[int] = mapped_column(primary_key=True)
    secret_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    purpose: Mapped[LinkPurpose] = mapped_column(Word(LinkPurpose))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    used_at: Mapped[datetime | None] = mapped_column(Instant)


class ApiToken(Base):
    """A program's key. shown: its first characters, by which its owner tells it from others."""

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    shown: Mapped[str] = mapped_column(String(16))
    secret_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    last_used_at: Mapped[datetime | None] = mapped_column(Instant)
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)

    user: Mapped[UserAccount] = relationship()


class CalendarFeed(Base):
    """A secret address that a calendar program reads, as such programs cannot log in."""

    __tablename__ = "calendar_feed"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    secret_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(Instant)
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)

    user: Mapped[UserAccount] = relationship()


class Kiosk(Base):
    """A device at a door that sends frames of one course and shows nobody's list. user_id: who set it up, and in whose
    name it works; without their rights it stops. pin_hash: argon2id, of what ends it at the device."""

    __tablename__ = "kiosk"

    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("course.id"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    secret_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    pin_hash: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    last_used_at: Mapped[datetime | None] = mapped_column(Instant)
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)

    user: Mapped[UserAccount] = relationship()
