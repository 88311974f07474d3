"""Looking after sessions that were settled: whom to warn of."""

from __future__ import annotations

from datetime import datetime, timedelta

from attendance import warnings
from attendance.database import Database

# Looked at when a process starts: another one may have stopped between settling a session and warning.
_FIRST = timedelta(days=30)
# Settling takes a moment to be seen, and the clocks of two machines differ a little.
_OVERLAP = timedelta(minutes=10)


class Watch:
    """Evaluates the rules of the courses of which sessions were settled since it last did."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._last: datetime | None = None

    def run(self, now: datetime) -> None:
        since = now - _FIRST if self._last is None else self._last - _OVERLAP
        with self._database.reading() as db:
            courses = warnings.courses_settled_since(db, since)
        for course_id in courses:
            with self._database.writing() as db:
                warnings.evaluate(db, course_id, now)
        self._last = now
