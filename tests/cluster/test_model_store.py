"""A model comes from the model folder to every machine that recognises: whole, checked, and gone when it must go."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

from cluster import model_store
from cluster.mirror import Mirror
from cluster.model_store import ModelStore
from cluster.store_files import FolderFiles, RemoteFiles
from errors import ConfigurationError, ModelError, ModelIntegrityError, ModelNotFoundError, ModelStoreError
from recognizer.artifact import MODEL_FILE
from recognizer.erasing import erase_student
from recognizer.history import activate, publish
from recognizer.loader import ClassifierLoader
from recognizer.manifest import MANIFEST_FILE
from recognizer.reading import load_artifact
from support.models import NearestStudent, make_artifact, make_embedder

SUPPORT = Path(__file__).parents[1] / "support"
FIXTURES = Path(__file__).parents[1] / "fixtures" / "models"
KEY = b"a key that signs models"

needs_fsspec = pytest.mark.skipif(
    importlib.util.find_spec("fsspec") is None, reason="fsspec is not installed (requirements-cluster.txt)"
)


def version(number: int, **changes: Any) -> Any:
    return make_artifact(f"v{number}", created_at=f"2026-01-0{number}T00:00:00+00:00", **changes)


def version_in_use(folder: Path) -> str:
    return load_artifact(folder / MODEL_FILE)[1].model_version


def students_in_use(folder: Path) -> list[str]:
    return [str(name) for name in load_artifact(folder / MODEL_FILE)[0].classes]


@pytest.fixture(params=["folder", "file", pytest.param("memory", marks=needs_fsspec)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of a store that is empty and may be made."""
    if request.param != "memory":
        folder = tmp_path / "store"
        yield str(folder) if request.param == "folder" else folder.as_uri()
        return
    import fsspec

    url = f"memory://{tmp_path.name}/models"
    yield url
    files, folder = fsspec.core.url_to_fs(url)
    if files.exists(folder):
        files.rm(folder, recursive=True)


def folder_of(address: str) -> Path:
    return Path(url2pathname(urlsplit(address).path) if address.startswith("file://") else address)


def contents(address: str) -> dict[str, bytes]:
    """What lies in the store."""
    if not address.startswith("memory://"):
        folder = folder_of(address)
        return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.is_dir() else {}
    import fsspec

    files, folder = fsspec.core.url_to_fs(address)
    return {name.rpartition("/")[2]: files.cat_file(name) for name in files.ls(folder, detail=False)}


def put(address: str, name: str, data: bytes) -> None:
    """Put a file there as somebody might who is not us."""
    if address.startswith("memory://"):
        import fsspec

        fsspec.core.url_to_fs(address)[0].pipe_file(f"{address}/{name}", data)
    else:
        (folder_of(address) / name).write_bytes(data)


def test_the_model_in_use_arrives_and_so_does_each_later_one(tmp_path: Path, address: str) -> None:
    models, copy = tmp_path / "models", tmp_path / "copy"
    store = ModelStore(address)
    for number in (1, 2):
        publish(models, version(number, students=number + 1), {"scores.png": b"png"})
        store.push(models)
        store.pull(copy)
        there, here = (load_artifact(folder / MODEL_FILE) for folder in (models, copy))
        assert here[1] == there[1]
        assert here[0].classes.tolist() == there[0].classes.tolist()
        assert sorted(path.name for path in copy.iterdir()) == [MANIFEST_FILE, MODEL_FILE]
    current = json.loads(contents(address)["current.json"])
    assert current["version"] == "v2" and current["generation"] == here[1].generation > 0
    assert f"{current['sha256']}.pkl" in contents(address)


def test_going_back_arrives_as_the_newest(tmp_path: Path, address: str) -> None:
    models, copy = tmp_path / "models", tmp_path / "copy"
    store = ModelStore(address)
    generations = []
    for step in (
        lambda: publish(models, version(1), {}),
        lambda: publish(models, version(2), {}),
        lambda: activate(models, "v1"),
        lambda: activate(models, "v1"),
    ):
        wanted = step().version
        store.push(models)
        store.pull(copy)
        info = load_artifact(copy / MODEL_FILE)[1]
        assert info.model_version == wanted
        generations.append(info.generation)
    assert generations == sorted(set(generations))


