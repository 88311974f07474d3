"""What is being looked at: the settings, and what was found out once and is needed again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from config import Settings, shown
from setting_kinds import Secret

T = TypeVar("T")

# Of a password that is part of an address; shorter ones would take letters out of ordinary words.
_SHORTEST_SECRET = 4
_ADDRESSES = ("database_url", "rate_limit_storage")


@dataclass
class Case:
    """settings: those that could be read. environ: the variables they came from. unusable: the variables that could not
    be read, each with the reason; their settings have the defaults. now: aware."""

    settings: Settings
    environ: Mapping[str, str]
    unusable: Mapping[str, str] = field(default_factory=dict)
    now: datetime = field(default_factory=lambda: datetime.now(timezone.utc))  # noqa: UP017  (for an old Python)
    _known: dict[str, Any] = field(default_factory=dict, repr=False)
    _endings: list[Callable[[], None]] = field(default_factory=list, repr=False)

    @classmethod
    def of_environment(cls, environ: Mapping[str, str], now: datetime | None = None) -> Case:
        """The case that ``environ`` describes. A variable that cannot be used counts as not set: the others are looked
        at all the same."""
        unusable: dict[str, str] = {}
        known = {str(row["variable"]) for row in shown(Settings())}
        for name in sorted(known & set(environ)):
            if environ[name].strip():
                try:
                    Settings.from_env({name: environ[name]})
                except Exception as error:  # a ConfigurationError, or what an old Python makes of the settings
                    unusable[name] = str(error)
        kept = {name: value for name, value in environ.items() if name not in unusable}
        settings = Settings.from_env({name: value for name, value in kept.items() if name in known})
        case = cls(settings, kept, unusable)
        case.now = now or case.now
        return case

    def once(self, name: str, find_out: Callable[[], T]) -> T:
        """What ``find_out`` gave the first time it was asked for by this name."""
        if name not in self._known:
            self._known[name] = find_out()
        known: T = self._known[name]
        return known

    def at_end(self, close: Callable[[], None]) -> None:
        """Have ``close`` called when everything was looked at."""
        self._endings.append(close)

    def close(self) -> None:
        while self._endings:
            self._endings.pop()()

    def secrets(self) -> list[str]:
        """What must not be shown, whatever an error's text holds; the longest first."""
        found: set[str] = set()
        for name in Settings.__dataclass_fields__:
            value = getattr(self.settings, name)
            if name in _ADDRESSES:
                found |= _passwords(value or "")
            elif isinstance(Settings.__dataclass_fields__[name].metadata["kind"], Secret):
                found |= {value or ""}
        return sorted((each for each in found if len(each) >= _SHORTEST_SECRET), key=len, reverse=True)


def _passwords(address: str) -> set[str]:
    """Those in ``address``, as it spells them and as they are."""
    try:
        parts = urlsplit(address)
        found = [parts.password or "", *(value for name, value in parse_qsl(parts.query) if "pass" in name)]
    except ValueError:
        return set()
    return {spelled for each in found for spelled in (each, unquote(each))}
