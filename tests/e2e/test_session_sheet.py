"""The sheet of a session: marks by key, by tap and many at once, sorted and filtered, with a reason, taken back, and
changed by two people at the same time."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from support.browser import dialog, scrolls_sideways, violations
from support.school import ROBIN, School
from support.screens import facts

PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def session(school: School, browser: Browser) -> int:
    """Today's, open."""
    return int(facts(school, browser)["open"])


@pytest.fixture
def sheet(page_of: Callable[..., Page], school: School, session: int) -> Callable[..., Page]:
    """Opens the sheet, on which nobody has a mark."""

    def make(**options: Any) -> Page:
        page = page_of("/", **options)
        for record in records(page, school, session).values():
            if record["status"] != "unmarked":
                change(page.context, record, {"status": "unmarked", "reason_code": "correction"})
        page.goto(f"/#/sessions/{session}")
        expect(marked(page, "not seen yet")).to_have_count(5)
        return page

    return make


def records(page: Page, school: School, session: int) -> dict[str, Any]:
    """By the student's name."""
    items = school.call(page.context, "GET", f"/sessions/{session}/records")["items"]
    return {record["student"]["name"]: record for record in items}


def change(context: BrowserContext, record: dict[str, Any], fields: dict[str, str]) -> None:
    token = context.request.get("/api/v1/auth/me").json()["csrf_token"]
    headers = {"X-CSRF-Token": token, "If-Match": f'"{record["version"]}"'}
    assert context.request.patch(f"/api/v1/records/{record['id']}", data=fields, headers=headers).ok


def row(page: Page, name: str) -> Locator:
    return page.locator("tbody").get_by_role("row", name=re.compile(f"^{name}, "))


def marked(page: Page, status: str) -> Locator:
    """The rows with this mark."""
    return page.locator("tbody").get_by_role("row", name=re.compile(f", {status}$"))


def names(page: Page) -> list[str]:
    return [str(each).split(" ")[0] for each in page.locator("tbody th").all_inner_texts()]


def test_keys_mark_one_row_after_the_other_and_undo_takes_back(sheet: Callable[..., Page]) -> None:
    page = sheet()
    row(page, "Amina Yusuf").focus()
    for key in ("p", "ArrowDown", "l", "ArrowDown", "a", "ArrowDown", "e", "ArrowDown"):
        page.keyboard.press(key)
    for name, status in (("Amina Yusuf", "present"), ("Ben Hartmann", "late"), ("Chiara Rossi", "absent")):
        expect(page.get_by_role("row", name=f"{name}, {status}")).to_be_visible()
    expect(page.get_by_role("row", name="Daniel Okafor, excused")).to_be_visible()
    expect(page.get_by_role("row", name="Elif Demir, not seen yet")).to_be_focused()
    page.locator(".toast", has_text="Daniel Okafor: excused").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("row", name="Daniel Okafor, not seen yet")).to_be_visible()


def test_rows_are_filtered_sorted_and_marked_many_at_once(sheet: Callable[..., Page]) -> None:
    page = sheet()
    row(page, "Ben Hartmann").get_by_role("button", name="present").click()
    expect(marked(page, "present")).to_have_count(1)
    page.get_by_label("Sorted by").select_option("mark")
    expect(page.locator("tbody tr").first).to_contain_text("Ben Hartmann")
    page.get_by_label("Sorted by").select_option("name")
    assert names(page) == ["Amina", "Ben", "Chiara", "Daniel", "Elif"]

    page.get_by_role("group", name="Show").get_by_role("button", name="not seen yet 4").click()
    expect(page.locator("tbody tr")).to_have_count(4)
    page.get_by_label("Choose everybody shown").check()
    page.get_by_label("Choose Elif Demir").uncheck()
    chosen = page.get_by_role("status").filter(has_text="3 students chosen")
    chosen.get_by_role("button", name="excused").click()
    expect(page.get_by_role("status").filter(has_text="3 students: excused")).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("group", name="Show").get_by_role("button", name="all 5").click()
    expect(marked(page, "excused")).to_have_count(3)


def test_a_mark_is_changed_for_a_reason_that_its_history_keeps(sheet: Callable[..., Page]) -> None:
    page = sheet(viewport=PHONE)
    page.get_by_role("button", name="Details of Amina Yusuf's mark").click()
    assert violations(page) == []
    dialog(page).get_by_label("Mark").select_option("left early")
    dialog(page).get_by_label("Reason").select_option("other reason")
    dialog(page).get_by_role("button", name="Change the mark").click()
    expect(dialog(page).get_by_label("In words")).to_be_focused()  # the browser says that words are needed
    dialog(page).get_by_label("In words").fill("The dentist")
    dialog(page).get_by_role("button", name="Change the mark").click()
    expect(dialog(page)).to_have_count(0)
    expect(page.get_by_role("row", name="Amina Yusuf, left early")).to_be_visible()
    assert scrolls_sideways(page) == 0

    page.get_by_role("button", name="Details of Amina Yusuf's mark").click()
    last = dialog(page).get_by_role("listitem").filter(has_text="The dentist")
    expect(last).to_contain_text(re.compile("not seen yet.*left early.*Nora Field.*other reason", re.DOTALL))


def test_what_somebody_else_changed_meanwhile_is_shown_and_not_overwritten(
    sheet: Callable[..., Page], context_of: Callable[..., BrowserContext], school: School, session: int
) -> None:
    page, other = sheet(), context_of(ROBIN)

    def robin_marks(status: str) -> None:
        """The page does not hear of it, as if it had asked just before."""
        held = records(page, school, session)["Chiara Rossi"]
        page.route("**/records", lambda route: route.abort())
        change(other, held, {"status": status, "reason_code": "correction"})

    robin_marks("excused")
    row(page, "Chiara Rossi").get_by_role("button", name="absent").click()
    said = page.get_by_role("status").filter(has_text="Somebody else has just changed Chiara Rossi's mark")
    expect(said).to_be_visible()
    page.unroute("**/records")
    expect(page.get_by_role("row", name="Chiara Rossi, excused")).to_be_visible()

    page.get_by_role("button", name="Details of Chiara Rossi's mark").click()
    theirs = dialog(page).get_by_role("listitem").filter(has_text="Robin Hale")
    expect(theirs).to_have_count(1)
    robin_marks("present")
    dialog(page).get_by_label("Mark").select_option("absent")
    dialog(page).get_by_label("In words").fill("Left before the roll call")
    dialog(page).get_by_role("button", name="Change the mark").click()
    expect(dialog(page).get_by_role("alert")).to_contain_text("Somebody else has just changed Chiara Rossi's mark")
    page.unroute("**/records")
    expect(theirs).to_have_count(2)
    expect(dialog(page).get_by_label("In words")).to_have_value("Left before the roll call")
    dialog(page).get_by_role("button", name="Change the mark").click()
    expect(page.get_by_role("row", name="Chiara Rossi, absent")).to_be_visible()
