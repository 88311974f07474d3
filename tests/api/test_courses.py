"""Courses and their staff, through the API."""

from __future__ import annotations

import pytest

from attendance.models import AuditEvent, Role
from support.service import Service, problem

NEW = {"code": "MATH-1", "title": "Analysis", "term": "2026W", "timezone": "Europe/Berlin"}


def test_an_instructor_whom_an_admin_lets_makes_a_course_and_leads_it(service: Service) -> None:
    user = service.user(name="Ada Lovelace")
    instructor, admin = service.browser(user), service.browser(service.user(Role.ADMIN))
    assert problem(instructor.post("/courses", json=NEW)) == (403, "not_granted")
    assert instructor.get("/auth/me").json["may_create_courses"] is False
    granted = admin.patch(f"/users/{user}", json={"may_create_courses": True}, headers={"If-Match": "*"})
    assert granted.json["may_create_courses"] is True
    assert instructor.get("/auth/me").json["may_create_courses"] is True
    made = instructor.post("/courses", json=NEW)
    assert made.status_code == 201
    assert {**made.json, **NEW} == made.json
    assert made.json["late_after_s"] == 600 and made.json["excused_counts"] == "left_out"
    staff = instructor.get(f"/courses/{made.json['id']}/staff").json
    assert [(who["name"], who["is_lead"], who["may_enrol"]) for who in staff] == [("Ada Lovelace", True, False)]
    with service.db() as db:
        assert [event.action for event in db.query(AuditEvent)] == ["user.update", "course.create"]


def test_lists_only_the_courses_one_staffs_a_page_at_a_time(service: Service) -> None:
    instructor = service.user()
    mine = [service.course(f"A{number}", staff=(instructor,)) for number in range(5)]
    service.course("B")
    client, seen, cursor = service.program(instructor), [], ""
    while cursor is not None:
        page = client.get(f"/courses?limit=2{f'&cursor={cursor}' if cursor else ''}").json
        seen += [course["id"] for course in page["items"]]
        cursor = page["next_cursor"]
    assert seen == mine
    assert len(service.admin().get("/courses").json["items"]) == 6


def test_a_change_needs_the_version_that_was_read(service: Service) -> None:
    lead = service.user()
    course, client = service.course(leads=(lead,)), service.program(lead)
    tag = client.get(f"/courses/{course}").headers["ETag"]
    assert problem(client.patch(f"/courses/{course}", json={"title": "New"})) == (428, "precondition_required")
    changed = client.patch(f"/courses/{course}", json={"title": "New"}, headers={"If-Match": tag})
    assert changed.json["title"] == "New" and changed.headers["ETag"] != tag
    again = client.patch(f"/courses/{course}", json={"title": "Newer"}, headers={"If-Match": tag})
    assert problem(again) == (412, "stale_version")
    assert client.get(f"/courses/{course}").json["title"] == "New"


def test_what_makes_no_sense_is_refused_by_field(service: Service) -> None:
    client = service.admin()
    answer = client.post("/courses", json={**NEW, "timezone": "Mars/Olympus", "colour": "red", "code": "a\u0000b"})
    assert problem(answer) == (422, "invalid")
    assert {error["field"] for error in answer.json["errors"]} == {"timezone", "colour", "code"}
    assert client.post("/courses", json=NEW).status_code == 201
    assert problem(client.post("/courses", json=NEW)) == (409, "duplicate")
    assert problem(client.get("/courses?limit=0")) == (422, "invalid")
    assert problem(client.get("/courses?cursor=nonsense")) == (422, "cursor")
    assert problem(client.get("/courses/99999999999")) == (404, "not_found")


@pytest.mark.parametrize("zone", ["localtime", "Factory", "posixrules", "posix/UTC", "right/UTC", "../UTC", ""])
def test_a_time_zone_means_the_same_on_every_machine(sqlite_service: Service, zone: str) -> None:
    answer = sqlite_service.admin().post("/courses", json={**NEW, "timezone": zone})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json["errors"]] == ["timezone"]


