"""Every tunable of SmartAttendance, in one place: its variable, its unit, and the reason for its default.

Settings come from environment variables named ``SMARTATTENDANCE_<FIELD>``; no ``.env`` file is read. A variable
that is set but empty counts as not set, because container tools pass unset variables on that way.
``python -m config``, run in ``backend/``, prints the table that the README shows.
"""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from errors import ConfigurationError
from setting_kinds import (
    BACKEND_DIR,
    Choice,
    Decimal,
    Flag,
    Kind,
    Location,
    Probabilities,
    Secret,
    Text,
    WebAddress,
    WebAddresses,
    Whole,
)

PREFIX = "SMARTATTENDANCE_"

# Variables with our prefix that others read: the tests look for pictures and weights in this one.
OTHER_VARIABLES = frozenset({f"{PREFIX}TEST_DATA"})

# How much of a wrong value an error repeats; a pasted file should not fill the screen.
LONGEST_SHOWN = 80

logger = logging.getLogger(__name__)


def _about(
    kind: Kind, *, unit: str, help: str, reason: str, shown: str | None = None, variable: str | None = None
) -> dict[str, Any]:
    """A field's metadata, for the table and the errors. ``shown`` stands for the default in the table where the
    value itself would depend on the machine. ``variable``: a name that everybody knows, in the place of ours."""
    return {"kind": kind, "unit": unit, "help": help, "reason": reason, "shown": shown, "variable": variable}


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, checked when made: a value out of range raises ConfigurationError, whoever passes it.

    ``Settings()`` has the defaults, ``Settings.from_env()`` what the environment says. For what a setting does and
    why its default is what it is, see its ``help`` and ``reason``.
    """

    dataset_dir: Path = field(
        default=BACKEND_DIR / "dataset" / "processed",
        metadata=_about(
            Location("folder"),
            unit="folder",
            help="Where the photos to train on are: one folder for each student, named by the student id.",
            reason="Next to the program, and kept out of version control.",
            shown="`dataset/processed`",
        ),
    )
    model_dir: Path = field(
        default=BACKEND_DIR / "models" / "Classifier",
        metadata=_about(
            Location("folder"),
            unit="folder",
            help="Where training writes the model and recognition reads it.",
            reason="Next to the program, and kept out of version control.",
            shown="`models/Classifier`",
        ),
    )
    cache_dir: Path | None = field(
        default=None,
        metadata=_about(
            Location("folder", optional=True),
            unit="folder",
            help="Where downloaded network weights and computed embeddings are kept.",
            reason="The user's cache folder outlives a new checkout, and can be emptied without losing anything.",
            shown="the user's cache folder",
        ),
    )
    facenet_weights: Path | None = field(
        default=None,
        metadata=_about(
            Location("file", optional=True),
            unit="file",
            help="A FaceNet weights file (VGGFace2) to use instead of the official one.",
            reason="The official file is downloaded once, checked and kept in the cache folder.",
            shown="not set",
        ),
    )
    embedder: str = field(
        default="auto",
        metadata=_about(
            Choice(("auto", "facenet", "dlib")),
            unit="name",
            help="The network that turns a face into numbers.",
            reason="`auto` takes FaceNet, the more accurate one, where its weights are or can be had, else dlib.",
        ),
    )
    allow_download: bool = field(
        default=True,
        metadata=_about(
            Flag(),
            unit="yes or no",
            help="Whether missing FaceNet weights may be downloaded.",
            reason="They are 112 MB and needed once; switch it off where the machine must not reach the internet.",
        ),
    )
    device: str = field(
        default="auto",
        metadata=_about(
            Choice(("auto", "cpu", "cuda", "mps")),
            unit="name",
            help="What the networks run on.",
            reason="`auto` takes an NVIDIA GPU, then Apple's, then the processor.",
        ),
    )
    threads: int = field(
        default=0,
        metadata=_about(
            Whole(0, 1024),
            unit="processor cores",
            help="How many cores the networks may use; 0 leaves the choice to PyTorch.",
            reason="PyTorch takes every physical core, which is best when nothing else runs on the machine.",
        ),
    )
    min_face_size: int = field(
        default=40,
        metadata=_about(
            Whole(12, 2000),
            unit="pixels",
            help="The smallest face that is looked for: the shorter side of its box.",
            reason="Below 40 pixels people are hard to tell apart, and looking for 20 takes about twice the time.",
        ),
    )
    detector_thresholds: tuple[float, float, float] = field(
        default=(0.6, 0.7, 0.7),
        metadata=_about(
            Probabilities(3),
            unit="probability",
            help="How sure each of the face detector's three networks must be to pass a face on.",
            reason="The values MTCNN was published with (Zhang et al. 2016).",
        ),
    )
    detector_min_probability: float = field(
        default=0.9,
        metadata=_about(
            Decimal(0, 1, below=True),
            unit="probability",
            help="Faces the detector is less sure of in the end are dropped.",
            reason="Below 0.9 most boxes in crowded scenes are not faces.",
        ),
    )
    max_image_bytes: int = field(
        default=20_000_000,
        metadata=_about(
            Whole(1_000, 1_000_000_000),
            unit="bytes",
            help="The largest picture file accepted.",
            reason="Above the JPEG of any phone.",
        ),
    )
    max_image_pixels: int = field(
        default=50_000_000,
        metadata=_about(
            Whole(10_000, 1_000_000_000),
            unit="pixels",
            help="The largest picture accepted, width times height, checked before it is decoded.",
            reason="Holds the stills of nearly all phones, and takes 150 MB of memory when decoded.",
        ),
    )
    max_faces_per_image: int = field(
        default=64,
        metadata=_about(
            Whole(1, 1000),
            unit="faces",
            help="How many faces of one picture are recognised; the largest come first.",
            reason="More than a classroom holds in view; bounds the time and memory that one picture can take.",
        ),
    )
    model_signing_key: str | None = field(
        default=None,
        repr=False,
        metadata=_about(
            Secret(32),
            unit="secret",
            help="Signs the models that training writes; with it set, only models signed with it are loaded.",
            reason="Only needed where others can write to the model folder; 32 characters are beyond guessing.",
            shown="not set",
        ),
    )
    model_poll_seconds: float = field(
        default=0.5,
        metadata=_about(
            Decimal(0.05, 60),
            unit="seconds",
            help="How often a running program looks for a newly trained model.",
            reason="A look costs microseconds, and a new model is then in use well within two seconds.",
        ),
    )
    data_dir: Path = field(
        default=BACKEND_DIR / "instance",
        metadata=_about(
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
        metadata=_about(
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
        metadata=_about(
            Secret(32),
            unit="secret",
            help="Signs the cookies. Several machines that serve together need the same one.",
            reason="Without it a random one is made once and kept in the data folder, readable by its owner only.",
            shown="made at the first start",
        ),
    )
    host: str = field(
        default="127.0.0.1",
        metadata=_about(
            Text(255),
            unit="address",
            help="The address that `python app.py` listens on.",
            reason="This machine only: a camera needs HTTPS or localhost, and the first start has no admin yet.",
        ),
    )
    port: int = field(
        default=8000,
        metadata=_about(
            Whole(1, 65535),
            unit="port",
            help="The port that `python app.py` listens on.",
            reason="Free on most machines, and needs no rights.",
        ),
    )
    public_url: str | None = field(
        default=None,
        metadata=_about(
            WebAddress(),
            unit="address",
            help="The address people open, such as `https://attendance.example.org`, for links that are handed on.",
            reason="Without it the address of the request, which is right unless a proxy changes it.",
            shown="not set",
        ),
    )
    trusted_proxies: int = field(
        default=0,
        metadata=_about(
            Whole(0, 10),
            unit="proxies",
            help="How many proxies stand before the server whose X-Forwarded headers are to be believed.",
            reason="With none of them anybody could claim any address.",
        ),
    )
    cors_origins: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            WebAddresses(),
            unit="addresses",
            help="Other web sites whose pages may use the API in a browser.",
            reason="The page that the server delivers itself needs none.",
            shown="none",
        ),
    )
    login_hours: float = field(
        default=12.0,
        metadata=_about(
            Decimal(0.1, 720),
            unit="hours",
            help="How long a login lasts.",
            reason="A working day; nobody is asked again in the middle of a class.",
        ),
    )
    login_attempts_per_minute: int = field(
        default=10,
        metadata=_about(
            Whole(1, 10000),
            unit="attempts a minute",
            help="How often a password may be tried, for each address and for each account.",
            reason="Enough for anybody who mistypes, useless for guessing.",
        ),
    )
    rate_limit_storage: str = field(
        default="memory://",
        repr=False,
        metadata=_about(
            Text(500),
            unit="address",
            help="Where attempts and frames are counted: `memory://` or `redis://host:6379`.",
            reason="Each process counts for itself, which is enough for one or two; several machines share a Redis.",
        ),
    )
    inference_workers: int = field(
        default=1,
        metadata=_about(
            Whole(1, 64),
            unit="frames at once",
            help="How many frames a process recognises at the same time.",
            reason="One frame already uses every core.",
        ),
    )
    inference_queue: int = field(
        default=8,
        metadata=_about(
            Whole(0, 1000),
            unit="frames",
            help="How many more frames may wait; the next is answered 503 at once.",
            reason="About a second of work on two cores: later answers would be about people who have walked on.",
        ),
    )
    inference_deadline_seconds: float = field(
        default=5.0,
        metadata=_about(
            Decimal(0.05, 120),
            unit="seconds",
            help="How long a frame may wait for its turn before it is answered 503.",
            reason="A page that waits longer has sent newer frames by then.",
        ),
    )
    frames_per_second: int = field(
        default=20,
        metadata=_about(
            Whole(1, 1000),
            unit="frames a second",
            help="How many frames of one session are taken in a second.",
            reason="More than a page sends; keeps one session from starving the others.",
        ),
    )
    confirm_sightings: int = field(
        default=2,
        metadata=_about(
            Whole(1, 20),
            unit="sightings",
            help="How many accepted sightings make a student present.",
            reason="A single frame that is mistaken then marks nobody.",
        ),
    )
    confirm_window_seconds: float = field(
        default=10.0,
        metadata=_about(
            Decimal(0.1, 3600),
            unit="seconds",
            help="Within what time these sightings must lie.",
            reason="As long as somebody stands before the camera.",
        ),
    )
    close_grace_seconds: float = field(
        default=120.0,
        metadata=_about(
            Decimal(0, 86400),
            unit="seconds",
            help="How long after the close of a session frames captured before it still count.",
            reason="A page that lost the network sends its queued frames within that time.",
        ),
    )
    lock_after_hours: float = field(
        default=72.0,
        metadata=_about(
            Decimal(0, 8784),
            unit="hours",
            help="How long after its close a session's marks may be corrected without reopening it.",
            reason="Excuses come in within days; later changes should be deliberate.",
        ),
    )
    review_crop_days: float = field(
        default=7.0,
        metadata=_about(
            Decimal(0.01, 365),
            unit="days",
            help="How long the crop of a doubtful face is kept.",
            reason="A week's classes are reviewed within a week; then nobody remembers who it was.",
        ),
    )
    frame_record_days: float = field(
        default=30.0,
        metadata=_about(
            Decimal(1, 3660),
            unit="days",
            help="How long the sightings of frames (no pictures) are kept.",
            reason="As long as a mark may be disputed; the marks themselves and their history stay.",
        ),
    )
    consent_policy_version: str = field(
        default="1",
        metadata=_about(
            Text(40),
            unit="name",
            help="Which text students agree to when a consent is recorded without saying which.",
            reason="Raise it when the text changes, so that it shows who agreed to what.",
        ),
    )
    metrics_token: str | None = field(
        default=None,
        repr=False,
        metadata=_about(
            Secret(16),
            unit="secret",
            help="Lets a collector on another machine read `/metrics`, as `Authorization: Bearer`.",
            reason="Without it only this machine may.",
            shown="not set",
        ),
    )

    def __post_init__(self) -> None:
        for name, metadata in _metadata():
            value = getattr(self, name)
            if not metadata["kind"].accepts(value):
                raise ConfigurationError(_refusal(name, metadata["kind"], metadata["unit"], value))

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """The settings that ``environ`` gives, the defaults for the rest.

        Raises ConfigurationError that names the variable, its value (never a secret's) and what is allowed. A
        variable with our prefix that is no setting is most likely misspelt: a warning is logged that names the
        closest setting.
        """
        values: dict[str, Any] = {}
        for name, metadata in _metadata():
            text = environ.get(variable(name), "").strip()
            if not text:
                continue
            kind = metadata["kind"]
            try:
                values[name] = kind.parse(text)
                usable = kind.accepts(values[name])
            except ValueError:
                usable = False
            # raised out here, where no parser's error hangs on as its context: that repeats the value, maybe a secret
            if not usable:
                raise ConfigurationError(_refusal(name, kind, metadata["unit"], text))
        _warn_of_unknown(environ)
        return cls(**values)


def variable(name: str) -> str:
    """The environment variable of the setting ``name``."""
    named: str | None = dict(_metadata())[name]["variable"]
    return named or PREFIX + name.upper()


def settings_table() -> str:
    """Every setting as a Markdown table, header first, without a trailing newline. The same on every machine."""
    rows = ["| Variable | Default | Allowed | What it does, and why the default |", "|---|---|---|---|"]
    defaults = {item.name: item.default for item in fields(Settings)}
    for name, metadata in _metadata():
        shown = metadata["shown"] or f"`{_spelled(defaults[name])}`"
        allowed = f"{metadata['kind'].allowed}{_unit_note(metadata['kind'], metadata['unit'])}"
        cells = (f"`{variable(name)}`", shown, allowed, f"{metadata['help']} {metadata['reason']}")
        rows.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join(rows)


def _metadata() -> list[tuple[str, Mapping[str, Any]]]:
    return [(item.name, item.metadata) for item in fields(Settings)]


def _refusal(name: str, kind: Kind, unit: str, value: object) -> str:
    allowed = f"allowed is {kind.allowed}{_unit_note(kind, unit)}"
    if isinstance(kind, Secret):
        length = f"has {len(value)} characters" if isinstance(value, str) else "is not a text"
        return f"{variable(name)} {length}; {allowed}"
    shown = _spelled(value) if not isinstance(value, str) else value
    if len(shown) > LONGEST_SHOWN:
        shown = shown[:LONGEST_SHOWN] + "..."
    return f"{variable(name)} is {shown!r}; {allowed}"


def _unit_note(kind: Kind, unit: str) -> str:
    return f" ({unit})" if isinstance(kind, Whole | Decimal) else ""


def _spelled(value: object) -> str:
    """``value`` as one would write it into the variable."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(str(part) for part in value)
    return str(value)


def _warn_of_unknown(environ: Mapping[str, str]) -> None:
    known = {variable(name) for name, _ in _metadata()} | OTHER_VARIABLES
    for found in sorted(environ):
        # lower-case variants too: they are not read, and whoever set one believes they are
        if not found.upper().startswith(PREFIX) or found in known:
            continue
        closest = difflib.get_close_matches(found.upper(), sorted(known - OTHER_VARIABLES), n=1, cutoff=0)
        logger.warning("%s is not a setting and has no effect; did you mean %s?", found, closest[0])


if __name__ == "__main__":
    print(settings_table())
