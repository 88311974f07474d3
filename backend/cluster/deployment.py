"""The recognizers in the cluster: started, exchanged, taken away."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any

import ray
from ray import serve
from ray.serve.config import AutoscalingConfig

from cluster.capacity import holders, processors
from cluster.connection import APPLICATION, connect
from cluster.model_store import ModelStore
from cluster.replica import IN_HAND, Replica
from cluster.roll import REPORTS_EVERY_SECONDS, Report, the_roll
from config import Settings
from errors import ConfigurationError

# More recognizers are started while so many frames of each are under way on average.
_WANTED_IN_HAND = 2
# Loading the networks takes half a minute on a slow machine, converting them the first time another.
_READY_WITHIN_SECONDS = 300
_NO_PLACE_AFTER_SECONDS = 30
_LOOKS_EVERY_SECONDS = 0.5


def deploy(settings: Settings) -> list[Report]:
    """Start the recognizers that ``settings`` describe; those that are there are exchanged one after the other, and go
    on answering meanwhile. What those that are ready report. Raises ConfigurationError, ModelError."""
    connect(settings.ray_address)
    _check_there_is_place(settings.ray_cpus)
    if settings.model_store is not None:
        # which networks a recognizer loads depends on the model that it finds
        ModelStore(settings.model_store).push(settings.model_dir)
    roll = the_roll(ray)
    deployment = serve.deployment(
        name="recognizer",
        max_ongoing_requests=IN_HAND,
        max_queued_requests=settings.ray_frames,
        ray_actor_options={"num_cpus": settings.ray_cpus},
        autoscaling_config=AutoscalingConfig(
            min_replicas=settings.ray_least_replicas,
            max_replicas=max(settings.ray_least_replicas, settings.ray_most_replicas),
            target_ongoing_requests=_WANTED_IN_HAND,
            upscale_delay_s=5,
            downscale_delay_s=300,
        ),
        health_check_period_s=5,
        health_check_timeout_s=30,
        graceful_shutdown_timeout_s=10,
    )(Replica)
    signed = settings.model_signing_key is not None
    # what is deployed is kept by the cluster's head, where no secret belongs
    bare = replace(settings, model_signing_key=None, database_url=None, secret_key=None, metrics_token=None)
    serve.start(proxy_location="Disabled")  # the server processes call it, and nobody by HTTP
    with ThreadPoolExecutor(1, thread_name_prefix="deploying") as pool:
        running = pool.submit(serve.run, deployment.bind(bare, signed=signed), name=APPLICATION, route_prefix=None)
        try:
            _wait(running, settings.ray_cpus)
        except BaseException:
            pool.shutdown(wait=False)  # Serve itself would go on waiting
            raise
    return _reports(roll, settings.ray_least_replicas)


def remove(settings: Settings) -> None:
    """Take the recognizers away. Raises ConfigurationError."""
    connect(settings.ray_address)
    serve.delete(APPLICATION)
    ray.kill(the_roll(ray))


def _check_there_is_place(cpus: float) -> None:
    """Raise ConfigurationError when no machine of the cluster can ever hold a recognizer."""
    most = max((node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]), default=0.0)
    if most < cpus:
        raise ConfigurationError(
            f"a recognizer takes {cpus:g} processors, but no machine of the cluster offers more than {most:g}; start "
            "one with: ray start --address HEAD:6379 --num-cpus N"
        )


def _wait(running: Future[Any], cpus: float) -> None:
    """Until the recognizers answer, each of which takes ``cpus`` processors. Raises ConfigurationError."""
    begun = time.monotonic()
    while not wait([running], timeout=_LOOKS_EVERY_SECONDS).done:
        waited = time.monotonic() - begun
        if waited > _NO_PLACE_AFTER_SECONDS and _waits_for_a_processor(cpus):
            raise ConfigurationError(
                "every processor of the cluster is taken, so no recognizer can start. One starts when one is free: "
                "add a machine, or end what runs there (ray status shows it)"
            )
        if waited > _READY_WITHIN_SECONDS:
            raise ConfigurationError(
                f"the recognizers were not ready after {_READY_WITHIN_SECONDS} s; ray status and Ray's logs say why"
            )
    error = running.exception()
    if error is not None:
        message = serve.status().applications[APPLICATION].message if APPLICATION in serve.status().applications else ""
        raise ConfigurationError(f"the recognizers do not start: {_reason(message or str(error))}") from error


def _waits_for_a_processor(cpus: float) -> bool:
    """Whether others hold so many processors that none is left for a recognizer; those that are being started hold
    theirs already."""
    others = sum(amount for actor, amount in holders().items() if f"SERVE_REPLICA::{APPLICATION}#" not in actor)
    return processors() - others < cpus


def _reports(roll: Any, expected: int) -> list[Report]:
    """What those that are ready report; they do it every second."""
    deadline = time.monotonic() + 5 * REPORTS_EVERY_SECONDS
    while len(reports := ray.get(roll.reports.remote())) < expected and time.monotonic() < deadline:
        time.sleep(0.1)
    return list(reports)


def _reason(message: str) -> str:
    """The last line of what Serve says, which is the error itself."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return lines[-1][:500] if lines else "Ray's logs on its machine say why"
