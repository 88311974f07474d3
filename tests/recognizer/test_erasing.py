"""A student is taken out of every model; killed at any point, a later run finishes it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from errors import ModelNotFoundError
from recognizer import version_files
from recognizer.classifier import LinearRanker
from recognizer.erased_student import ErasedStudent, without_student
from recognizer.erasing import erase_student
from recognizer.history import activate, list_versions, publish
from recognizer.loader import ClassifierLoader
from recognizer.manifest import read_manifest
from recognizer.reading import load_artifact
from support.models import NearestStudent, make_artifact, make_embeddings, make_metadata, make_parts
from training.fitting import fit_scaler_and_classifier

GONE = "student-01"
FIXTURES = Path(__file__).parents[1] / "fixtures" / "models"
MODEL = "face_classifier_v1.pkl"


def report(version: str, **metadata: Any) -> dict[str, bytes]:
    X, y = make_embeddings(4)
    content = {
        **make_metadata(version),
        **metadata,
        "metrics": {"students": [{"student_id": f"student-{n:02d}", "photos": 4} for n in range(4)]},
        "dataset": {"issues": [{"message": f"{GONE}/a.jpg is blurred", "student_id": None, "path": "x"}]},
    }
    return {
        "X.npy": npy(X),
        "y.npy": npy(np.array([f"student-{n:02d}" for n in y])),
        "training_metadata.json": json.dumps(content).encode(),
        "training_summary.txt": f"{GONE} looks like student-02".encode(),
        "look_alikes.png": b"names",
        "det_curve.png": b"no names",
    }


def npy(array: Any) -> bytes:
    import io

    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def knows(content: bytes) -> bool:
    # text in numpy's files is UTF-32
    return GONE.encode() in content or GONE.encode("utf-32-le") in content


@pytest.mark.parametrize("kind", ["svm", "logistic"])
@pytest.mark.parametrize("students", [4, 3])
def test_the_others_are_told_apart_as_before(kind: str, students: int) -> None:
    changes: dict[str, Any] = {}
    parts = make_parts(students=students)
    if kind == "logistic":
        X, y = make_embeddings(students)
        changes["model"] = LogisticRegression().fit(parts["scaler"].transform(X), y)
    before = make_artifact(students=students, **changes)
    after = without_student(before, ErasedStudent(GONE), "v1-e1")
    assert after is not None and GONE not in after.classes and len(after.classes) == students - 1
    probes, truth = make_embeddings(students, each=20, seed=0)
    rows = truth != 1
    old = LinearRanker(before.model, before.scaler)
    new = LinearRanker(after.model, after.scaler)
    first = before.classes[old.rank(probes[rows])]
    again = after.classes[new.rank(probes[rows])]
    assert (first[first != GONE] == again[first != GONE]).all() and (first != GONE).mean() > 0.9
    assert before.gallery and after.gallery
    assert (after.gallery["centroids"] == before.gallery["centroids"][[0, *range(2, students)]]).all()
    assert after.metadata["erased_from"] == "v1"


@pytest.mark.parametrize("kind", ["svm", "logistic"])
@pytest.mark.parametrize("students", [12, 3])
def test_nothing_that_is_left_gives_the_face_back(tmp_path: Path, kind: str, students: int) -> None:
    X, y = make_embeddings(students, each=6)
    classes = np.array([f"student-{number:02d}" for number in range(students)])
    scaler, model = fit_scaler_and_classifier(kind, X, y, classes, 42)
    sums = np.stack([X[y == number].sum(axis=0) for number in range(students)])
    gallery = {"centroids": sums / np.linalg.norm(sums, axis=1, keepdims=True)}
    parts = {"classes": classes, "scaler": scaler, "model": model, "gallery": gallery}
    publish(tmp_path, make_artifact("v1", **parts), {"X.npy": npy(X), "y.npy": npy(classes[y])})
    publish(tmp_path, make_artifact("v2", **parts, created_at="2027-01-01"), {})
    erased = gallery["centroids"][1]

    def means_less_the_others(folder: Path) -> float:
        """Of the scaler: how like the erased face the embedding is that it gives away."""
        left, mean = load_artifact(folder / MODEL)[0], load_artifact(folder / MODEL)[0].scaler.mean_
        assert GONE not in left.classes and len(left.model.classes_) == students - 1
        found = len(X) * mean - X[y != 1].sum(axis=0, dtype=np.float64)
        return float(found @ erased / np.linalg.norm(found))

    done = erase_student(tmp_path, GONE, fit=fit_scaler_and_classifier)
    # without its embeddings a model can only be cut, and the evidence says so
    assert list(done.not_fitted_anew) == ["v2-e1"] and done.rewritten == {"v1": "v1-e1", "v2": "v2-e1"}
    assert means_less_the_others(tmp_path / "history" / "v2-e1") > 0.999
    assert abs(means_less_the_others(tmp_path / "history" / "v1-e1")) < 0.9
    left = load_artifact(tmp_path / "history" / "v1-e1" / MODEL)[0]
    kept = np.delete(classes, 1)
    anew = fit_scaler_and_classifier(kind, X[y != 1], np.searchsorted(kept, classes[y[y != 1]]), kept, 42)
    # as if the student had never been there
    assert np.array_equal(left.scaler.mean_, anew[0].mean_) and np.array_equal(left.scaler.scale_, anew[0].scale_)
    assert np.array_equal(left.model.coef_, anew[1].coef_) and np.array_equal(left.model.intercept_, anew[1].intercept_)
    assert left.classes.tolist() == left.model.classes_.tolist() == kept.tolist()


def test_embeddings_of_another_training_are_not_fitted_on(tmp_path: Path) -> None:
    X, y = make_embeddings(4, seed=1)
    names = np.array([f"student-{number:02d}" for number in y])
    publish(tmp_path, make_artifact("v1", students=4), {"X.npy": npy(X), "y.npy": npy(names)})
    done = erase_student(tmp_path, GONE, fit=fit_scaler_and_classifier)
    assert list(done.not_fitted_anew) == ["v1-e1"]


@pytest.mark.parametrize("name", ["X.npy", "y.npy"])
@pytest.mark.parametrize("byte", [10, 11, 21, -1, -20])  # of the header, which numpy parses as Python; of the content
def test_one_flipped_bit_beside_a_model_stops_no_erasure_and_hides_nobody(tmp_path: Path, name: str, byte: int) -> None:
    X, y = make_embeddings(4)
    files = {"X.npy": npy(X), "y.npy": npy(np.array([f"student-{number:02d}" for number in y]))}
    damaged = bytearray(files[name])
    damaged[byte] ^= 1 << 6
    files[name] = bytes(damaged)
    publish(tmp_path, make_artifact("v1", students=4), files)
    assert erase_student(tmp_path, "nobody", fit=fit_scaler_and_classifier).in_use == "v1"
    done = erase_student(tmp_path, GONE, fit=fit_scaler_and_classifier)
    assert done.rewritten == {"v1": "v1-e1"} and not done.failed
    assert not knows(everything_in(tmp_path))
    assert X[y == 1].tobytes() not in everything_in(tmp_path)


def test_a_version_that_cannot_be_dealt_with_keeps_no_other_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, make_artifact("v1", students=4), report("v1"))
    publish(tmp_path, make_artifact("v2", students=4, created_at="2027-01-01"), report("v2"))
    text = version_files.text

    def fail(path: Path) -> str:
        if "v1" in path.parts:
            raise PermissionError(13, "Permission denied")
        return text(path)

    monkeypatch.setattr(version_files, "text", fail)
    done = erase_student(tmp_path, GONE)
    assert done.rewritten == {"v2": "v2-e1"} and done.in_use == "v2-e1" and len(done.failed) == 1
    monkeypatch.undo()
    assert erase_student(tmp_path, GONE).rewritten == {"v1": "v1-e1"} and not knows(everything_in(tmp_path))


def test_the_student_is_found_however_the_report_names_them() -> None:
    student = ErasedStudent("ZQX-7731")
    assert all(map(student.is_named, ("ZQX-7731/a.jpg", "zqx-7731_01.jpg is small", "of ZQX-7731.")))
    assert not any(map(student.is_named, ("ZQX-77310", "AZQX-7731", "ZQX")))
    content = {"per": {"ZQX-7731": 0.4, "B": 1}, "worst": ["zqx-7731", "B"], "svm": 1}
    assert student.is_in(content)
    assert student.taken_out_of(content) == {"per": {"B": 1}, "worst": ["B"], "svm": 1}
    assert not ErasedStudent("svm").is_in(content)


@pytest.mark.parametrize("name", ["Mu\u0308ller", "M\u00dcLLER"])
def test_a_class_that_is_the_same_id_in_another_form_is_erased(tmp_path: Path, name: str) -> None:
    publish(tmp_path, make_artifact("v1", students=4, classes=np.array([name, "a", "b", "c"])), {})
    assert erase_student(tmp_path, "M\u00fcller").rewritten == {"v1": "v1-e1"}
    assert load_artifact(tmp_path / MODEL)[0].classes.tolist() == ["a", "b", "c"]


def test_what_cannot_lose_a_student_is_told_apart() -> None:
    assert without_student(make_artifact(students=2), ErasedStudent(GONE), "v1-e1") is None
    X, y = make_embeddings(4)
    svc = make_artifact(students=4, model=SVC(kernel="linear").fit(X, y))
    assert without_student(svc, ErasedStudent(GONE), "v1-e1") is None
    assert without_student(make_artifact(), ErasedStudent("somebody else"), "v1-e1") is not None


def test_every_version_and_everything_beside_it_forgets_the_student(tmp_path: Path) -> None:
    key = b"k" * 32
    publish(tmp_path, make_artifact("v1", students=4), report("v1"), key)
    publish(tmp_path, make_artifact("v2", students=4, created_at="2027-01-01"), report("v2"), key)
    without = make_artifact("v3", students=4, classes=np.array(["a", "b", "c", "d"]), created_at="2028-01-01")
    publish(tmp_path, without, {}, key)
    activate(tmp_path, "v2", key)
    with ClassifierLoader(tmp_path / MODEL, build=NearestStudent, embedder=None, signing_key=key) as loader:
        assert loader.load_now().info.model_version == "v2"
        done = erase_student(tmp_path, GONE, key)
        assert done.rewritten == {"v1": "v1-e1", "v2": "v2-e1"} and not done.removed and done.in_use == "v2-e1"
        assert loader.load_now().info.model_version == "v2-e1"
    assert not knows(everything_in(tmp_path))
    assert [(stored.version, stored.active) for stored in list_versions(tmp_path)] == [
        ("v3", False),
        ("v2-e1", True),
        ("v1-e1", False),
    ]
    for version in ("v1-e1", "v2-e1", "v3"):
        activate(tmp_path, version, key)  # signed, as they were
        assert load_artifact(tmp_path / MODEL, signing_key=key)[1].verified == "signed"
    activate(tmp_path, "v2-e1", key)
    assert len(np.load(tmp_path / "X.npy")) == len(np.load(tmp_path / "y.npy")) == 12
    assert (tmp_path / "det_curve.png").exists() and not (tmp_path / "look_alikes.png").exists()
    kept = json.loads((tmp_path / "training_metadata.json").read_text())
    assert [row["student_id"] for row in kept["metrics"]["students"]] == ["student-00", "student-02", "student-03"]
    assert kept["dataset"]["issues"] == [] and kept["model_version"] == "v2-e1"
    again = erase_student(tmp_path, GONE, key)
    assert not again.rewritten and not again.removed
    assert erase_student(tmp_path, "student-02", key).rewritten == {"v1-e1": "v1-e2", "v2-e1": "v2-e2"}


def test_an_unsigned_version_is_not_signed_by_erasing(tmp_path: Path) -> None:
    publish(tmp_path, make_artifact("v1", students=4), {})
    assert erase_student(tmp_path, GONE, b"k" * 32).rewritten == {"v1": "v1-e1"}
    entries = read_manifest(tmp_path)
    assert entries and all(entry.hmac is None for entry in entries.values())


def test_a_model_that_cannot_lose_the_student_goes_also_from_running_servers(tmp_path: Path) -> None:
    publish(tmp_path, make_artifact("v1", students=2), {"look_alikes.png": b"names"})
    with ClassifierLoader(tmp_path / MODEL, build=NearestStudent, embedder=None) as loader:
        loader.load_now()
        done = erase_student(tmp_path, GONE)
        assert list(done.removed) == ["v1"] and done.in_use is None
        with pytest.raises(ModelNotFoundError):
            loader.load_now()
        assert loader.status().current is None
    assert not knows(everything_in(tmp_path)) and not (tmp_path / "look_alikes.png").exists()


def test_a_model_file_that_is_only_missing_stays_in_use(tmp_path: Path) -> None:
    publish(tmp_path, make_artifact("v1"), {})
    with ClassifierLoader(tmp_path / MODEL, build=NearestStudent, embedder=None) as loader:
        loader.load_now()
        (tmp_path / MODEL).unlink()
        with pytest.raises(ModelNotFoundError):
            loader.load_now()
        assert loader.status().current is not None


def test_old_formats_and_damaged_files_are_removed_whole(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    shutil.copytree(FIXTURES / "bare-numbers", folder)
    name = str(load_artifact(folder / MODEL)[0].classes[0])
    publish(folder, make_artifact("v2", created_at="2998-01-01"), {})
    (folder / "history" / "v2" / MODEL).write_bytes(b"damaged")
    done = erase_student(folder, name)
    assert len(done.removed) == 2 and list((folder / "history").iterdir()) == []
    assert load_artifact(folder / MODEL)[1].model_version == done.in_use == "v2"  # its own file is whole
    (folder / MODEL).write_bytes(b"damaged too")
    assert erase_student(folder, name).in_use is None and not (folder / MODEL).exists()


def test_nothing_happens_to_models_that_do_not_know_the_student(tmp_path: Path) -> None:
    assert erase_student(tmp_path / "none", GONE).in_use is None
    publish(tmp_path, make_artifact("v1"), {"notes.txt": b"1"})
    before = everything_in(tmp_path)
    for name in ("1", "svm", "2026", "student"):
        assert not erase_student(tmp_path, name).rewritten
    assert everything_in(tmp_path) == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="killing by fork needs POSIX")
def test_killed_at_any_step_the_next_run_finishes_it(tmp_path: Path) -> None:
    script = """
