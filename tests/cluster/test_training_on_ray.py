"""Training whose photos are embedded in a cluster of two machines: the model of a training on this machine, whatever is
lost on the way, and a clear word where the cluster cannot work."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import train_production_model
from errors import TrainingError
from recognizer.artifact import MODEL_FILE
from recognizer.assembly import build_detector, build_embedder
from recognizer.detector import DetectorConfig
from recognizer.weights import WeightsFile
from support.compute import COMPUTE, ENGINE_DIR
from support.pictures import write_class
from support.ports import free_port
from support.ray_cluster import INSTALL, RayCluster, ray_cluster
from support.training_command import training_command
from training.dataset import scan
from training.embedding import EmbeddingMethod, LocalEmbedding
from training.preparation import PreparedDataset, prepare
from training.samples import DEFAULT_LIMITS

pytest.importorskip("ray", reason=INSTALL)

import ray
import ray.data
from ray._private.state import state

from cluster import capacity
from cluster.embedding import embedding_on_ray

BACKEND = Path(train_production_model.__file__).parent
STUDENTS, SHOTS = 5, 6


HERE = Path("/proc/self/cwd")
"""A folder that is another one for each process, as one that not every machine has mounted."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    """A head that does nothing else, and two machines of one processor; of these tests alone, who need all of it."""
    ray.shutdown()
    with pytest.MonkeyPatch.context() as patch:
        # a machine is given up after one second of silence, not after half a minute
        patch.setenv("RAY_health_check_period_ms", "300")
        patch.setenv("RAY_health_check_failure_threshold", "3")
        with ray_cluster(nodes=3, head_cpus=0) as running:
            yield running


@pytest.fixture(scope="module")
def class_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("class")
    students = write_class(folder, range(STUDENTS), SHOTS)
    (folder / students[1] / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (folder / students[3] / "broken.jpg").write_bytes(b"GIF89a neither")
    return folder


@pytest.fixture(scope="module")
def many_photos(class_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More than a training gets to before it is interrupted; whoever is in the pictures is never looked at."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(15):
        student = folder / f"s{number}"
        student.mkdir()
        for photo in sorted(class_folder.rglob("[0-9].jpg")):
            with Image.open(photo) as image:
                image.resize((500 + number, 500)).save(student / f"{photo.parent.name}-{photo.name}")
    return folder


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that there are enough of them for two machines."""
    monkeypatch.setattr("training.embedding.BATCH_SIZE", 4)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    return training_command(tmp_path, monkeypatch)


@pytest.fixture
def method(dlib_weights: WeightsFile) -> EmbeddingMethod:
    """As ``training.production`` has it, by the engines that this machine chooses."""
    chosen = build_detector(DetectorConfig(), COMPUTE).choice, build_embedder(dlib_weights, COMPUTE).choice
    engines = [choice.engine for choice in chosen if choice]
    return EmbeddingMethod(dlib_weights, DetectorConfig(), DEFAULT_LIMITS, *engines)


def local(method: EmbeddingMethod) -> LocalEmbedding:
    return method.on_one_core(ENGINE_DIR)


def wait_for_free_processors(count: int) -> None:
    """What ended a moment ago may still hold some."""
    until = time.monotonic() + 60
    while capacity.free_processors() < count:
        assert time.monotonic() < until
        time.sleep(0.05)


def assert_same(one: PreparedDataset, other: PreparedDataset) -> None:
    assert one.samples == other.samples
    assert one.issues == other.issues
    assert one.how.tolist() == other.how.tolist()
    assert np.array_equal(one.thumbnails, other.thumbnails)
    assert (one.embeddings * other.embeddings).sum(axis=1).min() > 0.9999


