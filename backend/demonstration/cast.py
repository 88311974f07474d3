"""Who is in the demo, what they meet for, and how many pictures there are of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sample_class.members import STRANGERS, STUDENTS, Member


@dataclass(frozen=True, slots=True)
class Account:
    """email: what one logs in with."""

    name: str
    email: str


ADMIN = Account("Robin Hale", "admin@demo.example")
INSTRUCTOR = Account("Nora Field", "nora@demo.example")

# Codes of the course that the class walks into, and of a smaller one.
MAIN_COURSE, SMALL_COURSE = "PROG-1", "ALG-2"
# Of a session that is made to be walked into.
LASTS = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Cast:
    """photos: of each student, of which ``kept_back`` are not enrolled but try the model. stranger_photos: of each
    stranger. groups: who walks in together in the clip; None: everybody. seconds: how long a group is in view."""

    students: Sequence[Member] = STUDENTS
    strangers: Sequence[Member] = STRANGERS
    photos: int = 12
    kept_back: int = 2
    stranger_photos: int = 4
    groups: Sequence[Sequence[Member]] | None = None
    seconds: float = 7.0
