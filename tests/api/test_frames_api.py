"""Frames through the API: what is taken, what is refused, what is answered."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from PIL import Image
from werkzeug.test import TestResponse

from attendance.models import (
    AttendanceChange,
    AttendanceRecord,
    AuditEvent,
    ClassSession,
    Consent,
    Frame,
    MarkSource,
    MarkStatus,
    ReviewItem,
    Role,
    SessionState,
    Sighting,
    SightingDecision,
    Student,
    StudentStatus,
)
from support.databases import sqlite_database
from support.recognition import Face, doubtful, known, picture, stranger
from support.service import Client, Service, make_service, make_settings, problem


@dataclass
class Class:
    """An open session, late after ten minutes, of Ada (a1), Bob (b2) and Cyd (c3); Eve (e5) is in another course."""

    service: Service
    client: Client
    admin: Client
    course: int
    session: int
    ada: int
    bob: int
    cyd: int
    eve: int
    number: int = 0

    def send(self, *faces: Face, at: float | None = None, key: str | None = None, **kwargs: Any) -> TestResponse:
        """Send a frame of its own with these faces. at: seconds after the opening at which it was captured."""
        self.number += 1
        return self.post(picture(*faces, nonce=self.number), at=at, key=key, **kwargs)

    def post(
        self, body: bytes, *, at: float | None = None, key: str | None = None, type_: str = "image/png", **kwargs: Any
    ) -> TestResponse:
        headers = {"Content-Type": type_}
        if at is not None:
            headers["X-Captured-At"] = (self.opened_at + timedelta(seconds=at)).isoformat()
        if key is not None:
            headers["Idempotency-Key"] = key
        client = kwargs.pop("client", self.client)
        return client.post(f"/sessions/{self.session}/frames", data=body, headers=headers)

    @property
    def opened_at(self) -> Any:
        with self.service.db() as db:
            return db.get_one(ClassSession, self.session).opened_at

    def status(self, student: int) -> str:
        with self.service.db() as db:
            record = db.query(AttendanceRecord).filter_by(session_id=self.session, student_id=student).one_or_none()
            return record.status.value if record else "none"

    def history(self, student: int) -> list[tuple[str, str, str, str]]:
        with self.service.db() as db:
            record = db.query(AttendanceRecord).filter_by(session_id=self.session, student_id=student).one()
            changes = db.query(AttendanceChange).filter_by(record_id=record.id).order_by(AttendanceChange.id).all()
            assert record.version == 1 + len(changes)
            return [(c.old_status.value, c.new_status.value, c.source.value, c.reason_code) for c in changes]

    def set(self, **values: Any) -> None:
        with self.service.db() as db:
            session = db.get_one(ClassSession, self.session)
            for name, value in values.items():
                setattr(session, name, value)

    def take_out(self, student: int, way: str) -> None:
        """Withdraw the student's consent, or restrict the processing by setting the student inactive."""
        with self.service.db() as db:
            if way == "withdrawn":
                db.query(Consent).filter_by(student_id=student).one().withdrawn_at = self.service.clock.now()
            else:
                db.get_one(Student, student).status = StudentStatus.INACTIVE

    def close(self) -> None:
        self.set(state=SessionState.CLOSED, closed_at=self.service.clock.now())

    def count(self, kind: type[Any], **values: Any) -> int:
        with self.service.db() as db:
            return db.query(kind).filter_by(**values).count()


def make_class(service: Service) -> Class:
    instructor = service.user()
    course, other = service.course(staff=(instructor,)), service.course()
    ada, bob, cyd, eve = (
        service.student(number, name) for number, name in (("a1", "Ada"), ("b2", "Bob"), ("c3", "Cyd"), ("e5", "Eve"))
    )
    service.enrol(course, ada, bob, cyd)
    service.enrol(other, eve)
    now = service.clock.now()
    session = service.session(course, state=SessionState.OPEN, opened_at=now)
    service.clock.advance(minutes=5)
    return Class(service, service.program(instructor), service.admin(), course, session, ada, bob, cyd, eve)


@pytest.fixture
def lesson(service: Service) -> Class:
    return make_class(service)


@pytest.fixture
def sqlite_lesson(sqlite_service: Service) -> Class:
    return make_class(sqlite_service)


