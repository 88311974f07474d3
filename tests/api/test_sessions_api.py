"""Sessions on their way from scheduled to locked, through the API."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier
from typing import Any

import pytest

from attendance.models import (
    AttendanceChange,
    AttendanceRecord,
    AuditEvent,
    ClassSession,
    Frame,
    MarkSource,
    MarkStatus,
    ReviewItem,
    Role,
    SessionState,
    Sighting,
    SightingDecision,
)
from support.clock import MONDAY
from support.recognition import FakeRecognizer
from support.service import Client, Service, problem, utc

REASON = {"reason": "the list was incomplete"}


def statuses(client: Client, session: int) -> dict[str, str]:
    sheet = client.get(f"/sessions/{session}/records").json
    return {item["student"]["external_id"]: item["status"] for item in sheet["items"]}


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """The results of ``calls``, each made in a thread of its own at the same moment."""
    barrier = Barrier(len(calls))

    def call(made: Callable[[], Any]) -> Any:
        barrier.wait(10)
        return made()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))


def see(service: Service, session: int, student: int, status: MarkStatus = MarkStatus.PRESENT) -> None:
    """What a frame leaves behind that marks a student now."""
    with service.db() as db:
        record = db.query(AttendanceRecord).filter_by(session_id=session, student_id=student).one()
        record.status, record.source, record.version = status, MarkSource.FACE, record.version + 1
        record.first_seen_at = record.last_seen_at = service.clock.now()
        db.add(
            AttendanceChange(
                record_id=record.id,
                old_status=MarkStatus.UNMARKED,
                new_status=status,
                source=MarkSource.FACE,
                reason_code="confirmed",
                at=service.clock.now(),
            )
        )


def doubt(service: Service, session: int) -> int:
    """The id of a new review item."""
    now = service.clock.now()
    with service.db() as db:
        frame = Frame(
            session_id=session,
            event_uuid=f"{now}",
            body_sha256="0",
            captured_at=now,
            received_at=now,
            model_version="m",
        )
        db.add(frame)
        db.flush()
        sighting = Sighting(
            session_id=session,
            frame=frame,
            face_index=0,
            captured_at=now,
            received_at=now,
            similarity=0.5,
            score=0.5,
            margin=0.1,
            decision=SightingDecision.REVIEW,
            box=[0, 0, 1, 1],
        )
        item = ReviewItem(session_id=session, sighting=sighting, candidates=[], created_at=now)
        db.add(item)
        db.flush()
        return item.id


class Class:
    """A course of two students with a scheduled session, an instructor of it and its lead."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.instructor, self.lead = service.user(name="Ines"), service.user(name="Lea")
        self.course = service.course(staff=(self.instructor,), leads=(self.lead,))
        self.ada, self.bo = service.student("ada"), service.student("bo")
        service.enrol(self.course, self.ada, self.bo)
        self.session = service.session(self.course)
        self.path = f"/sessions/{self.session}"
        self.client, self.lead_client = service.program(self.instructor), service.program(self.lead)

    def settle(self) -> None:
        """Close, and let the grace pass."""
        assert self.client.post(f"{self.path}/close").status_code == 200
        self.service.clock.advance(seconds=130)
        self.service.chores()

    def lock(self) -> None:
        assert self.lead_client.post(f"{self.path}/lock").json["state"] == "locked"


@pytest.fixture
def group(service: Service) -> Class:
    return Class(service)


