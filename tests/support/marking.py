"""A class that two processes mark at the same time, each with several threads."""

from __future__ import annotations

import hashlib
import random
import threading
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Barrier

from attendance import frames_taken
from attendance.actor import Actor
from attendance.database import Database
from attendance.faces_seen import FaceValues, FrameValues
from attendance.models import Role
from attendance.policy import Policy

STUDENTS, SIGHTINGS, FACES, THREADS = 60, 2000, 8, 8
OPENED = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def external_id(number: int) -> str:
    return f"s{number:03}"


def frames(seed: int) -> list[tuple[FrameValues, list[FaceValues]]]:
    """Half of the frames of a class before two cameras: SIGHTINGS in all, each student about as often as the next,
    within ten seconds. Every fifth frame is sent twice, and every fifth one by the other camera as well."""
    chosen = random.Random(seed)
    made = []
    for number in range(SIGHTINGS // FACES // 2):
        camera = 0 if number % 5 == 1 else seed
        name = f"camera {camera} frame {number}"
        seen = random.Random(name).sample(range(STUDENTS), FACES)
        captured_at = OPENED + timedelta(seconds=10 * random.Random(f"{name} at").random())
        sha = hashlib.sha256(name.encode()).hexdigest()
        frame = FrameValues(name, sha, captured_at, OPENED + timedelta(seconds=11), "model", 640, 480)
        faces = [
            FaceValues("known", (0.0, 0.0, 9.0, 9.0), external_id(who), 0.9, 0.9, 0.9, 0.2, ((external_id(who), 0.9),))
            for who in seen
        ]
        made += [(frame, faces)] * (2 if number % 5 == 0 else 1)
    chosen.shuffle(made)
    return made


def mark_at_once(url: str, session_id: int, user_id: int, seed: int, start: Barrier) -> None:
    """Take the frames of ``seed`` with several threads, each of which waits for all others of all processes. Whatever
    one raises, this raises."""
    database, waiting = Database(url), frames(seed)
    lock, failures = threading.Lock(), []
    actor = Actor(user_id, Role.ADMIN)

    def work() -> None:
        try:
            start.wait(60)
            while True:
                with lock:
                    if not waiting:
                        return
                    frame, faces = waiting.pop()
                with database.writing() as db:
                    frames_taken.take(db, actor, session_id, frame, faces, Policy(), OPENED + timedelta(seconds=12))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    database.close()
    if failures:
        raise failures[0]
