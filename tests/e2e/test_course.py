"""A course's parts: roster and its import, sessions, schedule, staff, settings, warnings, calendar."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import count
from typing import Any

import openpyxl
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from support.browser import button, dialog, row, scrolls_sideways, violations
from support.school import NORA, ROBIN, School

Course = dict[str, Any]
numbers = count(1)


@pytest.fixture
def course_page(page_of: Callable[..., Page], school: School) -> Callable[..., tuple[Page, Course]]:
    """Makes a course, which Nora leads unless ``email`` says somebody else, and opens a part of it, such as
    "?tab=staff"."""

    def make(part: str = "", **options: Any) -> tuple[Page, Course]:
        page = page_of("/courses", **options)
        course = school.call(
            page.context,
            "POST",
            "/courses",
            {"code": f"C-{next(numbers)}", "title": "Botany", "term": "2027", "timezone": "Europe/Berlin"},
        )
        page.goto(f"/#/courses/{course['id']}{part}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        return page, course

    return make


def choose_file(page: Page, name: str, data: bytes) -> None:
    page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "text/csv", "buffer": data})


def test_a_roster_is_imported(course_page: Callable[..., tuple[Page, Course]]) -> None:
    page, _ = course_page(email=ROBIN)
    button(page, "Import").click()
    choose_file(page, "class.xls", bytes.fromhex("d0cf11e0a1b11ae1") + b" a workbook")
    expect(page.get_by_role("alert")).to_contain_text("class.xls is a workbook")
    choose_file(page, "class.xlsx", b"PK\x03\x04 a workbook")
    expect(page.get_by_role("alert")).to_contain_text("save it again as .xlsx")

    head = "Matrikelnummer;Nachname;Vorname;Fach;Mail\n"
    good = "77-1;Müller;Zoë;Botanik;zoe@example.org\n77-2;Ångström;Élodie;Botanik;\n"
    choose_file(page, "class.csv", (head + good + "77-3;;;;\n").encode("cp1252"))
    expect(page.get_by_text("Are the names right?")).to_be_visible()
    expect(page.get_by_label("Nachname")).to_have_value("last_name")
    page.get_by_label("Text encoding").select_option("macintosh")
    expect(page.get_by_text("Müller")).to_have_count(0)
    page.get_by_label("Text encoding").select_option("windows-1252")
    expect(page.get_by_text("Müller, Ångström")).to_be_visible()

    button(page, "Check the rows").click()
    expect(page.get_by_role("alert")).to_contain_text("1 thing is wrong in the file")
    expect(row(page, "Row 4")).to_contain_text("is empty, and there is no student with this id yet")
    button(page, "Choose the corrected file").click()

    choose_file(page, "class.csv", (head + good).encode("cp1252"))
    button(page, "Check the rows").click()
    expect(page.locator(".counts .new")).to_contain_text("2")
    button(page, "Import").click()
    expect(page.get_by_role("heading", name="2 rows are imported")).to_be_focused()
    button(page, "Go to the roster").click()
    expect(row(page, "Zoë Müller")).to_contain_text("no consent")
    expect(row(page, "Élodie Ångström")).to_be_visible()


def test_the_import_asks_what_is_not_certain(course_page: Callable[..., tuple[Page, Course]]) -> None:
    page, _ = course_page(email=ROBIN)
    button(page, "Import").click()
    # as Canvas exports it, in a workbook: two rows are of no student
    book = openpyxl.Workbook()
    for cells in (
        ("Student", "ID", "SIS User ID", "Homework 1 (12)"),
        ("    Points Possible", None, None, 10),
        ("Example, Ada", 1001, "78-1", 9),
        ("Student, Test", 1999, None, None),
    ):
        book.active.append(cells)
    data = io.BytesIO()
    book.save(data)
    choose_file(page, "gradebook.xlsx", data.getvalue())
    expect(page.get_by_label("SIS User ID")).to_have_value("external_id")
    expect(page.get_by_label("Text encoding")).to_have_count(0)
    page.set_viewport_size({"width": 360, "height": 800})  # a long name in the samples must not widen the page
    assert scrolls_sideways(page) == 0
    button(page, "Check the rows").click()
    expect(page.get_by_text("2 rows are not students.")).to_be_visible()
    page.get_by_label("Leave these rows out").check()
    expect(page.locator(".counts .new")).to_contain_text("1")
    button(page, "Back to the columns").click()
    button(page, "Another file").click()

    choose_file(page, "surnames.csv", b"To,Minh\nExample,Ada\nBeispiel,Bruno\n")
    expect(page.get_by_text("Does the first row name the columns, or is it a student? To · Minh")).to_be_visible()
    expect(button(page, "Check the rows")).to_be_disabled()
    button(page, "It is a student").click()
    expect(page.get_by_text("3 rows")).to_be_visible()
    expect(button(page, "Check the rows")).to_be_enabled()
    button(page, "Another file").click()

    choose_file(page, "counted.csv", b"Number,Name\n1,Ada Example\n2,Bruno Beispiel\n")
    expect(page.get_by_label("Number")).to_have_value("")
    expect(page.get_by_text("only counts 1, 2, 3 is not an id")).to_be_visible()
    expect(button(page, "Check the rows")).to_be_disabled()


def test_who_is_not_in_the_next_file_leaves_only_when_that_is_said(
    course_page: Callable[..., tuple[Page, Course]],
) -> None:
    page, _ = course_page("/import", email=ROBIN)
    choose_file(page, "class.csv", b"id,name\n78-1,Stays Here\n78-2,Goes Away\n")
    button(page, "Check the rows").click()
    button(page, "Import").click()
    button(page, "Import another file").click()
    choose_file(page, "class.csv", b"id,name\n78-1,Stays Here\n")
    button(page, "Check the rows").click()
    expect(page.get_by_text("There is nothing to import")).to_be_visible()
    expect(button(page, "Import")).to_be_disabled()
    page.get_by_label("End the enrolments of those who are not in the file").check()
    expect(page.get_by_text("Ends for: 78-2.")).to_be_visible()
    button(page, "Import").click()
    expect(dialog(page)).to_contain_text("1 enrolment ends today")
    button(dialog(page), "Import").click()
    button(page, "Go to the roster").click()
    expect(row(page, "Goes Away")).to_contain_text(", to ")
    expect(row(page, "Stays Here")).not_to_contain_text(", to ")


def test_students_are_added_by_hand_and_their_days_changed(course_page: Callable[..., tuple[Page, Course]]) -> None:
    page, _ = course_page(email=ROBIN)
    button(page, "Add a student").click()
    dialog(page).get_by_label("Name or id").fill("amina")
    button(dialog(page), "Enrol Amina Yusuf").click()
    expect(dialog(page).get_by_role("listitem")).to_contain_text("✓enrolled")

    button(dialog(page), "New student").click()
    dialog(page).get_by_label("Id").fill("s02")
    dialog(page).get_by_label("Name").fill("Somebody Else")
    button(dialog(page), "Enrol the student").click()
    button(dialog(page), "Enrol the student with the id s02").click()
    expect(dialog(page)).to_have_count(0)
    expect(row(page, "Ben Hartmann")).to_be_visible()

    button(page, "Add a student").click()
    button(dialog(page), "New student").click()
    dialog(page).get_by_label("Id").fill("79-1")
    dialog(page).get_by_label("Name").fill("Nadia New")
    button(dialog(page), "Enrol the student").click()
    expect(row(page, "Nadia New")).to_be_visible()

    page.get_by_label("Find on this roster").fill("nadia")
    expect(row(page, "Amina Yusuf")).to_have_count(0)
    button(page, "Change the enrolment of Nadia New").click()
    button(dialog(page), "End today").click()
    expect(row(page, "Nadia New")).to_contain_text(", to ")
    page.locator(".toast").last.get_by_role("button", name="Undo").click()
    expect(row(page, "Nadia New")).not_to_contain_text(", to ")

    button(page, "Change the enrolment of Nadia New").click()
    dialog(page).get_by_label("Last day").fill("2020-01-01")
    button(dialog(page), "Save").click()
    expect(dialog(page).get_by_label("Last day")).to_have_attribute("aria-invalid", "true")
    button(dialog(page), "Remove").click()
    button(dialog(page), "Remove the enrolment").click()
    expect(page.get_by_role("heading", name="Nobody fits")).to_be_visible()
    button(page, "Show everybody").click()
    expect(row(page, "Amina Yusuf")).to_be_visible()


def test_a_session_is_added_changed_and_cancelled(
    course_page: Callable[..., tuple[Page, Course]], school: School
) -> None:
    page, course = course_page("?tab=sessions", timezone_id="Pacific/Auckland")
    button(page, "Add a session").click()
    dialog(page).get_by_label("Title").fill("Excursion")
    dialog(page).get_by_label("Day").fill("2031-07-02")
    dialog(page).get_by_label("End").fill("08:00")
    button(dialog(page), "Add the session").click()
    expect(dialog(page)).to_contain_text("The end has to be after the start.")
    dialog(page).get_by_label("End").fill("11:15")
    button(dialog(page), "Add the session").click()
    # on the course's clock, wherever the browser is
    expect(row(page, "Excursion")).to_contain_text("09:00–11:15")
    made = school.call(page.context, "GET", f"/sessions?course_id={course['id']}")["items"][0]
    assert made["starts_at"] == "2031-07-02T07:00:00+00:00"

    row(page, "Excursion").get_by_role("button").click()
    dialog(page).get_by_label("Title").fill("Garden")
    button(dialog(page), "Save").click()
    expect(row(page, "Garden")).to_contain_text("09:00–11:15")

    row(page, "Garden").get_by_role("button").click()
    button(dialog(page), "Cancel the session").click()
    dialog(page).get_by_label("Reason").fill("The bus broke down")
    button(dialog(page), "Cancel the session").click()
    expect(row(page, "Garden")).to_contain_text("cancelled")
    expect(row(page, "Garden")).to_contain_text("The bus broke down")
    expect(row(page, "Garden").get_by_role("button")).to_have_count(0)


def test_a_change_by_somebody_else_is_not_overwritten(
    course_page: Callable[..., tuple[Page, Course]], school: School
) -> None:
    page, course = course_page()
    times = {"title": "Old", "starts_at": "2031-07-02T07:00:00Z", "ends_at": "2031-07-02T08:00:00Z"}
    session = school.call(page.context, "POST", f"/courses/{course['id']}/sessions", times)
    page.goto(f"/#/courses/{course['id']}?tab=sessions")
    row(page, "Old").get_by_role("button").click()
    school.call(page.context, "POST", f"/sessions/{session['id']}/cancel", {"reason": "elsewhere"})
    dialog(page).get_by_label("Title").fill("Mine")
    button(dialog(page), "Save").click()
    expect(dialog(page).get_by_role("alert")).to_be_visible()
    button(dialog(page), "Close").click()
    expect(row(page, "Old")).to_contain_text("cancelled")


def test_a_locked_session_is_opened_for_corrections(page_of: Callable[..., Page], school: School) -> None:
    page = page_of("/courses")
    course = school.main_course(page.context)
    page.goto(f"/#/courses/{course['id']}?tab=sessions&when=past")
    locked = row(page, "locked").last
    day = str(locked.get_by_role("link").text_content())
    locked.get_by_role("button").click()
    dialog(page).get_by_label("Reason").fill("A list on paper turned up")
    button(dialog(page), "Open for corrections").click()
    expect(row(page, day)).to_contain_text("closed")


def test_a_schedule_is_made_gets_holidays_and_is_deleted(
    course_page: Callable[..., tuple[Page, Course]], school: School
) -> None:
    page, course = course_page("?tab=schedule")

    def sessions() -> list[Any]:
        return list(school.call(page.context, "GET", f"/sessions?course_id={course['id']}")["items"])

    button(page, "Add to the schedule").click()
    dialog(page).get_by_label("Tue").check()
    dialog(page).get_by_label("Thu").check()
    dialog(page).get_by_label("First day").fill("2031-12-01")
    dialog(page).get_by_label("Last day").fill("2032-01-11")
    expect(dialog(page).get_by_text("12 sessions, from")).to_be_visible()
    dialog(page).get_by_label("Repeats").select_option("2")
    expect(dialog(page).get_by_text("6 sessions, from")).to_be_visible()
    dialog(page).get_by_label("Repeats").select_option("1")
    dialog(page).get_by_label("Day", exact=True).fill("2031-12-24")
    dialog(page).get_by_label("to (optional)").fill("2032-01-01")
    button(dialog(page), "Add").click()
    button(dialog(page), "Make 9 sessions").click()
    expect(page.get_by_role("listitem").filter(has_text="Tue, Thu, 09:00–10:30")).to_contain_text("9 sessions")
    made = sessions()
    assert [each["rule_date"] for each in made] == [
        "2031-12-02",
        "2031-12-04",
        "2031-12-09",
        "2031-12-11",
        "2031-12-16",
        "2031-12-18",
        "2031-12-23",
        "2032-01-06",
        "2032-01-08",
    ]

    button(page, "Days without class of Tue, Thu, 09:00–10:30").click()
    button(dialog(page), "Take Thu 1 Jan 2032 out").click()
    dialog(page).get_by_label("Day", exact=True).fill("2032-01-06")
    button(dialog(page), "Add").click()
    expect(dialog(page)).to_contain_text("1 session is removed")
    expect(dialog(page)).to_contain_text("1 day is a day of class again")
    button(dialog(page), "Save the days").click()
    expect(dialog(page)).to_have_count(0)
    assert [each["rule_date"] for each in sessions()][-2:] == ["2032-01-01", "2032-01-08"]

    school.call(page.context, "POST", f"/sessions/{made[0]['id']}/cancel", {"reason": "storm"})
    page.reload()
    button(page, "Delete Tue, Thu, 09:00–10:30").click()
    expect(dialog(page)).to_contain_text("8 sessions to come are deleted")
    expect(dialog(page)).to_contain_text("1 other stays")
    button(dialog(page), "Delete").click()
    expect(page.get_by_role("heading", name="No schedule yet")).to_be_visible()
    assert [each["state"] for each in sessions()] == ["cancelled"]


def test_a_calendar_address_works_until_it_is_revoked(course_page: Callable[..., tuple[Page, Course]]) -> None:
    page, _ = course_page("?tab=schedule")
    button(page, "Make an address").click()
    address = page.get_by_label("Your calendar address").input_value()
    assert "BEGIN:VCALENDAR" in page.context.request.get(address).text()
    page.get_by_role("button", name="Revoke the address").last.click()
    button(dialog(page), "Revoke").click()
    expect(page.get_by_label("Your calendar address")).to_have_count(0)
    assert page.context.request.get(address).status == 404


def test_an_admin_adds_a_colleague_who_may_do_what_the_staff_may(
    course_page: Callable[..., tuple[Page, Course]], context_of: Callable[..., BrowserContext], school: School
) -> None:
    page, course = course_page("?tab=staff", email=ROBIN)
    page.get_by_label("E-mail address").fill("nobody@demo.example")
    button(page, "Add").click()
    expect(page.get_by_text("No account that may log in has this address")).to_be_visible()

    account = {"email": "ines@demo.example", "name": "Ines Garden", "role": "instructor"}
    link = school.call(page.context, "POST", "/users", account)["invitation"]["link"]
    page.get_by_label("E-mail address").fill(account["email"])
    button(page, "Add").click()
    expect(row(page, "Ines Garden")).to_contain_text("staff")

    ines = context_of(None)
    redeemed = {"secret": link.rsplit("/", 1)[1], "password": "a garden full of mint"}
    assert ines.request.post("/api/v1/auth/redeem", data=redeemed).ok
    hers = ines.new_page()
    hers.goto(f"/#/courses/{course['id']}")
    expect(
        hers.get_by_text("Students are enrolled by a lead of the course, or by somebody appointed for enrolment.")
    ).to_be_visible()
    expect(hers.get_by_role("link", name="Settings", exact=True)).to_have_count(0)
    expect(button(hers, "Import")).to_have_count(0)

    button(page, "Appoint Ines Garden for enrolment").click()
    expect(row(page, "Ines Garden")).to_contain_text("enrols")
    hers.reload()
    expect(button(hers, "Import")).to_be_visible()
    hers.goto(f"/#/courses/{course['id']}?tab=staff")
    expect(hers.get_by_role("heading", name="Add a colleague")).to_have_count(0)
    button(page, "End Ines Garden's appointment for enrolment").click()
    expect(row(page, "Ines Garden")).not_to_contain_text("enrols")
    hers.goto(f"/#/courses/{course['id']}")
    button(page, "Make Ines Garden a lead").click()
    expect(row(page, "Ines Garden")).to_contain_text("lead")
    hers.reload()
    expect(button(hers, "Import")).to_be_visible()
    button(page, "Remove Ines Garden").click()
    button(dialog(page), "Remove").click()
    expect(row(page, "Ines Garden")).to_have_count(0)
    hers.reload()
    expect(hers.get_by_role("alert")).to_contain_text("You are not on the staff of this course")


def test_students_who_are_not_the_instructors_wait_for_an_admin(
    course_page: Callable[..., tuple[Page, Course]], page_of: Callable[..., Page]
) -> None:
    page, course = course_page()
    button(page, "Add a student").click()
    button(dialog(page), "New student").click()
    dialog(page).get_by_label("Id").fill("80-1")
    dialog(page).get_by_label("Name").fill("Olu Ade")
    button(dialog(page), "Ask for the student").click()
    expect(row(page, "Olu Ade")).to_contain_text("waiting")
    button(page, "Import").click()
    choose_file(page, "class.csv", b"id,name\n80-2,Pia Berg\n80-3,Qi Chen\n")
    button(page, "Check the rows").click()
    expect(page.locator(".counts .requested")).to_contain_text("2")
    button(page, "Import").click()
    expect(page.get_by_text("wait on the roster until an admin approves them")).to_be_visible()
    button(page, "Go to the roster").click()
    expect(page.get_by_role("heading", name="3 students wait for approval")).to_be_visible()
    expect(page.get_by_role("heading", name="Nobody is enrolled yet")).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    assert violations(page) == []
    button(page, "Withdraw Qi Chen").click()
    button(dialog(page), "Withdraw").click()
    expect(row(page, "Qi Chen")).to_have_count(0)

    office = page_of("/", ROBIN)
    waiting = office.get_by_role("article").filter(has_text=course["code"])
    expect(waiting).to_contain_text("2 students wait for approval")
    waiting.get_by_role("button", name="Look at the roster").click()
    expect(row(office, "Olu Ade")).to_contain_text("new to the school")
    assert violations(office) == []
    button(office, "Refuse Olu Ade").click()
    button(dialog(office), "Refuse").click()
    button(office, "Approve all").click()
    expect(row(office, "Pia Berg")).to_contain_text("no consent")
    expect(office.get_by_role("heading", name="wait for approval")).to_have_count(0)
    page.reload()
    expect(row(page, "Pia Berg")).to_be_visible()
    page.get_by_role("link", name="Pia Berg").click()
    expect(page.get_by_text("Consent and photos are for admins")).to_be_visible()
    for name in ("Change", "Record a consent"):
        expect(button(page, name)).to_have_count(0)


def test_settings_are_changed_and_the_course_archived(
    course_page: Callable[..., tuple[Page, Course]], school: School
) -> None:
    page, course = course_page("?tab=settings")
    page.get_by_label("Title").fill("Botany of gardens")
    page.get_by_label("A late arrival counts").fill("50")
    page.get_by_label("An excused absence").select_option("counts as present")
    button(page, "Save").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Botany of gardens")
    saved = school.call(page.context, "GET", f"/courses/{course['id']}")
    assert (saved["late_weight"], saved["excused_counts"], saved["late_after_s"]) == (0.5, "as_present", 600)

    token = page.context.request.get("/api/v1/auth/me").json()["csrf_token"]
    headers = {"X-CSRF-Token": token, "If-Match": f'"{saved["version"]}"'}
    elsewhere = page.context.request.patch(f"/api/v1/courses/{course['id']}", data={"title": "Trees"}, headers=headers)
    assert elsewhere.ok
    page.get_by_label("Title").fill("Mosses")
    button(page, "Save").click()
    expect(page.get_by_text("Somebody else changed the course.")).to_be_visible()
    expect(page.get_by_label("Title")).to_have_value("Trees")

    button(page, "Archive the course").click()
    expect(button(dialog(page), "Archive the course")).to_be_disabled()
    dialog(page).get_by_label(f"Type {course['code']} to go on").fill(course["code"])
    button(dialog(page), "Archive the course").click()
    expect(page.get_by_text(f"{course['code']} is archived")).to_be_visible()
    expect(page.get_by_role("link", name=course["code"], exact=False)).to_have_count(0)
    page.get_by_role("link", name="Archived courses").click()
    page.get_by_role("link", name=course["code"], exact=False).click()
    button(page, "Take it out again").click()
    expect(page.get_by_text("This course was archived")).to_have_count(0)


def raise_warning(school: School, course_id: int) -> None:
    """Warn about Elif Demir, as the server does some minutes after a session has been closed."""
    with (
        closing(sqlite3.connect(school.folder / "school" / "instance" / "smartattendance.sqlite3")) as database,
        database,
    ):
        database.execute(
            "INSERT INTO warning_sent (rule_id, student_id, occasion, value, at) SELECT rule.id, student.id, "
            "(SELECT max(id) FROM class_session WHERE course_id = rule.course_id AND state != 'scheduled'), 50, "
            "rule.created_at FROM warning_rule AS rule, student WHERE rule.course_id = ? "
            "AND rule.kind = 'percent_below' AND student.name = 'Elif Demir'",
            [course_id],
        )


def test_a_warning_is_seen_to_and_rules_are_made(page_of: Callable[..., Page], school: School) -> None:
    page = page_of("/courses")
    course = school.main_course(page.context)
    raise_warning(school, course["id"])
    page.goto(f"/#/courses/{course['id']}?tab=warnings")
    page.get_by_label("Warn by").select_option("absences in all")
    page.get_by_label("From how many on").fill("7")
    button(page, "Add the rule").click()
    rule = page.get_by_role("listitem").filter(has_text="from 7 absences on")
    rule.get_by_role("button", name="Delete").click()
    expect(rule).to_have_count(0)
    button(page, "Undo").click()
    expect(rule).to_be_visible()

    button(page, "The warning about Elif Demir is seen to").click()
    expect(row(page, "Elif Demir")).to_contain_text("✓seen to")
    page.reload()
    expect(page.get_by_role("heading", name="Nothing to see to")).to_be_visible()
    button(page, "All").click()
    expect(row(page, "Elif Demir")).to_contain_text("attendance 50 %, below 75 %")


@pytest.mark.parametrize("width", [390, 1280])
def test_every_part_fits_and_is_accessible(page_of: Callable[..., Page], school: School, width: int) -> None:
    page = page_of("/courses", NORA, viewport={"width": width, "height": 800})
    course = school.call(page.context, "GET", "/courses")["items"][0]
    for part in (
        "",
        *(f"?tab={name}" for name in ("sessions", "schedule", "warnings", "staff", "settings")),
        "/import",
    ):
        page.goto(f"/#/courses/{course['id']}{part}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.locator(".skeleton")).to_have_count(0)
        assert violations(page) == [], part
        assert scrolls_sideways(page) == 0, part
