"""Erasure, retention and a student's own data, through the API."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
import tokenize
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attendance.models import (
    AttendanceRecord,
    AuditEvent,
    Consent,
    Enrolment,
    Erasure,
    Excuse,
    FaceImage,
    FaceImageState,
    Frame,
    Login,
    OneTimeLink,
    RetentionRun,
    ReviewItem,
    ReviewResolution,
    SessionState,
    Sighting,
    Student,
    StudentStatus,
    TrainingJob,
    TrainingState,
    WarningRule,
    WarningSent,
)
from operations import review_crops
from recognizer import erasing
from recognizer.history import list_versions, publish
from recognizer.types import EmbedderInfo
from support.enrolling import DrawnFaceDetector, good, png
from support.models import make_artifact
from support.recognition import doubtful, known, picture
from support.service import Service, make_service, make_settings, problem
from training.cache import CachedFace, EmbeddingCache
from training.conditions import CONDITIONS

NAMES = ("S1", "S2", "S3", "S4")


@pytest.fixture
def school(database_url: str, tmp_path: Path) -> Iterator[Service]:
    made = make_service(make_settings(tmp_path, database_url), recognizer=DrawnFaceDetector())
    yield made
    made.database.close()


def remember(school: Service, *shas: str) -> None:
    """Embeddings of a training, of images with these hashes."""
    assert school.settings.cache_dir is not None
    cache = EmbeddingCache(school.settings.cache_dir, EmbedderInfo("dlib", "a" * 64, 128, {}), "detector")
    vectors = np.eye(1 + len(CONDITIONS), 128, dtype=np.float32)
    face = CachedFace(vectors[0], vectors[1:], np.zeros((32, 32), np.uint8), "detected", 0.9)
    cache.put_many(dict.fromkeys(shas, face))


def remembered(school: Service) -> set[str]:
    with sqlite3.connect(school.settings.cache_dir / "embeddings.sqlite3") as database:  # type: ignore[operator]
        return {sha for (sha,) in database.execute("SELECT file_sha256 FROM embedding")}


def prepared(school: Service) -> dict[str, int]:
    """Four students with faces, of whom S1 was marked, is in a model and in a doubtful face's crop."""
    ids = {name: school.student(name) for name in NAMES}
    teacher = school.user()
    course = school.course(enrollers=(teacher,))
    school.enrol(course, *ids.values())
    session = school.session(course, state=SessionState.OPEN, opened_at=school.clock.now())
    client = school.program(teacher)
    for number, name in enumerate(NAMES):
        assert client.post(f"/students/{ids[name]}/faces", **png(good(number))).status_code == 201
    for nonce in range(2):
        client.post(f"/sessions/{session}/frames", **png(picture(known("S1"), nonce=nonce)))
    client.post(f"/sessions/{session}/frames", **png(picture(doubtful("S1", "S2"))))
    client.post(f"/sessions/{session}/frames", **png(picture(doubtful("S3", "S4"))))
    (school.settings.dataset_dir / "S1" / "put here by hand.png").write_bytes(good(9))
    with school.db() as db:
        remember(school, *(row.sha256 for row in db.query(FaceImage)))
    publish(school.settings.model_dir, make_artifact("v1", students=4, classes=np.array(NAMES)), {})
    (school.settings.model_dir / "training.log").write_text("S1/a.jpg is blurred\nS2/b.jpg is blurred\nS10 too\n")
    (school.settings.model_dir / "training.log.1").write_text("S1/old.jpg is blurred\n")
    (school.settings.data_dir / "trainings").mkdir(exist_ok=True)
    (school.settings.data_dir / "trainings" / "1.log").write_text("S1: 3 photos\nS2: 3 photos\n")
    return ids


