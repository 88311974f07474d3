"""What all tests of the API share: passwords are kept in the way that takes least, as most of them only log in."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from attendance import passwords

# As the passwords of ``support.service``, so that a login does not keep them anew.
_QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
_NOBODYS = _QUICK.hash("nobody has this password")


@pytest.fixture
def passwords_kept_well() -> None:
    """For tests of how passwords are kept: as in a school, which takes a processor 100 ms each time."""


@pytest.fixture(autouse=True)
def passwords_kept_quickly(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "passwords_kept_well" not in request.fixturenames:
        monkeypatch.setattr(passwords, "_hasher", _QUICK)
        monkeypatch.setattr(passwords, "_DUMMY", _NOBODYS)
