"""Excuses, before and after sessions close, through the API."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from attendance.models import AuditEvent, Role
from support.service import Service, problem, utc

MONDAY = "2026-11-23"


class Course:
    """A course with a session today, Ada and Bo in it, and its lead."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.lead = service.user(name="Lea")
        self.id = service.course(leads=(self.lead,))
        self.ada, self.bo = service.student("ada"), service.student("bo")
        service.enrol(self.id, self.ada, self.bo)
        self.session = service.session(self.id)
        self.client = service.program(self.lead)

    def hold(self, session: int | None = None) -> None:
        """Open and close it, and let the grace pass."""
        path = f"/sessions/{session or self.session}"
        assert self.client.post(f"{path}/open").status_code == 200
        assert self.client.post(f"{path}/close").status_code == 200
        self.service.clock.advance(seconds=130)
        self.service.chores()

    def excuse(self, **values: Any) -> Any:
        body = {
            "student_id": self.ada,
            "course_id": self.id,
            "starts_on": MONDAY,
            "ends_on": MONDAY,
            "reason_code": "illness",
            **values,
        }
        return self.client.post("/excuses", json=body)

    def marks(self, session: int | None = None) -> dict[str, tuple[str, str]]:
        sheet = self.client.get(f"/sessions/{session or self.session}/records").json
        return {item["student"]["external_id"]: (item["status"], item["source"]) for item in sheet["items"]}


@pytest.fixture
def course(service: Service) -> Course:
    return Course(service)


def test_who_is_excused_before_the_close_is_not_absent(course: Course) -> None:
    made = course.excuse(text="a cold")
    assert made.status_code == 201
    assert (made.json["changed"], made.json["locked"], made.json["excuse"]["student_name"]) == ([], [], "Student ada")
    course.hold()
    assert course.marks() == {"ada": ("excused", "auto_close"), "bo": ("absent", "auto_close")}


def test_an_excuse_that_comes_later_changes_what_the_close_had_set(course: Course, service: Service) -> None:
    course.hold()
    made = course.excuse().json
    assert course.marks() == {"ada": ("excused", "auto_close"), "bo": ("absent", "auto_close")}
    (record,) = made["changed"]
    changes = course.client.get(f"/records/{record}/changes").json
    assert [(each["new_status"], each["reason_code"], each["actor_name"]) for each in changes] == [
        ("absent", "not_seen", None),
        ("excused", "excuse", "Lea"),
    ]
    assert course.client.delete(f"/excuses/{made['excuse']['id']}").status_code == 204
    assert course.marks()["ada"] == ("absent", "auto_close")
    assert course.client.delete(f"/excuses/{made['excuse']['id']}").status_code == 204
    with service.db() as db:
        actions = [event.action for event in db.query(AuditEvent).filter_by(object_type="excuse")]
    assert actions == ["excuse.create", "excuse.revoke"]


def test_an_excuse_that_comes_while_the_session_is_settled_counts(course: Course, service: Service) -> None:
    service.enrol(course.id, cy := service.student("cy"))
    path = f"/sessions/{course.session}"
    assert course.client.post(f"{path}/open").status_code == 200
    service.enrol(course.id, di := service.student("di"))  # has no record before the close makes one
    assert course.client.post(f"{path}/close").status_code == 200
    service.clock.advance(seconds=130)
    barrier = Barrier(4)

    def settle() -> None:
        barrier.wait(10)
        service.chores()

    def excuse(student: int) -> int:
        barrier.wait(10)
        return int(service.program(course.lead).post("/excuses", json=excuse_of(student)).status_code)

    def excuse_of(student: int) -> dict[str, Any]:
        days = {"starts_on": MONDAY, "ends_on": MONDAY}
        return {"student_id": student, "course_id": course.id, "reason_code": "illness", **days}

    with ThreadPoolExecutor(4) as pool:
        settling = pool.submit(settle)
        answers = [pool.submit(excuse, student) for student in (course.ada, cy, di)]
        settling.result()
        assert [answer.result() for answer in answers] == [201] * 3
    excused = ("excused", "auto_close")
    assert course.marks() == {"ada": excused, "bo": ("absent", "auto_close"), "cy": excused, "di": excused}


def test_one_revoked_of_two_leaves_the_other(course: Course) -> None:
    course.hold()
    first = course.excuse().json["excuse"]["id"]
    assert course.excuse(reason_code="family").json["changed"] == []
    course.client.delete(f"/excuses/{first}")
    assert course.marks()["ada"] == ("excused", "auto_close")


def test_what_a_person_set_stays(course: Course) -> None:
    course.hold()
    body = {"items": [{"student_id": course.ada, "status": "absent"}], "reason_code": "correction"}
    assert course.client.post(f"/sessions/{course.session}/records/bulk", json=body).status_code == 200
    made = course.excuse().json
    assert made["changed"] == [] and course.marks()["ada"] == ("absent", "manual")
    course.client.delete(f"/excuses/{made['excuse']['id']}")
    assert course.marks()["ada"] == ("absent", "manual")


