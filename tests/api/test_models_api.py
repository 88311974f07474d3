"""The model in use, its versions, going back."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attendance.actor import system_actor
from attendance.consents import withdraw
from attendance.models import AuditEvent, ModelVersion, Role
from recognizer.artifact import MODEL_FILE
from recognizer.history import HISTORY_FOLDER, list_versions, publish
from recognizer.loader import ClassifierLoader, LoaderStatus
from support.models import NearestStudent, make_artifact, make_embedder, make_metadata
from support.recognition import FakeRecognizer
from support.service import Service, problem

METRICS = {"rank1": {"value": 1.0, "total": 6}, "tpir": math.nan, "students": [{"student_id": "S-1"}]}
REPORT = {
    "metrics": METRICS,
    "created_at": "2026-11-01T00:00:00+00:00",
    "config": {"classifier": "svm"},
    "seed": 42,
    "thresholds": {"accept": 0.5},
    "profile_origin": {"estimated": True},
    "dataset": {"photos_held_out": 6, "issues": [{"student_id": "S-1"}], "folder": "/srv/photos"},
    "seconds": {"train": 1.5},
}


class ModelInFolder(FakeRecognizer):
    """Faces as written into pictures; the model is really loaded from the folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.loader: ClassifierLoader[Any] = ClassifierLoader(
            folder / MODEL_FILE, build=NearestStudent, embedder=make_embedder()
        )

    def model_status(self) -> LoaderStatus:
        return self.loader.status()

    def reload(self) -> LoaderStatus:
        try:
            self.loader.load_now()
        except Exception:
            assert self.loader.status().refused
        return self.loader.status()


def put(folder: Path, version: str, students: tuple[str, ...], day: int, **changes: Any) -> None:
    metadata = {**make_metadata(version, created_at=f"2026-11-0{day}T00:00:00+00:00"), "metrics": METRICS}
    embedder = changes.pop("embedder", None)
    if embedder is not None:
        metadata["embedder"] = make_metadata(version, embedder)["embedder"]
    artifact = make_artifact(version, students=len(students), classes=np.array(students), metadata=metadata)
    files = {
        "training_metadata.json": json.dumps(REPORT).encode(),
        "training_summary.txt": "Zusammenfassung ✓\n".encode(),
        "det_curve.png": b"\x89PNG",
        "X.npy": b"secret",
    }
    publish(folder, artifact, files)


@pytest.fixture
def server(service: Service) -> Service:
    """With two versions, the newer of which is in use."""
    folder = service.settings.model_dir
    put(folder, "one", ("S-1", "S-2", "S-3"), 1)
    put(folder, "two", ("S-1", "S-2", "S-3"), 2)
    services = service.app.extensions["smartattendance"]
    recognizer = ModelInFolder(folder)
    recognizer.reload()
    services.recognizer = services.models._recognizer = recognizer
    return service


def test_the_model_in_use_and_why_a_newer_one_is_not(server: Service) -> None:
    client = server.program(server.user(Role.INSTRUCTOR))
    status = client.get("/model").json
    assert status["current"]["version"] == "two" and status["current"]["embedder"] == "dlib"
    assert status["current"]["student_count"] == 3 and status["current"]["verified"] == "manifest"
    assert status["loaded_at"] and status["refused"] is None
    put(server.settings.model_dir, "three", ("S-1", "S-2"), 3, embedder=make_embedder(id="facenet"))
    server.app.extensions["smartattendance"].recognizer.reload()
    status = client.get("/model").json
    assert (status["current"]["version"], status["refused_code"]) == ("two", "embedder_mismatch")
    assert "facenet" in status["refused"]


def test_without_a_model_that_is_said(sqlite_service: Service) -> None:
    sqlite_service.recognizer.model = None
    client = sqlite_service.admin()
    assert client.get("/model").json["current"] is None
    assert client.get("/model/versions").json == []
    sqlite_service.chores()
    with sqlite_service.db() as db:
        assert db.query(ModelVersion).count() == 0


def test_what_is_in_use_is_noted_with_its_measurements(server: Service) -> None:
    server.chores()
    server.chores()
    newest, older = server.admin().get("/model/versions").json
    assert (newest["version"], newest["active"], newest["student_count"]) == ("two", True, 3)
    assert newest["metrics"] == {"rank1": {"value": 1.0, "total": 6}, "tpir": None}
    assert newest["thresholds"] == {"accept": 0.5, "review": 0.4}
    assert newest["in_use_since"].startswith("2026-11-23T08:00:00")
    assert (older["version"], older["active"], older["in_use_since"], older["metrics"]) == ("one", False, None, {})
    with server.db() as db:
        assert [(row.version, row.active) for row in db.query(ModelVersion)] == [("two", True)]
        assert [event.action for event in db.query(AuditEvent)] == ["model.use"]


