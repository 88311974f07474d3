"""What was erased, written down beside the database: a backup that is restored knows nothing of later erasures, and
brings the faces back. No name is in it, only what an id can be compared with.

A line of JSON for each: when it was asked for, of what kind, the student's row, and a salted digest of the id. Each
line stands for itself, so that two copies are joined by putting one after the other.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from attendance.external_ids import key_of
from attendance.models import ErasureKind
from errors import ConfigurationError
from recognizer.durable_files import write_atomically

# Longer than anybody may keep a backup (docs/DEPLOY.md says a year).
KEPT = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Noted:
    """An erasure. at: when it was asked for, in UTC. student_id: the row. salt, digest: hexadecimal."""

    at: datetime
    kind: ErasureKind
    student_id: int
    salt: str
    digest: str

    def is_of(self, external_id: str) -> bool:
        """Whether ``external_id`` is the id under which the face was filed."""
        return _digest(self.salt, external_id) == self.digest


class ErasureJournal:
    """One writes at a time: whoever holds the lock of the erasures."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def note(self, external_id: str, kind: ErasureKind, student_id: int, at: datetime) -> None:
        """Write down an erasure, once however often it is tried, and drop what is older than any backup. Raises
        ConfigurationError, OSError."""
        entries = self.read()
        if any(entry.at == at and entry.kind is kind and entry.is_of(external_id) for entry in entries):
            return
        salt = secrets.token_hex(16)
        entries = [entry for entry in entries if at - entry.at <= KEPT]
        entries.append(Noted(at, kind, student_id, salt, _digest(salt, external_id)))
        write_atomically(self.path, "".join(_line(entry) for entry in entries).encode("ascii"))

    def read(self) -> Sequence[Noted]:
        """All that is written down, the oldest first; nothing before the first erasure. Raises ConfigurationError: who
        goes on without it may show whom nobody may see any more."""
        try:
            lines = self.path.read_text(encoding="ascii").splitlines()
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or "it is not text"
            raise ConfigurationError(
                f"the list of erasures {self.path} cannot be read: {reason}. Correct that, or put a copy of it there"
            ) from error
        try:
            entries = {_entry(line) for line in lines if line.strip()}
        except (ValueError, TypeError, KeyError) as error:
            raise ConfigurationError(
                f"the list of erasures {self.path} is damaged; put a copy of it there. Without one delete the lines "
                "that are no JSON; those erasures are then not repeated after a backup is restored"
            ) from error
        return sorted(entries, key=lambda entry: (entry.at, entry.student_id, entry.salt))


def _digest(salt: str, external_id: str) -> str:
    return hashlib.sha256(f"{salt}:{key_of(external_id)}".encode()).hexdigest()


def _line(entry: Noted) -> str:
    fields = {
        "at": entry.at.astimezone(UTC).isoformat(),
        "kind": str(entry.kind),
        "student": entry.student_id,
        "salt": entry.salt,
        "digest": entry.digest,
    }
    return json.dumps(fields) + "\n"


def _entry(line: str) -> Noted:
    fields = json.loads(line)
    at = datetime.fromisoformat(fields["at"])
    if at.tzinfo is None:
        raise ValueError(line)
    return Noted(at, ErasureKind(fields["kind"]), int(fields["student"]), str(fields["salt"]), str(fields["digest"]))
