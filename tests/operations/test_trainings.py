"""Trainings started from the API: one at a time, in a process that the server can lose and find again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attendance import training_jobs
from attendance.actor import system_actor
from attendance.consents import withdraw
from attendance.models import AuditEvent, Erasure, Role, TrainingJob, TrainingState
from attendance.training_jobs import Subject
from operations import trainings
from operations.trainings import Trainings
from recognizer.history import list_versions, publish
from support.models import make_artifact
from support.service import Client, Service, problem

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-in is ended by signals")
SCRIPT = Path(__file__).parents[1] / "support" / "fake_training.py"
SECONDS = 20.0  # far more than anything here takes


def wait_for(condition: Callable[[], Any]) -> Any:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    pytest.fail("what was waited for did not happen")


class Classroom:
    """A server whose trainings are done by a stand-in, with three students who consented and one who did not."""

    def __init__(self, service: Service, folder: Path) -> None:
        self.service, self.folder = service, folder
        self.students = {name: service.student(name) for name in ("S-1", "S-2", "S-3")}
        service.student("S-4", consent=False)
        self.admin_id = service.user(Role.ADMIN)
        self.admin: Client = service.program(self.admin_id)
        self.services = service.app.extensions["smartattendance"]
        self.opened: list[Trainings] = [self.services.trainings]
        self.restart()

    def restart(self) -> Trainings:
        """As after a new start of the server: nothing is known but what is in the database and in the files."""
        self.services.trainings.close()
        setup = self.services.trainings._setup
        environment = {**setup.environment, "FAKE_TRAINING": str(self.folder)}
        setup = replace(setup, command=(sys.executable, str(SCRIPT)), environment=environment)
        self.services.trainings = Trainings(setup, self.services.database, self.services.clock)
        self.opened.append(self.services.trainings)
        return self.services.trainings  # type: ignore[no-any-return]

    def start(self, **options: Any) -> int:
        answer = self.admin.post("/training", json=options)
        assert answer.status_code == 202, answer.json
        return int(answer.json["id"])

    def go(self, what: str) -> None:
        (self.folder / "go.new").write_text(what, "utf-8")
        (self.folder / "go.new").rename(self.folder / "go")

    def look(self, job_id: int) -> dict[str, Any]:
        found: dict[str, Any] = self.admin.get(f"/training/{job_id}").json
        return found

    def under_way(self, job_id: int) -> dict[str, Any]:
        return wait_for(lambda: (job := self.look(job_id))["stage"] == "embed" and job["progress"] == 1 and job)  # type: ignore[no-any-return]

    def over(self, job_id: int) -> dict[str, Any]:
        return wait_for(lambda: (job := self.look(job_id))["finished_at"] and job)  # type: ignore[no-any-return]

    @property
    def files(self) -> list[str]:
        """What lies there when everything that follows the end of a training is done."""
        wait_for(lambda: not self.services.trainings.is_watching())
        return sorted(path.name for path in (self.service.settings.data_dir / "trainings").iterdir())

    @property
    def pid(self) -> int:
        with self.service.db() as db:
            return int(db.query(TrainingJob.pid).scalar() or 0)

    def erased_again(self, name: str) -> bool:
        """Whether what was made of the student's face is erased, after the erasure that the withdrawal ordered."""

        def done() -> bool:
            with self.service.db() as db:
                orders = db.query(Erasure).filter_by(student_id=self.students[name]).all()
                return len(orders) == 2 and all(order.completed_at for order in orders)

        return bool(wait_for(done))

    def versions(self) -> list[tuple[str, bool]]:
        return [(stored.version, stored.active) for stored in list_versions(self.service.settings.model_dir)]


@pytest.fixture
def classroom(service: Service, tmp_path: Path) -> Iterator[Classroom]:
    yield from _classroom(service, tmp_path)


@pytest.fixture
def one(sqlite_service: Service, tmp_path: Path) -> Iterator[Classroom]:
    yield from _classroom(sqlite_service, tmp_path)


