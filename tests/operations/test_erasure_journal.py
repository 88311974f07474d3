"""A backup that is restored brings back whom it knows; what was erased since is erased again."""

from __future__ import annotations

import json
import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from attendance import consents, erasures
from attendance.actor import Actor, system_actor
from attendance.models import AuditEvent, Consent, ConsentMethod, Erasure, ErasureKind, Role, Student, StudentStatus
from errors import ConfigurationError, NotFoundError
from operations.check import Check, Finding
from operations.erasure import Eraser
from operations.erasure_journal import ErasureJournal
from recognizer.history import publish
from recognizer.reading import load_artifact
from serving import places_of
from support.clock import MONDAY
from support.enrolling import DrawnFaceDetector, good, png
from support.models import make_artifact
from support.service import Service, make_service, make_settings


@pytest.fixture
def school(sqlite_service: Service, tmp_path: Path) -> Service:
    settings = make_settings(tmp_path, str(sqlite_service.settings.database_url))
    return make_service(settings, recognizer=DrawnFaceDetector())


def enrolled(school: Service, name: str, number: int) -> int:
    student = school.student(name)
    assert school.admin().post(f"/students/{student}/faces", **png(good(number))).status_code == 201
    return student


class Backup:
    """Of everything: database, photos and models."""

    def __init__(self, school: Service, folder: Path) -> None:
        self.school, self.folder = school, folder
        self.kept = (school.settings.dataset_dir, school.settings.model_dir)
        folder.mkdir()
        with sqlite3.connect(self._database()) as live, sqlite3.connect(folder / "db") as copy:
            live.backup(copy)
        for number, each in enumerate(self.kept):
            shutil.copytree(each, folder / str(number))

    def restore(self, *, files_only: bool = False) -> None:
        if not files_only:
            with sqlite3.connect(self.folder / "db") as copy, sqlite3.connect(self._database()) as live:
                copy.backup(live)
        for number, each in enumerate(self.kept):
            shutil.rmtree(each)
            shutil.copytree(self.folder / str(number), each)

    def _database(self) -> str:
        return str(self.school.settings.database_url).removeprefix("sqlite:///")


def check(school: Service) -> Check:
    return Check(school.database, places_of(school.settings), school.clock)


def codes(findings: list[Finding]) -> list[str]:
    return sorted(finding.code for finding in findings)


def eraser_of(school: Service) -> Eraser:
    return Eraser(school.database, places_of(school.settings))


def withdraw_and_erase(school: Service, withdrawn: int, erased: int) -> None:
    with school.db() as db:
        consents.withdraw(db, system_actor(), withdrawn, school.clock.now())
        erasures.order(db, Actor(1, Role.ADMIN), erased, "S2", school.clock.now())
    eraser_of(school).run_pending(school.clock.now())


def folders(school: Service) -> set[str]:
    return {path.name for path in school.settings.dataset_dir.iterdir()}


def classes(school: Service) -> list[str]:
    return load_artifact(school.settings.model_dir / "face_classifier_v1.pkl")[0].classes.tolist()


@pytest.fixture
def before(school: Service, tmp_path: Path) -> tuple[Backup, int, int]:
    """(a backup, the student who withdrew since, the student who was erased since)."""
    withdrawn, erased = enrolled(school, "S1", 1), enrolled(school, "S2", 2)
    enrolled(school, "S3", 3)
    enrolled(school, "S4", 4)
    artifact = make_artifact("v1", students=4, classes=np.array(["S1", "S2", "S3", "S4"]))
    publish(school.settings.model_dir, artifact, {})
    school.clock.advance(days=1)
    backup = Backup(school, tmp_path / "backup")
    school.clock.advance(days=1)
    withdraw_and_erase(school, withdrawn, erased)
    assert folders(school) == {"S3", "S4"} and classes(school) == ["S3", "S4"]
    school.clock.advance(days=1)
    return backup, withdrawn, erased


def gone(school: Service, withdrawn: int, erased: int) -> bool:
    with school.db() as db:
        student = db.get_one(Student, erased)
        consent = db.query(Consent).filter(Consent.student_id == withdrawn).one()
        return (
            folders(school) == {"S3", "S4"}
            and classes(school) == ["S3", "S4"]
            and student.status is StudentStatus.ERASED
            and student.name == f"erased-{erased}"
            and consent.withdrawn_at is not None
            and all(erasure.completed_at for erasure in db.query(Erasure))
        )


def test_a_server_that_starts_on_a_restored_backup_erases_again(
    school: Service, before: tuple[Backup, int, int]
) -> None:
    backup, *students = before
    backup.restore()
    assert folders(school) == {"S1", "S2", "S3", "S4"} and not gone(school, *students)
    found = eraser_of(school).forgotten()
    again = make_service(school.settings, recognizer=DrawnFaceDetector(), clock=school.clock)
    # before anything is served nobody is known whose consent is gone
    with again.db() as db:
        assert {order.student_id for order in erasures.pending(db)} == set(students)
        repeated = [event.object_id for event in db.query(AuditEvent).filter_by(action="erasure.repeat")]
        assert sorted(repeated) == sorted(map(str, students))
    with again.db() as db:  # another server that found the same
        assert [erasures.order_again(db, past, each, again.clock.now()) for past, each in found] == [None, None]
    eraser_of(again).run_pending(again.clock.now())
    assert gone(school, *students)
    assert eraser_of(again).repeat_forgotten(again.clock.now()) == []
    # the backup brings them back as often as it is restored
    backup.restore()
    assert codes(check(school).run()) == ["erasure_forgotten", "erasure_forgotten"]


