"""What one process does alone, on however many machines; and how long anybody waits for the database."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from attendance.database import Database, unavailable

BACKEND = Path(__file__).parents[2] / "backend"
LONG = 30.0  # far more than anything here takes
HOLDS_UNTIL_KILLED = """
import sys, time
sys.path.insert(0, sys.argv[1])
from attendance.database import Database
with Database(sys.argv[2]).alone("work") as alone:
    print(alone, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def two(postgres_url: str) -> Iterator[tuple[Database, Database]]:
    """The same database, from two machines."""
    databases = Database(postgres_url), Database(postgres_url)
    yield databases
    for database in databases:
        database.close()


def test_one_works_and_the_other_is_told_so(two: tuple[Database, Database]) -> None:
    one, other = two
    with one.alone("work") as first, other.alone("work") as second, other.alone("other work") as third:
        assert (first, second, third) == (True, False, True)
    with other.alone("work") as again:
        assert again


def test_threads_of_one_process_are_held_apart_too(two: tuple[Database, Database]) -> None:
    one, _ = two
    with one.alone("work") as first, one.alone("work") as second:
        assert (first, second) == (True, False)


def test_it_is_waited_for(two: tuple[Database, Database]) -> None:
    one, other = two
    waits, done = threading.Event(), []

    def wait() -> None:
        waits.set()
        with other.alone("work", LONG) as alone:
            done.append(alone)

    thread = threading.Thread(target=wait)
    with one.alone("work"):
        thread.start()
        assert waits.wait(LONG) and not done
    thread.join(LONG)
    assert done == [True]


def test_whatever_is_raised_it_is_let_go(two: tuple[Database, Database]) -> None:
    one, other = two
    with pytest.raises(ZeroDivisionError), one.alone("work"):
        _ = 1 / 0
    with other.alone("work") as alone:
        assert alone


def test_a_process_that_is_killed_lets_go(two: tuple[Database, Database], postgres_url: str) -> None:
    command = [sys.executable, "-c", HOLDS_UNTIL_KILLED, str(BACKEND), postgres_url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stdout.readline() == "True\n"
        with two[0].alone("work") as alone:
            assert not alone
    finally:
        process.kill()
        process.wait()
    with two[0].alone("work", LONG) as alone:
        assert alone


def test_a_connection_lost_meanwhile_ends_no_work(
    two: tuple[Database, Database], postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = two
    with one.alone("work"):
        with psycopg.connect(postgres_url, autocommit=True) as server:
            server.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        done = True
    assert done and "another process may have begun it" in caplog.text
    with other.alone("work", LONG) as alone:
        assert alone


def test_on_one_machine_files_see_to_it(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'new.sqlite3'}")
    with database.alone("work") as first, database.alone("work") as second:
        assert first and second
    database.close()


@pytest.fixture
def impatient(postgres_url: str) -> Iterator[Database]:
    """As whoever runs the server may set it, in the URL."""
    joined = "&" if "?" in postgres_url else "?"
    options = "-c%20lock_timeout=50ms%20-c%20idle_in_transaction_session_timeout=50ms"
    database = Database(f"{postgres_url}{joined}options={options}&connect_timeout=3")
    yield database
    database.close()


def setting(database: Database, name: str) -> str:
    with database.engine.connect() as connection:
        return str(connection.execute(text(f"SHOW {name}")).scalar_one())


def test_waits_are_bounded_unless_the_url_says_otherwise(two: tuple[Database, Database], impatient: Database) -> None:
    limits = {"lock_timeout": "10s", "statement_timeout": "1min", "idle_in_transaction_session_timeout": "2min"}
    assert {name: setting(two[0], name) for name in limits} == limits
    assert setting(impatient, "lock_timeout") == "50ms" and setting(impatient, "statement_timeout") == "1min"


def test_a_migration_takes_the_time_it_takes(two: tuple[Database, Database]) -> None:
    with two[0]._migrating() as config:
        connection = config.attributes["connection"]
        for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"):
            assert connection.execute(text(f"SHOW {name}")).scalar_one() == "0"
    assert setting(two[0], "lock_timeout") == "10s"


def test_who_waits_too_long_for_a_row_is_told_that_it_is_busy(
    two: tuple[Database, Database], impatient: Database
) -> None:
    query = text("SELECT version_num FROM alembic_version FOR UPDATE")
    with two[0].engine.begin() as connection:
        connection.execute(query)
        with pytest.raises(OperationalError) as caught, impatient.engine.begin() as other:
            other.execute(query)
    assert "too busy" in str(unavailable(caught.value))


def test_a_transaction_that_did_nothing_for_long_is_ended_and_that_is_no_fault_of_the_request(
    impatient: Database,
) -> None:
    pid_gone = text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")
    with pytest.raises(Exception) as caught, impatient.engine.connect() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with impatient.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as other:
            while other.execute(pid_gone, {"pid": pid}).scalar_one():
                pass
        connection.execute(text("SELECT 1"))
    assert unavailable(caught.value)


def test_no_more_connections_than_the_pool_has(two: tuple[Database, Database]) -> None:
    pool = two[0].engine.pool
    pool._timeout = 0.05  # type: ignore[attr-defined]
    taken = [two[0].engine.connect() for _ in range(20)]
    with pytest.raises(PoolTimeoutError) as caught:
        two[0].engine.connect()
    assert unavailable(caught.value) == "the database has no connection free"
    with two[0].alone("work") as alone:  # has one of its own
        assert alone
    for connection in taken:
        connection.close()
    two[0].engine.connect().close()
