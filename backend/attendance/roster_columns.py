"""Which column of a roster file is what: by the names in its header, or as somebody says."""

from __future__ import annotations

import re
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
    ROLE = "role"
    """Of a list that has teachers in it as well."""


# As systems of schools name them, letters and digits only, in small letters.
_NAMES = {
    Column.EXTERNAL_ID: (
        "externalid id studentid studentidnumber studentnumber studentno idnumber number matriculationnumber "
        "matriculationno matrikelnummer matrikelnr matrikel matrnr registrationnumber registrationno rollno "
        "rollnumber admissionnumber admissionno enrolmentnumber enrolmentno enrollmentnumber enrollmentno sisid "
        "sisuserid numero codigo matricule 学号 学籍番号 학번"
    ),
    Column.NAME: "name fullname studentname student displayname vollername nombrecompleto nomcomplet 姓名 氏名 이름",
    Column.FIRST_NAME: "firstname givenname forename vorname prenom nombre nombres",
    Column.LAST_NAME: "lastname surname familyname nachname familienname nom apellido apellidos",
    Column.EMAIL: "email emailaddress mail mailaddress emailadresse mailadresse correo courriel",
    Column.STARTS_ON: "startson start startdate startsat enrolledfrom from begin beginn von",
    Column.ENDS_ON: "endson end enddate endsat enrolleduntil until to ende bis",
    Column.ROLE: "role roles rolle rollen roller rol ruolo ruoli papel papeis funcao funcoes rola роль роли 角色 역할",
}
# Where a file has two columns of ids, the school's own: the other numbers the accounts of the system.
_THE_SCHOOLS = ("sisuserid", "sisid")
_SHAPES = ((re.compile(r"\d+"), "9"), (re.compile(r"[^\W\d_]+"), "a"))
_COLUMNS = {name: column for column, names in _NAMES.items() for name in names.split()}

# Characters; too long for every column, so that its row is refused.
_LONGEST_CELL = 800
# Of combining marks, one after another, that any writing has (Unicode's stream-safe text).
_MOST_MARKS = 30

Mapped = Mapping[Column, int]
"""Column -> its place in a row, from 0."""


def plain(cell: str) -> str:
    """``cell`` normalised (NFC), without white space around it and with single spaces inside. One that is longer than
    anything a roster may hold is only cut short, and no writing stays as it is: to put marks in order takes a time that
    grows with the square of their number."""
    text = " ".join(cell.split())
    if text.isascii() or len(text) > _LONGEST_CELL or _most_marks(text) > _MOST_MARKS:
        return text[: _LONGEST_CELL + 1]
    return unicodedata.normalize("NFC", text)


def _most_marks(text: str) -> int:
    most = marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        most = max(most, marks)
    return most


def is_header(rows: Sequence[Sequence[str]]) -> tuple[bool, bool]:
    """Whether the first of ``rows`` names the columns, and whether that is certain.

    A row with an id or an address like those below it is a student, whatever the student is called: To, From and Ende
    are surnames too.
    """
    if not rows:
        return False, True
    first, rest = rows[0], rows[1:]
    if _is_like(first, rest):
        return False, True
    names = [column for cell in first if (column := _known(cell))]
    if not rest and _is_data(first):
        return False, not names
    if names:
        below = sum(map(_is_data, rest)) * 2 > len(rest)
        return True, below or len(set(names)) > 1 or Column.EXTERNAL_ID in names
    if not _is_data(first) and sum(map(_is_data, rest)) * 2 > len(rest):
        return True, True
    return False, any(map(_is_data, rows))


def guess(header: Sequence[str] | None, rows: Sequence[Sequence[str]]) -> dict[Column, int]:
    """What the columns seem to be. A column that is there twice is left out, and so is one of ids that only counts the
    rows."""
    if header is None:
        return _guess_by_content(rows)
    found: dict[Column, list[int]] = {}
    for place, cell in enumerate(header):
        column = _known(cell)
        if column and not (column is Column.EXTERNAL_ID and is_running(rows, place)):
            found.setdefault(column, []).append(place)
    ids = found.get(Column.EXTERNAL_ID, [])
    schools = [place for place in ids if _letters(header[place]) in _THE_SCHOOLS]
    if len(ids) > 1 and len(schools) == 1:
        found[Column.EXTERNAL_ID] = schools
    return {column: places[0] for column, places in found.items() if len(places) == 1}


def is_running(rows: Sequence[Sequence[str]], place: int) -> bool:
    """Whether the column only counts the rows, so that another file has the same numbers for others."""
    cells = [plain(row[place]) if place < len(row) else "" for row in rows]
    numbers = [int(cell) for cell in cells if cell.isascii() and cell.isdecimal() and len(cell) < 9]
    if not numbers or len(numbers) < len(rows) or numbers[0] not in (0, 1):
        return False
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def mapped(
    header: Sequence[str] | None, width: int, said: Mapping[Column, str], rows: Sequence[Sequence[str]] = ()
) -> dict[Column, int]:
    """Which column is what. said: for each column its number, from 1, or its name in the header; nothing said: as the
    names in the header are understood, and ``rows``. Raises InvalidRequestError."""
    if said:
        columns = {column: _place(column, where, header, width) for column, where in said.items()}
    elif header is not None:
        columns = guess(header, rows)
    else:
        raise _error(None, "the file has no header; say which column is what, such as external_id=1&name=2")
    counting = [place for place, cell in enumerate(header or ()) if _known(cell) is Column.EXTERNAL_ID]
    if Column.EXTERNAL_ID not in columns and len(counting) == 1 and is_running(rows, counting[0]):
        name = plain((header or ())[counting[0]])
        raise _error(
            Column.EXTERNAL_ID,
            f"the column {name} only counts the rows, and other files count theirs alike. Name the column with the "
            f"school's ids, or say external_id={name} if these are the ids",
        )
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
    if twice and set(twice) != {Column.EXTERNAL_ID, Column.EMAIL}:
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
    return _COLUMNS.get(_letters(cell))


def _letters(cell: str) -> str:
    return "".join(letter for letter in without_accents(cell) if letter.isalnum())


def without_accents(cell: str) -> str:
    """The beginning of ``cell`` in small letters, without accents."""
    apart = unicodedata.normalize("NFKD", cell[:200]).casefold()
    return unicodedata.normalize("NFC", "".join(letter for letter in apart if not unicodedata.combining(letter)))


def _is_like(first: Sequence[str], rest: Sequence[Sequence[str]]) -> bool:
    """Whether ``first`` has an id or an address where most of the others have one of the same shape."""
    for place, cell in enumerate(first):
        if _is_data([cell]) and rest:
            shape = _shape(cell)
            same = sum(place < len(row) and _shape(row[place]) == shape for row in rest)
            if same * 2 > len(rest):
                return True
    return False


def _shape(cell: str) -> str:
    """``cell`` with "9" for each number and "a" for each word; of an address only that it is one."""
    text = plain(cell)
    if "@" in text:
        return "@"
    for pattern, sign in _SHAPES:
        text = pattern.sub(sign, text)
    return text


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
        elif is_running(rows, place) and place + 1 < width and len(rows) > 1:
            continue
        elif Column.EXTERNAL_ID not in found:
            found[Column.EXTERNAL_ID] = place
        else:
            found.setdefault(Column.NAME, place)
    return found