def crops(school: Service) -> list[str]:
    folder = school.settings.data_dir / "review"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_withdrawing_consent_erases_everything_made_of_the_face_and_nothing_else(school: Service) -> None:
    ids = prepared(school)
    admin = school.admin()
    assert len(crops(school)) == 2 and len(remembered(school)) == 4
    answer = admin.post(f"/students/{ids['S1']}/consents/withdraw")
    assert answer.status_code == 200
    erasure = answer.json["erasure"]
    assert erasure["completed_at"] is not None and erasure["problem"] is None
    steps = erasure["steps"]
    assert steps["face_images"] == {"files": 2, "rows": 1}
    assert steps["embeddings"] == {"rows": 1}
    assert steps["review_crops"] == {"files": 1, "items": 1}
    assert (steps["models"]["rewritten"], steps["models"]["removed"]) == ({"v1": "v1-e1"}, {})
    assert steps["models"]["in_use"] == "v1-e1"
    assert steps["logs"] == {"lines": 3, "trainings": 0}
    assert (school.settings.model_dir / "training.log.1").read_text() == ""
    assert (school.settings.data_dir / "trainings" / "1.log").read_text() == "S2: 3 photos\n"
    assert not (school.settings.dataset_dir / "S1").exists() and (school.settings.dataset_dir / "S2").exists()
    assert len(crops(school)) == 1 and len(remembered(school)) == 3
    assert [each.version for each in list_versions(school.settings.model_dir)] == ["v1-e1"]
    assert (school.settings.model_dir / "training.log").read_text() == "S2/b.jpg is blurred\nS10 too\n"
    with school.db() as db:
        row = db.query(Erasure).one()
        assert row.external_id is None and row.shas == []
        assert {image.student_id for image in db.query(FaceImage)} == {ids["S2"], ids["S3"], ids["S4"]}
        assert db.query(AttendanceRecord).filter_by(student_id=ids["S1"], status="present").count() == 1
        assert db.get_one(Student, ids["S1"]).name == "Student S1"
        by_candidates = {tuple(c["student_id"] for c in item.candidates): item for item in db.query(ReviewItem)}
        assert by_candidates[(ids["S2"],)].resolution is ReviewResolution.EXPIRED
        assert (ids["S3"], ids["S4"]) in by_candidates
    shown = admin.get("/privacy/erasures").json["items"]
    assert [(each["id"], each["student_id"], each["kind"]) for each in shown] == [(erasure["id"], ids["S1"], "face")]


def test_consents_in_numbers(school: Service) -> None:
    admin = school.admin()
    ids = prepared(school)
    admin.post(f"/students/{ids['S1']}/consents/withdraw")
    admin.post(f"/students/{ids['S2']}/consents/withdraw")
    admin.post(f"/students/{ids['S2']}/consents", json={"method": "paper", "policy_version": "2026-b"})
    admin.post(f"/students/{ids['S4']}/erase", json={"external_id": "S4"})
    assert admin.get("/privacy/consents").json == {
        "students": 3,
        "with_consent": 2,
        "withdrawn": 3,
        "face_images": 1,
        "policy_version": "1",
        "by_policy_version": [{"policy_version": "1", "students": 1}, {"policy_version": "2026-b", "students": 1}],
    }
    with school.db() as db:
        db.query(FaceImage).one().state = FaceImageState.PENDING
    assert admin.get("/privacy/consents").json["face_images"] == 0


