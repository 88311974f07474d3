"""Roster files as programs write them: encodings, delimiters, headers."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import datetime

import openpyxl
import pytest

from attendance import roster_columns, roster_files, roster_workbooks
from attendance.roster_columns import Column
from attendance.roster_files import Delimiter, Table, read
from errors import InvalidRequestError, TooLargeError

GERMAN = "id;name\n" + "".join(
    f"s{number};{name}\n" for number, name in enumerate(["Jörg Weiß", "Änne Größer", "Zoë Müller", "Uwe Krüß"] * 3)
)
CELLS = [("s1", "Müller, Anna"), ("s2", "Ben")]


def cells(table: Table) -> list[tuple[str, ...]]:
    return [row.cells for row in table.rows]


@pytest.mark.parametrize(
    ("codec", "encoding"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
    ],
)
def test_unicode_is_known_for_certain(codec: str, encoding: str) -> None:
    table = read('id,name\r\ns1,"Müller, Anna"\r\ns2,Ben\r\n'.encode(codec))
    assert (table.encoding, table.encoding_is_certain) == (encoding, True)
    assert (table.header, cells(table)) == (("id", "name"), CELLS)


def test_windows_1252_is_a_guess_that_is_told_with_the_others() -> None:
    table = read(GERMAN.encode("cp1252"))
    assert (table.encoding, table.encoding_is_certain) == ("windows-1252", False)
    assert "windows-1250" in table.other_encodings and "windows-1252" not in table.other_encodings
    assert cells(table)[0] == ("s0", "Jörg Weiß")


@pytest.mark.parametrize(
    ("codec", "encoding", "names"),
    [
        ("cp1251", "windows-1251", ["Иван Петров", "Анна Каренина", "Ольга Смирнова"]),
        ("cp1253", "windows-1253", ["Γιώργος Παπάς", "Ελένη Νίκου"]),
        ("cp932", "shift_jis", ["佐藤 花子", "鈴木 一郎"]),
    ],
)
def test_other_alphabets_are_guessed(codec: str, encoding: str, names: list[str]) -> None:
    text = "id;name\n" + "".join(f"s{number};{name}\n" for number, name in enumerate(names * 10))
    table = read(text.encode(codec))
    assert (table.encoding, table.encoding_is_certain) == (encoding, False)
    assert cells(table)[0][1] == names[0]


def test_a_named_encoding_is_used_and_must_fit() -> None:
    table = read("id;name\ns1;Łukasz\n".encode("cp1250"), encoding="windows-1250")
    assert (cells(table), table.encoding_is_certain) == ([("s1", "Łukasz")], True)
    with pytest.raises(InvalidRequestError, match="line 2") as raised:
        read("id;name\ns1;Łukasz\n".encode("cp1250"), encoding="utf-8")
    assert raised.value.code == "encoding"
    assert all("x".encode(codec) for codec in roster_files.ENCODINGS.values())


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ('id,name\ns1,"Müller, Anna"\ns2,Ben\n', Delimiter.COMMA),
        ("id;name\ns1;Müller, Anna\ns2;Ben\n", Delimiter.SEMICOLON),
        ("id\tname\ns1\tMüller, Anna\ns2\tBen\n", Delimiter.TAB),
        ("id|name\ns1|Müller, Anna\ns2|Ben\n", Delimiter.PIPE),
        ("sep=;\r\nid;name\r\ns1;Müller, Anna\r\ns2;Ben\r\n", Delimiter.SEMICOLON),
        ("s1;Müller, Anna\ns2;Ben\n", Delimiter.SEMICOLON),
        ("id;name\rs1;Müller, Anna\rs2;Ben\r", Delimiter.SEMICOLON),
    ],
)
def test_delimiters_are_found(text: str, delimiter: Delimiter) -> None:
    table = read(text.encode())
    assert (table.delimiter, cells(table)) == (delimiter, CELLS)


def test_rows_count_as_in_a_spreadsheet_program() -> None:
    table = read(b'\n\nid,name\n\ns1,"Anna\nMaria"\n ,\ns2,Ben\n')
    assert [(row.number, row.cells[0]) for row in table.rows] == [(5, "s1"), (7, "s2")]
    assert table.rows[0].cells[1] == "Anna\nMaria"


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("Matrikel-Nr.;Vorname;Nachname\n1;A;B\n", True),
        ("Student ID,Prénom\n1,A\n", True),
        ("学号,姓名\n20261,张伟\n", True),
        ("Kennung,Wer\n17,Anna\n18,Ben\n", True),
        ("17,Anna\n18,Ben\n", False),
        ("anna,Anna\nben,Ben\n", False),
        # surnames that are names of columns too
        ("2025001,To,Minh\n2025002,Example,Ada\n2025003,Beispiel,Bruno\n", False),
        ("2025001;From;Isak\n2025002;Example;Ada\n", False),
        ("S25-1;Ende;Student\nS25-2;Example;Ada\n", False),
        ("To,Minh,minh@example.org\nExample,Ada,ada@example.org\n", False),
        ("id,Homework 1 (12)\n2025001,9\n2025002,8\n", True),
    ],
)
def test_a_header_is_told_from_a_student(text: str, header: bool) -> None:
    assert (read(text.encode()).header is not None) is header
    assert read(text.encode(), header=True).header is not None
    assert read(text.encode(), header=False).header is None


@pytest.mark.parametrize(
    ("text", "is_certain"),
    [
        ("id,name\nanna,Anna\n", True),
        ("To,Minh\nExample,Ada\n", False),
        ("Student,Test\nExample,Ada\n", False),
        ("2025001,To,Minh\n2025002,Example,Ada\n", True),
        ("anna,Anna\nben,Ben\n", False),
        ("s1,Student,Test\n", False),
        ("s1,Example,Ada\n", True),
    ],
)
def test_whether_that_is_certain_is_told(text: str, is_certain: bool) -> None:
    assert read(text.encode()).header_is_certain is is_certain
    said = [False] if text.count("\n") == 1 else [True, False]
    assert all(read(text.encode(), header=header).header_is_certain for header in said)


def workbook(*rows: Sequence[object]) -> bytes:
    book = openpyxl.Workbook()
    book.active.title = "Notes"  # an empty sheet before the list
    sheet = book.create_sheet("Class")
    for row in rows:
        sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def forged(book: bytes, place: str, old: bytes, new: bytes) -> bytes:
    """``book`` with something else written into one of its parts."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as source, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in source.namelist():
            data = source.read(part)
            archive.writestr(part, data.replace(old, new, 1) if part == place else data)
    return made.getvalue()


