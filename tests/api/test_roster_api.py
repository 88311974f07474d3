"""Enrolments and rosters, through the API."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from werkzeug.test import TestResponse

from attendance import roster_files, roster_workbooks
from attendance.models import AttendanceRecord, AuditEvent, Enrolment, MarkStatus, Role, Student, StudentStatus
from support.service import Client, Service, problem, utc


@pytest.fixture
def lead(service: Service) -> int:
    return service.user()


@pytest.fixture
def course(service: Service, lead: int) -> int:
    return service.course("PHY-1", leads=(lead,))


@pytest.fixture
def client(service: Service) -> Client:
    """An admin's, who creates students and enrols whom they like."""
    return service.admin()


def send(client: Client, course: int, text: str | bytes, *, act: str = "import", **query: Any) -> TestResponse:
    data = text.encode() if isinstance(text, str) else text
    return client.post(
        f"/courses/{course}/roster/{act}", data=data, query_string=query, headers={"Content-Type": "text/csv"}
    )


def commit(client: Client, course: int, text: str | bytes, **query: Any) -> dict[str, Any]:
    """Import, after a dry run that says the same."""
    said = send(client, course, text, **query).json
    assert said["errors"] == [] and said["committed"] is False
    done = send(client, course, text, dry_run="false", **query)
    assert done.status_code == 200, done.json
    assert {**said, "committed": True} == done.json
    result: dict[str, Any] = done.json
    return result


def errors(answer: TestResponse) -> list[tuple[int, str, str]]:
    return [(error["row"], error.get("field", ""), error["message"]) for error in answer.json["errors"]]


def enrolments(service: Service) -> dict[str, list[tuple[str, str | None]]]:
    """External id -> first and last days."""
    found: dict[str, list[tuple[str, str | None]]] = {}
    with service.db() as db:
        for each in db.query(Enrolment).order_by(Enrolment.starts_on, Enrolment.id):
            ends_on = str(each.ends_on) if each.ends_on else None
            found.setdefault(each.student.external_id, []).append((str(each.starts_on), ends_on))
    return found


# enrolments


def test_a_roster_tells_who_is_there_on_a_day(service: Service, course: int, client: Client) -> None:
    ben, anna = service.student("s2", "Ben", consent=False), service.student("s1", "Anna")
    cleo, dan = service.student("s3", "Cleo"), service.student("erased-9", "", status=StudentStatus.ERASED)
    service.enrol(course, anna, ben, dan)
    service.enrol(course, cleo, starts_on=date(2026, 9, 1), ends_on=date(2026, 11, 22))
    service.enrol(course, cleo, starts_on=date(2026, 12, 1))
    entries = client.get(f"/courses/{course}/roster").json["items"]
    assert [(entry["student"]["name"], entry["state"]) for entry in entries] == [
        ("Anna", "enrolled"),
        ("Ben", "enrolled"),
        ("Cleo", "ended"),
        ("Cleo", "upcoming"),
    ]
    assert [entry["student"]["has_consent"] for entry in entries] == [True, False, True, True]
    assert entries[0]["enrolment"]["student_id"] == anna and entries[0]["student"]["face_images"] == 0
    there = client.get(f"/courses/{course}/roster?on=2026-12-01&state=enrolled").json["items"]
    assert [entry["student"]["name"] for entry in there] == ["Anna", "Ben", "Cleo"]
    assert [entry["state"] for entry in client.get(f"/courses/{course}/roster?q=cleo&state=ended").json["items"]] == [
        "ended"
    ]
    assert client.get(f"/courses/{course}/roster?on=2026-11-22&state=ended").json["items"] == []
    again = service.admin().post(f"/courses/{course}/enrolments", json={"student_id": dan})
    assert problem(again) == (409, "erased")
    seen, cursor = [], ""
    while cursor is not None:
        page = client.get(f"/courses/{course}/roster?limit=1{f'&cursor={cursor}' if cursor else ''}").json
        seen += page["items"]
        cursor = page["next_cursor"]
    assert seen == entries


def test_today_is_the_courses(service: Service, lead: int) -> None:
    service.clock.set(utc(2026, 11, 23, 20))
    course, student = service.course(leads=(lead,), timezone="Asia/Tokyo"), service.student("s1")
    client = service.program(lead)
    service.enrol(service.course(staff=(lead,)), student)
    made = client.post(f"/courses/{course}/enrolments", json={"external_id": "S1"})
    assert made.status_code == 201 and made.json["starts_on"] == "2026-11-24"
    assert client.get(f"/courses/{course}/roster").json["items"][0]["state"] == "enrolled"


