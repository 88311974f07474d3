"""Who is in the sample class, and who is not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Member:
    """student_id: names the folder of photos. name: invented. person: the number to render."""

    student_id: str
    name: str
    person: int


# The numbers were chosen so that people fit their names and the networks see them well apart.
STUDENTS: tuple[Member, ...] = (
    Member("s01", "Amina Yusuf", 185),
    Member("s02", "Ben Hartmann", 527),
    Member("s03", "Chiara Rossi", 3),
    Member("s04", "Daniel Okafor", 218),
    Member("s05", "Elif Demir", 140),
    Member("s06", "Felix Lindqvist", 160),
    Member("s07", "Grace Mensah", 20),
    Member("s08", "Hiro Tanaka", 237),
    Member("s09", "Isabel Moreno", 116),
    Member("s10", "Jonas Weber", 107),
    Member("s11", "Kavya Nair", 112),
    Member("s12", "Liam O'Brien", 243),
)

# People who come into the room and are enrolled nowhere.
STRANGERS: tuple[Member, ...] = (
    Member("x1", "Marta Kowalska", 73),
    Member("x2", "Noah Clarke", 27),
    Member("x3", "Olga Petrova", 2),
    Member("x4", "Paul Dupont", 8),
)
