"""A Ray cluster of several nodes on this machine, for the length of a test or of a file of tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

BACKEND = Path(__file__).resolve().parents[2] / "backend"
INSTALL = "Ray is not installed: pip install -r requirements-cluster.txt"
# Tests may reach no address but the loopback, and neither must Ray. For 127.0.0.1 it would put the address that others
# know this machine by.
HERE = "127.0.0.2"
# Somebody else's program, that takes two processors until it is told to end.
_HOLD = """
import sys, ray
ray.init(sys.argv[1], log_to_driver=False)

@ray.remote(num_cpus=1)
class LectureHall:
    def ready(self):
        return True

halls = [LectureHall.remote() for _ in range(2)]
ray.get([hall.ready.remote() for hall in halls])
print("held", flush=True)
sys.stdin.read()
"""
_OBJECT_STORE_BYTES = 100 * 1024 * 1024


@dataclass(slots=True, eq=False)
class RayCluster:
    """address: as ``ray start --head`` prints it."""

    address: str
    _cluster: Any
    _nodes: list[Any] = field(default_factory=list)

    def add_node(self, cpus: int = 1) -> Any:
        """One machine more; what ``remove_node`` takes."""
        node = self._cluster.add_node(**_node(cpus))
        self._nodes.append(node)
        return node

    def remove_node(self, node: Any = None) -> None:
        """A machine dies with all that runs on it: ``node``, or the one that joined last."""
        lost = node or self._nodes[-1]
        self._nodes.remove(lost)
        self._cluster.remove_node(lost, allow_graceful=False)

    @contextmanager
    def processors_held(self) -> Iterator[None]:
        """Meanwhile somebody else has two processors, for two actors called LectureHall."""
        holder = subprocess.Popen(
            [sys.executable, "-c", _HOLD, self.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline().strip() == "held"
            yield
        finally:
            holder.communicate("", timeout=60)

    def environment(self) -> dict[str, str]:
        """Of a process of its own that is to connect to this cluster and to no other."""
        return {**os.environ, "RAY_ADDRESS": self.address}


@contextmanager
def ray_cluster(nodes: int = 2, cpus: int = 1, *, head_cpus: int | None = None) -> Iterator[RayCluster]:
    """A running cluster of ``nodes`` machines with ``cpus`` processors each; at its end all of its processes are gone.
    head_cpus: processors of the first one, where they are not as many. The test is skipped where Ray is not installed.

    The tests' process does not connect: ``cluster.connection.connect`` does, and is let go of at the end."""
    ray = pytest.importorskip("ray", reason=INSTALL)
    from ray.cluster_utils import Cluster

    patch = pytest.MonkeyPatch()
    # of this cluster alone, so that no other is found in it; Ray puts sockets in there, whose paths must be short
    folder = tempfile.mkdtemp(prefix="ray-")
    patch.setenv("RAY_TMPDIR", folder)
    before = os.environ.get("PYTHONPATH")
    patch.setenv("PYTHONPATH", os.pathsep.join([str(BACKEND), *([before] if before else [])]))
    patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    # workers that wait for work nobody gives them: each takes seconds of the processor to start
    patch.setenv("RAY_prestart_worker_first_driver", "0")
    patch.setenv("RAY_enable_worker_prestart", "0")
    # else whatever runs beside them comes first
    patch.setenv("RAY_worker_niceness", "0")
    cluster = None
    try:
        cluster = Cluster(
            initialize_head=True,
            head_node_args=_node(cpus if head_cpus is None else head_cpus),
        )
        running = RayCluster(cluster.address, cluster)
        for _ in range(nodes - 1):
            running.add_node(cpus)
        yield running
    finally:
        try:
            ray.shutdown()
        finally:
            if cluster is not None:
                cluster.shutdown()
            patch.undo()
            shutil.rmtree(folder, ignore_errors=True)


def _node(cpus: int) -> dict[str, Any]:
    return {
        "num_cpus": cpus,
        "object_store_memory": _OBJECT_STORE_BYTES,
        "include_dashboard": False,
        "node_ip_address": HERE,
    }
