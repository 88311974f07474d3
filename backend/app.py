"""The server. ``python app.py`` serves one machine; ``gunicorn --chdir backend "app:create_app()"`` serves a school."""

from __future__ import annotations

import sys

if __name__ == "__main__" and sys.argv[1:2] == ["doctor"]:
    # Before anything is imported that may be missing here. Looking leaves nothing behind, compiled modules included.
    sys.dont_write_bytecode = True
    from diagnosis.command import main as examine

    raise SystemExit(examine(sys.argv[2:]))

import atexit
import logging
import os
from datetime import timedelta
from pathlib import Path

from flask import Flask, Response
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix

from api import context, pages, problems, security, urls
from api import metrics as metrics_api
from api.context import ApiOptions, Services, install
from api.limits import limiter, storage_options
from attendance import settling, training_jobs
from attendance.clock import Clock, SystemClock
from attendance.database import Database
from attendance.policy import Policy
from cluster.publishing import Publisher, publisher_of
from cluster.recognizer import RayRecognizer
from config import PREFIX, Settings, recognition_environment, shown, variable
from data_folder import open_database, secret_key
from live_recognition import live_recognizer, signing_key
from operations import frame_intake
from operations.enrolment import Enrolment
from operations.erasure import Eraser
from operations.face_keeping import FaceKeeper
from operations.housekeeping import Chore, Housekeeping, by_one
from operations.inference import InferenceGate
from operations.live import LiveRecognizer
from operations.metrics import Metrics
from operations.models import Models
from operations.recognition import Recognizer
from operations.retention import Retention
from operations.trainings import FOLDER as TRAININGS_FOLDER
from operations.trainings import Trainings, TrainingSetup
from operations.watching import Watch
from recognizer.images import ImageLimits
from serving import main, places_of

TRAINING_COMMAND = Path(__file__).with_name("train_production_model.py")

# Nothing but our own server's files may run or be shown on a page (Content Security Policy level 3). Pictures may also
# come from the page itself: the signs that the style sheet draws (data:), and frames of the camera (blob:).
_CONTENT_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; "
    "object-src 'none'"
)

_logger = logging.getLogger(__name__)


def create_app(
    settings: Settings | None = None, *, recognizer: Recognizer | None = None, clock: Clock | None = None
) -> Flask:
    """The server's application, ready to answer: database brought up to date, networks and model loaded.

    settings: default: the environment's. recognizer, clock: for tests; default: the real ones. Raises
    ConfigurationError, WeightsError.
    """
    settings = settings or Settings.from_env()
    database = open_database(settings)
    publisher = publisher_of(settings)
    if publisher is not None and clock is None:
        publisher.start()
        atexit.register(publisher.close)
    recognizer = recognizer or _recognizer(settings, publisher)
    metrics = _metrics(database, recognizer, publisher)
    places = places_of(settings)
    inference = _inference(settings, recognizer, metrics)
    faces = FaceKeeper(database, places)
    eraser = Eraser(database, places, None if publisher is None else publisher.publish_surely)
    services = Services(
        options=_options(settings),
        policy=_policy(settings),
        database=database,
        clock=clock or SystemClock(),
        recognizer=recognizer,
        inference=inference,
        metrics=metrics,
        models=Models(settings.model_dir, signing_key(settings), recognizer, database),
        trainings=Trainings(_training_setup(settings, recognizer, eraser), database, clock or SystemClock()),
        enrolment=Enrolment(database, places.files, inference),
        faces=faces,
        eraser=eraser,
        retention=Retention(database, _policy(settings), clock or SystemClock(), places.crops, faces),
    )
    # before anybody is recognised who must not be
    eraser.repeat_forgotten(services.clock.now())
    recognizer.start()
    atexit.register(recognizer.close)
    app = Flask(__name__, static_folder=None)
    app.config.update(
        SECRET_KEY=settings.secret_key or secret_key(settings.data_dir),
        MAX_CONTENT_LENGTH=security.MOST_BYTES_BEFORE_LOGIN,
        RATELIMIT_STORAGE_URI=settings.rate_limit_storage,
        RATELIMIT_STORAGE_OPTIONS=storage_options(settings.rate_limit_storage),
    )
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]
    install(app, services)
    metrics_api.count_requests(app)
    security.register(app)
    problems.register(app)
    limiter.init_app(app)
    urls.register(app)
    app.register_blueprint(pages.blueprint)
    app.register_blueprint(metrics_api.blueprint)
    CORS(
        app,
        origins=list(settings.cors_origins),
        supports_credentials=True,
        allow_headers=[
            "Authorization",
            "Content-Type",
            "Idempotency-Key",
            "If-Match",
            "X-Captured-At",
            security.CSRF_HEADER,
        ],
        expose_headers=["ETag", "Retry-After", "X-Request-ID", "Content-Disposition", "Idempotency-Replayed"],
    )
    app.after_request(_protect)
    security.check_every_endpoint_has_a_rule(app)
    housekeeping = Housekeeping(_chores(services), services.clock, failed=metrics.chore_failed, away=database.away)
    app.extensions["housekeeping"] = housekeeping
    if clock is None:  # a test that decides the time also decides when things are done
        housekeeping.start()
    atexit.register(housekeeping.close)
    atexit.register(services.trainings.close)
    return app


