"""The settings of recognition on more than one machine; ``config.Settings`` joins them with the others."""

from __future__ import annotations

from dataclasses import dataclass, field

from setting_kinds import Choice, Decimal, Text, Whole, about


@dataclass(frozen=True)
class ClusterSettings:
    """For what each does and why its default is what it is, see its ``help`` and ``reason``."""

    recognizer: str = field(
        default="embedded",
        metadata=about(
            Choice(("embedded", "ray")),
            unit="choice",
            help="Where faces are recognised: `embedded`, in each server process, or `ray`, on those of a cluster.",
            reason="One machine serves a school; docs/SCALE.md says from when on it pays to have more.",
        ),
    )
    ray_address: str | None = field(
        default=None,
        metadata=about(
            Text(200, optional=True),
            unit="address",
            help="The Ray cluster: `host:6379` of its head. The machine must belong to the cluster (`ray start`).",
            reason="Only `ray` needs it; without it the cluster of this machine is looked for.",
            shown="the one of this machine",
        ),
    )
    ray_frames: int = field(
        default=16,
        metadata=about(
            Whole(1, 1000),
            unit="frames",
            help="How many frames of one server process are under way in the cluster at once.",
            reason="Enough to keep some machines busy; what is beyond waits here, where it is a compressed file.",
        ),
    )
    ray_least_replicas: int = field(
        default=1,
        metadata=about(
            Whole(1, 1000),
            unit="recognizers",
            help="How many recognizers the cluster has at least.",
            reason="One answers at once; more of them start when frames wait.",
        ),
    )
    ray_most_replicas: int = field(
        default=8,
        metadata=about(
            Whole(1, 1000),
            unit="recognizers",
            help="How many recognizers the cluster has at most, as far as there are processors for them.",
            reason="The processors of two small machines.",
        ),
    )
    ray_cpus: float = field(
        default=1.0,
        metadata=about(
            Decimal(0.1, 64),
            unit="processors",
            help="How many processors a recognizer takes of the cluster; its networks compute with as many.",
            reason="Recognizers of one core each carry more frames together than fewer with more cores.",
        ),
    )
    model_store: str | None = field(
        default=None,
        metadata=about(
            Text(500, optional=True),
            unit="address",
            help="Where models are published for the machines that recognise: a folder, or a URL such as `s3://x/models`.",
            reason="Without it they read the model folder, which all of them then have at the same place.",
            shown="the model folder",
        ),
    )
