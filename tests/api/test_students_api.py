"""Students, through the API."""

from __future__ import annotations

import pytest

from attendance.models import AuditEvent, Enrolment, Erasure, FaceImage, FaceImageState, Role, Student, StudentStatus
from support.service import Service, problem


def _image(service: Service, student_id: int, recorded_by: int) -> None:
    consent = service.admin().get(f"/students/{student_id}/consents").json[0]["id"]
    with service.db() as db:
        db.add(
            FaceImage(
                student_id=student_id,
                consent_id=consent,
                sha256="a" * 64,
                path=f"x/{student_id}.png",
                quality={},
                state=FaceImageState.STORED,
                created_by=recorded_by,
                created_at=service.clock.now(),
            )
        )


def test_an_admin_adds_a_student_who_is_enrolled_at_once(service: Service) -> None:
    course, client = service.course(), service.admin()
    made = client.post("/students", json={"external_id": " s-1 ", "name": "Zoe\u0308 Ley", "course_id": course})
    assert made.status_code == 201 and made.headers["ETag"] == '"v1"'
    assert (made.json["external_id"], made.json["name"], made.json["status"]) == ("s-1", "Zo\u00eb Ley", "active")
    assert made.json["has_consent"] is False and made.json["face_images"] == 0
    assert client.get(f"/students/{made.json['id']}").json == made.json
    with service.db() as db:
        enrolment = db.query(Enrolment).one()
        assert (enrolment.course_id, str(enrolment.starts_on), enrolment.ends_on) == (course, "2026-11-23", None)
        events = db.query(AuditEvent).order_by(AuditEvent.id)
        assert [event.action for event in events] == ["student.create", "enrolment.create"]
        assert not any("Ley" in str(event.data) for event in events)


def test_only_an_admin_adds_students_as_that_tells_which_ids_are_taken(service: Service) -> None:
    enroller = service.user()
    course, admin = service.course(leads=(enroller,), enrollers=(enroller,)), service.admin()
    new = {"external_id": "s1", "name": "Anna"}
    for user in (enroller, service.user(Role.VIEWER)):
        assert problem(service.program(user).post("/students", json={**new, "course_id": course})) == (403, "role")
    assert problem(admin.post("/students", json={**new, "course_id": 999})) == (404, "not_found")
    assert admin.post("/students", json=new).status_code == 201
    with service.db() as db:
        assert db.query(Student).count() == 1 and db.query(Enrolment).count() == 0


@pytest.mark.parametrize("taken", ["s-1", "S-1", "\uff53-1", "s-\uff11"])
def test_ids_that_differ_only_in_case_or_form_are_taken(service: Service, taken: str) -> None:
    service.student("s-1")
    answer = service.admin().post("/students", json={"external_id": taken, "name": "Another"})
    assert problem(answer) == (409, "duplicate")
    assert [error["field"] for error in answer.json["errors"]] == ["external_id"]


def test_values_that_cannot_be_are_refused_by_field(sqlite_service: Service) -> None:
    client = sqlite_service.admin()
    for wrong in ("../x", "CON", "a/b", "unknown", "-1", "x" * 65, "a\u202eb"):
        answer = client.post("/students", json={"external_id": wrong, "name": "Anna"})
        assert answer.status_code == 422 and answer.json["errors"][0]["field"] == "external_id", wrong
    for wrong in ("=1+1", "+Anna", "@Anna", "-Anna", "  =1", "A\u202eB", " ", "a\u0000", "x" * 201, None, 7):
        answer = client.post("/students", json={"external_id": "s1", "name": wrong})
        assert answer.status_code == 422 and answer.json["errors"][0]["field"] == "name", wrong
    for wrong in ("anna", "anna@", "a b@example.org", "=a@example.org", "a@b", "a@@example.org", "x" * 250 + "@a.de"):
        answer = client.post("/students", json={"external_id": "s1", "name": "Anna", "email": wrong})
        assert answer.status_code == 422 and answer.json["errors"][0]["field"] == "email", wrong
    assert client.get("/students").json["items"] == []


def test_one_sees_the_students_of_ones_own_courses(service: Service) -> None:
    viewer, other = service.user(Role.VIEWER), service.user()
    mine, foreign = service.course(staff=(viewer,)), service.course(staff=(other,))
    anna, ben = service.student("a", "Anna"), service.student("b", "Ben")
    service.enrol(mine, anna)
    service.enrol(foreign, ben)
    client = service.program(viewer)
    assert [item["id"] for item in client.get("/students").json["items"]] == [anna]
    assert [item["id"] for item in client.get(f"/students?course_id={mine}").json["items"]] == [anna]
    assert problem(client.get(f"/students?course_id={foreign}")) == (403, "foreign_course")
    told = []
    for nobody in (ben, 4711):
        answer = client.get(f"/students/{nobody}")
        told.append((problem(answer), answer.json["detail"].replace(str(nobody), "N")))
    assert told[0] == told[1] and told[0][0] == (404, "not_found")
    assert len(service.admin().get("/students").json["items"]) == 2


