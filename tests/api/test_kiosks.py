"""A kiosk at the door: it greets by first name, shows nobody's list, and ends by its PIN."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from attendance import kiosks
from attendance.models import ClassSession, CourseStaff, Role, SessionState, UserAccount
from support.recognition import doubtful, known, picture, stranger
from support.service import Client, Service, problem

PIN = "2580"


class Door:
    """A course with Ada Byron and Turing, Alan, an open session, and a kiosk."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.instructor = service.user()
        self.course, self.other = service.course(leads=(self.instructor,)), service.course()
        ada, alan = service.student("a1", "Ada Byron"), service.student("t2", "Turing, Alan")
        service.enrol(self.course, ada, alan)
        service.enrol(self.other, service.student("e5", "Eve Else"))
        self.session = service.session(self.course, state=SessionState.OPEN, opened_at=service.clock.now())
        service.clock.advance(minutes=5)
        self.staff = service.browser(self.instructor)
        made = self.staff.post(f"/courses/{self.course}/kiosks", json={"name": "North door", "pin": PIN})
        assert made.status_code == 201
        self.id, self.secret = made.json["kiosk"]["id"], made.json["secret"]
        self.device = Client(service.app.test_client(), {"Authorization": f"Bearer {self.secret}"})
        self._number = 0

    def send(self, *faces: Any) -> Any:
        self._number += 1
        self.service.clock.advance(seconds=1)
        body = picture(*faces, nonce=self._number)
        return self.device.post("/kiosk/frames", data=body, headers={"Content-Type": "image/png"})


@pytest.fixture
def door(service: Service) -> Door:
    return Door(service)


@pytest.fixture
def sqlite_door(sqlite_service: Service) -> Door:
    return Door(sqlite_service)


def test_it_greets_by_first_name_and_marks(door: Door) -> None:
    assert door.device.get("/kiosk").json["session_id"] == door.session
    first = door.send(known("a1"), stranger()).json
    assert [(face["greeting"], face["first_name"]) for face in first["faces"]] == [("wait", "Ada"), ("unknown", None)]
    second = door.send(known("a1"), known("t2"), doubtful("t2")).json
    assert ("welcome", "Ada") in [(face["greeting"], face["first_name"]) for face in second["faces"]]
    marks = {
        record["student"]["external_id"]: record["status"]
        for record in door.staff.get(f"/sessions/{door.session}/records").json["items"]
    }
    assert marks["a1"] in ("present", "late")


def test_it_tells_no_more_than_the_greeting(sqlite_door: Door) -> None:
    door = sqlite_door
    answers = [door.send(known("a1"), known("t2")).get_data(as_text=True) for _ in range(3)]
    answers.append(door.device.get("/kiosk").get_data(as_text=True))
    for text in answers:
        for private in ("Byron", "Turing", "a1", "t2", "student", "tally", "candidates"):
            assert private not in text
    assert '"Alan"' in answers[0]
    for path in ("/courses", f"/courses/{door.course}/roster", f"/sessions/{door.session}/records", "/students"):
        assert problem(door.device.get(path)) == (401, "bad_token")
    frames = f"/sessions/{door.session}/frames"
    assert problem(door.device.post(frames, data=b"x", headers={"Content-Type": "image/png"})) == (401, "bad_token")


def test_without_an_open_session_it_waits_and_says_when(sqlite_door: Door) -> None:
    door = sqlite_door
    door.staff.post(f"/sessions/{door.session}/close")
    far_off = door.service.clock.now() + timedelta(hours=12)
    door.service.session(door.course, starts_at=far_off)
    assert door.device.get("/kiosk").json["next_at"] is None
    soon = door.service.session(door.course, starts_at=door.service.clock.now())
    over = door.service.clock.now() - timedelta(hours=3)
    door.service.session(door.course, starts_at=over)
    shown = door.device.get("/kiosk").json
    assert shown["session_id"] is None
    with door.service.db() as db:
        assert shown["next_at"] == db.get_one(ClassSession, soon).starts_at.isoformat()
    assert problem(door.send(known("a1"))) == (409, "session_not_open")


def test_the_pin_ends_it_and_a_wrong_one_does_not(sqlite_door: Door) -> None:
    door = sqlite_door
    assert problem(door.device.post("/kiosk/leave", json={"pin": "0000"})) == (403, "wrong_pin")
    assert door.device.get("/kiosk").status_code == 200
    assert door.device.post("/kiosk/leave", json={"pin": PIN}).status_code == 204
    assert problem(door.device.get("/kiosk")) == (401, "bad_token")
    assert door.service.acts()[-1] == "kiosk.end"
    assert door.staff.get(f"/courses/{door.course}/kiosks").json == []


def test_pins_cannot_be_tried_without_end(sqlite_door: Door) -> None:
    door = sqlite_door
    codes = [problem(door.device.post("/kiosk/leave", json={"pin": f"{n:04d}"}))[0] for n in range(40)]
    assert set(codes) == {403, 429} and codes[-1] == 429


