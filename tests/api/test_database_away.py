"""When the database is away, locked or its disk is full: 503, nothing half done, and all is well when it is back."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, make_url, text
from sqlalchemy.exc import OperationalError

from attendance import engines
from support.databases import postgres_database, postgres_server
from support.service import Service, make_service, make_settings, problem
from support.tcp_proxy import Proxy, interruptible

NEW = {"code": "MATH-1", "title": "Analysis", "term": "2026W", "timezone": "Europe/Berlin"}


def test_a_full_disk_changes_nothing_and_says_so(sqlite_service: Service, caplog: pytest.LogCaptureFixture) -> None:
    client = sqlite_service.admin()
    engine = sqlite_service.database.engine
    with engine.connect() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
    engine.dispose()

    def full(connection: Any, _: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}")

    event.listen(engine, "connect", full)
    refused = None
    for number in range(200):
        answer = client.post("/courses", json={**NEW, "code": f"C{number}", "title": "x" * 200})
        if answer.status_code != 201:
            refused = answer
            break
    assert refused is not None and problem(refused) == (503, "unavailable")
    assert "full" in refused.json["detail"] and refused.headers["Retry-After"]
    # the log says what failed, and never what was written: that is about people
    assert "INSERT INTO" in caplog.text and "xxx" not in caplog.text
    event.remove(engine, "connect", full)
    engine.dispose()
    kept = client.get("/courses?limit=500").json["items"]
    assert [course["code"] for course in kept] == sorted(f"C{n}" for n in range(number))
    assert client.post("/courses", json=NEW).status_code == 201


def test_a_server_that_went_away_is_503_and_back_when_it_is_back(tmp_path: Path) -> None:
    with postgres_database() as url:
        service = make_service(make_settings(tmp_path, url))
        client = service.admin()
        name = service.database.engine.url.database
        with psycopg.connect(str(postgres_server()), autocommit=True) as server:
            server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')  # type: ignore[arg-type]
            server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        assert problem(client.get("/courses")) == (503, "unavailable")
        with psycopg.connect(str(postgres_server()), autocommit=True) as server:
            server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')  # type: ignore[arg-type]
        assert client.get("/courses").status_code == 200
        service.database.close()


@pytest.fixture
def behind_proxy(tmp_path: Path) -> Iterator[tuple[Service, Proxy]]:
    """A server that reaches its database by a way that can be interrupted."""
    with postgres_database() as url:
        real = make_url(str(postgres_server()))
        with interruptible(real.host or "127.0.0.1", real.port or 5432) as proxy:
            through = make_url(url).set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)
            service = make_service(make_settings(tmp_path, through))
            yield service, proxy
            service.database.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_SILENCE_SECONDS", 0.3)
    # the driver's own rule is two seconds at least
    monkeypatch.setattr("psycopg.connection.timeout_from_conninfo", lambda _: 0.5)


@pytest.mark.usefixtures("impatient")
def test_a_database_that_takes_all_and_says_nothing_is_503_on_connections_that_are_open(
    behind_proxy: tuple[Service, Proxy], caplog: pytest.LogCaptureFixture
) -> None:
    service, proxy = behind_proxy
    client = service.admin()
    assert client.get("/courses").status_code == 200
    proxy.fall_silent()
    answers: list[Any] = []

    def ask(*calls: Callable[[], Any]) -> None:
        answers.extend(call() for call in calls)

    readyz = service.guest().flask
    threads = [
        threading.Thread(target=ask, args=(call,))
        for call in (
            lambda: client.get("/courses"),
            lambda: client.post("/courses", json=NEW),
            lambda: readyz.get("/readyz"),
            service.chores,
        )
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "somebody waits for the database for ever"
    assert [answer.status_code for answer in answers if answer is not None] == [503, 503, 503]
    said = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.getMessage().partition(" (")[0] for record in said] == [
        "the database: the database does not answer: nothing was changed"
    ]
    proxy.come_back()
    until = time.monotonic() + 30
    while (status := client.get("/courses").status_code) == 503 and time.monotonic() < until:
        time.sleep(0.1)
    assert status == 200


@pytest.mark.usefixtures("impatient")
def test_a_statement_is_given_up_when_the_server_falls_silent_and_not_because_it_takes_long(
    behind_proxy: tuple[Service, Proxy],
) -> None:
    service, proxy = behind_proxy
    with service.database.reading() as db:
        db.execute(text("SELECT pg_sleep(1)"))  # three times as long as it takes to ask whether anybody is there
        proxy.fall_silent()
        with pytest.raises(OperationalError, match="says nothing") as caught:
            db.execute(text("SELECT 1"))
    assert caught.value.connection_invalidated
    proxy.come_back()
    with service.database.alone("something") as alone:
        assert alone
