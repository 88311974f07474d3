"""How often something may be asked: passwords tried, frames sent. Counted where SMARTATTENDANCE_RATE_LIMIT_STORAGE
says."""

from __future__ import annotations

import hashlib
import math
import time
from ipaddress import ip_address

from flask import request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from limits import RateLimitItemPerMinute, RateLimitItemPerSecond
from werkzeug.exceptions import TooManyRequests

from api.context import options

limiter = Limiter(get_remote_address, headers_enabled=True, swallow_errors=False)

# Whoever has an IPv6 address has a whole network of them.
_IPV6_NETWORK_BITS = 64


class PasswordTry:
    """One try of a password, counted for the address it comes from and for the account it is for.

    account: the e-mail address. Raises TooManyRequests, before anything is looked at, when either has had its tries.
    """

    def __init__(self, account: str) -> None:
        self._limit = RateLimitItemPerMinute(options().login_attempts_per_minute)
        digest = hashlib.sha256(account.strip().lower().encode("utf-8", "surrogatepass")).hexdigest()
        self._keys = (f"password-address:{_network()}", f"password-account:{digest}")
        for key in self._keys:
            # counted before it is tried, or many at once would all be let through
            if not limiter.limiter.hit(self._limit, key):
                reset = limiter.limiter.get_window_stats(self._limit, key).reset_time
                wait = max(1, math.ceil(reset - time.time()))
                raise TooManyRequests(f"too many passwords were tried; wait {wait} seconds", retry_after=wait)

    def succeeded(self) -> None:
        """Count it no more: a whole school may log in from one address."""
        for key in self._keys:
            limiter.limiter.hit(self._limit, key, cost=-1)


def _network() -> str:
    """The address of the request; of IPv6, the network it is in."""
    text = request.remote_addr or ""
    try:
        address = ip_address(text)
    except ValueError:  # a Unix socket has none
        return text
    if address.version == 4:
        return str(address)
    return f"{int(address) >> (128 - _IPV6_NETWORK_BITS):x}"


def count(what: str, key: object, *, per_second: int) -> None:
    """Count one ``what`` (``frame``) of ``key`` in this second. Raises TooManyRequests beyond ``per_second``."""
    if not limiter.limiter.hit(RateLimitItemPerSecond(per_second), what, str(key)):
        raise TooManyRequests(f"more than {per_second} a second are not allowed here; send less often", retry_after=1)
