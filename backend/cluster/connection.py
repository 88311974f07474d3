"""The way into a Ray cluster."""

from __future__ import annotations

import logging
import os
import socket
from pathlib import Path
from types import ModuleType
from typing import Any

from errors import ConfigurationError

NAMESPACE = APPLICATION = "smartattendance"
INSTALL = "pip install -r requirements-cluster.txt"
_BACKEND = Path(__file__).resolve().parents[1]
_ANSWERS_WITHIN_SECONDS = 5.0

_logger = logging.getLogger(__name__)


def connect(address: str | None) -> ModuleType:
    """``ray``, connected to the cluster at ``address`` (``host:port`` of its head; None: the one that this machine
    belongs to). Raises ConfigurationError that says what to do."""
    ray = installed()
    if ray.is_initialized():
        return ray
    if address is not None:
        _check_answers(address)
    options: dict[str, Any] = {
        "address": address or "auto",
        "namespace": NAMESPACE,
        # every machine has this release at the same place
        "runtime_env": {"env_vars": {"PYTHONPATH": os.fspath(_BACKEND)}},
        # what others print on their machines is in Ray's logs there
        "log_to_driver": False,
        "logging_level": logging.WARNING,
    }
    try:
        ray.init(**options)
    except Exception as error:  # Ray raises ConnectionError, RuntimeError, ValueError and its own
        where = f"at {address}" if address else "that this machine belongs to"
        raise ConfigurationError(
            f"there is no Ray cluster {where} ({str(error).splitlines()[0]:.200}); start Ray on this machine: "
            "ray start --address HEAD:6379 --num-cpus 0, or on the head: ray start --head"
        ) from error
    # While a machine is being lost Serve says so for every frame; we say it once a minute. A filter, as Serve sets the
    # level anew.
    logging.getLogger("ray.serve").addFilter(_is_error)
    _logger.info("connected to the Ray cluster at %s", ray.get_runtime_context().gcs_address)
    return ray


def _is_error(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR


def installed() -> ModuleType:
    """The module ``ray``. Raises ConfigurationError where it is missing."""
    # Ray would send facts about the cluster to its makers
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        from ray._private import auto_init_hook
    except ImportError as error:
        raise ConfigurationError(f"Ray is not installed here; run: {INSTALL}") from error
    # a thread that still asks when the connection has ended would have Ray start a cluster of its own on this machine
    auto_init_hook.enable_auto_connect = False
    module: ModuleType = ray
    return module


def _check_answers(address: str) -> None:
    """Raise ConfigurationError unless what listens there speaks as Ray does, which itself would try for minutes."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), _ANSWERS_WITHIN_SECONDS):
            pass
    except (OSError, ValueError) as error:
        raise ConfigurationError(_no_head(address, str(error))) from error
    import grpc
    from ray._private.grpc_utils import init_grpc_channel

    channel = init_grpc_channel(address)
    try:
        grpc.channel_ready_future(channel).result(_ANSWERS_WITHIN_SECONDS)
    except grpc.FutureTimeoutError as error:
        raise ConfigurationError(_no_head(address, "something else listens there")) from error
    finally:
        channel.close()


def _no_head(address: str, reason: str) -> str:
    return f"no Ray head answers at {address} ({reason}); name it as host:port, as `ray start --head` prints it"
