"""Who may call what: every endpoint, asked by nobody, by a token without the scope, by the wrong role, by the right
role of another course, by staff of the course without the appointment or grant that it needs, and by whom it is for.

The table is written by hand, from the rules of the product, and must name every endpoint there is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from werkzeug.test import TestResponse

from attendance.models import AuditEvent, UserAccount
from attendance.scopes import Scope
from support.recognition import picture
from support.service import Client, Service, problem
from support.world import World, documented_endpoints, make_world

ANYBODY, EVERYBODY, STAFF, ADMIN = "anybody", "everybody", "staff", "admin"
# of those who staff the course: appointed for enrolment; leads. Of instructors: who may make courses.
ENROLLER, ROSTER, LEAD, FOUNDER = "enroller", "roster", "lead", "founder"
# a student of another course is one who does not exist
COURSE, STUDENT = (403, "foreign_course"), (404, "not_found")
PNG = {"data": picture(), "content_type": "image/png"}
CSV = {"data": b"external_id,name\nS009,Niels Bohr\n", "content_type": "text/csv"}


@dataclass(frozen=True)
class Row:
    """who: may call it. scope: that a token needs, None when no token will do. foreign: how somebody of another course
    is refused; None where there is no course. send: the request's content. fine: what whom it is for is answered;
    another number than 200 where the world has nothing more to show. query: of the path."""

    who: str
    scope: Scope | None
    foreign: tuple[int, str] | None = None
    send: dict[str, Any] = field(default_factory=dict)
    fine: int = 200
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)


def body(**values: Any) -> dict[str, Any]:
    return {"json": values}


MATCH = {"If-Match": "*"}
COURSES, WRITE_COURSES = Scope.COURSES_READ, Scope.COURSES_WRITE
SEE, MARK, REPORTS = Scope.ATTENDANCE_READ, Scope.ATTENDANCE_WRITE, Scope.REPORTS_READ
DAYS = {"starts_on": "2026-11-23", "ends_on": "2026-11-24"}
TIMES = {"starts_at": "2026-12-01T08:00:00Z", "ends_at": "2026-12-01T09:00:00Z"}

TABLE: dict[str, Row] = {
    # accounts
    "GET /auth/setup": Row(ANYBODY, None),
    "POST /auth/login": Row(ANYBODY, None, send=body(email="a@example.org", password="wrong"), fine=401),
    "POST /auth/link": Row(ANYBODY, None, send=body(secret="x" * 43), fine=404),
    "POST /auth/redeem": Row(ANYBODY, None, send=body(secret="x" * 43, password="correct horse battery"), fine=404),
    "POST /auth/logout": Row(EVERYBODY, None, fine=204),
    "GET /auth/me": Row(EVERYBODY, COURSES),
    "PUT /auth/password": Row(
        EVERYBODY, None, send=body(old_password="wrong", new_password="correct horse battery"), fine=422
    ),
    "GET /users": Row(ADMIN, Scope.ADMIN_READ),
    "POST /users": Row(ADMIN, None, send=body(email="n@example.org", name="New", role="viewer"), fine=201),
    "GET /users/{user_id}": Row(ADMIN, Scope.ADMIN_READ),
    "PATCH /users/{user_id}": Row(ADMIN, None, send=body(name="Other"), headers=MATCH),
    "POST /users/{user_id}/disable": Row(ADMIN, Scope.ADMIN_WRITE),
    "POST /users/{user_id}/enable": Row(ADMIN, None),
    "POST /users/{user_id}/reset-link": Row(ADMIN, None, fine=201),
    "GET /users/{user_id}/tokens": Row(ADMIN, None),
    "DELETE /users/{user_id}/tokens/{token_id}": Row(ADMIN, None, fine=204),
    "GET /tokens": Row(EVERYBODY, None),
    "POST /tokens": Row(EVERYBODY, None, send=body(name="t", scopes=["courses:read"], expires_in_days=1), fine=201),
    "DELETE /tokens/{token_id}": Row(EVERYBODY, None, fine=404),
    "GET /audit": Row(ADMIN, Scope.ADMIN_READ),
    # courses
    "GET /courses": Row(EVERYBODY, COURSES),
    "POST /courses": Row(FOUNDER, WRITE_COURSES, send=body(code="N", title="New", term="T", timezone="UTC"), fine=201),
    "GET /courses/{course_id}": Row(EVERYBODY, COURSES, COURSE),
    "PATCH /courses/{course_id}": Row(LEAD, WRITE_COURSES, COURSE, send=body(title="T"), headers=MATCH),
    "POST /courses/{course_id}/archive": Row(LEAD, WRITE_COURSES, COURSE, fine=409),
    "DELETE /courses/{course_id}/archive": Row(LEAD, WRITE_COURSES, COURSE),
    "GET /courses/{course_id}/staff": Row(EVERYBODY, COURSES, COURSE),
    "PUT /courses/{course_id}/staff/{user_id}": Row(LEAD, WRITE_COURSES, COURSE, send=body()),
    "DELETE /courses/{course_id}/staff/{user_id}": Row(LEAD, WRITE_COURSES, COURSE, fine=204),
    "GET /courses/{course_id}/calendar.ics": Row(EVERYBODY, COURSES, COURSE),
    # rosters
    "GET /courses/{course_id}/roster": Row(EVERYBODY, COURSES, COURSE),
    "GET /courses/{course_id}/roster.csv": Row(EVERYBODY, COURSES, COURSE),
    "POST /courses/{course_id}/enrolments": Row(
        ROSTER, WRITE_COURSES, COURSE, send=body(external_id="S001", starts_on="2027-01-01"), fine=409
    ),
    "POST /courses/{course_id}/roster/preview": Row(ROSTER, Scope.PEOPLE_WRITE, COURSE, send=CSV),
    "POST /courses/{course_id}/roster/import": Row(ROSTER, Scope.PEOPLE_WRITE, COURSE, send=CSV),
    "PATCH /enrolments/{enrolment_id}": Row(ROSTER, WRITE_COURSES, COURSE, send=body(ends_on="2027-02-01")),
    "DELETE /enrolments/{enrolment_id}": Row(ROSTER, WRITE_COURSES, COURSE, fine=409),
    "GET /enrolment-requests": Row(EVERYBODY, COURSES, COURSE, query="?course_id={course_id}"),
    "POST /enrolment-requests/approve": Row(ADMIN, Scope.PEOPLE_WRITE, send=body(ids=["{request_id}"])),
    "DELETE /enrolment-requests/{request_id}": Row(ROSTER, WRITE_COURSES, COURSE, fine=204),
    # students
    "GET /students": Row(EVERYBODY, Scope.PEOPLE_READ),
    "POST /students": Row(
        ADMIN,
        Scope.PEOPLE_WRITE,
        send=body(external_id="S007", name="New", course_id="{course_id}"),
        fine=201,
    ),
    "GET /students/{student_id}": Row(EVERYBODY, Scope.PEOPLE_READ, STUDENT),
    "PATCH /students/{student_id}": Row(ENROLLER, Scope.PEOPLE_WRITE, STUDENT, send=body(name="N"), headers=MATCH),
    "GET /students/{student_id}/consents": Row(ENROLLER, Scope.PEOPLE_READ, STUDENT),
    "POST /students/{student_id}/consents": Row(
        ENROLLER, Scope.PEOPLE_WRITE, STUDENT, send=body(method="paper"), fine=409
    ),
    "POST /students/{student_id}/consents/withdraw": Row(ENROLLER, Scope.PEOPLE_WRITE, STUDENT),
    "GET /students/{student_id}/faces": Row(ENROLLER, Scope.FACES_READ, STUDENT),
    "POST /students/{student_id}/faces": Row(ENROLLER, Scope.FACES_WRITE, STUDENT, send=PNG, fine=422),
    "POST /students/{student_id}/faces/check": Row(ENROLLER, Scope.FACES_WRITE, STUDENT, send=PNG),
    "GET /faces/{face_id}/image": Row(ENROLLER, Scope.FACES_READ, STUDENT, fine=404),
    "DELETE /faces/{face_id}": Row(ENROLLER, Scope.FACES_WRITE, STUDENT),
    # sessions
    "GET /courses/{course_id}/schedule": Row(EVERYBODY, COURSES, COURSE),
    "POST /courses/{course_id}/schedule": Row(
        LEAD,
        WRITE_COURSES,
        COURSE,
        send=body(weekdays=["TU"], start_time="10:00", duration_s=3600, starts_on="2026-12-01", ends_on="2026-12-08"),
        fine=201,
    ),
    "PATCH /schedule/{rule_id}": Row(LEAD, WRITE_COURSES, COURSE, send=body(exclude=["2026-12-24"])),
    "DELETE /schedule/{rule_id}": Row(LEAD, WRITE_COURSES, COURSE, fine=204),
    "GET /sessions": Row(EVERYBODY, SEE),
    "GET /sessions/today": Row(EVERYBODY, SEE),
    "POST /courses/{course_id}/sessions": Row(STAFF, MARK, COURSE, send=body(**TIMES), fine=201),
    "GET /sessions/{session_id}": Row(EVERYBODY, SEE, COURSE),
    "PATCH /sessions/{session_id}": Row(STAFF, MARK, COURSE, send=body(title="T"), headers=MATCH),
    "POST /sessions/{session_id}/open": Row(STAFF, MARK, COURSE),
    "POST /sessions/{session_id}/close": Row(STAFF, MARK, COURSE),
    "POST /sessions/{session_id}/lock": Row(LEAD, MARK, COURSE, fine=409),
    "POST /sessions/{session_id}/reopen": Row(LEAD, MARK, COURSE, send=body(reason="why"), fine=409),
    "POST /sessions/{session_id}/cancel": Row(STAFF, MARK, COURSE, send=body(reason="why")),
    "GET /sessions/{session_id}/records": Row(EVERYBODY, SEE, COURSE),
    "POST /sessions/{session_id}/records/bulk": Row(
        STAFF,
        MARK,
        COURSE,
        send=body(items=[{"student_id": "{student_id}", "status": "present"}], reason_code="arrived_unseen"),
    ),
    "POST /sessions/{session_id}/records/import": Row(
        STAFF, MARK, COURSE, send=body(rows=[{"external_id": "S001", "status": "present"}])
    ),
    "GET /records/{record_id}": Row(EVERYBODY, SEE, COURSE),
    "PATCH /records/{record_id}": Row(
        STAFF, MARK, COURSE, send=body(status="present", reason_code="arrived_unseen"), headers=MATCH
    ),
    "GET /records/{record_id}/changes": Row(EVERYBODY, SEE, COURSE),
    "GET /excuses": Row(EVERYBODY, SEE),
    "POST /excuses": Row(
        STAFF,
        MARK,
        COURSE,
        send=body(student_id="{student_id}", course_id="{course_id}", reason_code="illness", **DAYS),
        fine=201,
    ),
    "DELETE /excuses/{excuse_id}": Row(STAFF, MARK, COURSE, fine=204),
    # frames
    "POST /sessions/{session_id}/frames": Row(STAFF, Scope.FRAMES_WRITE, COURSE, send=PNG),
    "POST /recognize": Row(STAFF, Scope.FRAMES_WRITE, COURSE, send=PNG, query="?course_id={course_id}"),
    "GET /sessions/{session_id}/sightings": Row(STAFF, SEE, COURSE),
    "GET /review": Row(EVERYBODY, SEE),
    "GET /review/{item_id}": Row(EVERYBODY, SEE, COURSE),
    "GET /review/{item_id}/crop": Row(STAFF, Scope.FACES_READ, COURSE, fine=404),
    "POST /review/{item_id}/resolve": Row(STAFF, MARK, COURSE, send=body(resolution="dismissed"), headers=MATCH),
    "POST /review/{item_id}/undo": Row(STAFF, MARK, COURSE, headers=MATCH, fine=409),
    # reports
    "GET /reports/at-risk": Row(EVERYBODY, REPORTS, COURSE, query="?course_id={course_id}"),
    "GET /reports/courses/{course_id}": Row(EVERYBODY, REPORTS, COURSE),
    "GET /reports/courses/{course_id}.{kind}": Row(EVERYBODY, REPORTS, COURSE),
    "GET /reports/period.{kind}": Row(EVERYBODY, REPORTS, query="?from=2026-11-01&to=2026-11-30"),
    "GET /reports/sessions/{session_id}": Row(EVERYBODY, REPORTS, COURSE),
    "GET /reports/students/{student_id}": Row(EVERYBODY, REPORTS, STUDENT),
    "GET /sessions/{session_id}/sheet.{kind}": Row(EVERYBODY, REPORTS, COURSE),
    "GET /calendar/feeds": Row(EVERYBODY, None),
    "POST /calendar/feeds": Row(EVERYBODY, None, fine=201),
    "DELETE /calendar/feeds/{feed_id}": Row(EVERYBODY, None, fine=404),
    "GET /calendar/{secret}.ics": Row(ANYBODY, None, fine=404),
    "GET /courses/{course_id}/warning-rules": Row(EVERYBODY, REPORTS, COURSE),
    "POST /courses/{course_id}/warning-rules": Row(
        LEAD, WRITE_COURSES, COURSE, send=body(kind="absences", threshold=4), fine=201
    ),
    "DELETE /warning-rules/{rule_id}": Row(LEAD, WRITE_COURSES, COURSE, fine=204),
    "GET /courses/{course_id}/warnings": Row(EVERYBODY, REPORTS, COURSE),
    "POST /warnings/{warning_id}/acknowledge": Row(STAFF, MARK, COURSE),
    # models
    "GET /model": Row(STAFF, Scope.MODEL_READ),
    "GET /model/versions": Row(ADMIN, Scope.MODEL_READ),
    "POST /model/activate": Row(ADMIN, Scope.MODEL_WRITE, send=body(version="v1"), fine=404),
    "GET /model/versions/{version}/report": Row(ADMIN, Scope.MODEL_READ, fine=404),
    "GET /model/versions/{version}/files/{name}": Row(ADMIN, Scope.MODEL_READ, fine=404),
    "GET /training": Row(ADMIN, Scope.MODEL_READ),
    "POST /training": Row(ADMIN, Scope.MODEL_WRITE, send=body(threshold_percentile=30), fine=422),
    "GET /training/{training_id}": Row(ADMIN, Scope.MODEL_READ),
    "GET /training/{training_id}/log": Row(ADMIN, Scope.MODEL_READ),
    "POST /training/{training_id}/cancel": Row(ADMIN, Scope.MODEL_WRITE, fine=409),
    # privacy
    "GET /privacy/retention": Row(ADMIN, Scope.ADMIN_READ),
    "POST /privacy/retention/run": Row(ADMIN, Scope.ADMIN_WRITE),
    "GET /privacy/consents": Row(ADMIN, Scope.ADMIN_READ),
    "GET /privacy/erasures": Row(ADMIN, Scope.ADMIN_READ),
    "POST /students/{student_id}/erase": Row(ADMIN, Scope.ADMIN_WRITE, send=body(external_id="other"), fine=422),
    "GET /students/{student_id}/export": Row(ADMIN, Scope.ADMIN_READ),
    "GET /settings": Row(ADMIN, Scope.ADMIN_READ),
    # kiosks; what they do themselves needs their own secret, which nobody has here
    "GET /courses/{course_id}/kiosks": Row(STAFF, COURSES, COURSE),
    "POST /courses/{course_id}/kiosks": Row(STAFF, None, COURSE, send=body(name="Door", pin="2580"), fine=201),
    "DELETE /kiosks/{kiosk_id}": Row(STAFF, None, COURSE, fine=204),
    "GET /kiosk": Row(ANYBODY, None, fine=401),
    "POST /kiosk/frames": Row(ANYBODY, None, fine=401),
    "POST /kiosk/leave": Row(ANYBODY, None, send=body(pin="2580"), fine=401),
    # the demo; this server is none
    "GET /demo/clip": Row(ANYBODY, None, fine=404),
    "GET /demo/clip/{number}": Row(ANYBODY, None, fine=404),
}


# Who of the world an endpoint is not for, and why; and one whom it is for, with no right more than it takes.
WRONG: dict[str, tuple[tuple[str, str], ...]] = {
    EVERYBODY: (),
    STAFF: (("viewer", "role"),),
    LEAD: (("viewer", "role"), ("enroller", "not_lead"), ("colleague", "not_lead")),
    ROSTER: (("viewer", "role"), ("colleague", "not_lead")),
    ENROLLER: (("viewer", "role"), ("lead", "not_appointed"), ("colleague", "not_appointed")),
    FOUNDER: (("viewer", "role"), ("lead", "not_granted"), ("enroller", "not_granted")),
    ADMIN: (("viewer", "role"), ("lead", "role"), ("enroller", "role"), ("founder", "role")),
}
RIGHT = {
    EVERYBODY: "viewer",
    STAFF: "colleague",
    LEAD: "lead",
    ROSTER: "enroller",
    ENROLLER: "enroller",
    FOUNDER: "founder",
    ADMIN: "admin",
}


# What the audit trail says of the calls of the table that change something; the others leave no line in it.
NOTED = {
    "POST /auth/logout": "login.end",
    "POST /calendar/feeds": "calendar.feed.create",
    "POST /courses": "course.create",
    "PATCH /courses/{course_id}": "course.update",
    "POST /courses/{course_id}/kiosks": "kiosk.create",
    "POST /courses/{course_id}/schedule": "schedule.create",
    "POST /courses/{course_id}/sessions": "session.create",
    "DELETE /courses/{course_id}/staff/{user_id}": "course.staff.remove",
    "PUT /courses/{course_id}/staff/{user_id}": "course.staff.put",
    "POST /courses/{course_id}/warning-rules": "warning_rule.create",
    "POST /enrolment-requests/approve": "student.create enrolment.create enrolment_request.approve",
    "DELETE /enrolment-requests/{request_id}": "enrolment_request.withdraw",
    "PATCH /enrolments/{enrolment_id}": "enrolment.update",
    "POST /excuses": "excuse.create",
    "DELETE /excuses/{excuse_id}": "excuse.revoke",
    "DELETE /faces/{face_id}": "face.delete",
    "DELETE /kiosks/{kiosk_id}": "kiosk.end",
    "POST /privacy/retention/run": "retention.run",
    "PATCH /records/{record_id}": "record.change",
    "POST /review/{item_id}/resolve": "review.resolve",
    "DELETE /schedule/{rule_id}": "schedule.delete",
    "PATCH /schedule/{rule_id}": "schedule.update",
    "PATCH /sessions/{session_id}": "session.update",
    "POST /sessions/{session_id}/cancel": "session.cancel",
    "POST /sessions/{session_id}/close": "session.close",
    "POST /sessions/{session_id}/records/bulk": "session.records.change",
    "POST /sessions/{session_id}/records/import": "session.records.change",
    "POST /students": "student.create enrolment.create",
    "PATCH /students/{student_id}": "student.update",
    "POST /students/{student_id}/consents/withdraw": "consent.withdraw erasure.complete",
    "GET /students/{student_id}/export": "student.export",
    "POST /tokens": "token.create",
    "POST /users": "user.create link.create",
    "PATCH /users/{user_id}": "user.update",
    "POST /users/{user_id}/disable": "user.disable",
    "POST /users/{user_id}/reset-link": "link.create",
    "DELETE /users/{user_id}/tokens/{token_id}": "token.revoke",
    "DELETE /warning-rules/{rule_id}": "warning_rule.disable",
    "POST /warnings/{warning_id}/acknowledge": "warning.acknowledge",
}


def test_the_table_names_every_endpoint() -> None:
    assert {endpoint.replace("/api/v1", "") for endpoint in documented_endpoints()} == set(TABLE)


def client_of(world: World, user: str, row: Row) -> Client:
    """The user's program; their browser where a program will not do."""
    if row.scope is None:
        return world.service.browser(world.users[user])
    return world.service.program(world.users[user], row.scope)