def services_of(app: Flask) -> Services:
    """What the requests of ``app`` share, for whoever prepares something before it serves."""
    with app.app_context():
        return context.services()


def _chores(services: Services) -> list[Chore]:
    database = services.database
    return [
        Chore("settling sessions", 5, lambda now: settling.tend(database, services.policy, now)),
        # after what settles sessions, so that a run of all of them warns of those just settled
        Chore("warnings", 60, Watch(database).run),
        Chore("model in use", 5, services.models.note),
        Chore("trainings", 2, services.trainings.reconcile),
        by_one(database, Chore("empty frames", 300, lambda now: frame_intake.forget_empty(database, now))),
        # what a process that was killed had begun; at the start of the server first of all
        Chore("face images", 600, lambda now: services.faces.settle()),
        Chore("erasures", 30, services.eraser.run_pending),
        # not by one: each machine remembers its own
        Chore("embeddings", 300, lambda now: services.faces.forget_strays()),
        by_one(database, Chore("retention", 300, services.retention.run)),
    ]


def _options(settings: Settings) -> ApiOptions:
    return ApiOptions(
        data_dir=settings.data_dir,
        dataset_dir=settings.dataset_dir,
        model_dir=settings.model_dir,
        public_url=settings.public_url,
        cors_origins=settings.cors_origins,
        login_hours=settings.login_hours,
        login_attempts_per_minute=settings.login_attempts_per_minute,
        frames_per_second=settings.frames_per_second,
        metrics_token=settings.metrics_token,
        max_image_bytes=settings.max_image_bytes,
        max_image_pixels=settings.max_image_pixels,
        settings=shown(settings),
        demo_clip=settings.demo_clip,
    )


def _policy(settings: Settings) -> Policy:
    return Policy(
        confirm_sightings=settings.confirm_sightings,
        confirm_window=timedelta(seconds=settings.confirm_window_seconds),
        close_grace=timedelta(seconds=settings.close_grace_seconds),
        # the wait for a turn, and the recognition itself on a slow machine
        recognition=timedelta(seconds=settings.inference_deadline_seconds + 5),
        lock_after=timedelta(hours=settings.lock_after_hours),
        review_crops=timedelta(days=settings.review_crop_days),
        frame_records=timedelta(days=settings.frame_record_days),
        consent_policy_version=settings.consent_policy_version,
    )


def _inference(settings: Settings, recognizer: Recognizer, metrics: Metrics) -> InferenceGate:
    return InferenceGate(
        recognizer,
        workers=settings.frames_at_once,
        queue=settings.inference_queue,
        deadline_seconds=settings.inference_deadline_seconds,
        limits=ImageLimits(settings.max_image_bytes, settings.max_image_pixels),
        metrics=metrics,
    )


def _recognizer(settings: Settings, publisher: Publisher | None) -> Recognizer:
    if settings.recognizer == "ray":
        return RayRecognizer(settings, publisher)
    return live_recognizer(settings)


def _training_setup(settings: Settings, recognizer: Recognizer, eraser: Eraser) -> TrainingSetup:
    """A training is told everything: what the server was started with may be no longer in its environment. It is not
    told how to reach the database, or what signs the cookies."""

    def embedder() -> str:
        if isinstance(recognizer, LiveRecognizer | RayRecognizer):
            return recognizer.embedder_info.id
        return settings.embedder

    ours = (PREFIX, variable("database_url"))
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith(ours)}
    return TrainingSetup(
        folder=settings.data_dir / TRAININGS_FOLDER,
        model_dir=settings.model_dir,
        command=(sys.executable, os.fspath(TRAINING_COMMAND)),
        environment={**environment, **recognition_environment(settings), "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"},
        embedder=embedder,
        erase=eraser.run_pending,
    )


def _metrics(database: Database, recognizer: Recognizer, publisher: Publisher | None) -> Metrics:
    def training() -> float:
        with database.reading() as db:
            return float(training_jobs.active_job(db) is not None)

    metrics = Metrics(database.away)
    metrics.watch_model(recognizer.model_status)
    metrics.watch("training_running", "Whether a training is queued or running, on any machine", training)
    if publisher is not None:
        metrics.watch(
            "model_store_failed",
            "Whether models cannot be published for the machines that recognise",
            lambda: float(publisher.error is not None),
        )
    return metrics


def _protect(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", _CONTENT_POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(self), microphone=(), geolocation=()")
    headers.setdefault("Cache-Control", "no-store")
    return response


if __name__ == "__main__":
    sys.exit(main(create_app))