def test_a_workbook_is_read_as_it_looks() -> None:
    day = datetime(2025, 9, 1)
    table = read(workbook(("Student ID", "Name", "Start"), (2025001, "Ada", day), (), ("007", "Zoë", "=1+1")))
    assert (table.encoding, table.encoding_is_certain) == ("workbook", True)
    assert (table.header, cells(table)) == (
        ("Student ID", "Name", "Start"),
        [("2025001", "Ada", "2025-09-01"), ("007", "Zoë")],
    )
    assert [row.number for row in table.rows] == [2, 4]


def test_a_workbook_that_is_none_or_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    good = workbook(("id", "name"), *((f"s{n}", "Ada") for n in range(50)))
    old = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(500)
    for data, said in (
        (old, "save it as .xlsx or as CSV"),
        (good[:-40], "cannot be read"),
        (b"PK\3\4x", "cannot be read"),
    ):
        with pytest.raises(InvalidRequestError, match=said) as raised:
            read(data)
        assert raised.value.code == "workbook"
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", bytes(70_000_000))
    with pytest.raises(TooLargeError):
        read(bomb.getvalue())
    for place, name, filled in (
        ("xl/styles.xml", b"<cellXfs", b"<cellXfs>" + b"<xf/>" * 300_001 + b"</cellXfs><cellXfs"),
        ("xl/worksheets/sheet2.xml", b"</sheetData>", b"<row>" + b"<c/>" * 1_000_001 + b"</row></sheetData>"),
        ("xl/worksheets/sheet2.xml", b"<worksheet", b"<!DOCTYPE w><worksheet"),
    ):
        with pytest.raises((TooLargeError, InvalidRequestError), match=r"far more cells|cannot be read"):
            read(forged(good, place, name, filled))
    parts = io.BytesIO(good)
    with zipfile.ZipFile(parts, "a") as archive:
        for number in range(501):
            archive.writestr(f"{number}", b"")
    with pytest.raises(TooLargeError):
        list(roster_workbooks.rows(parts.getvalue()))
    monkeypatch.setattr(roster_workbooks, "_MOST_CHARACTERS", 250)
    with pytest.raises(TooLargeError, match="250 characters"):
        read(good)
    monkeypatch.undo()
    monkeypatch.setattr(roster_workbooks, "MOST_ROWS", 20)
    assert len(list(roster_workbooks.rows(good))) == 22


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "no_rows"),
        (b"\n\n", "no_rows"),
        (b"id,name\n", "no_rows"),
        (b'id,name\ns1,"Anna\n', "csv"),
        (b'id,name\ns1,"An"na\n', "csv"),
        (b"id,name\ns1," + b"x" * 200_000, "csv"),
        (b"," * 101, "csv"),
        (b"\xff\xfea", "encoding"),
    ],
)
def test_what_is_no_roster_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        read(data)
    assert raised.value.code == code


