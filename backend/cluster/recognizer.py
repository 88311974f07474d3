"""Recognition on the machines of a Ray cluster, for a server process that holds no network and no model."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

from cluster.deadline import Deadline, too_late
from cluster.link import Link
from cluster.publishing import Publisher
from cluster.refusal import Refusal
from cluster.roll import Report, summed_up
from config import Settings
from errors import BusyError, ConfigurationError, ModelError
from operations.cameras import Camera
from recognizer.artifact import MODEL_FILE
from recognizer.loader import LoaderStatus
from recognizer.manifest import sha256_of
from recognizer.reading import read_model_file
from recognizer.types import DetectedFace, EmbedderInfo, RecognitionResult, RGBImage

# A recognizer or its machine is lost while it has a frame in hand: another one is asked, so often in all.
_TRIES = 3
# Between two looks at the roll; in between, what was found then is told.
_LOOKS_EVERY_SECONDS = 1.0
_READY_WITHIN_SECONDS = 60.0
# How long who has just published a model waits for the recognizers to take it.
_TAKEN_WITHIN_SECONDS = 5.0


class RayRecognizer:
    """See ``operations.recognition.Recognizer``. Thread-safe.

    Whatever the cluster cannot answer in time is a BusyError, after which a camera sends its next frame: who is in the
    cluster, and which machine was lost, is nothing that a lesson has to know.
    """

    def __init__(self, settings: Settings, publisher: Publisher | None = None) -> None:
        """publisher: brings the models of the model folder into the model store, where there is one."""
        self._settings, self._publisher = settings, publisher
        self._link = Link(settings.ray_address)
        self._lock = threading.Lock()
        self._started = False
        self._reports: list[Report] = []
        self._looked_at = 0.0

    def start(self) -> None:
        """Connect, and wait for the first recognizer. Raises ConfigurationError."""
        if self._started:
            return
        self._link.open()
        if self._publisher is not None:
            self._publisher.publish()
        deadline = time.monotonic() + _READY_WITHIN_SECONDS
        while not self._look():
            if time.monotonic() > deadline:
                raise ConfigurationError(
                    "no recognizer of the cluster reports; ray status shows whether there is a free processor for one"
                )
            time.sleep(0.2)
        self._started = True

    def close(self) -> None:
        """The connection itself is Ray's, and ends with the process."""
        self._link.close()

    @property
    def embedder_info(self) -> EmbedderInfo:
        """Of the networks in the cluster."""
        reports = self._reports or self._look()
        if not reports:
            raise RuntimeError("no recognizer of the cluster has reported yet")
        return reports[0].embedder

    def recognize(
        self,
        image: RGBImage,
        *,
        among: frozenset[str] | None = None,
        without: frozenset[str] = frozenset(),
        camera: Camera | None = None,
    ) -> RecognitionResult:
        key = None if camera is None else camera.key
        result: RecognitionResult = self._ask("recognize", image, among, without, camera, follower=key)
        return result

    def detect(self, image: RGBImage) -> tuple[DetectedFace, ...]:
        faces: tuple[DetectedFace, ...] = self._ask("detect", image)
        return faces

    def model_status(self) -> LoaderStatus:
        if time.monotonic() - self._looked_at > _LOOKS_EVERY_SECONDS:
            self._look()
        status = summed_up(self._reports)
        failed = None if self._publisher is None else self._publisher.error
        if failed is not None and status.refused is None:
            # what was not published no recognizer can refuse
            return replace(status, refused=str(failed), refused_code=failed.code)
        return status

    def reload(self) -> LoaderStatus:
        """Wait a moment for the recognizers to take the model that lies in the model folder now, or to refuse it."""
        if self._publisher is not None:
            self._publisher.publish()
            if self._publisher.error is not None:  # then they have nothing to take
                return self.model_status()
        try:
            wanted = sha256_of(read_model_file(self._settings.model_dir / MODEL_FILE))
        except ModelError:
            wanted = None
        deadline = time.monotonic() + _TAKEN_WITHIN_SECONDS
        while not all(_has_seen(report, wanted) for report in self._look()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return self.model_status()

    def _look(self) -> list[Report]:
        """The reports as they are now; those of before where the roll does not answer."""
        link = self._link
        try:
            reports = link.ray.get(link.roll.reports.remote(), timeout=2)
            link.answered()
        except Exception as error:  # Ray has many names for what is lost
            link.outage.noticed(f"it does not say which recognizers it has ({type(error).__name__})")
            with suppress(Exception):
                link.find_roll()
            reports = self._reports
        with self._lock:
            self._reports, self._looked_at = list(reports), time.monotonic()
        return self._reports

    def _ask(self, method: str, *arguments: Any, follower: str | None = None) -> Any:
        """The answer of the recognizer that follows ``follower``, a camera, or of whichever is free first. Raises
        BusyError, and what the recognizer raises."""
        from ray.serve.exceptions import BackPressureError

        link = self._link
        errors = link.ray.exceptions
        deadline = Deadline(self._settings.inference_deadline_seconds)
        for attempt in range(_TRIES):
            try:
                handle = link.handle if follower is None else link.handle.options(multiplexed_model_id=follower)
                response = getattr(handle, method).remote(*arguments, deadline)
                answer = response.result(timeout_s=max(0.1, deadline.left))
                link.answered()
            except BackPressureError as error:
                raise BusyError(
                    "more pictures are being sent than the cluster can recognise; try again in a moment",
                    retry_after=1,
                    code="queue_full",
                ) from error
            except TimeoutError as error:
                response.cancel()
                link.failed()
                raise too_late() from error
            except Exception as error:
                if isinstance(error, errors.RayTaskError) and not isinstance(error.cause, errors.RayError):
                    raise  # a mistake of ours, in the recognizer
                # a recognizer, its machine or the way there is lost; Ray has many names for it
                if attempt + 1 < _TRIES and deadline.left > 0:
                    link.outage.noticed(f"a recognizer was lost ({type(error).__name__}), another one is asked")
                    continue
                link.outage.noticed(f"it does not answer ({type(error).__name__})")
                link.failed()
                raise BusyError(
                    "the cluster does not answer at this moment; try again soon", retry_after=2, code="cluster_away"
                ) from error
            if isinstance(answer, Refusal):
                raise answer.error()
            return answer
        raise AssertionError("every attempt returns or raises")


def _has_seen(report: Report, sha256: str | None) -> bool:
    """Whether a recognizer has the model with this hash, or has said why not; None: has none."""
    status = report.status
    if sha256 is None:
        return status.current is None
    taken = status.current is not None and status.current.sha256 == sha256 and status.refused is None
    return taken or status.refused_sha256 == sha256
