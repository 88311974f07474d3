"""Courses and their staff, through the API."""

from __future__ import annotations

from attendance.models import AuditEvent, Role
from support.service import Service, problem

NEW = {"code": "MATH-1", "title": "Analysis", "term": "2026W", "timezone": "Europe/Berlin"}


def test_an_instructor_makes_a_course_and_leads_it(service: Service) -> None:
    instructor = service.browser(service.user(name="Ada Lovelace"))
    made = instructor.post("/courses", json=NEW)
    assert made.status_code == 201
    assert {**made.json, **NEW} == made.json
    assert made.json["late_after_s"] == 600 and made.json["excused_counts"] == "left_out"
    staff = instructor.get(f"/courses/{made.json['id']}/staff").json
    assert [(who["name"], who["is_lead"]) for who in staff] == [("Ada Lovelace", True)]
    with service.db() as db:
        assert [event.action for event in db.query(AuditEvent)] == ["course.create"]


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
    client = service.program(service.user())
    answer = client.post("/courses", json={**NEW, "timezone": "Mars/Olympus", "colour": "red", "code": "a\u0000b"})
    assert problem(answer) == (422, "invalid")
    assert {error["field"] for error in answer.json["errors"]} == {"timezone", "colour", "code"}
    assert client.post("/courses", json=NEW).status_code == 201
    assert problem(client.post("/courses", json=NEW)) == (409, "duplicate")
    assert problem(client.get("/courses?limit=0")) == (422, "invalid")
    assert problem(client.get("/courses?cursor=nonsense")) == (422, "cursor")
    assert problem(client.get("/courses/99999999999")) == (404, "not_found")


def test_only_a_lead_puts_people_on_the_staff(service: Service) -> None:
    lead, assistant, other = service.user(), service.user(), service.user(Role.VIEWER)
    course = service.course(staff=(assistant,), leads=(lead,))
    path = f"/courses/{course}/staff/{other}"
    assert problem(service.program(assistant).put(path, json={})) == (403, "not_lead")
    assert problem(service.program(other).get(f"/courses/{course}")) == (403, "foreign_course")
    client = service.program(lead)
    assert problem(client.put(path, json={"is_lead": True})) == (422, "role")
    assert client.put(path, json={}).status_code == 200
    assert service.program(other).get(f"/courses/{course}").status_code == 200
    assert problem(client.delete(f"/courses/{course}/staff/{lead}")) == (409, "last_lead")
    assert client.delete(path).status_code == 204
    assert problem(client.delete(path)) == (404, "not_found")


def test_an_archived_course_leaves_the_list_and_comes_back(service: Service) -> None:
    lead = service.user()
    course, client = service.course(leads=(lead,)), service.program(lead)
    assert client.post(f"/courses/{course}/archive").status_code == 200
    assert client.get("/courses").json["items"] == []
    assert [item["id"] for item in client.get("/courses?archived=true").json["items"]] == [course]
    session = service.session(course)
    assert problem(client.post(f"/sessions/{session}/open")) == (409, "course_archived")
    assert client.delete(f"/courses/{course}/archive").json["archived_at"] is None
    assert client.post(f"/sessions/{session}/open").status_code == 200
