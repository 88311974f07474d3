"""Enrols a face, or erases a student, again and again, each time killed (SIGKILL) one step further on; then
``check --repair`` is run, and what it leaves is printed.

A step is any rename, deletion, new folder or fsync, and any commit. Run as a script in a process of its own, because it
forks.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

EXTERNAL_ID, OTHER = "S1", "S2"


def main(work: Path, what: str) -> None:
    from attendance.clock import SystemClock
    from attendance.database import Database
    from operations.check import Check

    start = work / "start"
    student = prepare(start, what)
    rehearse(start, work / "rehearsal", what, student)
    for step in range(1, 400):
        folder = work / f"step-{step}"
        shutil.copytree(start, folder)
        child = os.fork()
        if child == 0:
            database = open_database(folder)
            die_at(step, database)
            carry_out(what, database, folder, student)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status)
        assert killed or os.WEXITSTATUS(status) == 0, status
        database = Database(f"sqlite:///{folder / 'db.sqlite3'}")
        check = Check(database, places_of(folder), SystemClock())
        repaired = [finding.code for finding in check.run(repair=True) if finding.repaired]
        left = [finding.message for finding in check.run()]
        print(json.dumps({"killed": killed, "repaired": repaired, "left": left, **state(database, folder)}))
        database.close()
        shutil.rmtree(folder)
        if not killed:
            return


def carry_out(what: str, database: Any, folder: Path, student: int) -> None:
    from operations.erasure import Eraser
    from support.clock import MONDAY

    if what == "enrol":
        enrol(database, folder, student)
    else:
        Eraser(database, places_of(folder)).run_pending(MONDAY)


def rehearse(start: Path, folder: Path, what: str, student: int) -> None:
    """Once to its end, nobody killed, in a folder that nobody looks at: what this imports and draws every fork has,
    instead of each doing it anew."""
    shutil.copytree(start, folder)
    database = open_database(folder)
    carry_out(what, database, folder, student)
    database.close()
    shutil.rmtree(folder)


def open_database(folder: Path) -> Any:
    from attendance.database import Database

    return Database(f"sqlite:///{folder / 'db.sqlite3'}")


def places_of(folder: Path) -> Any:
    from operations.places import Places

    return Places(folder / "data", folder / "dataset", folder / "models", folder / "cache")


def prepare(folder: Path, what: str) -> int:
    """Two students with consent and a face each; for an erasure also all else that is made of a face, and the order."""
    import numpy as np

    from attendance import consents
    from attendance.actor import Actor
    from attendance.models import (
        ClassSession,
        Consent,
        ConsentMethod,
        Course,
        Frame,
        ReviewItem,
        Role,
        SessionState,
        Sighting,
        SightingDecision,
        Student,
        UserAccount,
    )
    from recognizer.history import publish
    from recognizer.types import EmbedderInfo
    from support.clock import MONDAY
    from support.models import make_artifact
    from training.cache import CachedFace, EmbeddingCache
    from training.conditions import CONDITIONS

    (folder / "data").mkdir(parents=True)
    database = open_database(folder)
    database.upgrade()
    with database.writing() as db:
        db.add(UserAccount(email="a@example.org", name="A", role=Role.ADMIN, created_at=MONDAY))
        db.flush()
        for name in (EXTERNAL_ID, OTHER):
            student = Student(external_id=name, name=name, created_at=MONDAY)
            db.add(student)
            db.flush()
            db.add(
                Consent(
                    student_id=student.id,
                    policy_version="1",
                    method=ConsentMethod.PAPER,
                    given_at=MONDAY,
                    recorded_by=1,
                )
            )
    enrol(database, folder, 2, person=2)
    if what == "erase":
        enrol(database, folder, 1, person=1)
        enrol(database, folder, 1, person=3)
        (folder / "dataset" / EXTERNAL_ID / "by hand.png").write_bytes(b"x")
        (folder / "data" / "review").mkdir()
        with database.writing() as db:
            db.add(Course(code="C", title="C", term="T", timezone="UTC", created_at=MONDAY))
            db.flush()
            db.add(
                ClassSession(
                    course_id=1,
                    starts_at=MONDAY,
                    ends_at=MONDAY + timedelta(hours=1),
                    late_after=MONDAY,
                    state=SessionState.CLOSED,
                    created_at=MONDAY,
                )
            )
            db.flush()
            for number in (1, 2):
                db.add(
                    Frame(
                        session_id=1,
                        event_uuid=str(number),
                        body_sha256="0" * 64,
                        captured_at=MONDAY,
                        received_at=MONDAY,
                        model_version="v1",
                    )
                )
                db.flush()
                db.add(
                    Sighting(
                        session_id=1,
                        frame_id=number,
                        face_index=0,
                        captured_at=MONDAY,
                        received_at=MONDAY,
                        similarity=0.5,
                        score=0.5,
                        margin=0.1,
                        decision=SightingDecision.REVIEW,
                        box=[0, 0, 1, 1],
                        crop_path=f"{number}.jpg",
                        expires_at=MONDAY + timedelta(days=7),
                    )
                )
                db.flush()
                candidates = [{"student_id": number, "similarity": 0.5}]
                db.add(ReviewItem(session_id=1, sighting_id=number, candidates=candidates, created_at=MONDAY))
                (folder / "data" / "review" / f"{number}.jpg").write_bytes(b"crop")
            shas = [row.sha256 for row in db.query(_face_image())]
            consents.withdraw(db, Actor(1, Role.ADMIN), 1, MONDAY)
        cache = EmbeddingCache(folder / "cache", EmbedderInfo("dlib", "a" * 64, 128, {}), "detector")
        vectors = np.eye(1 + len(CONDITIONS), 128, dtype=np.float32)
        face = CachedFace(vectors[0], vectors[1:], np.zeros((32, 32), np.uint8), "detected", 0.9)
        cache.put_many(dict.fromkeys(shas, face))
        classes = np.array(["S0", EXTERNAL_ID, OTHER, "S3"])
        publish(folder / "models", make_artifact("v1", students=4, classes=classes), {})
        (folder / "models" / "training.log").write_text("S1/a.jpg is blurred\nS2 too\n")
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return 1


def enrol(database: Any, folder: Path, student: int, person: int = 1) -> None:
    from attendance.actor import Actor
    from attendance.models import Role
    from operations.enrolment import Enrolment
    from recognizer.images import decode_picture
    from support.clock import MONDAY
    from support.enrolling import DrawnFaceDetector, good

    class Detects:
        def detect(self, data: bytes) -> Any:
            picture = decode_picture(data)
            return picture, self.detect_in(picture.pixels)

        def detect_in(self, image: Any) -> Any:
            return DrawnFaceDetector().detect(image)

    enrolment = Enrolment(database, places_of(folder).files, Detects())
    enrolment.enrol(Actor(1, Role.ADMIN), student, [good(person)], MONDAY)


def state(database: Any, folder: Path) -> dict[str, Any]:
    """What is there: files of the data set, rows of images, crops, embeddings, whom the model knows."""
    import sqlite3

    from attendance.models import Erasure
    from recognizer.reading import load_artifact

    with database.reading() as db:
        rows = sorted(row.path for row in db.query(_face_image()))
        done = [row.completed_at is not None for row in db.query(Erasure)]
    files = sorted(p.relative_to(folder / "dataset").as_posix() for p in (folder / "dataset").rglob("*") if p.is_file())
    found: dict[str, Any] = {"rows": rows, "files": files, "done": done}
    if (folder / "models").is_dir():
        found["classes"] = load_artifact(folder / "models" / "face_classifier_v1.pkl")[0].classes.tolist()
        found["crops"] = sorted(path.name for path in (folder / "data" / "review").iterdir())
        found["log"] = (folder / "models" / "training.log").read_text()
        with sqlite3.connect(folder / "cache" / "embeddings.sqlite3") as cache:
            found["embeddings"] = cache.execute("SELECT count(*) FROM embedding").fetchone()[0]
    return found


def die_at(step: int, database: Any) -> None:
    from sqlalchemy import event

    count = 0

    def reached(*_: Any) -> None:
        nonlocal count
        count += 1
        if count == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            reached()
            return function(*arguments, **named)

        return call

    for name in ("replace", "rename", "fsync", "unlink", "rmdir", "mkdir"):
        setattr(os, name, counted(getattr(os, name)))
    event.listen(database.engine, "commit", reached)


def _face_image() -> Any:
    from attendance.models import FaceImage

    return FaceImage


if __name__ == "__main__":
    tests = Path(__file__).parents[1]
    sys.path[:0] = [str(tests), str(tests.parent / "backend")]
    main(Path(sys.argv[1]), sys.argv[2])
