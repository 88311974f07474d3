"""Who is in the sample class, and who is not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Member:
    """student_id: names the folder of photos. name: invented. person: the number to render."""

    student_id: str
    name: str
    person: int


STUDENTS: tuple[Member, ...] = (
    Member("s01", "Amina Yusuf", 1),
    Member("s02", "Ben Hartmann", 2),
    Member("s03", "Chiara Rossi", 3),
    Member("s04", "Daniel Okafor", 4),
    Member("s05", "Elif Demir", 5),
    Member("s06", "Felix Lindqvist", 6),
    Member("s07", "Grace Mensah", 7),
    Member("s08", "Hiro Tanaka", 8),
    Member("s09", "Isabel Moreno", 9),
    Member("s10", "Jonas Weber", 10),
    Member("s11", "Kavya Nair", 11),
    Member("s12", "Liam O'Brien", 12),
)

# People who come into the room and are enrolled nowhere.
STRANGERS: tuple[Member, ...] = (
    Member("x1", "Marta Kowalska", 13),
    Member("x2", "Noah Clarke", 14),
    Member("x3", "Olga Petrova", 15),
    Member("x4", "Paul Dupont", 16),
)
