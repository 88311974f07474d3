"""Marks set by hand, one and many, taken back, and their history, through the API."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest

from attendance import marks
from attendance.actor import system_actor
from attendance.models import (
    AttendanceChange,
    AttendanceRecord,
    AuditEvent,
    ClassSession,
    MarkSource,
    MarkStatus,
    Role,
    SessionState,
)
from support.recognition import known, picture
from support.service import Client, Service, problem

SLIP = {"reason_code": "undo"}


class Room:
    """An open session of a course with Ada, Bo and Cy, and its instructor Ines."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.instructor = service.user(name="Ines")
        self.course = service.course(leads=(self.instructor,))
        self.students = {who: service.student(who, who.title()) for who in ("cy", "ada", "bo")}
        service.enrol(self.course, *self.students.values())
        self.session = service.session(self.course)
        self.path = f"/sessions/{self.session}"
        self.client = service.program(self.instructor)
        assert self.client.post(f"{self.path}/open").status_code == 200

    def item(self, who: str) -> dict[str, Any]:
        items = self.client.get(f"{self.path}/records").json["items"]
        found: dict[str, Any] = next(item for item in items if item["student"]["external_id"] == who)
        return found

    def mark(self, who: str) -> tuple[str, str | None]:
        item = self.item(who)
        return item["status"], item["source"]

    def patch(self, who: str, client: Client | None = None, **body: Any) -> Any:
        item = self.item(who)
        return (client or self.client).patch(f"/records/{item['id']}", json=body, headers={"If-Match": item["etag"]})

    def bulk(self, *items: dict[str, Any], **body: Any) -> Any:
        values = {"items": list(items), "reason_code": "arrived_unseen", **body}
        return self.client.post(f"{self.path}/records/bulk", json=values)

    def face(self, who: str, status: MarkStatus = MarkStatus.PRESENT) -> None:
        """What frames do when they are sure."""
        with self.service.db() as db:
            session = db.get_one(ClassSession, self.session, with_for_update=True)
            record = marks.ensure_record(db, session, self.students[who], self.service.clock.now())
            assert not marks.set_by_hand(record)
            now = self.service.clock.now()
            marks.change(
                db, record, status, source=MarkSource.FACE, actor=system_actor(), reason_code="confirmed", now=now
            )
            record.first_seen_at = record.last_seen_at = now

    def settle(self) -> None:
        self.client.post(f"{self.path}/close")
        self.service.clock.advance(seconds=130)
        self.service.chores()

    def history(self, who: str) -> list[tuple[str, str, str, str | None]]:
        changes = self.client.get(f"/records/{self.item(who)['id']}/changes").json
        return [(each["old_status"], each["new_status"], each["reason_code"], each["actor_name"]) for each in changes]


@pytest.fixture
def room(service: Service) -> Room:
    return Room(service)


def test_the_sheet_says_what_one_needs_to_know(room: Room, service: Service) -> None:
    silent = service.student("di", consent=False)
    service.enrol(room.course, silent)  # while it is open
    room.face("ada")
    excuse = {"student_id": room.students["bo"], "course_id": room.course, "reason_code": "illness"}
    room.client.post("/excuses", json={**excuse, "starts_on": "2026-11-20", "ends_on": "2026-11-23"})
    sheet = room.client.get(f"{room.path}/records").json
    assert (sheet["session_id"], sheet["state"], sheet["settled_at"]) == (room.session, "open", None)
    assert [item["student"]["name"] for item in sheet["items"]] == ["Ada", "Bo", "Cy", "Student di"]
    assert sheet["counts"] == {
        "unmarked": 3, "present": 1, "late": 0, "excused": 0, "absent": 0, "left_early": 0,
    }  # fmt: skip
    ada, bo, _, di = sheet["items"]
    assert (ada["status"], ada["source"], ada["first_seen_at"]) == ("present", "face", "2026-11-23T08:00:00+00:00")
    assert (ada["version"], ada["etag"], ada["excuse"]) == (2, '"v2"', None)
    assert bo["excuse"]["reason_code"] == "illness" and bo["excuse"]["ends_on"] == "2026-11-23"
    assert (bo["has_consent"], di["has_consent"], di["is_enrolled"]) == (True, False, True)
    filtered = room.client.get(f"{room.path}/records?status=present").json
    assert [item["id"] for item in filtered["items"]] == [ada["id"]] and filtered["counts"] == sheet["counts"]
    one = room.client.get(f"/records/{ada['id']}")
    assert one.json == ada and one.headers["ETag"] == ada["etag"]
    assert problem(room.client.get(f"{room.path}/records?status=odd")) == (422, "invalid")


