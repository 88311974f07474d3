"""Students: found, added, enrolled with consent by guided capture and by files, excused, withdrawn, erased."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect

from sample_class.members import STRANGERS
from support.browser import button, dialog, launch, scrolls_sideways, use_the_camera, violations
from support.pictures import face_picture
from support.school import NORA, ROBIN, School
from support.sitting import write_sitting

PHONE = {"width": 390, "height": 844}
numbers = count(1)
# Photos are half a second apart, and a slow machine takes longer to judge them.
TAKEN_MS = 60_000


@pytest.fixture(scope="module")
def sitting_browser(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium whose camera shows one person, who turns to the left now and then."""
    clip = tmp_path_factory.mktemp("camera") / "sitting.mjpeg"
    write_sitting(clip, STRANGERS[0].person)
    made = launch(playwright, clip)
    yield made
    made.close()


@pytest.fixture
def student_page(
    page_of: Callable[..., Page], context_of: Callable[..., BrowserContext], school: School
) -> Callable[..., tuple[Page, dict[str, Any]]]:
    """Has an admin add a student to the course and opens their page, or what is below it, such as "/capture"."""

    def make(
        below: str = "", *, consent: bool = True, email: str = NORA, **options: Any
    ) -> tuple[Page, dict[str, Any]]:
        page = page_of("/", email, **options)
        use_the_camera(page)
        number = next(numbers)
        course = school.main_course(page.context)
        student = school.call(
            context_of(ROBIN),
            "POST",
            "/students",
            {"external_id": f"e2e-{number}", "name": f"Student {number}", "course_id": course["id"]},
        )
        if consent:
            school.call(page.context, "POST", f"/students/{student['id']}/consents", {"method": "paper"})
        page.goto(f"/#/students/{student['id']}{below}")
        return page, student

    return make


def photo_file(name: str, person: int, shot: int) -> dict[str, Any]:
    data = io.BytesIO()
    Image.fromarray(face_picture(person, shot, 240)).save(data, "JPEG", quality=92)
    return {"name": name, "mimeType": "image/jpeg", "buffer": data.getvalue()}


def test_a_student_is_found_and_filtered(page_of: Callable[..., Page]) -> None:
    page = page_of("/students")
    names = page.get_by_role("rowheader")
    expect(names.filter(has_text="Amina Yusuf")).to_be_visible()
    page.get_by_role("searchbox", name="Find a student").fill("hartm")
    page.keyboard.press("Enter")
    expect(names).to_have_text(["Ben Hartmann"])
    page.get_by_role("searchbox", name="Name or id").fill("")
    button(page, "no consent").click()
    expect(names.filter(has_text="Mina Park")).to_be_visible()
    expect(names.filter(has_text="Amina Yusuf")).to_have_count(0)
    button(page, "no photos yet").click()
    expect(names.filter(has_text="Mina Park")).to_have_count(0)
    page.get_by_label("Status").select_option("inactive")
    expect(page.get_by_role("heading", name="Nobody fits")).to_be_visible()
    assert violations(page) == []
    button(page, "Show everybody").click()
    expect(names.filter(has_text="Amina Yusuf")).to_be_visible()


