"""A new school from its first admin to its first exported sheet, by the page alone."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from playwright.sync_api import Browser, Page, Playwright, Response, expect

from sample_class.members import STUDENTS
from support.browser import button, dialog, launch, row, watched
from support.dragging import drop
from support.new_school import NewSchool, new_school

# Who walks in, alone or beside one another; Ben Hartmann comes with a stranger.
GROUPS = ({"Amina Yusuf"}, {"Ben Hartmann"}, {"Chiara Rossi", "Daniel Okafor"})
WALK_IN = STUDENTS[:4]
# Enrolled in the course, without consent and without a photo.
WITHOUT_FACE = "Mina Park"
PASSWORD = "chalk on a green board"
PHOTOS = 6
ASKED_TOO_EARLY = 4
# What a machine that does something else as well may need.
LONG_MS = 180_000


@pytest.fixture
def school(prepared: Path, tmp_path: Path) -> Iterator[NewSchool]:
    with new_school(tmp_path) as made:
        yield made


@pytest.fixture
def camera_browser(playwright: Playwright, prepared: Path) -> Iterator[Browser]:
    """Chromium whose camera shows the class walking in."""
    made = launch(playwright, prepared / "clip" / "clip.mjpeg")
    yield made
    made.close()


@pytest.fixture
def page(school: NewSchool, camera_browser: Browser) -> Iterator[Page]:
    # in a zone where it is noon, so that a lesson of now is over on the same day
    hours = 12 - datetime.now(UTC).hour
    zone = "Etc/GMT" if hours == 0 else f"Etc/GMT{-hours:+d}"
    with watched(
        camera_browser,
        school.address,
        viewport={"width": 1280, "height": 800},
        timezone_id=zone,
        accept_downloads=True,
        permissions=["camera"],
    ) as context:
        yield context.new_page()


def test_a_new_school_reaches_its_first_exported_sheet(
    school: NewSchool, page: Page, prepared: Path, tmp_path: Path
) -> None:
    become_the_first_admin(page, school)
    make_a_course(page)
    import_the_roster(page, tmp_path)
    for member in WALK_IN:
        enrol(page, member.name, sorted((prepared / "photos" / "students" / member.student_id).iterdir())[:PHOTOS])
    train(page)
    answers = open_a_session(page)
    recognise(page)
    correct_a_mark(page)
    close(page)
    assert_nobody_was_misnamed(answers)
    read_what_is_exported(page)


def become_the_first_admin(page: Page, school: NewSchool) -> None:
    page.goto("/")
    expect(page.get_by_text("This server has no admin yet")).to_be_visible()
    page.goto(school.link)
    page.get_by_label("Your name").fill("Robin Hale")
    page.get_by_label("E-mail address").fill("robin@school.example")
    for label in ("Password", "The password again"):
        page.get_by_label(label, exact=True).fill(PASSWORD)
    button(page, "Make the first admin").click()
    expect(page.get_by_role("heading", name="No session today")).to_be_visible()

    button(page, "You").click()
    button(page, "Log out").click()
    page.get_by_label("E-mail address").fill("robin@school.example")
    page.get_by_label("Password").fill(PASSWORD)
    button(page, "Log in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Today")


def make_a_course(page: Page) -> None:
    button(page, "Go to your courses").click()
    button(page, "New course").click()
    for label, value in (("Code", "BIO-1"), ("Term", "2027"), ("Title", "Botany")):
        dialog(page).get_by_label(label, exact=True).fill(value)
    button(dialog(page), "Make the course").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("BIO-1 · Botany")


def import_the_roster(page: Page, folder: Path) -> None:
    button(page, "Import").click()
    lines = ["id,name", *(f"{member.student_id},{member.name}" for member in WALK_IN), f"n01,{WITHOUT_FACE}"]
    (folder / "class.csv").write_text("\n".join(lines), "utf-8")
    drop(page.locator(".drop"), [folder / "class.csv"])
    button(page, "Check the rows").click()
    button(page, "Import").click()
    button(page, "Go to the roster").click()
    expect(page.get_by_text("no consent")).to_have_count(5)


def enrol(page: Page, name: str, photos: list[Path]) -> None:
    page.goto("/#/students")
    page.get_by_role("link", name=name).click()
    button(page, "Record a consent").click()
    dialog(page).get_by_label("They know this, and consent freely").check()
    button(dialog(page), "Record the consent").click()
    drop(page.locator(".drop"), photos)
    expect(page.get_by_text(f"{PHOTOS} photos stored")).to_be_visible(timeout=LONG_MS)


def train(page: Page) -> None:
    button(page, "Admin").click()
    page.get_by_role("link", name="Training and model").click()
    expect(page.get_by_text("No model is in use: nobody can be recognised.")).to_be_visible()
    # a server that is busy takes the model up later than the page first asks
    without, asked = page.request.get("/api/v1/model").json(), count(1)
    page.route(
        "**/api/v1/model",
        lambda route: route.fulfill(json=without) if next(asked) <= ASKED_TOO_EARLY else route.continue_(),
    )
    button(page, "Train a new model").click()
    button(dialog(page), "Start the training").click()
    expect(page.get_by_text(re.compile("^In use: 4 students"))).to_be_visible(timeout=LONG_MS)
    expect(row(page, "Named correctly in one frame")).to_be_visible()


def open_a_session(page: Page) -> list[Response]:
    """Gives the answers to frames, as they come."""
    page.goto("/#/courses")
    page.get_by_role("link", name=re.compile("BIO-1")).click()
    page.get_by_role("link", name="Sessions", exact=True).click()
    button(page, "Add a session").click()
    now = page.evaluate("new Date().toTimeString().slice(0, 5)")
    begun = datetime.strptime(now, "%H:%M")
    dialog(page).get_by_label("Start", exact=True).fill((begun - timedelta(minutes=1)).strftime("%H:%M"))
    dialog(page).get_by_label("End", exact=True).fill((begun + timedelta(hours=1)).strftime("%H:%M"))
    button(dialog(page), "Add the session").click()
    expect(row(page, "to come")).to_have_count(1)

    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer) if answer.url.endswith("/frames") else None)
    page.get_by_role("link", name="Today").click()
    button(page, "Start").click()
    return answers


def recognise(page: Page) -> None:
    expect(page.locator(".face.unknown .label", has_text="unknown").first).to_be_visible(timeout=LONG_MS)
    expect(page.locator(".tally")).to_have_text("4 / 5", timeout=LONG_MS)
    for member in WALK_IN:
        expect(page.get_by_role("region", name="Just arrived")).to_contain_text(member.name)
    expect(page.get_by_role("region", name="Not seen yet")).to_contain_text(f"{WITHOUT_FACE}no camera")


def correct_a_mark(page: Page) -> None:
    page.get_by_role("link", name="Sheet").click()
    button(page, "Details of Daniel Okafor's mark").click()
    expect(dialog(page).get_by_role("listitem")).to_contain_text("Seen by the camera")
    dialog(page).get_by_label("Mark").select_option("left early")
    dialog(page).get_by_label("Reason").select_option("other reason")
    dialog(page).get_by_label("In words").fill("The dentist, at noon")
    button(dialog(page), "Change the mark").click()
    expect(page.get_by_role("row", name="Daniel Okafor, left early")).to_be_visible()
    button(page, "Details of Daniel Okafor's mark").click()
    correction = dialog(page).get_by_role("listitem").filter(has_text="The dentist, at noon")
    expect(correction).to_contain_text(re.compile("present.*left early.*Robin Hale.*other reason", re.DOTALL))
    button(dialog(page), "Close").click()


def close(page: Page) -> None:
    button(page, "Close the session").click()
    button(dialog(page), "Close the session").click()
    # by the server, once no picture can come any more
    expect(page.get_by_role("row", name=f"{WITHOUT_FACE}, absent")).to_be_visible(timeout=LONG_MS)


def assert_nobody_was_misnamed(answers: list[Response]) -> None:
    seen: set[str] = set()
    unknown = 0
    for answer in (each.json() for each in answers if each.ok):
        named = [face["student"]["name"] for face in answer["faces"] if face["student"]]
        assert len(named) == len(set(named)), "one person twice in a picture"
        assert any(set(named) <= group for group in GROUPS), f"{named} do not walk in together"
        seen |= set(named)
        unknown += sum(face["decision"] == "unknown" for face in answer["faces"])
    assert seen == {member.name for member in WALK_IN}
    assert unknown > 0


def read_what_is_exported(page: Page) -> None:
    marks = {
        "Amina Yusuf": "present",
        "Ben Hartmann": "present",
        "Chiara Rossi": "present",
        "Daniel Okafor": "left_early",
        WITHOUT_FACE: "absent",
    }
    button(page, "Export").click()
    lines = list(csv.reader(io.StringIO(saved(page, "As CSV").decode("utf-8-sig"))))
    assert_says(lines, marks)
    button(page, "Export").click()
    book = openpyxl.load_workbook(io.BytesIO(saved(page, "As a spreadsheet (XLSX)")))
    assert_says([[str(cell) for cell in line] for line in book.worksheets[0].iter_rows(values_only=True)], marks)


def saved(page: Page, link: str) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("link", name=link).click()
    return Path(download.value.path()).read_bytes()


def assert_says(lines: list[list[Any]], marks: dict[str, str]) -> None:
    for name, mark in marks.items():
        line = next(each for each in lines if name in each)
        assert mark in line, line
