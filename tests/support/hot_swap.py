"""Models that change while frames come in: a publisher, cameras, and the proof that each answer is of one model.

All models are one model whose names are turned: the one of turn t calls person j by the name of person j + t. An answer
that mixes two of them, or names another version than the one that answered, is wrong and shows.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import requests
from waitress.server import create_server

from recognizer.artifact import ClassifierArtifact
from recognizer.history import activate, publish
from support.service import Service

NAMED = ("accepted", "duplicate")


def turned(artifact: ClassifierArtifact, number: int) -> ClassifierArtifact:
    """The ``number``-th of the models made of ``artifact``."""
    turn = number % len(artifact.classes)
    classes = np.roll(artifact.classes, -turn)
    model = copy.deepcopy(artifact.model)
    model.classes_ = classes
    metadata = {**artifact.metadata, "model_version": f"swap-{number:04d}-turn-{turn:02d}"}
    return replace(artifact, model=model, classes=classes, metadata=metadata)


def name_of(person: int, version: str, names: Sequence[str]) -> str:
    """What the model ``version`` calls ``person``."""
    return names[(person + int(version.rpartition("-")[2])) % len(names)]


class Publisher(threading.Thread):
    """Puts another model into use every ``every`` seconds: mostly a new one, every fourth time an earlier one."""

    def __init__(self, folder: Path, artifact: ClassifierArtifact, every: float) -> None:
        super().__init__(name="publisher")
        self._folder, self._artifact, self._every = folder, artifact, every
        self.stop = threading.Event()
        self.announced: set[str] = set()
        self.changes = 0
        self.error: Exception | None = None
        self.put(0)

    def put(self, number: int) -> None:
        artifact = turned(self._artifact, number)
        self.announced.add(artifact.model_version)  # before anybody can answer with it
        publish(self._folder, artifact, {"training_summary.txt": artifact.model_version.encode()})

    def run(self) -> None:
        number = 0
        try:
            while not self.stop.wait(self._every):
                self.changes += 1
                if self.changes % 4:
                    number += 1
                    self.put(number)
                else:
                    earlier = turned(self._artifact, number // 2).model_version
                    activate(self._folder, earlier)
        except Exception as error:
            self.error = error


@dataclass
class Answers:
    """wrong: what should not have been answered, in words. seconds: of each answer. versions: that answered."""

    wrong: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    versions: set[str] = field(default_factory=set)

    def percentile(self, percent: float) -> float:
        return float(np.percentile(self.seconds, percent))


class Camera(threading.Thread):
    """Sends one frame after the other, each with one person in it, and looks at the answer.

    pictures: the encoded frames of each person. paths: taken in turn, of endpoints that take a frame."""

    def __init__(
        self,
        url: str,
        paths: Sequence[str],
        headers: Mapping[str, str],
        pictures: Mapping[int, Sequence[bytes]],
        names: Sequence[str],
        publisher: Publisher,
    ) -> None:
        super().__init__(name="camera")
        self._url, self._paths, self._headers = url, paths, dict(headers)
        self._pictures, self._names, self._publisher = pictures, names, publisher
        self.stop = threading.Event()
        self.answers = Answers()

    def run(self) -> None:
        number = 0
        with requests.Session() as session:
            while not self.stop.is_set():
                person = sorted(self._pictures)[number % len(self._pictures)]
                shots = self._pictures[person]
                try:
                    self._send(session, person, shots[number % len(shots)], self._paths[number % len(self._paths)])
                except Exception as error:
                    self.answers.wrong.append(repr(error))
                    return
                number += 1

    def _send(self, session: requests.Session, person: int, shot: bytes, path: str) -> None:
        began = time.perf_counter()
        answer = session.post(self._url + path, data=shot, headers=self._headers, timeout=60)
        self.answers.seconds.append(time.perf_counter() - began)
        wrong = self.answers.wrong
        if answer.status_code != 200:
            wrong.append(f"{answer.status_code} {answer.text[:300]}")
            return
        body: dict[str, Any] = answer.json()
        version = body["model_version"]
        self.answers.versions.add(version)
        if version not in self._publisher.announced:
            wrong.append(f"answered by {version}, which nobody published")
            return
        expected = [name_of(person, version, self._names)]
        named = [face["student"]["external_id"] for face in body["faces"] if face["decision"] in NAMED]
        if named != expected:
            wrong.append(f"{version} should name {expected}, not {named}: {body['faces']}"[:500])


def lesson(service: Service, names: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """An open session of students called ``names``: the headers to send with a frame, and where to send it."""
    instructor = service.user()
    course = service.course(staff=(instructor,))
    service.enrol(course, *(service.student(name) for name in names))
    client = service.program(instructor)
    session = service.session(course)
    assert client.post(f"/sessions/{session}/open").status_code == 200
    headers = {**client.headers, "Content-Type": "image/png"}
    return headers, [f"/api/v1/sessions/{session}/frames", f"/api/v1/recognize?course_id={course}"]


def film(
    service: Service,
    publisher: Publisher,
    pictures: Mapping[int, Sequence[bytes]],
    names: Sequence[str],
    *,
    cameras: int,
    seconds: float,
    enough: tuple[int, int] | None = None,
) -> Answers:
    """Serve over HTTP for ``seconds``, with ``cameras`` sending all the while and ``publisher`` at work.

    enough: end before that once there were so many changes of the model and so many frames answered."""
    headers, paths = lesson(service, names)
    server = create_server(service.app, host="127.0.0.1", port=0, threads=cameras + 2)
    serving = threading.Thread(target=server.run, name="server", daemon=True)
    serving.start()
    url = f"http://127.0.0.1:{server.effective_port}"
    senders = [Camera(url, paths, headers, pictures, names, publisher) for _ in range(cameras)]
    try:
        for thread in (*senders, publisher):
            thread.start()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if enough and publisher.changes >= enough[0] and sum(len(s.answers.seconds) for s in senders) >= enough[1]:
                break
            time.sleep(0.05)
    finally:
        for thread in (*senders, publisher):
            thread.stop.set()
        for thread in (*senders, publisher):
            thread.join()
        server.trigger.pull_trigger(server.close)  # by the thread that waits on its sockets
        serving.join(5)
    together = Answers()
    for sender in senders:
        together.wrong += sender.answers.wrong
        together.seconds += sender.answers.seconds
        together.versions |= sender.answers.versions
    if publisher.error is not None:
        together.wrong.append(f"the publisher failed: {publisher.error!r}")
    return together