def _classroom(service: Service, folder: Path) -> Iterator[Classroom]:
    made = Classroom(service, folder)
    yield made
    for opened in made.opened:
        opened.close()
    with service.db() as db:
        for (pid,) in db.query(TrainingJob.pid).filter(TrainingJob.active_slot.is_not(None)):
            if pid:
                os.killpg(pid, signal.SIGKILL)


def test_a_training_of_those_who_consented_is_followed_to_its_model(classroom: Classroom) -> None:
    publish(classroom.service.settings.model_dir, make_artifact("first"), {})
    job_id = classroom.start(classifier="logistic", threshold_percentile=98, seed=7)
    job = classroom.under_way(job_id)
    assert (job["state"], job["progress"], job["model_version"]) == ("running", 1.0, None)
    listed = classroom.service.settings.data_dir / "trainings" / f"{job_id}.students"
    assert listed.read_text("utf-8").split() == ["S-1", "S-2", "S-3"]
    seen = (classroom.folder / "seen").read_text("utf-8").split("\n")
    assert seen[:-1] == [
        *("--classifier", "logistic", "--max-fpir", "0.01", "--min-images", "2", "--seed", "7"),
        *("--threshold-percentile", "98.0", "--embedder", "dlib"),
    ]
    assert seen[-1] == "auto"  # a setting of the server's
    assert os.getpriority(os.PRIO_PROCESS, classroom.pid) == 10
    assert classroom.admin.get(f"/training/{job_id}/log").json == {"text": "Training ☃\n", "next_offset": 13}
    assert classroom.admin.get(f"/training/{job_id}/log?offset=9").json["text"] == "☃\n"
    assert classroom.admin.get(f"/training/{job_id}/log?offset=13").json == {"text": "", "next_offset": 13}
    classroom.go("publish")
    job = classroom.over(job_id)
    assert (job["state"], job["problem"]) == ("succeeded", None)
    assert classroom.versions() == [("first", False), (job["model_version"], True)] or classroom.versions() == [
        (job["model_version"], True),
        ("first", False),
    ]
    assert classroom.files == [f"{job_id}.log"]
    assert [item["id"] for item in classroom.admin.get("/training").json["items"]] == [job_id]
    with classroom.service.db() as db:
        events = [(event.action, event.actor_id is None) for event in db.query(AuditEvent).order_by(AuditEvent.id)]
        assert db.query(Erasure).count() == 0
    assert events == [("training.start", False), ("training.succeeded", True)]


