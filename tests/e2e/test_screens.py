"""Every screen: for everybody, at every width, in both colours, and under the policy that the server sends."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from support.browser import scrolls_sideways, violations
from support.school import School
from support.screens import SCREENS, SIZES, Screen, facts, show


@pytest.fixture(scope="module")
def found(school: School, browser: Browser) -> dict[str, Any]:
    return facts(school, browser)


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
def test_nothing_keeps_anybody_out_and_nothing_scrolls_sideways(
    screen: Screen, page_of: Callable[..., Page], found: dict[str, Any]
) -> None:
    page = page_of("/", screen.email)
    show(page, screen, found)
    expect(page).to_have_title(re.compile(".*SmartAttendance$"))
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    for name, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(50)
        assert scrolls_sideways(page) == 0, f"{screen.name} on a {name}"
        if name == "phone":
            assert violations(page) == [], f"{screen.name} on a phone, dark"


def test_what_keeps_somebody_out_is_found_also_when_it_comes_later(page_of: Callable[..., Page]) -> None:
    """That there is nothing on any screen says something only where it would be found."""
    page = page_of("/", None)
    page.locator("input[type=password]").wait_for()
    assert violations(page) == []
    page.evaluate("document.documentElement.removeAttribute('lang')")
    assert [rule for rule, _ in violations(page)] == ["html-has-lang"]


def test_the_policy_lets_nothing_in_from_elsewhere(school: School, browser: Browser) -> None:
    page = browser.new_page(base_url=school.address)  # not one that is watched: it is to be refused something
    answer = page.goto("/")
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy and "unsafe" not in policy and "*" not in policy
    refused = page.evaluate(
        """() => new Promise((resolve) => {
            document.addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective));
            const script = document.createElement('script');
            script.textContent = 'window.inline = 1';
            document.head.append(script);
            setTimeout(() => resolve(String(window.inline)), 500);
        })"""
    )
    page.close()
    assert refused.startswith("script-src")


def test_the_keyboard_alone_opens_a_session_and_marks(page_of: Callable[..., Page], found: dict[str, Any]) -> None:
    page = page_of(f"/sessions/{found['open']}")
    expect(page.locator("tbody tr").first).to_be_visible()
    # what a screen reader begins with
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "TR":
            break
    row = page.locator("tbody tr").first
    expect(row).to_be_focused()
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "the focus is seen"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("e")
    expect(page.locator("tbody tr").nth(1)).to_contain_text("excused")
    expect(page.get_by_role("status").last).to_contain_text("excused")
