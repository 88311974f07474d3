"""Random secrets that somebody carries, of which only a hash is kept."""

from __future__ import annotations

import hashlib
import secrets

# 256 bits: cannot be guessed, so a plain hash is enough and no salt is needed.
_BYTES = 32


def new_secret(prefix: str = "") -> str:
    """A new secret of letters, digits, ``-`` and ``_``. prefix: by which a scanner for leaked secrets knows it."""
    return prefix + secrets.token_urlsafe(_BYTES)


def sha256_of(secret: str) -> str:
    """What is kept of ``secret``: 64 hexadecimal digits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
