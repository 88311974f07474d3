"""Consents, through the API."""

from __future__ import annotations

import threading

import pytest

from attendance import consents, rosters
from attendance.actor import system_actor
from attendance.models import AuditEvent, ClassSession, Consent, Erasure, ErasureKind, FaceImage, FaceImageState, Role
from errors import ConflictError
from support.service import Service, problem


def _image(service: Service, student_id: int, sha: str) -> None:
    with service.db() as db:
        consent = db.query(Consent).filter_by(student_id=student_id, withdrawn_at=None).one()
        db.add(
            FaceImage(
                student_id=student_id,
                consent_id=consent.id,
                sha256=sha,
                path=f"x/{sha}.png",
                quality={},
                state=FaceImageState.STORED,
                created_by=consent.recorded_by,
                created_at=service.clock.now(),
            )
        )


def test_a_consent_is_recorded_with_who_when_and_what(service: Service) -> None:
    instructor = service.user()
    course, student = service.course(enrollers=(instructor,)), service.student("s1", consent=False)
    service.enrol(course, student)
    client = service.program(instructor)
    path = f"/students/{student}/consents"
    assert client.get(path).json == []
    made = client.post(path, json={"method": "paper", "evidence": "folder 7"})
    assert made.status_code == 201
    assert (made.json["policy_version"], made.json["recorded_by"], made.json["withdrawn_at"]) == ("1", instructor, None)
    assert made.json["given_at"] == "2026-11-23T08:00:00+00:00"
    assert problem(client.post(path, json={"method": "online"})) == (409, "consent_active")
    assert client.get(path).json == [made.json] and service.acts() == ["consent.give"]
    assert client.get(f"/students/{student}").json["has_consent"] is True


def test_a_consent_of_tomorrow_or_of_no_known_kind_is_refused(service: Service) -> None:
    client, student = service.admin(), service.student("s1", consent=False)
    path = f"/students/{student}/consents"
    late = {"method": "paper", "given_at": "2026-11-23T09:00:01+01:00"}
    assert problem(client.post(path, json=late)) == (422, "future")
    assert problem(client.post(path, json={"method": "telepathy"})) == (422, "invalid")
    assert problem(client.post(path, json={"method": "paper", "given_at": "2026-11-23T07:00:00"})) == (422, "invalid")
    early = {"method": "guardian", "given_at": "2026-11-20T09:00:00+01:00", "policy_version": "2026-1"}
    made = client.post(path, json=early).json
    assert (made["given_at"], made["policy_version"]) == ("2026-11-20T08:00:00+00:00", "2026-1")


def test_only_staff_appointed_for_enrolment_reach_consents(service: Service) -> None:
    viewer, lead, stranger = service.user(Role.VIEWER), service.user(), service.user()
    # an appointment left over from when the account was an instructor's counts for nothing
    course, student = service.course(leads=(lead,), enrollers=(viewer,)), service.student("s1")
    service.enrol(course, student)
    service.course(leads=(stranger,), enrollers=(stranger,))
    assert service.program(viewer).get(f"/students/{student}").json["may_manage"] is False
    path = f"/students/{student}/consents"
    for user, refusal in ((viewer, (403, "role")), (lead, (403, "not_appointed")), (stranger, (404, "not_found"))):
        client = service.program(user)
        assert problem(client.get(path)) == refusal
        assert problem(client.post(f"{path}/withdraw")) == refusal
        assert problem(client.post(path, json={"method": "paper"})) == refusal
    nobody = f"/students/{student + 1}"
    told = [
        service.program(stranger).get(f"{each}/consents").json["detail"] for each in (f"/students/{student}", nobody)
    ]
    assert told[0].replace(str(student), "N") == told[1].replace(str(student + 1), "N")


def test_withdrawal_takes_the_face_out_of_use_and_orders_its_erasure(service: Service) -> None:
    instructor = service.user()
    course = service.course(enrollers=(instructor,))
    student, other = service.student("s1"), service.student("s2")
    service.enrol(course, student, other)
    session = service.session(course)
    for owner, sha in ((student, "b" * 64), (student, "a" * 64), (other, "c" * 64)):
        _image(service, owner, sha)
    client = service.program(instructor)
    service.clock.advance(hours=1)
    answer = client.post(f"/students/{student}/consents/withdraw")
    assert answer.status_code == 200
    assert answer.json["consent"]["withdrawn_at"] == "2026-11-23T09:00:00+00:00"
    assert answer.json["consent"]["withdrawn_by"] == instructor
    assert answer.json["erasure"]["kind"] == "face"
    assert client.get(f"/students/{student}").json["has_consent"] is False
    assert client.get(f"/students/{student}").json["face_images"] == 0
    with service.db() as db:
        erasure = db.query(Erasure).one()
        assert erasure.student_id == student and erasure.requested_by == instructor
        if erasure.completed_at is None:
            assert (erasure.external_id, erasure.shas) == ("s1", ["a" * 64, "b" * 64])
        states = {image.sha256[0]: image.state for image in db.query(FaceImage)}
        assert states["c"] is FaceImageState.STORED
        assert {state for sha, state in states.items() if sha != "c"} <= {FaceImageState.ERASING}
        assert rosters.recognisable(db, db.get_one(ClassSession, session)) == {"s2": other}
        assert rosters.without_consent(db) == {"s1"}
        events = [event for event in db.query(AuditEvent) if event.action == "consent.withdraw"]
        assert [event.object_id for event in events] == [str(student)]
    assert problem(client.post(f"/students/{student}/consents/withdraw")) == (409, "no_consent")


def test_nobody_consents_again_before_the_erasure_is_done(service: Service) -> None:
    student = service.student("s1")
    with service.db() as db:
        consents.withdraw(db, system_actor(), student, service.clock.now())
    client, path = service.admin(), f"/students/{student}/consents"
    assert problem(client.post(path, json={"method": "paper"})) == (409, "erasing")
    other = service.student("s2")
    with service.db() as db:
        assert consents.require_consent(db, other).student_id == other
        db.add(Erasure(student_id=other, kind=ErasureKind.FACE, requested_at=service.clock.now()))
        with pytest.raises(ConflictError, match="still being erased"):
            consents.require_consent(db, other)
    with service.db() as db:
        db.query(Erasure).filter_by(student_id=student).one().completed_at = service.clock.now()
    assert client.post(path, json={"method": "paper"}).status_code == 201
    assert [consent["withdrawn_at"] is None for consent in client.get(path).json] == [True, False]


def test_of_many_who_withdraw_at_once_one_does(service: Service) -> None:
    student = service.student("s1")
    outcomes: list[str] = []
    start = threading.Barrier(4)

    def withdraw() -> None:
        start.wait()
        try:
            with service.database.writing() as db:
                consents.withdraw(db, system_actor(), student, service.clock.now())
            outcomes.append("done")
        except ConflictError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=withdraw) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "no_consent", "no_consent", "no_consent"]
    with service.db() as db:
        assert db.query(Erasure).count() == 1
