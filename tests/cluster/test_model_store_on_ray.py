"""A recognizer in a cluster has its models from the store alone: each that is put to use, and none that was erased."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cluster.model_store import ModelStore
from cluster.publishing import Publisher
from config import Settings
from operations.cameras import Camera
from recognizer.artifact import MODEL_FILE
from recognizer.erasing import erase_student
from recognizer.history import StoredVersion, publish
from recognizer.reading import load_artifact
from support.campus import NAMES, copied
from support.hot_swap import turned
from support.pictures import face_picture
from support.ray_cluster import INSTALL, RayCluster

pytest.importorskip("ray", reason=INSTALL)

from cluster import deployment
from cluster.recognizer import RayRecognizer

FACE = 240


@dataclass
class School:
    """A server and one recognizer on another machine. share: where the store lies."""

    settings: Settings
    share: Path
    publisher: Publisher
    recognizer: RayRecognizer

    def train(self, number: int) -> StoredVersion:
        """Another model in the model folder, in which everybody has the name of somebody else."""
        artifact, _ = load_artifact(self.settings.model_dir / MODEL_FILE)
        return publish(self.settings.model_dir, turned(copy.deepcopy(artifact), number), {})


@pytest.fixture(scope="module")
def school(cluster: RayCluster, trained: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[School]:
    folder = tmp_path_factory.mktemp("school")
    share = folder / "share"
    share.mkdir()
    settings = replace(
        copied(trained, folder),
        ray_address=cluster.address,
        ray_most_replicas=1,
        model_store=str(share / "store"),
    )
    (report,) = deployment.deploy(settings)
    assert report.status.current is not None and report.embedder.id == "dlib"
    publisher = Publisher(ModelStore(str(share / "store")), settings.model_dir)
    recognizer = RayRecognizer(settings, publisher)
    recognizer.start()
    yield School(settings, share, publisher, recognizer)
    recognizer.close()


def wait_until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(600):
        if condition():
            return
        pause.wait(0.1)
    raise AssertionError("it did not come true")


def copies(school: School) -> list[Path]:
    assert school.settings.cache_dir is not None
    return list((school.settings.cache_dir / "model-copies").glob("copy-*/"))


def test_a_model_arrives_by_the_store_and_not_otherwise(school: School) -> None:
    image = face_picture(1, 9, FACE)
    before = school.recognizer.recognize(image).model_version
    new = school.train(1)
    assert school.recognizer.recognize(image).model_version == before
    status = school.recognizer.reload()
    assert status.current is not None and status.current.sha256 == new.sha256 and status.refused is None
    assert school.recognizer.recognize(image).model_version == new.version
    assert len(copies(school)) == 1


def test_a_session_that_has_seen_a_newer_model_is_answered_by_it(school: School) -> None:
    new = school.train(2)
    school.publisher.publish_surely()
    generation = load_artifact(school.settings.model_dir / MODEL_FILE)[1].generation
    camera = Camera("a lesson", 1000.0, 2, generation)
    answer = school.recognizer.recognize(face_picture(1, 9, FACE), camera=camera)
    assert (answer.model_version, answer.model_generation) == (new.version, generation)


def test_a_store_that_is_away_is_said_and_the_model_in_use_answers(school: School) -> None:
    image = face_picture(1, 9, FACE)
    before = school.recognizer.recognize(image).model_version
    away = school.share.rename(school.share.with_name("away"))
    wait_until(lambda: school.recognizer.model_status().refused is not None)
    status = school.recognizer.model_status()
    assert status.refused_code == "model_store" and str(school.share) in str(status.refused)
    assert school.recognizer.recognize(image).model_version == before
    away.rename(school.share)
    wait_until(lambda: school.recognizer.model_status().refused is None)


def test_a_model_that_must_not_be_published_is_said(school: School) -> None:
    file = school.settings.model_dir / MODEL_FILE
    good = file.read_bytes()
    used = school.recognizer.model_status().current
    try:
        file.write_bytes(good + b"more")
        status = school.recognizer.reload()
        assert status.current == used
        assert status.refused_code == "model_store" and "not listed in MANIFEST.json" in str(status.refused)
    finally:
        file.write_bytes(good)
    assert school.recognizer.reload().refused is None


def test_an_erased_student_is_known_nowhere(school: School) -> None:
    (face,) = school.recognizer.recognize(face_picture(3, 9, FACE)).faces
    gone = face.identity.student_id
    assert gone in NAMES
    erase_student(school.settings.model_dir, str(gone))
    school.recognizer.reload()
    (face,) = school.recognizer.recognize(face_picture(3, 9, FACE)).faces
    assert face.identity.student_id != gone
    files = [path for folder in (*copies(school), school.share / "store") for path in folder.rglob("*.pkl")]
    assert len(files) == 2
    assert not any(str(gone).encode() in path.read_bytes() for path in files)


def test_a_recognizer_that_is_taken_away_leaves_no_copy(school: School) -> None:
    assert copies(school)
    deployment.remove(school.settings)
    wait_until(lambda: not copies(school))
