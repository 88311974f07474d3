"""The live room: the class walks in before the camera, and everything that can go wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from support.browser import launch, scrolls_sideways, use_the_camera, violations
from support.school import ROBIN, School

# The five students of the small class; four of them walk in.
WALK_IN = ("Amina Yusuf", "Ben Hartmann", "Chiara Rossi", "Daniel Okafor")
STAYS_AWAY = "Elif Demir"
# The clip runs for 12 s, and a slow machine may need it twice.
SEEN_MS = 150_000


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Chromium as people have it, with no camera."""
    made = launch(playwright)
    yield made
    made.close()


@pytest.fixture(scope="module")
def camera_browser(playwright: Playwright, school: School) -> Iterator[Browser]:
    """Chromium whose camera shows the class walking in."""
    made = launch(playwright, school.folder / "clip" / "clip.mjpeg")
    yield made
    made.close()


@pytest.fixture
def session_of(school: School) -> Callable[[Page], int]:
    """Opens another session of the course and gives its id; whichever was open is closed."""

    def make(page: Page) -> int:
        for due in school.call(page.context, "GET", "/sessions/today")["open"]:
            school.call(page.context, "POST", f"/sessions/{due['session']['id']}/close")
        course = school.main_course(page.context)
        now = page.evaluate("new Date(Date.now() - 60000).toISOString()")
        end = page.evaluate("new Date(Date.now() + 3600000).toISOString()")
        made = school.call(
            page.context,
            "POST",
            f"/courses/{course['id']}/sessions",
            {"title": "Live", "starts_at": now, "ends_at": end, "late_after": end},
        )
        school.call(page.context, "POST", f"/sessions/{made['id']}/open")
        return int(made["id"])

    return make


def arrivals(page: Page) -> Any:
    return page.get_by_role("region", name="Just arrived")


def test_the_class_walks_in_and_one_mark_is_taken_back(
    page_of: Callable[..., Page], session_of: Callable[[Page], int], camera_browser: Browser
) -> None:
    page = page_of("/", browser=camera_browser, permissions=["camera"])
    use_the_camera(page)
    session = session_of(page)
    page.goto(f"/#/sessions/{session}/live")
    expect(page.locator(".tally")).to_have_text("4 / 5", timeout=SEEN_MS)
    expect(page.locator(".face.unknown .label", has_text="unknown").first).to_be_visible(timeout=SEEN_MS)
    for name in WALK_IN:
        expect(arrivals(page)).to_contain_text(name)
    expect(page.get_by_role("region", name="Not seen yet")).to_contain_text(STAYS_AWAY)
    assert violations(page) == []

    page.get_by_role("button", name=f"Mark present: {STAYS_AWAY}").click()
    expect(page.locator(".tally")).to_have_text("5 / 5")
    page.get_by_role("status").get_by_role("button", name="Undo").click()
    expect(page.locator(".tally")).to_have_text("4 / 5")

    arrivals(page).get_by_role("button", name=re.compile("Not them.*Amina Yusuf")).click()
    expect(page.locator(".tally")).to_have_text("3 / 5")
    page.get_by_role("button", name="Close the session").click()
    page.get_by_role("dialog").get_by_role("button", name="Close the session").click()
    expect(page.get_by_role("row", name=re.compile("Amina Yusuf"))).to_contain_text("not seen yet")
    expect(page.get_by_role("row", name=re.compile("Ben Hartmann"))).to_contain_text("present")


def test_start_from_today_shows_the_demos_class_without_a_camera(page_of: Callable[..., Page]) -> None:
    page = page_of("/", viewport={"width": 390, "height": 844})
    page.get_by_role("button", name="Start").or_(page.get_by_role("button", name="Go on")).first.click()
    expect(page.get_by_role("combobox", name="Camera")).to_have_value("demo")
    expect(page.locator(".face .label").first).to_be_visible(timeout=SEEN_MS)
    assert scrolls_sideways(page) == 0