def test_two_frames_mark_a_student_and_the_answer_tells_all(lesson: Class) -> None:
    first = lesson.send(known("a1"), stranger(), at=60)
    assert first.status_code == 200
    face, nobody = first.json["faces"]
    assert (face["decision"], face["reasons"], face["student"]["name"]) == (
        "accepted",
        ["more_sightings_needed"],
        "Ada",
    )
    assert face["confirmed"] == {"seen": 1, "needed": 2} and face["band"] == "fairly_sure"
    assert (nobody["decision"], nobody["student"], nobody["band"]) == ("unknown", None, None)
    assert first.json["changes"] == [] and lesson.status(lesson.ada) == "unmarked"
    second = lesson.send(known("a1"), at=62).json
    (change,) = second["changes"]
    assert change["student"] == {"id": lesson.ada, "external_id": "a1", "name": "Ada"}
    assert (change["old"], change["new"], change["version"]) == ("unmarked", "present", 2)
    assert second["faces"][0]["reasons"] == ["confirmed"]
    assert second["tally"] == {
        **dict.fromkeys(("late", "excused", "absent", "left_early"), 0),
        "present": 1,
        "unmarked": 2,
        "enrolled": 3,
    }
    assert second["model_version"] == lesson.service.recognizer.model
    assert (second["width"], second["height"]) == (640, 360) and second["milliseconds"]["detect"] == 1.0
    assert lesson.history(lesson.ada) == [("unmarked", "present", "face", "confirmed")]
    with lesson.service.db() as db:
        (event,) = db.query(AuditEvent).filter_by(action="frame.take")
        assert (event.object_id, event.data["frame_id"]) == (str(lesson.session), second["frame_id"])
        assert db.query(AttendanceChange).one().frame_id == second["frame_id"]
        times = {(each.captured_at, each.received_at) for each in db.query(Sighting)}
    received = lesson.service.clock.now()
    assert times == {(lesson.opened_at + timedelta(seconds=at), received) for at in (60, 62)}


def test_the_recognizer_is_asked_about_the_roster_and_never_about_those_who_withdrew(lesson: Class) -> None:
    with lesson.service.db() as db:
        db.query(Consent).filter_by(student_id=lesson.bob).one().withdrawn_at = lesson.service.clock.now()
    lesson.send(known("a1"))
    assert lesson.service.recognizer.asked == [{"among": {"a1", "c3"}, "without": {"b2"}}]


def test_numbers_are_for_admins_and_are_not_kept_in_the_answer(lesson: Class) -> None:
    assert lesson.send(known("a1")).json["faces"][0]["numbers"] is None
    answer = lesson.send(known("a1"), client=lesson.admin, key="k").json
    assert answer["faces"][0]["numbers"]["similarity"] == pytest.approx(0.9)
    with lesson.service.db() as db:
        kept = str(db.query(Frame).filter_by(event_uuid="k").one().answer)
    assert "similarity" not in kept and "Ada" not in kept and "a1" not in kept


def test_who_is_not_on_the_roster_is_not_named(lesson: Class) -> None:
    for at in (60, 61):
        answer = lesson.send(known("e5"), at=at)
        (face,) = answer.json["faces"]
        assert (face["decision"], face["student"], face["reasons"]) == ("not_enrolled", None, ["not_on_roster"])
        assert "Eve" not in answer.text and "e5" not in answer.text
    assert lesson.count(AttendanceRecord) == lesson.count(Sighting) == 0


def test_nobody_without_a_consent_is_more_than_a_stranger(lesson: Class) -> None:
    never = lesson.service.student("n9", "Never", consent=False)
    lesson.service.enrol(lesson.course, never)
    answer = lesson.send(known("n9"), known("x-not-in-the-database"), at=60)
    assert [face["decision"] for face in answer.json["faces"]] == ["unknown", "unknown"]
    assert "Never" not in answer.text


def test_a_consent_that_goes_while_the_networks_compute_is_gone(lesson: Class) -> None:
    lesson.send(known("a1"), known("b2"), at=60)
    recognize = lesson.service.recognizer.recognize

    def meanwhile(*args: Any, **kwargs: Any) -> Any:
        with lesson.service.db() as db:
            db.query(Consent).filter_by(student_id=lesson.ada).one().withdrawn_at = lesson.service.clock.now()
        return recognize(*args, **kwargs)

    lesson.service.recognizer.recognize = meanwhile
    ada, bob = lesson.send(known("a1"), known("b2"), at=61).json["faces"]
    assert (ada["decision"], ada["student"]) == ("unknown", None)
    assert bob["reasons"] == ["confirmed"]
    assert lesson.status(lesson.ada) == "unmarked"


def test_a_frame_sent_again_is_answered_the_same_and_counts_once(lesson: Class) -> None:
    body = picture(known("a1"))
    first, second = (lesson.post(body, at=60, key="frame 1") for _ in range(2))
    assert "Idempotency-Replayed" not in first.headers and second.headers["Idempotency-Replayed"] == "true"
    assert second.json == first.json and second.status_code == first.status_code == 200
    assert lesson.count(Frame) == lesson.count(Sighting) == 1
    assert len(lesson.service.recognizer.asked) == 1
    lesson.close()
    lesson.service.clock.advance(hours=1)
    assert lesson.post(body, at=60, key="frame 1").json == first.json


