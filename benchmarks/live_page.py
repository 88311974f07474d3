"""The live room in Chromium: frames a second that the page itself can send, and whether its memory grows.

The school is the sample class's, served for real; only the frames are answered here, at once and with six faces that
move, so that what is measured is the page and not the recognition. Prints a line each minute.

python benchmarks/live_page.py [--minutes 5]
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "backend"))

from playwright.sync_api import CDPSession, Route, sync_playwright

from support.browser import launch
from support.school import School, serving
from support.screens import facts

FACES = 6
_WARM_UP_SECONDS = 15


class Answers:
    """What the frames are answered: faces that go round in circles, two of them known by name."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, route: Route) -> None:
        self.count += 1
        route.fulfill(status=200, content_type="application/json", body=json.dumps(self._answer()))

    def _answer(self) -> dict[str, Any]:
        faces = []
        for number in range(FACES):
            turn = self.count / 20 + number
            x, y = 120 + 170 * number + 40 * math.cos(turn), 250 + 60 * math.sin(turn)
            student = {"id": number, "external_id": f"s{number}", "name": f"Student {number}"} if number < 2 else None
            faces.append(
                {
                    "box": [x, y, x + 110, y + 140],
                    "decision": "accepted" if student else "unknown",
                    "student": student,
                    "band": "sure" if student else None,
                    "reasons": ["already_marked"] if student else ["stranger"],
                    "candidates": [],
                    "numbers": None,
                    "review_item_id": None,
                    "confirmed": None,
                }
            )
        moment = "2026-01-01T00:00:00+00:00"
        return {
            "model_version": "benchmark",
            "width": 1280,
            "height": 720,
            "skipped_faces": 0,
            "milliseconds": {},
            "faces": faces,
            "frame_id": self.count,
            "captured_at": moment,
            "received_at": moment,
            "changes": [],
            "tally": {},
        }


def memory(session: CDPSession) -> tuple[float, int]:
    """Megabytes of the page's JavaScript heap after a collection, and how many nodes its document has."""
    session.send("HeapProfiler.collectGarbage")
    found = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    return found["JSHeapUsedSize"] / 1e6, int(found["Nodes"])


def measure(school: School, minutes: float) -> None:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        context = browser.new_context(base_url=school.address, viewport={"width": 1280, "height": 800})
        school.log_in(context)
        session = facts(school, browser)["open"]
        page, answers = context.new_page(), Answers()
        page.route("**/frames", answers)
        page.goto(f"/#/sessions/{session}/live")
        page.locator(".face").first.wait_for(timeout=60_000)
        page.wait_for_timeout(_WARM_UP_SECONDS * 1000)
        tool = context.new_cdp_session(page)
        tool.send("Performance.enable")
        first, nodes = memory(tool)
        print(f"{'minute':>6}  {'frames/s':>8}  {'heap MB':>8}  {'nodes':>6}")
        print(f"{0:>6}  {'':>8}  {first:8.2f}  {nodes:>6}", flush=True)
        for minute in range(1, math.ceil(minutes) + 1):
            begun, before = time.perf_counter(), answers.count
            page.wait_for_timeout(60_000 * min(1.0, minutes - minute + 1))
            rate = (answers.count - before) / (time.perf_counter() - begun)
            heap, nodes = memory(tool)
            print(f"{minute:>6}  {rate:8.1f}  {heap:8.2f}  {nodes:>6}", flush=True)
        print(f"growth of the heap: {heap - first:+.2f} MB over {minutes:g} minutes")
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, serving(Path(name) / "demo") as school:
        measure(school, arguments.minutes)


if __name__ == "__main__":
    main()
