"""Every screen of the page, for tests and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Page, expect

from support.school import NORA, ROBIN, School

SIZES = {"phone": (390, 844), "tablet": (768, 1024), "laptop": (1280, 800), "projector": (1920, 1080)}


@dataclass(frozen=True)
class Screen:
    """address: may hold {course}, {session}, {open}, {student}: see ``facts``. email: who opens it; None: nobody.
    shown: a selector that is there when it is complete. is_door: on a device that is a kiosk of the main course."""

    name: str
    address: str
    email: str | None = NORA
    shown: str = "h1"
    is_door: bool = False


SCREENS = (
    Screen("login", "/", None, "input[type=password]"),
    Screen("today", "/"),
    Screen("live", "/sessions/{open}/live", shown=".face .label"),
    Screen("sheet", "/sessions/{session}", shown="tbody tr"),
    Screen("review", "/review"),
    Screen("courses", "/courses", shown=".course"),
    Screen("roster", "/courses/{course}", shown="tbody tr"),
    Screen("import", "/courses/{course}/import"),
    Screen("sessions", "/courses/{course}?tab=sessions", shown="tbody tr"),
    Screen("schedule", "/courses/{course}?tab=schedule"),
    Screen("warnings", "/courses/{course}?tab=warnings"),
    Screen("staff", "/courses/{course}?tab=staff", shown="tbody tr"),
    Screen("course-settings", "/courses/{course}?tab=settings", shown="main form"),
    Screen("students", "/students", shown="tbody tr"),
    Screen("student", "/students/{student}"),
    Screen("capture", "/students/{student}/capture"),
    Screen("reports", "/reports"),
    Screen("course-report", "/reports/courses/{course}", shown="tbody tr"),
    Screen("student-report", "/reports/students/{student}"),
    Screen("session-report", "/reports/sessions/{session}"),
    Screen("account", "/account"),
    Screen("training", "/training", ROBIN),
    Screen("users", "/users", ROBIN, "tbody tr"),
    Screen("audit", "/audit", ROBIN),
    Screen("privacy", "/privacy", ROBIN),
    Screen("settings", "/settings", ROBIN),
    Screen("kiosk", "/kiosk", shown="main form"),
    Screen("kiosk-door", "/kiosk", None, ".greeting.welcome", is_door=True),
)


def facts(school: School, browser: Browser) -> dict[str, Any]:
    """What the addresses are filled with: the main course, its last session that is over, the one of today, which is
    opened if it is not, a student, and the secret of a kiosk."""
    context = browser.new_context(base_url=school.address)
    school.log_in(context)
    course = school.main_course(context)["id"]
    sessions = school.call(context, "GET", f"/sessions?course_id={course}&descending=true&limit=100")["items"]
    over = next(each["id"] for each in sessions if each["state"] in ("closed", "locked"))
    today = school.call(context, "GET", "/sessions/today")
    due = next(each["session"] for each in [*today["open"], *today["today"]] if each["session"]["course_id"] == course)
    if due["state"] == "scheduled":
        school.call(context, "POST", f"/sessions/{due['id']}/open")
    student = school.call(context, "GET", f"/courses/{course}/roster")["items"][0]["student"]["id"]
    kiosk = school.call(context, "POST", f"/courses/{course}/kiosks", {"name": "North door", "pin": "2580"})["secret"]
    context.close()
    return {"course": course, "session": over, "open": due["id"], "student": student, "kiosk": kiosk}


def show(page: Page, screen: Screen, found: dict[str, Any]) -> None:
    """Open ``screen`` and wait until it is complete. found: of ``facts``."""
    page.goto(f"/#{screen.address.format(**found)}")
    if screen.is_door:
        page.evaluate("(secret) => localStorage.setItem('smartattendance.kiosk', secret)", found["kiosk"])
        page.reload()
    page.locator(screen.shown).first.wait_for(timeout=150_000)
    # asked by the locator: the page's policy lets nothing be evaluated again and again
    expect(page.locator(".skeleton")).to_have_count(0, timeout=60_000)
