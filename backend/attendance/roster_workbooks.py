"""The rows of an Excel workbook (.xlsx) as text, from its first sheet that has any. What is read is bounded, whatever
the file claims."""

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
# Unpacked; a workbook of twenty thousand students has five million.
_MOST_BYTES = 60_000_000
_MOST_PARTS = 500
_MOST_CHARACTERS = 20_000_000  # of all cells together: a file can store one long text and use it in every cell
# XML elements: those that rows are made of, and all others, each of which costs ten times as much to read.
_OF_ROWS, _MOST_OF_ROWS, _MOST_OTHERS = ("row", "c", "v", "f", "is", "t"), 1_000_000, 300_000
_READ_ROWS = 10 * MOST_ROWS
_LAST_ROW = 2**20  # the most that Excel allows
_LONGEST_CELL = 32_767  # characters, the most that Excel allows


@dataclass(frozen=True, slots=True)
class Row:
    """number: as in a spreadsheet program: from 1, counting the header and empty rows."""

    number: int
    cells: tuple[str, ...]


def rows(data: bytes) -> Iterator[Row]:
    """The rows of the first sheet that has any, without empty ones: the header and at most one row more than
    ``MOST_ROWS``, by which the caller sees that there are too many. Raises InvalidRequestError, TooLargeError."""
    try:
        _check_size(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about what openpyxl does not read: styles, validations, charts
            book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
            for sheet in book.worksheets:
                sheet.reset_dimensions()  # ignore the size that the file claims
                found = list(_rows_of(sheet))
                if found:
                    yield from found
                    return
    except (InvalidRequestError, TooLargeError):
        raise
    except Exception as error:  # for a damaged file openpyxl raises whatever its parts raise
        raise InvalidRequestError(
            "this looks like a workbook, but it cannot be read; open it and save it again as .xlsx or as CSV",
            code="workbook",
        ) from error


def _check_size(data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = archive.infolist()
        if len(parts) > _MOST_PARTS or sum(part.file_size for part in parts) > _MOST_BYTES:
            raise _too_large(f"unpacks to more than {_MOST_BYTES:,} bytes")
        # the sizes in the list may be false; nothing beyond them is read
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
                    raise zipfile.BadZipFile("a part is shorter than its size in the list")


def _counting(elements: Counter[str]) -> expat.XMLParserType:
    """A parser that counts the XML elements of a part by name, without the prefix."""

    def begins(name: str, _: object) -> None:
        elements[name.rpartition(":")[2]] += 1

    def refuse(*_: object) -> NoReturn:
        raise zipfile.BadZipFile("a workbook has no document types or entities")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.StartDoctypeDeclHandler = begins, refuse
    return parser


def _fed(parser: expat.XMLParserType | None, piece: bytes) -> expat.XMLParserType | None:
    """``parser``, or None once the part is not XML: openpyxl reads no further than that, and pictures never are."""
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
    # a cell may claim any column and a row any number: never allocate what they claim
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
    """``rows`` with cells cut to ``longest`` characters, for a preview."""
    return [Row(row.number, tuple(cell[:longest] for cell in row.cells)) for row in rows]