def test_one_at_a_time_also_for_two_who_ask_at_once(classroom: Classroom) -> None:
    answers: list[tuple[int, str]] = []
    clients = [classroom.service.program(classroom.admin_id) for _ in range(4)]
    begin = threading.Barrier(len(clients))

    def ask(client: Client) -> None:
        begin.wait()
        answer = client.post("/training", json={})
        answers.append((answer.status_code, answer.json.get("code", "")))

    threads = [threading.Thread(target=ask, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [(202, ""), *[(409, "training_running")] * 3]
    assert problem(classroom.admin.post("/training", json={})) == (409, "training_running")
    classroom.go("fail")
    (job,) = classroom.admin.get("/training").json["items"]
    over = classroom.over(job["id"])
    assert (over["state"], over["problem"]) == ("failed", "no student has 2 images or more that can be used")
    (classroom.folder / "go").unlink()
    again = classroom.start()
    assert again != job["id"]


def test_a_cancelled_training_ends_and_the_model_stays(classroom: Classroom) -> None:
    publish(classroom.service.settings.model_dir, make_artifact("first"), {})
    job_id = classroom.start()
    classroom.under_way(job_id)
    assert classroom.admin.post(f"/training/{job_id}/cancel").status_code == 202
    job = classroom.over(job_id)
    assert (job["state"], job["model_version"], job["problem"]) == ("cancelled", None, None)
    assert problem(classroom.admin.post(f"/training/{job_id}/cancel")) == (409, "training_over")
    assert classroom.versions() == [("first", True)] and classroom.files == [f"{job_id}.log"]


def test_one_that_does_not_listen_is_killed(one: Classroom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainings, "_KILL_AFTER_SECONDS", 0.3)
    job_id = one.start()
    one.go("deaf")
    wait_for(lambda: one.look(job_id)["stage"] == "train")
    one.admin.post(f"/training/{job_id}/cancel")
    assert one.over(job_id)["state"] == "cancelled"


def test_kill_9_of_the_training_leaves_the_last_good_model(one: Classroom) -> None:
    publish(one.service.settings.model_dir, make_artifact("first"), {})
    job_id = one.start()
    one.under_way(job_id)
    os.kill(one.pid, signal.SIGKILL)
    job = one.over(job_id)
    assert job["state"] == "failed" and "ended while at embed (exit status -9)" in job["problem"]
    assert one.versions() == [("first", True)] and one.files == [f"{job_id}.log"]


def test_killed_right_after_publishing_it_has_succeeded(one: Classroom) -> None:
    job_id = one.start()
    one.go("die after publishing")
    job = one.over(job_id)
    assert job["state"] == "succeeded" and one.versions() == [(job["model_version"], True)]


SERVER = """
import sys, time
from dataclasses import replace
from pathlib import Path
from app import create_app
from attendance.actor import Actor
from attendance.models import Role
from operations.trainings import Trainings
from support.recognition import FakeRecognizer
from support.service import make_settings
folder, url, script, user = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
services = create_app(make_settings(folder, url), recognizer=FakeRecognizer()).extensions["smartattendance"]
setup = services.trainings._setup
environment = {**setup.environment, "FAKE_TRAINING": str(folder)}
setup = replace(setup, command=(sys.executable, script), environment=environment)
services.trainings = Trainings(setup, services.database, services.clock)
job = services.trainings.start(Actor(user, Role.ADMIN), {"seed": 1}, services.clock.now())
print(job.id, job.pid, flush=True)
time.sleep(60)
"""


def killed_server(classroom: Classroom) -> tuple[int, int]:
    """A server of its own starts a training and is killed (SIGKILL) in the middle of it. (training, its process)"""
    backend = Path(trainings.__file__).parents[1]
    path = os.pathsep.join([str(backend), str(SCRIPT.parents[1])])
    url = classroom.service.settings.database_url or ""
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(classroom.folder), url, str(SCRIPT), str(classroom.admin_id)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert server.stdout is not None
    job_id, pid = map(int, server.stdout.readline().split())
    wait_for(lambda: (classroom.folder / "seen").exists())
    server.kill()
    server.wait()
    server.stdout.close()
    return job_id, pid


def test_a_training_that_outlives_its_server_is_found_again_and_finished(classroom: Classroom) -> None:
    job_id, _ = killed_server(classroom)
    assert classroom.services.trainings.reconcile(classroom.service.clock.now()) == [f"Training {job_id} is running."]
    job = classroom.look(job_id)
    assert (job["state"], job["stage"]) == ("running", "embed")
    assert problem(classroom.admin.post("/training", json={})) == (409, "training_running")
    classroom.go("publish")
    wait_for(lambda: classroom.service.chores() or classroom.look(job_id)["finished_at"])
    job = classroom.look(job_id)
    assert (job["state"], classroom.versions()) == ("succeeded", [(job["model_version"], True)])
    assert classroom.files == [f"{job_id}.log"]


def test_another_process_cancels_a_training_that_outlived_its_server(one: Classroom) -> None:
    job_id, pid = killed_server(one)
    one.admin.post(f"/training/{job_id}/cancel")
    one.service.clock.advance(seconds=6)
    wait_for(lambda: one.service.chores() or one.look(job_id)["finished_at"])
    assert one.look(job_id)["state"] == "cancelled"
    wait_for(lambda: not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes())


def test_a_training_of_another_machine_is_not_ended_by_its_number(one: Classroom) -> None:
    job_id, pid = killed_server(one)
    looked = one.services.trainings
    here, looked._host = looked._host, "another machine"
    one.admin.post(f"/training/{job_id}/cancel")
    one.service.clock.advance(seconds=6)
    for _ in range(3):
        assert looked.reconcile(one.service.clock.now()) == [f"Training {job_id} is running."]
    assert Path(f"/proc/{pid}/cmdline").read_bytes() and not looked._asked_to_end
    looked._host = here
    wait_for(lambda: one.service.chores() or one.look(job_id)["finished_at"])
    assert one.look(job_id)["state"] == "cancelled"


def test_with_server_and_training_both_killed_the_training_has_failed(classroom: Classroom) -> None:
    publish(classroom.service.settings.model_dir, make_artifact("first"), {})
    job_id, pid = killed_server(classroom)
    os.kill(pid, signal.SIGKILL)
    (said,) = wait_for(
        lambda: "over" in (said := classroom.services.trainings.reconcile(classroom.service.clock.now()))[0] and said
    )
    assert said.startswith(f"Training {job_id} is over: failed (the training's process ended while at embed")
    assert classroom.look(job_id)["state"] == "failed"
    assert classroom.versions() == [("first", True)] and classroom.files == [f"{job_id}.log"]
    assert classroom.services.trainings.reconcile(classroom.service.clock.now()) == []


def test_a_server_killed_before_it_started_the_process_leaves_no_training_for_ever(one: Classroom) -> None:
    now = one.service.clock.now()
    with one.service.db() as db:
        job = training_jobs.create(db, replace(system_actor(), user_id=one.admin_id), {}, "", now)
    looked = one.services.trainings
    looked._host = ""  # that of the row: this machine
    assert looked.reconcile(now) == [f"Training {job.id} is running."]
    (said,) = looked.reconcile(now + timedelta(minutes=2))
    assert "failed (the training's process ended before it began" in said
    assert one.look(job.id)["state"] == "failed"


def test_files_that_nothing_accounts_for_are_removed_and_logs_after_a_month(one: Classroom) -> None:
    folder = one.service.settings.data_dir / "trainings"
    folder.mkdir(parents=True)
    for name in ("7.log", "7.subjects", ".7.students.tmp-0123"):
        (folder / name).write_text("S-1")
        os.utime(folder / name, (one.service.clock.now().timestamp(),) * 2)
    assert one.services.trainings.reconcile(one.service.clock.now()) == []
    one.service.clock.advance(minutes=5)
    said = one.services.trainings.reconcile(one.service.clock.now())
    assert len(said) == 2 and one.files == ["7.log"]
    one.service.clock.advance(days=31)
    assert one.services.trainings.reconcile(one.service.clock.now()) == ["Removed 7.log, which a training left behind."]


def test_a_consent_withdrawn_meanwhile_ends_the_training_and_erases_once_more(classroom: Classroom) -> None:
    job_id = classroom.start()
    classroom.under_way(job_id)
    with classroom.service.db() as db:
        order = withdraw(db, system_actor(), classroom.students["S-2"], classroom.service.clock.now())
        order.completed_at = classroom.service.clock.now()  # that erasure is done before the training is over
    job = classroom.over(job_id)
    assert job["state"] == "cancelled" and "consent" in job["problem"]
    assert classroom.erased_again("S-2") and classroom.versions() == []


def test_a_student_who_is_set_inactive_is_not_trained_on(one: Classroom) -> None:
    def set_inactive(name: str) -> None:
        path = f"/students/{one.students[name]}"
        assert one.admin.patch(path, json={"status": "inactive"}, headers={"If-Match": "*"}).status_code == 200

    set_inactive("S-3")
    job_id = one.start()
    one.under_way(job_id)
    listed = one.service.settings.data_dir / "trainings" / f"{job_id}.students"
    assert listed.read_text("utf-8").split() == ["S-1", "S-2"]
    set_inactive("S-2")
    job = one.over(job_id)
    assert job["state"] == "cancelled" and "inactive" in job["problem"]


def test_a_model_published_just_after_a_withdrawal_loses_the_student(
    one: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainings, "_end_if_asked", lambda *_: None)  # nobody noticed in time
    one.students["S-5"] = one.service.student("S-5")
    job_id = one.start()
    one.under_way(job_id)
    with one.service.db() as db:
        order = withdraw(db, system_actor(), one.students["S-2"], one.service.clock.now())
        order.completed_at = one.service.clock.now()
    one.go("publish")
    assert one.over(job_id)["state"] == "succeeded"
    assert one.erased_again("S-2")
    folder = one.service.settings.model_dir
    assert np.load(folder / "label_encoder_classes.npy").tolist() == ["S-1", "S-3", "S-5"]
    assert [active for _, active in one.versions()] == [True]
    assert not any(b"S-2" in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_consent_withdrawn_in_the_last_moment_has_the_new_model_erased_from(classroom: Classroom) -> None:
    """The model was published before anybody could end the training; the student was erased altogether."""
    now = classroom.service.clock.now()
    with classroom.service.db() as db:
        subjects = training_jobs.subjects(db)
        job = training_jobs.create(db, replace(system_actor(), user_id=classroom.admin_id), {}, "here", now)
    assert [subject.external_id for subject in subjects] == ["S-1", "S-2", "S-3"]
    trained = [Subject(s.student_id, s.external_id, s.consent_id, ("ab" * 32,)) for s in subjects]
    with classroom.service.db() as db:
        assert training_jobs.ended_consents(db, trained) == set()
        withdraw(db, system_actor(), trained[1].student_id, now)
        db.query(Erasure).delete()  # done, and gone
    with classroom.service.db() as db:
        assert training_jobs.finish(
            db, job.id, TrainingState.SUCCEEDED, now, model_version="20261123T080000Z-abcdef", trained=trained
        )
        assert not training_jobs.finish(db, job.id, TrainingState.FAILED, now, trained=trained)
    with classroom.service.db() as db:
        (order,) = db.query(Erasure).all()
        assert (order.student_id, order.external_id, order.shas) == (trained[1].student_id, "S-2", ["ab" * 32])


def test_what_the_command_would_refuse_is_refused_by_field(one: Classroom) -> None:
    wrong = {
        "classifier": "forest",
        "threshold_percentile": 49,
        "max_fpir": 0,
        "min_images": 0,
        "seed": 2**32,
        "dataset": "/etc",
    }
    answer = one.admin.post("/training", json=wrong)
    assert problem(answer) == (422, "invalid")
    assert {error["field"] for error in answer.json["errors"]} == set(wrong)
    assert problem(one.admin.post("/training", json={"max_fpir": float("nan")}))[0] == 422
    assert problem(one.admin.get("/training/1")) == (404, "not_found")
    assert problem(one.admin.get("/training/1/log")) == (404, "not_found")
    assert problem(one.admin.post("/training/1/cancel")) == (404, "not_found")


def test_a_training_of_nobody_is_refused(sqlite_service: Service) -> None:
    sqlite_service.student("S-1")
    answer = sqlite_service.admin().post("/training", json={})
    assert problem(answer) == (409, "too_few_students")
    with sqlite_service.db() as db:
        assert db.query(TrainingJob).count() == 0


def test_only_admins_train(sqlite_service: Service) -> None:
    instructor = sqlite_service.program(sqlite_service.user(Role.INSTRUCTOR))
    for answer in (instructor.post("/training", json={}), instructor.get("/training"), instructor.get("/training/1")):
        assert problem(answer) == (403, "role")
    reader = sqlite_service.program(sqlite_service.user(Role.ADMIN), "model:read")
    assert problem(reader.post("/training", json={})) == (403, "scope")
