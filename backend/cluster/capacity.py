"""Whether the cluster has a processor to spare, and who holds those that it has not."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ray._private.state import state
from ray.core.generated import gcs_pb2
from ray.util.placement_group import placement_group, remove_placement_group

from cluster.connection import installed
from errors import TrainingError

ray: Any = installed()
_messages: Any = gcs_pb2

# Long enough for a machine that is just letting go of a job; a person waits for the answer.
PATIENCE_SECONDS = 15.0
_SHOWN = 5


def processors() -> int:
    """Whole processors of the cluster, taken or not."""
    return int(ray.cluster_resources().get("CPU", 0.0))


def free_processors() -> int:
    """Whole processors that nothing has reserved now."""
    return int(ray.available_resources().get("CPU", 0.0))


def check_a_processor_is_free() -> None:
    """Raise TrainingError, within 20 s, unless one processor of some machine can be had: Ray itself would wait for
    ever, and say nothing."""
    if not processors():
        raise TrainingError(
            "no machine of the Ray cluster offers a processor. Start one on each machine that is to work: "
            "ray start --address HEAD:6379 --num-cpus N"
        )
    place = placement_group([{"CPU": 1.0}])
    try:
        if not place.wait(PATIENCE_SECONDS):
            raise TrainingError(none_is_free())
    finally:
        remove_placement_group(place)


def none_is_free() -> str:
    """That no processor is, who holds them, and what whoever trains can do."""
    return (
        f"{what_is_taken()}. Add a machine (ray start --address HEAD:6379 --num-cpus N), end what holds them or wait "
        "for it, or train on this machine: leave --engine ray out. What was embedded so far is remembered"
    )


def what_is_taken() -> str:
    """That no processor is free, and who holds them; a clause."""
    machines = sum(1 for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU"))
    return (
        f"no processor of the Ray cluster is free: {_count(processors(), 'processor')} on "
        f"{_count(machines, 'machine')}, held by {_in_words(holders())}"
    )


def states_of_my_actors(class_name: str) -> Counter[str]:
    """How many actors of this process's job are in which state; those of classes whose names begin so."""
    job = ray.get_runtime_context().get_job_id()
    return Counter(
        actor["State"]
        for actor in state.actor_table(None).values()
        if actor["JobID"] == job and actor["ActorClassName"].startswith(class_name)
    )


def holders() -> Counter[str]:
    """Processors by who holds them: the class and the name of an actor."""
    held: Counter[str] = Counter()
    for row in state._connect_and_get_accessor().get_actor_table(None, "ALIVE"):
        actor = _messages.ActorTableData.FromString(row)
        taken = sum(amount for name, amount in actor.required_resources.items() if name.startswith("CPU"))
        if taken:
            held[f"{actor.class_name} {actor.name}".strip()] += taken
    return held


def _in_words(held: Counter[str]) -> str:
    if not held:
        return "tasks or reservations of other jobs (ray status shows them)"
    shown = [f"{name} ({amount:g})" for name, amount in held.most_common(_SHOWN)]
    return ", ".join(shown) + (f" and {len(held) - _SHOWN} more" if len(held) > _SHOWN else "")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
