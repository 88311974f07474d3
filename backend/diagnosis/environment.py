"""The settings: can they be used, are they spelt right, and is there what they name?"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from urllib.parse import urlsplit

from config import shown as settings_shown
from config import unknown_variables
from diagnosis import remedies
from diagnosis.case import Case
from diagnosis.finding import Finding, note, ok, problem
from diagnosis.wording import count, some

UNUSABLE = "settings_unusable"


def usable(case: Case) -> Iterator[Finding]:
    for name, reason in case.unusable.items():
        yield problem(
            UNUSABLE,
            "Settings",
            f"{reason}. The server does not start with it; everything below is looked at as if it were not set",
            "Correct it where the server is started, or take it out.",
            remedies.unset_variable(name),
        )
    changed = [str(row["variable"]) for row in settings_shown(case.settings) if not row["is_default"]]
    if changed:
        yield ok("settings", "Settings", f"{count(len(changed), 'is', 'are')} set: {some(changed)}")
    elif not case.unusable:
        yield ok("settings", "Settings", "none is set, so that all have their defaults")


def spelling(case: Case) -> Iterator[Finding]:
    for name, closest in unknown_variables(case.environ):
        yield note(
            "setting_unknown",
            "Settings",
            f"{name} is not a setting and has no effect",
            f"Take it out; if {closest} was meant, set that.",
            remedies.unset_variable(name),
        )


def database_address(case: Case) -> Iterator[Finding]:
    """Whether DATABASE_URL is an address that can be used at all; nothing is asked there."""
    if case.settings.database_url is None:
        return
    from data_folder import database_of
    from errors import ConfigurationError

    try:
        database_of(case.settings, read_only=True).close()
    except ConfigurationError as error:
        yield problem(
            UNUSABLE,
            "DATABASE_URL",
            str(error),
            "Give an address such as postgresql://user:password@host/name, or none for a file in the data folder.",
            remedies.unset_variable("DATABASE_URL"),
        )


def counter(case: Case) -> Iterator[Finding]:
    """Where attempts are counted: the package that speaks to a Redis is not among the pinned ones."""
    address = case.settings.rate_limit_storage
    kind = urlsplit(address).scheme.split("+")[0]
    if kind.startswith("redis") and importlib.util.find_spec("redis") is None:
        yield problem(
            "rate_limit_storage",
            "Rate limits",
            "SMARTATTENDANCE_RATE_LIMIT_STORAGE names a Redis, and the package that speaks to one is missing",
            "Install it.",
            remedies.pip_install("-r", os.fspath(remedies.REQUIREMENTS.with_name("requirements-cluster.txt"))),
        )


CHECKS = (
    (usable, "Settings"),
    (spelling, "Settings"),
    (database_address, "DATABASE_URL"),
    (counter, "Rate limits"),
)