def test_a_mark_set_by_hand_names_its_version_and_its_reason(room: Room) -> None:
    item = room.item("ada")
    path, body = f"/records/{item['id']}", {"status": "present", "reason_code": "arrived_unseen"}
    assert problem(room.client.patch(path, json=body)) == (428, "precondition_required")
    changed = room.client.patch(path, json=body, headers={"If-Match": item["etag"]})
    assert (changed.json["status"], changed.json["source"], changed.headers["ETag"]) == ("present", "manual", '"v2"')
    assert problem(room.client.patch(path, json=body, headers={"If-Match": item["etag"]})) == (412, "stale_version")
    for wrong in (
        {"status": "present"},
        {"status": "here", "reason_code": "correction"},
        {"status": "present", "reason_code": "because"},
        {"status": "present", "reason_code": "other"},
        {"status": "present", "reason_code": "other", "text": "  "},
        {"reason_code": "correction"},
        {"status": "present", "reason_code": "undo"},
        {"status": "present", "reason_code": "correction", "source": "face"},
    ):
        assert problem(room.client.patch(path, json=wrong, headers={"If-Match": "*"})) == (422, "invalid"), wrong
    words = room.patch("ada", status="late", reason_code="other", text="bus\nstood still")
    assert words.status_code == 200
    history = room.client.get(f"{path}/changes").json
    assert [(each["old_status"], each["new_status"], each["text"]) for each in history] == [
        ("unmarked", "present", ""),
        ("present", "late", "bus\nstood still"),
    ]
    assert {(each["actor_id"], each["actor_name"], each["source"]) for each in history} == {
        (room.instructor, "Ines", "manual")
    }


@pytest.mark.parametrize("rival", ["correction", "frame"])
def test_of_two_changes_at_once_one_waits_and_sees_the_other(
    room: Room, monkeypatch: pytest.MonkeyPatch, rival: str
) -> None:
    room.client.post(f"{room.path}/frames", data=picture(known("ada")), content_type="image/png")
    record, both = room.item("ada")["id"], Barrier(2)
    change = marks.change

    def change_together(*args: Any, **kwargs: Any) -> Any:
        # whoever does not hold the lock yet cannot get here: then this waits in vain
        with suppress(BrokenBarrierError):
            both.wait(0.3)
        return change(*args, **kwargs)

    monkeypatch.setattr(marks, "change", change_together)

    def correct(status: str) -> int:
        body = {"status": status, "reason_code": "correction"}
        client = room.service.program(room.instructor)
        return int(client.patch(f"/records/{record}", json=body, headers={"If-Match": '"v1"'}).status_code)

    def send() -> int:
        body, client = picture(known("ada"), nonce=1), room.service.program(room.instructor)
        return int(client.post(f"{room.path}/frames", data=body, content_type="image/png").status_code)

    with ThreadPoolExecutor(2) as pool:
        by_hand = pool.submit(correct, "absent")
        other = pool.submit(send) if rival == "frame" else pool.submit(correct, "late")
        answers = by_hand.result(), other.result()
    changes = room.history("ada")
    if rival == "correction":
        assert sorted(answers) == [200, 412] and len(changes) == 1
        assert room.mark("ada")[0] == ("absent" if answers[0] == 200 else "late")
    else:
        # the face first, and the correction is told; or the correction, and the face leaves it alone
        assert answers in ((412, 200), (200, 200)) and len(changes) == 1
        assert room.mark("ada") == (("absent", "manual") if answers[0] == 200 else ("present", "face"))
    assert room.item("ada")["version"] == 2