def test_going_back_and_forth(server: Service) -> None:
    client = server.admin()
    server.chores()
    assert client.post("/model/activate", json={"version": "one"}).json == {"version": "one", "in_use": True}
    assert client.get("/model").json["current"]["version"] == "one"
    assert [(item["version"], item["active"]) for item in client.get("/model/versions").json] == [
        ("two", False),
        ("one", True),
    ]
    assert client.post("/model/activate", json={"version": "two"}).json["in_use"] is True
    with server.db() as db:
        assert {row.version: row.active for row in db.query(ModelVersion)} == {"one": False, "two": True}
        used = [(event.action, event.object_id) for event in db.query(AuditEvent).order_by(AuditEvent.id)]
    assert used == [
        ("model.use", "two"),
        ("model.activate", "one"),
        ("model.use", "one"),
        ("model.activate", "two"),
        ("model.use", "two"),
    ]


def test_a_server_that_has_not_loaded_it_yet_says_so(sqlite_service: Service) -> None:
    put(sqlite_service.settings.model_dir, "one", ("S-1", "S-2"), 1)
    answer = sqlite_service.admin().post("/model/activate", json={"version": "one"})
    assert answer.json == {"version": "one", "in_use": False}


@pytest.mark.parametrize("version", ["three", "../one", "..", "one\\two", "ö", "x" * 100])
def test_a_version_that_is_none_is_not_found(server: Service, version: str) -> None:
    client = server.admin()
    assert problem(client.post("/model/activate", json={"version": version})) == (404, "not_found")
    assert problem(client.get(f"/model/versions/{version}/report")) == (404, "not_found")
    assert client.get("/model").json["current"]["version"] == "two"


def test_a_damaged_version_is_refused_and_the_model_stays(server: Service) -> None:
    path = server.settings.model_dir / HISTORY_FOLDER / "one" / MODEL_FILE
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    status, code = problem(server.admin().post("/model/activate", json={"version": "one"}))
    assert status == 409 and code.startswith("model")
    assert [item.version for item in list_versions(server.settings.model_dir) if item.active] == ["two"]


def test_one_that_this_server_cannot_use_is_not_left_in_use(server: Service) -> None:
    folder = server.settings.model_dir
    put(folder, "other", ("S-1", "S-2"), 3, embedder=make_embedder(id="facenet"))
    client = server.admin()
    assert client.post("/model/activate", json={"version": "one"}).status_code == 200
    assert problem(client.post("/model/activate", json={"version": "other"})) == (409, "embedder_mismatch")
    assert [item.version for item in list_versions(folder) if item.active] == ["one"]
    status = client.get("/model").json
    assert status["current"]["version"] == "one" and status["refused"] is None


def test_a_version_with_somebody_who_withdrew_is_not_gone_back_to(server: Service) -> None:
    ids = [server.student(name) for name in ("S-1", "S-2")]
    never = server.student("S-3", consent=False)
    client = server.admin()
    answer = client.post("/model/activate", json={"version": "one"})
    assert problem(answer) == (409, "no_consent") and str(never) in answer.json["detail"]
    with server.db() as db:
        db.query(ModelVersion).delete()
        withdraw(db, system_actor(), ids[0], server.clock.now())
    answer = client.post("/model/activate", json={"version": "one"})
    assert "2 students" in answer.json["detail"]
    assert [item.version for item in list_versions(server.settings.model_dir) if item.active] == ["two"]


def test_a_report_has_numbers_about_everybody_together_and_its_pictures(server: Service) -> None:
    client = server.admin()
    report = client.get("/model/versions/one/report")
    assert report.json == {
        "version": "one",
        "created_at": "2026-11-01T00:00:00+00:00",
        "config": {"classifier": "svm"},
        "seed": 42,
        "estimated": True,
        "thresholds": {"accept": 0.5},
        "metrics": {"rank1": {"value": 1.0, "total": 6}, "tpir": None},
        "dataset": {"photos_held_out": 6},
        "seconds": {"train": 1.5},
        "files": ["det_curve.png", "training_summary.txt"],
    }
    assert "S-1" not in report.text
    text = client.get("/model/versions/one/files/training_summary.txt")
    assert (text.text, text.mimetype) == ("Zusammenfassung ✓\n", "text/plain")
    assert client.get("/model/versions/one/files/det_curve.png").mimetype == "image/png"
    for name in ("X.npy", "training_metadata.json", "..%2f..%2fMANIFEST.json", "look_alikes.png", ".png", "a.txt%00"):
        assert problem(client.get(f"/model/versions/one/files/{name}")) == (404, "not_found"), name


def test_who_may_what(sqlite_service: Service) -> None:
    instructor = sqlite_service.program(sqlite_service.user(Role.INSTRUCTOR))
    viewer = sqlite_service.program(sqlite_service.user(Role.VIEWER))
    assert problem(viewer.get("/model")) == (403, "role")
    for path in ("/model/versions", "/model/versions/one/report", "/model/versions/one/files/a.txt"):
        assert problem(instructor.get(path)) == (403, "role")
    assert problem(instructor.post("/model/activate", json={"version": "one"})) == (403, "role")
    reader = sqlite_service.program(sqlite_service.user(Role.ADMIN), "model:read")
    assert problem(reader.post("/model/activate", json={"version": "one"})) == (403, "scope")
