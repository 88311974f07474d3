"""How often something may be asked, counted for several server processes together; and when what counts is away."""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import sys
import urllib.error
import urllib.request
from itertools import cycle, islice
from pathlib import Path

import pytest

from errors import ConfigurationError
from support.databases import sqlite_database
from support.marking_server import running
from support.ports import free_port
from support.recognition import known, picture
from support.service import PASSWORD, make_service, make_settings, problem

VARIABLE = "TEST_REDIS_URL"
TRIES = 4


@pytest.fixture
def redis_url() -> str:
    """Of a Redis that answers. Nothing in it is removed: what is counted is of this test alone, and goes by itself."""
    redis = pytest.importorskip("redis", reason="the package redis is missing: pip install -r requirements-cluster.txt")
    url = os.environ.get(VARIABLE, "redis://127.0.0.1:6379")
    try:
        with redis.Redis.from_url(url, socket_timeout=3, socket_connect_timeout=3) as client:
            client.ping()
    except redis.RedisError as error:
        if VARIABLE in os.environ:
            pytest.fail(f"{VARIABLE} is set, but its server does not answer: {error}")
        pytest.skip(f"no Redis answers at {url}, and {VARIABLE} names none")
    return url


def log_in(address: str, email: str, network: str) -> tuple[int, str | None]:
    """The status of the answer to a wrong password from an address of ``network``, and how long to wait."""
    headers = {"Content-Type": "application/json", "X-Forwarded-For": f"{network}::{secrets.randbelow(0xFFFF):x}"}
    body = json.dumps({"email": email, "password": PASSWORD}).encode()
    request = urllib.request.Request(f"{address}/api/v1/auth/login", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status), None
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Retry-After"]


def test_two_processes_count_tries_of_passwords_together(
    redis_url: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    url = sqlite_database(tmp_path_factory.getbasetemp(), tmp_path)
    settings = {"rate_limit_storage": redis_url, "trusted_proxies": 1, "login_attempts_per_minute": TRIES}
    network = f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}"
    account = f"{secrets.token_hex(8)}@example.org"
    with running(tmp_path, url, **settings) as (_, one), running(tmp_path, url, **settings) as (_, other):
        for address in islice(cycle((one, other)), TRIES):
            assert log_in(address, account, network) == (401, None)
        for address in (one, other):
            status, wait = log_in(address, account, network)
            assert status == 429 and wait is not None and 1 <= int(wait) <= 60
        assert log_in(one, f"{secrets.token_hex(8)}@example.org", f"2001:db8:{secrets.token_hex(2)}:1") == (401, None)


def test_without_the_package_the_server_says_what_to_install(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("redis", "redis.backoff", "redis.retry"):
        monkeypatch.setitem(sys.modules, name, None)
    url = sqlite_database(tmp_path_factory.getbasetemp(), tmp_path)
    with pytest.raises(ConfigurationError, match=r"pip install -r requirements-cluster\.txt"):
        make_service(make_settings(tmp_path, url, rate_limit_storage="redis://127.0.0.1"))


def test_a_lesson_goes_on_while_what_counts_is_away_and_nobody_guesses_passwords(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if importlib.util.find_spec("redis") is None:
        pytest.skip("the package redis is missing: pip install -r requirements-cluster.txt")
    url = sqlite_database(tmp_path_factory.getbasetemp(), tmp_path)
    away = f"redis://127.0.0.1:{free_port()}"
    service = make_service(make_settings(tmp_path, url, rate_limit_storage=away, frames_per_second=1))
    instructor = service.user()
    course = service.course(staff=(instructor,))
    service.enrol(course, service.student("a1"))
    session = service.session(course)
    client = service.program(instructor)
    assert client.post(f"/sessions/{session}/open").status_code == 200
    for number in range(3):
        body, headers = picture(known("a1"), nonce=number), {"Content-Type": "image/png"}
        assert client.post(f"/sessions/{session}/frames", data=body, headers=headers).status_code == 200
    refused = service.guest().post("/auth/login", json={"email": "a@example.org", "password": PASSWORD})
    assert problem(refused) == (503, "limits_away") and refused.headers["Retry-After"] == "5"
    service.database.close()