def test_a_face_never_overwrites_what_a_person_set(room: Room, service: Service) -> None:
    room.face("ada")
    assert room.patch("ada", status="unmarked", reason_code="not_me").status_code == 200
    assert room.patch("bo", status="absent", reason_code="correction").status_code == 200
    for number in range(4):
        service.clock.advance(seconds=1)
        answer = room.client.post(
            f"{room.path}/frames",
            data=picture(known("ada"), known("bo"), known("cy"), nonce=number),
            headers={"Content-Type": "image/png", "Idempotency-Key": f"frame-{number}"},
        )
        assert answer.status_code == 200, answer.json
    assert room.mark("ada") == ("unmarked", "manual")
    assert room.mark("bo") == ("absent", "manual")
    assert room.mark("cy") == ("present", "face")


def test_undo_puts_back_the_mark_and_who_had_set_it(room: Room) -> None:
    room.face("ada")
    room.patch("ada", status="absent", reason_code="correction")
    undone = room.patch("ada", **SLIP)
    assert (undone.json["status"], undone.json["source"]) == ("present", "face")
    # undoing the undo is the mark by hand again
    assert room.patch("ada", **SLIP).status_code == 200
    assert room.mark("ada") == ("absent", "manual")
    assert room.history("ada") == [
        ("unmarked", "present", "confirmed", None),
        ("present", "absent", "correction", "Ines"),
        ("absent", "present", "undo", "Ines"),
        ("present", "absent", "undo", "Ines"),
    ]


def test_after_an_undone_face_a_face_may_mark_again(room: Room, service: Service) -> None:
    room.face("ada")
    undone = room.patch("ada", **SLIP).json
    assert (undone["status"], undone["source"], undone["first_seen_at"]) == ("unmarked", None, None)
    service.clock.advance(minutes=20)
    room.face("ada", MarkStatus.LATE)
    assert room.mark("ada") == ("late", "face")


def test_undo_of_nothing_is_refused(room: Room) -> None:
    assert problem(room.patch("ada", **SLIP)) == (409, "nothing_to_undo")
    room.settle()
    assert problem(room.patch("ada", **SLIP)) == (409, "nothing_to_undo")
    assert room.mark("ada") == ("absent", "auto_close")


def test_a_mark_undone_after_the_close_is_what_the_close_would_have_made_it(room: Room) -> None:
    room.patch("ada", status="present", reason_code="correction")
    room.settle()
    room.patch("bo", status="present", reason_code="correction")
    assert room.patch("ada", **SLIP).status_code == 200
    assert room.patch("bo", **SLIP).status_code == 200
    assert room.mark("ada") == room.mark("bo") == ("absent", "auto_close")
    # what a person left open stays open
    room.patch("cy", status="unmarked", reason_code="correction")
    room.patch("cy", status="present", reason_code="correction")
    assert room.patch("cy", **SLIP).json["status"] == "unmarked"
    assert room.history("ada")[1:] == [
        ("present", "unmarked", "undo", "Ines"),
        ("unmarked", "absent", "not_seen", None),
    ]


def test_marks_change_while_open_and_closed_and_at_no_other_time(room: Room, service: Service) -> None:
    ada = room.item("ada")
    room.settle()
    assert room.patch("ada", status="late", reason_code="correction").status_code == 200
    states = {
        SessionState.LOCKED: "session_locked",
        SessionState.SCHEDULED: "session_not_started",
        SessionState.CANCELLED: "session_cancelled",
    }
    for state, code in states.items():
        with service.db() as db:
            db.get_one(ClassSession, room.session).state = state
        body = {"status": "present", "reason_code": "correction"}
        refused = room.client.patch(f"/records/{ada['id']}", json=body, headers={"If-Match": "*"})
        assert problem(refused) == (409, code)
        assert problem(room.bulk({"record_id": ada["id"], "status": "present"})) == (409, code)
        rows = {"rows": [{"external_id": "ada", "status": "present"}]}
        assert problem(room.client.post(f"{room.path}/records/import", json=rows)) == (409, code)
    assert room.mark("ada") == ("late", "manual")


def test_many_marks_at_once(room: Room, service: Service) -> None:
    ada, bo = room.item("ada"), room.item("bo")
    di = service.student("di", "Di")
    service.enrol(room.course, di)  # has no record yet
    answer = room.bulk(
        {"record_id": bo["id"], "status": "late", "version": bo["version"]},
        {"record_id": ada["id"], "status": "present"},
        {"student_id": di, "status": "excused"},
        reason_code="other",
        text="fire drill",
    )
    assert [(item["student"]["external_id"], item["status"], item["version"]) for item in answer.json] == [
        ("ada", "present", 2),
        ("bo", "late", 2),
        ("di", "excused", 2),
    ]
    with service.db() as db:
        assert {(each.reason_code, each.text) for each in db.query(AttendanceChange)} == {("other", "fire drill")}
        event = db.query(AuditEvent).filter_by(action="session.records.change").one()
        assert event.data == {"records": 3, "reason": "other"}