def test_a_key_used_for_another_picture_is_refused(lesson: Class) -> None:
    lesson.send(known("a1"), key="k")
    assert problem(lesson.send(known("b2"), key="k")) == (422, "idempotency_key_reused")
    assert lesson.count(Frame) == 1


def test_the_same_picture_under_another_key_is_not_another_sighting(lesson: Class) -> None:
    body = picture(known("a1"))
    lesson.post(body, at=60)
    assert lesson.post(body, at=61).json["faces"][0]["reasons"] == ["same_picture"]
    assert lesson.status(lesson.ada) == "unmarked"


@pytest.mark.parametrize("way", ["withdrawn", "inactive"])
def test_whoever_may_not_be_recognised_any_more_is_named_in_no_frame_and_no_replay(lesson: Class, way: str) -> None:
    body = picture(known("a1"), doubtful("a1", "b2"), doubtful("a1"))
    certain, two, one = lesson.post(body, key="k").json["faces"]
    assert certain["student"]["name"] == "Ada" and [each["name"] for each in two["candidates"]] == ["Ada", "Bob"]
    assert one["decision"] == "review" and one["review_item_id"] is not None
    lesson.take_out(lesson.ada, way)
    certain, two, one = lesson.post(body, key="k").json["faces"]
    assert (certain["decision"], certain["student"], certain["confirmed"]) == ("unknown", None, None)
    assert (two["decision"], [each["name"] for each in two["candidates"]]) == ("review", ["Bob"])
    assert (one["decision"], one["candidates"], one["review_item_id"]) == ("unknown", [], None)
    again = lesson.send(known("a1"), doubtful("a1"))
    assert [face["decision"] for face in again.json["faces"]] == ["unknown", "unknown"] and "Ada" not in again.text
    shown = lesson.client.get(f"/review?session_id={lesson.session}").json["items"]
    assert [[each["student"]["name"] for each in item["candidates"]] for item in shown] == [["Bob"], []]


@pytest.mark.parametrize("key", ["", "k" * 101, "naïve", "tab\there"])
def test_a_key_is_short_and_printable(sqlite_lesson: Class, key: str) -> None:
    answer = sqlite_lesson.send(known("a1"), key=key)
    assert problem(answer) == (422, "invalid")
    assert answer.json["errors"][0]["field"] == "Idempotency-Key"


def test_what_is_captured_when(lesson: Class) -> None:
    now = lesson.service.clock.now()
    ahead = (now - lesson.opened_at).total_seconds()

    def captured(at: float | None) -> Any:
        return lesson.send(known("a1"), at=at).json["captured_at"]

    assert captured(None) == now.isoformat()
    assert captured(ahead + 5) == (now + timedelta(seconds=5)).isoformat()
    assert captured(ahead + 6) == captured(ahead + 59.9) == now.isoformat()
    assert problem(lesson.send(at=ahead + 60)) == (422, "captured_in_future")
    assert problem(lesson.send(at=-0.001)) == (409, "before_opening")
    assert lesson.send(at=0).status_code == 200
    for text in ("yesterday", "2026-11-23T08:00:00", "9999-12-31T23:59:59+00:00", "1e400"):
        headers = {"Content-Type": "image/png", "X-Captured-At": text}
        answer = lesson.client.post(f"/sessions/{lesson.session}/frames", data=picture(), headers=headers)
        assert problem(answer) == (422, "invalid"), text


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (SessionState.SCHEDULED, "session_not_open"),
        (SessionState.LOCKED, "session_locked"),
        (SessionState.CANCELLED, "session_cancelled"),
    ],
)
def test_only_an_open_session_takes_frames(sqlite_lesson: Class, state: SessionState, code: str) -> None:
    sqlite_lesson.set(state=state)
    assert problem(sqlite_lesson.send(known("a1"))) == (409, code)
    assert sqlite_lesson.service.recognizer.asked == [] and sqlite_lesson.count(Frame) == 0


def test_a_frame_that_waited_for_the_network_counts_until_the_grace_ends(lesson: Class) -> None:
    lesson.close()
    closed = (lesson.service.clock.now() - lesson.opened_at).total_seconds()
    lesson.service.clock.advance(seconds=119.9)
    for at in (closed, closed - 3):
        assert lesson.send(known("a1"), at=at).status_code == 200
    assert lesson.status(lesson.ada) == "present"
    assert problem(lesson.send(known("b2"), at=closed + 0.001)) == (409, "session_closed")
    assert problem(lesson.send(known("b2"))) == (409, "session_closed")
    lesson.service.clock.advance(seconds=0.1)
    assert problem(lesson.send(known("b2"), at=closed)) == (409, "session_closed")