def test_signatures_are_checked_where_the_model_is_used(tmp_path: Path, address: str) -> None:
    models, copy = tmp_path / "models", tmp_path / "copy"
    publish(models, version(1), {}, KEY)
    store = ModelStore(address)
    store.push(models)
    store.pull(copy)
    assert load_artifact(copy / MODEL_FILE, signing_key=KEY)[1].verified == "signed"
    current = json.loads(contents(address)["current.json"])
    current["entry"]["model_version"] = "v9"  # what is signed is hash and version
    put(address, "current.json", json.dumps(current).encode())
    store.pull(copy)
    with pytest.raises(ModelIntegrityError, match="signature was altered"):
        load_artifact(copy / MODEL_FILE, signing_key=KEY)


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data + b"x", lambda data: b"x" + data[1:]])
def test_a_damaged_file_is_refused_and_the_old_model_stays(
    tmp_path: Path, address: str, damage: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    models, copy = tmp_path / "models", tmp_path / "copy"
    store = ModelStore(address)
    publish(models, version(1), {})
    store.push(models)
    store.pull(copy)
    publish(models, version(2), {})
    store.push(models)
    name = json.loads(contents(address)["current.json"])["sha256"] + ".pkl"
    put(address, name, damage(contents(address)[name]))
    with pytest.raises(ModelIntegrityError, match=rf"{name} .* cut short or was altered, .*Delete it there"):
        store.pull(copy)
    assert version_in_use(copy) == "v1"
    # as the message says
    RemoteFiles(address).remove(name) if "memory" in address else (tmp_path / "store" / name).unlink()
    with pytest.raises(ModelStoreError, match=rf"names {name}, which is not there"):
        store.pull(copy)
    assert version_in_use(copy) == "v1"
    monkeypatch.setattr(model_store, "_LOOK_THROUGH_EVERY_SECONDS", 0.0)
    store.push(models)
    store.pull(copy)
    assert version_in_use(copy) == "v2"


@pytest.mark.parametrize(
    "text", [b"", b"[1]", b'{"sha256": "', b'{"sha256": "../x", "generation": 1, "entry": null, "labels_sha256": null}']
)
def test_half_a_current_file_is_not_followed_and_is_written_anew(tmp_path: Path, address: str, text: bytes) -> None:
    models, copy = tmp_path / "models", tmp_path / "copy"
    store = ModelStore(address)
    publish(models, version(1), {})
    store.push(models)
    store.pull(copy)
    put(address, "current.json", text)
    with pytest.raises(ModelStoreError, match=r"current\.json .*damaged or is just being written"):
        store.pull(copy)
    assert version_in_use(copy) == "v1"
    store.push(models)
    store.pull(copy)
    assert version_in_use(copy) == "v1"


def test_no_version_leads_out_of_the_copy(tmp_path: Path) -> None:
    models, store_dir, copy = tmp_path / "models", tmp_path / "store", tmp_path / "copy"
    publish(models, version(1), {})
    store = ModelStore(str(store_dir))
    store.push(models)
    current = json.loads((store_dir / "current.json").read_text())
    current["entry"]["model_version"] = "../../elsewhere"
    current["labels_sha256"] = current["sha256"]
    (store_dir / "current.json").write_text(json.dumps(current))
    with pytest.raises(ModelError, match="folder name"):
        store.pull(copy)
    assert not (tmp_path / "elsewhere").exists()


def test_an_erased_student_leaves_the_store_and_every_copy(tmp_path: Path, address: str) -> None:
    models, copy = tmp_path / "models", tmp_path / "copy"
    store = ModelStore(address)
    for number in (1, 2):
        publish(models, version(number, students=4), {})
        store.push(models)
    put(address, "README.txt", b"whose bucket this is")
    store.pull(copy)
    assert len(contents(address)) == 4
    erase_student(models, "student-01")
    store.push(models)
    store.pull(copy)
    assert students_in_use(copy) == ["student-00", "student-02", "student-03"]
    left = contents(address)
    assert len(left) == 3 and "README.txt" in left
    for data in (*left.values(), *(path.read_bytes() for path in copy.rglob("*") if path.is_file())):
        assert b"student-01" not in data


def test_a_withdrawn_model_disappears_everywhere_and_the_next_one_arrives(tmp_path: Path, address: str) -> None:
    models, copy = tmp_path / "models", tmp_path / "copy"
    store = ModelStore(address)
    publish(models, version(1, students=2), {})
    store.push(models)
    store.pull(copy)
    loader = ClassifierLoader(copy / MODEL_FILE, build=NearestStudent, embedder=make_embedder())
    loader.load_now()
    erase_student(models, "student-01")  # of two, so that nothing is left to tell apart
    store.push(models)
    assert list(contents(address)) == ["current.json"]
    assert json.loads(contents(address)["current.json"])["sha256"] is None
    store.pull(copy)
    with pytest.raises(ModelNotFoundError):
        loader.load_now()
    assert loader.status().current is None
    publish(models, version(3), {})
    store.push(models)
    store.pull(copy)
    assert loader.load_now().info.model_version == "v3"


def test_a_model_that_is_only_missing_from_its_place_is_not_withdrawn(tmp_path: Path, address: str) -> None:
    models, copy = tmp_path / "models", tmp_path / "copy"
    store = ModelStore(address)
    publish(models, version(1), {})
    store.push(models)
    (models / MODEL_FILE).unlink()
    store.push(models)
    ModelStore(address).push(tmp_path / "not mounted")
    empty = tmp_path / "empty"
    empty.mkdir()
    ModelStore(address).push(empty)
    store.pull(copy)
    assert version_in_use(copy) == "v1"


def test_a_file_that_was_put_there_by_hand_is_not_published(tmp_path: Path, address: str) -> None:
    models, copy = tmp_path / "models", tmp_path / "copy"
    store = ModelStore(address)
    publish(models, version(1, students=5), {})
    store.push(models)
    elsewhere = tmp_path / "elsewhere"
    publish(elsewhere, version(2), {})
    shutil.copy(elsewhere / MODEL_FILE, models)
    for _ in range(2):
        with pytest.raises(ModelStoreError, match=r"not listed in MANIFEST\.json"):
            store.push(models)
    store.pull(copy)
    assert version_in_use(copy) == "v1"
    # a version that goes meanwhile goes from the store all the same
    (models / MANIFEST_FILE).write_text("{}")
    with pytest.raises(ModelStoreError, match=r"not listed in MANIFEST\.json"):
        store.push(models)
    assert not any(name.endswith(".pkl") for name in contents(address))


def test_an_old_format_arrives_with_its_names(tmp_path: Path, address: str) -> None:
    models, copy = tmp_path / "models", tmp_path / "copy"
    shutil.copytree(FIXTURES / "bare-numbers", models)
    store = ModelStore(address)
    with pytest.raises(ModelStoreError, match=r"not listed in MANIFEST\.json"):
        store.push(models)
    old = load_artifact(models / MODEL_FILE)[1].model_version
    publish(models, version(2, students=3), {})
    store.push(models)
    store.pull(copy)
    assert students_in_use(copy) == ["student-00", "student-01", "student-02"]
    activate(models, old)
    store.push(models)
    store.pull(copy)
    assert students_in_use(copy) == ["mueller-anna", "s-0017", "élodie"]
    activate(models, "v2")
    store.push(models)
    store.pull(copy)
    assert students_in_use(copy) == ["student-00", "student-01", "student-02"]
    assert not list((copy / "history").iterdir())


def test_a_look_that_finds_nothing_new_reads_one_small_file(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    models, copy = tmp_path / "models", tmp_path / "copy"
    store = ModelStore(address)
    publish(models, version(1), {})
    store.push(models)
    store.pull(copy)
    asked: list[tuple[str, Any]] = []
    kind = type(store._files)
    for name in ("read", "write", "sizes", "remove"):
        real = getattr(kind, name)

        def noted(files: Any, *arguments: Any, name: str = name, real: Any = real) -> Any:
            asked.append((name, arguments[:1]))
            return real(files, *arguments)

        monkeypatch.setattr(kind, name, noted)
    store.push(models)
    store.pull(copy)
    assert asked == [("read", ("current.json",))] * 2
    # put to use again: known everywhere by its hash
    activate(models, "v1")
    store.push(models)
    store.pull(copy)
    assert ("write", ("current.json",)) in asked
    assert not [one for one in asked if one[0] in ("read", "write") and one[1] != ("current.json",)]


def test_a_copy_that_somebody_emptied_is_filled_again(tmp_path: Path, address: str) -> None:
    models, copy = tmp_path / "models", tmp_path / "copy"
    store = ModelStore(address)
    publish(models, version(1), {})
    store.push(models)
    store.pull(copy)
    shutil.rmtree(copy)
    store.pull(copy)
    assert version_in_use(copy) == "v1"
    (copy / MANIFEST_FILE).write_text("{")
    store.pull(copy)
    assert version_in_use(copy) == "v1"


def test_of_two_servers_the_one_with_the_newer_model_wins(tmp_path: Path, address: str) -> None:
    older, newer, copy = tmp_path / "older", tmp_path / "newer", tmp_path / "copy"
    publish(older, version(2), {})
    publish(newer, version(1), {})
    ModelStore(address).push(newer)
    for _ in range(2):
        with pytest.raises(
            ModelStoreError, match=r"has model v1 in use, by a later decision than the one for model v2"
        ):
            ModelStore(address).push(older)
    ModelStore(address).pull(copy)
    assert version_in_use(copy) == "v1"
    # as the message says
    activate(older, "v2")
    ModelStore(address).push(older)
    ModelStore(address).pull(copy)
    assert version_in_use(copy) == "v2"


def test_a_server_that_was_overtaken_while_it_uploaded_says_nothing_more(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer, copy = tmp_path / "older", tmp_path / "newer", tmp_path / "copy"
    publish(older, version(2), {})
    publish(newer, version(1), {})
    kind = RemoteFiles if "memory" in address else FolderFiles
    real, overtaking = kind.write, iter([None])

    def write(files: Any, name: str, data: bytes) -> None:
        for _ in overtaking:  # once, within the first upload
            ModelStore(address).push(newer)
        real(files, name, data)

    monkeypatch.setattr(kind, "write", write)
    with pytest.raises(ModelStoreError, match="by a later decision"):
        ModelStore(address).push(older)
    ModelStore(address).pull(copy)
    assert version_in_use(copy) == "v1"


def test_processes_of_one_server_may_push_at_once(tmp_path: Path, address: str) -> None:
    models, copy = tmp_path / "models", tmp_path / "copy"
    errors: list[BaseException] = []
    trained = threading.Event()

    def keep_pushing() -> None:
        store = ModelStore(address)
        try:
            while not trained.is_set():
                store.push(models)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=keep_pushing) for _ in range(3)]
    publish(models, version(1), {})
    for thread in threads:
        thread.start()
    for number in (2, 3, 4):
        publish(models, version(number), {})
    activate(models, "v2")
    trained.set()
    for thread in threads:
        thread.join(timeout=60)
    assert errors == []
    ModelStore(address).push(models)
    ModelStore(address).pull(copy)
    assert version_in_use(copy) == "v2"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes, which Windows has not")
@pytest.mark.parametrize("what", ["push", "pull", "withdraw"])
def test_killed_at_any_step_a_good_model_loads_and_the_next_run_goes_on(tmp_path: Path, what: str) -> None:
    script = [sys.executable, str(SUPPORT / "push_and_die.py"), str(tmp_path), what]
    finished = subprocess.run(script, capture_output=True, text=True, timeout=120, check=False)
    assert finished.returncode == 0, finished.stderr
    result = json.loads(finished.stdout)
    before, outcomes = result["before"], result["outcomes"]
    after = None if what == "withdraw" else ["v3", "manifest", [f"student-0{number}" for number in range(3)]]
    assert [outcome["killed"] for outcome in outcomes] == [True] * (len(outcomes) - 1) + [False]
    assert len(outcomes) > 3
    states = [outcome["left"] for outcome in outcomes]
    if what == "withdraw":
        # for a moment its file is still there and listed no more: nobody loads it again
        assert all(state in (before, None) or "ModelIntegrityError" in state for state in states)
    else:
        # First the old model, then for good the new one, never anything between.
        assert states == [before] * states.count(before) + [after] * states.count(after)
        assert states.count(before) > 1
    assert states[-1] == after
    for outcome in outcomes:
        assert outcome["next"] == after
        assert outcome["store"] == (["current.json"] if after is None else ["NAMED.pkl", "current.json"])
        assert outcome["rubbish"] == []


@needs_fsspec
def test_interrupted_at_any_request_of_a_remote_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    models = tmp_path / "models"
    publish(models, version(1), {})
    start = {}
    for after in range(50):
        address = f"memory://killed-{tmp_path.name}-{after}"
        copy = tmp_path / f"copy-{after}"
        if after == 0:
            ModelStore(address).push(models)
            start = contents(address)
            shutil.rmtree(models / "history" / "v1")
            publish(models, version(2), {})
            continue
        for name, data in start.items():
            put(address, name, data)
        ModelStore(address).pull(copy)
        left = after
        with monkeypatch.context() as patch:
            for name in ("read", "write", "sizes", "remove"):
                real = getattr(RemoteFiles, name)

                def counted(files: Any, *arguments: Any, real: Any = real) -> Any:
                    nonlocal left
                    left -= 1
                    if left == 0:
                        raise Killed
                    return real(files, *arguments)

                patch.setattr(RemoteFiles, name, counted)
            try:
                ModelStore(address).push(models)
                killed = False
            except Killed:
                killed = True
        ModelStore(address).pull(copy)
        assert version_in_use(copy) in ("v1", "v2")
        ModelStore(address).push(models)
        ModelStore(address).pull(copy)
        assert version_in_use(copy) == "v2"
        if not killed:
            break
    assert after > 5 and not killed


def test_a_store_that_is_away_says_so_and_the_model_in_use_stays(tmp_path: Path) -> None:
    models, share, copy = tmp_path / "models", tmp_path / "share", tmp_path / "copy"
    share.mkdir()
    store = ModelStore(str(share / "store"))
    with pytest.raises(ModelStoreError, match="no model was published in"):
        store.pull(copy)
    publish(models, version(1), {})
    store.push(models)
    mirror = Mirror(store, copy, poll_seconds=3600.0)
    mirror.start()
    try:
        assert mirror.error is None and version_in_use(copy) == "v1"
        share.rename(tmp_path / "away")
        assert mirror.pull_now()
        assert isinstance(mirror.error, ModelStoreError) and version_in_use(copy) == "v1"
        publish(models, version(2), {})
        with pytest.raises(ModelStoreError, match="see that it is mounted"):
            store.push(models)
        (tmp_path / "away").rename(share)
        store.push(models)
        assert mirror.pull_now()
        assert mirror.error is None and version_in_use(copy) == "v2"
    finally:
        mirror.close()


def test_a_mirror_follows_by_itself_while_a_loader_reads_its_folder(tmp_path: Path, address: str) -> None:
    models, copy = tmp_path / "models", tmp_path / "copy"
    store = ModelStore(address)
    publish(models, version(1), {})
    store.push(models)
    mirror = Mirror(ModelStore(address), copy, poll_seconds=0.02)
    mirror.start()
    loader = ClassifierLoader(copy / MODEL_FILE, build=NearestStudent, embedder=make_embedder(), poll_seconds=0.02)
    assert loader.load_now().info.model_version == "v1"
    loader.start_watching()
    try:
        for number in (2, 3):
            publish(models, version(number), {})
            store.push(models)
            waited = threading.Event()
            for _ in range(3000):
                if loader.current.info.model_version == f"v{number}":
                    break
                waited.wait(0.01)
            assert loader.current.info.model_version == f"v{number}"
            assert loader.status().refused is None
    finally:
        loader.close()
        mirror.close()


@needs_fsspec
@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("s4://bucket/models", r"knows no s4:// for the model store s4://bucket/models; name a folder, or a URL"),
        ("s4://bucket/models?token=12345", r"store s4://bucket/models; name"),
        ("sftp://me:12345@host/models", r"sftp://me@host/models holds a password.* set FSSPEC_SFTP_PASSWORD"),
        ("simplecache::s3://bucket/models", "one file system behind another"),
    ],
)
def test_an_address_of_no_use_says_what_to_name(address: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        ModelStore(address)
    assert "12345" not in str(caught.value)


@needs_fsspec
@pytest.mark.skipif(importlib.util.find_spec("s3fs") is not None, reason="s3fs is installed here")
def test_a_package_that_is_missing_is_named() -> None:
    with pytest.raises(ConfigurationError, match="needs one more package, on every machine: Install s3fs"):
        ModelStore("s3://bucket/models")


def test_without_fsspec_a_folder_works_and_a_url_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(ConfigurationError, match=r"package fsspec; run: .*requirements-cluster\.txt"):
        ModelStore("s3://bucket/models")
    models, copy = tmp_path / "models", tmp_path / "copy"
    publish(models, version(1), {})
    for address in (str(tmp_path / "a store"), (tmp_path / "another store").as_uri()):
        ModelStore(address).push(models)
        ModelStore(address).pull(copy)
        assert version_in_use(copy) == "v1"
        shutil.rmtree(copy)


def test_a_folder_that_other_machines_would_not_find_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="neither a whole path nor a URL"):
        ModelStore("models/store")
    publish(tmp_path, version(1), {})
    with pytest.raises(ConfigurationError, match="lies in the model folder"):
        ModelStore(str(tmp_path / "store")).push(tmp_path)