def test_check_finds_what_a_backup_brought_back_and_repairs_it(
    school: Service, before: tuple[Backup, int, int]
) -> None:
    backup, *students = before
    backup.restore()
    found = check(school).run()
    assert codes(found) == ["erasure_forgotten", "erasure_forgotten"]
    assert "S1" not in found[0].message and "S2" not in found[1].message
    done = check(school).run(repair=True)
    assert {finding.code for finding in done if not finding.repaired} == set()
    assert gone(school, *students) and check(school).run() == []


def test_files_that_were_restored_beside_the_present_database(school: Service, before: tuple[Backup, int, int]) -> None:
    backup, withdrawn, erased = before
    backup.restore(files_only=True)
    found = check(school).run()
    assert codes(found) == [
        *("folder_of_erased", "folder_without_consent"),
        *("model_knows_erased", "model_knows_withdrawn"),
    ]
    assert all("check --erase 'S" in finding.message for finding in found)
    for name in ("S1", "S2"):
        assert "is done" in check(school).erase(name)
    assert gone(school, withdrawn, erased) and check(school).run() == []
    with pytest.raises(NotFoundError):
        check(school).erase("S99")


def test_another_student_with_the_same_id_is_left_alone(
    school: Service, before: tuple[Backup, int, int], tmp_path: Path
) -> None:
    student = enrolled(school, "S2", 5)  # the school gave the number to somebody else
    with school.db() as db:
        consents.give(
            db,
            Actor(1, Role.ADMIN),
            before[1],
            school.clock.now(),
            method=ConsentMethod.PAPER,
            policy_version="1",
        )
    assert check(school).run() == []
    later = Backup(school, tmp_path / "later")
    later.restore()
    assert eraser_of(school).repeat_forgotten(school.clock.now()) == []
    assert check(school).run() == [] and "S2" in folders(school)
    with school.db() as db:
        assert consents.active_consent(db, student) is not None
        assert consents.active_consent(db, before[1]) is not None
        # a database that was begun anew beside the old list: its students were added after all of that
        for row in db.query(Student).filter(Student.id == student):
            row.created_at = school.clock.now()
        db.query(Erasure).delete()
    assert [student_id for _, student_id in eraser_of(school).forgotten()] == [before[1]]


def test_the_list_names_nobody_and_can_be_joined_and_ends(tmp_path: Path) -> None:
    journal = ErasureJournal(tmp_path / "erasures.jsonl")
    assert journal.read() == []
    journal.note("Müller-7", ErasureKind.FACE, 7, MONDAY)
    journal.note("MÜLLER-7", ErasureKind.FACE, 7, MONDAY)  # tried again
    text = journal.path.read_text(encoding="ascii")
    assert text.count("\n") == 1 and "ller" not in text
    assert set(json.loads(text)) == {"at", "kind", "student", "salt", "digest"}
    journal.path.write_text(text + text, encoding="ascii")  # two copies, one after the other
    (entry,) = journal.read()
    assert entry.at == MONDAY and entry.is_of("müller-7") and not entry.is_of("7")
    journal.note("other", ErasureKind.STUDENT, 8, MONDAY + timedelta(days=400))  # backups are kept for a year
    assert [each.student_id for each in journal.read()] == [7, 8]
    journal.note("third", ErasureKind.STUDENT, 9, MONDAY + timedelta(days=401))
    assert [each.student_id for each in journal.read()] == [8, 9]


def test_a_damaged_list_is_said_and_erasing_goes_on(school: Service) -> None:
    student = enrolled(school, "S1", 1)
    path = places_of(school.settings).erasure_journal
    path.write_text("{not json\n", encoding="ascii")
    assert codes(check(school).run()) == ["journal_damaged"]
    with pytest.raises(ConfigurationError, match="put a copy of it there"):
        make_service(school.settings, recognizer=DrawnFaceDetector())
    with school.db() as db:
        consents.withdraw(db, system_actor(), student, school.clock.now())
    assert eraser_of(school).run_pending(school.clock.now()) == []
    assert not folders(school)  # the photos are gone; that it is not done is said, and it is tried again
    with school.db() as db:
        assert "list of erasures" in str(db.query(Erasure).one().problem)
    left = check(school).run(repair=True)
    assert codes(left) == ["erasure_pending", "journal_damaged"] and not any(each.repaired for each in left)
    path.unlink()
    assert len(eraser_of(school).run_pending(school.clock.now())) == 1
    assert len(ErasureJournal(path).read()) == 1
