"""Somebody who may look and change nothing: every screen of theirs works, and offers nothing that is then refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from support.school import ROBIN, School
from support.screens import SCREENS, facts, show

NOT_THEIRS = ("live", "import", "review", "capture", "training", "users", "audit", "privacy", "settings")
THEIRS = [
    screen for screen in SCREENS if screen.name not in (*NOT_THEIRS, "login", "course-settings", "kiosk", "kiosk-door")
]
PASSWORD = "a window in the wall"


@pytest.fixture(scope="module")
def found(school: School, browser: Browser) -> dict[str, Any]:
    """The facts of the screens; besides, a viewer on the staff of the course has come to be: ``email``."""
    context = browser.new_context(base_url=school.address)
    school.log_in(context, ROBIN)
    known = facts(school, browser)
    account = {"email": "vic@demo.example", "name": "Vic Seer", "role": "viewer"}
    made = school.call(context, "POST", "/users", account)
    school.call(context, "PUT", f"/courses/{known['course']}/staff/{made['user']['id']}", {"is_lead": False})
    secret = made["invitation"]["link"].rsplit("/", 1)[1]
    assert context.request.post("/api/v1/auth/redeem", data={"secret": secret, "password": PASSWORD}).ok
    context.close()
    return {**known, "email": account["email"]}


@pytest.fixture
def page(context_of: Callable[..., BrowserContext], found: dict[str, Any]) -> Page:
    context = context_of(None)
    body = {"email": found["email"], "password": PASSWORD}
    assert context.request.post("/api/v1/auth/login", data=body).ok
    return context.new_page()


def test_every_screen_of_theirs_opens_and_what_it_saves_is_given(page: Page, found: dict[str, Any]) -> None:
    refused: list[str] = []
    page.on(
        "response", lambda answer: refused.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None
    )
    for screen in THEIRS:
        show(page, screen, found)
        expect(page.get_by_role("heading", name="Not for your role")).to_have_count(0)
        for link in page.locator("main a[download]").all():
            address = str(link.get_attribute("href"))
            assert page.request.get(address).ok, f"{screen.name}: {address}"
    assert refused == []
    page.goto("/#/")
    header = page.get_by_role("banner")
    for place in ("Review", "Kiosk on this device", "Training and model"):
        expect(header.get_by_text(place, exact=True)).to_have_count(0)


def test_what_is_not_theirs_says_so(page: Page, found: dict[str, Any]) -> None:
    for screen in SCREENS:
        if screen.name in NOT_THEIRS:
            page.goto(f"/#{screen.address.format(**found)}")
            expect(page.get_by_role("heading", level=1)).to_have_text("Not for your role")
    page.goto("/#/kiosk")
    expect(page.get_by_text("Somebody who teaches the course, or an admin, sets up a kiosk.")).to_be_visible()
    expect(page.get_by_role("button")).to_have_count(0)


def test_marks_faces_and_rosters_can_only_be_looked_at(page: Page, found: dict[str, Any]) -> None:
    page.goto(f"/#/sessions/{found['open']}")
    expect(page.locator("tbody tr")).to_have_count(5)
    for name in ("present", "Close the session", "Go to the camera"):
        expect(page.locator("main tbody, main header").get_by_text(name, exact=True)).to_have_count(0)
    page.get_by_role("button", name="History of Amina Yusuf's mark").click()
    expect(page.get_by_role("dialog")).to_contain_text("Amina Yusuf: every change")
    expect(page.get_by_role("dialog").get_by_role("button")).to_have_count(1)

    page.goto(f"/#/students/{found['student']}")
    expect(page.get_by_text("Consent given")).to_be_visible()
    for name in ("Change", "Withdraw", "Take more", "Choose files", "Add an excuse"):
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    expect(page.get_by_role("img", name="Photo 1")).to_have_count(0)

    page.goto(f"/#/courses/{found['course']}")
    expect(page.locator("tbody tr")).to_have_count(5)
    for name in ("Add a student", "Import"):
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    expect(page.get_by_role("link", name="Settings", exact=True)).to_have_count(0)


def test_what_is_their_own_they_make_and_revoke(page: Page, found: dict[str, Any]) -> None:
    page.goto(f"/#/courses/{found['course']}?tab=schedule")
    page.get_by_role("button", name="Make an address").click()
    assert "BEGIN:VCALENDAR" in page.request.get(page.get_by_label("Your calendar address").input_value()).text()

    page.goto("/#/account")
    page.get_by_role("button", name="New token").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Program").fill("A board in the hall")
    dialog.get_by_role("button", name="Make the token").click()
    carried = {"Authorization": f"Bearer {dialog.get_by_label('Token', exact=True).input_value()}"}
    assert page.request.get("/api/v1/courses", headers=carried).ok
    assert page.request.post(f"/api/v1/sessions/{found['open']}/close", headers=carried).status == 403
    dialog.get_by_role("button", name="It is stored").click()
    page.get_by_role("button", name="Revoke the token of A board in the hall").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke", exact=True).click()
    expect(page.get_by_role("row", name="A board in the hall")).to_have_count(0)
