"""What a monitor is told of this process, in Prometheus' terms. Nothing in here is about a person.

Every process counts for itself from its start. Where several serve together (gunicorn's ``--workers``), a monitor
reaches any one of them; ask for one process with threads, or read each process's own address.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from recognizer.loader import LoaderStatus
from recognizer.types import Decision, RecognitionResult

CONTENT_TYPE = CONTENT_TYPE_LATEST
REFUSALS = ("queue_full", "deadline", "cluster_away", "older_model")
STAGES = ("queue", "decode", "detect", "follow", "embed", "classify")

# Seconds: from a small frame on a GPU to a full queue on an old laptop.
_STAGE_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})

_logger = logging.getLogger(__name__)


class Metrics:
    """The numbers of one application. Thread-safe."""

    def __init__(self, away: Callable[[BaseException], object] = lambda error: None) -> None:
        """away: whether a number could not be had because the database is away, of which nothing more is said here."""
        self._away = away
        self._registry = CollectorRegistry()
        self._stages = Histogram(
            "smartattendance_stage_seconds",
            "Time a picture took in each stage: waiting for its turn, decoding, and the networks",
            ["stage"],
            buckets=_STAGE_BUCKETS,
            registry=self._registry,
        )
        self._refusals = Counter(
            "smartattendance_frames_refused",
            "Pictures sent away with 503, by the reason",
            ["reason"],
            registry=self._registry,
        )
        self._frames = Counter("smartattendance_frames", "Pictures recognised", registry=self._registry)
        self._faces = Counter(
            "smartattendance_faces", "Faces, by what the recognizer decided", ["decision"], registry=self._registry
        )
        self._followed = Counter(
            "smartattendance_faces_followed",
            "Faces that took over what a frame before said of them, without being embedded",
            registry=self._registry,
        )
        self._requests = Histogram(
            "smartattendance_request_seconds",
            "Requests and how long each took, by endpoint, method and status",
            ["endpoint", "method", "status"],
            buckets=_REQUEST_BUCKETS,
            registry=self._registry,
        )
        self._chores = Counter(
            "smartattendance_chore_failures",
            "Chores (closing, deleting, looking after trainings) that failed and will be tried again",
            ["chore"],
            registry=self._registry,
        )
        # a series that is missing until something happens cannot be watched
        for stage in STAGES:
            self._stages.labels(stage)
        for reason in REFUSALS:
            self._refusals.labels(reason)
        for decision in Decision:
            self._faces.labels(decision.value)

    def stage(self, name: str, seconds: float) -> None:
        """A picture took so long in one of STAGES."""
        self._stages.labels(name).observe(seconds)

    def recognized(self, result: RecognitionResult) -> None:
        """A picture went through the networks."""
        self._frames.inc()
        self._followed.inc(result.followed_faces)
        for name in STAGES:
            if name in result.milliseconds:
                self._stages.labels(name).observe(result.milliseconds[name] / 1000)
        for face in result.faces:
            self._faces.labels(face.identity.decision.value).inc()

    def refused(self, reason: str) -> None:
        """A picture was sent away for one of REFUSALS."""
        self._refusals.labels(reason).inc()

    def request(self, endpoint: str, method: str, status: int, seconds: float) -> None:
        """A request was answered. endpoint: the name of the endpoint, never a path: paths name people's records."""
        # anybody may make up methods, and each would be kept
        method = method if method in _METHODS else "other"
        self._requests.labels(endpoint, method, str(status)).observe(seconds)

    def chore_failed(self, name: str) -> None:
        self._chores.labels(name).inc()

    def watch_queue(
        self, *, capacity: int, workers: int, waiting: Callable[[], int], inside: Callable[[], int]
    ) -> None:
        """Show the queue as it is whenever somebody looks. Once for each ``Metrics``."""
        for name, what, value in (
            ("queue_depth", "Pictures waiting for their turn", waiting),
            ("queue_capacity", "Pictures that may wait", lambda: capacity),
            ("recognizing", "Pictures being recognised now", inside),
            ("recognizing_capacity", "Pictures that may be recognised at once", lambda: workers),
        ):
            self.watch(name, what, value)

    def watch(self, name: str, what: str, value: Callable[[], float]) -> None:
        """Show ``value`` as the gauge smartattendance_<name>, as it is whenever somebody looks; NaN when it raises."""

        def looked_up() -> float:
            try:
                return value()
            except Exception as error:
                # the other numbers are wanted most of all when something does not work
                if not self._away(error):
                    _logger.exception("the number of %s could not be had", name)
                return math.nan

        Gauge(f"smartattendance_{name}", what, registry=self._registry).set_function(looked_up)

    def watch_model(self, status: Callable[[], LoaderStatus]) -> None:
        """Show which model is in use and whether a newer one was refused. Once for each ``Metrics``."""
        self._registry.register(_ModelCollector(status))

    def text(self) -> bytes:
        """Everything in Prometheus' text format, of CONTENT_TYPE."""
        return generate_latest(self._registry)


class _ModelCollector:
    def __init__(self, status: Callable[[], LoaderStatus]) -> None:
        self._status = status

    def collect(self) -> Iterable[Metric]:
        status = self._status()
        model = status.current
        loaded = GaugeMetricFamily("smartattendance_model_loaded", "Whether a model is in use")
        loaded.add_metric([], float(model is not None))
        yield loaded
        refused = GaugeMetricFamily("smartattendance_model_refused", "Whether the model file there now was refused")
        refused.add_metric([], float(status.refused is not None))
        yield refused
        if model is None or status.loaded_at is None:
            return
        embedder = model.embedder.id if model.embedder is not None else "unknown"
        described = GaugeMetricFamily(
            "smartattendance_model_info", "The model in use; always 1", labels=["version", "embedder", "verified"]
        )
        described.add_metric([model.model_version, embedder, model.verified], 1.0)
        yield described
        students = GaugeMetricFamily("smartattendance_model_students", "People in the model in use")
        students.add_metric([], float(model.student_count))
        yield students
        since = GaugeMetricFamily("smartattendance_model_loaded_seconds", "When it was taken into use, Unix time")
        since.add_metric([], status.loaded_at.timestamp())
        yield since
