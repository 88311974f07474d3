"""The server's own recognizer: real networks and the model of the moment, on drawn faces."""

from __future__ import annotations

import io
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from app import create_app
from errors import BusyError, ModelNotFoundError, WeightsError
from operations.cameras import Camera
from operations.live import LiveConfig, LiveRecognizer
from recognizer.artifact import MODEL_FILE, ClassifierArtifact
from recognizer.detector import FaceDetector
from recognizer.drawn_face import drawn_face
from recognizer.embeddings import FaceEmbedder
from recognizer.history import activate, publish
from recognizer.reading import load_artifact
from recognizer.weights import WeightsFile
from support.clock import FrozenClock
from support.compute import COMPUTE
from support.databases import sqlite_database
from support.models import make_artifact, make_embedder, make_metadata
from support.pictures import face_picture, write_class
from support.service import Client, Service, make_settings
from training.production import TrainingJob, run_training
from training.trainer import TrainingConfig

PEOPLE = (1, 2, 3)
Find = Callable[[str], WeightsFile]


@contextmanager
def quiet(stage: str) -> Iterator[Callable[..., None]]:
    yield lambda *_: None


@pytest.fixture(scope="module")
def trained(dlib_weights: WeightsFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model folder of a small class, trained with dlib."""
    folder = tmp_path_factory.mktemp("trained")
    write_class(folder / "photos", PEOPLE, 4)
    job = TrainingJob(folder / "photos", folder / "model", TrainingConfig(), lambda: dlib_weights, compute=COMPUTE)
    run_training(job, quiet, lambda line: None)
    return folder / "model"


@pytest.fixture
def find(dlib_weights: WeightsFile) -> Find:
    """Gives dlib for ``auto`` too, and remembers what it was asked for."""
    asked: list[str] = []

    def weights(choice: str) -> WeightsFile:
        asked.append(choice)
        if choice == "facenet":
            raise WeightsError("FaceNet's weights are not available: this test has none")
        return dlib_weights

    weights.asked = asked  # type: ignore[attr-defined]
    return weights


@pytest.fixture
def live(tmp_path: Path, find: Find) -> Iterator[Callable[..., LiveRecognizer]]:
    made: list[LiveRecognizer] = []

    def make(model_dir: Path | None = None, **changes: Any) -> LiveRecognizer:
        values = {"compute": COMPUTE, "poll_seconds": 0.05, **changes}
        made.append(LiveRecognizer(LiveConfig(model_dir or tmp_path / "model", **values), find))
        return made[-1]

    yield make
    for recognizer in made:
        recognizer.close()


def of_network(embedder_id: str) -> ClassifierArtifact:
    version = "20990101T000000Z-aaaaaa"
    return make_artifact(version, metadata=make_metadata(version, make_embedder(id=embedder_id)))


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.01)


def version_in_use(recognizer: LiveRecognizer) -> str | None:
    current = recognizer.model_status().current
    return None if current is None else current.model_version


def test_a_frame_is_recognised_among_whom_it_may_be(live: Callable[..., LiveRecognizer], trained: Path) -> None:
    recognizer = live(trained)
    recognizer.start()
    image = face_picture(2, 9, 240)
    (plain,) = recognizer.recognize(image).faces
    assert plain.identity.candidates[0].student_id == "student-02"
    everybody = frozenset({"student-01", "student-02", "student-03"})
    assert recognizer.recognize(image, among=everybody).faces[0].identity == plain.identity
    (gone,) = recognizer.recognize(image, among=everybody, without=frozenset({"student-02"})).faces
    assert gone.identity.student_id is None
    assert "student-02" not in {candidate.student_id for candidate in gone.identity.candidates}
    assert [face.box for face in recognizer.detect(image)] == [plain.face.box]
    assert recognizer.embedder_info.id == "dlib"


def test_without_a_model_faces_are_found_and_the_first_model_is_taken_into_use(
    live: Callable[..., LiveRecognizer], trained: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recognizer = live()
    with caplog.at_level(logging.WARNING):
        recognizer.start()
    assert "there is no model" in caplog.text
    assert version_in_use(recognizer) is None
    assert recognizer.model_status().refused_code == "model_not_found"
    image = face_picture(1, 9, 240)
    assert len(recognizer.detect(image)) == 1
    with pytest.raises(ModelNotFoundError):
        recognizer.recognize(image)
    shutil.copytree(trained, tmp_path / "model")
    until(lambda: version_in_use(recognizer) is not None, "the model is in use")
    assert recognizer.recognize(image).model_version == version_in_use(recognizer)
    assert recognizer.model_status().refused is None


def test_a_model_that_was_just_published_is_in_use_when_asked_for(
    live: Callable[..., LiveRecognizer], trained: Path, tmp_path: Path
) -> None:
    recognizer = live(poll_seconds=60)
    recognizer.start()
    shutil.copytree(trained, tmp_path / "model")
    assert recognizer.reload().current is not None
    (tmp_path / "model" / MODEL_FILE).write_bytes(b"damaged")
    status = recognizer.reload()
    assert status.current is not None and status.refused_code is not None
    assert len(recognizer.recognize(face_picture(1, 9, 240)).faces) == 1


def test_a_frame_that_must_not_be_answered_by_the_old_model_is_answered_by_the_new_one_or_not_at_all(
    live: Callable[..., LiveRecognizer], trained: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(trained, folder)
    recognizer = live(folder, poll_seconds=3600)
    recognizer.start()
    first = recognizer.model_status().current
    assert first is not None and first.generation > 0
    face = face_picture(PEOPLE[0], 9)
    assert recognizer.recognize(face, camera=Camera("c", 1.0, 1, first.generation)).model_generation == first.generation
    activate(folder, first.model_version)
    newer = load_artifact(folder / MODEL_FILE)[1].generation
    assert recognizer.recognize(face, camera=Camera("c", 2.0, 1)).model_generation == first.generation
    assert recognizer.recognize(face, camera=Camera("c", 3.0, 1, newer)).model_generation == newer
    with pytest.raises(BusyError) as caught:
        recognizer.recognize(face, camera=Camera("c", 4.0, 1, newer + 1))
    assert (caught.value.code, caught.value.retry_after) == ("older_model", 1)
    assert recognizer.recognize(face).model_generation == newer  # a picture that is of no session


def test_a_model_of_another_network_is_refused_and_the_one_in_use_stays(
    live: Callable[..., LiveRecognizer], trained: Path, tmp_path: Path
) -> None:
    shutil.copytree(trained, tmp_path / "model")
    recognizer = live()
    recognizer.start()
    before = version_in_use(recognizer)
    publish(tmp_path / "model", of_network("facenet"), {}, None)
    until(lambda: recognizer.model_status().refused is not None, "the model is refused")
    status = recognizer.model_status()
    assert status.refused_code == "embedder_mismatch"
    assert status.refused is not None and "SMARTATTENDANCE_EMBEDDER" in status.refused
    assert version_in_use(recognizer) == before
    assert recognizer.recognize(face_picture(1, 9, 240)).model_version == before


def test_the_network_is_the_one_that_the_model_was_trained_with(
    live: Callable[..., LiveRecognizer], trained: Path, tmp_path: Path, find: Any
) -> None:
    live(trained).start()
    assert find.asked == ["dlib"]
    publish(tmp_path / "model", of_network("facenet"), {}, None)
    with pytest.raises(WeightsError, match="not available"):
        live().start()
    assert find.asked == ["dlib", "facenet"]


@pytest.mark.parametrize("content", [None, b"damaged", "unknown network"])
def test_where_no_model_says_which_network_the_best_there_is_is_taken(
    live: Callable[..., LiveRecognizer], tmp_path: Path, find: Any, content: Any
) -> None:
    if content == "unknown network":
        publish(tmp_path / "model", of_network("another"), {}, None)
    elif content is not None:
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / MODEL_FILE).write_bytes(content)
    recognizer = live()
    recognizer.start()
    assert find.asked == ["auto"]
    assert recognizer.model_status().current is None
    assert recognizer.model_status().refused is not None


def test_a_network_that_was_asked_for_is_taken_whatever_the_model_needs(
    live: Callable[..., LiveRecognizer], tmp_path: Path, find: Any
) -> None:
    publish(tmp_path / "model", of_network("facenet"), {}, None)
    recognizer = live(embedder="dlib")
    recognizer.start()
    assert find.asked == ["dlib"]
    assert recognizer.model_status().refused_code == "embedder_mismatch"


def test_every_stage_is_tried_before_the_first_frame(
    live: Callable[..., LiveRecognizer], trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded: list[int] = []
    real = FaceEmbedder.cut

    def counted(self: FaceEmbedder, image: Any, faces: Any) -> Any:
        embedded.append(len(faces))
        return real(self, image, faces)

    monkeypatch.setattr(FaceEmbedder, "cut", counted)
    recognizer = live(trained)
    recognizer.start()
    assert embedded == [1, 1, *(1, 2, 4, 8), 1]  # twice the networks alone, crowds, once with the model
    recognizer.start()
    assert len(embedded) == 7


@pytest.mark.parametrize("size", [100, 160, 200, 240])
def test_the_drawn_face_is_one_face(detector: FaceDetector, size: int) -> None:
    assert len(detector.detect(drawn_face(size))) == 1


def test_the_first_frame_is_about_as_fast_as_the_next(live: Callable[..., LiveRecognizer], trained: Path) -> None:
    recognizer = live(trained)
    recognizer.start()
    image, times = face_picture(1, 9, 240), []
    for _ in range(6):
        start = time.perf_counter()
        recognizer.recognize(image)
        times.append(time.perf_counter() - start)
    assert times[0] < 3 * sorted(times[1:])[2] + 0.2, times


def test_before_it_is_started_and_after_it_is_closed(live: Callable[..., LiveRecognizer], trained: Path) -> None:
    recognizer = live(trained)
    recognizer.close()
    with pytest.raises(RuntimeError, match="not started"):
        recognizer.model_status()
    recognizer.start()
    recognizer.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "model-watcher" and thread.is_alive()]
    assert len(recognizer.recognize(face_picture(1, 9, 240)).faces) == 1  # requests under way are answered


def test_the_application_is_ready_when_it_is_made(
    trained: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    url = sqlite_database(tmp_path_factory.getbasetemp(), tmp_path)
    app = create_app(make_settings(tmp_path, url, model_dir=trained, embedder="auto", threads=os.cpu_count() or 1))
    services = app.extensions["smartattendance"]
    try:
        assert isinstance(services.recognizer, LiveRecognizer)
        assert services.recognizer.model_status().current is not None
        assert services.recognizer.embedder_info.id == "dlib"
    finally:
        app.extensions["housekeeping"].close()
        services.recognizer.close()
        services.database.close()


def test_faces_of_a_camera_are_followed_and_the_marks_are_right(
    trained: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Through the whole server: two students sit before a camera, a third is not there; another camera sees one of
    them, and what the first knows of a face does not help it."""
    settings = make_settings(
        tmp_path, sqlite_database(tmp_path_factory.getbasetemp(), tmp_path), model_dir=trained, confirm_sightings=2
    )
    clock = FrozenClock()
    app = create_app(settings, clock=clock)
    service = Service(app, settings, clock, None)
    try:
        staff, colleague = service.user(), service.user()
        students = {name: service.student(name) for name in ("student-01", "student-02", "student-03")}
        course = service.course(staff=(staff, colleague))
        service.enrol(course, *students.values())
        session = service.session(course)
        first, second = service.program(staff), service.program(colleague)
        assert second.post(f"/sessions/{session}/open").status_code == 200

        def send(camera: Client, *people: int, noise: int = 0) -> float:
            """How many faces took over what the frame before said."""
            before = followed(second)
            clock.advance(seconds=0.2)
            image = np.hstack([face_picture(person, 0, 240) for person in people])
            image = np.clip(image, 2, 253) + np.random.default_rng(noise).integers(-2, 3, image.shape, dtype=np.int8)
            body = io.BytesIO()
            Image.fromarray(image.astype(np.uint8)).save(body, "PNG")
            answer = camera.post(
                f"/sessions/{session}/frames", data=body.getvalue(), headers={"Content-Type": "image/png"}
            )
            assert answer.status_code == 200, answer.json
            named = {face["student"]["external_id"] for face in answer.json["faces"] if face["student"]}
            assert named == {f"student-{person:02d}" for person in people}
            return followed(second) - before

        assert [send(first, 1, 2, noise=turn) for turn in range(5)] == [0, 0, 2, 2, 2]
        assert send(second, 2) == 0
        assert send(first, 1, 2, noise=5) == 2, "another camera came between"
        assert send(first, 2, 1) == 0, "they changed places"
        rows = second.get(f"/sessions/{session}/records").json["items"]
        present = {row["student"]["external_id"] for row in rows if row["status"] == "present"}
        assert present == {"student-01", "student-02"}
    finally:
        app.extensions["housekeeping"].close()
        service.app.extensions["smartattendance"].recognizer.close()
        service.database.close()


def followed(client: Client) -> float:
    families = text_string_to_metric_families(client.get("/metrics").get_data(as_text=True))
    samples = [sample for family in families for sample in family.samples]
    return next(sample.value for sample in samples if sample.name == "smartattendance_faces_followed_total")