def test_the_cluster_s_model_is_the_one_of_this_machine(
    run: Callable[..., int], cluster: RayCluster, class_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(class_folder, "--no-cache", "--json", str(tmp_path / "here.json"), output="here") == 0
    here = capfd.readouterr()
    progress = tmp_path / "progress"
    arguments = ("--json", str(tmp_path / "ray.json"), "--progress", str(progress))
    assert run(class_folder, "--engine", "ray", "--address", cluster.address, *arguments, output="ray") == 0
    shown = capfd.readouterr()
    one, other = (json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8")) for name in ("here", "ray"))
    for result in (one, other):
        del result["model_version"], result["seconds"]
    assert one == other
    X, Y = (np.load(tmp_path / name / "X.npy") for name in ("here", "ray"))
    assert (X * Y).sum(axis=1).min() > 0.9999
    for name in ("y.npy", "label_encoder_classes.npy"):
        assert np.load(tmp_path / "here" / name).tolist() == np.load(tmp_path / "ray" / name).tolist()
    remarks = [[line for line in text.out.splitlines() if "broken.jpg" in line] for text in (here, shown)]
    assert remarks[0] == remarks[1] and len(remarks[0]) == 2
    assert shown.err == "", "Ray says nothing of its own"
    lines = [json.loads(line) for line in progress.read_text(encoding="utf-8").splitlines()]
    done = [line["done"] for line in lines if line["stage"] == "embed" and line["total"]]
    assert done == sorted(done) and done[-1] == STUDENTS * SHOTS + 2
    assert not ray.is_initialized()
    # the cache is the same too: nothing is embedded again, here or there
    assert run(class_folder, "--json", str(tmp_path / "again.json"), output="again") == 0
    assert json.loads((tmp_path / "again.json").read_text(encoding="utf-8"))["cached"] == STUDENTS * SHOTS


def test_what_else_is_logged_is_shown_meanwhile_and_afterwards(
    cluster: RayCluster, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = logging.getLogger(ray.data.__name__)
    monkeypatch.setattr(quiet, "handlers", [*quiet.handlers, caplog.handler])  # one that shows all there is
    with embedding_on_ray(cluster.address, ENGINE_DIR):
        logging.getLogger("training").warning("the disk is nearly full")
    logging.getLogger("attendance").warning("the database is slow")
    assert caplog.messages == ["the disk is nearly full", "the database is slow"]


def test_a_lost_machine_costs_only_its_batches(
    cluster: RayCluster, class_folder: Path, method: EmbeddingMethod, capfd: pytest.CaptureFixture[str]
) -> None:
    samples = scan(class_folder).samples
    lost: list[int] = []

    def lose_one(done: int, total: int, cached: int) -> None:
        if not lost and capacity.states_of_my_actors("MapWorker(")["ALIVE"] == 2:
            lost.append(done)
            cluster.remove_node()

    try:
        with embedding_on_ray(cluster.address, ENGINE_DIR) as elsewhere:
            wait_for_free_processors(2)
            prepared = prepare(samples, elsewhere(method), None, lose_one)
    finally:
        if lost:
            cluster.add_node()
    assert lost and 0 < lost[0] < len(samples)
    assert "(raylet)" not in "".join(capfd.readouterr()), "nothing of Ray's own"
    assert_same(prepared, prepare(samples, local(method)))


def test_what_a_machine_lacks_is_said_and_what_changed_meanwhile_is_left_out(
    cluster: RayCluster,
    method: EmbeddingMethod,
    class_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dataset = tmp_path / "photos"
    shutil.copytree(class_folder, dataset)
    samples = scan(dataset).samples
    for place in (dataset, tmp_path):
        shutil.copy(samples[3].path, place / "1.jpg")
    shutil.copy(method.weights.path, tmp_path / "weights.dat")
    shutil.copy(samples[1].path, samples[0].path)
    samples[2].path.unlink()
    monkeypatch.chdir(tmp_path)
    elsewhere_weights = replace(method, weights=replace(method.weights, path=HERE / "weights.dat"))
    with embedding_on_ray(cluster.address, ENGINE_DIR) as elsewhere:
        prepared = prepare(samples[:5], elsewhere(method))
        assert prepared.samples == (samples[1], *samples[3:5])
        assert [issue.path for issue in prepared.issues] == [samples[0].path, samples[2].path]
        assert "changed while the training ran" in prepared.issues[0].message
        if not HERE.is_dir():  # only Linux has a folder that is another one for each process
            return
        for embed, photo, lacks in (
            (method, HERE / "photos" / "1.jpg", f"there is no folder {HERE / 'photos'}"),
            (method, HERE / "1.jpg", f"the photo {HERE / '1.jpg'} cannot be read"),
            (elsewhere_weights, samples[3].path, f"the weights {HERE / 'weights.dat'} cannot be read"),
        ):
            with pytest.raises(TrainingError) as told:
                prepare([replace(samples[3], path=photo)], elsewhere(embed))
            assert f"on the machine {socket.gethostname()}, {lacks}" in str(told.value)
            assert "every machine" in str(told.value)


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_without_a_free_processor_it_says_who_holds_them(
    run: Callable[..., int],
    cluster: RayCluster,
    class_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    when: str,
) -> None:
    assert capacity.PATIENCE_SECONDS <= 20, "half a minute was promised"
    monkeypatch.setattr(capacity, "PATIENCE_SECONDS", 1.0)
    if when == "meanwhile":
        # somebody else was faster after it was looked
        monkeypatch.setattr(capacity, "check_a_processor_is_free", lambda: None)
        monkeypatch.setattr("cluster.embedding._STALLED_SECONDS", 2.0)
    with cluster.processors_held():
        assert run(class_folder, "--engine", "ray", "--address", cluster.address) == 2
    error = capfd.readouterr().err
    assert "no processor of the Ray cluster is free: 2 processors on 2 machines, held by LectureHall (2)" in error
    assert "--engine" in error and "Traceback" not in error
    assert not (tmp_path / "model" / MODEL_FILE).exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without a signal")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_nothing_in_the_cluster(
    run: Callable[..., int], cluster: RayCluster, many_photos: Path, tmp_path: Path, how: signal.Signals
) -> None:
    progress = tmp_path / "progress"
    child = subprocess.Popen(
        [
            *(sys.executable, str(BACKEND / "train_production_model.py"), "--embedder", "dlib"),
            *("--dataset", str(many_photos), "--output", str(tmp_path / "model"), "--progress", str(progress)),
            *("--engine", "ray", "--address", cluster.address),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until = time.monotonic() + 240
    while not _embedded(progress):
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < until
        time.sleep(0.05)
    child.send_signal(how)
    _, error = child.communicate(timeout=60)
    assert child.returncode == 130, error
    assert "unchanged" in error and "Traceback" not in error
    ray.init(cluster.address, log_to_driver=False)
    try:
        wait_for_free_processors(2)
        alive = [each["ActorClassName"] for each in state.actor_table(None).values() if each["State"] != "DEAD"]
        assert not [name for name in alive if name.startswith("MapWorker(")]
    finally:
        ray.shutdown()


@pytest.mark.parametrize("listens", [False, True])
def test_no_cluster_at_the_address_is_said_soon(
    run: Callable[..., int], class_folder: Path, capfd: pytest.CaptureFixture[str], listens: bool
) -> None:
    with ExitStack() as opened:
        port = free_port()
        if listens:  # what is no Ray: it accepts, and says nothing
            other = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
            port = other.getsockname()[1]
        assert run(class_folder, "--engine", "ray", "--address", f"127.0.0.1:{port}") == 2
    error = capfd.readouterr().err
    assert f"no Ray head answers at 127.0.0.1:{port}" in error and "ray start --head" in error


def _embedded(progress: Path) -> bool:
    """Whether some photos have been embedded, and not all."""
    if not progress.exists():
        return False
    lines = [json.loads(line) for line in progress.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
    return any(line["stage"] == "embed" and line["done"] for line in lines)
