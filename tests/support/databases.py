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
from sqlalchemy import make_url, text

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
    url = make_url(server).set(database=name).render_as_string(hide_password=False)
    try:
        database = Database(url)
        database.upgrade()
        database.close()
        yield url
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')  # type: ignore[arg-type]


def empty(url: str) -> None:
    """Remove every row of a PostgreSQL database."""
    names = ", ".join(f'"{table.name}"' for table in Base.metadata.sorted_tables)
    database = Database(url)
    with database.writing() as db:
        db.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
    database.close()


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
