"""Calendars, as a calendar program reads them."""

from __future__ import annotations

import icalendar
from werkzeug.test import TestResponse

from attendance.models import AuditEvent, ClassSession, Role, SessionState, UserAccount
from support.marks import held
from support.service import Service, problem, utc


def events(answer: TestResponse) -> dict[str, icalendar.Event]:
    """By summary."""
    assert answer.status_code == 200 and answer.content_type == "text/calendar; charset=utf-8"
    assert all(len(line) <= 75 for line in answer.data.split(b"\r\n"))
    calendar = icalendar.Calendar.from_ical(answer.data)
    assert calendar["version"] == "2.0" and calendar["prodid"]
    return {str(event["summary"]): event for event in calendar.walk("VEVENT")}


def path_of(url: str) -> str:
    assert url.startswith("http://localhost/api/v1/calendar/") and url.endswith(".ics")
    return url.removeprefix("http://localhost")


def test_the_sessions_of_a_course(service: Service) -> None:
    viewer = service.user(Role.VIEWER)
    course = service.course("MATH-1", title="Analysis; part 1, " + "long " * 19 + "long", staff=(viewer,))
    student = service.student("s4711", "Ada Lovelace")
    service.enrol(course, student)
    held(service, course, utc(2026, 10, 19, 7), {student: "P"}, title="Before the clocks change")
    service.session(course, utc(2026, 10, 26, 8), title="After")
    service.session(course, utc(2026, 11, 2, 8), title="Off", state=SessionState.CANCELLED, version=3)
    service.session(course, utc(2026, 11, 9, 8))
    answer = service.program(viewer).get(f"/courses/{course}/calendar.ics")
    found = events(answer)
    assert set(found) == {
        "MATH-1 Before the clocks change",
        "MATH-1 After",
        "MATH-1 Off",
        "MATH-1 Analysis; part 1, " + ("long " * 20).strip(),
    }
    before, after, off = found["MATH-1 Before the clocks change"], found["MATH-1 After"], found["MATH-1 Off"]
    assert b"DTSTART:20261019T070000Z" in answer.data
    assert (before.start, before.end) == (utc(2026, 10, 19, 7), utc(2026, 10, 19, 8, 30))
    assert after.start == utc(2026, 10, 26, 8)
    assert (off["status"], off["sequence"], after["status"], after["sequence"]) == ("CANCELLED", 2, "CONFIRMED", 0)
    assert len({str(event["uid"]) for event in found.values()}) == 4
    assert b"Lovelace" not in answer.data and b"s4711" not in answer.data
    assert answer.headers["Content-Disposition"] == 'attachment; filename="MATH-1 2026W.ics"'
    assert problem(service.program(service.user()).get(f"/courses/{course}/calendar.ics")) == (403, "foreign_course")
    assert problem(service.guest().get(f"/courses/{course}/calendar.ics")) == (401, "not_logged_in")


def test_a_moved_session_keeps_its_uid(service: Service) -> None:
    course, admin = service.course("C"), service.admin()
    session = service.session(course, utc(2026, 11, 25, 8), title="x")
    first = events(admin.get(f"/courses/{course}/calendar.ics"))["C x"]
    with service.db() as db:
        moved = db.get_one(ClassSession, session)
        moved.starts_at, moved.version = utc(2026, 11, 25, 7), 2
    service.clock.advance(days=1)
    second = events(admin.get(f"/courses/{course}/calendar.ics"))["C x"]
    assert (second["uid"], second.start, second["sequence"]) == (first["uid"], utc(2026, 11, 25, 7), 1)


def test_a_secret_address_shows_what_its_owner_may_see_now(service: Service) -> None:
    instructor = service.user()
    mine, later, foreign = service.course("A", staff=(instructor,)), service.course("B"), service.course("X")
    over = service.course("O", staff=(instructor,), archived_at=service.clock.now())
    for course in (mine, later, foreign, over):
        service.session(course, title="one")
    service.session(mine, utc(2025, 1, 1), title="long ago")
    service.session(mine, utc(2028, 1, 1), title="far off")
    browser, guest = service.browser(instructor), service.guest()
    made = browser.post("/calendar/feeds")
    assert made.status_code == 201
    path = path_of(made.json["url"])
    assert set(events(guest.get(path))) == {"A one"}
    service.staff(later, instructor)
    assert set(events(guest.get(path))) == {"A one", "B one"}
    listed = browser.get("/calendar/feeds").json
    assert listed == [{"id": made.json["id"], "created_at": made.json["created_at"]}]
    secret = path.rpartition("/")[2].removesuffix(".ics")
    with service.db() as db:
        noted = [(event.action, event.data) for event in db.query(AuditEvent)]
    assert [action for action, _ in noted] == ["calendar.feed.create"] and secret not in str(noted)


def test_an_address_ends_when_it_is_deleted_or_its_owner_disabled(service: Service) -> None:
    user = service.user()
    browser, guest = service.browser(user), service.guest()
    one, two = (browser.post("/calendar/feeds").json for _ in range(2))
    assert problem(service.browser(service.user()).delete(f"/calendar/feeds/{one['id']}")) == (404, "not_found")
    assert browser.delete(f"/calendar/feeds/{one['id']}").status_code == 204
    assert problem(browser.delete(f"/calendar/feeds/{one['id']}")) == (404, "not_found")
    assert service.acts() == ["calendar.feed.create"] * 2 + ["calendar.feed.revoke"]
    assert problem(guest.get(path_of(one["url"]))) == (404, "not_found")
    assert guest.get(path_of(two["url"])).status_code == 200
    assert [feed["id"] for feed in browser.get("/calendar/feeds").json] == [two["id"]]
    with service.db() as db:
        db.get_one(UserAccount, user).disabled_at = service.clock.now()
    assert problem(guest.get(path_of(two["url"]))) == (404, "not_found")


def test_no_guess_opens_a_calendar(service: Service) -> None:
    guest = service.guest()
    for guess in ("x", "%00", "%ED%A0%80", "%F0%9F%98%80", "a" * 5000, "'--"):
        assert problem(guest.get(f"/calendar/{guess}.ics")) == (404, "not_found"), guess


def test_a_program_cannot_make_itself_an_address(service: Service) -> None:
    assert problem(service.program(service.user()).post("/calendar/feeds")) == (403, "scope")
    browser = service.browser(service.user())
    for _ in range(20):
        assert browser.post("/calendar/feeds").status_code == 201
    assert problem(browser.post("/calendar/feeds")) == (409, "too_many_feeds")


def test_the_address_is_the_public_one(service: Service) -> None:
    object.__setattr__(service.app.extensions["smartattendance"].options, "public_url", "https://school.example/")
    url = service.browser(service.user()).post("/calendar/feeds").json["url"]
    assert url.startswith("https://school.example/api/v1/calendar/")