def test_mirror_sound_and_full_screen_are_switched_and_admins_see_the_speed(
    page_of: Callable[..., Page], session_of: Callable[[Page], int]
) -> None:
    page = page_of()
    session = session_of(page)
    page.goto(f"/#/sessions/{session}/live")
    mirror = page.get_by_role("button", name="Mirror the picture")
    mirror.click()
    page.get_by_role("button", name="Sound is on").click()
    page.reload()  # both are remembered
    expect(mirror).to_have_attribute("aria-pressed", "true")
    expect(page.locator("video")).to_have_class(re.compile("mirrored"))
    expect(page.get_by_role("button", name="Sound is off")).to_be_visible()
    page.get_by_role("button", name="Full screen").click()
    expect(page.locator("html:fullscreen")).to_have_count(1)
    expect(page.locator(".face .label").first).to_be_visible(timeout=SEEN_MS)
    expect(page.locator(".speed")).to_have_count(0)

    admin = page_of(f"/sessions/{session}/live", ROBIN)
    expect(admin.locator(".speed")).to_have_text(re.compile(r"\d+ ms · \d+\.\d a second · \d+ px"), timeout=SEEN_MS)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        ("NotAllowedError", "The browser refuses the camera"),
        ("NotFoundError", "No camera was found"),
        ("NotReadableError", "The camera is used by another program"),
    ],
)
def test_a_camera_that_cannot_be_had_says_why_and_leads_on(
    page_of: Callable[..., Page], session_of: Callable[[Page], int], error: str, says: str
) -> None:
    page = page_of()
    use_the_camera(page)
    session = session_of(page)
    page.add_init_script(
        f"navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', '{error}'));"
    )
    page.goto(f"/#/sessions/{session}/live")
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text(says)
    assert violations(page) == []
    page.get_by_role("button", name="Mark by hand").click()
    expect(page.get_by_role("row", name=re.compile(STAYS_AWAY))).to_be_visible()


def test_a_camera_that_is_unplugged_can_be_started_again(
    page_of: Callable[..., Page], session_of: Callable[[Page], int], camera_browser: Browser
) -> None:
    page = page_of("/", browser=camera_browser, permissions=["camera"])
    use_the_camera(page)
    page.goto(f"/#/sessions/{session_of(page)}/live")
    expect(page.locator(".face .label").first).to_be_visible(timeout=SEEN_MS)
    expect(page.get_by_role("combobox", name="Camera")).not_to_have_value("demo")
    page.evaluate("document.querySelector('video').srcObject.getVideoTracks()[0].dispatchEvent(new Event('ended'))")
    expect(page.get_by_role("alert")).to_contain_text("The camera is gone")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".face .label").first).to_be_visible(timeout=SEEN_MS)


def test_frames_wait_for_the_network_and_are_sent_once_with_their_times(
    page_of: Callable[..., Page], session_of: Callable[[Page], int], school: School
) -> None:
    page = page_of()
    session = session_of(page)
    keys: list[tuple[str, str]] = []
    page.on(
        "requestfinished",
        lambda request: (
            keys.append((request.headers["idempotency-key"], request.headers["x-captured-at"]))
            if request.url.endswith("/frames")
            else None
        ),
    )
    page.goto(f"/#/sessions/{session}/live")
    expect(page.locator(".face .label").first).to_be_visible(timeout=SEEN_MS)
    page.route("**/frames", lambda route: route.abort("internetdisconnected"))
    note = page.locator(".frame-note")
    expect(note).to_contain_text(re.compile(r"cannot be reached.*[2-9] pictures are kept"), timeout=30_000)
    away = page.evaluate("new Date().toISOString()")
    page.reload()  # what waits is kept
    expect(note).to_contain_text(re.compile(r"[3-9] pictures are kept"), timeout=30_000)
    page.unroute("**/frames")
    expect(note).to_have_count(0, timeout=SEEN_MS)
    assert len({key for key, _ in keys}) == len(keys), "a frame was taken twice"
    late = [at for _, at in keys if at < away]
    assert len(late) >= 2, "frames of before were sent with the time they were captured"


def keep(page: Page, owner: str, age_ms: int = 0, n: int = 1) -> None:
    """Have frames of so long ago wait in the browser, as ``owner`` took them."""
    page.evaluate(
        """async ({owner, age, n}) => {
            const queue = await import("/js/live/frame_queue.js");
            const picture = new Blob(["a face"]);
            for (let i = 0; i < n; i += 1)
                await queue.keep({key: `${owner} ${age} ${i}`, session: 1, owner, at: Date.now() - age + i, picture});
        }""",
        {"owner": owner, "age": age_ms, "n": n},
    )


def kept(page: Page) -> list[str]:
    """The keys of the frames that wait, whoever took them."""
    return page.evaluate(  # type: ignore[no-any-return]
        """() => new Promise((resolve, reject) => {
            const asked = indexedDB.open("smartattendance-frames", 1);
            asked.onerror = () => reject(asked.error);
            asked.onsuccess = () => {
                const all = asked.result.transaction("frames").objectStore("frames").getAllKeys();
                all.onsuccess = () => { asked.result.close(); resolve(all.result); };
            };
        })"""
    )


def wait_until_kept(page: Page, wanted: list[str]) -> None:
    for _ in range(100):
        if (found := kept(page)) == wanted:
            return
        page.wait_for_timeout(100)
    assert found == wanted


TWO_HOURS_MS = 2 * 3600 * 1000