def test_opening_makes_an_unmarked_record_for_everybody_enrolled_that_day(group: Class, service: Service) -> None:
    gone, later = service.student("gone"), service.student("later")
    service.enrol(group.course, gone, ends_on=date(2026, 11, 22))
    service.enrol(group.course, later, starts_on=date(2026, 11, 24))
    last, first = service.student("last"), service.student("first")
    service.enrol(group.course, last, ends_on=date(2026, 11, 23))
    service.enrol(group.course, first, starts_on=date(2026, 11, 23))
    opened = group.client.post(f"{group.path}/open")
    assert (opened.status_code, opened.json["state"], opened.json["opened_by"]) == (200, "open", group.instructor)
    assert opened.json["model_version"] == service.recognizer.model
    assert opened.json["thresholds"] == {"confirm_sightings": 2, "confirm_window_s": 10.0, "close_grace_s": 120.0}
    assert statuses(group.client, group.session) == dict.fromkeys(["ada", "bo", "first", "last"], "unmarked")


def test_the_day_is_the_courses_own(service: Service) -> None:
    lead = service.user()
    course = service.course(leads=(lead,), timezone="America/Los_Angeles")
    student = service.student("ada")
    service.enrol(course, student, starts_on=date(2026, 11, 22), ends_on=date(2026, 11, 22))
    client = service.program(lead)
    evening = service.session(course, utc(2026, 11, 23, 3))  # 19:00 of the 22nd there
    client.post(f"/sessions/{evening}/open")
    assert statuses(client, evening) == {"ada": "unmarked"}


def test_without_a_model_attendance_is_taken_by_hand(group: Class, service: Service) -> None:
    service.recognizer.model = None
    opened = group.client.post(f"{group.path}/open")
    assert (opened.status_code, opened.json["model_version"]) == (200, None)


def test_a_second_instructor_joins_the_open_session(group: Class) -> None:
    first = group.client.post(f"{group.path}/open").json
    second = group.lead_client.post(f"{group.path}/open")
    assert second.status_code == 200 and second.json == first


def test_a_course_has_one_open_session(group: Class, service: Service) -> None:
    other = service.session(group.course, MONDAY + timedelta(hours=3))
    group.client.post(f"{group.path}/open")
    assert problem(group.client.post(f"/sessions/{other}/open")) == (409, "session_open")
    assert group.client.get(f"/sessions/{other}").json["state"] == "scheduled"
    group.client.post(f"{group.path}/close")
    assert group.client.post(f"/sessions/{other}/open").status_code == 200
    reopen = group.lead_client.post(f"{group.path}/reopen", json={**REASON, "to": "open"})
    assert problem(reopen) == (409, "session_open")
    assert group.client.get(group.path).json["state"] == "closed"


