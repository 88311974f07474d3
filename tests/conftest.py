"""What all tests share: no test reaches the network, and real networks are built once."""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache
from xdist.scheduler import LoadScopeScheduling

# What is imported and collected stays to the end: looking through it for garbage takes a tenth of the time.
gc.disable()

# How many processes share the tests: pytest-xdist says so in this variable.
PROCESSES = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if PROCESSES > 1:
    # Read when torch, OpenCV and our own programs start: each process would start a thread for each core, and they
    # would wait for one another without letting others work.
    for variable in ("OMP_NUM_THREADS", "OPENCV_FOR_THREADS_NUM", "SMARTATTENDANCE_THREADS"):
        os.environ.setdefault(variable, str(max(1, (os.cpu_count() or 1) // PROCESSES)))

# ruff: noqa: E402
import recognizer.engines.facenet_pytorch_import  # noqa: F401  (first, as it leaves torch's compiler out)
from recognizer.assembly import build_detector, build_embedder
from recognizer.detector import DetectorConfig, FaceDetector
from recognizer.embeddings import FaceEmbedder
from recognizer.weights import WeightsFile, resolve_weights, two_networks
from support.compute import COMPUTE
from support.databases import empty, postgres_database, sqlite_database
from support.given_data import VARIABLE, given_data
from support.service import Service, make_service, make_settings

BROWSER_TESTS = "tests/e2e/"
# One cluster at a time: each has processes of its own beside the tests'.
CLUSTER_TESTS = "tests/cluster/"
# A few tests of a minute each, which share nothing.
LONG_TESTS = "tests/operations/test_class_recognition.py"
# Half a minute and more each: begun last, one of them would keep everybody waiting.
LONG_FILES = (
    "tests/test_train_command.py",
    "tests/demonstration/test_whole_demo.py",
    "tests/operations/",
    "tests/test_serving.py",
    "tests/test_test_command.py",
    "tests/recognizer/test_mtcnn_cascade.py",
    "tests/api/test_openapi.py",
)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two more than there are cores, as browsers, servers and clusters are waited for; each needs 1 GB."""
    return min(6, (os.cpu_count() or 1) + 2)


class _Together(LoadScopeScheduling):
    """Tests of a file stay in one process, as they share what was made for them, and so do all in the browser, for
    which a whole school is made, and all of a cluster."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(LONG_TESTS):
            return nodeid
        for together in (BROWSER_TESTS, CLUSTER_TESTS):
            if nodeid.startswith(together):
                return together
        return nodeid.split("::", 1)[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Together:
    return _Together(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first where several processes share the tests."""
    if PROCESSES > 1:
        first = (BROWSER_TESTS, CLUSTER_TESTS, LONG_TESTS, *LONG_FILES)
        items.sort(key=lambda item: [not item.nodeid.startswith(each) for each in first])


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.enable()


def _is_here(host: Any) -> bool:
    """Whether an address names this machine; None and "" are what a server binds to."""
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host is None or host in ("", "localhost"):
        return True
    try:
        address = ip_address(str(host).split("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _refuse(host: Any) -> None:
    # an OSError would be taken for an ordinary network failure and handled; this one nobody expects
    pytest.fail(f"a test tried to reach {host!r}: tests may reach this machine only", pytrace=True)


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Name lookups and connections beyond the loopback interface fail the test."""
    patch = pytest.MonkeyPatch()
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def check(sock: socket.socket, address: Any) -> None:
        if sock.family in (socket.AF_INET, socket.AF_INET6) and not _is_here(address[0]):
            _refuse(address[0])

    def guarded_connect(sock: socket.socket, address: Any) -> None:
        check(sock, address)
        connect(sock, address)

    def guarded_connect_ex(sock: socket.socket, address: Any) -> int:
        check(sock, address)
        return connect_ex(sock, address)

    def guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        if not _is_here(host):
            _refuse(host)
        return getaddrinfo(host, *args, **kwargs)

    patch.setattr(socket.socket, "connect", guarded_connect)
    patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    patch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)
    # a proxy would answer for the loopback address too
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        patch.delenv(name, raising=False)
        patch.delenv(name.upper(), raising=False)
    yield
    patch.undo()


@pytest.fixture(autouse=True, scope="session")
def statements_compiled_once() -> Iterator[None]:
    """A server compiles each statement once, as it has one engine; the tests, who make one for each of theirs, do it
    for all together. What is compiled depends on the kind of database only."""
    patch, kept = pytest.MonkeyPatch(), LRUCache(2000)
    patch.setattr(Engine, "_compiled_cache", property(lambda _: kept, lambda *_: None), raising=False)
    patch.setattr(DefaultDialect, "__hash__", lambda dialect: hash(type(dialect)))
    patch.setattr(DefaultDialect, "__eq__", lambda dialect, other: type(dialect) is type(other))
    yield
    patch.undo()


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Linux and Windows, what does not say where its cache is neither finds the user's nor adds to it."""
    folder = str(tmp_path_factory.getbasetemp() / "user-cache")
    monkeypatch.setenv("XDG_CACHE_HOME", folder)
    monkeypatch.setenv("LOCALAPPDATA", folder)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder with photos and FaceNet weights, which the repository does not carry."""
    folder = given_data()
    if not folder.is_dir():
        pytest.skip(f"no test data at {folder}; set {VARIABLE} to the folder with weights/, faces/ and frames/")
    return folder


@pytest.fixture(scope="session")
def facenet_file(test_data: Path) -> Path:
    path = test_data / "weights" / "facenet-vggface2-folded.pt"
    if not path.is_file():
        pytest.skip(f"no FaceNet weights at {path}")
    return path


@pytest.fixture(scope="session")
def facenet_weights(facenet_file: Path, tmp_path_factory: pytest.TempPathFactory) -> WeightsFile:
    return resolve_weights(
        "facenet",
        facenet_file=facenet_file,
        cache_dir=tmp_path_factory.mktemp("weights"),
        allow_download=False,
        progress=None,
        announce=lambda line: None,
    )


@pytest.fixture(scope="session")
def dlib_weights(tmp_path_factory: pytest.TempPathFactory) -> WeightsFile:
    return resolve_weights(
        "dlib",
        facenet_file=None,
        cache_dir=tmp_path_factory.mktemp("weights"),
        allow_download=False,
        progress=None,
        announce=lambda line: None,
    )


@pytest.fixture(scope="session")
def facenet_embedder(facenet_weights: WeightsFile) -> FaceEmbedder:
    return build_embedder(facenet_weights, COMPUTE)


@pytest.fixture(scope="session")
def dlib_embedder(dlib_weights: WeightsFile) -> FaceEmbedder:
    return build_embedder(dlib_weights, COMPUTE)


@pytest.fixture(scope="session")
def both_embedder(facenet_weights: WeightsFile, dlib_weights: WeightsFile) -> FaceEmbedder:
    return build_embedder(two_networks(facenet_weights, dlib_weights), COMPUTE)


@pytest.fixture(scope="session")
def detector() -> FaceDetector:
    return build_detector(DetectorConfig(), COMPUTE)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL database with all tables, for the whole run."""
    with postgres_database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> str:
    """An empty database with all tables: what takes it runs on both kinds."""
    if request.param == "sqlite":
        return sqlite_database(tmp_path_factory.getbasetemp(), tmp_path)
    url: str = request.getfixturevalue("postgres_url")
    empty(url)
    return url


@pytest.fixture
def service(database_url: str, tmp_path: Path) -> Iterator[Service]:
    """A server with a recognizer that finds what is written into pictures, on each kind of database."""
    made = make_service(make_settings(tmp_path, database_url))
    yield made
    made.database.close()


@pytest.fixture
def sqlite_service(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Iterator[Service]:
    """``service`` on SQLite only, for what has nothing to do with the database."""
    made = make_service(make_settings(tmp_path, sqlite_database(tmp_path_factory.getbasetemp(), tmp_path)))
    yield made
    made.database.close()
