"""One of everything that the API is about, for tests that go through all of its endpoints."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import Flask

from api import urls
from attendance.models import (
    ApiToken,
    AttendanceRecord,
    CalendarFeed,
    ClassSession,
    Consent,
    ConsentMethod,
    Course,
    CourseStaff,
    Enrolment,
    EnrolmentRequest,
    Excuse,
    FaceImage,
    FaceImageState,
    Frame,
    Kiosk,
    ReviewItem,
    Role,
    ScheduleRule,
    SessionState,
    Sighting,
    SightingDecision,
    Student,
    TrainingJob,
    TrainingState,
    UserAccount,
    WarningKind,
    WarningRule,
    WarningSent,
)
from support.service import Service


def documented_endpoints() -> list[str]:
    """``GET /api/v1/courses`` and so on: every endpoint in the API's document."""
    app = Flask(__name__)
    urls.register(app)
    paths = app.test_client().get("/api/openapi.json").get_json()["paths"]
    methods = ("get", "post", "put", "patch", "delete")
    return [f"{method.upper()} {path}" for path in sorted(paths) for method in methods if method in paths[path]]


@dataclass
class World:
    """users: ids by what they are. ids: what path parameters stand for, all of one course."""

    service: Service
    users: dict[str, int]
    ids: dict[str, Any]


def make_world(service: Service) -> World:
    """One of everything, with an open session, in a course of ``lead``, ``enroller`` (appointed for enrolment, and no
    lead) and ``viewer``; ``foreign`` and ``foreign_viewer`` have a course too, on whose roster the student waits for an
    admin. ``founder`` may make courses and has none."""
    now, users = service.clock.now(), {}
    ids: dict[str, Any] = {
        "kind": "csv",
        "secret": "x" * 43,
        "version": "v1",
        "name": "training_summary.txt",
        "number": 1,
    }
    with service.db() as db:

        def add(thing: Any) -> int:
            db.add(thing)
            db.flush()
            return int(getattr(thing, "id", 0) or 0)

        for name, role in {
            "admin": Role.ADMIN,
            "lead": Role.INSTRUCTOR,
            "viewer": Role.VIEWER,
            "foreign": Role.INSTRUCTOR,
            "foreign_viewer": Role.VIEWER,
            "colleague": Role.INSTRUCTOR,
            "enroller": Role.INSTRUCTOR,
            "founder": Role.INSTRUCTOR,
        }.items():
            account = UserAccount(name=name, email=f"{name}@example.org", role=role, created_at=now)
            account.may_create_courses = name == "founder"
            users[name] = add(account)
        ids["user_id"] = users["colleague"]
        for code, lead, viewer in (("MINE", "lead", "viewer"), ("THEIRS", "foreign", "foreign_viewer")):
            course = add(Course(code=code, title=code, term="T", timezone="UTC", created_at=now))
            # appointed in the course that does not have the student, which gives no rights over them
            appointed = lead == "foreign"
            add(CourseStaff(course_id=course, user_id=users[lead], is_lead=True, may_enrol=appointed, added_at=now))
            add(CourseStaff(course_id=course, user_id=users[viewer], is_lead=False, added_at=now))
            ids.setdefault("course_id", course)
        mine = ids["course_id"]
        add(CourseStaff(course_id=mine, user_id=users["enroller"], may_enrol=True, added_at=now))
        add(CourseStaff(course_id=mine, user_id=users["colleague"], added_at=now))
        student = ids["student_id"] = add(Student(external_id="S001", name="Ada", created_at=now))
        consent = add(
            Consent(
                student_id=student,
                policy_version="1",
                method=ConsentMethod.PAPER,
                given_at=now,
                recorded_by=users["admin"],
            )
        )
        ids["enrolment_id"] = add(
            Enrolment(course_id=mine, student_id=student, starts_on=date(2026, 9, 1), created_at=now)
        )
        for course_id, key, asker in ((mine, "S555", "lead"), (course, "S001", "foreign")):
            request = EnrolmentRequest(
                course_id=course_id,
                external_id=key,
                external_key=key.lower(),
                name="Ada",
                starts_on=date(2026, 9, 1),
                requested_by=users[asker],
                requested_at=now,
            )
            ids.setdefault("request_id", add(request))
        session = ids["session_id"] = add(
            ClassSession(
                course_id=mine,
                starts_at=now,
                ends_at=now + timedelta(hours=1),
                late_after=now + timedelta(minutes=10),
                state=SessionState.OPEN,
                opened_at=now,
                created_at=now,
            )
        )
        ids["record_id"] = add(AttendanceRecord(session_id=session, student_id=student, updated_at=now))
        frame = add(
            Frame(
                session_id=session,
                event_uuid="k",
                body_sha256="0" * 64,
                captured_at=now,
                received_at=now,
                model_version="v1",
            )
        )
        sighting = add(
            Sighting(
                session_id=session,
                frame_id=frame,
                face_index=0,
                captured_at=now,
                received_at=now,
                similarity=0.5,
                score=0.5,
                margin=0.1,
                decision=SightingDecision.REVIEW,
                box=[0, 0, 9, 9],
            )
        )
        ids["item_id"] = add(
            ReviewItem(
                session_id=session,
                sighting_id=sighting,
                candidates=[{"student_id": student, "similarity": 0.5}],
                created_at=now,
            )
        )
        ids["excuse_id"] = add(
            Excuse(
                student_id=student,
                course_id=mine,
                starts_on=date(2026, 12, 1),
                ends_on=date(2026, 12, 1),
                reason_code="illness",
                created_by=users["lead"],
                created_at=now,
            )
        )
        ids["face_id"] = add(
            FaceImage(
                student_id=student,
                consent_id=consent,
                sha256="1" * 64,
                path="S001/1.jpg",
                quality={},
                state=FaceImageState.STORED,
                created_by=users["lead"],
                created_at=now,
            )
        )
        ids["rule_id"] = add(
            ScheduleRule(
                course_id=mine,
                rrule="FREQ=WEEKLY;BYDAY=MO",
                starts_on=date(2026, 12, 1),
                ends_on=date(2026, 12, 31),
                start_time=now.time(),
                duration_s=3600,
                created_at=now,
            )
        )
        warning_rule = add(
            WarningRule(
                course_id=mine, kind=WarningKind.ABSENCES, threshold=3, created_by=users["lead"], created_at=now
            )
        )
        assert warning_rule == ids["rule_id"], "one path parameter stands for both"
        ids["warning_id"] = add(
            WarningSent(rule_id=warning_rule, student_id=student, occasion=session, value=3, at=now)
        )
        ids["token_id"] = add(
            ApiToken(
                user_id=users["colleague"],
                name="t",
                shown="sa_",
                secret_sha256="2" * 64,
                scopes=[],
                created_at=now,
                expires_at=now + timedelta(days=1),
            )
        )
        ids["kiosk_id"] = add(
            Kiosk(
                course_id=mine,
                user_id=users["lead"],
                name="Door",
                secret_sha256="4" * 64,
                pin_hash="",
                created_at=now,
                expires_at=now + timedelta(days=1),
            )
        )
        ids["feed_id"] = add(CalendarFeed(user_id=users["colleague"], secret_sha256="3" * 64, created_at=now))
        ids["training_id"] = add(
            TrainingJob(state=TrainingState.FAILED, started_by=users["admin"], created_at=now, finished_at=now)
        )
    return World(service, users, ids)