def test_nobody_is_enrolled_twice_on_one_day(service: Service, course: int, client: Client) -> None:
    student = service.student("s1")
    path = f"/courses/{course}/enrolments"

    def enrol(starts_on: str, ends_on: str | None) -> TestResponse:
        return client.post(path, json={"external_id": "s1", "starts_on": starts_on, "ends_on": ends_on})

    first = enrol("2026-09-01", "2026-10-31")
    assert first.json == {**first.json, "student_id": student, "course_id": course, "ends_on": "2026-10-31"}
    for starts_on, ends_on in (("2026-10-31", None), ("2026-08-01", "2026-09-01"), ("2026-08-01", None)):
        assert problem(enrol(starts_on, ends_on)) == (409, "overlap")
    second = enrol("2026-11-01", None)
    assert second.status_code == 201
    change = client.patch(f"/enrolments/{first.json['id']}", json={"ends_on": "2026-11-01"})
    assert problem(change) == (409, "overlap")
    assert problem(client.patch(f"/enrolments/{first.json['id']}", json={"ends_on": "2026-08-01"})) == (422, "dates")
    assert problem(enrol("2027-01-02", "2027-01-01")) == (422, "dates")
    assert (
        client.patch(f"/enrolments/{second.json['id']}", json={"ends_on": "2026-12-24"}).json["ends_on"] == "2026-12-24"
    )
    assert client.patch(f"/enrolments/{second.json['id']}", json={"ends_on": None}).json["ends_on"] is None
    assert problem(client.post(path, json={})) == (422, "student")
    assert problem(client.post(path, json={"external_id": "s1", "student_id": student})) == (422, "student")
    assert problem(client.post(path, json={"external_id": "nobody"})) == (404, "not_found")


def test_an_enrolment_with_marks_is_ended_not_deleted(service: Service, course: int, client: Client) -> None:
    anna, ben = service.student("s1"), service.student("s2")
    ids = {
        name: client.post(f"/courses/{course}/enrolments", json={"external_id": name}).json["id"]
        for name in ("s1", "s2")
    }
    session = service.session(course)
    with service.db() as db:
        db.add(
            AttendanceRecord(
                session_id=session,
                student_id=anna,
                status=MarkStatus.PRESENT,
                updated_at=service.clock.now(),
                version=1,
            )
        )
    assert problem(client.delete(f"/enrolments/{ids['s1']}")) == (409, "has_records")
    assert client.delete(f"/enrolments/{ids['s2']}").status_code == 204
    assert problem(client.delete(f"/enrolments/{ids['s2']}")) == (404, "not_found")
    assert problem(client.patch("/enrolments/4711", json={"ends_on": None})) == (404, "not_found")
    assert set(enrolments(service)) == {"s1"} and ben


def test_only_a_lead_changes_a_roster(service: Service, course: int, client: Client) -> None:
    assistant, stranger = service.user(), service.user()
    service.staff(course, assistant)
    service.student("s1")
    made = client.post(f"/courses/{course}/enrolments", json={"external_id": "s1"}).json["id"]
    for user, code in ((assistant, "not_lead"), (stranger, "foreign_course")):
        other = service.program(user)
        assert problem(other.post(f"/courses/{course}/enrolments", json={"external_id": "s1"})) == (403, code)
        assert problem(other.patch(f"/enrolments/{made}", json={"ends_on": None})) == (403, code)
        assert problem(other.delete(f"/enrolments/{made}")) == (403, code)
        for act in ("preview", "import"):
            assert problem(send(other, course, "nonsense", act=act)) == (403, code)
    assert problem(service.program(stranger).get(f"/courses/{course}/roster")) == (403, "foreign_course")
    assert problem(service.program(stranger).get(f"/courses/{course}/roster.csv")) == (403, "foreign_course")


# preview