def test_once_those_never_seen_are_absent_no_frame_counts(lesson: Class) -> None:
    lesson.close()
    lesson.set(settled_at=lesson.service.clock.now())
    assert problem(lesson.send(known("a1"), at=60)) == (409, "session_closed")


def test_a_session_that_closes_while_the_networks_compute_takes_no_later_frame(lesson: Class) -> None:
    recognize = lesson.service.recognizer.recognize

    def meanwhile(*args: Any, **kwargs: Any) -> Any:
        lesson.set(state=SessionState.LOCKED)
        return recognize(*args, **kwargs)

    lesson.service.recognizer.recognize = meanwhile
    assert problem(lesson.send(known("a1"))) == (409, "session_locked")
    assert lesson.count(Frame) == 0


def test_late_is_by_the_first_sighting_of_those_that_confirm(lesson: Class) -> None:
    lesson.service.clock.advance(minutes=10)
    lesson.send(known("a1"), known("b2"), at=599)
    lesson.send(known("a1"), at=605)
    lesson.send(known("b2"), known("c3"), at=610)
    lesson.send(known("b2"), at=620)
    lesson.send(known("c3"), at=600)
    assert lesson.status(lesson.ada) == "present"
    # 599 and 610 are further apart than ten seconds
    assert lesson.status(lesson.bob) == "late"
    assert lesson.status(lesson.cyd) == "late"


def test_frames_that_arrive_late_show_that_somebody_was_in_time(lesson: Class) -> None:
    lesson.service.clock.advance(minutes=10)
    for at in (700, 701):
        lesson.send(known("a1"), at=at)
    assert lesson.status(lesson.ada) == "late"
    first = lesson.send(known("a1"), at=590).json
    assert first["faces"][0]["decision"] == "accepted" and first["changes"] == []
    second = lesson.send(known("a1"), at=585).json
    assert [(change["old"], change["new"]) for change in second["changes"]] == [("late", "present")]
    assert [change[3] for change in lesson.history(lesson.ada)] == ["confirmed", "seen_earlier"]
    with lesson.service.db() as db:
        record = db.query(AttendanceRecord).one()
    assert record.first_seen_at == lesson.opened_at + timedelta(seconds=585)
    assert record.last_seen_at == lesson.opened_at + timedelta(seconds=701)


def test_one_frame_from_before_the_limit_and_one_from_after_it_are_in_time(lesson: Class) -> None:
    lesson.service.clock.advance(minutes=10)
    for at in (604, 606):
        lesson.send(known("a1"), at=at)
    lesson.send(known("a1"), at=598)
    assert lesson.status(lesson.ada) == "present"


def test_frames_of_before_the_limit_complete_sightings_of_after_it(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Any
) -> None:
    url = sqlite_database(tmp_path_factory.getbasetemp(), tmp_path)
    service = make_service(make_settings(tmp_path, url, confirm_sightings=3))
    lesson = make_class(service)
    lesson.service.clock.advance(minutes=10)
    for at in (607, 610, 615):
        lesson.send(known("a1"), at=at)
    assert lesson.status(lesson.ada) == "late"
    for at in (598, 608):
        lesson.send(known("a1"), at=at)
    assert lesson.status(lesson.ada) == "present"
    service.database.close()


def test_a_present_student_never_becomes_late(lesson: Class) -> None:
    lesson.service.clock.advance(minutes=20)
    for at in (60, 61, 800, 801, 802):
        lesson.send(known("a1"), at=at)
    assert lesson.history(lesson.ada) == [("unmarked", "present", "face", "confirmed")]


@pytest.mark.parametrize(("gap", "status"), [(10.0, "present"), (-10.0, "present"), (10.001, "unmarked")])
def test_the_window_has_an_edge(lesson: Class, gap: float, status: str) -> None:
    lesson.send(known("a1"), at=100)
    lesson.send(known("a1"), at=100 + gap)
    assert lesson.status(lesson.ada) == status


def test_a_mark_that_was_taken_back_leaves_no_time_of_arrival(lesson: Class) -> None:
    for at in (60, 61):
        lesson.send(known("a1"), at=at)
    with lesson.service.db() as db:
        record = db.query(AttendanceRecord).one()
        # as a reopened session leaves it
        record.status, record.source = MarkStatus.UNMARKED, None
    for at in (100, 101):
        lesson.send(known("a1"), at=at)
    with lesson.service.db() as db:
        record = db.query(AttendanceRecord).one()
    assert (record.status, record.first_seen_at) == (MarkStatus.PRESENT, lesson.opened_at + timedelta(seconds=100))


