"""A lesson before two server processes and a cluster, of which a machine dies while another joins: frames are answered
or sent away for a moment, what was acknowledged stays, and nobody gets another name than on one machine."""

from __future__ import annotations

import io
import shutil
import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image

from attendance.clock import SystemClock
from attendance.models import MarkStatus
from config import Settings
from live_recognition import live_recognizer
from support.campus import NAMES, PEOPLE, Web, copied, deployed_by_command, web
from support.pictures import face_picture
from support.ray_cluster import INSTALL, RayCluster
from support.recognition import FakeRecognizer
from support.service import Service, make_service

pytest.importorskip("ray", reason=INSTALL)
if shutil.which("nginx") is None:
    pytest.skip("nginx is not installed (on Debian: apt-get install nginx-light)", allow_module_level=True)

FRAMES, CAMERAS, SHOTS = 1000, 5, 8
KILLED_AFTER, JOINED_AFTER = 250, 500
GIVES_UP_AFTER_SECONDS = 300


@dataclass
class Film:
    """What the cameras heard. named: of each answered frame, who was in it and who was named. others: statuses."""

    named: list[tuple[int, str | None]] = field(default_factory=list)
    marked: set[tuple[str, str]] = field(default_factory=set)
    others: Counter[int] = field(default_factory=Counter)
    unexpected: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    changed: threading.Condition = field(init=False)

    def __post_init__(self) -> None:
        self.changed = threading.Condition(self.lock)

    def wait_for(self, answered: int) -> None:
        with self.changed:
            there = self.changed.wait_for(
                lambda: len(self.named) >= answered or self.unexpected, GIVES_UP_AFTER_SECONDS
            )
            assert there and not self.unexpected, (len(self.named), self.others, self.unexpected[:3])


@pytest.fixture
def settings(cluster: RayCluster, trained: Settings, postgres_url: str, tmp_path: Path) -> Settings:
    return replace(
        copied(trained, tmp_path),
        database_url=postgres_url,
        ray_address=cluster.address,
        ray_least_replicas=2,
        ray_most_replicas=2,
    )


def frame_of(person: int, shot: int) -> Image.Image:
    """Somebody before a camera of 240 x 180."""
    picture = np.full((180, 240, 3), 120, np.uint8)
    left = 40 + 2 * (shot % 3)
    picture[20:170, left : left + 150] = face_picture(person, 5 + shot, 150)
    return Image.fromarray(picture)


def clear_frames(settings: Settings) -> dict[int, list[bytes]]:
    """Of each person the frames in which the embedded recognizer names them."""
    recognizer = live_recognizer(replace(settings, recognizer="embedded"))
    recognizer.start()
    found: dict[int, list[bytes]] = {}
    for person, name in zip(PEOPLE, NAMES, strict=True):
        for shot in range(SHOTS):
            picture = frame_of(person, shot)
            if [face.identity.student_id for face in recognizer.recognize(np.asarray(picture)).faces] == [name]:
                data = io.BytesIO()
                picture.save(data, "PNG")
                found.setdefault(person, []).append(data.getvalue())
    recognizer.close()
    assert len(found) == len(PEOPLE), "there is somebody whom no frame shows clearly"
    return found


def lesson(settings: Settings) -> tuple[Service, int, list[dict[str, str]]]:
    """A class in the database that the server processes share, its open session, and who sends its frames."""
    service = make_service(replace(settings, recognizer="embedded"), SystemClock(), FakeRecognizer())  # type: ignore[arg-type]
    instructors = [service.user() for _ in range(CAMERAS)]
    course = service.course(staff=tuple(instructors))
    service.enrol(course, *(service.student(name) for name in NAMES))
    session = service.session(course)
    programs = [service.program(instructor) for instructor in instructors]
    assert programs[0].post(f"/sessions/{session}/open").status_code == 200
    return service, session, [dict(program.headers) for program in programs]


def send(
    served: Web, session: int, headers: dict[str, str], camera: int, frames: dict[int, list[bytes]], film: Film
) -> None:
    """A camera: one person after the other, each for some frames; who is sent away comes back
    when told to, with a newer frame."""
    with requests.Session() as client:
        client.headers.update({**headers, "Content-Type": "image/png"})
        number = 0
        while len(film.named) < FRAMES and not film.unexpected:
            person = PEOPLE[(camera + number // 10) % len(PEOPLE)]
            shots = frames[person]
            answer = client.post(
                f"{served.address}/api/v1/sessions/{session}/frames",
                data=shots[number % len(shots)],
                headers={"Idempotency-Key": f"{camera}-{number}"},
                timeout=60,
            )
            with film.changed:
                if answer.status_code == 200:
                    body = answer.json()
                    students = [face["student"] and face["student"]["external_id"] for face in body["faces"]]
                    film.named.append((person, students[0] if len(students) == 1 else None))
                    film.marked |= {(each["student"]["external_id"], each["new"]) for each in body["changes"]}
                elif answer.status_code == 503 and "Retry-After" in answer.headers:
                    film.others[503] += 1
                else:
                    film.unexpected.append(f"{answer.status_code} {answer.text[:500]}")
                film.changed.notify_all()
            if answer.status_code == 503:
                time.sleep(float(answer.headers["Retry-After"]))
            number += 1


def test_a_machine_dies_and_another_joins_while_a_thousand_frames_are_sent(
    cluster: RayCluster, settings: Settings, tmp_path: Path
) -> None:
    frames = clear_frames(settings)
    printed = deployed_by_command(settings, tmp_path)
    assert printed.count(": dlib, model ") == 2 and "They answer." in printed
    service, session, senders = lesson(settings)
    film = Film()
    with web(settings, tmp_path) as served:
        threads = [
            threading.Thread(target=send, args=(served, session, headers, camera, frames, film))
            for camera, headers in enumerate(senders)
        ]
        for thread in threads:
            thread.start()
        film.wait_for(KILLED_AFTER)
        cluster.remove_node()
        film.wait_for(JOINED_AFTER)
        cluster.add_node()
        film.wait_for(FRAMES)
        for thread in threads:
            thread.join()
        assert all(process.poll() is None for process in served.processes)
    print(f"{len(film.named)} frames answered, {film.others[503]} sent away")
    assert film.unexpected == []
    wrong = [(person, name) for person, name in film.named if name != NAMES[PEOPLE.index(person)]]
    assert wrong == []
    # what a camera heard is in the database: every mark, and a row of each frame that said something
    assert {name for name, _ in film.marked} == set(NAMES)
    items = service.admin().get(f"/sessions/{session}/records").json["items"]
    marks = {item["student"]["external_id"]: item["status"] for item in items}
    assert set(marks.values()) <= {MarkStatus.PRESENT.value, MarkStatus.LATE.value}, marks
    assert {(name, marks[name]) for name in NAMES} == film.marked
    service.database.close()
