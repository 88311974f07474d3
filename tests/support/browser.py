"""Chromium for tests, and what a page in it did that no page may do."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Playwright, Request

CHROMIUM_VARIABLE = "SMARTATTENDANCE_TEST_CHROMIUM"
_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Debian's too, and the same but for the windows around the pages, which nobody sees and which take a third of the time.
_WITHOUT_WINDOWS = "chromium-headless-shell"
# Tests run as root in containers, where Chromium's own sandbox cannot.
_ALWAYS = ("--no-sandbox", "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required")
# What the browser itself reports of an answer that the page deals with.
_EXPECTED = ("Failed to load resource",)


def find_chromium(*, windows: bool = True) -> str:
    """The path of Chromium; the test is skipped where there is none. windows: not the one without them, if there is
    another."""
    names = (*_NAMES, _WITHOUT_WINDOWS) if windows else (_WITHOUT_WINDOWS, *_NAMES)
    found = os.environ.get(CHROMIUM_VARIABLE) or next(filter(None, map(shutil.which, names)), None)
    if not found:
        pytest.skip(f"Chromium is not installed (apt-get install chromium, or name it by {CHROMIUM_VARIABLE})")
    return found


def launch(playwright: Playwright, camera: Path | None = None, *, windows: bool = True) -> Browser:
    """Chromium. camera: a clip (MJPEG) that its camera shows, over and over; None: it has none. windows: see
    ``find_chromium``."""
    arguments = list(_ALWAYS)
    if camera is not None:
        arguments += [
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-video-capture={camera}",
        ]
    return playwright.chromium.launch(executable_path=find_chromium(windows=windows), args=arguments)


def use_the_camera(page: Page) -> None:
    """Have the page take the camera, in a school that offers its clip as well."""
    page.evaluate("localStorage.setItem('smartattendance.camera', 'default')")


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog")


def button(place: Page | Locator, name: str | re.Pattern[str]) -> Locator:
    return place.get_by_role("button", name=name, exact=True)


def row(place: Page | Locator, text: str) -> Locator:
    """The row of a table that says so."""
    return place.get_by_role("row").filter(has_text=text)


@dataclass
class Watch:
    """What a context's pages said and asked for. origin: the server's."""

    origin: str
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def attach(self, context: BrowserContext) -> None:
        context.on("console", self._said)
        context.on("weberror", lambda error: self.errors.append(str(error.error)))
        context.on("request", self._asked)

    def check(self) -> None:
        """Fail when there was an error, or a request to anybody else."""
        assert not self.errors, self.errors
        assert not self.foreign, f"requests that leave the server: {self.foreign}"

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(_EXPECTED):
            self.errors.append(message.text)

    def _asked(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("http", "https", "ws", "wss") and f"{address.scheme}://{address.netloc}" != self.origin:
            self.foreign.append(request.url)


@contextmanager
def watched(browser: Browser, origin: str, **options: Any) -> Iterator[BrowserContext]:
    """A context of its own, whose pages must show no error of a script or of the Content-Security-Policy, and must ask
    nobody but the server."""
    context = browser.new_context(base_url=origin, locale="en-GB", reduced_motion="reduce", **options)
    context.set_default_timeout(15_000)
    watch = Watch(origin)
    watch.attach(context)
    try:
        yield context
        watch.check()
    finally:
        context.close()


def violations(page: Page, ignored: Sequence[str] = ()) -> list[tuple[str, str]]:
    """What axe finds wrong with the page: (rule, the first element it is about)."""
    if page.evaluate("typeof axe") == "undefined":  # half a megabyte, which a page keeps until it is loaded anew
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate("axe.run({resultTypes: ['violations']}).then((results) => results.violations)")
    return [(each["id"], each["nodes"][0]["html"][:200]) for each in found if each["id"] not in ignored]


def scrolls_sideways(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    wider: int = page.evaluate("Math.max(0, document.documentElement.scrollWidth - window.innerWidth)")
    return wider