def test_a_course_has_only_so_many_kiosks_that_work(sqlite_door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kiosks, "_MOST", 2)
    door, path = sqlite_door, f"/courses/{sqlite_door.course}/kiosks"
    assert door.staff.post(path, json={"name": "South door", "pin": PIN}).status_code == 201
    assert problem(door.staff.post(path, json={"name": "x", "pin": PIN})) == (409, "too_many_kiosks")
    assert door.staff.delete(f"/kiosks/{door.id}").status_code == 204
    assert door.staff.delete(f"/kiosks/{door.id}").status_code == 204
    assert door.service.acts().count("kiosk.end") == 1
    assert door.staff.post(path, json={"name": "x", "pin": PIN}).status_code == 201
    door.service.clock.advance(days=200)
    assert door.staff.post(path, json={"name": "y", "pin": PIN}).status_code == 201


@pytest.mark.parametrize("pin", ["123", "1234567890123", "12a4", ""])
def test_a_pin_is_digits(sqlite_door: Door, pin: str) -> None:
    made = sqlite_door.staff.post(f"/courses/{sqlite_door.course}/kiosks", json={"name": "x", "pin": pin})
    assert problem(made)[0] == 422 and "4 to 12 digits" in made.get_data(as_text=True)


def test_every_kiosk_token_and_login_of_one_account_is_a_camera_of_its_own(
    sqlite_door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faces are followed, and turns and advice given, by camera."""
    service, door, cameras = sqlite_door.service, sqlite_door, []
    recognize = service.recognizer.recognize

    def noted(*args: Any, camera: Any = None, **kwargs: Any) -> Any:
        cameras.append(camera.key)
        return recognize(*args, camera=camera, **kwargs)

    monkeypatch.setattr(service.recognizer, "recognize", noted)
    made = door.staff.post(f"/courses/{door.course}/kiosks", json={"name": "South door", "pin": PIN}).json
    other = Client(service.app.test_client(), {"Authorization": f"Bearer {made['secret']}"})
    frames = f"/sessions/{door.session}/frames"
    senders = [(door.device, "/kiosk/frames"), (other, "/kiosk/frames"), (door.staff, frames)]
    senders += [(service.browser(door.instructor), frames)]
    senders += [(service.program(door.instructor), frames) for _ in range(2)]
    for _ in range(2):
        for number, (client, path) in enumerate(senders):
            service.clock.advance(seconds=1)
            body = picture(known("a1"), nonce=100 * len(cameras) + number)
            answer = client.post(path, data=body, headers={"Content-Type": "image/png"})
            assert answer.status_code == 200, path
    assert len(set(cameras)) == len(senders) and cameras[: len(senders)] == cameras[len(senders) :]
    # six cameras share the networks
    advice = service.app.extensions["smartattendance"].inference._advisor
    assert len(advice._seen) == len(senders)


def test_it_ends_from_afar_with_its_time_and_with_the_rights_of_who_set_it_up(service: Service) -> None:
    ended = Door(service)
    assert [each["name"] for each in ended.staff.get(f"/courses/{ended.course}/kiosks").json] == ["North door"]
    assert ended.staff.delete(f"/kiosks/{ended.id}").status_code == 204
    assert problem(ended.device.get("/kiosk")) == (401, "bad_token")

    for take_away in (_leaves_the_course, _only_looks, _is_disabled):
        made = ended.staff.post(f"/courses/{ended.course}/kiosks", json={"name": "x", "pin": PIN}).json
        device = Client(service.app.test_client(), {"Authorization": f"Bearer {made['secret']}"})
        assert device.get("/kiosk").status_code == 200
        give_back = take_away(service, ended)
        assert problem(device.get("/kiosk")) == (401, "bad_token")
        give_back()
    made = ended.staff.post(f"/courses/{ended.course}/kiosks", json={"name": "x", "pin": PIN}).json
    service.clock.advance(days=1, seconds=1)
    device = Client(service.app.test_client(), {"Authorization": f"Bearer {made['secret']}"})
    assert problem(device.get("/kiosk")) == (401, "bad_token")


def _leaves_the_course(service: Service, door: Door) -> Any:
    with service.db() as db:
        db.query(CourseStaff).filter_by(user_id=door.instructor, course_id=door.course).delete()
    return lambda: service.staff(door.course, door.instructor, is_lead=True)


def _only_looks(service: Service, door: Door) -> Any:
    return _changed(service, door, role=Role.VIEWER)


def _is_disabled(service: Service, door: Door) -> Any:
    return _changed(service, door, disabled_at=service.clock.now())


def _changed(service: Service, door: Door, **values: Any) -> Any:
    with service.db() as db:
        user = db.get_one(UserAccount, door.instructor)
        before = {name: getattr(user, name) for name in values}
        for name, value in values.items():
            setattr(user, name, value)

    def put_back() -> None:
        with service.db() as db:
            user = db.get_one(UserAccount, door.instructor)
            for name, value in before.items():
                setattr(user, name, value)

    return put_back