def call(world: World, endpoint: str, client: Client) -> TestResponse:
    """Ask for ``endpoint`` as its row says."""
    row = TABLE[endpoint]
    method, path = endpoint.split(" ")
    send = {name: _filled(value, world.ids) for name, value in row.send.items()}
    return client.open(method, (path + row.query).format(**world.ids), headers=row.headers, **send)


def _filled(value: Any, ids: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(each, ids) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, ids) for each in value]
    return ids[value.strip("{}")] if isinstance(value, str) and value.startswith("{") else value


@pytest.fixture
def world(sqlite_service: Service) -> World:
    return make_world(sqlite_service)


@pytest.mark.parametrize("endpoint", sorted(TABLE))
def test_only_those_it_is_for(endpoint: str, world: World) -> None:
    row = TABLE[endpoint]

    def refused(client: Client) -> tuple[int, str]:
        return problem(call(world, endpoint, client))

    if row.who == ANYBODY:
        assert call(world, endpoint, world.service.guest()).status_code == row.fine
        return
    assert refused(world.service.guest()) == (401, "not_logged_in")
    assert refused(Client(world.service.app.test_client(), {"Authorization": "Bearer sa_wrong"})) == (401, "bad_token")
    others = [scope for scope in Scope if scope is not row.scope]
    assert refused(world.service.program(world.users["admin"], *others)) == (403, "scope")
    for wrong, code in WRONG[row.who]:
        assert refused(client_of(world, wrong, row)) == (403, code), wrong
    if row.foreign is not None:
        foreign = "foreign_viewer" if row.who == EVERYBODY else "foreign"
        assert refused(client_of(world, foreign, row)) == row.foreign
    right = RIGHT[row.who]
    if not endpoint.startswith("GET"):
        forgetful = world.service.browser(world.users[right])
        del forgetful.headers["X-CSRF-Token"]
        assert refused(forgetful) == (403, "csrf")
    with world.service.db() as db:
        assert db.query(AuditEvent).count() == 0, "something was done for somebody who was refused"
    answer = call(world, endpoint, client_of(world, right, row))
    assert answer.status_code == row.fine, answer.get_data(as_text=True)[:500]
    with world.service.db() as db:
        noted = [(event.action, event.actor_id) for event in db.query(AuditEvent).order_by(AuditEvent.id)]
    assert [action for action, _ in noted] == NOTED.get(endpoint, "").split()
    assert {who for _, who in noted} <= {world.users[right], None}
    # a disabled account is nobody at once
    client = client_of(world, right, row)
    with world.service.db() as db:
        db.get_one(UserAccount, world.users[right]).disabled_at = world.service.clock.now()
    assert refused(client)[0] == 401
