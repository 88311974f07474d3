"""Kiosks: devices at a door that send frames of one course. Their secret allows nothing else: no list, no other course,
no name beyond the first one of whoever stands before them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from attendance import audit, passwords
from attendance.access import require_course
from attendance.accounts import actor_of
from attendance.actor import Actor
from attendance.database import Database
from attendance.models import ClassSession, Course, Kiosk, SessionState
from attendance.secrets_kept import new_secret, sha256_of
from errors import AuthenticationError, ConflictError, ForbiddenError, NotFoundError

PREFIX = "sk_"
_MOST = 20
_NOTE_USE_EVERY = timedelta(minutes=1)
# An instructor sees the session to come on the device when the class is about to gather.
_SHOWN_BEFORE = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Device:
    """A kiosk that has shown its secret. actor: in whose name it works."""

    kiosk_id: int
    course_id: int
    actor: Actor
    last_used_at: datetime | None


def list_kiosks(db: Session, actor: Actor, course_id: int) -> Sequence[Kiosk]:
    """Those of a course that still work, newest first."""
    require_course(db, actor, course_id)
    query = select(Kiosk).where(Kiosk.course_id == course_id, Kiosk.revoked_at.is_(None))
    return db.scalars(query.order_by(Kiosk.id.desc())).all()


def create_kiosk(
    db: Session, actor: Actor, course_id: int, name: str, pin_hash: str, lasts: timedelta, now: datetime
) -> tuple[Kiosk, str]:
    """A new kiosk and its secret, which is never shown again. pin_hash: of the digits that end it at the device, as
    ``passwords.hash_of`` gives it. Raises ConflictError when the course has far too many."""
    require_course(db, actor, course_id, change=True)
    in_use = select(func.count()).where(
        Kiosk.course_id == course_id, Kiosk.revoked_at.is_(None), Kiosk.expires_at > now
    )
    if (db.scalar(in_use) or 0) >= _MOST:
        raise ConflictError(f"this course has {_MOST} kiosks; end those that are not used", code="too_many_kiosks")
    secret = new_secret(PREFIX)
    kiosk = Kiosk(
        course_id=course_id,
        user_id=actor.user_id,
        name=name,
        secret_sha256=sha256_of(secret),
        pin_hash=pin_hash,
        created_at=now,
        expires_at=now + lasts,
    )
    db.add(kiosk)
    db.flush()
    audit.record(db, actor, "kiosk.create", "kiosk", kiosk.id, now, course_id=course_id)
    return kiosk, secret


def end_kiosk(db: Session, actor: Actor, kiosk_id: int, now: datetime) -> None:
    """Have a kiosk work no more. Raises NotFoundError."""
    kiosk = db.get(Kiosk, kiosk_id)
    if kiosk is None:
        raise NotFoundError(f"there is no kiosk {kiosk_id}")
    require_course(db, actor, kiosk.course_id, change=True)
    _end(db, actor, kiosk, now)


def require_device(db: Session, secret: str, now: datetime, request_id: str) -> Device:
    """The kiosk with this secret. Raises AuthenticationError when it was ended or is over, or when whoever set it up
    may not take attendance any more."""
    kiosk = db.scalar(
        select(Kiosk).where(
            Kiosk.secret_sha256 == sha256_of(secret), Kiosk.expires_at > now, Kiosk.revoked_at.is_(None)
        )
    )
    if kiosk is None or kiosk.user.disabled_at is not None:
        raise _not_good()
    actor = actor_of(kiosk.user, frozenset(), request_id, f"kiosk {kiosk.id}")
    try:
        require_course(db, actor, kiosk.course_id, change=True)
    except ForbiddenError as error:
        raise _not_good() from error
    return Device(kiosk.id, kiosk.course_id, actor, kiosk.last_used_at)


def note_use(database: Database, device: Device, now: datetime) -> None:
    """Remember that the device is there; once a minute is enough."""
    if device.last_used_at is None or now - device.last_used_at >= _NOTE_USE_EVERY:
        with database.writing() as db:
            db.get_one(Kiosk, device.kiosk_id).last_used_at = now


def shown(db: Session, device: Device, now: datetime) -> dict[str, Any]:
    """What the device shows of itself: the course, the session that is open, or when the next one begins."""
    course, kiosk = db.get_one(Course, device.course_id), db.get_one(Kiosk, device.kiosk_id)
    opened = open_session(db, device)
    next_at = db.scalar(
        select(func.min(ClassSession.starts_at)).where(
            ClassSession.course_id == course.id,
            ClassSession.state == SessionState.SCHEDULED,
            ClassSession.ends_at > now,
            ClassSession.starts_at < now + _SHOWN_BEFORE,
        )
    )
    return {
        "name": kiosk.name,
        "course_title": course.title,
        "timezone": course.timezone,
        "session_id": opened.id if opened else None,
        "next_at": next_at,
        "expires_at": kiosk.expires_at,
    }


def open_session(db: Session, device: Device) -> ClassSession | None:
    query = select(ClassSession).where(
        ClassSession.course_id == device.course_id, ClassSession.state == SessionState.OPEN
    )
    return db.scalar(query.order_by(ClassSession.opened_at.desc()).limit(1))


def leave(database: Database, device: Device, pin: str, now: datetime) -> None:
    """End the kiosk from the device itself. Raises ForbiddenError for a wrong PIN."""
    with database.reading() as db:
        kept = db.get_one(Kiosk, device.kiosk_id).pin_hash
    # outside of any transaction: it takes a while on purpose, and others write
    if not passwords.is_right(kept, pin):
        raise ForbiddenError("this PIN is wrong", code="wrong_pin")
    with database.writing() as db:
        _end(db, device.actor, db.get_one(Kiosk, device.kiosk_id), now)


def first_name(name: str) -> str:
    """What somebody is greeted by: "Amina" of "Amina Yusuf" and of "Yusuf, Amina"."""
    surname, comma, given = name.partition(",")
    return ((given if comma else surname).split() or [name])[0]


def _end(db: Session, actor: Actor, kiosk: Kiosk, now: datetime) -> None:
    if kiosk.revoked_at is None:
        kiosk.revoked_at = now
        audit.record(db, actor, "kiosk.end", "kiosk", kiosk.id, now, course_id=kiosk.course_id)


def _not_good() -> AuthenticationError:
    return AuthenticationError("this kiosk was ended; set it up again", code="bad_token")
