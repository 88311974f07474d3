"""What a request works with: the services, the database, the time, and who is asking."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Flask, Response, current_app, g, has_request_context, request

from attendance.actor import Actor
from attendance.clock import Clock
from attendance.database import Database, write_transaction
from attendance.policy import Policy
from errors import AuthenticationError
from operations.enrolment import Enrolment
from operations.erasure import Eraser
from operations.face_keeping import FaceKeeper
from operations.inference import InferenceGate
from operations.metrics import Metrics
from operations.models import Models
from operations.recognition import Recognizer
from operations.retention import Retention
from operations.trainings import Trainings

_EXTENSION = "smartattendance"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")

# A session of the object mapper; its type is SQLAlchemy's, which only the domain imports.
DatabaseSession = Any


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """What the API needs to know of the settings; see ``config.Settings`` for units and reasons."""

    data_dir: Path
    dataset_dir: Path
    model_dir: Path
    public_url: str | None
    cors_origins: tuple[str, ...]
    login_hours: float
    login_attempts_per_minute: int
    frames_per_second: int
    metrics_token: str | None
    max_image_bytes: int
    max_image_pixels: int
    settings: Sequence[Mapping[str, Any]]
    demo_clip: Path | None = None


@dataclass(slots=True)
class Services:
    """Everything that requests share. Made once, by ``app.create_app``.

    recognizer: for what it knows of the model; pictures go through ``inference``, which lets in only so many."""

    options: ApiOptions
    policy: Policy
    database: Database
    clock: Clock
    recognizer: Recognizer
    inference: InferenceGate
    metrics: Metrics
    models: Models
    trainings: Trainings
    enrolment: Enrolment
    faces: FaceKeeper
    eraser: Eraser
    retention: Retention


def install(app: Flask, services: Services) -> None:
    """Give ``app`` its services, and each of its requests an id and a database session that is closed at its end."""
    app.extensions[_EXTENSION] = services

    @app.before_request
    def _begin() -> None:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)

    @app.after_request
    def _tell(response: Response) -> Response:
        response.headers.setdefault("X-Request-ID", request_id())
        return response

    @app.teardown_request
    def _end(_: BaseException | None) -> None:
        session = g.pop("database_session", None)
        if session is not None:
            session.close()


def services() -> Services:
    found: Services = current_app.extensions[_EXTENSION]
    return found


def options() -> ApiOptions:
    return services().options


def now() -> datetime:
    return services().clock.now()


def request_id() -> str:
    """The id of this request, which is in the answer, in errors and in the audit trail."""
    return str(g.get("request_id", "")) if has_request_context() else ""


@contextmanager
def reading() -> Iterator[DatabaseSession]:
    """A transaction for reading. What was read stays usable until the request ends."""
    session = _session()
    try:
        yield session
    finally:
        # a reader that goes on computing must not hold its snapshot: SQLite could not shorten its log
        if session.in_transaction():
            session.commit()


@contextmanager
def writing() -> Iterator[DatabaseSession]:
    """A transaction for writing: committed at the end, rolled back when anything is raised. What was written stays
    usable until the request ends."""
    with write_transaction(_session()) as session:
        yield session


def actor() -> Actor:
    """Who is asking. Raises AuthenticationError when nobody is logged in."""
    found: Actor | None = g.get("actor")
    if found is None:
        raise AuthenticationError("log in first, or send a token as Authorization: Bearer ...")
    return found


def _session() -> DatabaseSession:
    if "database_session" not in g:
        g.database_session = services().database.session()
    return g.database_session
