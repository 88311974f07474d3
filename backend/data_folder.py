"""The folder where the server keeps what is its own, and the database, which is there unless it is told otherwise."""

from __future__ import annotations

import logging
import os
import secrets
from pathlib import Path

from attendance.database import Database
from config import DATABASE_FILE, Settings
from errors import ConfigurationError
from recognizer.durable_files import write_atomically

SECRET_FILE = "secret.key"
_SHORTEST_KEY = 32

_logger = logging.getLogger(__name__)


def open_database(settings: Settings) -> Database:
    """The database that ``settings`` name, with all tables as this version needs them. Raises ConfigurationError."""
    make_private(settings.data_dir)
    database = database_of(settings)
    database.prepare()
    return database


def database_of(settings: Settings, *, read_only: bool = False) -> Database:
    """The database that ``settings`` name, as it is. read_only: see ``Database``. Raises ConfigurationError for an
    address that is none."""
    return Database(settings.database_url or f"sqlite:///{settings.data_dir / DATABASE_FILE}", read_only=read_only)


def make_private(folder: Path) -> None:
    """Make ``folder``; what is in it is about people, and for the server's user only. Raises ConfigurationError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Windows has no such modes: there a user's folders are their own anyway
        if os.name != "nt" and folder.stat().st_mode & 0o077:
            _shut(folder)
        # a folder that can be read may still be on a disk that is mounted read-only
        probe = folder / f".probe.{secrets.token_hex(4)}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigurationError(
            f"the data folder {folder} cannot be used: {error.strerror or error}. Correct its permissions, or name "
            "another one by SMARTATTENDANCE_DATA_DIR"
        ) from error


def secret_key(data_dir: Path) -> str:
    """The key of the cookies: made once; several processes that start at once agree on it. Raises
    ConfigurationError."""
    path = data_dir / SECRET_FILE
    try:
        if not path.exists():
            temporary = path.with_name(f".{SECRET_FILE}.{secrets.token_hex(4)}")
            try:
                write_atomically(temporary, secrets.token_hex(32).encode())
                temporary.chmod(0o600)
                os.link(temporary, path)
            except FileExistsError:
                pass  # another process was first
            finally:
                temporary.unlink(missing_ok=True)
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "it is not text"
        raise ConfigurationError(
            f"the key {path} cannot be read or made: {reason}. Correct that, or name a key by "
            "SMARTATTENDANCE_SECRET_KEY"
        ) from error
    if len(key) < _SHORTEST_KEY:
        raise ConfigurationError(f"{path} is damaged; delete it, and everybody logs in again")
    return key


def _shut(folder: Path) -> None:
    try:
        folder.chmod(0o700)
    except PermissionError:  # a mounted folder may belong to somebody else and still be ours to use
        _logger.warning("others on this machine can look into %s, which is not ours to forbid", folder)
