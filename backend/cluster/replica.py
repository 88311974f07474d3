"""A recognizer of the cluster: the server's own ``LiveRecognizer``, which Ray Serve runs on as many machines as there
are, starts more of where frames wait, and starts again where one is lost."""

from __future__ import annotations

import asyncio
import math
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

import ray
from ray import serve

from cluster.deadline import Deadline, Pace, too_late
from cluster.mirror import Mirror
from cluster.model_store import ModelStore
from cluster.private_folder import PrivateFolder
from cluster.refusal import Refusal
from cluster.roll import REPORTS_EVERY_SECONDS, Report, the_roll
from config import Settings, variable
from errors import ConfigurationError, ModelNotFoundError, SmartAttendanceError
from live_recognition import live_recognizer
from operations.cameras import MOST_CAMERAS, Camera
from recognizer.types import DetectedFace, RecognitionResult, RGBImage
from recognizer.weights import default_cache_dir

# Frames that one recognizer has in hand: while one is detected, faces of others share an embedding batch.
IN_HAND = 4
# Of who says nothing of a deadline: a server process of the release before, while a cluster is updated.
_ANY_TIME = Deadline(math.inf)

T = TypeVar("T")


class Replica:
    """Made by Ray Serve; every method returns its answer or a ``Refusal``."""

    def __init__(self, settings: Settings, *, signed: bool, deployment: str) -> None:
        """settings: of who deployed it, without secrets. signed: whether models must be signed, with the key of this
        machine's environment. deployment: as ``Report`` has it."""
        self._deployment = deployment
        settings = _of_this_machine(settings, signed=signed)
        self._pace = Pace()
        self._pool = ThreadPoolExecutor(IN_HAND, thread_name_prefix="frame")
        self._mirror = _mirror(settings)
        self._live = live_recognizer(settings, None if self._mirror is None else self._mirror.folder)
        self._live.start()
        self._reporter = _Reporter(self._report)
        self._reporter.start()

    async def recognize(
        self,
        image: RGBImage,
        among: frozenset[str] | None,
        without: frozenset[str],
        camera: Camera | None,
        deadline: Deadline = _ANY_TIME,
    ) -> RecognitionResult | Refusal:
        """As ``operations.recognition.Recognizer`` has it; given up when ``deadline`` passes."""
        if camera is not None:
            await self._follows(serve.get_multiplexed_model_id())

        def answer(check: Callable[[], None]) -> RecognitionResult:
            if camera is not None and self._mirror is not None and self._is_behind(camera.model_at_least):
                self._mirror.pull_now()
            return self._live.recognize(image, among=among, without=without, camera=camera, check=check)

        return await self._run(answer, deadline)

    async def detect(self, image: RGBImage, deadline: Deadline = _ANY_TIME) -> tuple[DetectedFace, ...] | Refusal:
        return await self._run(lambda _: self._live.detect(image), deadline)

    @serve.multiplexed(max_num_models_per_replica=MOST_CAMERAS)
    async def _follows(self, camera: str) -> str:
        """Lets Serve know that the faces of ``camera`` are followed here, so that it sends its next frame here too."""
        return camera

    def __del__(self) -> None:
        with suppress(Exception):  # it may not have been made to the end
            self._reporter.end()
            self._live.close()
            if self._mirror is not None:
                self._mirror.close()

    async def _run(self, function: Callable[[Callable[[], None]], T], deadline: Deadline) -> T | Refusal:
        """function: takes what it calls between its steps, which raises when nobody waits for it any more."""
        given_up = threading.Event()

        def check() -> None:
            if given_up.is_set():
                raise too_late()
            deadline.check()

        def work() -> T:
            with self._pace.work(deadline):
                return function(check)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        except SmartAttendanceError as error:
            return Refusal.of(error)
        finally:
            given_up.set()  # who asked has let go; what waits in the pool is taken out of it, what runs ends here

    def _is_behind(self, generation: int) -> bool:
        current = self._live.model_status().current
        return current is None or current.generation < generation

    def _report(self) -> Report:
        status = self._live.model_status()
        failed = None if self._mirror is None else self._mirror.error
        # the loader knows only that its folder is empty, not why
        if failed is not None and status.refused_code in (None, ModelNotFoundError.code):
            status = replace(status, refused=str(failed), refused_code=failed.code)
        replica = str(serve.get_replica_context().replica_id.unique_id)
        return Report(replica, self._deployment, socket.gethostname(), self._live.embedder_info, status)


class _Reporter(threading.Thread):
    """Tells the roll again and again how it stands here."""

    def __init__(self, report: Callable[[], Report]) -> None:
        super().__init__(name="reporter", daemon=True)
        self._report = report
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(REPORTS_EVERY_SECONDS):
            # the roll may be lost with its machine for a moment; it is found again by its name. Ray has many names for
            # that, and who reports no more is taken for gone
            with suppress(Exception):
                ray.get(the_roll(ray).report.remote(self._report()), timeout=10)

    def end(self) -> None:
        self._ended.set()


def _of_this_machine(settings: Settings, *, signed: bool) -> Settings:
    """``settings`` with this machine's secret, and as many threads as the cluster gave us processors."""
    key = Settings.from_env().model_signing_key
    if signed and key is None:
        raise ConfigurationError(
            f"models are signed, but {variable('model_signing_key')} is not set in the environment that Ray was "
            f"started with on {socket.gethostname()}; set it there"
        )
    threads = settings.threads or max(1, round(settings.ray_cpus))
    return replace(settings, model_signing_key=key if signed else None, threads=threads)


def _mirror(settings: Settings) -> Mirror | None:
    """Of the model store, into a folder of this recognizer's own; None where there is none."""
    if settings.model_store is None:
        return None
    store = ModelStore(settings.model_store)
    folder = PrivateFolder((settings.cache_dir or default_cache_dir()) / "model-copies")
    mirror = Mirror(store, folder.path, settings.model_poll_seconds, closed=folder.remove)
    mirror.start()
    return mirror