import os, sys, json
sys.path[:0] = sys.argv[3:]
from pathlib import Path
from recognizer.erasing import erase_student
from recognizer.reading import load_artifact
import recognizer.classifier, shutil
from support.publish_and_die import die_at
start, work = Path(sys.argv[1]), Path(sys.argv[2])
key = b"k" * 32
for step in range(1, 300):
    folder = work / f"step-{step}"
    shutil.copytree(start, folder)
    child = os.fork()
    if child == 0:
        die_at(step)
        erase_student(folder, "student-01", key)
        os._exit(0)
    killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
    left = load_artifact(folder / "face_classifier_v1.pkl", signing_key=key)[1].model_version
    done = erase_student(folder, "student-01", key)
    after = load_artifact(folder / "face_classifier_v1.pkl", signing_key=key)[1].model_version
    versions = sorted(path.name for path in (folder / "history").iterdir())
    data = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    known = b"student-01" in data or "student-01".encode("utf-32-le") in data
    print(json.dumps([killed, left, after, versions, known]))
    shutil.rmtree(folder)
    if not killed:
        break
"""
    start = tmp_path / "start"
    key = b"k" * 32
    publish(start, make_artifact("v1", students=4), report("v1"), key)
    publish(start, make_artifact("v2", students=4, created_at="2027-01-01"), report("v2"), key)
    tests = Path(__file__).parents[1]
    ran = subprocess.run(
        [sys.executable, "-c", script, str(start), str(tmp_path), str(tests), str(tests.parent / "backend")],
        capture_output=True,
        text=True,
        check=True,
    )
    outcomes = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(outcomes) > 20 and not outcomes[-1][0] and all(killed for killed, *_ in outcomes[:-1])
    for _, left, after, versions, known in outcomes:
        assert left in ("v2", "v2-e1") and after == "v2-e1", outcomes
        assert versions == ["v1-e1", "v2-e1"] and not known, outcomes
    assert {left for _, left, *_ in outcomes} == {"v2", "v2-e1"}