@pytest.mark.parametrize("source", [MarkSource.MANUAL, MarkSource.IMPORT])
def test_what_a_person_set_no_face_changes(lesson: Class, source: MarkSource) -> None:
    lesson.send(known("a1"), at=60)
    with lesson.service.db() as db:
        record = db.query(AttendanceRecord).one()
        record.status, record.source, before = MarkStatus.ABSENT, source, record.version
    answer = lesson.send(known("a1"), at=61).json
    assert answer["faces"][0]["reasons"] == ["set_by_hand"] and answer["changes"] == []
    with lesson.service.db() as db:
        record = db.query(AttendanceRecord).one()
    assert (record.status, record.version, record.last_seen_at) == (MarkStatus.ABSENT, before, None)


def test_a_student_who_stays_before_the_camera_leaves_little_behind(lesson: Class) -> None:
    for at in range(60, 100):
        answer = lesson.send(known("a1"), stranger(), known("e5"), at=at).json
    assert (answer["faces"][0]["decision"], answer["faces"][0]["reasons"]) == ("duplicate", ["already_marked"])
    with lesson.service.db() as db:
        kept = db.query(Sighting).order_by(Sighting.captured_at).all()
        record = db.query(AttendanceRecord).one()
    seconds = [(each.captured_at - lesson.opened_at).total_seconds() for each in kept]
    # two that made the mark, then one in ten seconds; of the stranger and of Eve nothing
    assert seconds == [60, 61, 72, 83, 94]
    assert [each.decision for each in kept] == [SightingDecision.ACCEPTED] * 2 + [SightingDecision.DUPLICATE] * 3
    assert record.last_seen_at == lesson.opened_at + timedelta(seconds=94) and record.version == 2


def test_two_faces_cannot_be_one_student(lesson: Class) -> None:
    for at in (60, 61):
        answer = lesson.send(known("a1"), known("b2"), known("a1"), at=at).json
        decisions = [face["decision"] for face in answer["faces"]]
        assert decisions == ["review", "accepted", "review"]
        assert answer["faces"][0]["reasons"][0] == "twice_in_frame"
        assert answer["faces"][0]["candidates"][0]["name"] == "Ada"
    assert lesson.status(lesson.ada) == "none" and lesson.status(lesson.bob) == "present"
    assert lesson.count(ReviewItem) == 2  # both faces of the first frame


def test_a_doubtful_face_asks_once_in_half_a_minute(lesson: Class) -> None:
    first = lesson.send(doubtful("a1", "b2"), at=60).json["faces"][0]
    assert (first["decision"], first["student"], first["band"]) == ("review", None, "not_sure")
    assert [each["name"] for each in first["candidates"]] == ["Ada", "Bob"]
    again = lesson.send(doubtful("a1", "c3"), at=90).json["faces"][0]
    assert again["review_item_id"] == first["review_item_id"] and again["reasons"] == ["doubtful", "already_asked"]
    later = lesson.send(doubtful("a1"), doubtful("b2"), at=90.5).json["faces"]
    assert len({first["review_item_id"], *(face["review_item_id"] for face in later)}) == 3
    assert lesson.count(ReviewItem) == lesson.count(Sighting) == 3
    with lesson.service.db() as db:
        # a frame that only asks is as traceable as one that marks
        traces = db.query(AuditEvent).filter_by(action="frame.take").order_by(AuditEvent.id)
        assert [len(event.data["review_item_ids"]) for event in traces] == [1, 2]


def test_a_doubtful_face_of_somebody_excused_by_hand_asks_nothing(lesson: Class) -> None:
    with lesson.service.db() as db:
        values = {"status": MarkStatus.EXCUSED, "source": MarkSource.MANUAL, "updated_at": lesson.service.clock.now()}
        db.add(AttendanceRecord(session_id=lesson.session, student_id=lesson.ada, **values))
    (face,) = lesson.send(doubtful("a1"), at=60).json["faces"]
    assert (face["reasons"], face["review_item_id"]) == (["doubtful", "already_marked"], None)
    assert lesson.count(ReviewItem) == 0


