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
from dataclasses import dataclass, fields
from typing import Any

from errors import ConfigurationError
from setting_kinds import Decimal, Kind, Secret, Whole
from settings_of_cluster import ClusterSettings
from settings_of_recognition import RecognitionSettings
from settings_of_service import ServiceSettings

PREFIX = "SMARTATTENDANCE_"
# Of the database in the data folder, unless another is named.
DATABASE_FILE = "smartattendance.sqlite3"

# Variables with our prefix that others read: the tests look for pictures and weights in this one.
OTHER_VARIABLES = frozenset({f"{PREFIX}TEST_DATA"})

# How much of a wrong value an error repeats; a pasted file should not fill the screen.
LONGEST_SHOWN = 80

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings(ClusterSettings, ServiceSettings, RecognitionSettings):
    """All settings, checked when made: a value out of range raises ConfigurationError, whoever passes it.

    ``Settings()`` has the defaults, ``Settings.from_env()`` what the environment says. For what a setting does and
    why its default is what it is, see its ``help`` and ``reason``.
    """

    def __post_init__(self) -> None:
        for name, metadata in _metadata():
            value = getattr(self, name)
            if not metadata["kind"].accepts(value):
                raise ConfigurationError(_refusal(name, metadata["kind"], metadata["unit"], value))

    @property
    def has_database(self) -> bool:
        """Whether a server's database is named, or lies in the data folder."""
        return self.database_url is not None or (self.data_dir / DATABASE_FILE).exists()

    @property
    def frames_at_once(self) -> int:
        """How many frames one server process has under way at once, here or in the cluster."""
        return self.ray_frames if self.recognizer == "ray" else self.inference_workers

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


def recognition_environment(settings: Settings) -> dict[str, str]:
    """The variables that give another process the recognition that ``settings`` have, and none of the service's."""
    values = {item.name: getattr(settings, item.name) for item in fields(RecognitionSettings)}
    return {variable(name): _spelled(value) for name, value in values.items() if value is not None}


def variable(name: str) -> str:
    """The environment variable of the setting ``name``."""
    named: str | None = dict(_metadata())[name]["variable"]
    return named or PREFIX + name.upper()


def shown(settings: Settings) -> list[dict[str, str | bool | None]]:
    """Every setting as an admin may see it: variable, value as text (of a secret only whether there is one), whether it
    is the default, allowed, help."""
    defaults = {item.name: item.default for item in fields(Settings)}
    rows: list[dict[str, str | bool | None]] = []
    for name, metadata in _metadata():
        value, kind = getattr(settings, name), metadata["kind"]
        text = None if value is None else "set" if isinstance(kind, Secret) else _spelled(value)
        rows.append(
            {
                "variable": variable(name),
                "value": text,
                "is_default": value == defaults[name],
                "allowed": f"{kind.allowed}{_unit_note(kind, metadata['unit'])}",
                "help": f"{metadata['help']} {metadata['reason']}",
            }
        )
    return rows


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


def unknown_variables(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """The variables with our prefix that are no settings, each with the closest setting."""
    known = {variable(name) for name, _ in _metadata()} | OTHER_VARIABLES
    found = []
    for name in sorted(environ):
        # lower-case variants too: they are not read, and whoever set one believes they are
        if name.upper().startswith(PREFIX) and name not in known:
            [closest] = difflib.get_close_matches(name.upper(), sorted(known - OTHER_VARIABLES), n=1, cutoff=0)
            found.append((name, closest))
    return found


def _warn_of_unknown(environ: Mapping[str, str]) -> None:
    for found, closest in unknown_variables(environ):
        logger.warning("%s is not a setting and has no effect; did you mean %s?", found, closest)


if __name__ == "__main__":
    print(settings_table())
