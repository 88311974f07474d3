"""Requests for enrolment: whom one may not see waits for an admin, and whether the school has them is not told."""

from __future__ import annotations

import io
import json
import re
from datetime import date
from typing import Any
from zipfile import ZipFile

import pytest
from sqlalchemy import event
from werkzeug.test import TestResponse

from attendance.models import (
    AuditEvent,
    Consent,
    Enrolment,
    EnrolmentRequest,
    Erasure,
    ErasureKind,
    Role,
    Student,
    StudentStatus,
)
from support.recognition import known, picture
from support.service import Client, Service, problem

CSV = {"Content-Type": "text/csv"}


class School:
    """Anna, whose id is S1, is in a course of ``colleague``; ``client`` is an instructor's who leads ``course``."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.colleague, self.instructor = service.user(), service.user(name="Ib")
        self.theirs = service.course("THEIRS", leads=(self.colleague,))
        self.course = service.course("MINE", leads=(self.instructor,))
        self.anna = service.student("S1", "Anna Real", email="anna@example.org")
        service.enrol(self.theirs, self.anna)
        self.client, self.admin = service.program(self.instructor), service.admin()

    def enrol(self, client: Client | None = None, **body: Any) -> TestResponse:
        return (client or self.client).post(f"/courses/{self.course}/enrolments", json=body)

    def bring_in(self, text: str, *, client: Client | None = None, dry_run: bool = False) -> dict[str, Any]:
        path = f"/courses/{self.course}/roster/import?dry_run={str(dry_run).lower()}"
        answer = (client or self.client).post(path, data=text.encode(), headers=CSV)
        assert answer.status_code == 200, answer.json
        result: dict[str, Any] = answer.json
        return result

    def waiting(self, client: Client | None = None) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (client or self.client).get("/enrolment-requests").json["items"]
        return items

    def approve(self, *ids: int) -> dict[str, Any]:
        answer = self.admin.post("/enrolment-requests/approve", json={"ids": list(ids)})
        assert answer.status_code == 200, answer.json
        result: dict[str, Any] = answer.json
        return result


@pytest.fixture
def school(service: Service) -> School:
    return School(service)


def test_nothing_tells_whether_an_id_is_a_students(school: School) -> None:
    """Everything an instructor can send about an id is answered alike for one that is a student's elsewhere, one of
    another form, one that is being erased, one of an inactive student, and one of nobody."""
    service, course = school.service, school.course
    school.service.student("S3", "Gone", status=StudentStatus.INACTIVE)
    with service.db() as db:
        now = service.clock.now()
        db.add(
            Erasure(
                student_id=school.anna,
                kind=ErasureKind.FACE,
                external_id="S4",
                shas=[],
                steps={},
                requested_by=None,
                requested_at=now,
            )
        )
    session = service.session(course)

    def battery(external_id: str) -> list[tuple[int, str]]:
        row = {"external_id": external_id, "name": "X", "email": "x@example.org"}
        path = f"/courses/{course}"
        file = f"external_id,name\n{external_id},X\n"
        answers = [
            school.enrol(external_id=external_id),
            school.client.post(f"{path}/roster/import", data=file.encode(), headers=CSV),
            school.client.post(f"{path}/roster/import", data=f"id\n{external_id}\n".encode(), headers=CSV),
            school.client.post(f"{path}/roster/import?dry_run=false", data=file.encode(), headers=CSV),
            school.enrol(**row),
            school.enrol(**row),
            school.client.post(f"{path}/roster/import", data=file.encode(), headers=CSV),
            school.client.get("/enrolment-requests"),
            school.client.get(f"{path}/roster"),
            school.client.get(f"{path}/roster?q={external_id}"),
            school.client.get(f"{path}/roster.csv"),
            school.client.get(f"/students?q={external_id}"),
            school.client.get(f"/students?course_id={course}&sort=external_id"),
            school.client.post("/students", json={**row, "course_id": course}),
            school.client.get(f"/reports/courses/{course}"),
            school.client.get(f"/sessions/{session}/records"),
            school.client.post(
                f"/sessions/{session}/records/import",
                json={"rows": [{"external_id": external_id, "status": "present"}]},
            ),
        ]
        request = school.waiting()[0]["id"]
        answers += [
            school.client.post("/enrolment-requests/approve", json={"ids": [request]}),
            school.client.delete(f"/enrolment-requests/{request}"),
            school.client.get("/enrolment-requests"),
        ]
        given = re.compile(rf'("id": ?)\d+|"request_id": ?"[^"]*"|enrolment-requests/\d+|\b{external_id}\b')
        return [(answer.status_code, given.sub("-", answer.get_data(as_text=True))) for answer in answers]

    first, *others = [battery(external_id) for external_id in ("S2", "S1", "s1", "S3", "S4")]
    for other in others:
        assert other == first


def test_who_waits_is_on_the_roster_and_nothing_else(school: School) -> None:
    made = school.enrol(external_id=" s1 ", name="Anna", starts_on="2026-11-01")
    assert made.status_code == 202
    assert (made.json["external_id"], made.json["requested_by"], made.json["student"]) == ("s1", "Ib", None)
    client, course, session = school.client, school.course, school.service.session(school.course)
    assert school.waiting() == [made.json]
    assert [item["id"] for item in client.get(f"/enrolment-requests?course_id={course}").json["items"]] == [
        made.json["id"]
    ]
    assert school.waiting(school.service.program(school.colleague)) == []
    assert client.get(f"/courses/{course}/roster").json["items"] == []
    for path in ("", "/consents", "/faces"):
        assert problem(client.get(f"/students/{school.anna}{path}")) == (404, "not_found")
    assert problem(client.get(f"/reports/students/{school.anna}")) == (404, "not_found")
    face = client.post(f"/recognize?course_id={course}", data=picture(known("S1")), content_type="image/png").json
    assert [(each["decision"], each["student"]) for each in face["faces"]] == [("not_enrolled", None)]
    assert client.post(f"/sessions/{session}/open").status_code == 200
    assert client.get(f"/sessions/{session}/records").json["items"] == []
    with school.service.db() as db:
        assert db.query(Enrolment).filter_by(course_id=course).count() == 0 and db.query(Student).count() == 1


def test_an_admin_sees_who_it_is_and_approves(school: School) -> None:
    report = school.bring_in("id,name,start\ns1,Anna,2026-10-01\nS9,Nils,2026-10-02\n")
    assert (report["requested"], report["new"], report["enrolled"], report["kept"]) == (2, 0, 0, 0)
    again = school.bring_in("id,name\ns1,Anna\nS9,Niels\n")
    assert (again["requested"], again["unchanged"]) == (1, 1)
    anna, niels = school.waiting(school.admin)
    assert (anna["student"]["external_id"], anna["student"]["name"], niels["student"]) == ("S1", "Anna Real", None)
    assert school.approve(anna["id"], niels["id"], 4711) == {
        "approved": 2,
        "left": [
            {"request_id": 4711, "code": "not_found", "message": "was withdrawn, changed or decided on meanwhile"}
        ],
    }
    assert school.waiting() == []
    roster = school.client.get(f"/courses/{school.course}/roster").json["items"]
    assert [
        (row["student"]["external_id"], row["student"]["name"], row["enrolment"]["starts_on"]) for row in roster
    ] == [
        ("S1", "Anna Real", "2026-10-01"),
        ("S9", "Niels", "2026-10-02"),
    ]
    with school.service.db() as db:
        events = db.query(AuditEvent).filter_by(action="enrolment_request.approve").all()
        assert [event.data["requested_by"] for event in events] == [school.instructor] * 2
        assert "Anna" not in str([event.data for event in db.query(AuditEvent)])
    # it is the sheet that the instructor has now, and still not the person
    path = f"/students/{school.anna}"
    assert school.client.get(path).json["may_manage"] is False
    assert problem(school.client.patch(path, json={"name": "X"}, headers={"If-Match": "*"})) == (403, "not_appointed")
    assert problem(school.client.post(f"{path}/consents/withdraw")) == (403, "not_appointed")
    assert problem(school.client.get(f"{path}/consents")) == (403, "not_appointed")
    with school.service.db() as db:
        assert db.query(Consent).one().withdrawn_at is None


def test_what_cannot_be_approved_stays_and_says_why(school: School) -> None:
    school.bring_in("id,name\nS1,Anna\nS8,Eve\n")
    first, second = (item["id"] for item in school.waiting())
    with school.service.db() as db:
        db.add(
            Erasure(
                student_id=school.anna,
                kind=ErasureKind.FACE,
                external_id="S8",
                shas=[],
                steps={},
                requested_by=None,
                requested_at=school.service.clock.now(),
            )
        )
    done = school.approve(second, first)
    assert (done["approved"], [(left["request_id"], left["code"]) for left in done["left"]]) == (
        1,
        [(second, "erasing")],
    )
    assert [item["id"] for item in school.waiting()] == [second]
    # an approval is for what was read: a request that was changed meanwhile is another one
    school.enrol(external_id="S8", name="Somebody else")
    assert school.approve(second)["left"][0]["code"] == "not_found"
    (changed,) = school.waiting()
    school.service.enrol(school.course, school.anna, starts_on=date(2027, 1, 1))
    assert problem(school.admin.post("/enrolment-requests/approve", json={"ids": [0] * 101})) == (422, "invalid")
    assert school.admin.delete(f"/enrolment-requests/{changed['id']}").status_code == 204
    assert school.waiting() == []
    with school.service.db() as db:
        assert db.query(AuditEvent).filter_by(action="enrolment_request.refuse").count() == 1


def test_an_admins_own_enrolments_wait_for_nobody_and_settle_what_waits(school: School) -> None:
    school.bring_in("id,name,email,start,end\nS1,Anna\nS2,Ben\nS3,Cleo\nS4,Dan,dan@example.org,2026-10-01,2026-12-01\n")
    assert school.approve(school.waiting()[-1]["id"])["approved"] == 1
    (row,) = school.client.get(f"/courses/{school.course}/roster").json["items"]
    dan = school.admin.get(f"/students/{row['student']['id']}").json
    assert (dan["email"], row["enrolment"]["ends_on"]) == ("dan@example.org", "2026-12-01")
    assert school.enrol(school.admin, external_id="s1").status_code == 201
    assert [item["external_id"] for item in school.waiting()] == ["S2", "S3"]
    assert school.bring_in("id,name\nS2,Ben\n", client=school.admin)["new"] == 1
    new = {"external_id": "S3", "name": "Cleo", "course_id": school.course}
    assert school.admin.post("/students", json=new).status_code == 201
    assert school.waiting() == []


def test_staff_enrol_at_once_whom_they_have_already(school: School) -> None:
    school.service.staff(school.theirs, school.instructor)
    assert school.enrol(student_id=school.anna).status_code == 201
    report = school.bring_in("id,name\nS1,Anna Real\nS2,Ben\n", dry_run=True)
    assert (report["unchanged"], report["requested"]) == (1, 1)
    told = [school.enrol(student_id=nobody).json["detail"] for nobody in (4711, 4712)]
    ben = school.service.student("S2")
    told.append(school.enrol(student_id=ben).json["detail"])
    assert len({re.sub(r"\d+", "N", each) for each in told}) == 1


def test_an_appointment_reaches_nobody_who_was_not_the_appointees_before(school: School) -> None:
    """Who is appointed in one course and teaches a student in another cannot carry the student over."""
    service, enroller = school.service, appointed(school)
    made = school.enrol(service.program(enroller), external_id="S1")
    assert made.status_code == 202 and made.json["name"] == "Anna Real"
    assert school.enrol(service.program(enroller), student_id=school.anna).status_code == 202
    assert school.bring_in("id,name\nS1,A\n", client=service.program(enroller), dry_run=True)["requested"] == 1
    client = service.program(enroller)
    assert problem(client.get(f"/students/{school.anna}/consents")) == (403, "not_appointed")
    school.approve(school.waiting()[0]["id"])
    assert client.get(f"/students/{school.anna}/consents").status_code == 200


def appointed(school: School) -> int:
    enroller = school.service.user()
    school.service.staff(school.theirs, enroller, is_lead=True)
    school.service.staff(school.course, enroller, may_enrol=True)
    return enroller


def test_only_who_may_change_the_roster_withdraws_a_request(school: School) -> None:
    request = school.enrol(external_id="S1", name="Anna").json["id"]
    assistant, viewer = school.service.user(), school.service.user(Role.VIEWER)
    school.service.staff(school.course, assistant)
    school.service.staff(school.course, viewer)
    path = f"/enrolment-requests/{request}"
    for user, code in ((assistant, "not_lead"), (viewer, "role"), (school.colleague, "foreign_course")):
        assert problem(school.service.program(user).delete(path)) == (403, code)
    assert len(school.waiting(school.service.program(viewer))) == 1
    assert school.client.delete(path).status_code == 204
    assert problem(school.client.delete(path)) == (404, "not_found")
    assert school.service.acts() == ["enrolment_request.create", "enrolment_request.withdraw"]


def test_an_erased_student_waits_nowhere_and_an_export_has_what_waits(school: School) -> None:
    school.enrol(external_id="s1", name="Anna")
    export = school.admin.get(f"/students/{school.anna}/export")
    data = json.loads(ZipFile(io.BytesIO(export.data)).read("data.json"))
    assert [each["name"] for each in data["enrolment_requests"]] == ["Anna"]
    school.admin.post(f"/students/{school.anna}/erase", json={"external_id": "S1"})
    with school.service.db() as db:
        assert db.query(EnrolmentRequest).count() == 0


def test_asking_again_for_a_whole_school_compares_no_request_with_every_other(school: School) -> None:
    """A request in memory is compared with every part of a deletion, while everybody waits who writes."""
    text = "external_id,name\n" + "".join(f"N{n},Name {n}\n" for n in range(30))
    school.bring_in(text)
    loaded: list[object] = []
    listener = lambda request, _: loaded.append(request)  # noqa: E731
    event.listen(EnrolmentRequest, "load", listener)
    try:
        assert school.bring_in(text.replace("Name", "Nome"))["requested"] == 30 and not loaded
    finally:
        event.remove(EnrolmentRequest, "load", listener)
    assert {each["name"] for each in school.waiting()} == {f"Nome {n}" for n in range(30)}