def test_a_locked_session_stays_and_is_named(course: Course) -> None:
    course.hold()
    course.client.post(f"/sessions/{course.session}/lock")
    made = course.excuse().json
    assert (made["changed"], made["locked"]) == ([], [course.session])
    assert course.marks()["ada"] == ("absent", "auto_close")


def test_only_the_days_and_the_course_that_were_named(course: Course, service: Service) -> None:
    tuesday = service.session(course.id, utc(2026, 11, 24, 8))
    other = service.course(leads=(course.lead,))
    service.enrol(other, course.ada)
    elsewhere = service.session(other)
    course.hold()
    course.hold(tuesday)
    course.hold(elsewhere)
    course.excuse(starts_on="2026-11-24", ends_on="2026-11-24")
    assert course.marks()["ada"] == course.marks(elsewhere)["ada"] == ("absent", "auto_close")
    assert course.marks(tuesday)["ada"] == ("excused", "auto_close")


@pytest.mark.parametrize(
    ("day", "becomes"), [("2026-11-22", "absent"), ("2026-11-23", "excused"), ("2026-11-24", "absent")]
)
def test_the_day_is_the_courses_own(service: Service, day: str, becomes: str) -> None:
    course = Course(service)
    late = service.session(course.id, utc(2026, 11, 22, 23, 30))  # 00:30 of the 23rd in Berlin
    course.hold(late)
    course.excuse(starts_on=day, ends_on=day)
    assert course.marks(late)["ada"][0] == becomes


def test_an_excuse_from_every_course_is_an_admins(course: Course, service: Service) -> None:
    other = service.course(leads=(course.lead,))
    service.enrol(other, course.ada)
    elsewhere = service.session(other)
    course.hold()
    course.hold(elsewhere)
    assert problem(course.excuse(course_id=None)) == (403, "role")
    admin = service.admin()
    body = {"student_id": course.ada, "starts_on": MONDAY, "ends_on": MONDAY, "reason_code": "school_event"}
    made = admin.post("/excuses", json=body)
    assert made.status_code == 201 and len(made.json["changed"]) == 2
    assert course.marks()["ada"] == course.marks(elsewhere)["ada"] == ("excused", "auto_close")
    # of somebody whom the instructor does not teach it is not theirs to see
    foreign = admin.post("/excuses", json={**body, "student_id": service.student("di")})
    assert foreign.status_code == 201
    listed = course.client.get(f"/excuses?course_id={other}").json["items"]
    assert [item["id"] for item in listed] == [made.json["excuse"]["id"]]
    assert course.client.get("/excuses").json["items"] == listed
    assert problem(course.client.delete(f"/excuses/{listed[0]['id']}")) == (403, "role")


def test_what_makes_no_sense_is_refused(course: Course, service: Service) -> None:
    assert problem(course.excuse(ends_on="2026-11-22")) == (422, "dates")
    assert problem(course.excuse(reason_code="lazy")) == (422, "invalid")
    assert problem(course.excuse(course_id=99999)) == (404, "not_found")
    # whether somebody who is not in the course is in the school is not told
    for nobody in (service.student("di"), 99999):
        assert problem(course.excuse(student_id=nobody)) == (422, "not_enrolled")
    assert problem(course.excuse(course_id=service.course())) == (403, "foreign_course")
    assert problem(course.client.delete("/excuses/99999")) == (404, "not_found")
    assert course.client.get("/excuses").json["items"] == []


def test_the_list_shows_ones_own_courses_with_filters(course: Course, service: Service) -> None:
    foreign = service.course()
    service.enrol(foreign, course.bo)
    first = course.excuse().json["excuse"]["id"]
    second = course.excuse(student_id=course.bo, starts_on="2026-12-01", ends_on="2026-12-03").json["excuse"]["id"]
    admin = service.admin()
    admin.post(
        "/excuses",
        json={
            "student_id": course.bo,
            "course_id": foreign,
            "starts_on": MONDAY,
            "ends_on": MONDAY,
            "reason_code": "family",
        },
    )

    def listed(query: str = "") -> list[int]:
        return [item["id"] for item in course.client.get(f"/excuses?{query}").json["items"]]

    assert listed() == listed(f"course_id={course.id}") == [second, first]
    assert len(admin.get("/excuses").json["items"]) == 3
    assert listed(f"student_id={course.ada}") == listed("to=2026-11-30") == [first]
    assert listed("from=2026-12-03") == [second] and listed("from=2026-12-04") == []
    page = course.client.get("/excuses?limit=1").json
    assert listed(f"cursor={page['next_cursor']}") == [first]
    course.client.delete(f"/excuses/{first}")
    assert listed() == [second] and listed("revoked=true") == [first]
    assert problem(course.client.get(f"/excuses?course_id={foreign}")) == (403, "foreign_course")


def test_who_may_only_look_excuses_nobody(course: Course, service: Service) -> None:
    excuse = course.excuse().json["excuse"]["id"]
    viewer = service.user(Role.VIEWER)
    service.staff(course.id, viewer)
    client = service.program(viewer)
    assert [item["id"] for item in client.get("/excuses").json["items"]] == [excuse]
    assert problem(client.delete(f"/excuses/{excuse}")) == (403, "role")
