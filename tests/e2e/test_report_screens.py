"""Reports: who is slipping, a course, a student, a session; their drawings, files and prints."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from support.browser import row, scrolls_sideways, violations
from support.school import School

PHONE = {"width": 390, "height": 844}
numbers = count(1)


@pytest.fixture
def course(page_of: Callable[..., Page], school: School) -> dict[str, Any]:
    """The main course, which needs so much that Daniel Okafor, absent once in six times, is at risk."""
    context = page_of().context
    found = school.main_course(context)
    if found["min_percent"] != 90:
        token = context.request.get("/api/v1/auth/me").json()["csrf_token"]
        headers = {"X-CSRF-Token": token, "If-Match": f'"{found["version"]}"'}
        assert context.request.patch(f"/api/v1/courses/{found['id']}", data={"min_percent": 90}, headers=headers).ok
    return dict(found)


def students(page: Page) -> list[str]:
    return page.get_by_role("table", name="Students").locator("tbody th a").all_inner_texts()


def chart(page: Page) -> Locator:
    return page.locator(".chart [role=img]")


def pixels(page: Page) -> str:
    return str(page.locator(".chart canvas").evaluate("(canvas) => canvas.toDataURL()"))


def saved(page: Page, link: Locator) -> tuple[str, bytes]:
    """What a link saves: its name and content."""
    with page.expect_download() as download:
        link.click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def pages_of(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def test_from_who_is_slipping_to_their_marks(page_of: Callable[..., Page], course: dict[str, Any]) -> None:
    page = page_of("/reports")
    slipping = page.get_by_role("table", name="At risk")
    expect(slipping.get_by_role("row").filter(has_text="Daniel Okafor")).to_contain_text("83 %")
    expect(slipping).to_contain_text("1 absence")
    expect(slipping).not_to_contain_text("Amina Yusuf")
    expect(page.get_by_role("link", name=re.compile("Introduction to Programming"))).to_contain_text(
        "1 student at risk"
    )
    assert violations(page) == []

    slipping.get_by_role("link", name="Daniel Okafor").click()
    expect(page.get_by_role("heading", level=1, name="Daniel Okafor")).to_be_focused()
    part = page.get_by_role("region", name="PROG-1")
    expect(part).to_contain_text("at risk")
    expect(part.get_by_role("img", name="5 of 6 sessions attended")).to_be_visible()
    expect(part.locator(".session-marks li")).to_have_count(6)
    expect(part.locator(".session-marks li").filter(has_text="absent")).to_have_count(1)
    assert violations(page) == []
    part.get_by_role("link", name=re.compile("Introduction to Programming")).click()
    expect(page.get_by_role("heading", level=1, name=re.compile("Introduction to Programming"))).to_be_visible()


def test_a_course_shows_those_at_risk_first(page_of: Callable[..., Page], course: dict[str, Any]) -> None:
    page = page_of(f"/reports/courses/{course['id']}")
    expect(row(page, "Daniel Okafor")).to_contain_text("at risk")
    assert students(page)[0] == "Daniel Okafor" and len(students(page)) == 5
    expect(row(page, "Chiara Rossi").get_by_role("img", name="6 of 6 sessions attended")).to_be_visible()
    expect(row(page, "Daniel Okafor").locator(".squares title", has_text="absent")).to_have_count(1)
    expect(chart(page)).to_have_attribute("aria-label", re.compile(r"Attendance of 6 sessions, .* Needed: 90 %"))
    assert violations(page) == []

    page.get_by_label("Sorted by").select_option("name")
    assert students(page)[0] == "Amina Yusuf"
    page.get_by_role("button", name=re.compile("At risk")).click()
    assert students(page) == ["Daniel Okafor"]
    expect(page).to_have_url(re.compile("show=at_risk"))

    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert scrolls_sideways(page) == 0
    assert violations(page) == []


def test_days_narrow_a_course_and_its_files(
    page_of: Callable[..., Page], course: dict[str, Any], school: School
) -> None:
    page = page_of(f"/reports/courses/{course['id']}")
    days = [line["day"] for line in school.call(page.context, "GET", f"/reports/courses/{course['id']}")["sessions"]]
    sessions = page.get_by_role("table", name="Sessions").locator("tbody tr")
    expect(sessions).to_have_count(6)
    page.get_by_label("From").fill(days[2])
    expect(sessions).to_have_count(4)
    page.get_by_label("To", exact=True).fill(days[3])
    expect(sessions).to_have_count(2)

    page.get_by_role("button", name="Export").click()
    name, content = saved(page, page.get_by_role("link", name="As CSV"))
    lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    assert name.endswith(".csv") and "PROG-1" in name
    assert sum(days[2] <= heading[:10] <= days[3] for heading in lines[0]) == 2, lines[0]
    assert any("Daniel Okafor" in line for line in lines)
    page.get_by_role("button", name="Export").click()
    name, content = saved(page, page.get_by_role("link", name="As a spreadsheet"))
    assert name.endswith(".xlsx") and zipfile.is_zipfile(io.BytesIO(content))

    page.reload()
    expect(page.get_by_label("From")).to_have_value(days[2])
    page.get_by_role("button", name="Whole term").click()
    expect(sessions).to_have_count(6)
    page.goto(f"/#/reports/courses/{course['id']}?from=2031-01-01")
    expect(page.get_by_role("heading", name="No session between these days")).to_be_visible()
    page.goto(f"/#/reports/courses/{course['id']}?from=2026-02-02&to=2026-01-01")
    expect(page.get_by_role("alert")).to_contain_text("The last day comes before the first.")
    expect(page.get_by_label("To", exact=True)).to_have_value("2026-01-01")


def test_a_session_shows_when_they_came(page_of: Callable[..., Page], course: dict[str, Any], school: School) -> None:
    page = page_of(f"/reports/courses/{course['id']}")
    days = page.get_by_role("table", name="Sessions").locator("tbody th a")
    days.last.click()
    expect(page.locator(".figures")).to_contain_text("5 / 5")
    expect(page.locator(".mark-counts")).to_contain_text("late")
    expect(chart(page)).to_have_attribute("aria-label", re.compile(r"5 of 5 arrived before the camera"))
    page.get_by_text("Arrivals as a table").click()
    expect(page.get_by_role("table", name="Arrivals").get_by_role("cell", name="5", exact=True)).to_be_visible()
    assert violations(page) == []
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert scrolls_sideways(page) == 0

    page.get_by_role("button", name="Go to the sheet").click()
    expect(row(page, "Amina Yusuf")).to_be_visible()
    page.get_by_role("button", name="Report").click()
    expect(page.locator(".figures")).to_contain_text("5 / 5")


def test_a_drawing_follows_theme_width_and_pointer(page_of: Callable[..., Page], course: dict[str, Any]) -> None:
    page = page_of("/courses")
    expect(page.locator(".course").first).to_be_visible()
    assert page.locator('link[href*="uplot"]').count() == 0
    page.goto(f"/#/reports/courses/{course['id']}")
    expect(page.locator(".chart canvas")).to_be_visible()
    light = pixels(page)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("(before) => document.querySelector('.chart canvas').toDataURL() !== before", arg=light)
    page.set_viewport_size({"width": 700, "height": 800})
    page.wait_for_function("() => document.querySelector('.chart .uplot').clientWidth <= 668")
    assert scrolls_sideways(page) == 0
    page.locator(".chart .u-over").hover()
    expect(page.locator(".chart figcaption")).to_contain_text(re.compile(r"\w{3} \d+ \w{3}.* · \d+ %"))


def test_each_report_prints_on_one_page(page_of: Callable[..., Page], course: dict[str, Any], school: School) -> None:
    page = page_of("/reports")
    report = school.call(page.context, "GET", f"/reports/courses/{course['id']}")
    addresses = (
        f"/reports/courses/{course['id']}",
        f"/reports/students/{report['students'][0]['student']['id']}",
        f"/reports/sessions/{report['sessions'][0]['session']['id']}",
    )
    for address in addresses:
        page.goto(f"/#{address}")
        expect(page.locator(".squares, .chart canvas").first).to_be_visible()
        assert pages_of(page.pdf(prefer_css_page_size=True)) == 1, address
        page.emulate_media(media="print")
        expect(page.locator(".site-header")).to_be_hidden()
        expect(page.get_by_role("button")).to_have_count(0)
        colour = "getComputedStyle(document.querySelector('h1')).color"
        assert page.evaluate(colour) == "rgb(0, 0, 0)"
        page.emulate_media(media="screen")


def test_a_period_is_saved_and_a_course_without_sessions_says_so(
    page_of: Callable[..., Page], course: dict[str, Any], school: School
) -> None:
    page = page_of("/reports")
    days = [line["day"] for line in school.call(page.context, "GET", f"/reports/courses/{course['id']}")["sessions"]]
    page.get_by_label("From").fill(days[0])
    page.get_by_label("To", exact=True).fill(days[0])
    _, content = saved(page, page.get_by_role("button", name="CSV"))
    assert content.decode("utf-8-sig").count("PROG-1") == 5
    page.get_by_label("To", exact=True).fill("2020-01-01")
    expect(page.get_by_role("alert")).to_contain_text("a last day that is not before it")
    expect(page.get_by_role("button", name="CSV")).to_have_count(0)

    new = school.call(
        page.context,
        "POST",
        "/courses",
        {"code": f"R-{next(numbers)}", "title": "Rhetoric", "term": "2027", "timezone": "Europe/Berlin"},
    )
    page.goto(f"/#/courses/{new['id']}")
    page.get_by_role("button", name="Report").click()
    expect(page.get_by_role("heading", name="No session counts yet")).to_be_visible()
    assert violations(page) == []
