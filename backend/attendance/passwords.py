"""Passwords: how they are kept, and which are too easy to guess."""

from __future__ import annotations

import re
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from errors import InvalidRequestError

SHORTEST, LONGEST = 12, 200
# What is left of a password without its owner's name and address must still be worth something.
_SHORTEST_REST = 6
_FEWEST_CHARACTERS = 4

# Of the lists of passwords found in stolen databases, those that are long enough to be tried here.
_COMMONEST_TEXT = """
    123456789012 1234567890123 12345678901234 123456789123 123123123123 1234567890qwerty 1q2w3e4r5t6y 1qaz2wsx3edc
    1q2w3e4r5t6y7u qwertyuiop123 qwertyuiop12 qwertyuiopasdf qwerty123456 qwerty1234567 qwertyqwerty asdfghjkl123
    password1234 password12345 password123456 passwordpassword password1password mypassword123 yourpassword
    administrator administrator1 adminadmin123 admin1234567 admin123456789 letmein12345 letmeinletmein welcome12345
    welcome123456 iloveyou1234 iloveyou12345 sunshine1234 princess1234 football1234 baseball1234 basketball12
    monkeymonkey dragondragon changeme1234 changemechangeme correcthorsebatterystaple smartattendance
    smartattendance1 attendance123 attendance1234 teacherteacher teacher12345 instructor123 classroom1234
"""
_COMMONEST = frozenset(_COMMONEST_TEXT.split())

# The library's defaults follow RFC 9106 (the memory-constrained recommendation): about 50 ms and 64 MiB each time.
_hasher = PasswordHasher()
# Verified against where there is no account or no password, so that this takes as long as where there is one.
_DUMMY = _hasher.hash("nobody has this password")


def hash_of(password: str) -> str:
    """What is kept of ``password``: argon2id with its parameters and a salt. Takes about 50 ms."""
    return _hasher.hash(_bytes_of(password))


def is_right(kept: str | None, password: str) -> bool:
    """Whether ``kept`` was made of ``password``. With None, never; it takes as long."""
    try:
        return _hasher.verify(kept or _DUMMY, _bytes_of(password)) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


def hashed_anew(kept: str, password: str) -> str | None:
    """``password`` as it would be kept today, when ``kept`` was made with other parameters; else None."""
    return hash_of(password) if _hasher.check_needs_rehash(kept) else None


def check_strength(password: str, *, email: str, name: str, field: str) -> None:
    """Raise InvalidRequestError, which names ``field``, for a password that is too short or easy to guess."""
    reason = _weakness(password, email, name)
    if reason is not None:
        raise InvalidRequestError(
            f"this password {reason}; take several words that only you would put together",
            code="weak_password",
            errors=[{"field": field, "message": reason}],
        )


def _weakness(password: str, email: str, name: str) -> str | None:
    if len(password) < SHORTEST:
        return f"has fewer than {SHORTEST} characters"
    if len(password) > LONGEST:
        return f"has more than {LONGEST} characters"
    plain = _plain(password)
    if plain in _COMMONEST or len(set(plain)) < _FEWEST_CHARACTERS:
        return "is among the first that anybody would try"
    rest = plain
    known = {_plain(part) for part in (email, email.partition("@")[0], name, *name.split(), "smartattendance")}
    for part in sorted(known, key=len, reverse=True):
        if len(part) >= 3:
            rest = rest.replace(part, "")
    return "is little more than your name or e-mail address" if len(rest) < _SHORTEST_REST else None


def _plain(text: str) -> str:
    """Without what makes no difference to somebody who guesses: case, spaces, punctuation."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).casefold())


def _bytes_of(password: str) -> bytes:
    # one keyboard sends an accented letter as one character, another as two
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
