"""A training through the API with nothing made up but the faces: the command in its own process, the networks."""

from __future__ import annotations

import io
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app import create_app
from attendance.clock import SystemClock
from attendance.models import Role, TrainingJob
from recognizer.history import list_versions
from support.databases import sqlite_database
from support.pictures import face_picture, write_class
from support.service import Client, Service, make_settings

SECONDS = 180.0  # far more than it takes, on a machine that does other things as well


@pytest.fixture
def service(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A server with its real recognizer and its real clock; photos of five people, four of whom consented."""
    settings = make_settings(tmp_path, sqlite_database(tmp_path_factory.getbasetemp(), tmp_path))
    write_class(settings.dataset_dir, range(5), 5)
    app = create_app(settings)
    made = Service(app, settings, SystemClock(), None)  # type: ignore[arg-type]
    for number, folder in enumerate(sorted(settings.dataset_dir.iterdir())):
        made.student(folder.name, consent=number != 4)
    yield made
    services = app.extensions["smartattendance"]
    app.extensions["housekeeping"].close()
    services.trainings.close()
    services.recognizer.close()
    services.database.close()


def wait_for(condition: Callable[[], Any]) -> Any:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    pytest.fail("what was waited for did not happen")


def start(admin: Client, **options: Any) -> str:
    answer = admin.post("/training", json=options)
    assert answer.status_code == 202, answer.json
    return f"/training/{answer.json['id']}"


def follow(admin: Client, path: str) -> tuple[dict[str, Any], list[tuple[str, float]]]:
    """The training when it is over, and what was seen of its progress."""
    seen: list[tuple[str, float]] = []

    def look() -> dict[str, Any] | None:
        job: dict[str, Any] = admin.get(path).json
        if not seen or seen[-1] != (job["stage"], job["progress"]):
            seen.append((job["stage"], job["progress"]))
        return job if job["finished_at"] else None

    return wait_for(look), seen


def named(admin: Client, person: int) -> list[str]:
    buffer = io.BytesIO()
    Image.fromarray(face_picture(person, 2, 300)).save(buffer, "PNG")
    answer = admin.post("/recognize", data=buffer.getvalue(), headers={"Content-Type": "image/png"})
    assert answer.status_code == 200, answer.json
    return [face["student"]["external_id"] for face in answer.json["faces"] if face["student"]]


def test_trained_taken_into_use_killed_and_gone_back(service: Service) -> None:
    admin = service.program(service.user(Role.ADMIN))
    people = sorted(path.name for path in service.settings.dataset_dir.iterdir())
    assert admin.get("/model").json["current"] is None

    path = start(admin, threshold_percentile=98)
    first, seen = follow(admin, path)
    assert (first["state"], first["problem"]) == ("succeeded", None)
    assert {"embed"} <= {stage for stage, _ in seen}
    log = admin.get(f"{path}/log").json["text"]
    assert "4 students with 20 photos" in log and first["model_version"] in log
    assert f"{people[4]} is not on the list" in log  # no consent: not even looked at
    in_use = wait_for(lambda: (model := admin.get("/model").json)["current"] and model)
    assert in_use["current"]["version"] == first["model_version"] and in_use["current"]["student_count"] == 4
    assert named(admin, 1) == [people[1]]
    report = admin.get(f"/model/versions/{first['model_version']}/report").json
    assert report["metrics"]["rank1"] and "det_curve.png" in report["files"]

    # kill -9 in the middle of the next one
    write_class(service.settings.dataset_dir, range(20, 26), 5)
    for folder in sorted(service.settings.dataset_dir.iterdir())[5:]:
        service.student(folder.name)
    path = start(admin, threshold_percentile=98)
    wait_for(lambda: admin.get(path).json["stage"] == "embed")
    with service.db() as db:
        os.kill(db.query(TrainingJob.pid).filter(TrainingJob.active_slot.is_not(None)).scalar() or 0, signal.SIGKILL)
    job, _ = follow(admin, path)
    assert job["state"] == "failed" and "ended while at embed" in job["problem"]
    assert [version.version for version in list_versions(service.settings.model_dir)] == [first["model_version"]]
    assert not list(service.settings.model_dir.rglob("*.tmp-*"))
    assert admin.get("/model").json["current"]["version"] == first["model_version"]

    # the next one goes on from what was embedded, and is gone back from
    second, _ = follow(admin, start(admin, classifier="logistic", threshold_percentile=98))
    assert second["state"] == "succeeded"
    wait_for(lambda: admin.get("/model").json["current"]["version"] == second["model_version"])
    assert named(admin, 1) == [people[1]]
    back = admin.post("/model/activate", json={"version": first["model_version"]})
    assert back.json == {"version": first["model_version"], "in_use": True}
    assert admin.get("/model").json["current"]["student_count"] == 4
    assert [item["active"] for item in admin.get("/model/versions").json] == [False, True]
    assert sorted(item.suffix for item in (service.settings.data_dir / "trainings").iterdir()) == [".log"] * 3
