"""Pictures of every screen of the page, in ``docs/screens``: ``python take_screens.py [NAME ...]``.

Each shows a screen on a laptop and on a phone, light and dark. The school is made for the purpose, and nobody in it
exists.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "backend"))

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from support.browser import launch
from support.school import PREPARED_VARIABLE, School, serving
from support.screens import SCREENS, SIZES, Screen, facts, show

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "screens"
_GAP, _HEIGHT, _QUALITY = 16, 640, 82


def main() -> int:
    wanted = set(sys.argv[1:])
    unknown = wanted - {screen.name for screen in SCREENS}
    if unknown:
        print(f"there is no screen {', '.join(sorted(unknown))}; there are {', '.join(s.name for s in SCREENS)}")
        return 2
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(os.environ.get(PREPARED_VARIABLE, Path(name) / "demo"))
        with serving(folder) as school, sync_playwright() as found:
            browser = launch(found)
            known = facts(school, browser)
            for screen in SCREENS:
                if not wanted or screen.name in wanted:
                    _picture(browser, school, screen, known).save(FOLDER / f"{screen.name}.webp", quality=_QUALITY)
                    print(FOLDER / f"{screen.name}.webp", flush=True)
            browser.close()
    return 0


def _picture(browser: Browser, school: School, screen: Screen, known: dict[str, Any]) -> Image.Image:
    views = []
    for size in ("laptop", "phone"):
        for scheme in ("light", "dark"):
            width, height = SIZES[size]
            context = browser.new_context(
                base_url=school.address,
                viewport={"width": width, "height": height},
                color_scheme=scheme,  # type: ignore[arg-type]
                locale="en-GB",
            )
            if screen.email:
                school.log_in(context, screen.email)
            page = context.new_page()
            show(page, screen, known)
            page.wait_for_timeout(400)
            views.append(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
            context.close()
    scaled = [view.resize((round(view.width * _HEIGHT / view.height), _HEIGHT)) for view in views]
    whole = Image.new("RGB", (sum(view.width + _GAP for view in scaled) + _GAP, _HEIGHT + 2 * _GAP), (128, 134, 133))
    left = _GAP
    for view in scaled:
        whole.paste(view, (left, _GAP))
        left += view.width + _GAP
    return whole


if __name__ == "__main__":
    sys.exit(main())