def test_two_sessions_at_once_ask_for_themselves(lesson: Class) -> None:
    first = lesson.send(doubtful("a1"), at=60).json["faces"][0]["review_item_id"]
    service = lesson.service
    course = service.course()
    service.enrol(course, lesson.ada)
    other = service.session(course, state=SessionState.OPEN, opened_at=lesson.opened_at)
    path, sent = f"/sessions/{other}/frames", {"data": picture(doubtful("a1")), "content_type": "image/png"}
    at = {"X-Captured-At": (lesson.opened_at + timedelta(seconds=61)).isoformat()}
    (face,) = lesson.admin.post(path, headers=at, **sent).json["faces"]
    assert face["reasons"] == ["doubtful"] and face["review_item_id"] not in (None, first)
    for session, item in ((lesson.session, first), (other, face["review_item_id"])):
        shown = lesson.admin.get(f"/review?session_id={session}").json["items"]
        assert [each["id"] for each in shown] == [item]


def test_nobody_is_asked_when_every_candidate_is_marked_or_none_is_here(lesson: Class) -> None:
    for at in (60, 61):
        lesson.send(known("a1"), at=at)
    marked = lesson.send(doubtful("a1"), at=62).json["faces"][0]
    assert (marked["decision"], marked["reasons"]) == ("review", ["doubtful", "already_marked"])
    elsewhere = lesson.send(doubtful("e5"), at=63)
    assert elsewhere.json["faces"][0]["decision"] == "unknown" and "Eve" not in elsewhere.text
    assert lesson.count(ReviewItem) == 0
    assert lesson.send(doubtful("a1", "b2"), at=64).json["faces"][0]["review_item_id"]


def test_nobody_is_asked_about_a_face_that_can_only_be_somebody_who_is_marked(lesson: Class) -> None:
    for at in (60, 61):
        lesson.send(known("a1"), at=at)
    far = lesson.send(doubtful("a1", "b2", reach=0.04), at=62).json["faces"][0]
    assert (far["reasons"], far["review_item_id"]) == (["doubtful", "already_marked"], None)
    assert lesson.send(doubtful("a1", "b2", reach=0.06), at=63).json["faces"][0]["review_item_id"]
    assert lesson.send(doubtful("c3", "a1", reach=0.04), at=64).json["faces"][0]["review_item_id"]


def test_frames_that_left_nothing_are_forgotten_after_an_hour(lesson: Class) -> None:
    lesson.send(stranger(), at=60)
    lesson.send(known("a1"), at=60)
    lesson.service.clock.advance(minutes=59)
    lesson.service.chores()
    assert lesson.count(Frame) == 2
    lesson.service.clock.advance(minutes=2)
    lesson.service.chores()
    assert lesson.count(Frame) == 1 and lesson.count(Sighting) == 1


def test_only_the_staff_of_the_course_sends_frames(lesson: Class) -> None:
    service = lesson.service
    viewer = service.user(Role.VIEWER)
    service.staff(lesson.course, viewer)
    assert problem(lesson.send(known("a1"), client=service.program(service.user()))) == (403, "foreign_course")
    assert problem(lesson.send(known("a1"), client=service.program(viewer))) == (403, "role")
    assert problem(lesson.send(known("a1"), client=service.guest())) == (401, "not_logged_in")
    assert problem(service.admin().post("/sessions/999/frames", data=b"", content_type="image/png"))[0] == 404


def test_sightings_are_listed_with_numbers_for_admins(lesson: Class) -> None:
    for at in (60, 61):
        lesson.send(known("a1"), known("b2"), at=at)
    path = f"/sessions/{lesson.session}/sightings"
    page = lesson.client.get(f"{path}?limit=3").json
    assert len(page["items"]) == 3 and page["next_cursor"]
    assert {item["decision"] for item in page["items"]} == {"accepted"}
    assert {item["received_at"] for item in page["items"]} == {lesson.service.clock.now().isoformat()}
    assert page["items"][0]["captured_at"] == (lesson.opened_at + timedelta(seconds=61)).isoformat()
    assert all(item["numbers"] is None for item in page["items"])
    rest = lesson.client.get(f"{path}?limit=3&cursor={page['next_cursor']}").json
    assert len(rest["items"]) == 1 and rest["next_cursor"] is None
    mine = lesson.admin.get(f"{path}?student_id={lesson.bob}").json["items"]
    assert [item["student"]["name"] for item in mine] == ["Bob", "Bob"]
    assert mine[0]["numbers"]["score"] == pytest.approx(0.9)
    assert lesson.client.get(f"{path}?decision=review").json["items"] == []
    assert problem(lesson.service.program(lesson.service.user()).get(path)) == (403, "foreign_course")


# what is no picture, and what is too much of one


def encoded(format_: str, size: tuple[int, int] = (64, 48)) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), np.uint8)).save(buffer, format_)
    return buffer.getvalue()