def test_two_who_open_two_sessions_at_once(group: Class, service: Service) -> None:
    other = service.session(group.course, MONDAY + timedelta(hours=3))
    answers = at_once(
        lambda: group.client.post(f"{group.path}/open"), lambda: group.lead_client.post(f"/sessions/{other}/open")
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    with service.db() as db:
        assert db.query(ClassSession).filter_by(state=SessionState.OPEN).count() == 1


def test_two_who_open_the_same_session_at_once(group: Class, service: Service) -> None:
    answers = at_once(
        lambda: group.client.post(f"{group.path}/open"), lambda: group.lead_client.post(f"{group.path}/open")
    )
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json["opened_by"] == answers[1].json["opened_by"]
    with service.db() as db:
        assert db.query(AttendanceRecord).count() == 2
        assert db.query(AuditEvent).filter_by(action="session.open").count() == 1


def test_closing_twice_keeps_the_first_time(group: Class, service: Service) -> None:
    group.client.post(f"{group.path}/open")
    closed = group.client.post(f"{group.path}/close").json
    assert closed["closed_by"] == group.instructor and closed["state"] == "closed"
    service.clock.advance(seconds=30)
    assert group.lead_client.post(f"{group.path}/close").json == closed


def test_nobody_is_absent_before_the_grace_has_passed_and_then_at_once(group: Class, service: Service) -> None:
    group.client.post(f"{group.path}/open")
    see(service, group.session, group.ada)
    group.client.post(f"{group.path}/close")
    service.clock.advance(seconds=129, microseconds=999999)
    service.chores()
    assert statuses(group.client, group.session) == {"ada": "present", "bo": "unmarked"}
    assert group.client.get(group.path).json["settled_at"] is None
    service.clock.advance(microseconds=1)
    service.chores()
    with service.db() as db:
        record = db.query(AttendanceRecord).filter_by(student_id=group.bo).one()
        assert (record.status, record.source) == (MarkStatus.ABSENT, MarkSource.AUTO_CLOSE)
        change = db.query(AttendanceChange).filter_by(record_id=record.id).one()
        assert (change.old_status, change.actor_id, change.reason_code) == (MarkStatus.UNMARKED, None, "not_seen")
        event = db.query(AuditEvent).filter_by(action="session.settle").one()
        assert (event.actor_id, event.data) == (None, {"absent": 1, "excused": 0})


@pytest.mark.parametrize("path", ["/records", ""])
def test_who_reads_after_the_grace_reads_it_settled_whenever_the_chore_runs(
    group: Class, service: Service, path: str
) -> None:
    group.client.post(f"{group.path}/open")
    group.client.post(f"{group.path}/close")
    service.clock.advance(seconds=130)
    assert group.client.get(f"{group.path}{path}").json["settled_at"] is not None
    assert statuses(group.client, group.session) == {"ada": "absent", "bo": "absent"}


def test_two_processes_settle_at_once(group: Class, service: Service) -> None:
    group.client.post(f"{group.path}/open")
    group.client.post(f"{group.path}/close")
    service.clock.advance(seconds=130)
    at_once(*[service.chores] * 4)
    with service.db() as db:
        assert db.query(AttendanceChange).count() == 2
        assert db.query(AuditEvent).filter_by(action="session.settle").count() == 1
        assert {record.status for record in db.query(AttendanceRecord)} == {MarkStatus.ABSENT}


def test_who_was_enrolled_meanwhile_is_settled_too(group: Class, service: Service) -> None:
    group.client.post(f"{group.path}/open")
    service.enrol(group.course, service.student("cy"))
    assert statuses(group.client, group.session)["cy"] == "unmarked"
    service.enrol(group.course, service.student("di"))
    group.settle()
    assert statuses(group.client, group.session) == dict.fromkeys(["ada", "bo", "cy", "di"], "absent")


def test_locking_waits_for_queued_frames_and_needs_a_lead(group: Class, service: Service) -> None:
    assert problem(group.lead_client.post(f"{group.path}/lock")) == (409, "session_not_started")
    group.client.post(f"{group.path}/open")
    assert problem(group.lead_client.post(f"{group.path}/lock")) == (409, "session_open")
    group.client.post(f"{group.path}/close")
    assert problem(group.lead_client.post(f"{group.path}/lock")) == (409, "not_settled")
    service.clock.advance(seconds=130)
    assert problem(group.client.post(f"{group.path}/lock")) == (403, "not_lead")
    locked = group.lead_client.post(f"{group.path}/lock").json
    assert locked["state"] == "locked" and locked["locked_at"] and locked["settled_at"]
    assert statuses(group.client, group.session) == {"ada": "absent", "bo": "absent"}
    assert group.lead_client.post(f"{group.path}/lock").json == locked


def test_a_closed_session_locks_by_itself_and_anew_after_it_was_reopened(group: Class, service: Service) -> None:
    group.client.post(f"{group.path}/open")
    group.settle()
    service.clock.advance(hours=72, seconds=-131)
    service.chores()
    assert group.client.get(group.path).json["state"] == "closed"
    service.clock.advance(seconds=1)
    service.chores()
    assert group.client.get(group.path).json["state"] == "locked"
    assert problem(group.client.post(f"{group.path}/reopen", json=REASON)) == (403, "not_lead")
    assert problem(group.lead_client.post(f"{group.path}/reopen", json={})) == (422, "invalid")
    assert problem(group.lead_client.post(f"{group.path}/reopen", json={"reason": " "})) == (422, "invalid")
    reopened = group.lead_client.post(f"{group.path}/reopen", json=REASON).json
    assert (reopened["state"], reopened["locked_at"]) == ("closed", None)
    service.clock.advance(hours=71)
    service.chores()
    assert group.client.get(group.path).json["state"] == "closed"
    service.clock.advance(hours=1)
    service.chores()
    assert group.client.get(group.path).json["state"] == "locked"
    with service.db() as db:
        event = db.query(AuditEvent).filter_by(action="session.reopen").one()
        assert event.data == {"to": "closed", "reason": REASON["reason"]} and event.actor_id == group.lead
        locks = db.query(AuditEvent).filter_by(action="session.lock").all()
        assert [(each.data, each.actor_id) for each in locks] == [({"reason": "due"}, None)] * 2


def test_reopening_for_frames_takes_back_what_the_close_set_and_nothing_else(group: Class, service: Service) -> None:
    cy, di = service.student("cy"), service.student("di")
    service.enrol(group.course, cy, di)
    group.client.post(f"{group.path}/open")
    see(service, group.session, group.ada)
    by_hand = {"reason_code": "not_me", "items": [{"student_id": cy, "status": "unmarked"}]}
    assert group.client.post(f"{group.path}/records/bulk", json=by_hand).status_code == 200
    group.settle()
    excuse = {"student_id": di, "course_id": group.course, "starts_on": "2026-11-23", "ends_on": "2026-11-23"}
    assert group.client.post("/excuses", json={**excuse, "reason_code": "illness"}).status_code == 201
    assert statuses(group.client, group.session) == {"ada": "present", "bo": "absent", "cy": "absent", "di": "excused"}
    opened = group.lead_client.post(f"{group.path}/reopen", json={**REASON, "to": "open"}).json
    assert (opened["state"], opened["closed_at"], opened["settled_at"]) == ("open", None, None)
    sheet = group.client.get(f"{group.path}/records").json["items"]
    assert {item["student"]["external_id"]: (item["status"], item["source"]) for item in sheet} == {
        "ada": ("present", "face"),
        "bo": ("unmarked", None),  # a face may mark these two now,
        "cy": ("unmarked", "manual"),  # this one never
        "di": ("unmarked", None),
    }
    record = next(item["id"] for item in sheet if item["student"]["external_id"] == "bo")
    changes = group.client.get(f"/records/{record}/changes").json
    assert [(change["new_status"], change["reason_code"], change["actor_name"]) for change in changes] == [
        ("absent", "not_seen", None),
        ("unmarked", "reopened", "Lea"),
    ]
    group.settle()
    assert statuses(group.client, group.session) == {"ada": "present", "bo": "absent", "cy": "absent", "di": "excused"}


def test_reopening_goes_one_step_at_a_time(group: Class, service: Service) -> None:
    reopen = f"{group.path}/reopen"
    assert problem(group.lead_client.post(reopen, json=REASON)) == (409, "session_not_started")
    group.client.post(f"{group.path}/open")
    assert problem(group.lead_client.post(reopen, json=REASON)) == (409, "session_open")
    group.settle()
    assert problem(group.lead_client.post(reopen, json=REASON)) == (409, "session_closed")
    assert problem(group.lead_client.post(reopen, json={**REASON, "to": "scheduled"})) == (422, "invalid")
    group.lock()
    assert problem(group.lead_client.post(reopen, json={**REASON, "to": "open"})) == (409, "session_locked")
    assert problem(group.client.post(f"{group.path}/open")) == (409, "session_locked")
    assert problem(group.client.post(f"{group.path}/close")) == (409, "session_locked")


def test_a_session_nobody_is_marked_in_can_be_cancelled(group: Class, service: Service) -> None:
    assert problem(group.client.post(f"{group.path}/cancel", json={})) == (422, "invalid")
    cancelled = group.client.post(f"{group.path}/cancel", json={"reason": "ill"}).json
    assert (cancelled["state"], cancelled["cancelled_reason"]) == ("cancelled", "ill")
    assert group.client.post(f"{group.path}/cancel", json={"reason": "again"}).json == cancelled
    for act in ("open", "close"):
        assert problem(group.client.post(f"{group.path}/{act}")) == (409, "session_cancelled")
    assert problem(group.lead_client.post(f"{group.path}/lock")) == (409, "session_cancelled")
    assert problem(group.lead_client.post(f"{group.path}/reopen", json=REASON)) == (409, "session_cancelled")
    other = service.session(group.course)
    group.client.post(f"/sessions/{other}/open")
    see(service, other, group.ada)
    assert problem(group.client.post(f"/sessions/{other}/cancel", json=REASON)) == (409, "session_has_marks")
    group.client.post(f"/sessions/{other}/close")
    assert problem(group.client.post(f"/sessions/{other}/cancel", json=REASON)) == (409, "session_closed")
    by_hand = service.session(group.course)
    group.client.post(f"/sessions/{by_hand}/open")
    absent = {"reason_code": "correction", "items": [{"student_id": group.ada, "status": "absent"}]}
    assert group.client.post(f"/sessions/{by_hand}/records/bulk", json=absent).status_code == 200
    assert problem(group.client.post(f"/sessions/{by_hand}/cancel", json=REASON)) == (409, "session_has_marks")
    group.client.post(f"/sessions/{by_hand}/close")
    unmarked = service.session(group.course)
    group.client.post(f"/sessions/{unmarked}/open")
    assert group.client.post(f"/sessions/{unmarked}/cancel", json=REASON).json["state"] == "cancelled"


def test_a_forgotten_session_closes_by_itself(group: Class, service: Service) -> None:
    group.client.post(f"{group.path}/open")
    service.clock.advance(hours=13, minutes=29)
    service.chores()
    assert group.client.get(group.path).json["state"] == "open"
    service.clock.advance(minutes=1)
    service.chores()
    closed = group.client.get(group.path).json
    assert (closed["state"], closed["closed_by"]) == ("closed", None)
    with service.db() as db:
        assert db.query(AuditEvent).filter_by(action="session.close").one().data == {"reason": "forgotten"}
    # opened long after its end, to be marked later, it is not forgotten
    group.lead_client.post(f"{group.path}/reopen", json={**REASON, "to": "open"})
    old = service.course(leads=(group.lead,))
    late = service.session(old, MONDAY - timedelta(days=9))
    group.lead_client.post(f"/sessions/{late}/open")
    service.clock.advance(hours=11)
    service.chores()
    assert [group.lead_client.get(f"/sessions/{each}").json["state"] for each in (group.session, late)] == ["open"] * 2


def test_a_change_needs_the_version_that_was_read(group: Class) -> None:
    tag = group.client.get(group.path).headers["ETag"]
    assert problem(group.client.patch(group.path, json={"title": "Sets"})) == (428, "precondition_required")
    changed = group.client.patch(group.path, json={"title": "Sets"}, headers={"If-Match": tag})
    assert changed.json["title"] == "Sets" and changed.headers["ETag"] != tag
    assert problem(group.client.patch(group.path, json={"title": "x"}, headers={"If-Match": tag})) == (
        412,
        "stale_version",
    )
    assert problem(group.client.patch(group.path, json={}, headers={"If-Match": "*"})) == (422, "empty")


def test_what_may_change_depends_on_the_state(group: Class, service: Service) -> None:
    def patch(**values: str) -> Any:
        return group.client.patch(group.path, json=values, headers={"If-Match": "*"})

    moved = patch(starts_at="2026-11-23T10:30:00+01:00", ends_at="2026-11-23T12:00:00+01:00")
    # ten minutes after the start, as before
    assert moved.json["late_after"] == "2026-11-23T09:40:00+00:00"
    assert problem(patch(ends_at="2026-11-23T09:30:00+00:00")) == (422, "dates")
    assert problem(patch(starts_at="2026-11-23T11:00:00+00:00")) == (422, "dates")
    assert problem(patch(late_after="2026-11-23T09:29:59+00:00")) == (422, "dates")
    assert problem(patch(ends_at="2026-11-24T09:30:01+00:00")) == (422, "dates")
    assert problem(patch(state="open")) == (422, "invalid")
    group.client.post(f"{group.path}/open")
    assert problem(patch(starts_at="2026-11-23T09:00:00Z")) == (409, "session_open")
    assert patch(title="Sets", ends_at="2026-11-23T11:30:00Z", late_after="2026-11-23T09:45:00Z").status_code == 200
    group.settle()
    assert problem(patch(title="x")) == (409, "session_closed")
    group.lock()
    assert problem(patch(title="x")) == (409, "session_locked")


def test_moving_the_limit_judges_again_whom_a_face_marked(group: Class, service: Service) -> None:
    cy = service.student("cy")
    service.enrol(group.course, cy)
    group.client.post(f"{group.path}/open")
    service.clock.advance(minutes=15)
    see(service, group.session, group.ada, MarkStatus.LATE)
    late = {"reason_code": "arrived_unseen", "items": [{"student_id": cy, "status": "late"}]}
    group.client.post(f"{group.path}/records/bulk", json=late)

    def move(to: str) -> dict[str, str]:
        answer = group.client.patch(group.path, json={"late_after": to}, headers={"If-Match": "*"})
        assert answer.status_code == 200
        return statuses(group.client, group.session)

    # one whom a face marked and then a person, who knows better
    with service.db() as db:
        record = db.query(AttendanceRecord).filter_by(session_id=group.session, student_id=cy).one()
        record.first_seen_at = service.clock.now()
    assert move("2026-11-23T08:15:01Z") == {"ada": "present", "bo": "unmarked", "cy": "late"}
    assert move("2026-11-23T08:15:00Z") == {"ada": "late", "bo": "unmarked", "cy": "late"}


def test_sessions_besides_the_schedule(group: Class, service: Service) -> None:
    path = f"/courses/{group.course}/sessions"
    times = {"starts_at": "2026-11-25T09:00:00+01:00", "ends_at": "2026-11-25T10:00:00+01:00"}
    made = group.client.post(path, json={**times, "title": "Catch-up"})
    assert made.status_code == 201 and made.headers["ETag"]
    assert made.json["late_after"] == "2026-11-25T08:10:00+00:00"
    assert (made.json["state"], made.json["title"], made.json["timezone"]) == ("scheduled", "Catch-up", "Europe/Berlin")
    backwards = {"starts_at": times["ends_at"], "ends_at": times["starts_at"]}
    assert problem(group.client.post(path, json=backwards)) == (422, "dates")
    assert problem(group.client.post(path, json={**times, "late_after": "2026-11-25T07:59:00Z"})) == (422, "dates")
    for moment, says in (
        ("2026-11-25T09:00:00", "offset from UTC at its end: write 2026-11-25T09:04:00+01:00"),
        ("25.11.2026 09:00", "such as 2026-11-25T09:04:00+01:00"),
        (1764057600, "such as 2026-11-25T09:04:00+01:00"),
    ):
        refused = group.client.post(path, json={**times, "starts_at": moment})
        assert problem(refused) == (422, "invalid") and says in refused.json["errors"][0]["message"]
    assert problem(group.client.post(path, json={"starts_at": times["starts_at"]})) == (422, "invalid")
    group.lead_client.post(f"/courses/{group.course}/archive")
    assert problem(group.client.post(path, json=times)) == (409, "course_archived")
    assert problem(group.client.post(f"{group.path}/open")) == (409, "course_archived")


def test_the_list_has_filters_and_only_ones_own_courses(group: Class, service: Service) -> None:
    more = [service.session(group.course, MONDAY + timedelta(days=day)) for day in (3, 1, 2)]
    foreign = service.session(service.course("X"))
    group.client.post(f"{group.path}/open")

    def listed(query: str = "") -> list[int]:
        return [item["id"] for item in group.client.get(f"/sessions?{query}").json["items"]]

    in_order = [group.session, more[1], more[2], more[0]]
    assert listed() == listed(f"course_id={group.course}") == in_order
    assert listed("descending=true") == in_order[::-1]
    assert listed("state=open") == [group.session]
    assert listed("from=2026-11-24T08:00:00Z&to=2026-11-25T08:00:00Z") == [more[1]]
    first = group.client.get("/sessions?limit=3").json
    assert listed(f"cursor={first['next_cursor']}") == in_order[3:]
    assert problem(group.client.get(f"/sessions/{foreign}")) == (403, "foreign_course")
    assert problem(group.client.get("/sessions?state=odd")) == (422, "invalid")
    not_a_moment = group.client.get("/sessions?cursor=WyJ4IiwxXQ")  # ["x",1]
    assert problem(not_a_moment) == (422, "cursor")
    assert problem(group.client.get("/sessions/99999")) == (404, "not_found")


def test_today_is_by_each_courses_calendar(group: Class, service: Service) -> None:
    service.clock.set(utc(2026, 11, 23, 23, 30))  # the 24th in Berlin, the 23rd in New York
    america = service.course(leads=(group.lead,), timezone="America/New_York")
    there = service.session(america, utc(2026, 11, 23, 14))
    tomorrow = service.session(america, utc(2026, 11, 24, 14))
    here = service.session(group.course, utc(2026, 11, 24, 8))
    running = service.session(america, utc(2026, 11, 20, 14))
    service.session(service.course("X"), utc(2026, 11, 24, 8))
    archived = service.course("Y", leads=(group.lead,), archived_at=utc(2026, 11, 1))
    service.session(archived, utc(2026, 11, 24, 8))
    group.lead_client.post(f"/sessions/{running}/open")
    doubt(service, group.session)
    doubt(service, running)
    found = group.lead_client.get("/sessions/today").json
    assert {name: [(due["session"]["id"], due["review_count"]) for due in found[name]] for name in found} == {
        "open": [(running, 1)],
        "today": [(there, 0), (here, 0)],
        "review": [(group.session, 1)],
    }
    assert tomorrow not in [due["session"]["id"] for due in found["today"]]
    with service.db() as db:
        for item in db.query(ReviewItem):
            item.resolution = "dismissed"
    found = group.client.get("/sessions/today").json
    assert (found["review"], [due["session"]["id"] for due in found["today"]]) == ([], [here])


def test_who_may_only_look_changes_nothing(group: Class, service: Service) -> None:
    viewer = service.user(Role.VIEWER)
    service.staff(group.course, viewer)
    client = service.program(viewer)
    stranger = service.program(service.user())
    assert client.get(group.path).status_code == 200
    for act in ("open", "close", "lock", "reopen", "cancel"):
        body = {"json": REASON} if act in ("reopen", "cancel") else {}
        assert problem(client.post(f"{group.path}/{act}", **body)) == (403, "role")
        assert problem(stranger.post(f"{group.path}/{act}", **body)) == (403, "foreign_course")
        assert problem(group.client.post(f"/sessions/999/{act}", **body)) == (404, "not_found")


def test_the_model_named_is_the_one_at_the_opening(group: Class, service: Service) -> None:
    assert isinstance(service.recognizer, FakeRecognizer)
    first = service.recognizer.model
    group.client.post(f"{group.path}/open")
    service.recognizer.model = "20261124T000000Z-fedcba"
    assert group.client.post(f"{group.path}/open").json["model_version"] == first
