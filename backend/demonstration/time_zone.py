"""The time zone of this machine by its IANA name, so that the demo's classes are at the hours on its own clock."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from attendance.days import is_timezone

_LOCALTIME = Path("/etc/localtime")


def local_time_zone(environ: Mapping[str, str] = os.environ) -> str:
    """A name whose clock shows what this machine's does, now and half a year from now where one is found; UTC when
    there is none."""
    now = datetime.now().astimezone()
    later = (datetime.now() + timedelta(days=183)).astimezone()
    for name in _candidates(environ, now):
        if not is_timezone(name):
            continue
        zone = ZoneInfo(name)
        same_now = now.astimezone(zone).utcoffset() == now.utcoffset()
        if same_now and (name.startswith("Etc/") or later.astimezone(zone).utcoffset() == later.utcoffset()):
            return name
    return "UTC"


def _candidates(environ: Mapping[str, str], now: datetime) -> Iterator[str]:
    """Names as systems write them down, then the zone that is as many hours from UTC as this machine's clock."""
    if environ.get("TZ"):
        yield environ["TZ"].removeprefix(":")
    where = os.path.realpath(_LOCALTIME).replace(os.sep, "/")
    if "/zoneinfo/" in where:
        yield where.rpartition("/zoneinfo/")[2]
    offset = now.utcoffset() or timedelta()
    hours, rest = divmod(offset, timedelta(hours=1))
    if hours and not rest:
        yield f"Etc/GMT{-hours:+d}"  # which counts westwards
