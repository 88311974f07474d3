"""Time: is the clock right, and is every time zone known that courses are in?"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from diagnosis import remedies
from diagnosis.case import Case
from diagnosis.database import contents, readable
from diagnosis.finding import Finding, note, ok, problem
from diagnosis.wording import local, some

# A browser's and a server's clock differ by seconds; sightings are counted within ten of them.
_APART = timedelta(seconds=5)
_FUTURE = timedelta(minutes=2)
_SET = "Have the system set its clock over the network (NTP)."


def zone(case: Case) -> Iterator[Finding]:
    name, now = _name_of_zone(case.environ), case.now.astimezone()
    text = f"{name or time.tzname[0]}, where it is {now:%Y-%m-%d %H:%M} (UTC{now:%z})"
    try:
        ZoneInfo("Europe/Berlin")
    except ZoneInfoNotFoundError:
        yield problem(
            "zones_missing",
            "Time zones",
            "the list of the world's time zones is missing, without which no course can be planned",
            "Install it.",
            remedies.pip_install("tzdata"),
        )
        return
    if name is not None and not _is_known(name):
        yield problem(
            "zone_unknown",
            "Time zone",
            f"TZ names {name}, which is no time zone; the system takes it for UTC",
            "Name one such as Europe/Berlin, or take it out.",
            remedies.unset_variable("TZ"),
        )
        return
    yield ok("zone", "Time zone", text)


def zones_of_courses(case: Case) -> Iterator[Finding]:
    from attendance import database_facts

    database = readable(case)
    if database is None:
        return
    zones = database_facts.zones_of_courses(database)
    unknown = [name for name in zones if not _is_known(name)]
    if unknown:
        yield problem(
            "zone_of_course_unknown",
            "Time zones",
            f"courses are in {some(unknown)}, which this machine does not know",
            "Bring the list of time zones up to date.",
            remedies.pip_install("--upgrade", "tzdata"),
        )
    ours = case.now.astimezone().utcoffset()
    theirs = {case.now.astimezone(ZoneInfo(name)).utcoffset() for name in zones if name not in unknown}
    if theirs and ours not in theirs:
        yield note(
            "zone_of_courses",
            "Time zones",
            f"the courses are in {some(zones)}, and this machine's clock shows another time: lessons are held in "
            "theirs, but logs are written in this machine's",
            "Nothing needs to be done; keep it in mind when you read logs.",
        )


def clock(case: Case) -> Iterator[Finding]:
    from attendance import database_facts
    from attendance.database import DatabaseError

    yield from _clock_of_machine(case.now)
    database, found = readable(case), contents(case)
    if database is None or found is None:
        return
    if found.newest_event is not None and found.newest_event - case.now > _FUTURE:
        yield problem(
            "clock_behind",
            "Clock",
            f"it shows {local(case.now)}, and the last entry in the database is of {local(found.newest_event)}: one of "
            "the two was wrong, and lateness is told by it",
            _SET,
        )
    try:
        ahead = database_facts.clock_ahead(database)
    except DatabaseError:
        return
    if abs(ahead) > _APART:
        seconds = abs(ahead).total_seconds()
        yield note(
            "clock_of_database",
            "Clock",
            f"the database's machine is {seconds:.0f} seconds {'ahead' if ahead > timedelta(0) else 'behind'}",
            "Have both machines set their clocks over the network (NTP).",
        )


def _clock_of_machine(now: datetime) -> Iterator[Finding]:
    """A clock that shows a time before this program was written was never set."""
    written = datetime.fromtimestamp(Path(__file__).stat().st_mtime, timezone.utc)  # noqa: UP017
    if now < written - timedelta(days=1):
        yield problem(
            "clock_behind",
            "Clock",
            f"it shows {local(now)}, which is before this program was put here ({local(written)})",
            _SET,
        )


def _is_known(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _name_of_zone(environ: Mapping[str, str]) -> str | None:
    """The IANA name of this machine's zone, where the system says it."""
    named = environ.get("TZ", "").lstrip(":")
    if named:
        return named
    try:
        target = os.path.realpath("/etc/localtime")
    except OSError:
        return None
    _, found, name = target.partition("/zoneinfo/")
    return name if found else None


CHECKS = ((zone, "Time zone"), (zones_of_courses, "Time zones"), (clock, "Clock"))
