"""Recurrence rules (RFC 5545, section 3.3.10) over days, as far as courses need them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from itertools import islice

from dateutil.rrule import rrulestr

from errors import InvalidRequestError

_DAY = "(?:MO|TU|WE|TH|FR|SA|SU)"
_MONTH_DAY = r"(?:\+|-)?(?:3[01]|[12]\d|0?[1-9])"
_MONTH = r"(?:1[0-2]|0?[1-9])"


def _list_of(item: str) -> str:
    return f"{item}(?:,{item}){{0,30}}"


# The parts a rule may have. Where it begins and ends is said outside of it; hours and minutes too.
_PARTS: Mapping[str, re.Pattern[str]] = {
    "FREQ": re.compile("DAILY|WEEKLY|MONTHLY"),
    "INTERVAL": re.compile(r"[1-9]\d?"),
    "BYDAY": re.compile(_list_of(rf"(?:[+-]?[1-5])?{_DAY}")),
    "BYMONTHDAY": re.compile(_list_of(_MONTH_DAY)),
    "BYMONTH": re.compile(_list_of(_MONTH)),
    "BYSETPOS": re.compile(_list_of(_MONTH_DAY)),
    "WKST": re.compile(_DAY),
}


def weekly(weekdays: list[str]) -> str:
    """The rule for the same days of every week, such as ``["MO", "WE"]``."""
    return f"FREQ=WEEKLY;BYDAY={','.join(weekdays)}"


def normalised(rule: str) -> str:
    """``rule`` in capitals and without spaces, if it is one that can be used. Raises InvalidRequestError."""
    text = re.sub(r"\s", "", rule).upper().removeprefix("RRULE:")
    parts: dict[str, str] = {}
    for part in text.rstrip(";").split(";"):
        name, _, value = part.partition("=")
        if name in ("DTSTART", "UNTIL", "COUNT"):
            raise _invalid(f"has {name}; say from when to when by starts_on and ends_on")
        if name not in _PARTS:
            raise _invalid(f"may have {', '.join(_PARTS)}, and has something else")
        if name in parts:
            raise _invalid(f"has {name} twice")
        if not _PARTS[name].fullmatch(value):
            raise _invalid(f"has a value of {name} that cannot be used")
        parts[name] = value
    if "FREQ" not in parts:
        raise _invalid("needs FREQ=DAILY, WEEKLY or MONTHLY")
    if parts["FREQ"] != "MONTHLY" and re.search(r"\d", parts.get("BYDAY", "")):
        raise _invalid("counts weekdays (such as 2MO) without FREQ=MONTHLY")
    if parts["FREQ"] == "WEEKLY" and "BYMONTHDAY" in parts:
        raise _invalid("has BYMONTHDAY, which FREQ=WEEKLY cannot have")
    if "BYSETPOS" in parts and not parts.keys() & {"BYDAY", "BYMONTHDAY", "BYMONTH"}:
        raise _invalid("has BYSETPOS without days to choose from")
    return ";".join(f"{name}={value}" for name, value in parts.items())


def days_of(rule: str, first: date, last: date, *, most: int) -> list[date]:
    """The days of a normalised rule from ``first`` to ``last``. Raises InvalidRequestError when more than ``most``."""
    start, end = (datetime(day.year, day.month, day.day) for day in (first, last))
    recurring = rrulestr(f"{rule};UNTIL={end:%Y%m%dT%H%M%S}", dtstart=start)
    found = [moment.date() for moment in islice(recurring, most + 1)]
    if len(found) > most:
        raise _invalid(f"gives more than {most} sessions; choose fewer days or an earlier end")
    return found


def _invalid(message: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"the recurrence rule {message}", code="rrule", errors=[{"field": "rrule", "message": message}]
    )
