"""Two machines with a server each: one PostgreSQL, one folder of models and one of photos, and no lock on a file in
common."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from attendance.actor import system_actor
from attendance.consents import withdraw
from attendance.models import AuditEvent, Erasure, Role, TrainingJob
from errors import BusyError, ConflictError
from operations import erasure, face_files, models
from operations.housekeeping import Chore, by_one
from recognizer.history import list_versions, publish
from support.databases import empty
from support.models import make_artifact
from support.service import Client, Service, make_service, make_settings, problem

LONG = 30.0  # far more than anything here takes


@pytest.fixture
def machines(postgres_url: str, tmp_path: Path) -> Iterator[tuple[Service, Service]]:
    empty(postgres_url)
    made = []
    for name in ("one", "other"):
        shared = {"model_dir": tmp_path / "models", "dataset_dir": tmp_path / "dataset"}
        settings = make_settings(tmp_path / name, postgres_url, **shared)
        made.append(make_service(settings, made[0].clock if made else None))
    yield made[0], made[1]
    for service in made:
        service.database.close()


@pytest.fixture(autouse=True)
def nobody_waits_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((models, "_LOCK_SECONDS"), (erasure, "_LOCK_SECONDS"), (erasure, "_MODELS_LOCK_SECONDS")):
        monkeypatch.setattr(module, name, 0.05)
    monkeypatch.setattr(face_files, "_LOCK_SECONDS", 0.05)


def services(machine: Service) -> Any:
    return machine.app.extensions["smartattendance"]


def same_user(machine: Service, client: Client) -> Client:
    return Client(machine.app.test_client(use_cookies=False), client.headers)


def test_a_model_is_put_to_use_by_one_machine_at_a_time(machines: tuple[Service, Service]) -> None:
    one, other = machines
    for version in ("v1", "v2"):
        publish(one.settings.model_dir, make_artifact(version), {})
    client = same_user(other, one.program(one.user(Role.ADMIN)))
    with models.changing(one.database, LONG):
        refused = client.post("/model/activate", json={"version": "v1"})
        assert problem(refused) == (503, "models_busy") and refused.headers["Retry-After"]
    assert client.post("/model/activate", json={"version": "v1"}).status_code == 200
    assert [stored.version for stored in list_versions(one.settings.model_dir) if stored.active] == ["v1"]


def ordered(machine: Service) -> int:
    """An erasure that is to be done, of a student who is in the model in use."""
    student = machine.student("student-01")
    publish(machine.settings.model_dir, make_artifact("v1"), {})
    with machine.db() as db:
        withdraw(db, system_actor(), student, machine.clock.now())
        return db.query(Erasure).one().id


def test_an_erasure_is_done_once(machines: tuple[Service, Service]) -> None:
    one, other = machines
    order, now = ordered(one), one.clock.now()
    at_once = threading.Barrier(2)

    def run(machine: Service) -> list[int]:
        at_once.wait(LONG)
        done: list[int] = services(machine).eraser.run_pending(now)
        return done

    with ThreadPoolExecutor(2) as pool:
        done = [*pool.map(run, machines)]
    assert sorted(done, key=len) == [[], [order]]
    with other.db() as db:
        assert db.get_one(Erasure, order).completed_at is not None
    assert [stored.version for stored in list_versions(one.settings.model_dir)] == ["v1-e1"]


def test_while_one_machine_erases_the_other_leaves_it_alone(machines: tuple[Service, Service]) -> None:
    one, other = machines
    order, now = ordered(one), one.clock.now()
    with one.database.alone("erasures"):
        assert services(other).eraser.run_pending(now) == []
    assert services(other).eraser.run_pending(now) == [order]


def test_an_erasure_waits_for_who_changes_the_model_and_is_tried_again(machines: tuple[Service, Service]) -> None:
    one, other = machines
    order, now = ordered(one), one.clock.now()
    with models.changing(one.database, LONG):
        assert services(other).eraser.run_pending(now) == []
    with one.db() as db:
        assert "another server is changing" in str(db.get_one(Erasure, order).problem)
    assert services(other).eraser.run_pending(now) == [order]


def test_photos_are_changed_by_one_machine_at_a_time(machines: tuple[Service, Service]) -> None:
    one, other = machines
    faces = services(other).faces
    with services(one).faces.files.locked(one.database), pytest.raises(BusyError) as caught:
        faces.settle()
    assert caught.value.code == "faces_busy"
    assert faces.settle() == {}


def test_of_two_trainings_started_at_once_on_two_machines_one_begins(
    machines: tuple[Service, Service], tmp_path: Path
) -> None:
    one, other = machines
    for name in ("S-1", "S-2"):
        one.student(name)
    admin = one.user(Role.ADMIN)
    at_once = threading.Barrier(2)
    script = tmp_path / "endless.py"
    script.write_text("import time\ntime.sleep(600)\n")

    def start(machine: Service) -> str:
        trainings = services(machine).trainings
        trainings._setup = replace(trainings._setup, command=(sys.executable, str(script)))
        trainings._host = machine.settings.data_dir.parent.name
        at_once.wait(LONG)
        try:
            trainings.start(replace(system_actor(), user_id=admin), {}, machine.clock.now())
        except ConflictError as error:
            return error.code
        return "begun"

    try:
        with ThreadPoolExecutor(2) as pool:
            said = sorted(pool.map(start, machines))
    finally:
        for machine in machines:
            services(machine).trainings.close()
        with other.db() as db:
            jobs = db.query(TrainingJob).all()
        for job in jobs:
            if job.pid is not None:
                os.kill(job.pid, signal.SIGKILL)
    assert said == ["begun", "training_running"]
    assert [job.host in ("one", "other") for job in jobs] == [True]


def test_a_chore_for_one_is_left_out_by_the_others(machines: tuple[Service, Service]) -> None:
    one, other = machines
    done: list[str] = []

    def chore(machine: Service, name: str, inside: Any = None) -> Chore:
        def run(now: datetime) -> None:
            done.append(name)
            if inside is not None:
                inside()

        return by_one(machine.database, Chore("tidying", 60, run))

    def meanwhile() -> None:
        chore(other, "other").run(other.clock.now())

    chore(one, "one", meanwhile).run(one.clock.now())
    assert done == ["one"]
    meanwhile()
    assert done == ["one", "other"]


def test_all_chores_on_both_machines_at_once_do_no_harm(machines: tuple[Service, Service]) -> None:
    one, other = machines
    order = ordered(one)
    for machine in machines:
        machine.recognizer.generation = 7
    at_once = threading.Barrier(2)

    def run(machine: Service) -> None:
        at_once.wait(LONG)
        machine.chores()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, machines))
    with other.db() as db:
        assert db.get_one(Erasure, order).completed_at is not None
        assert db.query(AuditEvent).filter_by(action="model.use").count() == 1
