"""Publishing, going back, and what is left when it is interrupted."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import pytest

from errors import ModelError, ModelFormatError, ModelIntegrityError, ModelNotFoundError
from recognizer import durable_files
from recognizer.artifact import LABELS_FILE, MODEL_FILE
from recognizer.history import LOCK_FILE, activate, list_versions, publish
from recognizer.manifest import MANIFEST_FILE, sha256_of
from recognizer.reading import load_artifact
from support.models import make_artifact

SUPPORT = Path(__file__).parents[1] / "support"
FIXTURES = Path(__file__).parents[1] / "fixtures" / "models"


def version(number: int, **changes: Any) -> Any:
    return make_artifact(f"v{number}", created_at=f"2026-01-0{number}T00:00:00+00:00", **changes)


def version_in_use(folder: Path) -> str:
    return load_artifact(folder / MODEL_FILE)[1].model_version


def test_a_published_model_lies_at_the_top_and_in_the_history(tmp_path: Path) -> None:
    stored = publish(tmp_path / "models", version(1), {"training_summary.txt": b"fine", "scores.png": b"png"})
    top, kept = tmp_path / "models", tmp_path / "models" / "history" / "v1"
    for name in (MODEL_FILE, LABELS_FILE, "training_summary.txt", "scores.png"):
        assert (top / name).read_bytes() == (kept / name).read_bytes()
    assert np.load(top / LABELS_FILE).tolist() == ["student-00", "student-01", "student-02"]
    data = (top / MODEL_FILE).read_bytes()
    manifest = json.loads((top / MANIFEST_FILE).read_text())
    activated = manifest[sha256_of(data)].pop("activated")
    assert abs(activated - 1000 * time.time()) < 3_600_000
    assert manifest == {
        sha256_of(data): {
            "model_version": "v1",
            "size": len(data),
            "created_at": "2026-01-01T00:00:00+00:00",
            "hmac": None,
        }
    }
    assert stored.sha256 == sha256_of(data) and stored.active
    assert list_versions(top) == (stored,)
    assert not list(top.rglob("*.tmp-*"))


def test_going_back_and_forth(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        publish(tmp_path, version(number, students=number + 1), {"summary.txt": b"%d" % number})
    assert [(item.version, item.active) for item in list_versions(tmp_path)] == [
        *(("v3", True), ("v2", False), ("v1", False))
    ]
    back = activate(tmp_path, "v1")
    assert (back.version, back.active) == ("v1", True)
    assert version_in_use(tmp_path) == "v1"
    assert (tmp_path / "summary.txt").read_bytes() == b"1"
    assert len(np.load(tmp_path / LABELS_FILE)) == 2
    assert [item.version for item in list_versions(tmp_path) if item.active] == ["v1"]
    activate(tmp_path, "v3")
    assert version_in_use(tmp_path) == "v3"


def test_a_picture_of_another_version_does_not_stay(tmp_path: Path) -> None:
    publish(tmp_path, version(1), {"old.png": b"old"})
    (tmp_path / "training.log").write_text("goes on from one training to the next")
    publish(tmp_path, version(2), {"new.png": b"new"})
    assert not (tmp_path / "old.png").exists()
    assert (tmp_path / "new.png").exists() and (tmp_path / "training.log").exists()


def test_an_unknown_version_names_those_there_are(tmp_path: Path) -> None:
    publish(tmp_path, version(1), {})
    with pytest.raises(ModelNotFoundError, match=r"no model version v9 .*there are: v1"):
        activate(tmp_path, "v9")
    with pytest.raises(ModelFormatError, match="folder name"):
        activate(tmp_path, "../elsewhere")
    assert list_versions(tmp_path / "nowhere") == ()


def test_a_damaged_earlier_version_is_not_activated(tmp_path: Path) -> None:
    publish(tmp_path, version(1), {})
    publish(tmp_path, version(2), {})
    file = tmp_path / "history" / "v1" / MODEL_FILE
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ModelIntegrityError, match="not the file that was published as v1"):
        activate(tmp_path, "v1")
    file.write_bytes((tmp_path / "history" / "v2" / MODEL_FILE).read_bytes())
    with pytest.raises(ModelIntegrityError, match="not the file that was published as v1"):
        activate(tmp_path, "v1")
    assert version_in_use(tmp_path) == "v2"


def test_the_manifest_forgets_versions_whose_folder_is_gone(tmp_path: Path) -> None:
    for number in (1, 2):
        publish(tmp_path, version(number), {})
    durable_files.remove(tmp_path / "history" / "v1")
    durable_files.remove(tmp_path / "history" / "v2")  # in use: its file at the top must stay loadable
    publish(tmp_path, version(3), {})
    listed = {entry["model_version"] for entry in json.loads((tmp_path / MANIFEST_FILE).read_text()).values()}
    assert listed == {"v2", "v3"}
    publish(tmp_path, version(4), {})
    listed = {entry["model_version"] for entry in json.loads((tmp_path / MANIFEST_FILE).read_text()).values()}
    assert listed == {"v3", "v4"}


def test_the_same_version_twice_is_refused(tmp_path: Path) -> None:
    publish(tmp_path, version(1), {})
    before = (tmp_path / MODEL_FILE).read_bytes()
    with pytest.raises(ModelError, match="v1 exists already"):
        publish(tmp_path, version(1, seed=5), {})
    assert (tmp_path / MODEL_FILE).read_bytes() == before
    assert version_in_use(tmp_path) == "v1"


@pytest.mark.parametrize("name", [MODEL_FILE, MANIFEST_FILE, LOCK_FILE, "a/b", "..", ".hidden", "a\\b", "c:d", ""])
def test_a_file_name_that_would_do_harm_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name"):
        publish(tmp_path, version(1), {name: b""})
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes, which Windows has not")
@pytest.mark.parametrize("first", ["current", "legacy"])
def test_killed_at_any_step_the_last_good_model_loads(tmp_path: Path, first: str) -> None:
    script = [sys.executable, str(SUPPORT / "publish_and_die.py"), str(tmp_path), first]
    finished = subprocess.run(script, capture_output=True, text=True, timeout=120, check=False)
    assert finished.returncode == 0, finished.stderr
    result = json.loads(finished.stdout)
    before = result["before"]
    after = ["v2", [f"student-{number:02d}" for number in range(4)]]
    outcomes = result["outcomes"]
    assert [outcome["killed"] for outcome in outcomes] == [True] * (len(outcomes) - 1) + [False]
    assert len(outcomes) > 15
    states = [outcome["left"] for outcome in outcomes]
    # First the old model, then for good the new one, never anything between.
    assert states == [before] * states.count(before) + [after] * states.count(after)
    assert states.count(before) > 10 and states[-1] == after
    for outcome in outcomes:
        assert outcome["next"] == "v3"
        assert outcome["back"] == before
        assert outcome["versions"][0] == "v3" and before[0] in outcome["versions"]
        assert outcome["rubbish"] == []


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_a_full_disk_leaves_the_old_model_and_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    publish(tmp_path, version(1), {"summary.txt": b"1"})

    def snapshot() -> dict[str, bytes]:
        files = (path for path in tmp_path.rglob("*") if path.is_file())
        kept = {str(path): path.read_bytes() for path in files if path.name not in (MANIFEST_FILE, LOCK_FILE)}
        # A rename needs no space; should one fail, analysis files may be the new version's already.
        return kept if call != "replace" else {name: data for name, data in kept.items() if name.endswith(MODEL_FILE)}

    before = snapshot()
    place, name = (durable_files, "write_synced") if call == "write" else (os, call)
    failed = 0
    while True:
        failing = Failing(getattr(place, name), failed + 1)
        with monkeypatch.context() as patch:
            patch.setattr(place, name, failing)
            try:
                publish(tmp_path, version(2), {"summary.txt": b"2"})
            except ModelError as error:
                assert "No space left on device" in str(error)
        if failing.left > 0 or version_in_use(tmp_path) != "v1":
            break  # nothing failed any more, or only bringing the last name to the disk
        failed += 1
        assert snapshot() == before
        assert not list(tmp_path.rglob("*.tmp-*"))
    assert failed >= 5
    assert version_in_use(tmp_path) == "v2"


class Failing:
    """Stands for a function; its ``at``-th call writes a part, if it is about a file, and finds the disk full."""

    def __init__(self, function: Any, at: int) -> None:
        self.function, self.left = function, at

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self.left -= 1
        if self.left == 0:
            if len(arguments) == 2 and isinstance(arguments[1], bytes):
                arguments[0].write_bytes(arguments[1][: len(arguments[1]) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.function(*arguments, **named)


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ModelError, match=r"could not be written to .*permissions"):
        publish(tmp_path / "file", version(1), {})


def test_a_second_run_waits_and_then_says_so(tmp_path: Path) -> None:
    publish(tmp_path, version(1), {})
    with filelock.FileLock(tmp_path / LOCK_FILE):
        for run in (
            lambda: publish(tmp_path, version(2), {}, lock_timeout=0.1),
            lambda: activate(tmp_path, "v1", lock_timeout=0.1),
        ):
            with pytest.raises(ModelError, match="another training or activation is writing"):
                run()
        waiting = threading.Thread(target=publish, args=(tmp_path, version(3), {}))
        waiting.start()
        assert version_in_use(tmp_path) == "v1"
    waiting.join(timeout=30)
    assert version_in_use(tmp_path) == "v3"


def test_many_publishing_at_once_all_end_in_the_history(tmp_path: Path) -> None:
    threads = [threading.Thread(target=publish, args=(tmp_path, version(n), {"n.txt": b"%d" % n})) for n in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    stored = list_versions(tmp_path)
    assert [item.version for item in stored] == ["v6", "v5", "v4", "v3", "v2", "v1"]
    active = [item.version for item in stored if item.active]
    assert active == [version_in_use(tmp_path)]
    assert (tmp_path / "n.txt").read_bytes() == active[0][1:].encode()


def test_a_file_that_is_open_elsewhere_is_replaced_a_moment_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows refuses to replace a file that a reader has open."""
    real, refusals = os.replace, [PermissionError(13, "in use")] * 3

    def busy(source: Any, target: Any) -> None:
        if refusals:
            raise refusals.pop()
        real(source, target)

    monkeypatch.setattr(os, "replace", busy)
    durable_files.write_atomically(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new" and not refusals


def test_an_old_model_is_kept_before_the_first_publication(tmp_path: Path) -> None:
    for file in (FIXTURES / "bare-numbers").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    old = load_artifact(tmp_path / MODEL_FILE)[1]
    publish(tmp_path, version(9, students=3), {})
    assert version_in_use(tmp_path) == "v9"
    activate(tmp_path, old.model_version)
    artifact, info = load_artifact(tmp_path / MODEL_FILE)
    assert artifact.classes.tolist() == ["mueller-anna", "s-0017", "élodie"]
    assert (info.model_version, info.verified) == (old.model_version, "manifest")


def test_an_old_model_keeps_its_own_names_while_a_new_one_is_being_put_in_place(tmp_path: Path) -> None:
    """The labels beside it may be the new version's for a moment: as many, and of other people."""
    for file in (FIXTURES / "bare-numbers").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    old = (tmp_path / MODEL_FILE).read_bytes()
    publish(tmp_path, version(2, students=3), {})
    (tmp_path / MODEL_FILE).write_bytes(old)
    assert np.load(tmp_path / LABELS_FILE).tolist() == ["student-00", "student-01", "student-02"]
    assert load_artifact(tmp_path / MODEL_FILE)[0].classes.tolist() == ["mueller-anna", "s-0017", "élodie"]


def test_a_lost_manifest_is_made_again_from_the_history(tmp_path: Path) -> None:
    publish(tmp_path, version(1), {})
    publish(tmp_path, version(2), {})
    for damage in ("gone", "[1, 2", '{"a": {}}', "\xff"):
        if damage == "gone":
            (tmp_path / MANIFEST_FILE).unlink()
        else:
            (tmp_path / MANIFEST_FILE).write_bytes(damage.encode("latin1"))
            with pytest.raises(ModelIntegrityError, match=r"MANIFEST\.json"):
                list_versions(tmp_path)
        publish(tmp_path, make_artifact(f"after-{len(damage)}", created_at="2027-01-01"), {})
        assert {"v1", "v2"} < {item.version for item in list_versions(tmp_path)}
        activate(tmp_path, "v1")
        assert version_in_use(tmp_path) == "v1"
        durable_files.remove(tmp_path / "history" / f"after-{len(damage)}")
