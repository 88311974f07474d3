"""Recurrence rules (RFC 5545, section 3.3.10) over days, as far as courses need them."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from errors import InvalidRequestError

_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_DAY = f"(?:{'|'.join(_WEEKDAYS)})"
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
    """The days of a normalised rule from ``first`` to ``last``. Raises InvalidRequestError when more than ``most``.

    Not by dateutil: that looks for a day that never comes until the year 9999.
    """
    parts = dict(part.split("=") for part in rule.split(";"))
    positions = [int(each) for each in parts.get("BYSETPOS", "").split(",") if each]
    found: list[date] = []
    for period in _periods(parts, first, last):
        days = [day for day in period if _is_meant(parts, day, first)]
        if positions:
            chosen = {days[at - 1 if at > 0 else at] for at in positions if abs(at) <= len(days)}
            days = sorted(chosen)
        found += [day for day in days if first <= day <= last]
        if len(found) > most:
            raise _invalid(f"gives more than {most} sessions; choose fewer days or an earlier end")
    return found


def _periods(parts: Mapping[str, str], first: date, last: date) -> Iterator[list[date]]:
    """The days of each day, week or month that the rule looks at."""
    interval, kind = int(parts.get("INTERVAL", 1)), parts["FREQ"]
    if kind == "MONTHLY":
        for month in range(12 * first.year + first.month - 1, 12 * last.year + last.month, interval):
            start = date(month // 12, month % 12 + 1, 1)
            yield [start + timedelta(days=day) for day in range(monthrange(start.year, start.month)[1])]
        return
    length, start = 1, first
    if kind == "WEEKLY":
        length = 7
        start -= timedelta(days=(first.weekday() - _WEEKDAYS.index(parts.get("WKST", "MO"))) % 7)
    for begun in range(0, (last - start).days + 1, length * interval):
        yield [start + timedelta(days=begun + day) for day in range(length)]


def _is_meant(parts: Mapping[str, str], day: date, first: date) -> bool:
    if "BYMONTH" in parts and str(day.month) not in _numbers(parts["BYMONTH"]):
        return False
    before, after = day.day, monthrange(day.year, day.month)[1] - day.day  # days of its month, with and without it
    if "BYMONTHDAY" in parts and _numbers(parts["BYMONTHDAY"]).isdisjoint({str(before), str(-after - 1)}):
        return False
    if "BYDAY" in parts:
        name = _WEEKDAYS[day.weekday()]
        counted = {name, f"{(before - 1) // 7 + 1}{name}", f"{-(after // 7) - 1}{name}"}
        return not counted.isdisjoint(parts["BYDAY"].replace("+", "").split(","))
    if "BYMONTHDAY" in parts or parts["FREQ"] == "DAILY":
        return True
    return day.weekday() == first.weekday() if parts["FREQ"] == "WEEKLY" else day.day == first.day


def _numbers(listed: str) -> set[str]:
    return {str(int(each)) for each in listed.split(",")}


def _invalid(message: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"the recurrence rule {message}", code="rrule", errors=[{"field": "rrule", "message": message}]
    )