def test_a_student_is_added_consents_and_is_photographed(
    page_of: Callable[..., Page], sitting_browser: Browser
) -> None:
    page = page_of("/students", ROBIN, browser=sitting_browser, permissions=["camera"], viewport=PHONE)
    page.evaluate("localStorage.setItem('smartattendance.camera', 'default')")
    button(page, "Add a student").click()
    dialog(page).get_by_label("Id", exact=True).fill("s01")
    dialog(page).get_by_label("Name", exact=True).fill("Noor Haddad")
    button(dialog(page), "Add the student").click()
    expect(dialog(page).get_by_role("link", name="Open Amina Yusuf")).to_be_visible()
    dialog(page).get_by_label("Id", exact=True).fill("noor-1")
    button(dialog(page), "Add the student").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Noor Haddad")

    expect(page.get_by_text("No consent")).to_be_visible()
    expect(page.get_by_role("button", name="Take photos")).to_have_count(0)
    button(page, "Record a consent").click()
    expect(dialog(page)).to_contain_text("A refusal has no disadvantage.")
    assert violations(page) == []
    dialog(page).get_by_label("How it was given").select_option("guardian")
    dialog(page).get_by_label("Where the proof is").fill("folder 3, form 127")
    dialog(page).get_by_label("They know this, and consent freely").check()
    button(dialog(page), "Record the consent").click()
    expect(page.get_by_text("by a guardian · folder 3, form 127")).to_be_visible()

    page.get_by_role("button", name="Take photos").click()
    hint = page.locator(".capture-hint")
    expect(hint).to_be_visible(timeout=TAKEN_MS)
    assert scrolls_sideways(page) == 0
    assert violations(page) == []
    button(page, "Skip: Right").click()
    button(page, "Start").click()
    poses = page.get_by_role("list", name="Photos by direction")
    expect(poses).to_contain_text(re.compile("✓ Ahead.*6 of 6.*✓ Left.*4 of 4.*Right.*0 of 4"), timeout=TAKEN_MS)
    expect(page.get_by_role("heading", name="10 good photos")).to_be_visible()
    button(page, "Delete photo 3").click()
    expect(page.get_by_role("region", name="Photos taken").get_by_role("img")).to_have_count(9)
    page.get_by_role("button", name="Finish").click()
    expect(page.get_by_role("heading", name="9 photos")).to_be_visible()

    button(page, "Delete photo 1").click()
    button(dialog(page), "Delete the photo").click()
    expect(page.get_by_role("heading", name="8 photos")).to_be_visible()
    assert violations(page) == []


def test_capture_waits_for_consent_and_for_the_camera(
    student_page: Callable[..., tuple[Page, dict[str, Any]]], page_of: Callable[..., Page]
) -> None:
    page, student = student_page("/capture", consent=False)
    expect(page.get_by_role("heading", name="First the consent")).to_be_visible()
    page.get_by_role("button", name="Go to the consent").click()
    expect(button(page, "Record a consent")).to_be_visible()
    page, student = student_page()
    page.add_init_script(
        "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'));"
    )
    page.goto(f"/#/students/{student['id']}/capture")
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("The browser refuses the camera")
    expect(button(page, "Start")).to_be_disabled()
    page.get_by_role("button", name="Use photos from files").click()
    expect(button(page, "Choose files")).to_be_visible()


def test_files_are_stored_and_each_refused_one_says_why(
    student_page: Callable[..., tuple[Page, dict[str, Any]]],
) -> None:
    page, _ = student_page()
    person = STRANGERS[1].person
    blank = io.BytesIO()
    Image.new("RGB", (200, 200), "grey").save(blank, "PNG")
    page.locator("input[type=file]").set_input_files(
        [
            photo_file("first.jpg", person, 1),
            {"name": "notes.jpg", "mimeType": "image/jpeg", "buffer": b"these are notes"},
            {"name": "slides.heic", "mimeType": "image/heic", "buffer": b"no picture"},
            {"name": "wall.png", "mimeType": "image/png", "buffer": blank.getvalue()},
            photo_file("again.jpg", person, 1),
            photo_file("second.jpg", person, 2),
        ]
    )
    expect(page.get_by_text("2 photos stored")).to_be_visible(timeout=TAKEN_MS)
    refused = page.get_by_role("alert").get_by_role("listitem")
    expect(refused).to_have_count(4)
    expect(refused.filter(has_text="slides.heic")).to_contain_text("Not an image")
    expect(refused.filter(has_text="notes.jpg")).to_contain_text(re.compile("notes.jpg: .*(read|picture|image)"))
    expect(refused.filter(has_text="wall.png")).to_contain_text("No face was found")
    expect(refused.filter(has_text="again.jpg")).to_contain_text("stored already")
    expect(page.get_by_role("heading", name="2 photos", exact=True)).to_be_visible()
    assert violations(page) == []


