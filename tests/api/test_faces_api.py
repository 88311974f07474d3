"""Faces enrolled, looked at and deleted, through the API."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from attendance.face_images import MOST_IMAGES
from attendance.models import AuditEvent, FaceImage, FaceImageState, Role
from support.enrolling import BAD, DrawnFaceDetector, bad, good, png
from support.service import Service, make_service, make_settings, problem


@pytest.fixture
def school(database_url: str, tmp_path: Path) -> Iterator[Service]:
    made = make_service(make_settings(tmp_path, database_url), recognizer=DrawnFaceDetector())
    yield made
    made.database.close()


def files(school: Service) -> list[str]:
    root = school.settings.dataset_dir
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_a_good_photo_is_cut_out_and_kept_under_the_students_id(school: Service) -> None:
    student, instructor = school.student("Müller 7"), school.user()
    school.enrol(school.course(enrollers=(instructor,)), student)
    client = school.program(instructor)
    made = client.post(f"/students/{student}/faces", **png(good()))
    assert made.status_code == 201 and made.json["refused"] == []
    (face,) = made.json["stored"]
    assert face["quality"]["side"] > 80 and face["student_id"] == student
    (name,) = files(school)
    assert name.startswith("Müller 7/") and name.endswith(".jpg")
    picture = Image.open(school.settings.dataset_dir / name)
    assert picture.format == "JPEG" and max(picture.size) <= 512 and not picture.getexif()
    shown = client.get(f"/faces/{face['id']}/image")
    assert shown.data == (school.settings.dataset_dir / name).read_bytes()
    assert shown.headers["Cache-Control"] == "no-store"
    assert [each["id"] for each in client.get(f"/students/{student}/faces").json] == [face["id"]]
    gone = client.delete(f"/faces/{face['id']}")
    assert gone.status_code == 200 and "next training" in gone.json["detail"]
    assert files(school) == [] and not (school.settings.dataset_dir / "Müller 7").exists()
    assert problem(client.get(f"/faces/{face['id']}/image")) == (404, "not_found")
    with school.db() as db:
        assert [event.action for event in db.query(AuditEvent)] == ["face.add", "face.delete"]
        assert db.query(FaceImage).count() == 0


@pytest.mark.parametrize("code", BAD)
def test_what_is_not_good_enough_is_refused_and_says_what_to_do(sqlite_school: Service, code: str) -> None:
    data = bad()[code]
    student, client = sqlite_school.student("S1"), sqlite_school.admin()
    answer = client.post(f"/students/{student}/faces", **png(data))
    assert problem(answer) == (422, code)
    assert files(sqlite_school) == []
    if code != "invalid_image":
        checked = client.post(f"/students/{student}/faces/check", **png(data)).json
        assert not checked["good"] and checked["shortcomings"][0]["code"] == code
        assert checked["next_step"] == checked["shortcomings"][0]["message"]


@pytest.fixture
def sqlite_school(sqlite_service: Service, tmp_path: Path) -> Iterator[Service]:
    settings = make_settings(tmp_path, str(sqlite_service.settings.database_url))
    made = make_service(settings, recognizer=DrawnFaceDetector())
    yield made
    made.database.close()


def test_checking_stores_nothing_and_tells_where_the_student_looks(school: Service) -> None:
    student, client = school.student("S1"), school.admin()
    found = client.post(f"/students/{student}/faces/check", **png(good())).json
    assert found["good"] and found["pose"] == "front" and found["width"] == 400 and len(found["box"]) == 4
    assert files(school) == [] and client.get(f"/students/{student}/faces").json == []


def test_several_photos_at_once_each_judged_by_itself(school: Service) -> None:
    student, client = school.student("S1"), school.admin()
    photos = [good(shot=0), bad()["blurred"], good(shot=1), good(shot=0)]
    form: Any = {"image": [(io.BytesIO(data), f"{n}.png", "image/png") for n, data in enumerate(photos)]}
    made = client.post(f"/students/{student}/faces", data=form).json
    assert len(made["stored"]) == 2 and len(files(school)) == 2
    assert [(each["index"], each["code"]) for each in made["refused"]] == [(1, "blurred"), (3, "already_stored")]
    again: Any = {"image": [(io.BytesIO(data), "a.png", "image/png") for data in photos[:2]]}
    refused = client.post(f"/students/{student}/faces", data=again)
    assert problem(refused) == (409, "already_stored") and len(refused.json["errors"]) == 2
    twins = school.student("S2")
    assert problem(client.post(f"/students/{twins}/faces", **png(good(shot=1)))) == (409, "other_student")
    wrong: Any = {"photo": (io.BytesIO(photos[0]), "a.png", "image/png")}
    assert problem(client.post(f"/students/{student}/faces", data=wrong)) == (422, "form")
    assert problem(client.post(f"/students/{student}/faces", data="x", content_type="text/plain"))[0] == 415


def form_of(*photos: bytes, type_: str = "image/jpg") -> Any:
    return {"image": [(io.BytesIO(data), f"{n}.jpg", type_) for n, data in enumerate(photos)]}


def test_twenty_photos_in_one_form_each_within_the_limit(sqlite_service: Service, tmp_path: Path) -> None:
    settings = make_settings(tmp_path, str(sqlite_service.settings.database_url), max_image_bytes=300_000)
    school = make_service(settings, recognizer=DrawnFaceDetector())
    student, client = school.student("S1"), school.admin()
    path, photos = f"/students/{student}/faces", [good(shot=shot) for shot in range(2)]
    large = photos[0].ljust(300_001)
    sent = client.post(path, data=form_of(large, *photos, *[photos[0].ljust(250_000)] * 17))
    assert sent.status_code == 201 and len(sent.json["stored"]) == 2
    assert [(each["index"], each["code"]) for each in sent.json["refused"]] == [
        (0, "image_too_large"),
        *((index, "already_stored") for index in range(3, 20)),
    ]
    for count in (21, 30):
        many = client.post(path, data=form_of(*[b"x"] * count))
        assert problem(many) == (422, "form") and "1 to 20 parts" in many.json["detail"]
    refused = client.post(path, data=form_of(b"x", b"y"))
    assert problem(refused) == (422, "invalid_image") and len(refused.json["errors"]) == 2
    school.database.close()


@pytest.mark.parametrize("type_", ["image/jpg", "image/heic", "application/octet-stream"])
def test_the_content_and_not_the_type_says_what_a_photo_is(sqlite_school: Service, type_: str) -> None:
    student, client = sqlite_school.student("S1"), sqlite_school.admin()
    answer = client.post(f"/students/{student}/faces/check", data=good(), content_type=type_)
    assert answer.status_code == 200 and answer.json["good"]


def test_no_face_without_consent(school: Service) -> None:
    student, client = school.student("S1", consent=False), school.admin()
    for path in ("faces", "faces/check"):
        answer = client.post(f"/students/{student}/{path}", **png(good()))
        assert problem(answer) == (409, "no_consent") and f"/students/{student}/consents" in answer.json["detail"]
    assert files(school) == []


def test_only_those_who_are_appointed_for_the_student(school: Service) -> None:
    student, other, viewer = school.student("S1"), school.user(), school.user(Role.VIEWER)
    lead = school.user()
    school.enrol(school.course(staff=(viewer,), leads=(lead,)), student)
    made = school.admin().post(f"/students/{student}/faces", **png(good())).json["stored"][0]
    for user, refusal in ((other, (404, "not_found")), (viewer, (403, "role")), (lead, (403, "not_appointed"))):
        client = school.program(user)
        assert problem(client.get(f"/students/{student}/faces")) == refusal
        assert problem(client.post(f"/students/{student}/faces", **png(good(shot=1)))) == refusal
        assert problem(client.post(f"/students/{student}/faces/check", **png(good(shot=1)))) == refusal
        assert problem(client.delete(f"/faces/{made['id']}")) == refusal
        assert problem(client.get(f"/faces/{made['id']}/image")) == refusal
    nobody = school.program(other).get(f"/faces/{made['id'] + 1}/image").json["detail"]
    told = school.program(other).get(f"/faces/{made['id']}/image").json["detail"]
    assert told.replace(str(made["id"]), "N") == nobody.replace(str(made["id"] + 1), "N")


def test_enough_is_enough(school: Service) -> None:
    student, client = school.student("S1"), school.admin()
    first = client.post(f"/students/{student}/faces", **png(good())).json["stored"][0]
    with school.db() as db:
        row = db.get_one(FaceImage, first["id"])
        for number in range(MOST_IMAGES - 1):
            db.add(
                FaceImage(
                    student_id=student,
                    consent_id=row.consent_id,
                    sha256=f"{number:064}",
                    path=f"S1/{number}.jpg",
                    quality={},
                    state=FaceImageState.STORED,
                    created_by=row.created_by,
                    created_at=row.created_at,
                )
            )
    assert problem(client.post(f"/students/{student}/faces", **png(good(shot=1)))) == (409, "too_many_images")


def test_a_folder_that_is_a_link_out_of_the_data_set_is_not_written_to(school: Service, tmp_path: Path) -> None:
    student, outside = school.student("S1"), tmp_path / "outside"
    outside.mkdir()
    school.settings.dataset_dir.mkdir(exist_ok=True)
    (school.settings.dataset_dir / "S1").symlink_to(outside)
    answer = school.admin().post(f"/students/{student}/faces", **png(good()))
    assert problem(answer) == (409, "unsafe_path")
    assert list(outside.iterdir()) == []
    with school.db() as db:
        assert db.query(FaceImage).count() == 0


def test_a_disk_that_cannot_be_written_leaves_no_row(school: Service) -> None:
    student = school.student("S1")
    school.settings.dataset_dir.mkdir(exist_ok=True)
    (school.settings.dataset_dir / "S1").write_text("a file where the folder should be")
    answer = school.admin().post(f"/students/{student}/faces", **png(good()))
    assert problem(answer) == (503, "storage") and "Retry-After" in answer.headers
    with school.db() as db:
        assert db.query(FaceImage).count() == 0
