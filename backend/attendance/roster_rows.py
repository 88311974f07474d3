"""The rows of a roster file as what they say of students, and everything that is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from attendance import external_ids, people
from attendance.roster_columns import Column, Mapped, plain
from attendance.roster_files import Row, Table

MOST_SHOWN = 200
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class RosterRow:
    """number: of the row in the file. key: see ``external_ids.key_of``. Of the others None: the file does not say."""

    number: int
    external_id: str
    key: str
    name: str | None
    email: str | None
    starts_on: date | None
    ends_on: date | None

    @property
    def said(self) -> RosterRow:
        """What the row says, wherever it stands."""
        return replace(self, number=0)


class Errors:
    """What is wrong with the rows of a file."""

    def __init__(self) -> None:
        self._all: list[tuple[int, dict[str, object]]] = []

    def add(self, number: int, column: Column | None, message: str) -> None:
        """number: of the row. column: None: the whole row."""
        self._all.append((number, {"row": number, **({"field": str(column)} if column else {}), "message": message}))

    @property
    def total(self) -> int:
        return len(self._all)

    @property
    def first(self) -> list[dict[str, object]]:
        """The first MOST_SHOWN, by row."""
        return [error for _, error in sorted(self._all, key=lambda each: each[0])[:MOST_SHOWN]]


def read_rows(table: Table, columns: Mapped, errors: Errors) -> Iterator[RosterRow]:
    """The rows of ``table`` that can be read; what cannot is added to ``errors``."""
    header = tuple(map(plain, table.header)) if table.header else None
    for row in table.rows:
        before = errors.total
        _check_shape(row, header, errors)
        if errors.total == before:
            found = _read(row, columns, errors)
            if errors.total == before:
                yield found


def _check_shape(row: Row, header: Sequence[str] | None, errors: Errors) -> None:
    if any("\0" in cell for cell in row.cells):
        errors.add(row.number, None, "contains a NUL character; is the encoding right?")
    elif header is not None and tuple(map(plain, row.cells)) == header:
        errors.add(row.number, None, "is the header again; delete it")
    elif header is not None and any(map(plain, row.cells[len(header) :])):
        errors.add(
            row.number,
            None,
            f"has {len(row.cells)} cells, the header {len(header)}; a cell that contains the delimiter needs quotation "
            "marks",
        )


def _read(row: Row, columns: Mapped, errors: Errors) -> RosterRow:
    """The row; where something of it is wrong, ``errors`` says so and the value is of no use."""
    cells = {column: row.cells[place] if place < len(row.cells) else "" for column, place in columns.items()}
    values: dict[str, str] = {"external_id": external_ids.normalised(cells[Column.EXTERNAL_ID].strip())}
    for column in (Column.NAME, Column.FIRST_NAME, Column.LAST_NAME):
        if cells.get(column, "").startswith(_FORMULA):
            sign = cells[column][0]
            shown = sign if sign.isprintable() else "a control character"
            errors.add(row.number, column, f"begins with {shown}, which spreadsheets may take for a formula")
            return _nothing(row)
    name = plain(" ".join(cells.get(column, "") for column in (Column.NAME, Column.FIRST_NAME, Column.LAST_NAME)))
    email = plain(cells.get(Column.EMAIL, ""))
    if name:
        values["name"] = name
    if email:
        values["email"] = email
    for problem in people.problems(values):
        errors.add(row.number, Column(str(problem["field"])), str(problem["message"]))
    days: dict[Column, date | None] = {}
    for column in (Column.STARTS_ON, Column.ENDS_ON):
        text = plain(cells.get(column, ""))
        days[column] = _day(text) if text else None
        if text and days[column] is None:
            errors.add(row.number, column, "is not a day such as 2026-11-25 or 25.11.2026")
    starts_on, ends_on = days[Column.STARTS_ON], days[Column.ENDS_ON]
    if starts_on and ends_on and ends_on < starts_on:
        errors.add(row.number, Column.ENDS_ON, "is before starts_on")
    external_id = values["external_id"]
    return RosterRow(
        row.number, external_id, external_ids.key_of(external_id), name or None, email or None, starts_on, ends_on
    )


def _nothing(row: Row) -> RosterRow:
    return RosterRow(row.number, "", "", None, None, None, None)


def _day(text: str) -> date | None:
    """Where day and month could be either way round nothing is guessed."""
    iso, dotted = _ISO.fullmatch(text), _DOTTED.fullmatch(text)
    try:
        if iso:
            day = date(int(iso[1]), int(iso[2]), int(iso[3]))
        elif dotted:
            day = date(int(dotted[3]), int(dotted[2]), int(dotted[1]))
        else:
            return None
    except ValueError:
        return None
    return day if 1970 < day.year < 9000 else None
