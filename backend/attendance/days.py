"""Days and wall clocks of a course's time zone, as moments, across the changes of daylight saving time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo


def local_day(moment: datetime, timezone: str) -> date:
    """The day that it is in ``timezone`` at ``moment``."""
    return moment.astimezone(ZoneInfo(timezone)).date()


def moment_of(day: date, wall: time, timezone: str) -> datetime:
    """The moment, in UTC, at which a clock in ``timezone`` shows ``wall`` on ``day``.

    A time that the clocks skip in spring is taken as much later as they skip; of one that they show twice in autumn the
    first is meant.
    """
    return datetime.combine(day, wall, ZoneInfo(timezone)).astimezone(UTC)


def day_bounds(day: date, timezone: str) -> tuple[datetime, datetime]:
    """The first moment of ``day`` in ``timezone``, and the first of the next."""
    return moment_of(day, time(0), timezone), moment_of(day + timedelta(days=1), time(0), timezone)


def is_timezone(name: str) -> bool:
    """Whether ``name`` is a time zone that means the same on every machine: not ``localtime``, which is whatever the
    machine is set to."""
    return name in _time_zones()


@cache
def _time_zones() -> frozenset[str]:
    return frozenset((files("tzdata") / "zones").read_text("utf-8").split()) - {"Factory"}
