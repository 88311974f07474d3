"""A class of twenty, from photos to marks, with the real networks through the whole server: trained by the training
command's code, students enrolled with their consent, a session opened, frames sent as a camera page sends them.

Of each student ten photos are trained on; the frames are other photos of theirs, taken in the order of their names, on
other days, by other cameras and in other light: harder than what a camera sees of somebody in ten seconds, of which a
second frame is much like the first. A stranger whom one frame takes for a student is seen again, as before a camera.

A student is to be marked from two frames. The hard way, these are two different photos, each accepted by itself. As
before a camera, where a second frame is much like the first, they are one photo and the next frame of the same moment;
whoever is not marked the hard way must be marked so from one of the same two photos.

--threshold-percentile is the README's remedy where students are turned away too often; by its default of 95 one photo
in twenty is left to a person on purpose. Of the 20 students are marked the hard way, of the 100 strangers marked:

    FaceNet   95: 16 and 0     98: 19 and 0     99: 20 and 0     100: 20 and 1
    dlib      95: 18 and 0     98: 19 and 0     99: 19 and 0     100: 19 and 1

So FaceNet is tried with 99, where it does all that is asked, and dlib with 98; one of the two photos of the student who
is left is doubtful to it, and goes to review. With 100 the students set no limit, and strangers show it. Drawn people
are easier.

The figures are printed: ``pytest -s``.
"""

from __future__ import annotations

import io
import logging
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app import create_app
from recognizer.weights import WeightsFile
from support.clock import FrozenClock
from support.compute import COMPUTE
from support.databases import sqlite_database
from support.given_data import given_data
from support.pictures import face_pictures
from support.service import Client, Service, make_settings
from training.production import TrainingJob, run_training
from training.trainer import TrainingConfig

STUDENTS, TRAINED, FRAMES, STRANGERS = 20, 10, 4, 100
# Of drawn people, who are easier, half of each: drawing them takes longer than recognising them.
DRAWN_STUDENTS, DRAWN_STRANGERS = 10, 50
# Photos of lfw-dev that show somebody else than their label says; as in benchmarks/lfw.py.
MISLABELLED = frozenset({"Michael_Schumacher_0008", "Mahmoud_Abbas_0012", "Carlos_Ruckauf_0001"})


@dataclass(frozen=True)
class School:
    """dataset: the photos to train on. frames: by student id, the encoded pictures to send. strangers: one each."""

    dataset: Path
    frames: Mapping[str, list[bytes]]
    strangers: list[bytes]


@dataclass
class Figures:
    """first_two, all_four: students marked after so many photos. camera: those not marked from the first two, but from
    one of them and the next frame of the same moment. review: items made by students' frames.
    wrong: marks of somebody else than the one in the frame. strangers_*: of the strangers."""

    first_two: set[str] = field(default_factory=set)
    all_four: set[str] = field(default_factory=set)
    camera: set[str] = field(default_factory=set)
    frames: int = 0
    accepted: int = 0
    review: int = 0
    wrong: int = 0
    strangers_accepted: int = 0
    strangers_marked: int = 0
    strangers_in_review: int = 0
    strangers: int = 0

    def __str__(self) -> str:
        return (
            f"marked from their first two photos: {len(self.first_two)} of {self.frames // FRAMES} students, of the "
            f"others {len(self.camera)} from two frames of one of these; from four photos: {len(self.all_four)}; "
            f"of {self.frames} frames of students {self.accepted} accepted, {self.review} to review, "
            f"{self.wrong} marks of somebody else; of {self.strangers} strangers "
            f"{self.strangers_marked} marked, {self.strangers_accepted} accepted in a single frame, "
            f"{self.strangers_in_review} to review"
        )


def real_school(photos: Path, folder: Path) -> School:
    """The first twenty people of lfw-dev by name who have photos enough, and a hundred others."""
    people = {
        person.name: [path for path in sorted(person.glob("*.jpg")) if path.stem not in MISLABELLED]
        for person in sorted(photos.iterdir())
        if person.is_dir()
    }
    students = [name for name, paths in people.items() if len(paths) >= TRAINED + FRAMES][:STUDENTS]
    strangers = [paths[0] for name, paths in people.items() if 0 < len(paths) < TRAINED][:STRANGERS]
    for name in students:
        (folder / name).mkdir(parents=True)
        for path in people[name][:TRAINED]:
            shutil.copy(path, folder / name)
    return School(
        folder,
        {name: [path.read_bytes() for path in people[name][TRAINED : TRAINED + FRAMES]] for name in students},
        [path.read_bytes() for path in strangers],
    )


