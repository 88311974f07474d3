"""The settings of the server; ``config.Settings`` joins them with those of recognition."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from setting_kinds import BACKEND_DIR, Decimal, Location, Secret, Text, WebAddress, WebAddresses, Whole, about


@dataclass(frozen=True)
class ServiceSettings:
    """For what each does and why its default is what it is, see its ``help`` and ``reason``."""

    data_dir: Path = field(
        default=BACKEND_DIR / "instance",
        metadata=about(
            Location("folder"),
            unit="folder",
            help="Where the server keeps its database, the key of its cookies, crops to review and logs of trainings.",
            reason="Next to the program, and kept out of version control.",
            shown="`instance`",
        ),
    )
    database_url: str | None = field(
        default=None,
        repr=False,
        metadata=about(
            Secret(9, of="database address"),
            unit="secret",
            help="The database: `postgresql://user:password@host/name`, or `sqlite:////path/to/file`.",
            reason="Without it an SQLite file in the data folder, which serves a school on one machine.",
            shown="an SQLite file in the data folder",
            variable="DATABASE_URL",
        ),
    )
    secret_key: str | None = field(
        default=None,
        repr=False,
        metadata=about(
            Secret(32),
            unit="secret",
            help="Signs the cookies. Several machines that serve together need the same one.",
            reason="Without it a random one is made once and kept in the data folder, readable by its owner only.",
            shown="made at the first start",
        ),
    )
    host: str = field(
        default="127.0.0.1",
        metadata=about(
            Text(255),
            unit="address",
            help="The address that `python app.py` listens on.",
            reason="This machine only: a camera needs HTTPS or localhost, and the first start has no admin yet.",
        ),
    )
    port: int = field(
        default=8000,
        metadata=about(
            Whole(1, 65535),
            unit="port",
            help="The port that `python app.py` listens on.",
            reason="Free on most machines, and needs no rights.",
        ),
    )
    public_url: str | None = field(
        default=None,
        metadata=about(
            WebAddress(),
            unit="address",
            help="The address people open, such as `https://attendance.example.org`, for links that are handed on.",
            reason="Without it the address of the request, which is right unless a proxy changes it.",
            shown="not set",
        ),
    )
    trusted_proxies: int = field(
        default=0,
        metadata=about(
            Whole(0, 10),
            unit="proxies",
            help="How many proxies stand before the server whose X-Forwarded headers are to be believed.",
            reason="With none of them anybody could claim any address.",
        ),
    )
    cors_origins: tuple[str, ...] = field(
        default=(),
        metadata=about(
            WebAddresses(),
            unit="addresses",
            help="Other web sites whose pages may use the API in a browser.",
            reason="The page that the server delivers itself needs none.",
            shown="none",
        ),
    )
    login_hours: float = field(
        default=12.0,
        metadata=about(
            Decimal(0.1, 720),
            unit="hours",
            help="How long a login lasts.",
            reason="A working day; nobody is asked again in the middle of a class.",
        ),
    )
    login_attempts_per_minute: int = field(
        default=10,
        metadata=about(
            Whole(1, 10000),
            unit="attempts a minute",
            help="How often an account's password may be tried from one address. Tries of many accounts from one "
            "address, and of one account from many, are slowed beyond it.",
            reason="Enough for anybody who mistypes, useless for guessing, and nobody keeps the owner out.",
        ),
    )
    rate_limit_storage: str = field(
        default="memory://",
        repr=False,
        metadata=about(
            Text(500),
            unit="address",
            help="Where attempts and frames are counted: `memory://` or `redis://host:6379`.",
            reason="Each process counts for itself, which is enough for one or two; several machines share a Redis.",
        ),
    )
    inference_workers: int = field(
        default=1,
        metadata=about(
            Whole(1, 64),
            unit="frames at once",
            help="How many frames a process recognises at the same time.",
            reason="One frame already uses every core.",
        ),
    )
    inference_queue: int = field(
        default=8,
        metadata=about(
            Whole(0, 1000),
            unit="frames",
            help="How many more frames may wait; the next is answered 503 at once.",
            reason="About a second of work on two cores: later answers would be about people who have walked on.",
        ),
    )
    inference_deadline_seconds: float = field(
        default=5.0,
        metadata=about(
            Decimal(0.05, 120),
            unit="seconds",
            help="How long a frame may wait for its turn before it is answered 503.",
            reason="A page that waits longer has sent newer frames by then.",
        ),
    )
    frames_per_second: int = field(
        default=20,
        metadata=about(
            Whole(1, 1000),
            unit="frames a second",
            help="How many frames of one session are taken in a second.",
            reason="More than a page sends; keeps one session from starving the others.",
        ),
    )
    confirm_sightings: int = field(
        default=2,
        metadata=about(
            Whole(1, 20),
            unit="sightings",
            help="How many accepted sightings make a student present.",
            reason="A single frame that is mistaken then marks nobody.",
        ),
    )
    confirm_window_seconds: float = field(
        default=10.0,
        metadata=about(
            Decimal(0.1, 3600),
            unit="seconds",
            help="Within what time these sightings must lie.",
            reason="As long as somebody stands before the camera.",
        ),
    )
    close_grace_seconds: float = field(
        default=120.0,
        metadata=about(
            Decimal(0, 86400),
            unit="seconds",
            help="How long after the close of a session frames captured before it still count.",
            reason="A page that lost the network sends its queued frames within that time.",
        ),
    )
    lock_after_hours: float = field(
        default=72.0,
        metadata=about(
            Decimal(0, 8784),
            unit="hours",
            help="How long after its close a session's marks may be corrected without reopening it.",
            reason="Excuses come in within days; later changes should be deliberate.",
        ),
    )
    review_crop_days: float = field(
        default=7.0,
        metadata=about(
            Decimal(0.01, 365),
            unit="days",
            help="How long the crop of a doubtful face is kept.",
            reason="A week's classes are reviewed within a week; then nobody remembers who it was.",
        ),
    )
    frame_record_days: float = field(
        default=30.0,
        metadata=about(
            Decimal(1, 3660),
            unit="days",
            help="How long the sightings of frames (no pictures) are kept.",
            reason="As long as a mark may be disputed; the marks themselves and their history stay.",
        ),
    )
    consent_policy_version: str = field(
        default="1",
        metadata=about(
            Text(40),
            unit="name",
            help="Which text students agree to when a consent is recorded without saying which.",
            reason="Raise it when the text changes, so that it shows who agreed to what.",
        ),
    )
    metrics_token: str | None = field(
        default=None,
        repr=False,
        metadata=about(
            Secret(16),
            unit="secret",
            help="Lets a collector on another machine read `/metrics`, as `Authorization: Bearer`.",
            reason="Without it only this machine may.",
            shown="not set",
        ),
    )
    demo_clip: Path | None = field(
        default=None,
        metadata=about(
            Location("folder", optional=True),
            unit="folder",
            help="A clip of the sample class, which the page offers in the place of a camera.",
            reason="The demo sets it; elsewhere there is a camera.",
            shown="not set",
        ),
    )
