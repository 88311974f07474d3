"""Doubtful faces: asked about, decided, taken back."""

from __future__ import annotations

import io
import os
import stat
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from werkzeug.test import TestResponse

from attendance.models import (
    AttendanceChange,
    AttendanceRecord,
    AuditEvent,
    ClassSession,
    Consent,
    CourseStaff,
    FaceImage,
    FaceImageState,
    MarkSource,
    MarkStatus,
    ReviewItem,
    Role,
    SessionState,
    Sighting,
)
from support.recognition import Face, doubtful, known, picture
from support.service import Client, Service, problem


@dataclass
class Queue:
    """An open session, late after ten minutes, of Ada (a1), Bob (b2) and Cyd (c3), and the faces that were sent."""

    service: Service
    client: Client
    admin: Client
    course: int
    session: int
    ada: int
    bob: int
    cyd: int
    number: int = 0

    def send(self, *faces: Face, at: float) -> dict[str, Any]:
        """The answer to a frame captured ``at`` seconds after the opening."""
        self.number += 1
        with self.service.db() as db:
            opened_at = db.get_one(ClassSession, self.session).opened_at
        assert opened_at is not None
        answer = self.client.post(
            f"/sessions/{self.session}/frames",
            data=picture(*faces, nonce=self.number),
            headers={"Content-Type": "image/png", "X-Captured-At": (opened_at + timedelta(seconds=at)).isoformat()},
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json
        return found

    def ask(self, *faces: Face, at: float = 60) -> int:
        """The id of the item that is made of the first face."""
        return int(self.send(*(faces or (doubtful("a1", "b2"),)), at=at)["faces"][0]["review_item_id"])

    def resolve(self, item: int, resolution: str, student: int | None = None, tag: str | None = None) -> TestResponse:
        tag = tag or self.client.get(f"/review/{item}").headers["ETag"]
        body = {"resolution": resolution, **({"student_id": student} if student is not None else {})}
        return self.client.post(f"/review/{item}/resolve", json=body, headers={"If-Match": tag})

    def undo(self, item: int) -> TestResponse:
        tag = self.client.get(f"/review/{item}").headers["ETag"]
        return self.client.post(f"/review/{item}/undo", headers={"If-Match": tag})

    def crop(self, item: int, client: Client | None = None) -> TestResponse:
        return (client or self.client).get(f"/review/{item}/crop")

    def record(self, student: int) -> AttendanceRecord | None:
        with self.service.db() as db:
            return db.query(AttendanceRecord).filter_by(session_id=self.session, student_id=student).one_or_none()

    def mark(self, student: int) -> tuple[str, str | None]:
        record = self.record(student)
        return (record.status.value, record.source and record.source.value) if record else ("none", None)

    def set(self, student: int, status: MarkStatus, source: MarkSource) -> None:
        with self.service.db() as db:
            now = self.service.clock.now()
            values = {"session_id": self.session, "student_id": student, "updated_at": now}
            db.add(AttendanceRecord(status=status, source=source, **values))

    def files(self) -> list[Path]:
        folder = self.service.settings.data_dir / "review"
        return sorted(folder.iterdir()) if folder.exists() else []


@pytest.fixture
def queue(service: Service) -> Queue:
    instructor = service.user()
    course = service.course(staff=(instructor,))
    ada, bob, cyd = (service.student(number, name) for number, name in (("a1", "Ada"), ("b2", "Bob"), ("c3", "Cyd")))
    service.enrol(course, ada, bob, cyd)
    session = service.session(course, state=SessionState.OPEN, opened_at=service.clock.now())
    service.clock.advance(minutes=30)
    return Queue(service, service.program(instructor), service.admin(), course, session, ada, bob, cyd)


def test_a_doubtful_face_is_shown_with_its_candidates(queue: Queue) -> None:
    item = queue.ask(doubtful("a1", "b2", "x9"))
    with queue.service.db() as db:
        consent = db.query(Consent).filter_by(student_id=queue.ada).one()
        for number, state in enumerate((FaceImageState.STORED, FaceImageState.PENDING)):
            db.add(
                FaceImage(
                    student_id=queue.ada,
                    consent_id=consent.id,
                    sha256=str(number) * 64,
                    path=f"a1/{number}.png",
                    quality={},
                    state=state,
                    created_by=consent.recorded_by,
                    created_at=queue.service.clock.now(),
                )
            )
    shown = queue.client.get(f"/review/{item}").json
    assert [each["student"]["name"] for each in shown["candidates"]] == ["Ada", "Bob"]
    # photos are for those who are appointed for enrolment: others decide by the crop and by whom they know
    assert [each["face_image_ids"] for each in shown["candidates"]] == [[], []]
    with queue.service.db() as db:
        db.query(CourseStaff).one().may_enrol = True
    shown = queue.client.get(f"/review/{item}").json
    assert [each["face_image_ids"] for each in shown["candidates"]] == [[1], []]
    assert [each["similarity"] for each in shown["candidates"]] == [None, None]
    assert {each["band"] for each in shown["candidates"]} == {"not_sure"}
    assert shown["resolution"] is None and shown["session_id"] == queue.session
    numbers = [each["similarity"] for each in queue.admin.get(f"/review/{item}").json["candidates"]]
    assert numbers == pytest.approx([0.55, 0.5])


def test_the_crop_is_a_small_picture_for_those_who_decide(queue: Queue) -> None:
    item = queue.ask()
    answer = queue.crop(item)
    assert (answer.status_code, answer.content_type) == (200, "image/jpeg")
    assert answer.headers["Cache-Control"] == "no-store"
    with Image.open(io.BytesIO(answer.data)) as crop:
        assert crop.format == "JPEG" and max(crop.size) <= 256 and min(crop.size) >= 80
    (file,) = queue.files()
    assert file.suffix == ".jpg" and int(file.stem, 16) >= 0 and len(file.stem) == 32
    if os.name != "nt":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    service = queue.service
    viewer = service.user(Role.VIEWER)
    service.staff(queue.course, viewer)
    assert problem(queue.crop(item, service.program(viewer))) == (403, "role")
    assert problem(queue.crop(item, service.program(service.user()))) == (403, "foreign_course")
    assert problem(queue.crop(999)) == (404, "not_found")


def test_a_crop_of_a_large_face_is_made_smaller(queue: Queue) -> None:
    import numpy as np

    from operations.review_crops import cut
    from recognizer.types import BoundingBox

    image = np.zeros((1000, 800, 3), np.uint8)
    for box in (BoundingBox(100, 100, 700, 900), BoundingBox(-50, -50, 900, 1200), BoundingBox(790, 990, 801, 1001)):
        with Image.open(io.BytesIO(cut(image, box))) as crop:
            assert min(crop.size) >= 1 and max(crop.size) <= 256


def test_a_face_that_is_a_student_marks_them(queue: Queue) -> None:
    item = queue.ask()
    answer = queue.resolve(item, "student", queue.bob)
    assert answer.status_code == 200, answer.text
    assert (answer.json["resolution"], answer.json["student"]["name"]) == ("student", "Bob")
    assert answer.headers["ETag"] == f'"v{answer.json["version"]}"' == '"v2"'
    assert queue.mark(queue.bob) == ("present", "manual") and queue.mark(queue.ada) == ("none", None)
    with queue.service.db() as db:
        change = db.query(AttendanceChange).one()
        assert (change.reason_code, change.id) == ("review", answer.json["change_id"])
        assert change.actor_id == answer.json["resolved_by"] is not None
        assert [event.action for event in db.query(AuditEvent).filter_by(object_type="review_item")] == [
            "review.resolve"
        ]
    # what a person decided no face changes
    assert queue.send(known("b2"), at=70)["faces"][0]["reasons"] == ["set_by_hand"]


def test_late_is_when_the_face_was_seen_not_when_it_was_decided(queue: Queue) -> None:
    early, late = queue.ask(doubtful("a1"), at=599), queue.ask(doubtful("b2"), at=600)
    queue.service.clock.advance(hours=1)
    queue.resolve(early, "student", queue.ada)
    queue.resolve(late, "student", queue.bob)
    assert queue.mark(queue.ada)[0] == "present" and queue.mark(queue.bob)[0] == "late"


@pytest.mark.parametrize("resolution", ["stranger", "dismissed"])
def test_a_face_that_is_nobody_marks_nobody(queue: Queue, resolution: str) -> None:
    item = queue.ask()
    answer = queue.resolve(item, resolution).json
    assert answer["resolution"] == resolution and answer["student"] is None and answer["change_id"] is None
    assert queue.mark(queue.ada) == ("none", None)


@pytest.mark.parametrize(
    ("before", "source", "after"),
    [
        (MarkStatus.EXCUSED, MarkSource.MANUAL, "excused"),
        (MarkStatus.LEFT_EARLY, MarkSource.MANUAL, "left_early"),
        (MarkStatus.LATE, MarkSource.MANUAL, "late"),
        (MarkStatus.ABSENT, MarkSource.MANUAL, "present"),
        (MarkStatus.LATE, MarkSource.FACE, "present"),
        (MarkStatus.PRESENT, MarkSource.FACE, "present"),
    ],
)
def test_a_decision_adds_to_what_is_known(queue: Queue, before: MarkStatus, source: MarkSource, after: str) -> None:
    queue.set(queue.ada, before, source)
    answer = queue.resolve(queue.ask(doubtful("c3")), "student", queue.ada).json
    assert queue.mark(queue.ada)[0] == after
    assert (answer["change_id"] is not None) == (before.value != after)


def test_what_makes_no_sense_is_refused(queue: Queue) -> None:
    item = queue.ask()
    foreign = queue.service.student("e5")
    assert problem(queue.resolve(item, "student", foreign)) == (422, "not_on_roster")
    assert problem(queue.resolve(item, "student", 99999)) == (422, "not_on_roster")
    assert problem(queue.resolve(item, "student")) == (422, "student")
    assert problem(queue.resolve(item, "stranger", queue.ada)) == (422, "student")
    assert problem(queue.resolve(item, "expired")) == (422, "invalid")
    assert problem(queue.resolve(item, "nonsense")) == (422, "invalid")
    assert problem(queue.undo(item)) == (409, "not_resolved")
    assert problem(queue.client.post(f"/review/{item}/resolve", json={"resolution": "stranger"})) == (
        428,
        "precondition_required",
    )
    assert queue.mark(queue.ada) == ("none", None)


def test_two_who_decide_do_not_fight(queue: Queue) -> None:
    item = queue.ask()
    tag = queue.client.get(f"/review/{item}").headers["ETag"]
    assert queue.resolve(item, "stranger", tag=tag).status_code == 200
    assert problem(queue.resolve(item, "student", queue.ada, tag=tag)) == (412, "stale_version")
    assert problem(queue.resolve(item, "student", queue.ada)) == (409, "already_resolved")
    assert queue.mark(queue.ada) == ("none", None)


def test_in_a_locked_session_nothing_is_decided(queue: Queue) -> None:
    item, other = queue.ask(), queue.ask(doubtful("c3"))
    queue.resolve(other, "stranger")
    with queue.service.db() as db:
        db.get_one(ClassSession, queue.session).state = SessionState.LOCKED
    assert problem(queue.resolve(item, "stranger")) == (409, "session_locked")
    assert problem(queue.undo(other)) == (409, "session_locked")


def test_a_decision_is_taken_back_with_its_mark_and_the_camera_may_mark_again(queue: Queue) -> None:
    item = queue.ask()
    queue.resolve(item, "student", queue.ada)
    back = queue.undo(item)
    assert back.status_code == 200
    assert (back.json["resolution"], back.json["student"], back.json["resolved_by"]) == (None, None, None)
    assert back.json["version"] == 3
    assert queue.mark(queue.ada) == ("unmarked", None)
    with queue.service.db() as db:
        history = db.query(AttendanceChange).order_by(AttendanceChange.id).all()
    assert [(each.new_status.value, each.reason_code) for each in history] == [
        ("present", "review"),
        ("unmarked", "review_undone"),
    ]
    with queue.service.db() as db:
        actions = [each.action for each in db.query(AuditEvent).filter_by(object_type="review_item")]
    assert actions == ["review.resolve", "review.undo"]
    with queue.service.db() as db:
        assert db.query(Sighting).one().student_id is None
    assert queue.crop(item).status_code == 200
    for at in (70, 71):
        queue.send(known("a1"), at=at)
    assert queue.mark(queue.ada) == ("present", "face")
    assert queue.resolve(item, "stranger").status_code == 200


def test_a_decision_on_which_another_was_made_stays(queue: Queue) -> None:
    item = queue.ask()
    queue.resolve(item, "student", queue.ada)
    record = queue.record(queue.ada)
    assert record is not None
    with queue.service.db() as db:
        from attendance import marks
        from attendance.actor import system_actor

        marks.change(
            db,
            db.get_one(AttendanceRecord, record.id),
            MarkStatus.EXCUSED,
            source=MarkSource.MANUAL,
            actor=system_actor(),
            reason_code="doctor",
            now=queue.service.clock.now(),
        )
    assert problem(queue.undo(item)) == (409, "changed_since")
    assert queue.mark(queue.ada)[0] == "excused"


def test_undoing_in_a_session_that_is_settled_makes_absent(queue: Queue) -> None:
    item = queue.ask()
    with queue.service.db() as db:
        session = db.get_one(ClassSession, queue.session)
        session.state, session.closed_at = SessionState.CLOSED, queue.service.clock.now()
        session.settled_at = queue.service.clock.now()
    queue.resolve(item, "student", queue.ada)
    assert queue.mark(queue.ada) == ("present", "manual")
    queue.undo(item)
    assert queue.mark(queue.ada) == ("absent", "auto_close")


def test_a_decided_face_is_deleted_after_five_minutes(queue: Queue) -> None:
    decided, waiting = queue.ask(), queue.ask(doubtful("c3"))
    queue.resolve(decided, "stranger")
    queue.service.clock.advance(minutes=5)
    assert queue.undo(decided).status_code == 200
    assert problem(queue.crop(decided)) == (404, "no_crop")  # due, though its file is still there
    queue.resolve(decided, "stranger")
    queue.service.clock.advance(minutes=-5)
    assert problem(queue.crop(decided)) == (404, "no_crop")
    queue.service.clock.advance(minutes=4)
    queue.service.chores()
    assert len(queue.files()) == 2
    queue.service.clock.advance(minutes=1)
    queue.service.chores()
    assert len(queue.files()) == 1 and queue.crop(waiting).status_code == 200
    # a crop that was due sooner is not kept longer for having been decided about
    queue.service.clock.advance(days=7, minutes=-7)
    queue.resolve(waiting, "stranger")
    queue.service.clock.advance(minutes=2)
    queue.service.chores()
    assert queue.files() == []
    # the decision can still be taken back, without the picture
    assert queue.undo(decided).status_code == 200
    assert problem(queue.crop(decided)) == (404, "no_crop")


def test_a_face_nobody_decides_about_expires(queue: Queue) -> None:
    item = queue.ask()
    queue.service.clock.advance(days=7)
    assert problem(queue.crop(item)) == (404, "no_crop")
    assert len(queue.files()) == 1
    queue.service.chores()
    assert queue.files() == []
    shown = queue.client.get(f"/review/{item}").json
    assert shown["resolution"] == "expired" and shown["crop_expires_at"] is None
    with queue.service.db() as db:
        assert db.query(Sighting).one().crop_path is None
    assert problem(queue.undo(item))[0] == 409


def test_a_crop_whose_file_is_gone_is_not_found(queue: Queue) -> None:
    item = queue.ask()
    queue.files()[0].unlink()
    assert problem(queue.crop(item)) == (404, "no_crop")
    queue.service.clock.advance(days=8)
    queue.service.chores()
    with queue.service.db() as db:
        assert db.query(Sighting).one().crop_path is None


def test_who_withdrew_is_no_candidate_any_more(queue: Queue) -> None:
    item = queue.ask(doubtful("a1", "b2"))
    with queue.service.db() as db:
        db.query(Consent).filter_by(student_id=queue.ada).one().withdrawn_at = queue.service.clock.now()
    assert [each["student"]["name"] for each in queue.client.get(f"/review/{item}").json["candidates"]] == ["Bob"]
    assert queue.send(doubtful("a1"), at=200)["faces"][0]["decision"] == "unknown"
    with queue.service.db() as db:
        assert db.query(ReviewItem).count() == 1


def test_the_queue_is_listed_a_page_at_a_time_and_only_for_ones_own_courses(queue: Queue) -> None:
    items = [queue.ask(doubtful(who), at=60) for who in ("a1", "b2", "c3")]
    queue.resolve(items[0], "stranger")

    def listed(query: str, client: Client | None = None) -> list[int]:
        return [item["id"] for item in (client or queue.client).get(f"/review?{query}").json["items"]]

    assert listed("") == listed(f"session_id={queue.session}") == listed(f"course_id={queue.course}") == items
    assert listed("open=true") == items[1:] and listed("open=false") == items[:1]
    page = queue.client.get("/review?limit=2").json
    assert [item["id"] for item in page["items"]] == items[:2]
    assert listed(f"limit=2&cursor={page['next_cursor']}") == items[2:]
    stranger = queue.service.program(queue.service.user())
    assert listed("", stranger) == [] and listed("", queue.admin) == items
    assert problem(stranger.get(f"/review?session_id={queue.session}")) == (403, "foreign_course")
    assert problem(stranger.get(f"/review?course_id={queue.course}")) == (403, "foreign_course")
    assert problem(stranger.get(f"/review/{items[0]}")) == (403, "foreign_course")
    assert problem(queue.admin.get("/review?course_id=999")) == (404, "not_found")
