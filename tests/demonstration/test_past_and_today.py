"""The demo's two weeks behind it, and the session that can be opened now, on any day and at any hour.

The domain and the database are real; only faces are found without networks."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sqlalchemy import select

from app import create_app, services_of
from attendance.days import day_bounds, local_day
from attendance.models import (
    AttendanceChange,
    AttendanceRecord,
    ClassSession,
    MarkSource,
    MarkStatus,
    ReviewItem,
    Role,
    SessionState,
)
from demonstration import lessons, school
from demonstration.cast import INSTRUCTOR, MAIN_COURSE, SMALL_COURSE
from demonstration.clock import MovedClock
from demonstration.past import founded_on, live_through
from demonstration.school import Services
from demonstration.time_zone import local_time_zone
from demonstration.today import see_to_today
from operations import review_crops
from recognizer.types import BoundingBox, DetectedFace, RGBImage
from sample_class.members import STUDENTS
from support.databases import sqlite_database
from support.recognition import LANDMARKS, FakeRecognizer
from support.service import Service, make_settings, utc


class OneFace(FakeRecognizer):
    """Finds a face in the middle of every picture."""

    def detect(self, image: RGBImage) -> tuple[DetectedFace, ...]:
        side = image.shape[0] / 2
        box = BoundingBox(side / 2, side / 2, side * 1.5, side * 1.5)
        return (DetectedFace(box, (LANDMARKS * side + side / 2).astype(np.float32), 0.99),)


@pytest.fixture(autouse=True)
def grey_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a doubtful face looks like is of no interest here, and takes long to draw."""
    monkeypatch.setattr(lessons, "portrait", lambda person, shot, size: np.full((size, size, 3), 128, np.uint8))


@pytest.fixture
def somewhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A machine whose clock is set to this time zone."""
    if not hasattr(time, "tzset"):
        pytest.skip("Windows takes its time zone from the registry")
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def make_school(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, today: date) -> tuple[Service, Path]:
    """A server with the demo's school on the morning of ``today``, and its folder of crops."""
    url = sqlite_database(tmp_path_factory.getbasetemp(), tmp_path)
    settings, clock, recognizer = make_settings(tmp_path, url, lock_after_hours=168.0), MovedClock(), OneFace()
    app = create_app(settings, recognizer=recognizer, clock=clock)
    services: Services = services_of(app)
    made = school.open_school(services, clock, founded_on(today), school.new_passwords())
    courses = school.found_courses(made, STUDENTS)
    school.give_consents(made, STUDENTS)
    crops = review_crops.folder_of(settings.data_dir)
    live_through(made, courses, STUDENTS, today, crops)
    return Service(app, settings, clock, recognizer), crops  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("somewhere", "today"),
    [
        # summer time ends between the first lesson and this Monday
        ("Europe/Berlin", date(2026, 11, 2)),
        ("America/New_York", date(2027, 3, 14)),  # a Sunday, on which it begins
        ("Asia/Kolkata", date(2028, 2, 29)),
    ],
    indirect=["somewhere"],
)
def test_two_plausible_weeks_lie_behind_it(
    somewhere: str, today: date, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    service, crops = make_school(tmp_path, tmp_path_factory, today)
    midnight = datetime(today.year, today.month, today.day, tzinfo=ZoneInfo(somewhere))
    with service.db() as db:
        found = db.scalars(select(ClassSession).order_by(ClassSession.starts_at)).all()
        held = [session for session in found if session.starts_at < midnight]
        assert Counter(session.course.code for session in held) == {MAIN_COURSE: 6, SMALL_COURSE: 4}
        assert {session.state for session in held} == {SessionState.CLOSED, SessionState.LOCKED}
        assert {session.state for session in found if session not in held} == {SessionState.SCHEDULED}
        assert {
            session.starts_at.astimezone(ZoneInfo(somewhere)).hour
            for session in found
            if session.course.code == "PROG-1"
        } == {9}

        marks = Counter(db.scalars(select(AttendanceRecord.status)))
        assert {MarkStatus.PRESENT, MarkStatus.LATE, MarkStatus.EXCUSED, MarkStatus.ABSENT, MarkStatus.LEFT_EARLY} == {
            *marks
        }
        assert sum(marks.values()) == 6 * 12 + 4 * 6
        assert marks[MarkStatus.PRESENT] > 60
        by_hand = db.scalars(
            select(AttendanceChange)
            .join(AttendanceChange.record)
            .where(AttendanceChange.source == MarkSource.MANUAL, AttendanceRecord.source == MarkSource.MANUAL)
        ).all()
        corrections = [change for change in by_hand if change.old_status is MarkStatus.PRESENT]
        assert corrections and all(change.reason_code and change.text and change.actor_id for change in corrections)

        waiting = db.scalars(select(ReviewItem).where(ReviewItem.resolution.is_(None))).all()
        assert len(waiting) == 1
        assert len([path for path in crops.rglob("*") if path.is_file()]) == 1, "the others are decided"
    admin = service.browser(service.user(Role.ADMIN))
    slipping = admin.get("/reports/at-risk").get_json()["items"]
    assert "Kavya Nair" in {row["student"]["name"] for course in slipping for row in course["students"]}


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(utc(2026, 11, 2, 7, 30), id="before Monday's lesson"),
        pytest.param(utc(2026, 11, 2, 15), id="after it"),
        pytest.param(utc(2026, 11, 7, 12), id="on a Saturday"),
        pytest.param(utc(2026, 11, 8, 22, 59), id="a minute before midnight"),
        pytest.param(utc(2026, 11, 2, 23, 1), id="a minute after midnight"),
        pytest.param(utc(2027, 6, 1, 10), id="long after the timetable's end"),
    ],
)
def test_there_is_a_lesson_to_open_now(demo_course: tuple[Service, int], moment: datetime) -> None:
    service, _ = demo_course
    service.clock.set(moment)
    session = see_to_today(service.database, moment)
    assert session.starts_at <= moment < session.ends_at and session.late_after > moment + timedelta(hours=1)
    teacher = service.browser(_instructor(service))
    due = teacher.get("/sessions/today").get_json()
    assert session.id in [each["session"]["id"] for each in due["today"]]
    assert teacher.post(f"/sessions/{session.id}/open").status_code == 200
    # what should have been on the days before is no absence
    midnight, _ = day_bounds(local_day(moment, "Europe/Berlin"), "Europe/Berlin")
    with service.db() as db:
        earlier = db.scalars(select(ClassSession.state).where(ClassSession.starts_at < midnight))
        assert set(earlier) <= {SessionState.CANCELLED}