@pytest.mark.parametrize("type_", ["image/jpeg", "image/png", "image/webp"])
def test_each_format_is_taken(sqlite_lesson: Class, type_: str) -> None:
    answer = sqlite_lesson.post(encoded(type_.removeprefix("image/")), type_=type_)
    assert answer.status_code == 200 and answer.json["faces"] == []
    assert (answer.json["width"], answer.json["height"]) == (64, 48)


JPEG = encoded("JPEG", (640, 480))
VIDEO = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 40


@pytest.mark.parametrize("path", ["/sessions/{}/frames", "/recognize"])
@pytest.mark.parametrize(
    "body",
    [b"", b"not an image", JPEG[: len(JPEG) // 2], b"<svg xmlns='http://www.w3.org/2000/svg'/>", VIDEO],
    ids=["empty", "text", "truncated", "svg", "video"],
)
def test_what_is_no_picture_is_refused_whatever_it_is_called(sqlite_lesson: Class, path: str, body: bytes) -> None:
    answer = sqlite_lesson.client.post(path.format(sqlite_lesson.session), data=body, content_type="image/jpeg")
    assert problem(answer) == (422, "invalid_image")
    assert sqlite_lesson.count(Frame) == 0


@pytest.mark.parametrize("type_", ["image/svg+xml", "video/mp4", "application/json", "text/plain", ""])
def test_other_content_types_are_refused(sqlite_lesson: Class, type_: str) -> None:
    assert problem(sqlite_lesson.post(picture(known("a1")), type_=type_)) == (415, "media_type")


@pytest.fixture
def small_lesson(tmp_path_factory: pytest.TempPathFactory, tmp_path: Any) -> Iterator[Class]:
    """A server that takes 50,000 bytes, 100,000 pixels and two frames a second."""
    url = sqlite_database(tmp_path_factory.getbasetemp(), tmp_path)
    changes = {"max_image_bytes": 50_000, "max_image_pixels": 100_000, "frames_per_second": 2}
    service = make_service(make_settings(tmp_path, url, **changes))
    yield make_class(service)
    service.database.close()


def test_what_is_too_large_is_refused_before_it_is_decoded(small_lesson: Class) -> None:
    assert problem(small_lesson.post(b"\xff" * 50_001, type_="image/jpeg")) == (413, "too_large")
    pixels = io.BytesIO()
    Image.new("1", (20_000, 10_000)).save(pixels, "PNG")  # 200 million pixels in 25 kB
    assert len(pixels.getvalue()) < 50_000
    assert problem(small_lesson.post(pixels.getvalue())) == (413, "image_too_large")


class Endless(io.RawIOBase):
    """A body that never ends, as a chunked one can; says how much of it was read."""

    def __init__(self) -> None:
        self.given = 0

    def readable(self) -> bool:
        return True

    def seek(self, *_: int) -> int:
        return 0

    def tell(self) -> int:
        return 0

    def readinto(self, buffer: Any) -> int:
        self.given += len(buffer)
        return len(buffer)


@pytest.mark.parametrize("type_", ["image/jpeg", "multipart/form-data; boundary=x"])
def test_a_body_without_a_length_is_read_no_further_than_allowed(small_lesson: Class, type_: str) -> None:
    body = Endless()
    answer = small_lesson.client.post(
        f"/sessions/{small_lesson.session}/frames",
        input_stream=body,
        content_type=type_,
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
    )
    assert problem(answer) == (413, "too_large")
    assert 0 < body.given < 500_000


@pytest.mark.parametrize("path", ["/sessions/{}/frames", "/recognize"])
def test_more_frames_in_a_second_than_allowed_have_to_wait(small_lesson: Class, path: str) -> None:
    def send(client: Client, path: str) -> TestResponse:
        return client.post(path.format(small_lesson.session), data=b"", content_type="image/jpeg")

    # who may not send to this session does not use up what its course may send
    stranger = small_lesson.service.program(small_lesson.service.user())
    assert {send(stranger, "/sessions/{}/frames").status_code for _ in range(12)} == {403}
    answers = [send(small_lesson.client, path) for _ in range(12)]
    assert answers[0].status_code == 422
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused and refused[0].headers["Retry-After"] == "1"
    assert problem(refused[0]) == (429, "too_many_requests")
    # neither counts for the other, nor one token's for another's
    other = "/recognize" if "frames" in path else "/sessions/{}/frames"
    assert problem(send(small_lesson.client, other))[0] == 422
    assert problem(send(small_lesson.admin, "/recognize"))[0] == 422


def multipart(*parts: tuple[str, str, bytes]) -> dict[str, Any]:
    lines = b""
    for name, type_, body in parts:
        head = f'--line\r\nContent-Disposition: form-data; name="{name}"; filename="x"\r\nContent-Type: {type_}\r\n\r\n'
        lines += head.encode() + body + b"\r\n"
    return {"data": lines + b"--line--\r\n", "content_type": "multipart/form-data; boundary=line"}


def test_a_form_with_one_file_is_a_frame(sqlite_lesson: Class) -> None:
    path = f"/sessions/{sqlite_lesson.session}/frames"
    large = encoded("PNG", (800, 600))
    assert len(large) > 500_000  # larger than what the framework keeps in memory
    for body in (picture(known("a1")), large):
        answer = sqlite_lesson.client.post(path, **multipart(("frame", "image/png", body)))
        assert answer.status_code == 200
    raw = sqlite_lesson.post(large)
    assert raw.json["width"] == answer.json["width"] == 800


@pytest.mark.parametrize(
    ("sent", "refusal"),
    [
        (multipart(("picture", "image/png", b"x")), (422, "form")),
        (multipart(("frame", "image/png", b"x"), ("frame", "image/png", b"x")), (422, "form")),
        (multipart(*[(f"p{number}", "image/png", b"x") for number in range(20)]), (422, "form")),
        (multipart(("frame", "video/mp4", b"x")), (415, "media_type")),
        (multipart(("frame", "image/png", b"")), (422, "invalid_image")),
        ({"data": b"--line\r\nbroken", "content_type": "multipart/form-data; boundary=line"}, (422, "form")),
        ({"data": b"x", "content_type": "multipart/form-data"}, (422, "form")),
        ({"data": b"", "content_type": "multipart/form-data; boundary=line"}, (422, "form")),
    ],
    ids=["name", "two", "many", "video", "empty", "broken", "no boundary", "nothing"],
)
def test_other_forms_are_refused(sqlite_lesson: Class, sent: dict[str, Any], refusal: tuple[int, str]) -> None:
    assert problem(sqlite_lesson.client.post(f"/sessions/{sqlite_lesson.session}/frames", **sent)) == refusal


def test_without_a_model_frames_have_to_wait(sqlite_service: Service) -> None:
    lesson = make_class(sqlite_service)
    sqlite_service.recognizer.model = None
    answer = lesson.send(known("a1"))
    assert problem(answer) == (503, "model_not_found") and answer.headers["Retry-After"]


# without a session


def recognized(client: Client, *faces: Face, query: str = "") -> list[dict[str, Any]]:
    answer = client.post(f"/recognize{query}", data=picture(*faces), content_type="image/png")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json["faces"]
    return found


def test_recognising_keeps_nothing_and_names_only_ones_own_students(lesson: Class) -> None:
    faces = (known("a1"), known("e5"), doubtful("b2", "e5"), stranger())
    mine = recognized(lesson.client, *faces)
    assert [face["decision"] for face in mine] == ["accepted", "not_enrolled", "review", "unknown"]
    assert mine[0]["student"] == {"id": lesson.ada, "external_id": "a1", "name": "Ada"}
    assert [face["student"] for face in mine[1:]] == [None] * 3
    assert [each["name"] for each in mine[2]["candidates"]] == ["Bob"]
    everybody = recognized(lesson.admin, *faces)
    assert everybody[1]["student"]["name"] == "Eve" and everybody[1]["numbers"]
    here = recognized(lesson.admin, *faces, query=f"?course_id={lesson.course}")
    assert (here[1]["decision"], here[1]["student"]) == ("not_enrolled", None)
    assert lesson.count(Frame) == lesson.count(Sighting) == lesson.count(AttendanceRecord) == 0
    foreign = lesson.service.course()
    answer = lesson.client.post(f"/recognize?course_id={foreign}", data=picture(), content_type="image/png")
    assert problem(answer) == (403, "foreign_course")


def test_recognising_names_nobody_without_a_consent_or_whose_enrolment_is_over(lesson: Class) -> None:
    with lesson.service.db() as db:
        db.query(Consent).filter_by(student_id=lesson.ada).one().withdrawn_at = lesson.service.clock.now()
    former = lesson.service.student("f6", "Former")
    today = lesson.service.clock.now().date()
    lesson.service.enrol(lesson.course, former, ends_on=today - timedelta(days=1))
    lesson.take_out(lesson.bob, "inactive")
    ada, gone, bob = recognized(lesson.client, known("a1"), known("f6"), known("b2"))
    assert (ada["decision"], gone["decision"], bob["decision"]) == ("unknown", "not_enrolled", "unknown")
    assert "f6" not in str(gone) and "Former" not in str(gone)
