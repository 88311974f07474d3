"""The demo's school: accounts, courses, students, consents and the faces that are trained on.

Everything goes the way that it goes in a real school: the first admin is made with the setup link, the instructor
chooses a password with an invitation, the roster comes from a file, and every photo passes the check of its quality.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from attendance import accounts, consents, courses, links, people, roster_files, roster_import
from attendance.actor import Actor, system_actor
from attendance.clock import Clock
from attendance.database import Database
from attendance.models import ConsentMethod, Course, Role
from attendance.policy import Policy
from attendance.roster_plan import Options, Rows
from attendance.spreadsheets import csv_file
from demonstration.cast import ADMIN, INSTRUCTOR, MAIN_COURSE, SMALL_COURSE, Account
from demonstration.clock import MovedClock
from demonstration.time_zone import local_time_zone
from operations.enrolment import Enrolment
from operations.inference import InferenceGate
from operations.models import Models
from operations.recognition import Recognizer
from operations.retention import Retention
from operations.trainings import Trainings
from sample_class.members import Member

# Who of the class is in the small course too, besides one who does not want to be recognised.
IN_SMALL_COURSE = ("s02", "s04", "s06", "s08", "s10")
WITHOUT_FACE = ("n01", "Mina Park")

_LOGIN_LASTS = timedelta(hours=1)
_CONSONANTS, _VOWELS, _SYLLABLES = "bdfgklmnprstvz", "aeiou", 8


class Services(Protocol):
    """The part of the server, as ``app.services_of`` gives it, that a school is made with."""

    policy: Policy
    database: Database
    clock: Clock
    recognizer: Recognizer
    inference: InferenceGate
    models: Models
    trainings: Trainings
    enrolment: Enrolment
    retention: Retention


@dataclass(frozen=True, slots=True)
class School:
    """services: of the server. clock: the one they go by. opened: when everything began, before the first session."""

    services: Services
    clock: MovedClock
    opened: datetime
    admin: Actor
    instructor: Actor


def new_passwords() -> dict[str, str]:
    """E-mail address -> a password that can be typed off the screen, of nearly 50 random bits: the demo may be opened
    to a network, and everybody can read its source."""
    return {account.email: _password() for account in (INSTRUCTOR, ADMIN)}


def open_school(services: Services, clock: MovedClock, opened: datetime, passwords: Mapping[str, str]) -> School:
    """A school with an admin and an instructor, and nothing else yet. opened: see ``School``. passwords: by e-mail
    address."""
    now, database = clock.go_to(opened), services.database
    with database.writing() as db:
        link = links.make_setup_link(db, system_actor(), now)
    admin = _redeem(services, link.secret, ADMIN, passwords, now, is_first=True)
    with database.writing() as db:
        values = {
            "email": INSTRUCTOR.email,
            "name": INSTRUCTOR.name,
            "role": Role.INSTRUCTOR,
            "may_create_courses": True,
        }
        invited = accounts.create_user(db, admin, values, now)
        link = links.make_password_link(db, admin, invited.id, now)
    instructor = _redeem(services, link.secret, INSTRUCTOR, passwords, clock.go_to(now + timedelta(minutes=20)))
    return School(services, clock, opened, admin, instructor)


def found_courses(school: School, members: Sequence[Member]) -> tuple[Course, Course]:
    """The course that the class walks into, and a smaller one, with their rosters. members: the class."""
    now = school.clock.go_to(school.opened + timedelta(hours=1))
    zone, day = local_time_zone(), school.opened.date()
    term = f"{day.year}/{'1' if day.month < 8 else '2'}"
    made = []
    for code, title in ((MAIN_COURSE, "Introduction to Programming"), (SMALL_COURSE, "Linear Algebra")):
        with school.services.database.writing() as db:
            values = {"code": code, "title": title, "term": term, "timezone": zone, "min_percent": 75.0}
            course = courses.create_course(db, school.admin, values, now)
            # who teaches the demo's courses takes the photos too, so that one login shows everything
            courses.put_staff(
                db, school.admin, course.id, school.instructor.user_id or 0, now, is_lead=True, may_enrol=True
            )
            made.append(course)
    main, small = made
    _import(school, main, [(member.student_id, member.name) for member in members], now)
    also = [(member.student_id, member.name) for member in members if member.student_id in IN_SMALL_COURSE]
    _import(school, small, [*also, WITHOUT_FACE], now)
    return main, small


def give_consents(school: School, members: Sequence[Member]) -> None:
    """Record the signed form of each of ``members``."""
    now, ids = school.clock.go_to(school.opened + timedelta(hours=3)), student_ids(school)
    for number, member in enumerate(members, start=1):
        with school.services.database.writing() as db:
            consents.give(
                db,
                school.instructor,
                ids[member.student_id],
                now,
                method=ConsentMethod.PAPER,
                policy_version=school.services.policy.consent_policy_version,
                evidence=f"signed form, folder 1, sheet {number}",
            )


def enrol_faces(
    school: School, members: Sequence[Member], photos: Path, enrolled: Callable[[], object]
) -> tuple[int, int]:
    """Enrol the photos in ``photos``/<student id> of each of ``members``; how many were stored, and how many were not
    good enough. enrolled: called after each student."""
    now, ids = school.clock.go_to(school.opened + timedelta(hours=4)), student_ids(school)
    stored = refused = 0
    for member in members:
        pictures = [path.read_bytes() for path in sorted((photos / member.student_id).glob("*.jpg"))]
        done = school.services.enrolment.enrol(school.instructor, ids[member.student_id], pictures, now)
        stored, refused = stored + len(done.stored), refused + len(done.refused)
        enrolled()
    return stored, refused


def student_ids(school: School) -> dict[str, int]:
    """External id -> id of every student."""
    with school.services.database.reading() as db:
        found = people.list_students(db, school.admin, limit=500).items
    return {person.student.external_id: person.student.id for person in found}


def _import(school: School, course: Course, students: Sequence[tuple[str, str]], now: datetime) -> None:
    rows = ((external_id, name, f"{external_id}@demo.example") for external_id, name in students)
    table = roster_files.read(csv_file(("Student ID", "Name", "E-mail"), rows))
    rows_read = Rows(table, Options({}))
    with school.services.database.writing() as db:
        roster_import.import_roster(db, school.admin, course.id, rows_read, now)


def _password() -> str:
    syllables = [secrets.choice(_CONSONANTS) + secrets.choice(_VOWELS) for _ in range(_SYLLABLES)]
    return "-".join(first + second for first, second in zip(syllables[::2], syllables[1::2], strict=True))


def _redeem(
    services: Services,
    secret: str,
    account: Account,
    passwords: Mapping[str, str],
    now: datetime,
    *,
    is_first: bool = False,
) -> Actor:
    """Choose the password of ``account`` with a link; who that is."""
    actor, _ = links.redeem(
        services.database,
        secret,
        passwords[account.email],
        now,
        email=account.email if is_first else None,
        name=account.name if is_first else None,
        lasts=_LOGIN_LASTS,
        request_id="demo",
    )
    return actor