def test_erasing_a_student_takes_the_name_too_and_needs_the_id_typed(school: Service) -> None:
    ids, admin = prepared(school), school.admin()
    with school.db() as db:
        db.query(Consent).filter_by(student_id=ids["S1"]).one().evidence = "a form signed by Sue One"
        for problem_of in ("S1/a.jpg", "S10/a.jpg"):
            failed = {"state": TrainingState.FAILED, "created_at": school.clock.now(), "host": "h", "started_by": 1}
            db.add(TrainingJob(problem=f"{problem_of} cannot be read", **failed))
    days = dict.fromkeys(("starts_on", "ends_on"), "2026-11-23")
    excuse = {"student_id": ids["S1"], "reason_code": "illness", "text": "Sue has a cold", **days}
    assert admin.post("/excuses", json=excuse).status_code == 201
    path = f"/students/{ids['S1']}/erase"
    assert problem(admin.post(path, json={"external_id": "S2"})) == (422, "confirmation")
    assert problem(school.program(school.user()).post(path, json={"external_id": "S1"})) == (403, "role")
    done = admin.post(path, json={"external_id": "S1"})
    assert done.status_code == 200 and done.json["kind"] == "student" and done.json["completed_at"]
    with school.db() as db:
        assert db.query(Consent).filter_by(student_id=ids["S1"]).one().evidence == ""
        assert db.query(Excuse).one().text == ""
        problems = [job.problem for job in db.query(TrainingJob).order_by(TrainingJob.id)]
        assert problems == ["(the reason named a student who was erased)", "S10/a.jpg cannot be read"]
        for action in ("student.erase", "erasure.complete"):
            event = db.query(AuditEvent).filter_by(action=action).one()
            assert (event.object_id, event.data["erasure_id"]) == (str(ids["S1"]), done.json["id"])
        student = db.get_one(Student, ids["S1"])
        assert (student.status, student.name, student.email) == (StudentStatus.ERASED, f"erased-{student.id}", None)
        assert student.external_id == f"erased-{student.id}"
        assert db.query(AttendanceRecord).filter_by(student_id=student.id, status="present").count() == 1
        assert "S1" not in json.dumps([event.data for event in db.query(AuditEvent)])
    assert not (school.settings.dataset_dir / "S1").exists()
    assert [each.version for each in list_versions(school.settings.model_dir)] == ["v1-e1"]
    assert problem(admin.post(path, json={"external_id": "S1"})) == (409, "erased")
    assert problem(admin.post("/students/99/erase", json={"external_id": "S1"})) == (404, "not_found")
    again = school.student("S1")  # the id is free for somebody else
    assert admin.get(f"/students/{again}/faces").json == []


