"""A whole server for a test: a database of its own, people in it, and clients that behave like a browser or a
program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app import create_app
from attendance.database import Database
from attendance.models import (
    ApiToken,
    AuditEvent,
    ClassSession,
    Consent,
    ConsentMethod,
    Course,
    CourseStaff,
    Enrolment,
    Login,
    Role,
    SessionState,
    Student,
    UserAccount,
)
from attendance.scopes import Scope
from attendance.secrets_kept import new_secret, sha256_of
from config import Settings
from support.clock import FrozenClock
from support.compute import COMPUTE, ENGINE_DIR
from support.recognition import FakeRecognizer
from support.routing import RememberingRule

PASSWORD = "a long enough passphrase"
# As weak as it gets: a hash says itself how it was made, and tests log in hundreds of times.
_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
ALL_SCOPES = tuple(Scope)
# hundreds of applications are made of the same few URLs
Flask.url_rule_class = RememberingRule


@dataclass
class Service:
    """app: the application. settings: its settings. clock: what it takes for the time."""

    app: Flask
    settings: Settings
    clock: FrozenClock
    recognizer: Any
    _number: int = field(default=0, repr=False)

    @property
    def database(self) -> Database:
        found: Database = self.app.extensions["smartattendance"].database
        return found

    @contextmanager
    def db(self) -> Iterator[Session]:
        """A transaction in the server's database, to prepare or to look."""
        with self.database.writing() as session:
            yield session

    def chores(self) -> None:
        """Everything that the server does by itself, once, now."""
        self.app.extensions["housekeeping"].run_all()

    def acts(self) -> list[str]:
        """What the audit trail says was done, in its order."""
        with self.db() as db:
            return [event.action for event in db.query(AuditEvent).order_by(AuditEvent.id)]

    # people

    def user(self, role: Role | str = Role.INSTRUCTOR, name: str | None = None, **values: Any) -> int:
        """The id of a new account whose password is PASSWORD."""
        name = name or f"{role} {self._next()}"
        values = {"email": f"{name.replace(' ', '.').lower()}@example.org", "password_hash": _HASH, **values}
        return self._add(UserAccount(name=name, role=Role(role), created_at=self.clock.now(), **values))

    def student(self, external_id: str, name: str | None = None, *, consent: bool = True, **values: Any) -> int:
        """The id of a new student, with a consent unless told otherwise."""
        now = self.clock.now()
        student_id = self._add(
            Student(external_id=external_id, name=name or f"Student {external_id}", created_at=now, **values)
        )
        if consent:
            self._add(
                Consent(
                    student_id=student_id,
                    policy_version="1",
                    method=ConsentMethod.PAPER,
                    given_at=now,
                    recorded_by=self._somebody(),
                )
            )
        return student_id

    # courses

    def course(
        self,
        code: str | None = None,
        *,
        staff: tuple[int, ...] = (),
        leads: tuple[int, ...] = (),
        enrollers: tuple[int, ...] = (),
        **values: Any,
    ) -> int:
        """enrollers: of whichever part, appointed for enrolment."""
        values = {"title": "A course", "term": "2026W", "timezone": "Europe/Berlin", **values}
        course_id = self._add(Course(code=code or f"C{self._next()}", created_at=self.clock.now(), **values))
        for user_id in {*staff, *leads, *enrollers}:
            self.staff(course_id, user_id, is_lead=user_id in leads, may_enrol=user_id in enrollers)
        return course_id

    def staff(self, course_id: int, user_id: int, *, is_lead: bool = False, may_enrol: bool = False) -> None:
        now = self.clock.now()
        with self.db() as db:
            db.add(
                CourseStaff(course_id=course_id, user_id=user_id, is_lead=is_lead, may_enrol=may_enrol, added_at=now)
            )

    def enrol(
        self, course_id: int, *student_ids: int, starts_on: date = date(2026, 9, 1), ends_on: date | None = None
    ) -> None:
        for student_id in student_ids:
            self._add(
                Enrolment(
                    course_id=course_id,
                    student_id=student_id,
                    starts_on=starts_on,
                    ends_on=ends_on,
                    created_at=self.clock.now(),
                )
            )

    def session(self, course_id: int, starts_at: datetime | None = None, **values: Any) -> int:
        """The id of a new scheduled session, of 90 minutes from now, late after ten, unless told otherwise."""
        starts_at = starts_at or self.clock.now()
        values = {
            "ends_at": starts_at + timedelta(minutes=90),
            "late_after": starts_at + timedelta(minutes=10),
            "state": SessionState.SCHEDULED,
            "created_at": self.clock.now(),
            **values,
        }
        return self._add(ClassSession(course_id=course_id, starts_at=starts_at, **values))

    # clients

    def guest(self) -> Client:
        return Client(self.app.test_client())

    def browser(self, user_id: int) -> Client:
        """Somebody who is logged in, as after the login form."""
        secret = new_secret()
        now = self.clock.now()
        self._add(
            Login(
                user_id=user_id, secret_sha256=sha256_of(secret), created_at=now, expires_at=now + timedelta(days=300)
            )
        )
        client = self.app.test_client()
        with client.session_transaction() as cookie:
            cookie["login"] = secret
        browser = Client(client)
        browser.headers["X-CSRF-Token"] = browser.get("/api/v1/auth/me").json["csrf_token"]
        return browser

    def program(self, user_id: int, *scopes: Scope | str) -> Client:
        """A program with a token of that user (no scopes given: all of them)."""
        secret = new_secret("sa_")
        now = self.clock.now()
        self._add(
            ApiToken(
                user_id=user_id,
                name="test",
                shown=secret[:8],
                secret_sha256=sha256_of(secret),
                scopes=[str(scope) for scope in (scopes or ALL_SCOPES)],
                created_at=now,
                expires_at=now + timedelta(days=300),
            )
        )
        return Client(self.app.test_client(use_cookies=False), {"Authorization": f"Bearer {secret}"})

    def admin(self) -> Client:
        return self.browser(self.user(Role.ADMIN))

    def _somebody(self) -> int:
        with self.db() as db:
            found = db.query(UserAccount.id).filter(UserAccount.email == "registrar@example.org").scalar()
        return found or self.user(Role.ADMIN, "registrar")

    def _add(self, thing: Any) -> int:
        with self.db() as db:
            db.add(thing)
            db.flush()
            return int(getattr(thing, "id", 0) or 0)

    def _next(self) -> int:
        self._number += 1
        return self._number