def test_students_are_found_by_words_status_and_consent_in_the_order_asked_for(service: Service) -> None:
    admin = service.admin()
    service.student("Z-9", "Anna Müller")
    service.student("z-10", "Ölaf 100%", consent=False)
    ben = service.student("x_1", "Ben", status=StudentStatus.INACTIVE)
    service.student("erased-4", "", status=StudentStatus.ERASED)

    def found(query: str) -> list[str]:
        return [item["external_id"] for item in admin.get(f"/students?{query}").json["items"]]

    assert sorted(found("")) == ["Z-9", "x_1", "z-10"]
    assert found("q=müller anna") == ["Z-9"]
    assert found("q=MÜLLER") == ["Z-9"]
    assert found("q=öl") == ["z-10"]
    assert found("q=Z-") == ["Z-9", "z-10"]
    assert found("q=%25") == ["z-10"]
    assert found("q=_") == ["x_1"]
    assert found("status=inactive") == ["x_1"]
    assert found("status=erased") == ["erased-4"]
    assert found("has_consent=false") == ["z-10"]
    assert found("has_face_images=true") == []
    assert sorted(found("has_face_images=false&has_consent=true")) == ["Z-9", "x_1"]
    assert found("sort=name&status=active") == ["Z-9", "z-10"]
    assert set(found("sort=external_id&limit=2")) < {"Z-9", "x_1", "z-10"}
    seen, cursor = [], ""
    while cursor is not None:
        page = admin.get(f"/students?limit=1&sort=external_id{f'&cursor={cursor}' if cursor else ''}").json
        seen += [item["external_id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert sorted(seen) == ["Z-9", "x_1", "z-10"]
    assert admin.post(f"/students/{ben}/consents/withdraw").status_code == 200
    assert sorted(found("has_consent=false")) == ["x_1", "z-10"]


def test_who_is_appointed_changes_a_student_and_an_admin_the_id(service: Service) -> None:
    enroller, lead = service.user(), service.user()
    course = service.course(leads=(lead,), enrollers=(enroller,))
    student = service.student("s1", "Ana")
    service.enrol(course, student)
    path, tag = f"/students/{student}", {"If-Match": '"v1"'}
    client = service.program(enroller)
    assert problem(client.patch(path, json={"name": "Anna"})) == (428, "precondition_required")
    assert problem(service.program(lead).patch(path, json={"name": "X"}, headers=tag)) == (403, "not_appointed")
    assert (client.get(path).json["may_manage"], service.program(lead).get(path).json["may_manage"]) == (True, False)
    changed = client.patch(path, json={"name": "Anna", "email": "anna@example.org"}, headers=tag)
    assert changed.status_code == 200 and changed.headers["ETag"] == '"v2"'
    assert (changed.json["name"], changed.json["email"]) == ("Anna", "anna@example.org")
    assert problem(client.patch(path, json={"name": "Old"}, headers=tag)) == (412, "stale_version")
    tag = {"If-Match": '"v2"'}
    service.student("taken")
    for external_id in ("s2", "taken"):
        assert problem(client.patch(path, json={"external_id": external_id}, headers=tag)) == (403, "role")
    assert problem(client.patch(path, json={}, headers=tag)) == (422, "empty")
    assert client.patch(path, json={"status": "inactive"}, headers=tag).json["status"] == "inactive"
    tag = {"If-Match": '"v3"'}
    admin = service.admin()
    assert admin.patch(path, json={"status": "erased"}, headers=tag).status_code == 422
    changed = admin.patch(path, json={"status": "active", "external_id": "S1", "email": None}, headers=tag)
    assert (changed.json["status"], changed.json["external_id"], changed.json["email"]) == ("active", "S1", None)


def test_an_id_with_face_images_stays(service: Service) -> None:
    admin_id = service.user(Role.ADMIN)
    student, other = service.student("s1"), service.student("s2")
    client = service.program(admin_id)
    assert problem(client.patch(f"/students/{other}", json={"external_id": "S1"}, headers={"If-Match": "*"})) == (
        409,
        "duplicate",
    )
    _image(service, student, admin_id)
    path = f"/students/{student}"
    assert client.get(path).json["face_images"] == 1
    changed = client.patch(path, json={"external_id": "s3"}, headers={"If-Match": "*"})
    assert problem(changed) == (409, "has_faces") and "delete" in changed.json["detail"]
    assert (
        client.patch(path, json={"external_id": "s1", "name": "Same id"}, headers={"If-Match": "*"}).status_code == 200
    )


def test_an_erased_student_is_not_changed(service: Service) -> None:
    student = service.student("erased-1", "", consent=False, status=StudentStatus.ERASED)
    client = service.admin()
    answer = client.patch(f"/students/{student}", json={"name": "Back"}, headers={"If-Match": "*"})
    assert problem(answer) == (409, "erased")
    assert problem(client.post(f"/students/{student}/consents", json={"method": "paper"})) == (409, "erased")


def test_an_id_is_free_again_when_everything_under_it_is_erased(service: Service) -> None:
    course, client, admin = service.course(), service.admin(), service.admin()
    student = service.student("s1")
    changed = admin.patch(f"/students/{student}", json={"external_id": "s2"}, headers={"If-Match": "*"})
    assert changed.status_code == 200
    with service.db() as db:  # models may still know the first student by it
        erasure = db.query(Erasure).one()
        assert (erasure.student_id, erasure.external_id, erasure.completed_at) == (student, "s1", None)
    new = {"external_id": "S1", "name": "Another", "course_id": course}
    assert problem(client.post("/students", json=new)) == (409, "erasing")
    path = f"/courses/{course}/roster/import"
    roster = {"data": b"id,name\nS1,Another\n", "headers": {"Content-Type": "text/csv"}}
    said = client.post(path, **roster)
    assert [(error["row"], error["field"]) for error in said.json["errors"]] == [(2, "external_id")]
    with service.db() as db:
        db.query(Erasure).one().completed_at = service.clock.now()
    assert client.post(path, **roster).json["errors"] == []
    assert client.post("/students", json=new).status_code == 201
