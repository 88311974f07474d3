"""The recognizers in the cluster: started, exchanged, taken away."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any
from uuid import uuid4

import ray
from ray import serve
from ray.serve.config import AutoscalingConfig
from ray.serve.schema import ApplicationStatus

from cluster.capacity import holders, processors, what_is_taken
from cluster.connection import APPLICATION, connect
from cluster.model_store import ModelStore
from cluster.replica import IN_HAND, Replica
from cluster.roll import Report, the_roll
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
    signed, number = settings.model_signing_key is not None, uuid4().hex
    # what is deployed is kept by the cluster's head, where no secret belongs
    bare = replace(settings, model_signing_key=None, database_url=None, secret_key=None, metrics_token=None)
    serve.start(proxy_location="Disabled")  # the server processes call it, and nobody by HTTP
    bound = deployment.bind(bare, signed=signed, deployment=number)
    application = serve.RunTarget(bound, name=APPLICATION, route_prefix=None)
    # Serve itself would wait for a processor for ever
    serve.run_many([application], wait_for_applications_running=False)
    return _when_ready(roll, number, settings)


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


def _when_ready(roll: Any, deployment: str, settings: Settings) -> list[Report]:
    """The reports of the recognizers of this deployment, once they answer; those that they replace report for some
    seconds more. Raises ConfigurationError."""
    begun = time.monotonic()
    while True:
        application = serve.status().applications.get(APPLICATION)
        status = None if application is None else application.status
        reports = [each for each in ray.get(roll.reports.remote()) if each.deployment == deployment]
        if status == ApplicationStatus.RUNNING and len(reports) >= settings.ray_least_replicas:
            return reports
        if application is not None and status == ApplicationStatus.DEPLOY_FAILED:
            raise ConfigurationError(f"the recognizers do not start: {_reason(application.message)}")
        waited = time.monotonic() - begun
        if waited > _NO_PLACE_AFTER_SECONDS and _others_hold_all(settings.ray_cpus):
            raise ConfigurationError(
                f"{what_is_taken()}. A recognizer starts as soon as there is one for it: add a machine (ray start "
                "--address HEAD:6379 --num-cpus N), end what holds them or wait for it"
            )
        if waited > _READY_WITHIN_SECONDS:
            raise ConfigurationError(
                f"the recognizers were not ready after {_READY_WITHIN_SECONDS} s; ray status and Ray's logs say why"
            )
        time.sleep(_LOOKS_EVERY_SECONDS)


def _others_hold_all(cpus: float) -> bool:
    """Whether others hold so many processors that none is left for a recognizer; those that are being started hold
    theirs already."""
    others = sum(amount for actor, amount in holders().items() if f"SERVE_REPLICA::{APPLICATION}#" not in actor)
    return processors() - others < cpus


def _reason(message: str) -> str:
    """The last line of what Serve says, which is the error itself."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return lines[-1][:500] if lines else "Ray's logs on its machine say why"
