"""A session that can be opened now, at every start of the demo."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from attendance import accounts, courses, sessions, sheets
from attendance.actor import Actor
from attendance.database import Database
from attendance.days import day_bounds, local_day
from attendance.models import ClassSession, Course, MarkStatus, SessionState
from demonstration.cast import INSTRUCTOR, LASTS, MAIN_COURSE
from errors import NotFoundError

_MISSED = "The demo was not running."


def see_to_today(database: Database, now: datetime) -> ClassSession:
    """The session that the class can walk into now. What should have been on days on which the demo was not there is
    cancelled, what was left open is closed, and today's session is moved to this hour, or one is made. Whoever comes
    while it lasts is not late. One that is open and has marks is left alone.

    Raises ServiceError when somebody changed the demo so that there can be none."""
    return _Day(database, now).session()


class _Day:
    def __init__(self, database: Database, now: datetime) -> None:
        self._database, self._now = database, now
        # to the minute, as people make sessions
        self._start = now.replace(second=0, microsecond=0)
        self._times = {"ends_at": self._start + LASTS, "late_after": self._start + LASTS}
        with database.reading() as db:
            user = accounts.user_by_email(db, INSTRUCTOR.email)
            if user is None:
                raise NotFoundError(f"nobody has the address {INSTRUCTOR.email} any more")
            self._actor: Actor = accounts.actor_of(user, None, None)
            self._courses = courses.list_courses(db, self._actor).items

    def session(self) -> ClassSession:
        for course in self._courses:
            self._cancel_missed(course)
        main = next((course for course in self._courses if course.code == MAIN_COURSE), None)
        if main is None:
            raise NotFoundError(f"{INSTRUCTOR.name} has no course {MAIN_COURSE} any more")
        return self._left_open(main) or self._moved(main) or self._made(main)

    def _cancel_missed(self, course: Course) -> None:
        begins, _ = self._bounds(course)
        for session in self._listed(course, SessionState.SCHEDULED, until=begins):
            with self._database.writing() as db:
                sessions.cancel_session(db, self._actor, session.id, self._now, reason=_MISSED)

    def _left_open(self, course: Course) -> ClassSession | None:
        for session in self._listed(course, SessionState.OPEN):
            with self._database.writing() as db:
                if session.ends_at <= self._now:
                    sessions.close_session(db, self._actor, session.id, self._now)
                    continue
                counts = sheets.sheet(db, self._actor, session.id).counts
                if any(count for status, count in counts.items() if status != MarkStatus.UNMARKED):
                    return session
                return sessions.update_session(db, self._actor, session.id, self._times, None, self._now)
        return None

    def _moved(self, course: Course) -> ClassSession | None:
        begins, ends = self._bounds(course)
        values = {"starts_at": self._start, **self._times}
        for session in self._listed(course, SessionState.SCHEDULED, since=begins, until=ends):
            with self._database.writing() as db:
                return sessions.update_session(db, self._actor, session.id, values, None, self._now)
        return None

    def _made(self, course: Course) -> ClassSession:
        with self._database.writing() as db:
            values = {"starts_at": self._start, **self._times}
            return sessions.create_session(db, self._actor, course.id, values, self._now)

    def _bounds(self, course: Course) -> tuple[datetime, datetime]:
        return day_bounds(local_day(self._now, course.timezone), course.timezone)

    def _listed(self, course: Course, state: SessionState, **bounds: Any) -> Sequence[ClassSession]:
        with self._database.reading() as db:
            return sessions.list_sessions(db, self._actor, course_id=course.id, state=state, limit=500, **bounds).items
