"""A school of the sample class in a real server, and pages of it in a real browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from support.browser import launch, watched
from support.school import NORA, PREPARED_VARIABLE, School, serving


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as made:
        yield made


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Chromium without windows and without a camera of its own; see ``camera_browser``."""
    found = launch(playwright, windows=False)
    yield found
    found.close()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo's folder, complete. One that PREPARED_VARIABLE names saves its making while tests are written."""
    if PREPARED_VARIABLE in os.environ:
        return Path(os.environ[PREPARED_VARIABLE])
    folder = tmp_path_factory.mktemp("school") / "demo"
    with serving(folder):
        pass
    return folder


@pytest.fixture(scope="module")
def school(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[School]:
    """The school of the tests of a module, served."""
    folder = tmp_path_factory.mktemp("served") / "demo"
    shutil.copytree(prepared, folder)
    with serving(folder) as made:
        yield made


@pytest.fixture
def context_of(school: School, browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Gives a context of its own, logged in as the address given (None: nobody). Further options: Playwright's, and
    ``browser``."""
    with ExitStack() as stack:

        def make(email: str | None = NORA, *, browser: Browser = browser, **options: Any) -> BrowserContext:
            options.setdefault("viewport", {"width": 1280, "height": 800})
            context = stack.enter_context(watched(browser, school.address, **options))
            if email:
                school.log_in(context, email)
            return context

        yield make


@pytest.fixture
def page_of(context_of: Callable[..., BrowserContext]) -> Callable[..., Page]:
    """Gives a page that shows the address, such as "/courses", of a context made by ``context_of``."""

    def make(address: str = "/", email: str | None = NORA, **options: Any) -> Page:
        page = context_of(email, **options).new_page()
        page.goto(f"/#{address}")
        return page

    return make
