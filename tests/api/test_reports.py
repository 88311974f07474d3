"""Reports and exports, through the API."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import date, timedelta

import pytest
from sqlalchemy import event
from werkzeug.test import TestResponse

from attendance import exports
from attendance.models import AttendanceChange, AttendanceRecord, MarkSource, MarkStatus, Role, SessionState
from support.marks import held
from support.service import Service, problem, utc

# Mondays at nine in Berlin, before and after the clocks change on 25 October
FIRST, SECOND, THIRD = utc(2026, 10, 19, 7), utc(2026, 10, 26, 8), utc(2026, 11, 2, 8)


def rows(answer: TestResponse) -> list[list[str]]:
    assert answer.status_code == 200 and answer.mimetype == "text/csv"
    return list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))


def percents(report: dict) -> dict[str, float | None]:
    return {line["student"]["external_id"]: line["percent"] for line in report["students"]}


def test_a_course_with_its_students_and_sessions(service: Service) -> None:
    lead = service.user()
    course = service.course(leads=(lead,), late_weight=0.5, min_percent=80)
    ada, ben, cy = service.student("a", "Ada"), service.student("b", "Ben"), service.student("c", "Cy")
    service.enrol(course, ada, ben)
    service.enrol(course, cy, starts_on=date(2026, 10, 26))
    sessions = [
        held(service, course, FIRST, {ada: "P", ben: "L"}),
        held(service, course, SECOND, {ada: "E", ben: "A", cy: "P"}, title="Quiz"),
        held(service, course, THIRD, {ada: "P", ben: "P", cy: "O"}, state=SessionState.LOCKED),
    ]
    # none of these counts: not settled yet, open, still to come, cancelled
    held(
        service, course, THIRD + timedelta(days=1), {ada: "U", ben: "U"}, settled_at=None, closed_at=service.clock.now()
    )
    held(service, course, THIRD + timedelta(days=2), {ada: "A"}, state=SessionState.OPEN)
    service.session(course, THIRD + timedelta(days=3))
    held(service, course, THIRD + timedelta(days=4), {ada: "A"}, state=SessionState.CANCELLED)

    report = service.program(lead).get(f"/reports/courses/{course}").json
    assert [line["session"]["id"] for line in report["sessions"]] == sessions
    assert [line["day"] for line in report["sessions"]] == ["2026-10-19", "2026-10-26", "2026-11-02"]
    # late is half: 1/2 + 1 of 2; excused is left out: 1 of 2; 3 of 3
    assert [line["percent"] for line in report["sessions"]] == [75.0, 50.0, 100.0]
    assert report["sessions"][1]["counts"] == {
        "present": 1, "late": 0, "left_early": 0, "excused": 1, "absent": 1, "unmarked": 0
    }  # fmt: skip
    assert [line["marks"] for line in report["students"]] == [
        ["present", "excused", "present"],
        ["late", "absent", "present"],
        [None, "present", "left_early"],
    ]
    # 2 of 2; 1/2 + 0 + 1 of 3; 2 of 2
    assert percents(report) == {"a": 100.0, "b": 50.0, "c": 100.0}
    assert [line["at_risk"] for line in report["students"]] == [False, True, False]


def test_a_report_is_not_behind_the_close_of_a_session(service: Service) -> None:
    course, student = service.course(), service.student("s")
    service.enrol(course, student)
    admin, session = service.admin(), service.session(course)
    assert admin.post(f"/sessions/{session}/open").status_code == 200
    assert admin.post(f"/sessions/{session}/close").status_code == 200
    assert admin.get(f"/reports/courses/{course}").json["sessions"] == []
    service.clock.advance(minutes=2, seconds=10)
    assert percents(admin.get(f"/reports/courses/{course}").json) == {"s": 0.0}


def test_the_days_of_a_report_are_the_courses_own(service: Service) -> None:
    course = service.course(timezone="America/New_York")
    student = service.student("s")
    service.enrol(course, student)
    # 3 November, 02:00 UTC, is still the 2nd in New York
    held(service, course, utc(2026, 11, 3, 2), {student: "A"})
    held(service, course, utc(2026, 11, 3, 14), {student: "P"})
    admin = service.admin()
    for query, expected in {
        "": 50.0,
        "?from=2026-11-03": 100.0,
        "?to=2026-11-02": 0.0,
        "?from=2026-11-02&to=2026-11-03": 50.0,
        "?from=2026-11-04": None,
    }.items():
        assert percents(admin.get(f"/reports/courses/{course}{query}").json) == {"s": expected}, query
    refused = admin.get(f"/reports/courses/{course}?from=2026-11-03&to=2026-11-02")
    assert problem(refused) == (422, "dates") and refused.json["errors"][0]["field"] == "to"
    assert problem(admin.get(f"/reports/courses/{course}?from=yesterday")) == (422, "invalid")
    assert problem(admin.get(f"/reports/courses/{course}?form=2026-11-03")) == (422, "invalid")


def test_only_days_of_enrolment_count_and_a_second_enrolment_adds_to_the_first(service: Service) -> None:
    course, student, late = service.course(), service.student("s"), service.student("late")
    service.enrol(course, student, ends_on=date(2026, 10, 19))
    service.enrol(course, student, starts_on=date(2026, 11, 2))
    service.enrol(course, late)  # put on the roster after the sessions: nobody looked for them
    held(service, course, FIRST, {student: "P"})
    held(service, course, SECOND, {student: "A"})
    held(service, course, THIRD, {student: "A"})
    report = service.admin().get(f"/reports/courses/{course}").json
    assert percents(report) == {"late": None, "s": 50.0}
    assert {line["student"]["external_id"]: line["marks"] for line in report["students"]} == {
        "late": [None, None, None],
        "s": ["present", None, "absent"],
    }


def test_a_student_in_the_courses_one_may_see(service: Service) -> None:
    instructor = service.user()
    mine, other = service.course("A", staff=(instructor,)), service.course("B")
    student, stranger = service.student("s"), service.student("t")
    service.enrol(mine, student)
    service.enrol(other, student, stranger)
    held(service, mine, FIRST, {student: "P"})
    held(service, mine, SECOND, {student: "A"})
    held(service, other, FIRST, {student: "L"})
    client = service.program(instructor)
    report = client.get(f"/reports/students/{student}").json
    assert [(line["course"]["code"], line["percent"], line["at_risk"]) for line in report["courses"]] == [
        ("A", 50.0, True)
    ]
    assert [line["status"] for line in report["courses"][0]["sessions"]] == ["present", "absent"]
    everything = service.admin().get(f"/reports/students/{student}").json
    assert [(line["course"]["code"], line["percent"]) for line in everything["courses"]] == [("A", 50.0), ("B", 100.0)]
    for nobody in (stranger, 999):
        assert problem(client.get(f"/reports/students/{nobody}")) == (404, "not_found")


def test_when_students_came_to_a_session(service: Service) -> None:
    course = service.course()
    students = [service.student(f"s{number}") for number in range(6)]
    service.enrol(course, *students)
    session = held(service, course, SECOND, dict(zip(students, "PPLOA", strict=False)), state=SessionState.OPEN)
    with service.db() as db:  # a face said that they came, and a person that they did not
        record = db.query(AttendanceRecord).filter_by(session_id=session, student_id=students[4]).one()
        record.source, record.first_seen_at = MarkSource.MANUAL, SECOND
    report = service.admin().get(f"/reports/sessions/{session}").json
    assert report["expected"] == 6  # the last has no record yet
    assert (report["counts"]["present"], report["counts"]["absent"], report["counts"]["unmarked"]) == (2, 1, 1)
    assert report["first_arrival"] == "2026-10-26T08:01:00+00:00"
    assert report["last_arrival"] == "2026-10-26T08:15:00+00:00"
    assert [(line["minute"][11:16], line["arrivals"], line["total"]) for line in report["timeline"]] == [
        ("08:01", 2, 2),
        ("08:02", 1, 3),
        ("08:15", 1, 4),
    ]
    empty = service.admin().get(f"/reports/sessions/{service.session(service.course())}").json
    assert (empty["expected"], empty["percent"], empty["first_arrival"], empty["timeline"]) == (0, None, None, [])


def test_who_is_at_risk_now(service: Service) -> None:
    lead = service.user()
    course = service.course("A", leads=(lead,), min_percent=50)
    low, trend, left, fine, gone = (service.student(name) for name in ("low", "trend", "left", "fine", "gone"))
    service.enrol(course, low, trend, fine, gone)
    service.enrol(course, left, ends_on=date(2026, 11, 15))
    for week, letters in enumerate(["APAPA", "PPAPA", "APAPA", "APAAA", "PPAPA", "APAPA", "AAAPA", "PAAAA", "AAAPA"]):
        held(
            service,
            course,
            FIRST + timedelta(days=week),
            dict(zip((low, trend, left, fine, gone), letters, strict=True)),
        )
    with service.db() as db:
        db.query(AttendanceRecord.student.property.mapper.class_).filter_by(id=gone).update({"status": "inactive"})
    service.course("B", staff=(lead,))
    client = service.program(lead)
    page = client.get("/reports/at-risk").json
    assert [item["course"]["code"] for item in page["items"]] == ["A", "B"]
    assert page["items"][1]["students"] == []
    found = {line["student"]["external_id"]: line for line in page["items"][0]["students"]}
    # low was there 3 times of 9, trend 6 times but not the last three; who left or is inactive is not asked after
    assert {name: (line["percent"], line["absences_in_a_row"], line["reasons"]) for name, line in found.items()} == {
        "low": (33.3, 1, ["percent_below"]),
        "trend": (66.7, 3, ["absences_in_a_row"]),
    }
    stricter = client.get(f"/reports/at-risk?course_id={course}&in_a_row=4").json
    assert [line["student"]["external_id"] for line in stricter["items"][0]["students"]] == ["low"]
    first = client.get("/reports/at-risk?limit=1").json
    second = client.get(f"/reports/at-risk?limit=1&cursor={first['next_cursor']}").json
    assert (second["items"][0]["course"]["code"], second["next_cursor"]) == ("B", None)
    assert problem(client.get(f"/reports/at-risk?course_id={service.course()}")) == (403, "foreign_course")


EVIL = '=HYPERLINK("http://example.org","x")'


def test_the_sheet_of_a_session_as_a_file(service: Service) -> None:
    course = service.course("MÄ/1", title="Analysis")
    evil, ben, new = service.student("a", EVIL), service.student("b", "Müller, Ben"), service.student("c", "Akí")
    service.enrol(course, evil, ben, new)
    session = held(service, course, SECOND, {evil: "L", ben: "A"}, title="+1 hour")
    with service.db() as db:
        record = db.query(AttendanceRecord).filter_by(student_id=ben).one()
        for text in ("first", "@second\nline"):
            db.add(
                AttendanceChange(
                    record_id=record.id,
                    old_status=MarkStatus.UNMARKED,
                    new_status=MarkStatus.ABSENT,
                    source=MarkSource.MANUAL,
                    reason_code="other",
                    text=text,
                    at=SECOND,
                )
            )
    admin = service.admin()
    answer = admin.get(f"/sessions/{session}/sheet.csv")
    assert rows(answer) == [
        ["Student id", "Name", "Status", "Set by", "First seen", "Last seen", "Reason", "Note"],
        ["a", f"'{EVIL}", "late", "face", "2026-10-26 09:15:00", "2026-10-26 09:15:00", "", ""],
        ["c", "Akí", "unmarked", "", "", "", "", ""],
        ["b", "Müller, Ben", "absent", "auto_close", "", "", "other", "'@second\nline"],
    ]
    assert answer.headers["Content-Disposition"] == (
        'attachment; filename="MA_1 2026W +1 hour 2026-10-26.csv"; '
        "filename*=UTF-8''M%C3%84_1%202026W%20+1%20hour%202026-10-26.csv"
    )
    workbook = admin.get(f"/sessions/{session}/sheet.xlsx")
    assert workbook.mimetype.endswith("spreadsheetml.sheet")
    with zipfile.ZipFile(io.BytesIO(workbook.data)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet and "'=HYPERLINK" in sheet and "<v>46321.385" in sheet  # 09:15 is a moment
    assert problem(admin.get(f"/sessions/{session}/sheet.pdf")) == (404, "not_found")


def test_a_course_as_a_file(service: Service) -> None:
    course = service.course("A")
    ada, ben = service.student("a", "Ada"), service.student("b", "Ben")
    service.enrol(course, ada)
    service.enrol(course, ben, starts_on=date(2026, 10, 26))
    held(service, course, FIRST, {ada: "P"})
    held(service, course, SECOND, {ada: "L", ben: "E"}, title="=Quiz")
    admin = service.admin()
    answer = admin.get(f"/reports/courses/{course}.csv")
    totals = ["Present", "Late", "Left early", "Excused", "Absent", "Percent"]
    assert rows(answer) == [
        ["Student id", "Name", "2026-10-19 09:00", "2026-10-26 09:00 =Quiz", *totals],
        ["a", "Ada", "present", "late", "1", "1", "0", "0", "0", "100.0"],
        ["b", "Ben", "", "excused", "0", "0", "0", "1", "0", ""],
    ]
    part = admin.get(f"/reports/courses/{course}.csv?from=2026-10-20&to=2026-10-31")
    assert rows(part)[0] == ["Student id", "Name", "2026-10-26 09:00 =Quiz", *totals]
    assert part.headers["Content-Disposition"] == 'attachment; filename="A 2026W 2026-10-20 2026-10-31.csv"'
    assert admin.get(f"/reports/courses/{course}.xlsx").data.startswith(b"PK")


def test_a_period_as_a_file(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    instructor = service.user()
    berlin = service.course("A", staff=(instructor,))
    york = service.course("B", staff=(instructor,), timezone="America/New_York")
    foreign = service.course("C")
    student = service.student("s", "=1+1")
    service.enrol(berlin, student)
    held(service, berlin, FIRST, {student: "P"})
    held(service, berlin, SECOND, {student: "A"})
    held(service, york, utc(2026, 10, 27, 2), {student: "L"})  # the 26th in New York
    held(service, foreign, SECOND, {student: "P"})
    held(service, berlin, SECOND + timedelta(hours=3), {student: "U"}, state=SessionState.CANCELLED)
    client = service.program(instructor)
    table = rows(client.get("/reports/period.csv?from=2026-10-26&to=2026-10-26"))
    assert table[0][:7] == ["Course", "Term", "Time zone", "Day", "Start", "Session", "State"]
    assert [[*row[:1], *row[3:5], *row[7:12]] for row in table[1:]] == [
        ["A", "2026-10-26", "09:00", "s", "'=1+1", "absent", "auto_close", ""],
        ["B", "2026-10-26", "22:00", "s", "'=1+1", "late", "face", "2026-10-26 22:15:00"],
    ]
    assert client.get("/reports/period.xlsx?from=2026-10-01&to=2026-10-31").data.startswith(b"PK")
    assert problem(client.get("/reports/period.csv?from=2026-10-26")) == (422, "invalid")
    assert problem(client.get("/reports/period.csv?from=2026-10-26&to=2026-10-25")) == (422, "dates")
    monkeypatch.setattr(exports, "MOST_ROWS", 1)
    refused = client.get("/reports/period.csv?from=2026-10-26&to=2026-10-26")
    assert problem(refused) == (422, "too_many_rows")


def test_reports_are_for_the_staff_of_the_course(service: Service) -> None:
    course = service.course()
    session = service.session(course)
    viewer, outsider = service.user(Role.VIEWER), service.program(service.user())
    service.staff(course, viewer)
    client = service.program(viewer)
    for path in (
        f"/reports/courses/{course}",
        f"/reports/courses/{course}.csv",
        f"/reports/sessions/{session}",
        f"/sessions/{session}/sheet.xlsx",
    ):
        assert client.get(path).status_code == 200, path
        assert problem(outsider.get(path)) == (403, "foreign_course"), path
        assert problem(service.guest().get(path)) == (401, "not_logged_in"), path
    assert problem(client.get("/reports/courses/999")) == (404, "not_found")
    assert problem(client.get("/reports/sessions/999")) == (404, "not_found")


def test_a_large_course_takes_as_few_queries_as_a_small_one(service: Service) -> None:
    admin, asked = service.admin(), []
    admin.get("/courses")  # the first use of a token is written down
    event.listen(service.database.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))

    def queries(students: int, sessions: int) -> dict[str, int]:
        course = service.course()
        people = [service.student(f"{course}-{number}", consent=False) for number in range(students)]
        service.enrol(course, *people)
        for week in range(sessions):
            last = held(service, course, FIRST + timedelta(days=week), dict.fromkeys(people, "P"))
        taken = {}
        for path in (
            f"/reports/courses/{course}",
            f"/reports/courses/{course}.csv",
            f"/reports/sessions/{last}",
            f"/reports/at-risk?course_id={course}",
            f"/sessions/{last}/sheet.csv",
            "/reports/period.csv?from=2026-10-01&to=2026-12-01",
        ):
            asked.clear()
            assert admin.get(path).status_code == 200
            taken[path.replace(str(course), "C").replace(str(last), "S")] = len(asked)
        return taken

    small, large = list(queries(1, 1).values()), list(queries(8, 6).values())
    assert small == large and max(large) <= 12, (small, large)


def test_days_at_the_ends_of_time_are_refused_or_answered(service: Service) -> None:
    course, admin = service.course(timezone="Pacific/Kiritimati"), service.admin()
    for day in ("0001-01-01", "9999-12-31", "1971-01-01", "8999-12-31"):
        assert admin.get(f"/reports/courses/{course}?from={day}&to={day}").status_code in (200, 422)
        assert admin.get(f"/reports/period.csv?from={day}&to={day}").status_code in (200, 422)


def test_the_name_of_a_file_is_one_on_every_system() -> None:
    from api.downloads import disposition

    assert disposition("A 1.csv") == 'attachment; filename="A 1.csv"'
    assert disposition('..\\a"b\r\nX: y/.csv') == 'attachment; filename="_a_b__X_ y_.csv"'
    assert disposition("李.csv") == "attachment; filename=\"file.csv\"; filename*=UTF-8''%E6%9D%8E.csv"
    assert disposition(".csv") == 'attachment; filename="file.csv"'
    assert len(disposition("x" * 500 + ".xlsx")) < 150