def test_a_preview_shows_what_a_file_seems_to_be(service: Service, course: int, client: Client) -> None:
    text = "Matrikelnummer;Vorname;Nachname;E-Mail\n" + "".join(f"{7 * n};Jörg;Weiß {n};\n" for n in range(1, 31))
    answer = send(client, course, text.encode("cp1252"), act="preview")
    assert answer.status_code == 200
    assert (answer.json["encoding"], answer.json["encoding_is_certain"]) == ("windows-1252", False)
    assert "windows-1250" in answer.json["other_encodings"]
    assert (answer.json["delimiter"], answer.json["columns"], answer.json["row_count"]) == ("semicolon", 4, 30)
    assert answer.json["header"] == ["Matrikelnummer", "Vorname", "Nachname", "E-Mail"]
    assert answer.json["mapping"] == {"external_id": 1, "first_name": 2, "last_name": 3, "email": 4}
    assert len(answer.json["rows"]) == 20
    assert answer.json["rows"][0] == {"number": 2, "cells": ["7", "Jörg", "Weiß 1", ""]}
    with service.db() as db:
        assert db.query(Student).count() == 0


def test_a_file_may_come_in_a_form(sqlite_service: Service) -> None:
    user = sqlite_service.user()
    course, client = sqlite_service.course(leads=(user,)), sqlite_service.program(user)
    path = f"/courses/{course}/roster/preview"
    answer = client.post(path, data={"file": (io.BytesIO(b"id,name\ns1,Anna\n"), "roster.csv")})
    assert answer.json["mapping"] == {"external_id": 1, "name": 2}
    assert problem(client.post(path, data={"other": "x"}, content_type="multipart/form-data")) == (422, "form")
    assert problem(client.post(path, data={"file": "x"}, content_type="multipart/form-data")) == (422, "form")
    assert problem(client.post(path, json={})) == (415, "media_type")
    assert problem(client.post(path)) == (415, "media_type")
    assert problem(send(client, course, "a", act="preview", encoding="rot13")) == (422, "invalid")
    assert problem(send(client, course, "a", act="preview", colour="red")) == (422, "invalid")


