"""Two server processes on one database, of which one has loaded the new model and the other has not yet: no session is
answered by an older model than it has seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from attendance.models import AuditEvent, ClassSession, Frame, ModelVersion, SessionState
from operations.cameras import Camera
from operations.frame_intake import forget_empty
from support.recognition import Face, FakeRecognizer, known, picture
from support.service import Client, Service, make_service, make_settings, problem

OLD, NEW = 1_700_000_000_000, 1_800_000_000_000


class OneBehind(FakeRecognizer):
    """Notes which generation each frame must have at least. catches_up: whether it has the newest by the next frame
    when it is told that there is one."""

    def __init__(self, generation: int) -> None:
        super().__init__(f"model of {generation}")
        self.generation, self.catches_up = generation, False
        self.at_least: list[int] = []

    def recognize(self, image: Any, *, camera: Camera | None = None, **kwargs: Any) -> Any:
        assert camera is not None
        self.at_least.append(camera.model_at_least)
        if self.catches_up and camera.model_at_least > self.generation:
            self.generation = camera.model_at_least
        return super().recognize(image, camera=camera, **kwargs)


@dataclass
class Lesson:
    """An open session that two processes take frames of. ahead: has the new model. behind: has the old one."""

    ahead: Service
    behind: Service
    clients: dict[int, Client]
    session: int
    number: int = 0

    def send(self, to: Service, key: str | None = None, faces: tuple[Face, ...] = (known("a1"),)) -> TestResponse:
        self.number += 1
        key = key or f"frame {self.number}"
        headers = {"Content-Type": "image/png", "Idempotency-Key": key}
        body = picture(*faces, nonce=int(key.split()[-1]))
        return self.clients[id(to)].post(f"/sessions/{self.session}/frames", data=body, headers=headers)


@pytest.fixture
def lesson(database_url: str, tmp_path: Path) -> Iterator[Lesson]:
    settings = make_settings(tmp_path, database_url)
    ahead = make_service(settings, recognizer=OneBehind(NEW))
    behind = make_service(settings, ahead.clock, recognizer=OneBehind(OLD))
    instructor = ahead.user()
    course = ahead.course(staff=(instructor,))
    ahead.enrol(course, ahead.student("a1"))
    session = ahead.session(course, state=SessionState.OPEN, opened_at=ahead.clock.now())
    client = ahead.program(instructor)
    other = Client(behind.app.test_client(use_cookies=False), client.headers)
    yield Lesson(ahead, behind, {id(ahead): client, id(behind): other}, session)
    for service in (ahead, behind):
        service.database.close()


def generations(lesson: Lesson) -> list[int | None]:
    with lesson.ahead.db() as db:
        return [frame.model_generation for frame in db.query(Frame).order_by(Frame.id)]


def test_who_has_the_old_model_answers_until_the_new_one_has_answered(lesson: Lesson) -> None:
    assert lesson.send(lesson.behind).status_code == 200
    assert lesson.send(lesson.ahead).status_code == 200
    refused = lesson.send(lesson.behind, "frame 9")
    assert problem(refused) == (503, "older_model")
    assert refused.headers["Retry-After"] == "1" and "/api/v1/model" in refused.json["detail"]
    assert lesson.send(lesson.ahead, "frame 9").status_code == 200  # the same frame, by who can
    assert generations(lesson) == [OLD, NEW, NEW]


def test_the_recognizer_is_told_what_the_session_has_seen_and_catches_up(lesson: Lesson) -> None:
    lesson.send(lesson.ahead)
    lesson.behind.recognizer.catches_up = True
    assert lesson.send(lesson.behind).status_code == 200
    assert lesson.behind.recognizer.at_least == [NEW]
    assert generations(lesson) == [NEW, NEW]


def meanwhile(lesson: Lesson) -> None:
    """Have the one that is ahead answer a frame while the one behind computes its first."""
    recognize = lesson.behind.recognizer.recognize

    def slowly(*args: Any, **kwargs: Any) -> Any:
        result = recognize(*args, **kwargs)
        lesson.behind.recognizer.recognize = recognize
        assert lesson.send(lesson.ahead).status_code == 200
        return result

    lesson.behind.recognizer.recognize = slowly


def test_a_frame_that_was_overtaken_is_recognised_again_by_the_new_model(lesson: Lesson) -> None:
    lesson.behind.recognizer.catches_up = True
    meanwhile(lesson)
    assert lesson.send(lesson.behind).status_code == 200
    assert lesson.behind.recognizer.at_least == [0, NEW]
    assert generations(lesson) == [NEW, NEW]


def test_a_frame_that_was_overtaken_and_has_no_newer_model_is_refused(lesson: Lesson) -> None:
    meanwhile(lesson)
    assert problem(lesson.send(lesson.behind)) == (503, "older_model")
    assert generations(lesson) == [NEW]


def test_an_answer_that_was_given_is_given_again_by_whoever_is_asked(lesson: Lesson) -> None:
    lesson.send(lesson.behind, "frame 5")
    lesson.send(lesson.ahead)
    again = lesson.send(lesson.behind, "frame 5")
    assert again.status_code == 200 and again.headers["Idempotency-Replayed"] == "true"
    assert again.json["model_version"] == f"model of {OLD}"


def test_models_of_which_it_is_not_known_are_not_held_back(lesson: Lesson) -> None:
    lesson.send(lesson.ahead)
    lesson.behind.recognizer.generation = 0
    assert lesson.send(lesson.behind).status_code == 200
    assert generations(lesson) == [NEW, None]
    with lesson.ahead.db() as db:
        assert db.get_one(ClassSession, lesson.session).model_generation == NEW


def test_what_a_session_has_seen_outlives_its_frames(lesson: Lesson) -> None:
    lesson.send(lesson.ahead, faces=())
    lesson.ahead.clock.advance(minutes=61)
    assert forget_empty(lesson.ahead.database, lesson.ahead.clock.now()) == 1
    assert generations(lesson) == []
    assert problem(lesson.send(lesson.behind)) == (503, "older_model")


def test_of_two_processes_the_one_with_the_older_model_does_not_say_which_is_in_use(lesson: Lesson) -> None:
    for service in (lesson.behind, lesson.ahead, lesson.behind, lesson.ahead, lesson.behind):
        service.app.extensions["smartattendance"].models.note(service.clock.now())
    with lesson.ahead.db() as db:
        active = {row.version: row.active for row in db.query(ModelVersion)}
        used = [event.object_id for event in db.query(AuditEvent).filter_by(action="model.use").order_by(AuditEvent.id)]
    assert active == {f"model of {OLD}": False, f"model of {NEW}": True}
    assert used == [f"model of {OLD}", f"model of {NEW}"]