class Client:
    """A test client that sends ``headers`` with everything, and checks that every refusal is a problem document."""

    def __init__(self, client: FlaskClient, headers: dict[str, str] | None = None) -> None:
        self.flask = client
        self.headers = dict(headers or {})

    def open(self, method: str, path: str, *, headers: dict[str, str] | None = None, **kwargs: Any) -> TestResponse:
        if path.startswith("/") and not path.startswith(("/api", "/healthz", "/readyz", "/metrics")):
            path = f"/api/v1{path}"
        answer = self.flask.open(path, method=method, headers={**self.headers, **(headers or {})}, **kwargs)
        if answer.status_code >= 400:
            assert answer.content_type == "application/problem+json", (method, path, answer.status, answer.data[:500])
            body = json.loads(answer.data)
            assert body["status"] == answer.status_code and body["code"] and body["detail"] and body["request_id"]
        return answer

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        return self.open("GET", path, **kwargs)

    def post(self, path: str, **kwargs: Any) -> TestResponse:
        return self.open("POST", path, **kwargs)

    def put(self, path: str, **kwargs: Any) -> TestResponse:
        return self.open("PUT", path, **kwargs)

    def patch(self, path: str, **kwargs: Any) -> TestResponse:
        return self.open("PATCH", path, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> TestResponse:
        return self.open("DELETE", path, **kwargs)


def make_settings(folder: Path, database_url: str, **changes: Any) -> Settings:
    """Settings whose every folder lies below ``folder``."""
    values: dict[str, Any] = {
        "data_dir": folder / "instance",
        "dataset_dir": folder / "dataset",
        "model_dir": folder / "models",
        "cache_dir": folder / "cache",
        "engine_dir": ENGINE_DIR,
        "database_url": database_url,
        "secret_key": "k" * 40,
        "allow_download": False,
        "embedder": "dlib",
        "threads": COMPUTE.threads,
        "frames_per_second": 1000,
    }
    return Settings(**{**values, **changes})


def make_service(settings: Settings, clock: FrozenClock | None = None, recognizer: Any = None) -> Service:
    clock = clock or FrozenClock()
    recognizer = recognizer if recognizer is not None else FakeRecognizer()
    app = create_app(settings, recognizer=recognizer, clock=clock)
    app.testing = False  # errors are answered as in the classroom
    return Service(app, settings, clock, recognizer)


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def problem(answer: TestResponse) -> tuple[int, str]:
    """The status and code of a refusal."""
    return answer.status_code, answer.get_json()["code"]