def test_a_consent_is_withdrawn_by_typing_the_id(
    student_page: Callable[..., tuple[Page, dict[str, Any]]], school: School
) -> None:
    page, student = student_page()
    page.locator("input[type=file]").set_input_files([photo_file("one.jpg", STRANGERS[1].person, 3)])
    expect(page.get_by_role("heading", name="1 photo", exact=True)).to_be_visible(timeout=TAKEN_MS)
    button(page, "Withdraw").click()
    expect(dialog(page)).to_contain_text("1 photo and what was computed from it")
    expect(button(dialog(page), "Withdraw and erase")).to_be_disabled()
    dialog(page).get_by_label(re.compile("Type the student's id")).fill(student["external_id"])
    button(dialog(page), "Withdraw and erase").click()
    expect(page.get_by_text("No consent")).to_be_visible(timeout=TAKEN_MS)
    expect(page.get_by_text("1 earlier consent")).to_be_visible()
    expect(page.get_by_role("list").get_by_role("img")).to_have_count(0)
    assert school.call(page.context, "GET", f"/students/{student['id']}/faces") == []


def test_an_excuse_is_added_and_taken_back(student_page: Callable[..., tuple[Page, dict[str, Any]]]) -> None:
    page, _ = student_page(consent=False)
    button(page, "Add an excuse").click()
    expect(dialog(page).get_by_role("option", name="every course")).to_have_count(0)
    dialog(page).get_by_label("First day").fill("2031-07-01")
    dialog(page).get_by_label("Last day").fill("2031-07-03")
    dialog(page).get_by_label("Reason").select_option("family")
    dialog(page).get_by_label("Note").fill("Letter of the parents")
    button(dialog(page), "Excuse").click()
    excuse = page.get_by_role("listitem").filter(has_text="Letter of the parents")
    expect(excuse).to_contain_text("Tue 1 Jul 2031 – Thu 3 Jul 2031")
    expect(excuse).to_contain_text("family · PROG-1")
    excuse.get_by_role("button").click()
    button(dialog(page), "Take back the excuse").click()
    expect(page.get_by_text("No excuse.")).to_be_visible()


def test_only_an_admin_exports_and_erases(
    student_page: Callable[..., tuple[Page, dict[str, Any]]], page_of: Callable[..., Page]
) -> None:
    page, student = student_page()
    expect(page.get_by_role("heading", name="Excuses")).to_be_visible()
    expect(page.get_by_role("heading", name="Data of this student")).to_have_count(0)
    page = page_of(f"/students/{student['id']}", ROBIN)
    with page.expect_download() as download:
        page.get_by_role("button", name="Export (ZIP)").click()
    with zipfile.ZipFile(Path(download.value.path())) as archive:
        assert "data.json" in archive.namelist()
    button(page, "Erase the student").click()
    expect(button(dialog(page), "Erase the student")).to_be_disabled()
    dialog(page).get_by_label(f"Type {student['name']} to go on").fill(student["name"])
    button(dialog(page), "Erase the student").click()
    expect(page.get_by_text(f"{student['name']} is erased")).to_be_visible(timeout=TAKEN_MS)
    page.goto(f"/#/students/{student['id']}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Erased student")
    assert violations(page) == []


def test_a_change_by_somebody_else_is_shown(
    student_page: Callable[..., tuple[Page, dict[str, Any]]], page_of: Callable[..., Page], school: School
) -> None:
    page, student = student_page(email=ROBIN)
    button(page, "Change").click()
    other = page_of(f"/students/{student['id']}", ROBIN)
    button(other, "Change").click()
    dialog(other).get_by_label("Name", exact=True).fill("Their Name")
    button(dialog(other), "Save").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("Their Name")
    dialog(page).get_by_label("Name", exact=True).fill("My Name")
    button(dialog(page), "Save").click()
    expect(dialog(page).get_by_role("alert")).to_contain_text("Somebody else changed this student")
    expect(dialog(page).get_by_label("Name", exact=True)).to_have_value("Their Name")
