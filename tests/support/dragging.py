"""Files dropped onto a page as the desktop drops them, which a script in the page could not imitate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Locator


def drop(place: Locator, paths: Sequence[Path]) -> None:
    """Drop files or folders into the upper part of ``place``, where no button is. Chromium only."""
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    assert box is not None
    browser = place.page.context.new_cdp_session(place.page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    at = {"x": box["x"] + box["width"] / 3, "y": box["y"] + 12}
    for kind in ("dragEnter", "dragOver", "drop"):
        browser.send("Input.dispatchDragEvent", {"type": kind, **at, "data": data})
    browser.detach()
