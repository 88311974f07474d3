"""The sessions of courses for calendar programs, and the secret addresses under which those read them.

What goes out is when a course meets, never who is in it. RFC 5545.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from icalendar import Calendar, Event, vDuration
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from attendance import audit
from attendance.access import require_course, visible_course_ids
from attendance.actor import Actor
from attendance.models import CalendarFeed, ClassSession, Course, SessionState, UserAccount
from attendance.secrets_kept import new_secret, sha256_of
from errors import ConflictError, NotFoundError

TYPE = "text/calendar; charset=utf-8"
MOST_FEEDS = 20

# Of a feed; what is further off is of no use in a calendar, and an admin's holds every course of the school.
_PAST, _AHEAD = timedelta(days=120), timedelta(days=400)
_REFRESH = timedelta(hours=1)


def list_feeds(db: Session, actor: Actor) -> Sequence[CalendarFeed]:
    """The addresses of ``actor`` that work, oldest first."""
    query = select(CalendarFeed).where(CalendarFeed.user_id == actor.user_id, CalendarFeed.revoked_at.is_(None))
    return db.scalars(query.order_by(CalendarFeed.id)).all()


def create_feed(db: Session, actor: Actor, now: datetime) -> tuple[CalendarFeed, str]:
    """A new address: what is kept of it, and its secret, which nobody can find out later."""
    assert actor.user_id is not None
    if len(list_feeds(db, actor)) >= MOST_FEEDS:
        raise ConflictError(f"you have {MOST_FEEDS} calendar addresses; delete one first", code="too_many_feeds")
    secret = new_secret()
    feed = CalendarFeed(user_id=actor.user_id, secret_sha256=sha256_of(secret), created_at=now)
    db.add(feed)
    db.flush()
    audit.record(db, actor, "calendar.feed.create", "calendar_feed", feed.id, now)
    return feed, secret


def revoke_feed(db: Session, actor: Actor, feed_id: int, now: datetime) -> None:
    """Have an address of ``actor`` work no more."""
    feed = db.get(CalendarFeed, feed_id)
    if feed is None or feed.user_id != actor.user_id or feed.revoked_at is not None:
        raise NotFoundError(f"you have no calendar address {feed_id}")
    feed.revoked_at = now
    audit.record(db, actor, "calendar.feed.revoke", "calendar_feed", feed.id, now)


def of_secret(db: Session, secret: str, now: datetime) -> bytes:
    """The calendar under a secret address: the sessions of the courses that its owner may see now. Raises
    NotFoundError also when the owner is disabled: an address says nothing about whom it belonged to."""
    owner = db.scalar(
        select(UserAccount)
        .join(CalendarFeed, CalendarFeed.user_id == UserAccount.id)
        .where(
            CalendarFeed.secret_sha256 == sha256_of(secret),
            CalendarFeed.revoked_at.is_(None),
            UserAccount.disabled_at.is_(None),
        )
    )
    if owner is None:
        raise NotFoundError("there is no calendar at this address; make a new one")
    query = (
        select(ClassSession)
        .join(Course, Course.id == ClassSession.course_id)
        .options(joinedload(ClassSession.course))
        .where(
            Course.id.in_(visible_course_ids(Actor(owner.id, owner.role))),
            Course.archived_at.is_(None),
            ClassSession.starts_at >= now - _PAST,
            ClassSession.starts_at < now + _AHEAD,
        )
        .order_by(ClassSession.starts_at, ClassSession.id)
    )
    return _calendar("SmartAttendance", db.scalars(query), now)


def of_course(db: Session, actor: Actor, course_id: int, now: datetime) -> tuple[Course, bytes]:
    """A course, and all its sessions as a calendar."""
    course = require_course(db, actor, course_id)
    query = (
        select(ClassSession)
        .options(joinedload(ClassSession.course))
        .where(ClassSession.course_id == course_id)
        .order_by(ClassSession.starts_at, ClassSession.id)
    )
    return course, _calendar(f"{course.code} {course.term}", db.scalars(query), now)


def _calendar(name: str, sessions: Iterable[ClassSession], now: datetime) -> bytes:
    calendar = Calendar()
    calendar.add("prodid", "-//SmartAttendance//Sessions//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", name)
    calendar.add("refresh-interval", vDuration(_REFRESH), parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", vDuration(_REFRESH))
    for session in sessions:
        calendar.add_component(_event(session, now))
    content: bytes = calendar.to_ical()
    return content


def _event(session: ClassSession, now: datetime) -> Event:
    course, cancelled = session.course, session.state is SessionState.CANCELLED
    event = Event()
    # the moment it was made tells apart the sessions of two servers that one calendar shows
    event.add("uid", f"session-{session.id}-{int(session.created_at.timestamp())}@smartattendance")
    event.add("dtstamp", now)
    event.add("sequence", session.version - 1)
    event.add("dtstart", session.starts_at)
    event.add("dtend", session.ends_at)
    event.add("summary", f"{course.code} {session.title or course.title}")
    event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    event.add("transp", "TRANSPARENT" if cancelled else "OPAQUE")
    return event