def drawn_school(folder: Path) -> School:
    """Drawn people, for machines without photos."""
    frames = {}
    shots_each = TRAINED + FRAMES
    drawn = face_pictures([(person, shot) for person in range(DRAWN_STUDENTS) for shot in range(shots_each)])
    for person in range(DRAWN_STUDENTS):
        student = f"student-{person:02d}"
        shots = [encoded(image) for image in drawn[person * shots_each : (person + 1) * shots_each]]
        (folder / student).mkdir(parents=True)
        for shot, data in enumerate(shots[:TRAINED]):
            (folder / student / f"{shot}.jpg").write_bytes(data)
        frames[student] = shots[TRAINED:]
    strangers = face_pictures([(1000 + number, 0) for number in range(DRAWN_STRANGERS)])
    return School(folder, frames, [encoded(image) for image in strangers])


def encoded(image: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def moved_a_little(data: bytes) -> bytes:
    """The next frame of somebody who stands before the camera: two pixels to the side, compressed again."""
    with Image.open(io.BytesIO(data)) as picture:
        return encoded(np.asarray(picture.convert("RGB"))[2:, 2:])


def train(
    school: School, output: Path, weights: WeightsFile, config: TrainingConfig, cache_dir: Path | None = None
) -> None:
    @contextmanager
    def quiet(stage: str) -> Iterator[Callable[..., None]]:
        yield lambda *_: None

    job = TrainingJob(school.dataset, output, config, lambda: weights, cache_dir=cache_dir, compute=COMPUTE)
    run_training(job, quiet, logging.getLogger(__name__).info)


def measure(school: School, service: Service) -> Figures:
    """Enrol everybody, open a session, send every frame, read the sheet."""
    instructor = service.user()
    course = service.course(staff=(instructor,))
    ids = {external_id: service.student(external_id) for external_id in school.frames}
    service.enrol(course, *ids.values())
    camera = service.program(instructor)
    session = service.session(course)
    assert camera.post(f"/sessions/{session}/open").status_code == 200
    figures = Figures()
    send = Camera(service, camera, session)
    for student, frames in school.frames.items():
        for number, frame in enumerate(frames):
            answer = send(frame)
            figures.frames += 1
            # somebody may stand in the background of a photo; the largest face is the student's
            figures.accepted += any(face["decision"] in ("accepted", "duplicate") for face in answer["faces"])
            figures.review += any(face["decision"] == "review" for face in answer["faces"])
            figures.wrong += sum(change["student"]["external_id"] != student for change in answer["changes"])
            if number + 1 in (2, FRAMES) and student in present(camera, session):
                (figures.first_two if number + 1 == 2 else figures.all_four).add(student)
        service.clock.advance(seconds=12)  # beyond the window in which sightings confirm one another
    # each in a session of its own, in which nobody is marked yet
    session = another_session(service, camera, session)
    send = Camera(service, camera, session)
    for student, frames in school.frames.items():
        for frame in frames[:2] if student not in figures.first_two else ():
            answers = [send(frame), send(moved_a_little(frame))]
            figures.wrong += sum(
                change["student"]["external_id"] != student for answer in answers for change in answer["changes"]
            )
            service.clock.advance(seconds=12)
    figures.camera = present(camera, session)
    session = another_session(service, camera, session)
    send = Camera(service, camera, session)
    for frame in school.strangers:
        figures.strangers += 1
        decisions = {face["decision"] for face in send(frame)["faces"]}
        figures.strangers_in_review += "review" in decisions
        if "accepted" in decisions:
            figures.strangers_accepted += 1
            send(moved_a_little(frame))
        service.clock.advance(seconds=12)  # beyond the window in which sightings confirm one another
    figures.strangers_marked = len(present(camera, session))
    return figures


def another_session(service: Service, client: Client, session: int) -> int:
    """The next session of the same course, open; the one before is closed."""
    assert client.post(f"/sessions/{session}/close").status_code == 200
    course = client.get(f"/sessions/{session}").json["course_id"]
    following = service.session(course)
    assert client.post(f"/sessions/{following}/open").status_code == 200
    return following


@dataclass
class Camera:
    service: Service
    client: Client
    session: int

    def __call__(self, data: bytes) -> dict[str, Any]:
        moment = self.service.clock.advance(seconds=1)
        answer = self.client.post(
            f"/sessions/{self.session}/frames",
            data=data,
            content_type="image/jpeg",
            headers={"X-Captured-At": moment.isoformat()},
        )
        assert answer.status_code == 200, answer.data
        found: dict[str, Any] = answer.json
        return found


def present(client: Client, session: int) -> set[str]:
    answer = client.get(f"/sessions/{session}/records")
    assert answer.status_code == 200, answer.data
    rows: Iterable[dict[str, Any]] = answer.json["items"]
    return {row["student"]["external_id"] for row in rows if row["status"] in ("present", "late")}


@contextmanager
def serving(folder: Path, database_url: str, **settings: Any) -> Iterator[Service]:
    """The server as it is started for real, but for its clock."""
    made = make_settings(folder, database_url, embedder="auto", frames_per_second=1000, device="cpu", **settings)
    clock = FrozenClock()
    app = create_app(made, clock=clock)
    recognizer = app.extensions["smartattendance"].recognizer
    try:
        yield Service(app, made, clock, recognizer)
    finally:
        recognizer.close()
        app.extensions["smartattendance"].database.close()


def taught(
    school: School, folder: Path, database_url: str, weights: WeightsFile, percentile: float, **settings: Any
) -> tuple[Figures, str]:
    """Train with --threshold-percentile, serve, measure; the figures, and the network that the server chose."""
    train(school, folder / "trained", weights, TrainingConfig(threshold_percentile=percentile))
    with serving(folder, database_url, model_dir=folder / "trained", **settings) as service:
        figures = measure(school, service)
        return figures, service.recognizer.embedder_info.id


def check(
    figures: Figures, shown: str, *, the_hard_way: int, students: int = STUDENTS, strangers: int = STRANGERS
) -> None:
    """the_hard_way: how many students must be marked from two different photos. students, strangers: how many there
    are."""
    print(f"\n{shown}: {figures}")
    assert (figures.frames, figures.strangers) == (students * FRAMES, strangers)
    assert figures.wrong == 0
    assert figures.strangers_marked == 0
    assert len(figures.first_two | figures.camera) == len(figures.all_four) == students
    assert len(figures.first_two) >= the_hard_way


@pytest.fixture
def photos(test_data: Path) -> Path:
    folder = test_data / "faces" / "lfw-dev"
    if not folder.is_dir():
        pytest.skip(f"no photos at {folder}")
    return folder


@pytest.fixture
def sqlite_url(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> str:
    return sqlite_database(tmp_path_factory.getbasetemp(), tmp_path)


def test_every_student_is_marked_and_no_stranger_with_facenet(
    photos: Path, facenet_file: Path, facenet_weights: WeightsFile, tmp_path: Path, sqlite_url: str
) -> None:
    school = real_school(photos, tmp_path / "photos")
    figures, network = taught(school, tmp_path, sqlite_url, facenet_weights, 99, facenet_weights=facenet_file)
    check(figures, "FaceNet, photos, threshold percentile 99", the_hard_way=STUDENTS)
    assert network == "facenet"


def test_every_student_is_marked_and_no_stranger_with_dlib(
    photos: Path, dlib_weights: WeightsFile, tmp_path: Path, sqlite_url: str
) -> None:
    school = real_school(photos, tmp_path / "photos")
    figures, network = taught(school, tmp_path, sqlite_url, dlib_weights, 98)
    check(figures, "dlib, photos, threshold percentile 98", the_hard_way=STUDENTS - 1)
    assert network == "dlib"


def test_every_student_is_marked_and_no_stranger_on_any_machine(
    dlib_weights: WeightsFile, tmp_path: Path, sqlite_url: str
) -> None:
    if (given_data() / "faces" / "lfw-dev").is_dir():
        pytest.skip("there are photos: the test before asks more of the same network")
    figures, network = taught(drawn_school(tmp_path / "photos"), tmp_path, sqlite_url, dlib_weights, 98)
    # dlib's network sees drawn people nearer to one another than real ones, so the cap on strangers binds
    check(
        figures,
        "dlib, drawn people, threshold percentile 98",
        the_hard_way=DRAWN_STUDENTS - 2,
        students=DRAWN_STUDENTS,
        strangers=DRAWN_STRANGERS,
    )
    assert network == "dlib"
