"""``python app.py check``: what is not accounted for is found, and mended where that decides nothing about photos."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attendance import consents
from attendance.actor import system_actor
from attendance.models import (
    Erasure,
    FaceImage,
    SessionState,
    Student,
    TrainingJob,
    TrainingState,
)
from operations.check import Check, Finding
from operations.erasure import Eraser
from recognizer.artifact import MODEL_FILE
from recognizer.history import publish
from serving import FINE, LEFT, UNUSABLE, main, places_of
from support.enrolling import DrawnFaceDetector, good, png
from support.models import make_artifact
from support.recognition import doubtful, picture
from support.service import Service, make_service, make_settings, problem


@pytest.fixture
def school(sqlite_service: Service, tmp_path: Path) -> Service:
    settings = make_settings(tmp_path, str(sqlite_service.settings.database_url))
    return make_service(settings, recognizer=DrawnFaceDetector())


def run(school: Service, *, repair: bool = False) -> list[Finding]:
    return Check(school.database, places_of(school.settings), school.clock).run(repair=repair)


def codes(findings: list[Finding]) -> list[str]:
    return sorted(finding.code for finding in findings)


def enrolled(school: Service, name: str, number: int = 1) -> tuple[int, Path]:
    student = school.student(name)
    school.admin().post(f"/students/{student}/faces", **png(good(number)))
    (path,) = (school.settings.dataset_dir / name).iterdir()
    return student, path


def test_nothing_is_found_where_all_is_well(school: Service) -> None:
    enrolled(school, "S1")
    publish(school.settings.model_dir, make_artifact("v1"), {})
    assert run(school) == []


def test_files_and_rows_that_do_not_fit_each_other(school: Service) -> None:
    root = school.settings.dataset_dir
    _, missing = enrolled(school, "S1", 1)
    _, changed = enrolled(school, "S2", 2)
    _, fine = enrolled(school, "S3", 3)
    missing.unlink()
    changed.write_bytes(b"another")
    (fine.parent / "by hand.png").write_bytes(good(4))
    (fine.parent / "notes.docx").write_bytes(b"")
    (root / "loose.png").write_bytes(b"")
    (root / "Thumbs.db").write_bytes(b"")
    (root / "linked").symlink_to(fine.parent)
    (root / "nobody").mkdir()
    school.student("S4", consent=False)
    (root / "S4").mkdir()
    (root / "S4" / "a.png").write_bytes(good(5))
    wrong = ["folder_without_consent", "folder_without_student", "foreign_file", "image_changed", "link", "loose_file"]
    assert codes(run(school)) == sorted([*wrong, "image_without_file", "image_without_row"])
    done = run(school, repair=True)
    assert codes([each for each in done if each.repaired]) == ["image_without_file", "image_without_row"]
    assert codes(run(school)) == wrong
    assert (root / "S4" / "a.png").exists()  # nobody's photo is deleted without being asked for by name
    with school.db() as db:
        assert {row.path for row in db.query(FaceImage)} >= {"S3/by hand.png"}
    (advice,) = [each.message for each in run(school) if each.code == "folder_without_consent"]
    assert "python app.py check --erase 'S4'" in advice


@pytest.mark.parametrize("spelled", ["Mu\u0308ller", "M\u00dcLLER"])
def test_a_folder_is_its_student_s_in_any_case_and_form(school: Service, spelled: str) -> None:
    name, models = "M\u00fcller", school.settings.model_dir
    student = school.student(name)
    folder = school.settings.dataset_dir / spelled  # as macOS names it
    folder.mkdir(parents=True)
    (folder / "e\u0301.png").write_bytes(good(1))
    publish(models, make_artifact("v1", students=4, classes=np.array([spelled, "a", "b", "c"])), {})
    assert codes(run(school, repair=True)) == ["image_without_row"]
    assert run(school) == []
    school.admin().post(f"/students/{student}/faces", **png(good(2)))
    twice = len(list(school.settings.dataset_dir.iterdir())) == 2  # not where the two names are one folder
    assert codes(run(school)) == ["two_folders"] * twice
    done = school.admin().post(f"/students/{student}/consents/withdraw").json["erasure"]
    assert done["completed_at"] and done["steps"]["face_images"] == {"files": 2, "rows": 2}
    assert done["steps"]["models"]["rewritten"] == {"v1": "v1-e1"}
    assert list(school.settings.dataset_dir.iterdir()) == [] and run(school) == []
    # put back by hand, without a consent now
    folder.mkdir()
    (folder / "a.png").write_bytes(good(1))
    publish(models, make_artifact("v2", students=4, classes=np.array([spelled, "a", "b", "c"])), {})
    assert codes(run(school)) == ["folder_without_consent", "model_knows_withdrawn"]
    assert problem(school.admin().post("/model/activate", json={"version": "v2"})) == (409, "no_consent")
    assert "is done" in Check(school.database, places_of(school.settings), school.clock).erase(spelled)
    assert run(school) == []


def test_crops_trainings_models_and_erasures(school: Service) -> None:
    crops, models = school.settings.data_dir / "review", school.settings.model_dir
    crops.mkdir(exist_ok=True)
    (crops / "orphan.jpg").write_bytes(b"x")
    publish(models, make_artifact("v1", students=4, classes=np.array(["S0", "S1", "S2", "S3"])), {})
    publish(models, make_artifact("v2", created_at="2027-01-01"), {})
    shutil.copytree(models / "history" / "v1", models / "history" / ".v9.tmp-1234")
    (models / "history" / "v2" / "face_classifier_v1.pkl").write_bytes(b"damaged")
    student = school.student("S1")
    with school.db() as db:
        consents.withdraw(db, system_actor(), student, school.clock.now())
        db.add(
            TrainingJob(
                state=TrainingState.RUNNING,
                active_slot=1,
                started_by=1,
                created_at=school.clock.now(),
                started_at=school.clock.now(),
                host="gone",
                pid=None,
            )
        )
    school.clock.advance(days=2)
    expected = ["crop_without_row", "erasure_pending", "leftover", "model_damaged", "model_knows_withdrawn"]
    assert codes(run(school)) == [*expected, "training_gone"]
    run(school, repair=True)
    assert run(school) == []
    assert not (crops / "orphan.jpg").exists()
    with school.db() as db:
        assert db.query(Erasure).one().completed_at and db.query(TrainingJob).one().state is TrainingState.FAILED


def test_a_missing_crop_and_a_model_that_cannot_be_loaded(school: Service) -> None:
    course = school.course()
    school.enrol(course, school.student("S1"), school.student("S2"))
    session = school.session(course, state=SessionState.OPEN, opened_at=school.clock.now())
    school.admin().post(f"/sessions/{session}/frames", **png(picture(doubtful("S1", "S2"))))
    (crop,) = (school.settings.data_dir / "review").iterdir()
    crop.unlink()
    publish(school.settings.model_dir, make_artifact("v1"), {})
    (school.settings.model_dir / MODEL_FILE).write_bytes(b"damaged")
    assert codes(run(school, repair=True)) == ["crop_without_file", "model_refused"]
    assert codes(run(school)) == ["model_refused"]


def test_a_damaged_database_is_found(school: Service) -> None:
    with closing(sqlite3.connect(str(school.database.engine.url.database))) as database, database:
        database.execute(
            "INSERT INTO calendar_feed (user_id, secret_sha256, created_at) VALUES (99, 'x', '2026-01-01')"
        )
    assert codes(run(school, repair=True)) == ["database_damaged"]


def test_two_who_erase_at_once_do_it_once(school: Service) -> None:
    student, path = enrolled(school, "S1")
    publish(school.settings.model_dir, make_artifact("v1", students=4, classes=np.array(["S0", "S1", "S2", "S3"])), {})
    with school.db() as db:
        consents.withdraw(db, system_actor(), student, school.clock.now())
    done: list[int] = []
    erasers = [Eraser(school.database, places_of(school.settings)) for _ in range(2)]
    threads = [
        threading.Thread(target=lambda e=each: done.extend(e.run_pending(school.clock.now()))) for each in erasers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 1 and not path.exists()
    with school.db() as db:
        steps = db.query(Erasure).one().steps
        assert steps["models"]["rewritten"] == {"v1": "v1-e1"} and steps["face_images"] == {"files": 1, "rows": 1}


def command(
    school: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *options: str
) -> tuple[int, str]:
    for name, value in {
        "DATABASE_URL": school.settings.database_url,
        "SMARTATTENDANCE_DATA_DIR": school.settings.data_dir,
        "SMARTATTENDANCE_DATASET_DIR": school.settings.dataset_dir,
        "SMARTATTENDANCE_MODEL_DIR": school.settings.model_dir,
        "SMARTATTENDANCE_CACHE_DIR": school.settings.cache_dir,
    }.items():
        monkeypatch.setenv(name, os.fspath(str(value)))

    def never(settings: Any) -> Any:
        raise AssertionError("a check serves nothing")

    status = main(never, ["check", *options])
    return status, "".join(capsys.readouterr())


def test_the_command_says_what_it_found_and_its_status_tells(
    school: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(school, monkeypatch, capsys) == (FINE, "Everything is accounted for.\n")
    school.student("S4", consent=False)
    folder = school.settings.dataset_dir / "S4"
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(good())
    status, said = command(school, monkeypatch, capsys, "--repair")
    assert status == LEFT and "folder_without_consent" in said and "1 found, 0 repaired." in said
    status, said = command(school, monkeypatch, capsys, "--repair", "--erase", "S4")
    assert status == FINE and "Erasure 1 is done." in said and not folder.exists()
    assert command(school, monkeypatch, capsys, "--erase", "nobody")[0] == UNUSABLE
    school.student("S5")
    assert command(school, monkeypatch, capsys, "--erase", "S5")[0] == UNUSABLE  # consent first


def test_what_cannot_be_checked(
    school: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    school.settings.__dict__["database_url"] = f"sqlite:///{tmp_path / 'none.sqlite3'}"
    status, said = command(school, monkeypatch, capsys)
    assert status == FINE and "no database yet" in said
    (tmp_path / "none.sqlite3").write_bytes(b"this is no database" * 100)
    assert command(school, monkeypatch, capsys)[0] == UNUSABLE
    (tmp_path / "none.sqlite3").write_bytes(b"")
    status, said = command(school, monkeypatch, capsys)
    assert status == LEFT and "old_tables" in said
    assert command(school, monkeypatch, capsys, "--repair")[0] == FINE
    with school.db() as db:
        assert db.query(Student).count() == 0


def test_one_who_may_not_look_is_told_so(
    school: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def forbidden(_: Any) -> bool:
        raise PermissionError(13, "Permission denied", "/var/lib/smartattendance/instance")

    monkeypatch.setattr("attendance.database.Database.is_present", forbidden)
    status, said = command(school, monkeypatch, capsys)
    assert status == UNUSABLE and "as the user that the server runs as" in said