def test_a_stale_row_keeps_all_from_being_set_and_is_named(room: Room) -> None:
    items = {who: room.item(who) for who in room.students}
    room.face("bo")
    rows = [{"record_id": items[who]["id"], "status": "absent", "version": 1} for who in ("ada", "bo", "cy")]
    refused = room.bulk(*rows)
    assert problem(refused) == (412, "stale_version")
    assert refused.json["errors"] == [{"row": 1, "message": "is at version 2 now"}]
    assert [room.mark(who)[0] for who in ("ada", "bo", "cy")] == ["unmarked", "present", "unmarked"]


def test_a_wrong_row_keeps_all_from_being_set_and_is_named(room: Room, service: Service) -> None:
    ada = room.item("ada")
    stranger = service.student("di")
    ended = service.student("ed")
    service.enrol(room.course, ended, ends_on=date(2026, 11, 22))
    good = {"record_id": ada["id"], "status": "present"}
    for row in (
        {"student_id": stranger, "status": "present"},
        {"student_id": ended, "status": "present"},
        {"student_id": 99999, "status": "present"},
        {"record_id": 99999, "status": "present"},
        {"student_id": room.students["ada"], "status": "absent"},
    ):
        refused = room.bulk(good, row)
        assert problem(refused) == (422, "rows")
        assert [error["row"] for error in refused.json["errors"]] == [1]
    for row in ({"status": "present"}, {"record_id": ada["id"], "student_id": 1, "status": "present"}):
        assert problem(room.bulk(good, row)) == (422, "invalid")
    assert problem(room.bulk()) == (422, "invalid")
    assert problem(room.bulk(*[good] * 2001)) == (422, "invalid")
    assert problem(room.bulk(good, reason_code="undo")) == (422, "invalid")
    assert problem(room.bulk(good, reason_code="other")) == (422, "invalid")
    assert room.mark("ada") == ("unmarked", None)
    with service.db() as db:
        assert db.query(AttendanceChange).count() == 0 and db.query(AttendanceRecord).count() == 3


def test_marks_of_another_system(room: Room, service: Service) -> None:
    path = f"{room.path}/records/import"
    rows = [{"external_id": "bo", "status": "late"}, {"external_id": "ada", "status": "present"}]
    assert [item["source"] for item in room.client.post(path, json={"rows": rows}).json] == ["import", "import"]
    assert room.mark("bo") == ("late", "import")
    service.student("elsewhere")  # whom the instructor is not told of
    for other in ("nobody", "elsewhere"):
        refused = room.client.post(path, json={"rows": [*rows, {"external_id": other, "status": "late"}]})
        assert problem(refused) == (422, "unknown_student")
        assert refused.json["errors"] == [{"row": 2, "message": "nobody in this session has this id"}]
    assert problem(room.client.post(path, json={"rows": [rows[0], rows[0]]})) == (422, "rows")


def test_marks_are_changed_by_the_staff_of_the_course_only(room: Room, service: Service) -> None:
    viewer = service.user(Role.VIEWER)
    service.staff(room.course, viewer)
    looking, foreign = service.program(viewer), service.program(service.user())
    record = room.item("ada")["id"]
    body = {"status": "present", "reason_code": "correction"}
    assert looking.get(f"{room.path}/records").status_code == 200
    assert looking.get(f"/records/{record}/changes").status_code == 200
    assert problem(room.patch("ada", looking, **body)) == (403, "role")
    assert problem(room.patch("ada", foreign, **body)) == (403, "foreign_course")
    for path in (f"/records/{record}", f"/records/{record}/changes", f"{room.path}/records"):
        assert problem(foreign.get(path)) == (403, "foreign_course")
    for path in ("/records/9999", "/records/9999/changes", "/sessions/9999/records"):
        assert problem(room.client.get(path)) == (404, "not_found")
