"""The kiosk: set up by an instructor, greets whoever it knows, and ends by its PIN."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from support.browser import scrolls_sideways, violations
from support.school import School

KEEP = """async () => (await import("/js/live/frame_queue.js")).keep(
    {key: "face", session: 1, owner: "kiosk", at: Date.now(), picture: new Blob(["a face"])})"""
COUNT = """async () => (await import("/js/live/frame_queue.js")).count(1)"""

GREETED_MS = 150_000
LIGHT = "rgb(241, 245, 244)"


def test_a_device_becomes_a_kiosk_greets_and_is_left_by_its_pin(page_of: Callable[..., Page], school: School) -> None:
    page = page_of("/kiosk", viewport={"width": 768, "height": 1024})
    expect(page.get_by_label("Course")).to_be_visible()
    assert violations(page) == []
    page.get_by_label("Course").select_option(label="PROG-1 · Introduction to Programming")
    page.get_by_label("Name of this device").fill("North door")
    page.get_by_label("PIN", exact=True).fill("2580")
    page.get_by_label("The PIN again").fill("2581")
    page.get_by_role("button", name="Start the kiosk").click()
    expect(page.get_by_text("The two PINs differ").first).to_be_visible()
    page.get_by_label("The PIN again").fill("2580")
    page.get_by_role("button", name="Start the kiosk").click()
    expect(page.get_by_text("The session is not open yet")).to_be_visible()
    assert violations(page) == []
    # nobody is logged in on the device any more
    assert page.context.request.get("/api/v1/auth/me").status == 401

    teacher = page_of("/")
    lesson = next(
        due["session"]
        for due in school.call(teacher.context, "GET", "/sessions/today")["today"]
        if due["session"]["course_code"] == "PROG-1" and due["session"]["state"] == "scheduled"
    )
    school.call(teacher.context, "POST", f"/sessions/{lesson['id']}/open")
    greeting = page.locator(".greeting")
    # axe cannot tell what is behind words on a picture; they are light on dark in a light theme too
    expect(greeting).to_have_css("color", LIGHT)
    expect(greeting).to_contain_text("Welcome, ", timeout=GREETED_MS)
    assert violations(page) == []
    assert scrolls_sideways(page) == 0
    for surname in ("Yusuf", "Hartmann", "Rossi", "Okafor"):
        expect(page.get_by_text(surname)).to_have_count(0)
    page.reload()  # a device that restarts is a kiosk again
    expect(page.get_by_role("heading", name="Introduction to Programming")).to_be_visible()
    marks = school.call(teacher.context, "GET", f"/sessions/{lesson['id']}/records")["items"]
    assert any(mark["status"] in ("present", "late") and mark["source"] == "face" for mark in marks)

    page.get_by_role("button", name="Leave the kiosk").click()
    page.get_by_label("PIN").fill("1111")
    page.get_by_role("button", name="Leave", exact=True).click()
    expect(page.get_by_text("This PIN is wrong").first).to_be_visible()
    page.evaluate(KEEP)
    page.get_by_label("PIN").fill("2580")
    page.get_by_role("button", name="Leave", exact=True).click()
    expect(page.get_by_label("E-mail address")).to_be_visible()
    wait_until_none_is_kept(page)


def wait_until_none_is_kept(page: Page) -> None:
    """Pictures of people who stood at the door do not outlive the kiosk."""
    for _ in range(100):
        if page.evaluate(COUNT) == 0:
            return
        page.wait_for_timeout(100)
    raise AssertionError("a picture is still there")


def test_a_kiosk_is_ended_from_the_courses_page(page_of: Callable[..., Page], school: School) -> None:
    teacher = page_of("/")
    course = next(
        each["id"] for each in school.call(teacher.context, "GET", "/courses")["items"] if each["code"] == "ALG-2"
    )
    made = school.call(teacher.context, "POST", f"/courses/{course}/kiosks", {"name": "South door", "pin": "2580"})
    device = page_of("/", None)
    device.evaluate(f"localStorage.setItem('smartattendance.kiosk', '{made['secret']}')")
    device.goto("/#/kiosk")
    device.reload()
    expect(device.get_by_role("heading", name="Linear Algebra")).to_be_visible()
    device.evaluate(KEEP)
    device.reload()  # what waits is kept as long as the kiosk is one
    expect(device.get_by_role("heading", name="Linear Algebra")).to_be_visible()
    assert device.evaluate(COUNT) == 1

    teacher.goto(f"/#/courses/{course}?tab=staff")
    teacher.get_by_role("row", name="South door").get_by_role("button", name="End it").click()
    teacher.get_by_role("dialog").get_by_role("button", name="End it").click()
    expect(teacher.get_by_role("row", name="South door")).to_have_count(0)
    expect(device.get_by_role("heading", name="This kiosk is ended")).to_be_visible(timeout=20_000)
    assert violations(device) == []
    wait_until_none_is_kept(device)
    device.get_by_role("button", name="Go to the login").click()
    expect(device.get_by_label("E-mail address")).to_be_visible()