def test_an_admin_staffs_a_course_and_appoints_for_enrolment(service: Service) -> None:
    other, viewer, gone = service.user(), service.user(Role.VIEWER), service.user(disabled_at=service.clock.now())
    course, admin = service.course(), service.admin()
    path = f"/courses/{course}/staff"
    made = admin.put(f"{path}/{other}", json={"may_enrol": True})
    assert (made.json["is_lead"], made.json["may_enrol"]) == (False, True)
    assert admin.put(f"{path}/{other}", json={"is_lead": True}).json["may_enrol"] is True
    assert admin.put(f"{path}/{other}", json={"may_enrol": False}).json["may_enrol"] is False
    for refused in ({"is_lead": True}, {"may_enrol": True}):
        assert problem(admin.put(f"{path}/{viewer}", json=refused)) == (422, "role")
    assert admin.put(f"{path}/{viewer}", json={}).status_code == 200
    for nobody in (gone, 4711):
        assert problem(admin.put(f"{path}/{nobody}", json={})) == (404, "not_found")
    assert service.program(viewer).get(f"/courses/{course}").status_code == 200
    assert admin.delete(f"{path}/{viewer}").status_code == 204
    assert problem(service.program(viewer).get(f"/courses/{course}")) == (403, "foreign_course")


def test_a_lead_says_who_of_the_staff_leads_and_is_told_of_no_other_account(service: Service) -> None:
    lead, assistant, stranger = service.user(), service.user(), service.user()
    gone = service.user(disabled_at=service.clock.now())
    course = service.course(staff=(assistant,), leads=(lead,))
    path, client = f"/courses/{course}/staff", service.program(lead)
    assert problem(service.program(assistant).put(f"{path}/{assistant}", json={"is_lead": True})) == (403, "not_lead")
    answers = []
    for user in (stranger, gone, 4711):
        put, delete = client.put(f"{path}/{user}", json={}), client.delete(f"{path}/{user}")
        answers.append(
            (problem(put), put.json["detail"], problem(delete), delete.json["detail"].replace(str(user), "N"))
        )
    assert answers[0] == answers[1] == answers[2] and answers[0][0] == (403, "role")
    assert problem(client.put(f"{path}/{lead}", json={"is_lead": True, "may_enrol": True})) == (403, "role")
    assert problem(client.get("/users?search=a")) == (403, "role")
    # somebody has to lead: not one who is disabled, and not a viewer
    service.staff(course, gone, is_lead=True)
    service.staff(course, service.user(Role.VIEWER), is_lead=True)
    assert problem(client.put(f"{path}/{lead}", json={})) == (409, "last_lead")
    assert problem(client.delete(f"{path}/{lead}")) == (409, "last_lead")
    assert client.put(f"{path}/{assistant}", json={"is_lead": True}).json["is_lead"] is True
    assert client.put(f"{path}/{lead}", json={}).json["is_lead"] is False
    assert problem(client.delete(f"{path}/{assistant}")) == (403, "not_lead")
    assert service.program(assistant).delete(f"{path}/{lead}").status_code == 204


def test_an_archived_course_leaves_the_list_and_comes_back(service: Service) -> None:
    lead = service.user()
    course, client = service.course(leads=(lead,)), service.program(lead)
    assert client.post(f"/courses/{course}/archive").status_code == 200
    assert client.get("/courses").json["items"] == []
    assert [item["id"] for item in client.get("/courses?archived=true").json["items"]] == [course]
    session = service.session(course)
    assert problem(client.post(f"/sessions/{session}/open")) == (409, "course_archived")
    assert client.delete(f"/courses/{course}/archive").json["archived_at"] is None
    assert service.acts() == ["course.archive", "course.restore"]
    assert client.post(f"/sessions/{session}/open").status_code == 200
