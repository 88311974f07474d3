"""The sheet of a session: marks by key, by tap and many at once, sorted and filtered, with a reason, taken back, and
changed by two people at the same time."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect

from support.browser import button, dialog, scrolls_sideways, violations
from support.school import NORA, ROBIN, School
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


ONE_MARK = re.compile(r"/api/v1/records/\d+$")
NOT_SAVED = "not saved yet"


def saved(page: Page, school: School, session: int, name: str) -> str:
    """What the server has."""
    return str(records(page, school, session)[name]["status"])


def test_marks_set_without_a_network_say_so_until_the_server_has_them(
    sheet: Callable[..., Page], school: School, session: int
) -> None:
    page = sheet(viewport=PHONE)
    row(page, "Chiara Rossi").get_by_role("button", name="late").click()
    expect(page.locator(".toast", has_text="Chiara Rossi: late")).to_be_visible()
    page.context.set_offline(True)
    for name, status in (("Chiara Rossi", "absent"), ("Amina Yusuf", "present"), ("Amina Yusuf", "excused")):
        row(page, name).get_by_role("button", name=status).click()
    expect(row(page, "Chiara Rossi")).to_contain_text(NOT_SAVED)
    expect(page.get_by_role("row", name="Amina Yusuf, excused")).to_contain_text(NOT_SAVED)
    expect(page.get_by_role("status").filter(has_text="2 marks are not saved yet")).to_be_visible()
    assert violations(page) == [] and scrolls_sideways(page) == 0
    asked: list[str] = []
    page.on("dialog", lambda question: (asked.append(question.type), question.dismiss()))
    page.close(run_before_unload=True)
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]

    # they are not forgotten on another screen either
    page.evaluate("location.hash = '#/students'")
    expect(page.get_by_role("status").filter(has_text="2 marks are not saved yet")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_text(NOT_SAVED)).to_have_count(0)
    assert saved(page, school, session, "Chiara Rossi") == "absent"
    assert saved(page, school, session, "Amina Yusuf") == "excused"
    page.go_back()
    expect(page.get_by_role("row", name="Chiara Rossi, absent")).to_be_visible()


@pytest.mark.parametrize(
    ("status", "waits"), [(500, False), (409, False), (403, False), (429, True), (502, True), (503, True), (504, True)]
)
def test_a_mark_that_the_server_refuses_is_taken_back_with_its_reason_and_tried_again_where_that_helps(
    sheet: Callable[..., Page], school: School, session: int, status: int, waits: bool
) -> None:
    page = sheet()
    refusal = {"status": status, "content_type": "application/problem+json", "body": '{"code": "x", "detail": "so"}'}
    page.route(ONE_MARK, lambda route: route.fulfill(**refusal))
    row(page, "Ben Hartmann").get_by_role("button", name="absent").click()
    if waits:
        expect(page.get_by_role("row", name="Ben Hartmann, absent")).to_contain_text(NOT_SAVED)
        page.unroute(ONE_MARK)
        expect(page.get_by_text(NOT_SAVED)).to_have_count(0)
    else:
        expect(page.locator(".toast")).to_contain_text("Ben Hartmann's mark was not changed. So.")
        expect(page.get_by_role("row", name="Ben Hartmann, not seen yet")).not_to_contain_text(NOT_SAVED)
        page.unroute(ONE_MARK)
    assert saved(page, school, session, "Ben Hartmann") == ("absent" if waits else "unmarked")


def test_a_mark_whose_answer_is_lost_is_not_taken_for_somebody_elses(
    sheet: Callable[..., Page], school: School, session: int
) -> None:
    page = sheet()

    lost: list[str] = []

    def lose(route: Route) -> None:
        if lost or route.request.method != "PATCH":
            return route.continue_()
        lost.append(route.fetch().text())
        # what a network that wants a login of its own puts in the place of every answer
        return route.fulfill(status=200, content_type="text/html", body="<p>Welcome to the guest network</p>")

    page.route(ONE_MARK, lose)
    row(page, "Elif Demir").get_by_role("button", name="late").click()
    expect(row(page, "Elif Demir")).to_contain_text(NOT_SAVED)
    expect(page.locator(".toast", has_text="Elif Demir: late")).to_be_visible()
    expect(page.get_by_role("row", name="Elif Demir, late")).not_to_contain_text(NOT_SAVED)
    page.locator(".toast", has_text="Elif Demir: late").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("row", name="Elif Demir, not seen yet")).to_be_visible()
    expect(page.get_by_text("Somebody else")).to_have_count(0)


@pytest.mark.parametrize("who", [NORA, ROBIN])
def test_a_mark_waits_for_whoever_set_it_to_log_in_again(
    sheet: Callable[..., Page], context_of: Callable[..., BrowserContext], school: School, session: int, who: str
) -> None:
    page, other = sheet(), context_of(ROBIN)
    page.route("**/records", lambda route: route.abort())  # or it might be what finds out first
    page.context.clear_cookies()
    row(page, "Daniel Okafor").get_by_role("button", name="late").click()
    expect(dialog(page)).to_contain_text("Your login has ended")
    expect(row(page, "Daniel Okafor")).to_contain_text(NOT_SAVED)
    page.unroute("**/records")
    dialog(page).get_by_label("E-mail address").fill(who)
    dialog(page).get_by_label("Password").fill(school.passwords[who])
    button(dialog(page), "Log in").click()
    expect(dialog(page)).to_have_count(0)
    said = "Daniel Okafor: late" if who == NORA else "1 mark was not saved"
    expect(page.locator(".toast", has_text=said)).to_be_visible()
    items = school.call(other, "GET", f"/sessions/{session}/records")["items"]
    status = next(each["status"] for each in items if each["student"]["name"] == "Daniel Okafor")
    assert status == ("late" if who == NORA else "unmarked")


def test_many_marks_that_could_not_be_sent_stay_chosen_and_logging_out_asks_first(
    sheet: Callable[..., Page],
) -> None:
    page = sheet()
    page.get_by_label("Choose everybody shown").check()
    page.context.set_offline(True)
    chosen = page.get_by_role("status").filter(has_text="5 students chosen")
    button(chosen, "absent").click()
    expect(page.locator(".toast")).to_contain_text("The server cannot be reached")
    expect(marked(page, "not seen yet")).to_have_count(5)
    row(page, "Ben Hartmann").get_by_role("button", name="late").click()
    expect(row(page, "Ben Hartmann")).to_contain_text(NOT_SAVED)
    button(page, "You").click()
    button(page, "Log out").click()
    expect(dialog(page)).to_contain_text("1 change is not saved yet")
    button(dialog(page), "Cancel").click()

    page.context.set_offline(False)
    button(chosen, "absent").click()
    expect(marked(page, "absent")).to_have_count(5)
    expect(page.get_by_text(NOT_SAVED)).to_have_count(0)


def test_an_older_sheet_does_not_put_a_saved_mark_back(sheet: Callable[..., Page], session: int) -> None:
    page = sheet()
    read = page.context.request.get(f"/api/v1/sessions/{session}/records").text()
    page.route("**/records", lambda route: route.fulfill(content_type="application/json", body=read))
    row(page, "Amina Yusuf").get_by_role("button", name="present").click()
    expect(page.locator(".toast", has_text="Amina Yusuf: present")).to_be_visible()
    with page.expect_response("**/records"):
        pass
    expect(page.get_by_role("row", name="Amina Yusuf, present")).to_be_visible()
    page.unroute("**/records")
