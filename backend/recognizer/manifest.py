"""MANIFEST.json: which model files are ours, by SHA-256, with an optional signature.

It lies beside the model file and lists every version in ``history/``. A model file that it does not list was
cut short, altered, or put there by hand. With a signing key each entry carries an HMAC-SHA256, so that one who
can write files but has no key can add no model.

It also says in which order models were put to use: the one with the highest ``activated`` is the newest, whenever it
was trained. Processes that have not all loaded the same one yet can tell by it who is behind.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from errors import ModelIntegrityError
from recognizer.durable_files import write_atomically

MANIFEST_FILE = "MANIFEST.json"


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One model file. size: bytes. created_at: ISO 8601 UTC. hmac: hexadecimal, None when unsigned. activated: when it
    was last put to use, as a number that is higher each time; 0 when that was never, or not written down."""

    model_version: str
    size: int
    created_at: str
    hmac: str | None
    activated: int = 0


def read_manifest(folder: Path) -> dict[str, ManifestEntry] | None:
    """The entries by SHA-256, or None when ``folder`` has no manifest. Raises ModelIntegrityError."""
    path = folder / MANIFEST_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ModelIntegrityError(f"{path} cannot be read ({error}); {_REMEDY}") from error
    try:
        return {sha256: entry_of(item) for sha256, item in json.loads(text).items()}
    except (ValueError, AttributeError, TypeError, KeyError, RecursionError) as error:
        raise ModelIntegrityError(f"{path} is damaged; {_REMEDY}") from error


_REMEDY = "train again, which writes it anew from the history folder"


def write_manifest(folder: Path, entries: Mapping[str, ManifestEntry]) -> None:
    """Replace the manifest of ``folder``. Raises OSError, after which the old one is there."""
    content = {
        sha256: asdict(entry)
        for sha256, entry in sorted(entries.items(), key=lambda item: (item[1].created_at, item[0]))
    }
    write_atomically(folder / MANIFEST_FILE, (json.dumps(content, indent=2) + "\n").encode())


def put_to_use(entries: Mapping[str, ManifestEntry], sha256: str) -> dict[str, ManifestEntry]:
    """``entries`` with the one of ``sha256`` as the newest. By the clock (milliseconds since 1970), so that the number
    also grows when the entry that had the highest is gone; by one when the clock was set back."""
    highest = max(entry.activated for entry in entries.values())
    now = time.time_ns() // 1_000_000
    return {**entries, sha256: replace(entries[sha256], activated=max(now, highest + 1))}


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sign(sha256: str, model_version: str, key: bytes) -> str:
    """HMAC-SHA256, hexadecimal, over hash and version: neither can be exchanged without the key."""
    return hmac.new(key, f"{sha256}\n{model_version}".encode(), hashlib.sha256).hexdigest()


def verify(entry: ManifestEntry, sha256: str, key: bytes) -> None:
    """Raise ModelIntegrityError unless ``entry`` was signed with ``key``."""
    if entry.hmac is None:
        raise ModelIntegrityError(
            f"model {entry.model_version} is not signed, and a signing key is set; train again with the key set"
        )
    if not hmac.compare_digest(sign(sha256, entry.model_version, key).encode(), entry.hmac.encode()):
        raise ModelIntegrityError(
            f"model {entry.model_version} was signed with another key, or its signature was altered; "
            "set the key it was signed with, or train again"
        )


def entry_of(item: Mapping[str, object]) -> ManifestEntry:
    """What ``dataclasses.asdict`` made of an entry. Raises KeyError, TypeError, ValueError where it is none."""
    version, size, created_at = item["model_version"], item["size"], item["created_at"]
    signature, activated = item["hmac"], item.get("activated", 0)
    if not isinstance(version, str) or type(size) is not int or not isinstance(created_at, str):
        raise ValueError("an entry of other types")
    if not (signature is None or isinstance(signature, str)):
        raise ValueError("an hmac of another type")
    if type(activated) is not int:
        raise ValueError("a number of another type")
    return ManifestEntry(version, size, created_at, signature, activated)
