"""How often something may be asked: passwords tried, frames sent. Counted where SMARTATTENDANCE_RATE_LIMIT_STORAGE
says.

Where that does not answer, lessons go on: frames are not counted then. Passwords are not tried meanwhile, as nobody
could tell how often that is done."""

from __future__ import annotations

import hashlib
import logging
import math
import threading
import time
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

from flask import request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from limits import RateLimitItemPerDay, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.errors import StorageError
from werkzeug.exceptions import TooManyRequests

from api.context import options
from errors import BusyError, ConfigurationError
from outages import Outage

# A Redis on the same network answers within a millisecond.
_REDIS_SECONDS = 1

_WAIT_SECONDS, _MOST_WAITING = 1, 4
_REMEMBERED = RateLimitItemPerDay(1, 30)
_waiting: set[str] = set()
_lock = threading.Lock()

_storage = Outage("what counts frames and passwords", logging.getLogger(__name__))

limiter = Limiter(get_remote_address, headers_enabled=True, swallow_errors=False)

# Whoever has an IPv6 address has a whole network of them.
_IPV6_NETWORK_BITS = 64


def storage_options(address: str) -> dict[str, Any]:
    """How what counts at ``address`` is spoken to. Its failures have many names; wrapped they have one. Raises
    ConfigurationError where the package that speaks to a Redis is missing."""
    options: dict[str, Any] = {"wrap_exceptions": True}
    if address.startswith("redis"):
        try:  # only those who share a Redis have it
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ImportError as error:
            raise ConfigurationError(
                "SMARTATTENDANCE_RATE_LIMIT_STORAGE names a Redis, and the package that speaks to one is missing; run "
                "pip install -r requirements-cluster.txt"
            ) from error
        options |= {"socket_connect_timeout": _REDIS_SECONDS, "socket_timeout": _REDIS_SECONDS}
        # once more, as a connection may have been closed while nobody used it; by itself it tries for seconds
        options |= {"retry": Retry(NoBackoff(), 1)}
    return options


class PasswordTry:
    """One try of a password, counted for the account and the address it comes from, together and each alone.

    From one address an account is tried so many times a minute, then refused: nobody else is kept out by that. Where
    many addresses try one account, or one address tries many accounts, each further try has to wait a second, which
    its owner can bear and a list of passwords cannot. Only so many wait at once, and a crowd could take all places:
    where the account was logged in to within 30 days, it does not matter how many others try it.

    account: the e-mail address. is_slowed: whether there is such a wait; else they are refused as well. Raises
    TooManyRequests, before anything is looked at, and BusyError (``limits_away``) when tries cannot be counted.
    """

    def __init__(self, account: str, *, is_slowed: bool = True) -> None:
        self._limit = RateLimitItemPerMinute(options().login_attempts_per_minute)
        digest = hashlib.sha256(account.strip().lower().encode("utf-8", "surrogatepass")).hexdigest()
        network = _network()
        self._keys = (
            f"password-pair:{digest}:{network}",
            f"password-address:{network}",
            f"password-account:{digest}",
        )
        self._known = f"password-known:{hashlib.sha256(f'{digest} {network}'.encode()).hexdigest()}"
        try:
            # counted before it is tried, or many at once would all be let through
            pair, by_address, by_account = (limiter.limiter.hit(self._limit, key) for key in self._keys)
            alone = (by_address, by_account or not limiter.limiter.test(_REMEMBERED, self._known))
            _storage.over()
            if not pair or not (is_slowed or all(alone)):
                first = next(key for key, within in zip(self._keys, (pair, *alone), strict=True) if not within)
                reset = limiter.limiter.get_window_stats(self._limit, first).reset_time
                raise _too_many(max(1, math.ceil(reset - time.time())))
        except StorageError as error:
            _storage.noticed(f"it does not answer; nobody can log in ({error.storage_error})")
            raise BusyError(
                "passwords cannot be tried at this moment, as they cannot be counted; try again in a moment",
                retry_after=5,
                code="limits_away",
            ) from error
        if not all(alone):
            _wait(network)

    def succeeded(self) -> None:
        """Count it no more: a whole school may log in from one address."""
        with suppress(StorageError):  # then it counts for a minute
            for key in self._keys:
                limiter.limiter.hit(self._limit, key, cost=-1)
            limiter.limiter.hit(_REMEMBERED, self._known)


def _wait(network: str) -> None:
    # whoever waits holds a thread of the server, so that only a few may, and nobody takes the places of all
    with _lock:
        if network in _waiting or len(_waiting) >= _MOST_WAITING:
            raise _too_many(2 * _WAIT_SECONDS)
        _waiting.add(network)
    try:
        time.sleep(_WAIT_SECONDS)
    finally:
        with _lock:
            _waiting.remove(network)


def _too_many(wait: int) -> TooManyRequests:
    return TooManyRequests(f"too many passwords were tried; wait {wait} seconds", retry_after=wait)


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
    try:
        may = limiter.limiter.hit(RateLimitItemPerSecond(per_second), what, str(key))
    except StorageError as error:
        _storage.noticed(f"it does not answer; frames are not counted ({error.storage_error})")
        return
    _storage.over()
    if not may:
        raise TooManyRequests(f"more than {per_second} a second are not allowed here; send less often", retry_after=1)
