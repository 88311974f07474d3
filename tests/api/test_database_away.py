"""When the database is away, locked or its disk is full: 503, nothing half done, and all is well when it is back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, text

from support.databases import postgres_database, postgres_server
from support.service import Service, make_service, make_settings, problem

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