def test_bytes_of_any_kind_are_read_or_refused() -> None:
    for data in (
        bytes(range(256)),
        b"\0" * 50,
        b"\x89PNG\r\n\x1a\n" + bytes(range(200)) * 40,
        b"\x81\x8d\x8f",
        b"\xff\xfe\0\0",
    ):
        try:
            table = read(data)
        except InvalidRequestError:
            continue
        assert table.rows


def test_too_much_is_refused() -> None:
    with pytest.raises(TooLargeError):
        read(b"x" * (roster_files.MOST_BYTES + 1))
    rows = b"".join(b"s%d,x\n" % number for number in range(roster_workbooks.MOST_ROWS))
    assert len(read(b"id,name\n" + rows).rows) == roster_workbooks.MOST_ROWS
    for data in (b"id,name\n" + rows + b"a,b\n", rows + b"a,b\n"):
        with pytest.raises(TooLargeError) as raised:
            read(data)
        assert raised.value.code == "too_many_rows"


def test_columns_are_known_by_the_names_that_schools_give_them() -> None:
    header = ("ID number", "First name", "Surname", "E-Mail-Adresse", "Beginn", "Bis")
    assert roster_columns.mapped(header, 6, {}) == {
        Column.EXTERNAL_ID: 0,
        Column.FIRST_NAME: 1,
        Column.LAST_NAME: 2,
        Column.EMAIL: 3,
        Column.STARTS_ON: 4,
        Column.ENDS_ON: 5,
    }
    assert roster_columns.guess(None, [("17", "Anna", "anna@example.org")]) == {
        Column.EXTERNAL_ID: 0,
        Column.NAME: 1,
        Column.EMAIL: 2,
    }


@pytest.mark.parametrize(
    ("header", "said", "message"),
    [
        (None, {}, "no header"),
        (("a", "b", "c"), {}, "external_id"),
        (("id", "ID", "name"), {}, "external_id"),
        (("x", "X", "name"), {Column.EXTERNAL_ID: "x"}, "several columns"),
        (("a", "b", "c"), {Column.EXTERNAL_ID: "d"}, "no column is called d"),
        (("a", "b", "c"), {Column.EXTERNAL_ID: "4"}, "no column 4"),
        (("a", "b", "c"), {Column.EXTERNAL_ID: "0"}, "no column 0"),
        (("a", "b", "c"), {Column.EXTERNAL_ID: "9" * 40}, "no column"),
        (("a", "b", "c"), {Column.NAME: "1"}, "external_id"),
        (("a", "b", "c"), {Column.EXTERNAL_ID: "1", Column.NAME: "A"}, "same column"),
        (("a", "b", "c"), {Column.EXTERNAL_ID: "1", Column.NAME: "2", Column.FIRST_NAME: "3"}, "either name"),
    ],
)
def test_a_mapping_that_is_not_clear_is_refused(
    header: tuple[str, ...] | None, said: dict[Column, str], message: str
) -> None:
    with pytest.raises(InvalidRequestError, match=message) as raised:
        roster_columns.mapped(header, 3, said)
    assert raised.value.code == "mapping"


@pytest.mark.parametrize(
    ("claimed", "code"),
    [
        ((b'r="B2"', b'r="CW2"'), "workbook"),
        ((b'<row r="2"', b'<row r="300000"'), "too_many_rows"),
        ((b'<row r="2"', b'<row r="99999999999"'), "too_many_rows"),
    ],
)
def test_what_a_sheet_claims_of_its_places_is_bounded_and_no_student_is_dropped(
    claimed: tuple[bytes, bytes], code: str
) -> None:
    book = workbook(("id", "name"), ("s1", "Ada"))
    with pytest.raises((InvalidRequestError, TooLargeError)) as raised:
        read(forged(book, "xl/worksheets/sheet2.xml", *claimed))
    assert raised.value.code == code


@pytest.mark.parametrize(("first", "counts"), [(0, True), (1, True), (2, False)])
def test_a_column_counts_the_rows_from_nought_or_one(first: int, counts: bool) -> None:
    assert roster_columns.is_running([[str(number)] for number in range(first, first + 3)], 0) is counts
