"""What all parts of the demo know of its school: who works there, and its courses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Account:
    """email: what one logs in with. password: no secret, it is printed at every start."""

    name: str
    email: str
    password: str


ADMIN = Account("Robin Hale", "admin@demo.example", "keys-to-the-building")
INSTRUCTOR = Account("Nora Field", "nora@demo.example", "chalk-and-blackboard")

# Codes of the course that the class walks into, and of a smaller one.
MAIN_COURSE, SMALL_COURSE = "PROG-1", "ALG-2"
# Of a session that is made to be walked into.
LASTS = timedelta(hours=2)
