"""Tables as CSV and XLSX files that a spreadsheet program opens without running anything of what is in them.

A program takes a cell that begins with ``=`` and some other signs for a formula, whoever wrote it: a student's name may
be one (https://owasp.org/www-community/attacks/CSV_Injection).
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import xlsxwriter

CSV_TYPE = "text/csv; charset=utf-8"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

Cell = str | int | float | date | datetime | None
"""What a cell may hold. A moment is shown as its own wall clock: give it in the zone it is to be read in."""

# Excel also takes the full-width forms for these, and looks past what is not seen.
_FORMULA = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")
# Where the list separator is a semicolon or a tab, what follows one is a cell of its own, whether in quotes or not.
_SEPARATORS = frozenset(";\t\r\n")
_UNSEEN_KINDS = frozenset({"Cc", "Cf", "Mn", "Me", "Zs", "Zl", "Zp"})
# Letters and signs by their kind, of which nothing is seen.
_BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_NOT_IN_A_SHEET_NAME = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
_LONGEST_SHEET_NAME = 31
_WIDEST, _NARROWEST = 60, 6  # characters


def neutralise(text: str) -> str:
    """``text``, with an apostrophe before it when a spreadsheet program would take it for a formula."""
    seen = next((character for character in text if not _is_unseen(character)), "")
    return f"'{text}" if seen in _FORMULA or seen in ("\t", "\r", "\n") else text


def csv_file(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """The table as RFC 4180 has it, in UTF-8 with a byte order mark, without which Excel would guess the encoding."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow([_csv_cell(name) for name in header])
    writer.writerows([_csv_cell(value) for value in row] for row in rows)
    return buffer.getvalue().encode("utf-8-sig")


def xlsx_file(title: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """The table as an Excel workbook of one sheet called ``title``, the header kept in view. Numbers and dates are
    numbers and dates."""
    buffer = io.BytesIO()
    options = {
        "constant_memory": True,  # a row is written away before the next
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(buffer, options) as workbook:
        sheet = workbook.add_worksheet(_sheet_name(title))
        formats = {
            date: workbook.add_format({"num_format": "yyyy-mm-dd", "align": "left"}),
            datetime: workbook.add_format({"num_format": "yyyy-mm-dd hh:mm:ss", "align": "left"}),
        }
        bold = workbook.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        sheet.freeze_panes(1, 0)
        widths = [_NARROWEST] * len(header)
        for column, name in enumerate(header):
            sheet.write_string(0, column, neutralise(name), bold)
            widths[column] = max(widths[column], max(map(len, name.split("\n"))))
        for number, row in enumerate(rows, start=1):
            for column, value in enumerate(row):
                widths[column] = max(widths[column], _write(sheet, number, column, value, formats))
        for column, width in enumerate(widths):
            sheet.set_column(column, column, min(width, _WIDEST) + 1)
    return buffer.getvalue()


def _is_unseen(character: str) -> bool:
    """Spaces and characters of no width; a tab or the end of a line is a reason for the apostrophe itself."""
    if character in "\t\r\n":
        return False
    return unicodedata.category(character) in _UNSEEN_KINDS or character in _BLANKS


def _neutralised_parts(text: str) -> str:
    """``text``, in which each part that another separator would make a cell of is neutralised as well."""
    if _SEPARATORS.isdisjoint(text):
        return text
    written, begins = [], False
    for character in text:
        if begins and character in _FORMULA:
            written.append("'")
        begins = character in _SEPARATORS or (begins and (character == '"' or _is_unseen(character)))
        written.append(character)
    return "".join(written)


def _csv_cell(value: Cell) -> str | int | float:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(" ", "seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return _neutralised_parts(neutralise(value))
    return value


def _write(sheet: Any, row: int, column: int, value: Cell, formats: Mapping[type[date], Any]) -> int:
    """Write a cell; how many characters wide it is."""
    if value is None:
        return 0
    if isinstance(value, datetime):
        sheet.write_datetime(row, column, value.replace(tzinfo=None), formats[datetime])
        return len("2026-11-25 09:00:00")
    if isinstance(value, date):
        sheet.write_datetime(row, column, value, formats[date])
        return len("2026-11-25")
    if isinstance(value, str):
        text = neutralise(value)
        sheet.write_string(row, column, text)
        return len(text)
    sheet.write_number(row, column, value)
    return len(str(value))


def _sheet_name(title: str) -> str:
    name = _NOT_IN_A_SHEET_NAME.sub(" ", title)[:_LONGEST_SHEET_NAME].strip().strip("'")
    return name if name and name.lower() != "history" else "Sheet"