def test_too_large_a_file_is_refused(sqlite_service: Service) -> None:
    user = sqlite_service.user()
    course, client = sqlite_service.course(leads=(user,)), sqlite_service.program(user)
    big = b"id,name\n" + b"s1,Anna\n" * (roster_files.MOST_BYTES // 8)
    assert problem(send(client, course, big)) == (413, "too_large")
    assert problem(send(client, course, big * 2)) == (413, "too_large")
    many = "id,name\n" + "".join(f"s{number},Anna\n" for number in range(roster_workbooks.MOST_ROWS + 1))
    assert problem(send(client, course, many)) == (413, "too_many_rows")


# import


def test_an_import_creates_and_enrols_who_is_in_the_file(service: Service, course: int, client: Client) -> None:
    service.student("s3", "Cleo")
    text = 'id,name,email\ns1,"Müller, \nAnna",anna@example.org\n\ns2, Zoe\u0308 ,\ns3,Cleo,\ns2, Zoe\u0308 ,\n'
    done = commit(client, course, b"\xef\xbb\xbf" + text.encode(), default_start="2026-10-01")
    counts = {name: done[name] for name in ("rows", "new", "updated", "kept", "enrolled", "unchanged", "repeated")}
    assert counts == {"rows": 4, "new": 2, "updated": 0, "kept": 0, "enrolled": 3, "unchanged": 0, "repeated": 1}
    assert (done["encoding"], done["encoding_is_certain"], done["header"]) == ("utf-8", True, True)
    assert done["mapping"] == {"external_id": 1, "name": 2, "email": 3}
    with service.db() as db:
        people = {student.external_id: (student.name, student.email) for student in db.query(Student)}
        assert people == {"s1": ("Müller, Anna", "anna@example.org"), "s2": ("Zo\u00eb", None), "s3": ("Cleo", None)}
        event = db.query(AuditEvent).filter_by(action="roster.import").one()
        assert event.data["new"] == 2 and "Anna" not in str(event.data)
    assert enrolments(service) == {key: [("2026-10-01", None)] for key in ("s1", "s2", "s3")}
    again = commit(client, course, text)
    assert (again["new"], again["enrolled"], again["unchanged"]) == (0, 0, 3)
    assert problem(client.post("/students", json={"external_id": "S1", "name": "X", "course_id": course})) == (
        409,
        "duplicate",
    )


def test_every_wrong_row_is_told_and_nothing_is_imported(service: Service, course: int, client: Client) -> None:
    service.student("Old-1", "Old")
    text = "\n".join(
        (
            "id;name;email;start;end",
            "s1;Anna;anna@example.org;2026-10-01;",
            "../etc;Ben;;;",
            "CON;Ben;;;",
            "s4;=cmd|' /C calc'!A0;;;",
            "s5;;;;",
            "s6;Ben;no-address;10/01/2026;31.12.2026",
            "s7;Ben;;2026-12-01;2026-11-01",
            "S1;Anna;;;",
            "s1;Another;;;",
            "old-1;Old;;;",
            "id;name;email;start;end",
            "s8;Ben;;;;more",
            "s9;B\0en;;;",
            "",
            ";Ben;;;",
            "s10;\tBen;;;",
        )
    )
    said = send(client, course, text)
    assert said.status_code == 200 and said.json["committed"] is False
    found = errors(said)
    assert [(row, field) for row, field, _ in found] == [
        (3, "external_id"),
        (4, "external_id"),
        (5, "name"),
        (6, "name"),
        (7, "email"),
        (7, "starts_on"),
        (8, "ends_on"),
        (9, "external_id"),
        (10, "external_id"),
        (11, "external_id"),
        (12, ""),
        (13, ""),
        (14, ""),
        (16, "external_id"),
        (17, "name"),
    ]
    assert said.json["error_total"] == len(found)
    assert "row 2" in found[8][2] and "Old-1" in found[9][2] and "header" in found[10][2]
    refused = send(client, course, text, dry_run="false")
    assert problem(refused) == (422, "rows") and errors(refused) == found
    with service.db() as db:
        assert [student.external_id for student in db.query(Student)] == ["Old-1"]
        assert db.query(Enrolment).count() == 0


def test_of_very_many_errors_the_first_are_given_and_all_are_counted(
    service: Service, course: int, client: Client
) -> None:
    said = send(client, course, "id,name\n" + "a/b,Anna\n" * 1000)
    assert (len(said.json["errors"]), said.json["error_total"]) == (200, 1000)
    assert [error["row"] for error in said.json["errors"]] == list(range(2, 202))
    refused = send(client, course, "id,name\n" + "a/b,Anna\n" * 1000, dry_run="false")
    assert "1,000 errors" in refused.json["detail"] and len(refused.json["errors"]) == 200


def test_a_guessed_encoding_must_be_said_before_anything_is_changed(
    service: Service, course: int, client: Client
) -> None:
    data = "id;name\ns1;Jörg Weiß\ns2;Änne Größer\n".encode("cp1252")
    said = send(client, course, data)
    assert said.status_code == 200 and said.json["encoding_is_certain"] is False
    refused = send(client, course, data, dry_run="false")
    assert problem(refused) == (422, "encoding") and said.json["encoding"] in refused.json["detail"]
    assert commit(client, course, data, encoding="windows-1252")["new"] == 2
    with service.db() as db:
        assert sorted(student.name for student in db.query(Student)) == ["Jörg Weiß", "Änne Größer"]
    assert problem(send(client, course, data, encoding="utf-8")) == (422, "encoding")


def test_columns_may_be_said_by_name_or_number(service: Service, course: int, client: Client) -> None:
    text = "Weiß;Jörg;s1\nPeng;Li;s2\n"
    assert problem(send(client, course, text)) == (422, "mapping")
    assert problem(send(client, course, text, name="1")) == (422, "mapping")
    commit(client, course, text, header="false", external_id="3", first_name="2", last_name="1")
    commit(client, course, "x,Wer,x\ns3,Anna,1\n", external_id="1", name="wer")
    assert problem(send(client, course, "x,Wer,x\ns3,Anna,1\n", external_id="x", name="Wer")) == (422, "mapping")
    with service.db() as db:
        assert {student.name for student in db.query(Student)} == {"Jörg Weiß", "Li Peng", "Anna"}


def test_names_of_existing_students_are_an_admins_to_change(service: Service, lead: int, course: int) -> None:
    service.enrol(course, service.student("s1", "Anna", email="anna@example.org"))
    text = "id,name,email\ns1,Anna Ley,\ns2,Ben,\n"
    done = commit(service.program(lead), course, text)
    assert (done["kept"], done["kept_rows"], done["updated"], done["requested"]) == (1, [2], 0, 1)
    with service.db() as db:
        assert db.query(Student).filter_by(external_id="s1").one().name == "Anna"
    done = commit(service.admin(), course, text)
    assert (done["kept"], done["updated"], done["new"]) == (0, 1, 1)
    with service.db() as db:
        student = db.query(Student).filter_by(external_id="s1").one()
        assert (student.name, student.email, student.version) == ("Anna Ley", "anna@example.org", 2)


def test_who_is_missing_leaves_and_may_come_back(service: Service, course: int, client: Client) -> None:
    commit(client, course, "id,name\ns1,Anna\ns2,Ben\ns3,Cleo\n", default_start="2026-09-01")
    service.student("s4")
    client.post(f"/courses/{course}/enrolments", json={"external_id": "s4", "starts_on": "2026-12-01"})
    assert commit(client, course, "id\ns1\n")["ended"] == 0
    done = commit(client, course, "id\ns1\n", end_missing="true")
    assert (done["ended"], done["ended_students"], done["unchanged"]) == (3, ["s2", "s3", "s4"], 1)
    began = "2026-09-01"
    assert enrolments(service) == {
        "s1": [(began, None)],
        "s2": [(began, "2026-11-23")],
        "s3": [(began, "2026-11-23")],
    }
    done = commit(client, course, "id\ns1\ns2\n", end_missing="true")
    assert (done["redated"], done["enrolled"], done["ended"]) == (1, 0, 0)
    commit(client, course, "id,start,end\ns2,2026-09-01,2026-12-20\n")  # leaves in any case, and now sooner
    assert commit(client, course, "id\ns1\n", end_missing="true")["ended_students"] == ["s2"]
    commit(client, course, "id\ns2\n")
    service.clock.advance(days=30)
    assert commit(client, course, "id\ns3\n")["enrolled"] == 1
    assert enrolments(service) == {
        "s1": [(began, None)],
        "s2": [(began, None)],
        "s3": [(began, "2026-11-23"), ("2026-12-23", None)],
    }


def test_of_one_student_so_many_enrolments_are_taken_that_comparing_them_is_quick(
    service: Service, course: int, client: Client
) -> None:
    days = [date(2020, 1, 1) + timedelta(days=2 * n) for n in range(101)]
    text = "id,name,start,end\n" + "".join(f"s1,Anna,{day},{day}\n" for day in days)
    assert errors(send(client, course, text)) == [(102, "external_id", "has 100 enrolments in this course already")]


def test_days_in_the_file_change_enrolments_and_never_overlap(service: Service, course: int, client: Client) -> None:
    commit(client, course, "id,name,from,until\ns1,Anna,2026-09-01,2026-10-01\ns1,Anna,5.10.2026,\n")
    assert enrolments(service)["s1"] == [("2026-09-01", "2026-10-01"), ("2026-10-05", None)]
    done = commit(client, course, "id,from,until\ns1,2026-10-05,2026-12-01\n")
    assert (done["redated"], done["enrolled"]) == (1, 0)
    said = send(client, course, "id,from,until\ns1,2026-09-15,2026-09-20\ns1,2026-09-01,2026-10-05\n")
    assert [(row, field) for row, field, _ in errors(said)] == [(2, "starts_on"), (3, "starts_on")]
    said = send(client, course, "id,until\ns1,2026-10-01\n")
    assert [(row, field) for row, field, _ in errors(said)] == [(2, "ends_on")]
    assert enrolments(service)["s1"] == [("2026-09-01", "2026-10-01"), ("2026-10-05", "2026-12-01")]


def test_an_exported_roster_comes_in_again(service: Service, lead: int, course: int, client: Client) -> None:
    commit(client, course, 'id,name,email\ns1,"Müller, Anna",anna@example.org\ns2,Ben\n', default_start="2026-09-01")
    odd = service.student("s3", "=1+1")
    service.enrol(course, odd, ends_on=date(2026, 10, 1))
    answer = client.get(f"/courses/{course}/roster.csv")
    assert answer.status_code == 200 and answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="roster-PHY-1-2026W.csv"'
    assert answer.data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert rows[0] == ["external_id", "name", "email", "starts_on", "ends_on"]
    assert ["s3", "'=1+1", "", "2026-09-01", "2026-10-01"] in rows
    assert ["s1", "Müller, Anna", "anna@example.org", "2026-09-01", ""] in rows
    before = enrolments(service)
    other = service.course("PHY-2", leads=(lead,))
    text = answer.data.replace(b"'=1+1", b"Dan")
    client = service.program(lead)
    assert commit(client, course, text)["kept"] == 1
    assert enrolments(service) == before
    done = commit(client, other, text)
    assert (done["new"], done["enrolled"]) == (0, 3)


def test_ten_thousand_rows_take_few_trips_to_the_database(service: Service, course: int) -> None:
    client = service.admin()
    header = "Matrikelnummer;Vorname;Nachname;E-Mail\r\n"
    text = header + "".join(f"m{n:06};Jörg;Weiß {n};m{n}@example.org\r\n" for n in range(10_000))
    asked: list[str] = []
    event.listen(service.database.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    done = send(client, course, text.encode("cp1252"), dry_run="false", encoding="windows-1252")
    assert done.status_code == 200 and (done.json["new"], done.json["enrolled"]) == (10_000, 10_000)
    # SQLite, in the process itself, takes new rows one by one; elsewhere each statement is a trip there and back
    assert len(asked) < (10_100 if service.database.is_sqlite else 100)
    asked.clear()
    done = send(client, course, text.replace("Jörg", "Jürgen"), dry_run="false")
    assert (done.json["updated"], done.json["enrolled"]) == (10_000, 0)
    done = send(client, course, "id,name\nm000000,Jürgen Weiß 0\n", dry_run="false", end_missing="true")
    assert done.json["ended"] == 9_999
    assert len(asked) < 100
    with service.db() as db:
        assert db.query(Student).filter(Student.name.startswith("Jürgen Weiß"), Student.version == 2).count() == 10_000
        assert db.query(Enrolment).filter(Enrolment.ends_on == date(2026, 11, 23)).count() == 9_999


def test_a_viewer_reads_a_roster(service: Service, course: int, client: Client) -> None:
    viewer = service.user(Role.VIEWER)
    service.staff(course, viewer)
    commit(client, course, "id,name\ns1,Anna\n")
    assert len(service.program(viewer).get(f"/courses/{course}/roster").json["items"]) == 1
    assert problem(send(service.program(viewer), course, "id,name\ns1,Anna\n")) == (403, "role")


CANVAS = """Student,ID,SIS User ID,SIS Login ID,Section,Homework 1 (1234),Final Score
,,,,,Manual Posting,
    Points Possible,,,,,10,(read only)
"Example, Ada",1001,S2025001,ada1,MATH-1 01,9,90
"Student, Test",1999,,7f3a9c,MATH-1 01,,
"""
MOODLE = """First name,Last name,ID number,Email address,Roles
Ada,Example,2025001,ada@example.org,Student
Tess,Teacher,900,tess@example.org,Non-editing teacher
"""
CLASSROOM = (
    "Last Name,First Name,Email Address,Essay 1\nPoints,,,100\nExample,Ada,ada@example.org,90\nClass Average,,,85\n"
)


@pytest.mark.parametrize(
    ("text", "query", "students", "others"),
    [
        (CANVAS, {}, {"S2025001": "Example, Ada"}, [2, 3, 5]),
        (MOODLE, {}, {"2025001": "Ada Example"}, [3]),
        (
            CLASSROOM,
            {
                "external_id": "Email Address",
                "email": "Email Address",
                "first_name": "First Name",
                "last_name": "Last Name",
            },
            {"ada@example.org": "Ada Example"},
            [2, 4],
        ),
        ('Student ID,Name\n="0012345",Ada\n\'0012346,Bo\n', {}, {"0012345": "Ada", "0012346": "Bo"}, []),
        ("Student ID,Name\n1,'t Hooft\n7,\"'s-Gravesande, W\"\n", {}, {"1": "'t Hooft", "7": "'s-Gravesande, W"}, []),
        (
            "Name,ID number,Роли\nTess,7,Öğretmen\nAda,8,Öğrenci\nBo,9,Студент\nCy,10,学生\nDi,11,Elev\nEve,12,教師\n",
            {},
            {"8": "Ada", "9": "Bo", "10": "Cy", "11": "Di"},
            [2, 7],
        ),
        (",student_id,name\n0,2023001.0,Ada\n1,2023002.0,Bo\n2,,Cy\n", {}, {"2023001": "Ada", "2023002": "Bo"}, [4]),
        ("id,name\n1.5,Ada\n2.0,Bo\n", {}, {"1.5": "Ada", "2.0": "Bo"}, []),
    ],
    ids=["canvas", "moodle", "classroom", "kept as text", "apostrophes", "languages", "pandas", "no fractions"],
)
def test_files_of_other_systems_are_imported_as_they_are(
    service: Service,
    course: int,
    client: Client,
    text: str,
    query: dict[str, str],
    students: dict[str, str],
    others: list[int],
) -> None:
    said = send(client, course, text, **query)
    assert said.status_code == 200, said.json
    assert [each["row"] for each in said.json["others"]] == others and said.json["other_total"] == len(others)
    if others:  # on request only
        refused = send(client, course, text, dry_run="false", **query)
        assert problem(refused) == (422, "rows") and "is not a student" in refused.json["errors"][0]["message"]
        leaving = send(client, course, text, skip_others="true", end_missing="true", **query)
        assert problem(leaving) == (422, "rows") and [each["row"] for each in leaving.json["errors"]] == others
    done = commit(client, course, text, skip_others="true", **query)
    assert (done["rows"], done["new"]) == (len(students), len(students))
    with service.db() as db:
        assert {each.external_id: each.name for each in db.query(Student)} == students


def test_columns_given_by_number_mean_that_there_is_no_header(service: Service, course: int, client: Client) -> None:
    numbers = {"external_id": "1", "last_name": "2", "first_name": "3"}
    done = commit(client, course, "2025001,To,Minh\n2025002,Example,Ada\n", end_missing="true", **numbers)
    assert (done["header"], done["new"], done["ended"]) == (False, 2, 0)
    done = commit(client, course, "abc,From,Start\nxyz,Example,Ada\n", **numbers)
    assert (done["header"], done["new"]) == (False, 2)
    # where nothing tells, an import asks
    unsure = "Student,Test\nExample,Ada\n"
    said = {"external_id": "Student", "name": "Test"}
    assert problem(send(client, course, unsure, dry_run="false", **said)) == (422, "header")
    assert send(client, course, unsure, act="preview").json["header_is_certain"] is False
    assert send(client, course, unsure, dry_run="false", header="true", **said).status_code == 200


def test_a_number_that_only_counts_the_rows_is_no_id_unless_somebody_says_so(
    service: Service, course: int, client: Client
) -> None:
    one, other = "Number,Name\n1,Ada\n2,Bo\n", "Number,Name\n1,Cy\n2,Di\n"
    refused = send(client, course, one)
    assert problem(refused) == (422, "mapping") and "only counts the rows" in refused.json["detail"]
    assert send(client, course, one, act="preview").json["mapping"] == {"name": 2}
    better = "Number,Enrolment No,Name\n1,2025-001,Ada\n2,2025-002,Bo\n"
    assert send(client, course, better).json["mapping"] == {"external_id": 2, "name": 3}
    assert commit(client, course, other, external_id="Number", name="Name")["new"] == 2


def test_days_are_read_as_programs_write_them(service: Service, course: int, client: Client) -> None:
    starts = ("2025-09-01 00:00:00", "2025-09-01T00:00:00Z", "1-Sep-25", "45901", "01.09.2025")
    text = "Student ID;Name;Start\n" + "".join(f"2025-{n};A;{start}\n" for n, start in enumerate(starts))
    commit(client, course, text)
    assert set(map(tuple, enrolments(service).values())) == {(("2025-09-01", None),)}
    refused = send(client, course, "Student ID;Name;Start\nx1;A;01/09/2025\nx2;B;2025-09-01 13:00\n")
    assert [error[:2] for error in errors(refused)] == [(2, "starts_on"), (3, "starts_on")]


@pytest.mark.parametrize("zone", ["localtime", "Factory", "posixrules", "right/Europe/Berlin", "posix/UTC", "Berlin"])
def test_a_time_zone_means_the_same_on_every_machine(sqlite_service: Service, zone: str) -> None:
    body = {"code": "X", "title": "X", "term": "1", "timezone": zone}
    refused = sqlite_service.admin().post("/courses", json=body)
    assert problem(refused) == (422, "invalid") and "Europe/Berlin" in refused.json["detail"]


def test_a_moment_or_a_day_that_is_none_is_told_how_to_write_one(
    sqlite_service: Service,
) -> None:
    admin, course = sqlite_service.admin(), sqlite_service.course()
    times = {"starts_at": "2026-11-25T09:00:00", "ends_at": "25.11.2026"}
    found = {
        each["field"]: each["message"] for each in admin.post(f"/courses/{course}/sessions", json=times).json["errors"]
    }
    assert "2026-11-25T09:04:00+01:00" in found["starts_at"] and "offset" in found["starts_at"]
    assert "2026-11-25T09:04:00+01:00" in found["ends_at"]
    assert "2026-11-25" in admin.get(f"/courses/{course}/roster?on=25.11.2026").json["detail"]
