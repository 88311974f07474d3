"""Recognition in a cluster of two machines: the answers of the recognizer in the server's process, whatever model is
put into use meanwhile, and a clear word where the cluster cannot answer."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from config import Settings, variable
from errors import BusyError, ConfigurationError, ModelNotFoundError
from live_recognition import live_recognizer
from operations.cameras import Camera
from operations.live import LiveRecognizer
from recognizer.artifact import MODEL_FILE
from recognizer.history import activate, publish
from recognizer.reading import load_artifact
from support.campus import BACKEND, NAMES, PEOPLE, copied
from support.hot_swap import turned
from support.pictures import face_picture
from support.ports import free_port
from support.ray_cluster import INSTALL, RayCluster

pytest.importorskip("ray", reason=INSTALL)

from cluster import deployment, link
from cluster.recognizer import RayRecognizer

FACE = 240
TOLD_EVERY_SECONDS = 10  # Serve, how many frames wait


@pytest.fixture(scope="module")
def settings(cluster: RayCluster, trained: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = copied(trained, tmp_path_factory.mktemp("school"))
    return replace(made, ray_address=cluster.address, ray_least_replicas=2, ray_most_replicas=2)


@pytest.fixture(scope="module")
def deployed(settings: Settings) -> Settings:
    reports = deployment.deploy(settings)
    assert [report.embedder.id for report in reports] == ["dlib", "dlib"]
    return settings


@pytest.fixture(scope="module")
def recognizer(deployed: Settings) -> Iterator[RayRecognizer]:
    made = RayRecognizer(deployed)
    made.start()
    yield made
    made.close()


@pytest.fixture(scope="module")
def few(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayRecognizer]:
    """After all others one recognizer, or two where frames wait, of which one of a server process may, and that have no
    model yet."""
    model_dir = tmp_path_factory.getbasetemp() / "empty-model"
    changed = replace(settings, ray_frames=1, ray_least_replicas=1, ray_most_replicas=2, model_dir=model_dir)
    deployment.remove(settings)  # of two, one would go only after five minutes without frames
    deployment.deploy(changed)
    made = RayRecognizer(changed)
    made.start()
    yield made
    made.close()


@pytest.fixture(scope="module")
def embedded(settings: Settings) -> Iterator[LiveRecognizer]:
    made = live_recognizer(replace(settings, recognizer="embedded"))
    made.start()
    yield made
    made.close()


def test_without_recognizers_it_says_how_to_start_them(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match=r"no recognizers; start them with: python app.py recognizers"):
        RayRecognizer(settings).start()


def test_a_recognizer_that_no_machine_can_hold_is_refused(settings: Settings) -> None:
    with pytest.raises(
        ConfigurationError, match="takes 64 processors, but no machine of the cluster offers more than 1"
    ):
        deployment.deploy(replace(settings, ray_cpus=64.0))


def test_answers_are_those_of_the_embedded_recognizer(recognizer: RayRecognizer, embedded: LiveRecognizer) -> None:
    for person in PEOPLE:
        image = face_picture(person, 9, FACE)
        ours, theirs = recognizer.recognize(image), embedded.recognize(image)
        assert ours.model_version == theirs.model_version
        (one,), (other,) = ours.faces, theirs.faces
        assert one.identity.student_id == other.identity.student_id
        assert one.identity.decision is other.identity.decision
        assert one.identity.similarity == pytest.approx(other.identity.similarity, abs=0.01)
        assert one.face.box.iou(other.face.box) > 0.99
    assert [
        face.box.iou(other.box) > 0.99
        for face, other in zip(recognizer.detect(image), embedded.detect(image), strict=True)
    ]
    (gone,) = recognizer.recognize(image, among=frozenset(NAMES), without=frozenset({NAMES[-1]})).faces
    assert gone.identity.student_id is None


def test_the_faces_of_a_camera_are_followed_though_there_are_two_machines(recognizer: RayRecognizer) -> None:
    image, followed = face_picture(2, 9, FACE), 0
    for number in range(20):
        camera = Camera("a lesson", 1000.0 + number / 10, 2, 0)
        followed += recognizer.recognize(image, camera=camera).followed_faces
    assert followed >= 10


def test_a_model_that_is_put_into_use_reaches_every_machine(recognizer: RayRecognizer, settings: Settings) -> None:
    artifact, before = load_artifact(settings.model_dir / MODEL_FILE)
    after = publish(settings.model_dir, turned(copy.deepcopy(artifact), 1), {})
    assert recognizer.reload().current.sha256 == after.sha256  # type: ignore[union-attr]
    image = face_picture(1, 9, FACE)
    answers = [recognizer.recognize(image) for _ in range(12)]
    assert {answer.model_version for answer in answers} == {after.version}
    newest = {answer.model_generation for answer in answers}
    activate(settings.model_dir, before.model_version)
    status = recognizer.reload()
    assert status.current is not None and status.current.model_version == before.model_version
    back = [recognizer.recognize(image) for _ in range(12)]
    assert {answer.model_version for answer in back} == {before.model_version}
    # put into use later, though it was made before
    assert min(answer.model_generation for answer in back) > max(newest)


def test_no_session_is_answered_by_an_older_model_than_it_has_seen(recognizer: RayRecognizer) -> None:
    now = recognizer.recognize(face_picture(1, 9, FACE)).model_generation
    camera = Camera("another lesson", 2000.0, 2, now + 1)
    with pytest.raises(BusyError) as caught:
        recognizer.recognize(face_picture(1, 9, FACE), camera=camera)
    assert caught.value.code == "older_model"
    assert recognizer.recognize(face_picture(1, 9, FACE), camera=replace(camera, model_at_least=now)).faces


def test_a_model_that_cannot_be_used_is_refused_by_all_and_the_one_in_use_goes_on(
    recognizer: RayRecognizer, settings: Settings
) -> None:
    file = settings.model_dir / MODEL_FILE
    good = file.read_bytes()
    used = recognizer.model_status().current
    try:
        file.write_bytes(b"no model at all")
        status = recognizer.reload()
        assert status.refused is not None and status.refused.startswith("2 of 2 recognizers (the first on ")
        assert status.current == used
        assert recognizer.recognize(face_picture(1, 9, FACE)).model_version == used.model_version  # type: ignore[union-attr]
    finally:
        file.write_bytes(good)
    assert recognizer.reload().refused is None


def test_an_answer_that_does_not_come_in_time_is_not_waited_for(deployed: Settings) -> None:
    hurried = RayRecognizer(replace(deployed, inference_deadline_seconds=0.1))
    hurried.start()
    try:
        with pytest.raises(BusyError) as caught:
            hurried.recognize(np.random.default_rng(0).integers(0, 256, (5000, 7000, 3), dtype=np.uint8))
    finally:
        hurried.close()
    assert caught.value.code == "deadline" and caught.value.retry_after >= 1


def test_without_a_model_faces_are_found_and_the_first_is_taken_into_use(
    few: RayRecognizer, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    image = face_picture(1, 9, FACE)
    assert len(few.detect(image)) == 1
    with pytest.raises(ModelNotFoundError):
        few.recognize(image)
    artifact, _ = load_artifact(settings.model_dir / MODEL_FILE)
    publish(tmp_path_factory.getbasetemp() / "empty-model", artifact, {})
    deadline = time.monotonic() + 60  # it waits a moment only; the recognizer may still be importing what reads models
    while few.reload().current is None:
        assert time.monotonic() < deadline, few.model_status()
    assert few.recognize(image).model_version == artifact.model_version


def test_more_than_can_wait_is_refused_at_once(few: RayRecognizer) -> None:
    image = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), dtype=np.uint8)
    codes: list[str] = []

    def send() -> None:
        try:
            few.detect(image)
            codes.append("answered")
        except BusyError as error:
            codes.append(error.code)

    threads = [threading.Thread(target=send) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(codes) == {"answered", "queue_full"}


def test_where_frames_wait_another_recognizer_is_started(few: RayRecognizer) -> None:
    import ray

    from cluster.roll import the_roll

    roll = the_roll(ray)
    image = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), dtype=np.uint8)
    assert len(ray.get(roll.reports.remote())) == 1
    enough = threading.Event()

    def send() -> None:
        while not enough.is_set():
            try:
                few.detect(image)
            except BusyError:
                enough.wait(0.2)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        deadline = time.monotonic() + 120
        while len(ray.get(roll.reports.remote())) < 2:
            assert time.monotonic() < deadline, "no other recognizer was started"
            time.sleep(0.5)
    finally:
        enough.set()
        for thread in threads:
            thread.join()


def test_a_connection_that_is_lost_is_made_anew(
    few: RayRecognizer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import ray

    monkeypatch.setattr(link, "SILENT_SECONDS", 1.0)
    image = face_picture(1, 9, FACE)
    ray.shutdown()
    codes: list[str] = []
    deadline = time.monotonic() + 60
    while True:
        assert time.monotonic() < deadline, (codes, caplog.text)
        try:
            few.detect(image)
            break
        except BusyError as error:
            codes.append(error.code)
            time.sleep(0.1)
    assert set(codes) == {"cluster_away"}
    assert "connected to the cluster again" in caplog.text
    assert few.model_status().current is not None


def test_who_lets_go_of_the_cluster_is_not_heard_of_again(
    recognizer: RayRecognizer, few: RayRecognizer, caplog: pytest.LogCaptureFixture
) -> None:
    import ray

    few.detect(face_picture(1, 9, FACE))
    recognizer.close()
    few.close()
    ray.shutdown()
    time.sleep(TOLD_EVERY_SECONDS + 1)
    assert caplog.messages == []


def test_taken_away_they_are_gone(settings: Settings) -> None:
    deployment.remove(settings)
    with pytest.raises(ConfigurationError, match="no recognizers"):
        RayRecognizer(settings).start()


def test_where_others_hold_every_processor_it_says_who(
    settings: Settings, cluster: RayCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment, "_NO_PLACE_AFTER_SECONDS", 1.0)
    with cluster.processors_held():
        with pytest.raises(ConfigurationError, match=r"2 processors on 2 machines, held by LectureHall \(2\)"):
            deployment.deploy(settings)
        deployment.remove(settings)


def test_where_no_cluster_is_the_server_says_so_and_does_not_start(tmp_path: Path) -> None:
    asked = {
        "recognizer": "ray",
        "ray_address": f"127.0.0.2:{free_port()}",
        "data_dir": str(tmp_path),
        "port": free_port(),
    }
    environ = {**os.environ, **{variable(name): str(value) for name, value in asked.items()}}
    done = subprocess.run(
        [sys.executable, "app.py"], cwd=BACKEND, env=environ, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2
    assert f"error: no Ray head answers at {asked['ray_address']}" in done.stderr
