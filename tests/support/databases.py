"""Databases for tests, already with all tables: an SQLite file is copied, PostgreSQL's is emptied between tests.

PostgreSQL is the server that TEST_DATABASE_URL names, else one that answers on this machine; its account must be
allowed to create databases. Without one the tests that need it are skipped and say so; where TEST_DATABASE_URL is set
they fail.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from attendance.database import Database
from attendance.models import Base

VARIABLE = "TEST_DATABASE_URL"
_LOCAL = ("postgresql://127.0.0.1/postgres", "postgresql:///postgres")


@cache
def postgres_server() -> str | None:
    """The URL of a PostgreSQL server, or None."""
    named = os.environ.get(VARIABLE)
    for url in (named,) if named else _LOCAL:
        try:
            with psycopg.connect(url, connect_timeout=3):
                return url
        except psycopg.OperationalError as error:
            if named:
                pytest.fail(f"{VARIABLE} is set, but its server does not answer: {error}")
    return None


@contextmanager
def postgres_database() -> Iterator[str]:
    """The URL of a new PostgreSQL database with all tables; dropped at the end."""
    server = postgres_server()
    if server is None:
        pytest.skip(f"no PostgreSQL server answers on this machine, and {VARIABLE} names none")
    name = f"smartattendance_test_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[arg-type]
        # what is committed is seen by everybody at once; only a power cut could still undo it
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')  # type: ignore[arg-type]
    url = make_url(server).set(database=name).render_as_string(hide_password=False)
    try:
        database = Database(url)
        database.upgrade()
        database.close()
        yield url
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')  # type: ignore[arg-type]


# Far more rows than a test makes by hand; beyond, truncating costs less than deleting.
_MANY = 2000
_EMPTY = """
DO $$
DECLARE
    name text;
    names text[] := {names};
    found bigint;
    many boolean := false;
BEGIN
    FOREACH name IN ARRAY names LOOP
        EXECUTE format('SELECT count(*) FROM (SELECT FROM %I LIMIT {many}) AS part', name) INTO found;
        many := many OR found = {many};
    END LOOP;
    IF many THEN
        EXECUTE (SELECT 'TRUNCATE ' || string_agg(quote_ident(n), ', ') || ' RESTART IDENTITY' FROM unnest(names) AS n);
        RETURN;
    END IF;
    FOREACH name IN ARRAY names LOOP
        EXECUTE format('SELECT count(*) FROM (SELECT FROM %I LIMIT 1) AS part', name) INTO found;
        CONTINUE WHEN found = 0;
        EXECUTE format('ALTER TABLE %I DISABLE TRIGGER USER', name);
        EXECUTE format('DELETE FROM %I', name);
        EXECUTE format('ALTER TABLE %I ENABLE TRIGGER USER', name);
    END LOOP;
    PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false) FROM pg_sequences
        WHERE schemaname = 'public' AND last_value IS NOT NULL;
END $$
"""


def empty(url: str) -> None:
    """Remove every row of a PostgreSQL database, and count from 1 again.

    Deletes what is there: truncating makes the files of all tables and indexes anew, and takes half a second.
    """
    # those that refer to others first
    names = [table.name for table in reversed(Base.metadata.sorted_tables)]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_EMPTY.format(names=f"ARRAY{names}", many=_MANY))  # type: ignore[arg-type]


@cache
def _sqlite_template(folder: Path) -> Path:
    path = folder / "template.sqlite3"
    database = Database(f"sqlite:///{path}")
    database.upgrade()
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return path


def sqlite_database(template_folder: Path, folder: Path) -> str:
    """The URL of a new SQLite database in ``folder`` with all tables."""
    path = folder / "test.sqlite3"
    shutil.copy(_sqlite_template(template_folder), path)
    return f"sqlite:///{path}"
