"""Files to save, under names that every system takes."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

import marshmallow as ma
from flask import Response, current_app

from api.schemas import Day
from attendance.exports import Table
from attendance.spreadsheets import CSV_TYPE, XLSX_TYPE

FILE = {"type": "string", "format": "binary"}
"""The schema of a file, for the documentation."""

_NOT_IN_A_NAME = re.compile(r'[<>:"/\\|?*%;\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]')
_LONGEST = 100
# attr-char of RFC 5987
_PLAIN = "!#$&+^`|~"


class DaysQuery(ma.Schema):
    """First and last day, both included, in the course's time zone."""

    first_day = Day(data_key="from", load_default=None)
    last_day = Day(data_key="to", load_default=None)


def table(found: Table, kind: str) -> Response:
    """The response that has ``found`` saved as a file. kind: ``csv`` or ``xlsx``."""
    if kind == "csv":
        return file(found.csv(), CSV_TYPE, f"{found.name}.csv")
    return file(found.xlsx(), XLSX_TYPE, f"{found.name}.xlsx")


def file(data: bytes, content_type: str, name: str) -> Response:
    """The response that has ``data`` saved as a file called ``name``."""
    response = current_app.response_class(data, content_type=content_type)
    response.headers["Content-Disposition"] = disposition(name)
    return response


def disposition(name: str) -> str:
    """The header of RFC 6266 for a file to save as ``name``: what a system does not take in a name is replaced, and
    programs that know no other letters than ASCII's get a name in these."""
    name = _NOT_IN_A_NAME.sub("_", name)
    stem, dot, ending = name.rpartition(".")
    stem = stem[:_LONGEST].strip(" .") or "file"
    name = f"{stem}{dot}{ending}"
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    ascii_name = _NOT_IN_A_NAME.sub("_", ascii_name)
    if ascii_name.startswith("."):
        ascii_name = f"file{ascii_name}"
    header = f'attachment; filename="{ascii_name}"'
    return header if ascii_name == name else f"{header}; filename*=UTF-8''{quote(name, safe=_PLAIN)}"
