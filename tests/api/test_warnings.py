"""Rules and warnings, through the API and the server's own chore."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest

from attendance import warnings
from attendance.database import Database
from attendance.models import (
    AttendanceRecord,
    AuditEvent,
    ClassSession,
    MarkStatus,
    Role,
    SessionState,
    StudentStatus,
    WarningKind,
    WarningRule,
    WarningSent,
)
from support.marks import held
from support.service import Service, problem, utc

START = utc(2026, 10, 5, 7)


class Term:
    """A course with one rule and one student, session by session. sent: after which sessions, counted from 1, a
    warning was raised, and with which value."""

    def __init__(self, service: Service, kind: str, threshold: float, **values: object) -> None:
        self.service = service
        self.lead = service.user()
        self.course = service.course(leads=(self.lead,), **values)
        self.student = service.student("s", "Ada")
        service.enrol(self.course, self.student)
        self.client = service.program(self.lead)
        rule = self.client.post(f"/courses/{self.course}/warning-rules", json={"kind": kind, "threshold": threshold})
        assert rule.status_code == 201
        self.rule = rule.json["id"]
        self.sessions: list[int] = []

    def hold(self, letters: str) -> None:
        for letter in letters:
            starts_at = START + timedelta(days=7 * len(self.sessions))
            self.service.clock.set(starts_at + timedelta(hours=2))
            self.sessions.append(held(self.service, self.course, starts_at, {self.student: letter}))
            self.service.chores()

    @property
    def sent(self) -> list[tuple[int, float]]:
        items = self.client.get(f"/courses/{self.course}/warnings").json["items"]
        return [(self.sessions.index(item["session_id"]) + 1, item["value"]) for item in reversed(items)]


@pytest.mark.parametrize(
    ("kind", "threshold", "letters", "expected"),
    [
        # 100, 50, 33.3, 50, 60, 66.7, 71.4, 75, 66.7, 70, 72.7, 66.7: below from the 2nd and again from the 9th on
        ("percent_below", 75, "PAAPPPPPAPPA", [(2, 50.0), (9, 66.7)]),
        ("percent_below", 75, "EEPP", []),
        ("absences", 2, "APAAA", [(3, 2.0)]),
        ("absences_in_a_row", 2, "AEAAPAA", [(3, 2.0), (7, 2.0)]),
        ("absences_in_a_row", 3, "AAPAALAA", []),
    ],
)
def test_a_warning_comes_once_for_each_time_below(
    service: Service, kind: str, threshold: float, letters: str, expected: list[tuple[int, float]]
) -> None:
    term = Term(service, kind, threshold)
    term.hold(letters)
    assert term.sent == expected
    service.chores()
    assert term.sent == expected


def test_a_correction_that_moves_the_crossing_warns_of_nothing_twice(service: Service) -> None:
    term = Term(service, "absences", 2)
    term.hold("PAA")
    assert term.sent == [(3, 2.0)]
    with service.db() as db:
        db.query(AttendanceRecord).filter_by(session_id=term.sessions[0]).update({"status": MarkStatus.ABSENT})
    term.hold("A")
    assert term.sent == [(3, 2.0)]


def test_a_rule_made_late_warns_from_the_next_session_on(service: Service) -> None:
    term = Term(service, "absences", 90)
    term.hold("AA")
    service.clock.advance(days=1)
    term.client.post(f"/courses/{term.course}/warning-rules", json={"kind": "percent_below", "threshold": 60})
    service.chores()
    assert term.sent == []
    term.hold("P")
    assert term.sent == [(1, 33.3)]


def test_who_left_and_what_is_archived_is_not_watched(service: Service) -> None:
    term = Term(service, "absences", 1)
    gone = service.student("gone")
    service.enrol(term.course, gone, ends_on=date(2026, 10, 5))
    service.clock.set(START + timedelta(days=2))
    restricted = service.student("restricted", status=StudentStatus.INACTIVE)
    service.enrol(term.course, restricted)
    held(service, term.course, START, {gone: "A", restricted: "A"}, settled_at=service.clock.now())
    service.chores()
    assert term.client.get(f"/courses/{term.course}/warnings").json["items"] == []
    assert term.client.post(f"/courses/{term.course}/archive").status_code == 200
    service.clock.advance(days=7)
    term.sessions.append(held(service, term.course, service.clock.now(), {term.student: "A"}))
    service.clock.advance(hours=2)
    service.chores()
    assert term.sent == []
    # it is the archive that keeps the warning back
    assert term.client.delete(f"/courses/{term.course}/archive").status_code == 200
    held(service, term.course, service.clock.now(), {term.student: "A"}, settled_at=service.clock.now())
    service.chores()
    assert term.sent == [(1, 2.0)]


def test_a_new_process_finds_what_another_one_left_undone(service: Service) -> None:
    term = Term(service, "absences", 1)
    service.chores()
    term.sessions.append(held(service, term.course, service.clock.now() - timedelta(days=3), {term.student: "A"}))
    service.chores()
    assert term.sent == []  # was settled long before this process last looked
    from operations.watching import Watch

    Watch(service.database).run(service.clock.now())
    assert term.sent == [(1, 1.0)]


def test_two_processes_warn_once(service: Service) -> None:
    course = service.course()
    students = [service.student(f"s{number}") for number in range(10)]
    service.enrol(course, *students)
    user = service.user()
    with service.db() as db:
        for threshold in (1, 2):
            db.add(
                WarningRule(
                    course_id=course,
                    kind=WarningKind.ABSENCES,
                    threshold=threshold,
                    created_by=user,
                    created_at=START,
                )
            )
    for week in range(2):
        held(service, course, START + timedelta(days=week), dict.fromkeys(students, "A"))

    def evaluate(_: int) -> int:
        database = Database(service.settings.database_url or "")
        try:
            with database.writing() as db:
                return len(warnings.evaluate(db, course, service.clock.now()))
        finally:
            database.close()

    with ThreadPoolExecutor(4) as pool:
        raised = sorted(pool.map(evaluate, range(4)))
    assert raised == [0, 0, 0, 20]
    with service.db() as db:
        assert db.query(WarningSent).count() == 20
        assert db.query(AuditEvent).filter_by(action="warning.raise").count() == 20


def test_a_reopened_session_counts_again_when_it_is_settled_again(service: Service) -> None:
    term = Term(service, "absences", 2)
    term.hold("A")
    service.clock.advance(days=7)
    session = held(
        service, term.course, service.clock.now(), {term.student: "A"}, state=SessionState.OPEN, settled_at=None
    )
    term.sessions.append(session)
    service.chores()
    assert term.sent == []
    with service.db() as db:
        found = db.get_one(ClassSession, session)
        found.state, found.settled_at = SessionState.CLOSED, service.clock.now()
    service.chores()
    assert term.sent == [(2, 2.0)]


def test_warnings_are_seen_to(service: Service) -> None:
    term = Term(service, "absences_in_a_row", 1)
    term.hold("APA")
    path = f"/courses/{term.course}/warnings"
    page = term.client.get(f"{path}?limit=1").json
    newest = page["items"][0]
    assert (newest["name"], newest["kind"], newest["threshold"], newest["acknowledged_at"]) == (
        "Ada", "absences_in_a_row", 1.0, None
    )  # fmt: skip
    oldest = term.client.get(f"{path}?limit=1&cursor={page['next_cursor']}").json["items"][0]
    assert oldest["session_id"] == term.sessions[0]
    first = term.client.post(f"/warnings/{oldest['id']}/acknowledge")
    assert first.status_code == 200 and first.json["acknowledged_by"] == term.lead
    service.clock.advance(hours=1)
    again = service.admin().post(f"/warnings/{oldest['id']}/acknowledge")
    assert again.json == first.json
    left = term.client.get(f"{path}?unacknowledged=true").json["items"]
    assert [item["id"] for item in left] == [newest["id"]]
    with service.db() as db:
        assert db.query(AuditEvent).filter_by(action="warning.acknowledge").count() == 1
    assert problem(term.client.post("/warnings/999/acknowledge")) == (404, "not_found")


def test_a_lead_makes_and_deletes_rules(service: Service) -> None:
    lead, assistant, viewer = service.user(), service.user(), service.user(Role.VIEWER)
    course = service.course(leads=(lead,), staff=(assistant, viewer))
    path, client = f"/courses/{course}/warning-rules", service.program(lead)
    rule = {"kind": "percent_below", "threshold": 80}
    made = client.post(path, json=rule)
    assert made.status_code == 201 and {**made.json, **rule} == made.json
    assert problem(client.post(path, json=rule)) == (409, "duplicate")
    for body, code in (
        ({"kind": "absences", "threshold": 2.5}, "threshold"),
        ({"kind": "absences", "threshold": 0}, "invalid"),
        ({"kind": "percent_below", "threshold": 100.5}, "invalid"),
        ({"kind": "percent_below", "threshold": "NaN"}, "invalid"),
        ({"kind": "mood", "threshold": 1}, "invalid"),
        ({"kind": "absences"}, "invalid"),
    ):
        assert problem(client.post(path, json=body)) == (422, code), body
    for threshold in range(1, 20):
        client.post(path, json={"kind": "absences", "threshold": threshold})
    assert problem(client.post(path, json={"kind": "absences", "threshold": 50})) == (409, "too_many_rules")
    one = f"/warning-rules/{made.json['id']}"
    assert problem(service.program(assistant).post(path, json=rule)) == (403, "not_lead")
    assert problem(service.program(assistant).delete(one)) == (403, "not_lead")
    assert problem(service.program(viewer).post(path, json=rule)) == (403, "role")
    assert len(service.program(viewer).get(path).json) == 20
    assert problem(service.program(service.user()).delete(one)) == (403, "foreign_course")
    assert problem(service.program(service.user()).get(path)) == (403, "foreign_course")
    assert client.delete(one).status_code == 204
    assert problem(client.delete(one)) == (404, "not_found")
    assert len(client.get(path).json) == 19
    assert client.post(path, json=rule).status_code == 201  # may come again


def test_a_foreign_warning_cannot_be_seen_to(service: Service) -> None:
    term = Term(service, "absences", 1)
    term.hold("A")
    warning = term.client.get(f"/courses/{term.course}/warnings").json["items"][0]["id"]
    assert problem(service.program(service.user()).post(f"/warnings/{warning}/acknowledge")) == (403, "foreign_course")
    assert problem(service.program(service.user(Role.VIEWER)).post(f"/warnings/{warning}/acknowledge")) == (403, "role")
    assert problem(service.program(service.user()).get(f"/courses/{term.course}/warnings")) == (403, "foreign_course")
