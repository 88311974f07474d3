"""The first sheet of an Excel workbook (.xlsx) as rows of text, read within bounds whatever the file claims."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, NoReturn
from xml.parsers import expat

from openpyxl import load_workbook

from errors import InvalidRequestError, TooLargeError

MOST_ROWS = 20_000
MOST_COLUMNS = 100
# Unpacked; a workbook of twenty thousand students has five.
_MOST_BYTES = 60_000_000
_MOST_PARTS = 500
_MOST_CHARACTERS = 20_000_000  # of all cells; one text may be in all of them
# Elements of XML: those that rows are made of, and the others, of which each costs ten times as much to read.
_OF_ROWS, _MOST_OF_ROWS, _MOST_OTHERS = ("row", "c", "v", "f", "is", "t"), 1_000_000, 300_000
_READ_ROWS = 10 * MOST_ROWS
_LAST_ROW = 2**20  # of any sheet
_LONGEST_CELL = 32_767  # characters, as Excel has it


@dataclass(frozen=True, slots=True)
class Row:
    """number: as a spreadsheet program counts, from 1, the header and empty ones included."""

    number: int
    cells: tuple[str, ...]


def rows(data: bytes) -> Iterator[Row]:
    """Every row that is not empty of the first sheet that has any, up to one more than may be, and the header. Raises
    InvalidRequestError, TooLargeError."""
    try:
        _check_size(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what openpyxl leaves out: styles, validations, charts
            book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
            for sheet in book.worksheets:
                sheet.reset_dimensions()  # what the file claims of its size
                found = list(_rows_of(sheet))
                if found:
                    yield from found
                    return
    except (InvalidRequestError, TooLargeError):
        raise
    except Exception as error:  # openpyxl has no error of its own for a damaged file
        raise InvalidRequestError(
            "this looks like a workbook, but it cannot be read; open it and save it again as .xlsx or as CSV",
            code="workbook",
        ) from error


def _check_size(data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = archive.infolist()
        if len(parts) > _MOST_PARTS or sum(part.file_size for part in parts) > _MOST_BYTES:
            raise _too_large(f"unpacks to more than {_MOST_BYTES:,} bytes")
        # the sizes in the list may be false: what is there more is not read
        elements: Counter[str] = Counter()
        for part in parts:
            parser: expat.XMLParserType | None = _counting(elements)
            with archive.open(part) as file:
                left = part.file_size
                while piece := file.read(2**20):
                    left -= len(piece)
                    parser = _fed(parser, piece)
                    of_rows = sum(elements[name] for name in _OF_ROWS)
                    if of_rows > _MOST_OF_ROWS or elements.total() - of_rows > _MOST_OTHERS:
                        raise _too_large("has far more cells, texts or formats than a list of students")
                if left:
                    raise zipfile.BadZipFile("a part has another size than the list says")


def _counting(elements: Counter[str]) -> expat.XMLParserType:
    """A parser that counts the elements of a part by their names, without a prefix."""

    def begins(name: str, _: object) -> None:
        elements[name.rpartition(":")[2]] += 1

    def refuse(*_: object) -> NoReturn:
        raise zipfile.BadZipFile("no program writes entities into a workbook")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.StartDoctypeDeclHandler = begins, refuse
    return parser


def _fed(parser: expat.XMLParserType | None, piece: bytes) -> expat.XMLParserType | None:
    """``parser``, or None from the first mistake on: nobody reads a part further than that, and pictures are no XML."""
    try:
        if parser is not None:
            parser.Parse(piece, False)
    except expat.ExpatError:
        return None
    return parser


def _too_large(what: str) -> TooLargeError:
    return TooLargeError(f"this workbook {what}; save the list of students alone, as CSV")


def _rows_of(sheet: Any) -> Iterator[Row]:
    given = characters = 0
    # a cell may claim any column, and a row any number: what they claim is not laid out in memory
    for number, values in enumerate(sheet.iter_rows(max_col=MOST_COLUMNS + 1, values_only=True), start=1):
        is_empty = values.count(None) == len(values)
        if is_empty and number <= _LAST_ROW:
            continue
        if number > _READ_ROWS:
            raise TooLargeError(
                f"the sheet has students below row {_READ_ROWS:,}; delete the empty rows above them",
                code="too_many_rows",
            )
        cells = [_text(value) for value in values]
        while cells and not cells[-1]:
            cells.pop()
        if len(cells) > MOST_COLUMNS:
            message = f"has more than {MOST_COLUMNS} cells"
            raise InvalidRequestError(
                f"row {number} {message}", code="workbook", errors=[{"row": number, "message": message}]
            )
        characters += sum(map(len, cells))
        if characters > _MOST_CHARACTERS:
            raise _too_large(f"has more than {_MOST_CHARACTERS:,} characters in its cells")
        if any(cells):
            given += 1
            yield Row(number, tuple(cells))
        if given >= MOST_ROWS + 2:
            return


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)[:_LONGEST_CELL].strip()


def shown(rows: Sequence[Row], longest: int = 200) -> list[Row]:
    """``rows`` with cells cut to ``longest`` characters, to be looked at."""
    return [Row(row.number, tuple(cell[:longest] for cell in row.cells)) for row in rows]
