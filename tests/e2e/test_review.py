"""The review queue: a doubtful face beside those it may be, decided by one key or one tap."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page, expect

from attendance.database import Database
from attendance.models import ClassSession, Frame, ReviewItem, SessionState, Sighting, SightingDecision, Student
from support.browser import scrolls_sideways, violations
from support.school import NORA, ROBIN, School

PHONE = {"width": 390, "height": 844}
numbers = count(1)


@pytest.fixture
def database(school: School) -> Database:
    return Database(f"sqlite:///{school.folder / 'school' / 'instance' / 'smartattendance.sqlite3'}")


@pytest.fixture
def ask(school: School, database: Database, context_of: Callable[..., BrowserContext]) -> Callable[..., list[int]]:
    """Opens a session of its own in which faces are doubtful between the students named, best first; the ids of the
    items. What an earlier test left to decide is gone."""

    def make(*faces: tuple[str, ...], locked: bool = False, has_picture: bool = True) -> list[int]:
        context = context_of(ROBIN)
        for left in school.call(context, "GET", "/review?open=true&limit=200")["items"]:
            with database.writing() as db:
                db.delete(db.get_one(ReviewItem, left["id"]))
        now = datetime.now(UTC)
        course = school.main_course(context)
        times = {
            "starts_at": (now - timedelta(minutes=30)).isoformat(),
            "ends_at": (now + timedelta(minutes=30)).isoformat(),
            "late_after": now.isoformat(),
        }
        session = school.call(context, "POST", f"/courses/{course['id']}/sessions", {"title": "Lab", **times})["id"]
        for act in ("open", "close"):
            school.call(context, "POST", f"/sessions/{session}/{act}")
        with database.writing() as db:
            if locked:  # as it is three days later
                held = db.get_one(ClassSession, session)
                held.state, held.settled_at, held.locked_at = SessionState.LOCKED, now, now
            students = {student.name: student.id for student in db.query(Student)}
            return [_ask(db, school, session, [students[name] for name in face], has_picture) for face in faces]

    return make


def _ask(db: Any, school: School, session_id: int, candidates: list[int], has_picture: bool) -> int:
    now, number = datetime.now(UTC), next(numbers)
    path = f"test-{number}.jpg"
    frame = Frame(
        session_id=session_id,
        event_uuid=f"test-{number}",
        body_sha256=f"{number:064}",
        captured_at=now - timedelta(minutes=20),
        received_at=now,
        model_version="test",
        answer=None,
    )
    db.add(frame)
    db.flush()
    sighting = Sighting(
        session_id=session_id,
        frame_id=frame.id,
        face_index=0,
        captured_at=frame.captured_at,
        received_at=now,
        similarity=0.5,
        score=0.5,
        margin=0.1,
        decision=SightingDecision.REVIEW,
        box=[0, 0, 64, 64],
        crop_path=path,
        expires_at=now + timedelta(days=7),
    )
    db.add(sighting)
    db.flush()
    item = ReviewItem(
        session_id=session_id,
        sighting_id=sighting.id,
        candidates=[{"student_id": who, "similarity": 0.55 - 0.05 * place} for place, who in enumerate(candidates)],
        created_at=now,
    )
    db.add(item)
    db.flush()
    if has_picture:
        folder = school.folder / "school" / "instance" / "review"
        folder.mkdir(exist_ok=True)
        picture = io.BytesIO()
        Image.new("RGB", (160, 190), (60 * number % 255, 120, 90)).save(picture, "JPEG")
        (folder / path).write_bytes(picture.getvalue())
    return int(item.id)


def face(page: Page) -> Locator:
    """The one that is shown."""
    return page.get_by_role("region", name=re.compile(r"Face \d+ of \d+"))


def place(page: Page, text: str) -> None:
    expect(face(page).get_by_text(text, exact=True)).to_be_visible()


def waiting(page: Page) -> Locator:
    """The count in the header."""
    return page.locator(".site-header nav .count")


def toast(page: Page) -> Locator:
    return page.locator(".toasts")


def resolution(school: School, page: Page, item: int) -> tuple[str | None, str | None]:
    found = school.call(page.context, "GET", f"/review/{item}")
    return found["resolution"], found["student"] and found["student"]["name"]


def test_keys_decide_one_after_the_other_and_take_back(
    page_of: Callable[..., Page], ask: Callable[..., list[int]], school: School
) -> None:
    first, second, third = ask(
        ("Amina Yusuf", "Ben Hartmann"), ("Chiara Rossi", "Daniel Okafor"), ("Elif Demir", "Amina Yusuf")
    )
    page = page_of("/review")
    place(page, "1 of 3")
    expect(waiting(page)).to_contain_text("3")
    expect(page.get_by_role("img", name="The face to decide about")).to_have_js_property("naturalWidth", 160)
    expect(face(page).get_by_role("button", name=re.compile("Amina Yusuf"))).to_contain_text("not sure")
    expect(face(page)).not_to_contain_text("0.55")
    expect(face(page).locator(".pictures img")).to_have_count(8)
    assert violations(page) == []

    page.keyboard.press("ArrowRight")
    place(page, "2 of 3")
    page.keyboard.press("ArrowLeft")
    place(page, "1 of 3")
    page.keyboard.press("2")
    expect(toast(page)).to_contain_text("It is Ben Hartmann")
    place(page, "1 of 2")
    expect(waiting(page)).to_contain_text("2")
    expect(face(page).get_by_role("button", name=re.compile("Chiara Rossi"))).to_be_visible()
    page.keyboard.press("s")
    expect(toast(page)).to_contain_text("A stranger")
    page.keyboard.press("d")
    expect(page.get_by_role("heading", name="Nothing to decide")).to_be_visible()
    expect(waiting(page)).to_have_count(0)
    expect(toast(page)).to_contain_text("Dismissed")
    assert [resolution(school, page, item) for item in (first, second, third)] == [
        ("student", "Ben Hartmann"),
        ("stranger", None),
        ("dismissed", None),
    ]

    page.keyboard.press("u")
    place(page, "1 of 1")
    expect(face(page).get_by_role("button", name=re.compile("Elif Demir"))).to_be_visible()
    expect(waiting(page)).to_contain_text("1")
    assert resolution(school, page, third) == (None, None)


def test_a_tap_on_a_phone_decides_and_its_toast_takes_it_back(
    page_of: Callable[..., Page], ask: Callable[..., list[int]], school: School
) -> None:
    (item,) = ask(("Amina Yusuf", "Ben Hartmann", "Chiara Rossi"))
    page = page_of("/review", viewport=PHONE, has_touch=True)
    place(page, "1 of 1")
    assert scrolls_sideways(page) == 0
    assert violations(page) == []
    for name in ("Stranger", "Somebody else", "Dismiss"):
        box = page.get_by_role("button", name=name).bounding_box()
        assert box is not None and box["y"] > 600 and box["height"] >= 44, "within the thumb's reach"
    face(page).get_by_role("button", name=re.compile("Chiara Rossi")).tap()
    expect(toast(page)).to_contain_text("It is Chiara Rossi")
    assert resolution(school, page, item) == ("student", "Chiara Rossi")
    toast(page).get_by_role("button", name="Undo").tap()
    place(page, "1 of 1")
    assert resolution(school, page, item) == (None, None)

    page.get_by_role("button", name="Somebody else").tap()
    page.get_by_role("dialog").get_by_label("Name or id").fill("elif")
    page.get_by_role("dialog").get_by_role("button", name=re.compile("Elif Demir")).tap()
    expect(toast(page)).to_contain_text("It is Elif Demir")
    assert resolution(school, page, item) == ("student", "Elif Demir")


def test_what_somebody_else_decided_meanwhile_is_said(
    page_of: Callable[..., Page],
    ask: Callable[..., list[int]],
    context_of: Callable[..., BrowserContext],
    school: School,
) -> None:
    first, second = ask(("Amina Yusuf",), ("Ben Hartmann",))
    page, other = page_of("/review"), context_of(ROBIN)
    place(page, "1 of 2")
    amina = school.call(other, "GET", f"/review/{first}")["candidates"][0]["student"]["id"]
    decide(school, other, first, {"resolution": "student", "student_id": amina})
    page.get_by_role("button", name="Stranger").click()
    expect(toast(page)).to_contain_text("Somebody else has just decided about this face: Amina Yusuf.")
    assert resolution(school, page, first) == ("student", "Amina Yusuf")
    place(page, "1 of 1")
    expect(waiting(page)).to_contain_text("1")

    decide(school, other, second, {"resolution": "stranger"})
    expect(toast(page)).to_contain_text("Somebody else has just decided about this face: a stranger.", timeout=15_000)
    expect(page.get_by_role("heading", name="Nothing to decide")).to_be_visible()


def decide(school: School, context: BrowserContext, item: int, body: dict[str, Any]) -> None:
    token = context.request.get("/api/v1/auth/me").json()["csrf_token"]
    tag = context.request.get(f"/api/v1/review/{item}").headers["etag"]
    headers = {"X-CSRF-Token": token, "If-Match": tag}
    assert context.request.post(f"/api/v1/review/{item}/resolve", data=body, headers=headers).ok


def test_a_picture_that_is_gone_and_a_locked_session_say_what_is_left_to_do(
    page_of: Callable[..., Page], ask: Callable[..., list[int]], school: School
) -> None:
    (item,) = ask(("Amina Yusuf",), has_picture=False)
    page = page_of("/review")
    expect(page.get_by_role("heading", name="Nobody can tell any more")).to_be_visible()
    expect(page.get_by_role("button", name="Amina Yusuf")).to_have_count(0)
    page.keyboard.press("1")
    page.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_role("heading", name="Nothing to decide")).to_be_visible()
    expect(toast(page)).to_contain_text("Dismissed")
    assert resolution(school, page, item) == ("dismissed", None)

    (item,) = ask(("Amina Yusuf",), locked=True)
    page.reload()
    expect(page.get_by_role("heading", name="The session is locked")).to_be_visible()
    page.keyboard.press("s")
    expect(face(page).get_by_role("button", name="Stranger")).to_have_count(0)
    assert resolution(school, page, item) == (None, None)
    assert violations(page) == []


def test_only_one_sessions_faces_and_numbers_for_admins(
    page_of: Callable[..., Page], ask: Callable[..., list[int]], school: School
) -> None:
    (item,) = ask(("Amina Yusuf", "Ben Hartmann"))
    page = page_of("/", ROBIN)
    session = school.call(page.context, "GET", f"/review/{item}")["session_id"]
    page.get_by_role("button", name="Decide").click()
    expect(page).to_have_url(re.compile(rf"#/review\?session={session}$"))
    expect(page.get_by_text("Only faces of one session.")).to_be_visible()
    expect(face(page)).to_contain_text("0.55")
    other = school.call(page.context, "GET", "/courses")["items"][0]["id"]
    page.goto(f"/#/review?course={other}")
    expect(page.get_by_role("heading", name="Nothing to decide")).to_be_visible()
    page.get_by_role("button", name="Show all").click()
    place(page, "1 of 1")


def test_without_the_network_nothing_is_lost(page_of: Callable[..., Page], ask: Callable[..., list[int]]) -> None:
    ask(("Amina Yusuf", "Ben Hartmann"))
    page = page_of("/review", NORA)
    place(page, "1 of 1")
    page.route("**/resolve", lambda route: route.abort())
    page.keyboard.press("1")
    expect(toast(page)).to_contain_text("The server cannot be reached")
    place(page, "1 of 1")
    expect(waiting(page)).to_contain_text("1")
    page.unroute("**/resolve")
    page.keyboard.press("1")
    expect(toast(page)).to_contain_text("It is Amina Yusuf")


RESOLVE = re.compile(r"/resolve$")


def test_a_decision_that_did_not_get_through_is_shown_again_and_one_whose_answer_was_lost_is_not_anothers(
    page_of: Callable[..., Page], ask: Callable[..., list[int]], school: School
) -> None:
    (item,) = ask(("Amina Yusuf", "Ben Hartmann"))
    page = page_of("/review")
    place(page, "1 of 1")
    for status in (500, 502):
        refusal = {"status": status, "body": "no"}
        page.route(RESOLVE, lambda route: route.fulfill(**refusal))  # noqa: B023 - used in this turn only
        page.keyboard.press("s")
        expect(toast(page)).to_contain_text(f"The server answered {status}")
        place(page, "1 of 1")
        expect(waiting(page)).to_contain_text("1")
        page.unroute(RESOLVE)
    assert resolution(school, page, item) == (None, None)

    page.route(RESOLVE, lambda route: (route.fetch(), route.abort()))
    page.keyboard.press("1")
    expect(toast(page)).to_contain_text("The server cannot be reached")
    page.unroute(RESOLVE)
    # asked for anew by itself
    expect(page.get_by_text("Nothing to decide")).to_be_visible()
    expect(toast(page)).to_contain_text("It is Amina Yusuf")
    expect(page.get_by_text("Somebody else")).to_have_count(0)
    page.keyboard.press("u")
    place(page, "1 of 1")
    assert resolution(school, page, item) == (None, None)
