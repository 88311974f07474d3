"""Tables as files: nothing in them runs, and they are read as they were written."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import UTC, date, datetime
from random import Random
from zoneinfo import ZoneInfo

import pytest

from attendance.spreadsheets import csv_file, neutralise, xlsx_file


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+49 30 1234",
        "-2",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =1",
        "\u00a0=1",
        "\u200b=1",
        "\ufeff=1",
        "\uff1d1",
        "\uff0b1",
        "\uff0d1",
        "\uff20SUM(A1)",
        " \uff1d1",
        "\u2060=1",
        "\u00ad\u180e=1",
        "\u034f=1",
        "\u3164=1",
        "\u115f\u200b@x",
    ],
)
def test_what_would_be_a_formula_gets_an_apostrophe(text: str) -> None:
    assert neutralise(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", " ", "Ada Lovelace", "O'Brien", "a=b", "Jean-Luc", "3", "李 小龍", "'x"])
def test_everything_else_stays_as_it_is(text: str) -> None:
    assert neutralise(text) == text


def test_csv_is_read_back_as_it_was_written() -> None:
    moment = datetime(2026, 10, 26, 8, 0, tzinfo=UTC).astimezone(ZoneInfo("Europe/Berlin"))
    rows = [
        ['Müller, "Jo"', -3, 87.5, None, date(2026, 10, 26), moment],
        ["line\r\nbreak", 0, 0.0, "", "=cmd", "x"],
    ]
    data = csv_file(["name", "n", "percent", "none", "=day", "at"], rows)
    assert data.startswith(b"\xef\xbb\xbf") and data.endswith(b"\r\n")
    read = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert read == [
        ["name", "n", "percent", "none", "'=day", "at"],
        ['Müller, "Jo"', "-3", "87.5", "", "2026-10-26", "2026-10-26 09:00:00"],
        ["line\r\nbreak", "0", "0.0", "", "'=cmd", "x"],
    ]


def test_no_formula_hides_behind_the_separator_of_another_country() -> None:
    text = csv_file(["name"], [["x;=cmd|' /C calc'!A0"], ["x; \uff1d1"], ["a\n-b"], ["x;y"]]).decode("utf-8-sig")
    assert text == "name\r\nx;'=cmd|' /C calc'!A0\r\nx; '\uff1d1\r\n\"a\n'-b\"\r\nx;y\r\n"
    random = Random(5)
    pieces = [*"=+-@\";,\t\r\n a'1", "\u200b", "\uff1d", "\ufeff", "\u034f", "\u3164"]
    names = ["".join(random.choices(pieces, k=random.randrange(1, 7))) for _ in range(20_000)]
    names += ['Doe;"=1+1;x', "Doe;\"=cmd|' /C calc'!A0;x", 'Ann;"@SUM(1);y', "Ann;\u200b=1+1", "Ann\t=1+1"]
    text = csv_file(["h"], [["x", name, "y"] for name in names]).decode("utf-8-sig")
    for separator in ",;\t":
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            for cell in row:
                assert cell.lstrip(" \u200b\ufeff\u034f\u3164")[:1] not in tuple("=+-@\uff1d"), (separator, row)


def test_a_workbook_has_texts_numbers_and_dates_and_no_formula() -> None:
    moment = datetime(2026, 10, 26, 8, 0, tzinfo=UTC).astimezone(ZoneInfo("Europe/Berlin"))
    data = xlsx_file(
        "Sheet of: A/B [1]?",
        ["name", "count"],
        [["=1+1", -3], ["https://example.org", 12.5], [date(2026, 10, 26), moment], [None, "7"], ["a\x01<&>b", 0]],
    )
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        names = book.read("xl/workbook.xml").decode()
    assert "<f>" not in sheet and "hyperlink" not in sheet
    assert "<t>'=1+1</t>" in sheet and "<t>https://example.org</t>" in sheet and "<t>7</t>" in sheet
    assert "<v>-3</v>" in sheet and "<v>12.5</v>" in sheet
    # days since 1899-12-30, nine hours of 24
    assert "<v>46321</v>" in sheet and "<v>46321.375</v>" in sheet
    assert "&lt;&amp;&gt;" in sheet and "\x01" not in sheet
    assert 'state="frozen"' in sheet and 'ySplit="1"' in sheet
    assert re.search(r'sheet name="Sheet of  A B  1"', names)


@pytest.mark.parametrize("title", ["", "'''", "History", "[]", "x" * 80])
def test_any_title_makes_a_workbook(title: str) -> None:
    assert xlsx_file(title, ["a"], []).startswith(b"PK")