def test_what_cannot_be_erased_now_is_visible_and_tried_again(school: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    ids, admin = prepared(school), school.admin()
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.parent.name == "review" or (path.suffix == ".jpg" and "S1" in path.parts):
            raise PermissionError(13, "Permission denied")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    answer = admin.post(f"/students/{ids['S1']}/consents/withdraw").json["erasure"]
    assert answer["completed_at"] is None and "face_images: Permission denied" in answer["problem"]
    assert "review_crops: " in answer["problem"] and len(crops(school)) == 2
    # what is left over is the erasure's: its rows say which embeddings have to go
    school.chores()
    with school.db() as db:
        assert [row.state for row in db.query(FaceImage).filter_by(student_id=ids["S1"])] == [FaceImageState.ERASING]
    assert answer["steps"]["models"]["in_use"] == "v1-e1"  # one that fails keeps no other from being done
    assert admin.get(f"/students/{ids['S1']}/faces").json == []
    monkeypatch.undo()
    school.chores()
    (shown,) = admin.get("/privacy/erasures").json["items"]
    assert shown["completed_at"] and shown["problem"] is None and len(crops(school)) == 1
    assert not (school.settings.dataset_dir / "S1").exists() and len(remembered(school)) == 3


def test_what_one_step_raises_is_shown_with_it_and_keeps_nothing_else_back(
    school: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, admin = prepared(school), school.admin()
    erase = erasing.erase_student

    def fail(folder: Path, student_id: str, *rest: Any, **more: Any) -> Any:
        if student_id == "S1":
            raise tokenize.TokenError("S1 is named in here")
        return erase(folder, student_id, *rest, **more)

    monkeypatch.setattr("operations.erasure.erase_student", fail)
    answer = admin.post(f"/students/{ids['S1']}/consents/withdraw")
    assert answer.status_code == 200 and answer.json["erasure"]["completed_at"] is None
    (shown,) = admin.get("/privacy/erasures").json["items"]
    why = "an unexpected error (TokenError); the log says where"
    assert shown["problem"] == f"models: {why}" and shown["steps"]["models"] == {"problem": why}
    assert [name for name, step in shown["steps"].items() if "problem" in step] == ["models"]
    assert not (school.settings.dataset_dir / "S1").exists() and len(crops(school)) == 1
    assert "S1" not in (school.settings.model_dir / "training.log").read_text().split("/")[0]
    # another student's goes on, though the first is tried again before it and fails again
    other = admin.post(f"/students/{ids['S2']}/consents/withdraw").json["erasure"]
    assert other["completed_at"] and other["steps"]["models"]["rewritten"] == {"v1": "v1-e1"}
    monkeypatch.undo()
    school.chores()
    shown = admin.get("/privacy/erasures").json["items"][1]
    assert shown["completed_at"] and shown["problem"] is None and "problem" not in shown["steps"]["models"]
    assert [each.version for each in list_versions(school.settings.model_dir)] == ["v1-e2"]


def test_one_photo_that_cannot_be_deleted_keeps_no_other_from_going(
    school: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, admin = prepared(school), school.admin()
    unlink = os.unlink

    def refuse(path: Any, *, dir_fd: int | None = None) -> None:
        if os.fspath(path).endswith("by hand.png"):
            raise PermissionError(13, "Permission denied")
        unlink(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", refuse)
    erasure = admin.post(f"/students/{ids['S1']}/consents/withdraw").json["erasure"]
    assert erasure["completed_at"] is None
    assert erasure["steps"]["face_images"] == {"files": 0, "rows": 1, "problem": "Permission denied"}
    assert [path.name for path in (school.settings.dataset_dir / "S1").iterdir()] == ["put here by hand.png"]
    monkeypatch.undo()
    school.chores()
    (shown,) = admin.get("/privacy/erasures").json["items"]
    assert shown["completed_at"] and not (school.settings.dataset_dir / "S1").exists()


def test_links_and_folders_among_a_student_s_photos_go_and_what_links_lead_to_stays(school: Service) -> None:
    student, admin = school.student("S1"), school.admin()
    elsewhere = school.settings.data_dir / "elsewhere"
    elsewhere.mkdir(parents=True)
    (elsewhere / "photo.jpg").write_bytes(b"somebody else's")
    folder = school.settings.dataset_dir / "S1"
    (folder / "deeper" / "still").mkdir(parents=True)
    (folder / "deeper" / ".hidden.jpg").write_bytes(b"x")
    for link, target in {"folder": elsewhere, "photo.jpg": elsewhere / "photo.jpg", "gone": folder / "none"}.items():
        (folder / link).symlink_to(target)
        (folder / "deeper" / link).symlink_to(target)
    erasure = admin.post(f"/students/{student}/consents/withdraw").json["erasure"]
    assert erasure["completed_at"] and erasure["steps"]["face_images"] == {"files": 7, "rows": 0}
    assert not folder.exists() and [path.name for path in elsewhere.iterdir()] == ["photo.jpg"]


def test_a_folder_that_is_the_student_s_but_for_spaces_and_dots_goes_too_and_one_that_stays_keeps_no_other_there(
    school: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    student, admin, root = school.student("S1"), school.admin(), school.settings.dataset_dir
    for name in ("s1 ", "S1.", "S1", "S12"):
        (root / name).mkdir(parents=True)
        (root / name / "photo.jpg").write_bytes(name.encode())
    (root / " S1").symlink_to(root / "S12")

    def refuse(path: Path, **_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        erasure = admin.post(f"/students/{student}/consents/withdraw").json["erasure"]
    assert erasure["completed_at"] is None and erasure["steps"]["face_images"]["problem"] == "Permission denied"
    assert sorted(path.name for path in root.iterdir()) == [" S1", "S12"]
    school.chores()
    assert [path.name for path in root.iterdir()] == ["S12"]


@pytest.mark.parametrize("rows_seen", [True, False])
def test_a_crop_written_while_its_student_is_erased_does_not_stay(
    school: Service, monkeypatch: pytest.MonkeyPatch, rows_seen: bool
) -> None:
    """rows_seen: whether the erasure sees the crop's row, which PostgreSQL shows only once it is committed."""
    student, other, admin = school.student("S1"), school.student("S2"), school.admin()
    course = school.course()
    school.enrol(course, student, other)
    session = school.session(course, state=SessionState.OPEN, opened_at=school.clock.now())
    cut = review_crops.cut

    def withdraw_meanwhile(*arguments: Any) -> bytes:
        with monkeypatch.context() as patch:
            if not rows_seen:
                patch.setattr("attendance.crops_kept.paths_of_student", lambda db, student_id: [])
                patch.setattr("attendance.erasures.clean_reviews", lambda db, student_id: 0)
            done = admin.post(f"/students/{student}/consents/withdraw").json["erasure"]
        assert done["completed_at"]
        return cut(*arguments)

    monkeypatch.setattr(review_crops, "cut", withdraw_meanwhile)
    assert admin.post(f"/sessions/{session}/frames", **png(picture(doubtful("S1", "S2")))).status_code == 200
    assert crops(school) == []
    with school.db() as db:
        item = db.query(ReviewItem).one()
        assert item.resolution is ReviewResolution.EXPIRED
        assert [each["student_id"] for each in item.candidates] == [other]


def test_a_face_that_may_be_somebodys_who_withdraws_while_it_is_looked_at_leaves_nothing(
    school: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    student, admin, course = school.student("S1"), school.admin(), school.course()
    school.enrol(course, student, school.student("S2"))
    session = school.session(course, state=SessionState.OPEN, opened_at=school.clock.now())
    recognize = school.recognizer.recognize

    def withdraw_meanwhile(*arguments: Any, **others: Any) -> Any:
        found = recognize(*arguments, **others)
        assert admin.post(f"/students/{student}/consents/withdraw").json["erasure"]["completed_at"]
        return found

    monkeypatch.setattr(school.recognizer, "recognize", withdraw_meanwhile)
    answer = admin.post(
        f"/sessions/{session}/frames", data=picture(doubtful("S1", "S2")), headers={"Content-Type": "image/png"}
    )
    assert [face["decision"] for face in answer.json["faces"]] == ["unknown"]
    with school.db() as db:
        assert not db.query(Sighting).count() and not db.query(ReviewItem).count()


def test_crops_and_embeddings_that_nothing_accounts_for_are_deleted(school: Service) -> None:
    prepared(school)
    by_hand = (school.settings.dataset_dir / "S1" / "put here by hand.png").read_bytes()
    remember(school, hashlib.sha256(by_hand).hexdigest(), "f" * 64)
    (school.settings.data_dir / "review" / "left by a crash.jpg").write_bytes(b"a face")
    run = school.admin().post("/privacy/retention/run").json
    assert run["deleted"]["review_crops"] == 1 and run["problem"] is None
    school.chores()
    assert len(crops(school)) == 2 and len(remembered(school)) == 5 and "f" * 64 not in remembered(school)


def test_an_erasure_finds_what_is_remembered_of_photos_that_were_deleted_by_hand(school: Service) -> None:
    ids = prepared(school)
    remember(school, "f" * 64)
    with school.db() as db:  # somebody decided that it is none of the candidates
        item = next(each for each in db.query(ReviewItem) if each.candidates[0]["student_id"] == ids["S3"])
        item.student_id, item.resolution = ids["S1"], ReviewResolution.STUDENT
    erasure = school.admin().post(f"/students/{ids['S1']}/consents/withdraw").json["erasure"]
    assert erasure["steps"]["embeddings"] == {"rows": 2} and len(remembered(school)) == 3
    assert crops(school) == []


def database_bytes(school: Service) -> bytes:
    url = str(school.settings.database_url)
    if not url.startswith("sqlite"):
        pytest.skip("PostgreSQL's files are its own")
    path = Path(url.removeprefix("sqlite:///"))
    return b"".join(each.read_bytes() for each in path.parent.glob(f"{path.name}*"))


def test_the_name_of_an_erased_student_is_nowhere_in_the_database_s_files(
    school: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    student, admin = school.student("WAL-77", "Walburga Residualis", email="walburga@example.org"), school.admin()
    traces = (b"WAL-77", b"Walburga", b"walburga@")
    assert all(trace in database_bytes(school) for trace in traces)
    # while somebody reads what the log has it cannot be emptied, and the erasure is not done
    monkeypatch.setattr("attendance.database._EMPTY_LOG_MS", 1)
    with school.database.reading() as reader:
        reader.query(Student).all()
        erasure = admin.post(f"/students/{student}/erase", json={"external_id": "WAL-77"}).json
        assert erasure["completed_at"] is None and "somebody is reading" in erasure["steps"]["database"]["problem"]
    school.chores()
    assert admin.get("/privacy/erasures").json["items"][0]["completed_at"]
    assert not any(trace in database_bytes(school) for trace in traces)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_nothing_made_of_faces_can_be_read_by_others_whatever_the_umask(school: Service) -> None:
    before = os.umask(0)
    try:
        prepared(school)
        school.chores()
    finally:
        os.umask(before)
    by_the_test = {"put here by hand.png", "training.log", "training.log.1", "1.log"}
    settings = school.settings
    assert settings.cache_dir is not None
    kept = [
        path
        for root in (settings.dataset_dir, settings.model_dir, settings.cache_dir, settings.data_dir / "review")
        for path in (root, *root.rglob("*"))
        if path.name not in by_the_test and path.suffix != ".lock"
    ]
    kept += Path(str(settings.database_url).removeprefix("sqlite:///")).parent.glob("*.sqlite3*")
    assert {path.name for path in kept} >= {"dataset", "S1", "face_classifier_v1.pkl", "v1", "embeddings.sqlite3"}
    assert [str(path) for path in kept if path.stat().st_mode & 0o077] == []


def test_an_image_stored_while_the_consent_is_withdrawn_does_not_stay(
    school: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    student, admin = school.student("S1"), school.admin()
    files = school.app.extensions["smartattendance"].faces.files
    write = type(files).write

    def withdraw_meanwhile(self: Any, relative: str, data: bytes) -> None:
        write(self, relative, data)
        monkeypatch.undo()
        from attendance import consents
        from attendance.actor import system_actor

        with school.db() as db:
            consents.withdraw(db, system_actor(), student, school.clock.now())

    monkeypatch.setattr(type(files), "write", withdraw_meanwhile)
    assert problem(admin.post(f"/students/{student}/faces", **png(good()))) == (409, "no_consent")
    school.chores()
    assert list(school.settings.dataset_dir.iterdir()) == []
    with school.db() as db:
        assert db.query(FaceImage).count() == 0 and db.query(Erasure).one().completed_at


def exported(school: Service, student: int) -> tuple[dict[str, Any], list[bytes]]:
    """(the data, the images) of the file that a student gets."""
    answer = school.admin().get(f"/students/{student}/export")
    assert answer.status_code == 200 and answer.content_type == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        images = [archive.read(name) for name in archive.namelist() if name.startswith("images/")]
        return json.loads(archive.read("data.json")), images


def test_a_student_gets_everything_that_is_kept_about_them(school: Service) -> None:
    ids, admin, now = prepared(school), school.admin(), school.clock.now()
    days = dict.fromkeys(("starts_on", "ends_on"), "2026-11-23")
    for name in ("S1", "S2"):
        excuse = {"student_id": ids[name], "reason_code": "illness", "text": f"{name} is ill", **days}
        assert admin.post("/excuses", json=excuse).status_code == 201
    with school.db() as db:
        course_id = db.query(Enrolment).first().course_id
        rule = WarningRule(course_id=course_id, kind="percent_below", threshold=75, created_by=1, created_at=now)
        db.add(rule)
        db.flush()
        done = {"kind": "face", "shas": [], "steps": {}, "requested_at": now, "completed_at": now}
        for student in (ids["S1"], ids["S2"]):
            db.add(WarningSent(rule_id=rule.id, student_id=student, occasion=1, value=50, at=now))
            db.add(Erasure(student_id=student, **done))
        for item in db.query(ReviewItem):
            item.student_id = item.candidates[0]["student_id"]
    data, images = exported(school, ids["S1"])
    assert len(images) == 1 and images[0].startswith(b"\xff\xd8") and data["face_images_missing"] == []
    assert data["student"]["external_id"] == "S1" and data["student"]["name"] == "Student S1"
    assert [record["status"] for record in data["attendance"]] == ["present"]
    assert data["sightings"] and data["sessions"] and data["courses"]
    once = ("consents", "face_images", "enrolments", "attendance_changes", "excuses", "warnings", "reviews", "erasures")
    assert {table: len(data[table]) for table in once} == dict.fromkeys(once, 1)
    about = [row for rows in data.values() if isinstance(rows, list) for row in rows if isinstance(row, dict)]
    assert {row["student_id"] for row in about if row.get("student_id")} == {ids["S1"]}
    assert not {"path", "crop_path", "candidates"} & {name for row in about for name in row}
    assert {(row["object_type"], row["object_id"]) for row in data["audit"]} == {("student", str(ids["S1"]))}
    assert {"face.add", "student.export"} <= {row["action"] for row in data["audit"]}
    assert "S2" not in json.dumps(data) and "Student S2" not in json.dumps(data)
    next((school.settings.dataset_dir / "S1").glob("*.jpg")).unlink()
    data, images = exported(school, ids["S1"])
    assert images == [] and data["face_images_missing"] == [row["id"] for row in data["face_images"]]
    assert problem(school.program(school.user()).get(f"/students/{ids['S1']}/export")) == (403, "role")
    assert problem(admin.get("/students/99/export")) == (404, "not_found")


def test_what_is_due_is_deleted_and_leaves_evidence(school: Service) -> None:
    ids, admin = prepared(school), school.admin()
    with school.db() as db:
        image = db.query(FaceImage).filter_by(student_id=ids["S2"]).one()
        image.delete_after = school.clock.now() + timedelta(days=2)
        db.add(
            Login(
                user_id=image.created_by,
                secret_sha256="f" * 64,
                created_at=school.clock.now(),
                expires_at=school.clock.now() + timedelta(hours=1),
            )
        )
    link = admin.post("/users", json={"email": "new@example.org", "name": "New", "role": "viewer"}).json["invitation"]
    secret = {"secret": link["link"].rpartition("/")[2], "password": "quite another passphrase"}
    assert school.guest().post("/auth/redeem", json=secret).status_code == 200
    unused = admin.post("/users", json={"email": "late@example.org", "name": "Late", "role": "viewer"})
    school.clock.advance(minutes=1)
    school.chores()
    with school.db() as db:
        assert [link.user_id for link in db.query(OneTimeLink)] == [unused.json["user"]["id"]]
        db.query(ReviewItem).first().resolution = ReviewResolution.DISMISSED
    assert len(crops(school)) == 2 and (school.settings.dataset_dir / "S2").exists()
    school.clock.advance(days=8)
    school.chores()
    assert crops(school) == [] and not (school.settings.dataset_dir / "S2").exists()
    log = Path(f"{school.database.engine.url.database}-wal")
    assert not log.is_file() or log.stat().st_size == 0  # it would have what was deleted
    with school.db() as db:
        found = {item.resolution for item in db.query(ReviewItem)}
        assert found == {ReviewResolution.DISMISSED, ReviewResolution.EXPIRED}
        assert db.query(Sighting).filter(Sighting.crop_path.is_not(None)).count() == 0
        assert db.query(Sighting).count() > 0 and db.query(Login).filter_by(secret_sha256="f" * 64).count() == 0
    school.clock.advance(days=30)
    run = admin.post("/privacy/retention/run").json
    assert run["deleted"]["sightings"] > 0 and run["problem"] is None
    with school.db() as db:
        assert db.query(Sighting).count() == db.query(ReviewItem).count() == db.query(Frame).count() == 0
        assert db.query(AttendanceRecord).filter_by(status="present").count() == 1
    shown = admin.get("/privacy/retention").json
    assert shown["policy"] == {"review_crop_days": 7.0, "frame_record_days": 30.0}
    assert shown["runs"][0]["id"] == run["id"]
    week = next(each for each in shown["runs"] if "review_crops" in each["deleted"])
    assert week["deleted"] == {"review_crops": 2, "face_images": 1, "logins": 2, "one_time_links": 1}
    assert len(remembered(school)) == 3


def test_runs_without_anything_due_leave_one_line_a_day(school: Service) -> None:
    for _ in range(3):
        school.chores()
        school.clock.advance(hours=1)
    with school.db() as db:
        assert [run.deleted for run in db.query(RetentionRun)] == [{}]
    # one that somebody asked for is written down whatever it found, in the audit trail too
    asked = school.admin().post("/privacy/retention/run").json
    assert asked["deleted"] == {}
    with school.db() as db:
        event = db.query(AuditEvent).filter_by(action="retention.run").one()
        assert event.object_id == str(asked["id"]) and event.actor_id is not None
    school.clock.advance(days=1)
    school.chores()
    with school.db() as db:
        assert db.query(RetentionRun).count() == 3


def test_what_cannot_be_deleted_is_tried_again_and_visible(school: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    ids, admin = prepared(school), school.admin()
    with school.db() as db:
        photo = db.query(FaceImage).filter_by(student_id=ids["S2"]).one()
        photo.delete_after = school.clock.now() + timedelta(days=1)
    school.clock.advance(days=8)
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.parent.name in ("review", "S2"):
            raise PermissionError(13, "Permission denied")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    run = admin.post("/privacy/retention/run").json
    assert "review_crops" in run["problem"] and len(crops(school)) == 2
    assert "face_images" in run["problem"] and (school.settings.dataset_dir / photo.path).is_file()
    school.clock.advance(days=30)
    admin.post("/privacy/retention/run")
    with school.db() as db:
        # the rows say where the files are
        assert db.query(Sighting).filter(Sighting.crop_path.is_not(None)).count() == 2
        assert db.query(ReviewItem).count() == 2
    monkeypatch.undo()
    deleted = admin.post("/privacy/retention/run").json["deleted"]
    assert deleted["review_crops"] == deleted["sightings"] == 2
    assert crops(school) == []


def test_what_is_kept_is_kept_from_its_receipt(school: Service) -> None:
    prepared(school)
    with school.db() as db:
        # frames that waited in a browser for almost two hours
        for row in (*db.query(Sighting), *db.query(Frame)):
            row.captured_at = school.clock.now() - timedelta(hours=2)
    school.clock.advance(days=30, minutes=-30)
    school.chores()
    with school.db() as db:
        assert db.query(Sighting).count() == 4
    school.clock.advance(hours=1)
    school.chores()
    with school.db() as db:
        assert db.query(Sighting).count() == db.query(Frame).count() == 0


def test_unfinished_images_are_settled_at_the_start(school: Service) -> None:
    student, admin = school.student("S1"), school.admin()
    made = [admin.post(f"/students/{student}/faces", **png(good(1, shot))).json["stored"][0] for shot in range(3)]
    root = school.settings.dataset_dir
    with school.db() as db:
        whole, without_file, going = (db.get_one(FaceImage, each["id"]) for each in made)
        whole.state = without_file.state = FaceImageState.PENDING
        going.state = FaceImageState.ERASING
        (root / without_file.path).unlink()
    leftover = root / "S1" / ".x.jpg.tmp-123456"
    leftover.write_bytes(b"half")
    school.chores()
    assert [each["id"] for each in admin.get(f"/students/{student}/faces").json] == [made[0]["id"]]
    assert len(list((root / "S1").iterdir())) == 1
