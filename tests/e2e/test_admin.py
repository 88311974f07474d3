"""The admin's screens: training and going back, accounts and tokens, the audit, privacy, the settings."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import BrowserContext, Page, ViewportSize, expect

from support.browser import button, dialog, row, scrolls_sideways, violations
from support.school import NORA, ROBIN, School

PHONE: ViewportSize = {"width": 390, "height": 844}
# A training of a small class takes seconds; on a machine that is busy it takes longer.
TRAINED_MS = 180_000


def check_screen(page: Page) -> None:
    """That nothing keeps anybody out, also on a phone."""
    assert violations(page) == []
    size = page.viewport_size
    page.set_viewport_size(PHONE)
    assert scrolls_sideways(page) == 0
    assert size is not None
    page.set_viewport_size(size)


def test_a_model_is_trained_looked_at_and_left_for_the_earlier_one(page_of: Callable[..., Page]) -> None:
    page = page_of("/training", ROBIN)
    before = page.get_by_label("Model", exact=True).locator("option").first
    expect(before).to_contain_text("(in use)")
    first = str(before.get_attribute("value"))
    expect(page.get_by_label("Compared with")).to_have_count(0)

    button(page, "Train a new model").click()
    assert violations(page) == []
    dialog(page).get_by_role("radio", name=re.compile("When too many students stay Unknown")).check()
    button(dialog(page), "Start the training").click()
    expect(dialog(page)).to_have_count(0)
    running = page.get_by_role("region", name="Training")
    expect(running.get_by_role("progressbar")).to_be_visible()
    running.get_by_text("What it prints").click()
    expect(running.get_by_label("What it prints")).to_contain_text("students with", timeout=TRAINED_MS)
    expect(running).to_have_count(0, timeout=TRAINED_MS)

    expect(page.get_by_label("Compared with")).to_have_value(first)
    expect(row(page, "Named correctly in one frame")).to_contain_text(re.compile(r"\d+ of \d+.*\d+ of \d+"))
    expect(row(page, "Trained").last).to_contain_text(re.compile("more open.*as usual"))
    histogram = page.get_by_role("img", name=re.compile("Histograms"))
    expect(histogram).to_be_visible()
    assert histogram.evaluate("image => image.decode().then(() => image.naturalWidth)") == 1200
    page.get_by_text("The summary in words").click()
    expect(page.get_by_label("The summary in words")).to_contain_text("Right student ranked first")
    check_screen(page)

    page.get_by_role("link", name="Models", exact=True).click()
    expect(page.locator("tbody tr")).to_have_count(2)
    check_screen(page)
    row(page, first).get_by_role("button").click()
    expect(dialog(page)).to_contain_text("you can come back at any time")
    button(dialog(page), "Take into use").click()
    expect(row(page, first)).to_contain_text("in use")
    expect(page.locator("tbody tr").first).not_to_contain_text("in use")

    page.get_by_role("link", name="Trainings", exact=True).click()
    latest = page.get_by_role("listitem").first
    expect(latest).to_contain_text("Robin Hale · more open")
    expect(latest).to_contain_text("done")
    check_screen(page)


def test_a_training_is_ended_and_why_one_failed_is_said(page_of: Callable[..., Page], school: School) -> None:
    page = page_of("/training", ROBIN)
    school.call(page.context, "POST", "/training", {"min_images": 5000})
    page.reload()
    expect(page.get_by_role("alert").filter(has_text="failed")).to_contain_text("5000", timeout=TRAINED_MS)

    school.call(page.context, "POST", "/training")
    page.reload()
    button(page, "End the training").click()
    button(dialog(page), "End the training").click()
    expect(page.get_by_role("region", name="Training")).to_have_count(0, timeout=TRAINED_MS)
    page.get_by_role("link", name="Trainings", exact=True).click()
    expect(page.get_by_role("listitem").first).to_contain_text("ended early")


def test_a_file_that_is_no_model_is_refused_and_the_reason_shown(page_of: Callable[..., Page], school: School) -> None:
    page = page_of("/training", ROBIN)
    file = next(school.folder.glob("school/models/face_classifier_v1.pkl"))
    good = file.read_bytes()
    try:
        file.write_bytes(b"no model at all")
        refused = page.get_by_role("alert").filter(has_text="A newer model is not in use")
        page.wait_for_timeout(1500)  # until the server has looked
        page.reload()
        expect(refused).to_be_visible()
        expect(page.get_by_text(re.compile("^In use: 5 students"))).to_be_visible()
    finally:
        file.write_bytes(good)


def test_somebody_is_invited_changed_and_let_in_no_more(
    page_of: Callable[..., Page], context_of: Callable[..., BrowserContext]
) -> None:
    page = page_of("/users", ROBIN)
    button(page, "Invite somebody").click()
    dialog(page).get_by_label("Name").fill("Ada Vale")
    dialog(page).get_by_label("E-mail address").fill(NORA)
    dialog(page).get_by_label("Role").select_option("viewer")
    expect(dialog(page)).to_contain_text("changes nothing")
    button(dialog(page), "Make the link").click()
    expect(dialog(page).get_by_label("E-mail address")).to_have_attribute("aria-invalid", "true")
    dialog(page).get_by_label("E-mail address").fill("ada@demo.example")
    button(dialog(page), "Make the link").click()
    link = dialog(page).get_by_label("One-time link").input_value()
    assert violations(page) == []
    button(dialog(page), "It is handed on").click()
    expect(row(page, "Ada Vale")).to_contain_text("invited, no password yet")
    check_screen(page)

    hers = context_of(None).new_page()
    hers.goto(link)
    hers.get_by_label("Password", exact=True).fill("a lake below the hills")
    hers.get_by_label("The password again").fill("a lake below the hills")
    button(hers, "Choose this password").click()
    expect(hers.get_by_role("heading", level=1)).to_have_text("Today")
    hers.goto("/#/users")
    expect(hers.get_by_role("heading", level=1)).to_have_text("Not for your role")

    page.reload()
    button(page, "Change Ada Vale").click()
    dialog(page).get_by_label("Role").select_option("instructor")
    button(dialog(page), "Save").click()
    expect(row(page, "Ada Vale")).to_contain_text("instructor")

    button(page, "Change Ada Vale").click()
    button(dialog(page), "Disable").click()
    # the question lies above the form, wherever it stands in the document
    dialog(page).locator("button[type=submit].danger").click()
    expect(dialog(page)).to_contain_text("They cannot log in")
    hers.goto("/#/courses")
    expect(hers.get_by_role("dialog")).to_contain_text("Your login has ended")
    button(dialog(page), "Let in again").click()
    button(dialog(page), "Link for another password").click()
    expect(dialog(page).get_by_label("One-time link")).to_have_value(re.compile("#/redeem/"))


def test_an_account_that_somebody_else_changed_is_not_overwritten(page_of: Callable[..., Page], school: School) -> None:
    page = page_of("/users", ROBIN)
    made = school.call(page.context, "POST", "/users", {"name": "Bo", "email": "bo@demo.example", "role": "viewer"})[
        "user"
    ]
    page.reload()
    button(page, "Change Bo").click()
    school.call(page.context, "POST", f"/users/{made['id']}/disable")
    dialog(page).get_by_label("Name").fill("Boris")
    button(dialog(page), "Save").click()
    expect(dialog(page).get_by_role("alert")).to_contain_text("Somebody else changed this account")
    expect(dialog(page).get_by_label("Name")).to_have_value("Bo")
    expect(dialog(page)).to_contain_text("They cannot log in")


def test_a_token_is_made_shown_once_works_and_is_revoked(
    page_of: Callable[..., Page], context_of: Callable[..., BrowserContext]
) -> None:
    page = page_of("/users?tab=tokens", ROBIN)
    button(page, "New token").click()
    dialog(page).get_by_label("Program").fill("Reports to the board")
    button(dialog(page), "Reports only").click()
    expect(dialog(page).get_by_label("Reports: see")).to_be_checked()
    dialog(page).get_by_label("Students and consents: see").uncheck()
    dialog(page).get_by_label("Good for").select_option("7")
    assert violations(page) == []
    button(dialog(page), "Make the token").click()
    secret = dialog(page).get_by_label("Token", exact=True).input_value()
    button(dialog(page), "It is stored").click()
    token = row(page, "Reports to the board")
    expect(token).to_contain_text("Courses and rosters (see only) · Sessions, marks and review (see only) · Reports")
    assert secret not in page.content()
    check_screen(page)

    program = context_of(None).request
    carried = {"Authorization": f"Bearer {secret}"}
    assert program.get("/api/v1/courses", headers=carried).ok
    assert program.get("/api/v1/students", headers=carried).status == 403
    button(token, "Revoke the token of Reports to the board").click()
    button(dialog(page), "Revoke").click()
    expect(token).to_have_count(0)
    assert program.get("/api/v1/courses", headers=carried).status == 401
    button(page, "Show 1 that is over").click()
    expect(token).to_contain_text("revoked")


def test_ones_own_password_is_changed(
    page_of: Callable[..., Page], context_of: Callable[..., BrowserContext], school: School
) -> None:
    admin = context_of(ROBIN)
    school.call(admin, "POST", "/users", {"name": "Cy", "email": "cy@demo.example", "role": "viewer"})
    made = school.call(admin, "GET", "/users?search=cy@demo")["items"][0]
    link = school.call(admin, "POST", f"/users/{made['id']}/reset-link")["link"]
    page = page_of("/", None)
    page.goto(link)
    for label in ("Password", "The password again"):
        page.get_by_label(label, exact=True).fill("the first of my words")
    button(page, "Choose this password").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Today")
    page.goto("/#/account")
    expect(page.get_by_text("change nothing")).to_be_visible()
    check_screen(page)

    def change(old: str, new: str, again: str) -> None:
        page.get_by_label("Your password now").fill(old)
        page.get_by_label("New password", exact=True).fill(new)
        page.get_by_label("The new password again").fill(again)
        button(page, "Change the password").click()

    change("the first of my words", "the second of my words", "the third of my words")
    expect(page.get_by_text("The two passwords differ.").first).to_be_visible()
    change("not my words at all", "the second of my words", "the second of my words")
    expect(page.get_by_label("Your password now")).to_have_attribute("aria-invalid", "true")
    change("the first of my words", "the second of my words", "the second of my words")
    expect(page.get_by_role("status").filter(has_text="Your password is changed")).to_be_visible()
    body = {"email": "cy@demo.example", "password": "the second of my words"}
    assert context_of(None).request.post("/api/v1/auth/login", data=body).ok


def test_the_audit_says_who_did_what(page_of: Callable[..., Page], school: School) -> None:
    page = page_of("/audit", ROBIN)
    course = school.call(
        page.context, "POST", "/courses", {"code": "A-1", "title": "Audited", "term": "2027", "timezone": "UTC"}
    )
    page.reload()
    made = row(page, "made a course").first
    expect(made).to_contain_text("Robin Hale")
    check_screen(page)
    button(made, f"course {course['id']}").click()
    expect(page.locator("tbody tr:not(.day)")).to_have_count(1)
    page.get_by_role("link", name=f"Open course {course['id']}").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Audited")

    page.go_back()
    button(page, "Show everything").click()
    page.get_by_label("What", exact=True).select_option("session.")
    page.get_by_label("Who", exact=True).select_option(label="Nora Field")
    expect(row(page, "Nora Field").first).to_contain_text(re.compile(r"session \d+"))
    expect(page.get_by_role("table")).not_to_contain_text("Robin Hale")
    page.get_by_label("To", exact=True).fill("2020-01-01")
    expect(page.get_by_role("heading", name="Nothing fits")).to_be_visible()


def test_privacy_shows_consents_what_is_kept_and_what_was_erased(page_of: Callable[..., Page], school: School) -> None:
    page = page_of("/privacy", ROBIN)
    numbers: dict[str, Any] = school.call(page.context, "GET", "/privacy/consents")
    expect(page.get_by_text("Nothing was erased yet")).to_be_visible()
    student = next(
        each for each in school.call(page.context, "GET", "/students?limit=50")["items"] if each["name"] == "Elif Demir"
    )
    school.call(page.context, "POST", f"/students/{student['id']}/consents/withdraw")
    page.reload()
    expect(page.locator(".counts > div").first).to_contain_text(f"{numbers['with_consent'] - 1}")
    erased = page.get_by_role("listitem").filter(has_text="The face of")
    expect(erased).to_contain_text("erased")
    expect(erased).to_contain_text(re.compile(r"Photos: \d+ files"))
    expect(erased).to_contain_text(re.compile(r"Models, in use and earlier: \d+ models? without them"))
    button(page, "Delete now what is due").click()
    expect(page.get_by_role("status").filter(has_text="Deleted:")).to_be_visible()
    check_screen(page)

    def failed(route: Any) -> None:
        found = route.fetch().json()
        found["items"][0].update(completed_at=None, problem="models: Permission denied")
        found["items"][0]["steps"]["models"] = {"problem": "Permission denied"}
        route.fulfill(json=found)

    page.route("**/api/v1/privacy/erasures**", failed)
    page.reload()
    expect(erased).to_contain_text("Models, in use and earlier: not erased yet: Permission denied")
    expect(erased).to_contain_text(re.compile(r"Photos: \d+ files"))


def test_settings_are_found_and_what_is_worth_a_look_is_said(page_of: Callable[..., Page]) -> None:
    page = page_of("/settings", ROBIN)
    page.get_by_label("Find a setting").fill("sightings student present")
    expect(page.locator(".server-settings > div")).to_have_count(1)
    expect(page.locator(".server-settings")).to_contain_text("SMARTATTENDANCE_CONFIRM_SIGHTINGS")
    page.get_by_label("Find a setting").fill("")
    page.get_by_label(re.compile("Only those that were changed")).check()
    expect(page.locator(".server-settings")).to_contain_text("SMARTATTENDANCE_EMBEDDER")
    expect(page.locator(".server-settings")).not_to_contain_text("SMARTATTENDANCE_MIN_FACE_SIZE")
    check_screen(page)

    def proxied(route: Any) -> None:
        found = route.fetch().json()
        for each in found:
            if each["variable"] == "SMARTATTENDANCE_PUBLIC_URL":
                each.update(value="https://attendance.example.org", is_default=False)
        route.fulfill(json=found)

    page.route("**/api/v1/settings", proxied)
    page.reload()
    expect(page.get_by_text("no proxy is trusted")).to_be_visible()
