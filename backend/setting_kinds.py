"""The kinds of values that settings take: how each is read from text, checked, and described to the user."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

# Relative paths in settings start here.
BACKEND_DIR = Path(__file__).resolve().parent


class Kind(Protocol):
    """What values a setting takes. ``allowed`` says it in words, for errors and for the table."""

    @property
    def allowed(self) -> str: ...

    def parse(self, text: str) -> Any:
        """The value that ``text``, stripped and not empty, stands for. Raises ValueError."""
        ...

    def accepts(self, value: Any) -> bool: ...


def about(
    kind: Kind, *, unit: str, help: str, reason: str, shown: str | None = None, variable: str | None = None
) -> dict[str, Any]:
    """A field's metadata, for the table and the errors. ``shown`` stands for the default in the table where the
    value itself would depend on the machine. ``variable``: a name that everybody knows, in the place of ours."""
    return {"kind": kind, "unit": unit, "help": help, "reason": reason, "shown": shown, "variable": variable}


@dataclass(frozen=True)
class Whole:
    """A whole number from ``low`` to ``high``, both included."""

    low: int
    high: int

    @property
    def allowed(self) -> str:
        return f"a whole number from {self.low} to {self.high}"

    def parse(self, text: str) -> int:
        return int(text)

    def accepts(self, value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high


@dataclass(frozen=True)
class Decimal:
    """A finite number from ``low``, included, to ``high``, included unless ``below``."""

    low: float
    high: float
    below: bool = False

    @property
    def allowed(self) -> str:
        return f"a number from {self.low:g} to {'below ' if self.below else ''}{self.high:g}"

    def parse(self, text: str) -> float:
        return float(text)

    def accepts(self, value: Any) -> bool:
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            return False
        return self.low <= value < self.high if self.below else self.low <= value <= self.high


@dataclass(frozen=True)
class Probabilities:
    """``count`` numbers strictly between 0 and 1, separated by commas."""

    count: int

    @property
    def allowed(self) -> str:
        return f"{self.count} numbers above 0 and below 1, separated by commas"

    def parse(self, text: str) -> tuple[float, ...]:
        return tuple(float(part) for part in text.split(","))

    def accepts(self, value: Any) -> bool:
        if not isinstance(value, tuple) or len(value) != self.count:
            return False
        return all(isinstance(number, float) and 0 < number < 1 for number in value)


@dataclass(frozen=True)
class Choice:
    """One of a few words; upper and lower case are the same."""

    options: tuple[str, ...]

    @property
    def allowed(self) -> str:
        return ", ".join(self.options[:-1]) + f" or {self.options[-1]}"

    def parse(self, text: str) -> str:
        return text.lower()

    def accepts(self, value: Any) -> bool:
        return value in self.options


@dataclass(frozen=True)
class Flag:
    """Yes or no, in the spellings people use."""

    allowed: str = "true or false (also yes/no, on/off, 1/0)"

    def parse(self, text: str) -> bool:
        word = text.lower()
        if word in {"true", "yes", "on", "1"}:
            return True
        if word in {"false", "no", "off", "0"}:
            return False
        raise ValueError(text)

    def accepts(self, value: Any) -> bool:
        return isinstance(value, bool)


@dataclass(frozen=True)
class Location:
    """A file or folder. A relative one is taken from ``backend/``, wherever the program was started; ``~`` is the
    home folder. Whether it exists is asked where it is used."""

    what: str
    optional: bool = False

    @property
    def allowed(self) -> str:
        return f"the path of a {self.what}; a relative one starts at backend/"

    def parse(self, text: str) -> Path:
        if "\0" in text:
            raise ValueError(text)
        try:
            return BACKEND_DIR / Path(text).expanduser()
        except RuntimeError as error:  # "~name" of a user that does not exist
            raise ValueError(text) from error

    def accepts(self, value: Any) -> bool:
        return isinstance(value, Path) or (self.optional and value is None)


@dataclass(frozen=True)
class Secret:
    """A text of at least ``shortest`` characters that no message, log or repr ever shows."""

    shortest: int
    of: str = "text"

    @property
    def allowed(self) -> str:
        return f"a {self.of} of at least {self.shortest} characters"

    def parse(self, text: str) -> str:
        return text

    def accepts(self, value: Any) -> bool:
        return value is None or (isinstance(value, str) and len(value) >= self.shortest)


@dataclass(frozen=True)
class Text:
    """Printable text of at most ``longest`` characters. optional: None as well, which no variable says."""

    longest: int
    optional: bool = False

    @property
    def allowed(self) -> str:
        return f"a text of at most {self.longest} characters"

    def parse(self, text: str) -> str:
        return text

    def accepts(self, value: Any) -> bool:
        if value is None:
            return self.optional
        return isinstance(value, str) and 0 < len(value) <= self.longest and value.isprintable()


def _is_web_address(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and value == f"{parts.scheme}://{parts.netloc}"


@dataclass(frozen=True)
class WebAddress:
    """Scheme, host and perhaps port of a web site; None when there is none."""

    allowed: str = "an address such as https://attendance.example.org, without a path"

    def parse(self, text: str) -> str:
        return text.rstrip("/")

    def accepts(self, value: Any) -> bool:
        return value is None or _is_web_address(value)


@dataclass(frozen=True)
class WebAddresses:
    """Any number of web sites, separated by commas."""

    allowed: str = "addresses such as https://example.org, separated by commas"

    def parse(self, text: str) -> tuple[str, ...]:
        return tuple(part.strip().rstrip("/") for part in text.split(","))

    def accepts(self, value: Any) -> bool:
        return isinstance(value, tuple) and all(_is_web_address(item) for item in value)
