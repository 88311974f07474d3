"""When sightings are enough: so many of one student, in different pictures, within a short time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from attendance.policy import Policy


def confirmation(sightings: Sequence[tuple[datetime, str]], policy: Policy) -> tuple[datetime | None, int]:
    """(moment, picture's SHA-256) of accepted sightings -> the first moment of the earliest that are enough and near
    enough to one another, or None; and how many of those needed there are. A picture counts once."""
    once: Mapping[str, datetime] = {sha: at for at, sha in sorted(sightings, reverse=True)}
    times, needed = sorted(once.values()), policy.confirm_sightings
    seen = 0
    for start, first in enumerate(times):
        together = sum(at - first <= policy.confirm_window for at in times[start:])
        if together >= needed:
            return first, needed
        seen = max(seen, together)
    return None, seen
