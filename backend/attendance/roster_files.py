"""A roster as a file of comma-separated values or a workbook, from whatever program wrote it: the bytes become rows of
cells.

Nothing is guessed behind anybody's back: what was found out is told, with whether it is certain, and may be said
otherwise.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import charset_normalizer

from attendance import roster_workbooks
from attendance.roster_columns import is_header, plain
from attendance.roster_workbooks import MOST_COLUMNS, MOST_ROWS, Row
from errors import InvalidRequestError, TooLargeError

MOST_BYTES = 5 * 2**20
WORKBOOK = "workbook"
_OLD_WORKBOOK, _ZIP = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PK\x03\x04"

# What a caller may name, and the codec of Python for it.
ENCODINGS = {
    "utf-8": "utf-8-sig",
    "utf-16": "utf-16",
    "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
    "windows-1250": "cp1250",
    "windows-1251": "cp1251",
    "windows-1252": "cp1252",
    "windows-1253": "cp1253",
    "windows-1254": "cp1254",
    "windows-1255": "cp1255",
    "windows-1256": "cp1256",
    "windows-1257": "cp1257",
    "windows-1258": "cp1258",
    "iso-8859-1": "iso8859-1",
    "iso-8859-2": "iso8859-2",
    "iso-8859-15": "iso8859-15",
    "macintosh": "mac_roman",
    "cp437": "cp437",
    "cp850": "cp850",
    "shift_jis": "cp932",
    "gb18030": "gb18030",
    "big5": "big5",
    "euc-kr": "cp949",
}
# Those that spreadsheet programs of one country or another write when they do not write Unicode.
_GUESSED = {
    codec: name
    for name, codec in ENCODINGS.items()
    if name.startswith("windows-") or name in ("shift_jis", "gb18030", "big5", "euc-kr")
}
_COMMONEST = "windows-1252"
_GUESS_FROM = 2**16  # bytes of lines with letters beyond ASCII; more would not say more


class Delimiter(StrEnum):
    COMMA = "comma"
    SEMICOLON = "semicolon"
    TAB = "tab"
    PIPE = "pipe"


# Where two would do, the earlier one: commas stand in names as well.
_SIGNS = {Delimiter.TAB: "\t", Delimiter.SEMICOLON: ";", Delimiter.PIPE: "|", Delimiter.COMMA: ","}
_LOOKED_AT = 50  # records, to find out the delimiter and whether there is a header


@dataclass(frozen=True, slots=True)
class Table:
    """encoding: a key of ENCODINGS, or WORKBOOK. encoding_is_certain: whether it was named or can be told, not guessed.
    other_encodings: which the bytes could be in as well. header: the first row, when it names the columns.
    header_is_certain: whether that was said or can be told. rows: the others, empty ones left out. width: cells of the
    widest row."""

    encoding: str
    encoding_is_certain: bool
    other_encodings: tuple[str, ...]
    delimiter: Delimiter
    header: tuple[str, ...] | None
    header_is_certain: bool
    rows: tuple[Row, ...]
    width: int


def read(
    data: bytes, *, encoding: str | None = None, delimiter: Delimiter | None = None, header: bool | None = None
) -> Table:
    """The rows of the file ``data``. encoding (a key of ENCODINGS), delimiter, header (whether the first row names the
    columns): default: found out. Raises TooLargeError, InvalidRequestError."""
    if len(data) > MOST_BYTES:
        raise TooLargeError(f"the file has {len(data):,} bytes, more than the {MOST_BYTES:,} allowed; split it")
    if data.startswith(_OLD_WORKBOOK):
        raise InvalidRequestError(
            "this is a workbook of an old Excel (.xls); open it and save it as .xlsx or as CSV", code="workbook"
        )
    if data.startswith(_ZIP):
        found, delimiter = Found(WORKBOOK, True, ()), Delimiter.COMMA
        rows = list(roster_workbooks.rows(data))
    else:
        found = Found(encoding, True, ()) if encoding and encoding != WORKBOOK else find_encoding(data)
        text = _decoded(data, found.encoding)
        first_line = text.split("\n", 1)[0].strip().casefold()
        if first_line[:4] == "sep=" and len(first_line) <= 5:  # Excel's own remark, which it does not show
            text = text.split("\n", 1)[1] if "\n" in text else ""
            named = next((each for each, sign in _SIGNS.items() if f"sep={sign}".strip() == first_line), None)
            delimiter = delimiter or named
        delimiter = delimiter or _find_delimiter(text)
        rows = list(_rows(text, delimiter))
    is_certain = header is not None
    if header is None:
        header, is_certain = is_header([row.cells for row in rows[:_LOOKED_AT]])
    names = rows.pop(0).cells if header and rows else None
    if not rows:
        raise InvalidRequestError("the file holds no rows of students", code="no_rows")
    if len(rows) > MOST_ROWS:
        raise TooLargeError(f"the file has more than {MOST_ROWS:,} rows; split it", code="too_many_rows")
    width = max(len(names or ()), *(len(row.cells) for row in rows))
    return Table(found.encoding, found.is_certain, found.others, delimiter, names, is_certain, tuple(rows), width)


@dataclass(frozen=True, slots=True)
class Found:
    """encoding, others: keys of ENCODINGS."""

    encoding: str
    is_certain: bool
    others: tuple[str, ...]


def find_encoding(data: bytes) -> Found:
    """In what encoding ``data`` is. Raises InvalidRequestError when nothing fits."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Found("utf-16", True, ())
    zeros = data[:4096].count(0)
    if zeros > len(data[:4096]) // 4:  # text of few letters beyond ASCII, two bytes each
        return Found("utf-16-le" if data[1:4096:2].count(0) > zeros // 2 else "utf-16-be", True, ())
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return _guess(data)
    return Found("utf-8", True, ())


def _guess(data: bytes) -> Found:
    """One byte says nothing of what letter it is; what the letters would be like in each encoding says a little."""
    telling = b"".join(_telling(data))
    matches = charset_normalizer.from_bytes(telling, cp_isolation=list(_GUESSED))
    best = [name for match in matches if (name := _GUESSED.get(match.encoding))]
    names = [name for name in best if _fits(data, name)]
    if names and _fits(data, _COMMONEST) and _decoded(data, names[0]) == _decoded(data, _COMMONEST):
        names.insert(0, _COMMONEST)  # both give the same letters
    if not names and _fits(data, _COMMONEST):
        names = [_COMMONEST]
    if not names:
        raise InvalidRequestError(
            "the encoding of this file cannot be told; save it as 'CSV UTF-8', or name its encoding", code="encoding"
        )
    others = [name for name in _GUESSED.values() if name != names[0] and _fits(data, name)]
    return Found(names[0], False, tuple(sorted(others, key=lambda name: name not in names)))


def _telling(data: bytes) -> Iterator[bytes]:
    """Whole lines with letters beyond ASCII, as many as are looked at."""
    size = 0
    for line in data.splitlines(keepends=True):
        if not line.isascii():
            yield line
            size += len(line)
        if size >= _GUESS_FROM:
            return


def _fits(data: bytes, encoding: str) -> bool:
    try:
        data.decode(ENCODINGS[encoding])
    except UnicodeDecodeError:
        return False
    return True


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return data.decode(ENCODINGS[encoding]).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InvalidRequestError(
            f"the file is not in the encoding {encoding}: line {line} is not valid in it. Save the file as 'CSV "
            "UTF-8', or name its encoding",
            code="encoding",
            errors=[{"row": line, "message": f"is not valid {encoding}"}],
        ) from error


def _find_delimiter(text: str) -> Delimiter:
    """The one that cuts the rows into most cells, as many in each as in the first."""
    scores = {}
    start = text[: 2**18]
    for delimiter, sign in _SIGNS.items():
        reader = csv.reader(io.StringIO(start, newline=""), delimiter=sign)
        widths: list[int] = []
        try:
            for cells in reader:
                if cells:
                    widths.append(len(cells))
                if len(widths) == _LOOKED_AT:
                    break
        except csv.Error:  # told when the file is read with the delimiter that was chosen
            pass
        if widths and widths[0] > 1:
            scores[delimiter] = (widths.count(widths[0]) / len(widths), widths[0])
    return max(scores, key=lambda each: scores[each]) if scores else Delimiter.COMMA


def _rows(text: str, delimiter: Delimiter) -> Iterator[Row]:
    """Every row that is not empty, up to one more than may be, and the header."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_SIGNS[delimiter], strict=True)
    number, given = 0, 0
    while given < MOST_ROWS + 2:
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InvalidRequestError(
                f"row {number} cannot be read: a quotation mark is not closed, or stands inside a quoted cell without "
                f"being doubled, or a cell is longer than {csv.field_size_limit():,} characters",
                code="csv",
                errors=[{"row": number, "message": "cannot be read as comma-separated values"}],
            ) from error
        if len(cells) > MOST_COLUMNS:
            raise InvalidRequestError(
                f"row {number} has {len(cells):,} cells, more than {MOST_COLUMNS}; is the delimiter right?",
                code="csv",
                errors=[{"row": number, "message": f"has more than {MOST_COLUMNS} cells"}],
            )
        if any(map(plain, cells)):
            given += 1
            yield Row(number, tuple(cells))
