"""Who is in a demo, and how many pictures there are of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sample_class.members import STRANGERS, STUDENTS, Member


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