def test_restarts_leave_one_lesson_to_open_and_one_with_marks_alone(demo_course: tuple[Service, int]) -> None:
    service, _ = demo_course
    moment = utc(2026, 11, 2, 22, 30)
    service.clock.set(moment)
    first = see_to_today(service.database, moment)
    assert see_to_today(service.database, moment + timedelta(minutes=5)).id == first.id, "moved, not made again"
    teacher = service.browser(_instructor(service))
    assert teacher.post(f"/sessions/{first.id}/open").status_code == 200
    # past midnight it is still the lesson that is open
    past_midnight = see_to_today(service.database, moment + timedelta(minutes=100))
    assert (past_midnight.id, past_midnight.state) == (first.id, SessionState.OPEN)
    row = teacher.get(f"/sessions/{first.id}/records").get_json()["items"][0]
    with service.db() as db:
        before = db.get_one(ClassSession, first.id).ends_at
        db.get_one(AttendanceRecord, row["id"]).status = MarkStatus.PRESENT
    assert see_to_today(service.database, moment + timedelta(minutes=110)).ends_at == before
    # the next morning it is over, and another one is there
    morning = moment + timedelta(hours=10)
    following = see_to_today(service.database, morning)
    assert following.id != first.id and following.starts_at <= morning < following.ends_at
    with service.db() as db:
        assert db.get_one(ClassSession, first.id).state is SessionState.CLOSED


@pytest.fixture
def demo_course(sqlite_service: Service) -> tuple[Service, int]:
    """A server with the demo's main course and its lessons at nine in the morning, Berlin time."""
    service = sqlite_service
    teacher = service.user(Role.INSTRUCTOR, "Nora Field", email=INSTRUCTOR.email)
    course = service.course(MAIN_COURSE, leads=(teacher,))
    service.enrol(course, service.student("s01"))
    for day in (2, 4, 6, 9):
        service.session(course, utc(2026, 11, day, 8))
    return service, course


def _instructor(service: Service) -> int:
    from attendance.accounts import user_by_email

    with service.db() as db:
        user = user_by_email(db, INSTRUCTOR.email)
        assert user is not None
        return user.id


@pytest.mark.parametrize("somewhere", ["Europe/Berlin", "America/St_Johns", ":Asia/Kathmandu"], indirect=True)
def test_the_machines_time_zone_is_known_by_its_name(somewhere: str) -> None:
    assert local_time_zone() == somewhere.removeprefix(":")


@pytest.mark.parametrize("somewhere", ["XYZ-5", "/etc/nothing"], indirect=True)
def test_a_time_zone_without_a_name_keeps_the_hours(somewhere: str) -> None:
    now: Any = datetime.now().astimezone()
    assert now.astimezone(ZoneInfo(local_time_zone())).utcoffset() == now.utcoffset()
