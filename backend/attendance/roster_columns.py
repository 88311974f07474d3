"""Which column of a roster file is what: by the names in its header, or as somebody says."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from enum import StrEnum

from errors import InvalidRequestError


class Column(StrEnum):
    EXTERNAL_ID = "external_id"
    NAME = "name"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    EMAIL = "email"
    STARTS_ON = "starts_on"
    ENDS_ON = "ends_on"


# As systems of schools name them, letters and digits only, in small letters.
_NAMES = {
    Column.EXTERNAL_ID: (
        "externalid id studentid studentidnumber studentnumber studentno idnumber number matriculationnumber "
        "matriculationno matrikelnummer matrikelnr matrikel matrnr registrationnumber rollno rollnumber sisid "
        "sisuserid numero codigo matricule 学号 学籍番号 학번"
    ),
    Column.NAME: "name fullname studentname student displayname vollername nombrecompleto nomcomplet 姓名 氏名 이름",
    Column.FIRST_NAME: "firstname givenname forename vorname prenom nombre nombres",
    Column.LAST_NAME: "lastname surname familyname nachname familienname nom apellido apellidos",
    Column.EMAIL: "email emailaddress mail mailaddress emailadresse mailadresse correo courriel",
    Column.STARTS_ON: "startson start startdate startsat enrolledfrom from begin beginn von",
    Column.ENDS_ON: "endson end enddate endsat enrolleduntil until to ende bis",
}
_COLUMNS = {name: column for column, names in _NAMES.items() for name in names.split()}

# Characters; still too long for every column after normalising, so that its row is refused.
_LONGEST_CELL = 2000

Mapped = Mapping[Column, int]
"""Column -> its place in a row, from 0."""


def plain(cell: str) -> str:
    """``cell`` normalised (NFC), without white space around it and with single spaces inside. One that is longer than
    anything a roster may hold is only cut short: normalising takes a time that grows with the square of its length."""
    text = cell if len(cell) <= _LONGEST_CELL else cell[:_LONGEST_CELL]
    return " ".join(unicodedata.normalize("NFC", text).split())


def is_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first of ``rows`` names the columns: it has a name that is known, or no digit and no address where
    most of the others have."""
    if not rows:
        return False
    if any(_known(cell) for cell in rows[0]):
        return True
    rest = [_is_data(row) for row in rows[1:]]
    return not _is_data(rows[0]) and sum(rest) * 2 > len(rest)


def guess(header: Sequence[str] | None, rows: Sequence[Sequence[str]]) -> dict[Column, int]:
    """What the columns seem to be. A column that is there twice is left out."""
    if header is None:
        return _guess_by_content(rows)
    found: dict[Column, list[int]] = {}
    for place, cell in enumerate(header):
        column = _known(cell)
        if column:
            found.setdefault(column, []).append(place)
    return {column: places[0] for column, places in found.items() if len(places) == 1}


def mapped(header: Sequence[str] | None, width: int, said: Mapping[Column, str]) -> dict[Column, int]:
    """Which column is what. said: for each column its number, from 1, or its name in the header; nothing said: as the
    names in the header are understood. Raises InvalidRequestError."""
    if said:
        columns = {column: _place(column, where, header, width) for column, where in said.items()}
    elif header is not None:
        columns = guess(header, ())
    else:
        raise _error(None, "the file has no header; say which column is what, such as external_id=1&name=2")
    if Column.EXTERNAL_ID not in columns:
        raise _error(
            Column.EXTERNAL_ID,
            "it is not clear which column is the external_id; name it, or give its number, counted from 1",
        )
    if Column.NAME in columns and (Column.FIRST_NAME in columns or Column.LAST_NAME in columns):
        if said:
            raise _error(Column.NAME, "give either name, or first_name and last_name")
        columns = {
            column: place for column, place in columns.items() if column not in (Column.FIRST_NAME, Column.LAST_NAME)
        }
    twice = [column for column, place in columns.items() if list(columns.values()).count(place) > 1]
    if twice:
        raise _error(twice[-1], f"{' and '.join(twice)} are the same column")
    return columns


def _place(column: Column, where: str, header: Sequence[str] | None, width: int) -> int:
    where = plain(where)
    if where.isascii() and where.isdecimal():
        number = int(where[:9])
        if not 1 <= number <= width:
            raise _error(column, f"there is no column {number}; the file has {width}")
        return number - 1
    places = [place for place, cell in enumerate(header or ()) if plain(cell).casefold() == where.casefold()]
    if len(places) > 1:
        raise _error(column, f"several columns are called {where}; give the number of one, counted from 1")
    if not places:
        raise _error(column, f"no column is called {where}; give a name of the header, or a number counted from 1")
    return places[0]


def _error(column: Column | None, message: str) -> InvalidRequestError:
    return InvalidRequestError(
        message, code="mapping", errors=[{"field": str(column), "message": message}] if column else []
    )


def _known(cell: str) -> Column | None:
    return _COLUMNS.get("".join(letter for letter in _without_accents(cell) if letter.isalnum()))


def _without_accents(cell: str) -> str:
    apart = unicodedata.normalize("NFKD", cell[:200]).casefold()
    return unicodedata.normalize("NFC", "".join(letter for letter in apart if not unicodedata.combining(letter)))


def _is_data(row: Sequence[str]) -> bool:
    return any("@" in cell or any(letter.isdigit() for letter in cell) for cell in row)


def _guess_by_content(rows: Sequence[Sequence[str]]) -> dict[Column, int]:
    """Of a file without header: first the number, then the name; where most cells are addresses, those."""
    width = max((len(row) for row in rows), default=0)
    found: dict[Column, int] = {}
    for place in range(width):
        cells = [row[place] for row in rows if place < len(row)]
        if sum("@" in cell for cell in cells) * 2 > len(cells):
            found.setdefault(Column.EMAIL, place)
        elif Column.EXTERNAL_ID not in found:
            found[Column.EXTERNAL_ID] = place
        else:
            found.setdefault(Column.NAME, place)
    return found