def test_frames_that_wait_are_bounded_and_go_when_too_old_or_when_who_took_them_is_gone(
    page_of: Callable[..., Page], school: School
) -> None:
    page = page_of("/courses")
    me = f"user {page.context.request.get('/api/v1/auth/me').json()['id']}"

    def begin(age_ms: int = 0) -> None:
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        keep(page, me, age_ms)
        wait_until_kept(page, [f"{me} {age_ms} 0"])

    expect(page.get_by_role("heading", level=1)).to_be_visible()
    keep(page, me, n=303)
    found = kept(page)
    assert len(found) == 300 and f"{me} 0 2" not in found and f"{me} 0 302" in found
    page.get_by_role("button", name="You", exact=True).click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("E-mail address")).to_be_visible()
    wait_until_kept(page, [])

    # when the page is opened: what is too old, of the future, or of somebody else
    school.log_in(page.context)
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    for owner, age in ((me, TWO_HOURS_MS + 60_000), (me, -TWO_HOURS_MS - 60_000), ("user 999", 0), ("kiosk", 0)):
        keep(page, owner, age)
    keep(page, me, 60_000)
    page.reload()
    wait_until_kept(page, [f"{me} 60000 0"])

    # when nobody is logged in any more, and when somebody else is
    page.context.clear_cookies()
    page.reload()
    expect(page.get_by_label("E-mail address")).to_be_visible()
    wait_until_kept(page, [])
    school.log_in(page.context)
    page.reload()
    begin()
    school.log_in(page.context, ROBIN)
    page.reload()
    wait_until_kept(page, [])

    # and while the page stays open, without a server
    school.log_in(page.context)
    page.clock.install()
    page.reload()
    begin(TWO_HOURS_MS - 30_000)
    page.context.set_offline(True)
    page.clock.run_for(90_000)
    wait_until_kept(page, [])


def test_frames_wait_while_a_proxy_has_no_server_behind_it(
    page_of: Callable[..., Page], session_of: Callable[[Page], int]
) -> None:
    page = page_of()
    page.route("**/frames", lambda route: route.fulfill(status=502, content_type="text/html", body="<h1>Bad Gateway"))
    page.goto(f"/#/sessions/{session_of(page)}/live")
    note = page.locator(".frame-note")
    expect(note).to_contain_text(re.compile(r"cannot be reached.*[1-9] pictures? (is|are) kept"), timeout=SEEN_MS)


def test_a_mark_set_in_the_live_room_without_a_network_is_saved_later(
    page_of: Callable[..., Page], session_of: Callable[[Page], int], school: School
) -> None:
    page = page_of("/", viewport={"width": 390, "height": 844})
    session = session_of(page)
    page.goto(f"/#/sessions/{session}/live")
    mark = page.get_by_role("button", name=f"Mark present: {STAYS_AWAY}")
    expect(mark).to_be_visible()
    page.context.set_offline(True)
    mark.click()
    entry = arrivals(page).get_by_role("listitem").filter(has_text=STAYS_AWAY)
    expect(entry).to_contain_text("not saved yet")
    expect(entry.get_by_role("button", name="Undo")).to_have_count(0)
    page.context.set_offline(False)
    expect(entry.get_by_role("button", name="Undo")).to_be_visible()
    expect(entry).not_to_contain_text("not saved yet")
    items = school.call(page.context, "GET", f"/sessions/{session}/records")["items"]
    assert next(each["status"] for each in items if each["student"]["name"] == STAYS_AWAY) == "present"


def test_a_busy_server_a_login_that_ends_and_a_session_closed_elsewhere(
    page_of: Callable[..., Page], context_of: Callable[..., Any], session_of: Callable[[Page], int], school: School
) -> None:
    page = page_of()
    session = session_of(page)
    busy = {"status": 503, "headers": {"Retry-After": "1", "Content-Type": "application/problem+json"}}
    page.route("**/frames", lambda route: route.fulfill(**busy, body='{"code": "busy", "detail": "too much to do"}'))
    page.goto(f"/#/sessions/{session}/live")
    note = page.locator(".frame-note")
    expect(note).to_contain_text("The server is busy")
    page.unroute("**/frames")
    expect(note).to_have_count(0)

    token = page.context.request.get("/api/v1/auth/me").json()["csrf_token"]
    page.context.request.post("/api/v1/auth/logout", headers={"X-CSRF-Token": token})
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Your login has ended")
    dialog.get_by_label("Password").fill(school.passwords["nora@demo.example"])
    dialog.get_by_role("button", name="Log in").click()
    expect(dialog).to_have_count(0)
    expect(page.locator(".face .label").first).to_be_visible(timeout=SEEN_MS)

    school.call(context_of("admin@demo.example"), "POST", f"/sessions/{session}/close")
    expect(page.get_by_text("This session is closed").or_(page.get_by_role("button", name="Export"))).to_be_visible()
