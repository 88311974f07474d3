"""The rows of a roster file as what they say of students, and everything that is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from attendance import external_ids, people
from attendance.roster_columns import Column, Mapped, plain, without_accents
from attendance.roster_files import Table
from attendance.roster_workbooks import Row

MOST_SHOWN = 200
_LONGEST_SHOWN = 100  # characters
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_WITH_TIME = re.compile(r"(.*\d)[T ]00:00(?::00(?:\.0+)?)?(?:Z|[+-]00:?00)?")
_NAMED = re.compile(r"(\d{1,2})[-. /]([A-Za-z]{3})[a-z]*[-. /](\d{4}|\d{2})")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# How Excel keeps days, counted from the end of 1899; these are of this century.
_SERIAL = range(36_526, 73_050)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# Programs write numbers so that Excel leaves their zeros, and pandas writes them as fractions; 't Hooft is a name.
_KEPT_AS_TEXT = re.compile(r'="(.*)"|\'(?![nst][ -])(\w.*)', re.DOTALL)
_FRACTION = re.compile(r"\d+\.0")
# Without accents and in small letters.
_STUDENT_ROLE = re.compile(
    r"student|studierend|studerend|learner|pupil|schuler|etudiant|\belev|estudiante|estudante|estudiant|alumn|aluno|"
    r"allievo|leerling|ogrenci|uczen|ucenik|zak\b|opiskelija|oppilas|hallgato|tanulo|φοιτητ|μαθητ|студент|учен|учащ|"
    r"学生|學生|生徒|학생|طالب|תלמיד|סטודנט"
)


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


@dataclass(frozen=True, slots=True)
class NoStudent:
    """A row that is of no student. shown: what stands in it, cut short. reason: why."""

    row: int
    shown: str
    reason: str


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


def read_rows(
    table: Table, columns: Mapped, errors: Errors, others: list[NoStudent], *, skip_others: bool = False
) -> Iterator[RosterRow]:
    """The rows of ``table`` that can be read; what cannot is added to ``errors``, and rows that are of no student to
    ``others``, which are errors too unless ``skip_others``."""
    header = tuple(map(plain, table.header)) if table.header else None
    ids = [row.cells[columns[Column.EXTERNAL_ID]].strip() for row in table.rows if _has(row, columns)]
    are_fractions = bool(ids) and all(map(_FRACTION.fullmatch, ids))
    for row in table.rows:
        row = Row(row.number, tuple(map(_as_meant, row.cells)))
        reason = _why_no_student(row, columns)
        if reason is not None:
            shown = ", ".join(filter(None, map(plain, row.cells)))[:_LONGEST_SHOWN]
            others.append(NoStudent(row.number, shown, reason))
            if not skip_others:
                errors.add(row.number, Column.EXTERNAL_ID, f"is not a student: {reason}; leave it out, or correct it")
            continue
        if are_fractions:
            place = columns[Column.EXTERNAL_ID]
            whole = row.cells[place].strip().removesuffix(".0")
            row = Row(row.number, (*row.cells[:place], whole, *row.cells[place + 1 :]))
        before = errors.total
        _check_shape(row, header, errors)
        if errors.total == before:
            found = _read(row, columns, errors)
            if errors.total == before:
                yield found


def _has(row: Row, columns: Mapped) -> bool:
    place = columns[Column.EXTERNAL_ID]
    return place < len(row.cells) and bool(plain(row.cells[place]))


def _as_meant(cell: str) -> str:
    kept = _KEPT_AS_TEXT.fullmatch(cell.strip())
    return cell if kept is None else (kept[1] if kept[1] is not None else kept[2]).replace('""', '"')


def _why_no_student(row: Row, columns: Mapped) -> str | None:
    place = columns.get(Column.ROLE)
    if place is not None and place < len(row.cells):
        role = without_accents(row.cells[place])
        if role.strip() and not _STUDENT_ROLE.search(role):
            return f"the role is {plain(row.cells[place])[:60]}"
    return None if _has(row, columns) else "there is no id"


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
    midnight = _WITH_TIME.fullmatch(text)
    text = midnight[1] if midnight else text
    iso, dotted, named = _ISO.fullmatch(text), _DOTTED.fullmatch(text), _NAMED.fullmatch(text)
    try:
        if text.isascii() and text.isdecimal() and len(text) == 5 and int(text) in _SERIAL:
            day = date(1899, 12, 30) + timedelta(days=int(text))
        elif named and named[2].casefold() in _MONTHS:
            year = int(named[3]) + (2000 if len(named[3]) == 2 else 0)
            day = date(year, _MONTHS.index(named[2].casefold()) + 1, int(named[1]))
        elif iso:
            day = date(int(iso[1]), int(iso[2]), int(iso[3]))
        elif dotted:
            day = date(int(dotted[3]), int(dotted[2]), int(dotted[1]))
        else:
            return None
    except ValueError:
        return None
    return day if 1970 < day.year < 9000 else None
