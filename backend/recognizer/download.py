"""Fetching one large file of known size and hash: resumable, checked, and whole or not there at all."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests

from errors import WeightsError
from recognizer.durable_files import replace

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called with the bytes that are there and the bytes of the whole file."""

CONNECT_SECONDS = 5.0
STALL_SECONDS = 30.0  # without a single byte
ATTEMPTS = 5
# Someone without a network should not wait long for the answer that there is none.
ATTEMPTS_TO_CONNECT = 2
PAUSE_SECONDS = 1.0  # before the second attempt, doubled before each further one
CHUNK_BYTES = 1 << 14  # small: of a chunk that breaks off, requests gives nothing

_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """url: where it is. size: bytes. sha256: lower-case hex."""

    url: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        return self.url.rsplit("/", 1)[-1]


class _TransientError(Exception):
    """An attempt that failed in a way that may pass."""

    def __init__(self, reason: str, *, connected: bool = True) -> None:
        super().__init__(reason)
        self.connected = connected


def fetch(remote: RemoteFile, target: Path, progress: Progress | None = None) -> None:
    """Download ``remote`` to ``target``, replacing a file there.

    What arrives is kept in ``<target>.part``; a later call goes on where this one stopped. One caller at a time:
    the caller holds a lock. Raises WeightsError when the file cannot be had, is not the right one, or cannot be
    written; ``target`` is then as it was.
    """
    part = target.with_name(target.name + ".part")
    try:
        _fetch_part(remote, part, progress)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        replace(part, target)
    except OSError as error:
        raise WeightsError(f"{part} cannot be written: {error.strerror or error}") from error


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file in lower-case hex, read in pieces. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch_part(remote: RemoteFile, part: Path, progress: Progress | None) -> None:
    """Leave the whole, checked file in ``part``."""
    failures_to_connect = 0
    reason = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE_SECONDS * 2 ** (attempt - 1))
        resumed = _size(part) > 0
        try:
            _attempt(remote, part, progress)
        except _TransientError as failure:
            reason = str(failure)
            logger.info("download of %s, attempt %d: %s", remote.url, attempt + 1, reason)
            failures_to_connect += not failure.connected
            if failures_to_connect >= ATTEMPTS_TO_CONNECT:
                break
            continue
        found = file_sha256(part)
        if found == remote.sha256:
            return
        part.unlink()
        reason = (
            f"{remote.url} gave a file with another SHA-256 ({found}) than expected ({remote.sha256}); it was removed"
        )
        # What lay there from an earlier run may be at fault; a file fetched in one piece is what the server has.
        if not resumed:
            break
    raise WeightsError(reason)


def _attempt(remote: RemoteFile, part: Path, progress: Progress | None) -> None:
    """One request, for the bytes that ``part`` lacks; returns when ``part`` has as many as the file."""
    start = _size(part)
    if start > remote.size:
        part.unlink()
        start = 0
    if start == remote.size:
        return
    # A compressed transfer could not be resumed by byte positions.
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    answered = False
    try:
        with requests.get(
            remote.url, headers=headers, stream=True, timeout=(CONNECT_SECONDS, STALL_SECONDS)
        ) as response:
            answered = True
            start = _agreed_start(remote, response, part, start)
            _receive(remote, response, part, start, progress)
    except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
        if answered:
            raise _TransientError(_stopped(remote, part)) from error
        raise _TransientError(f"{remote.url} cannot be reached ({_cause(error)})", connected=False) from error
    except requests.RequestException as error:
        raise WeightsError(f"{remote.url} cannot be downloaded: {_cause(error)}") from error
    if _size(part) < remote.size:
        raise _TransientError(_stopped(remote, part))


def _agreed_start(remote: RemoteFile, response: requests.Response, part: Path, start: int) -> int:
    """The position in the file from which the server sends; raises WeightsError where asking again is vain."""
    status = response.status_code
    if status == 416:
        part.unlink(missing_ok=True)
        raise _TransientError(f"{remote.url} would not continue an earlier download")
    if status in _BUSY:
        raise _TransientError(f"{remote.url} answered {status} ({response.reason})")
    if status not in (200, 206):
        raise WeightsError(f"{remote.url} answered {status} ({response.reason})")
    if status == 206:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip())
        if match is None or int(match[1]) != start:
            part.unlink(missing_ok=True)
            raise _TransientError(f"{remote.url} continued an earlier download at the wrong place")
        whole = match[2]
    else:
        start = 0  # the server knows no ranges and sends everything
        whole = response.headers.get("Content-Length", "*")
    if whole.isdigit() and int(whole) != remote.size:
        raise WeightsError(f"{remote.url} offers a file of {int(whole):,} bytes instead of {remote.size:,}")
    return start


def _receive(
    remote: RemoteFile, response: requests.Response, part: Path, start: int, progress: Progress | None
) -> None:
    done = start
    with part.open("ab" if start else "wb") as file:
        for chunk in response.iter_content(CHUNK_BYTES):
            done += len(chunk)
            if done > remote.size:
                raise WeightsError(f"{remote.url} sends more than the {remote.size:,} bytes of the file")
            file.write(chunk)
            if progress is not None:
                progress(done, remote.size)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _stopped(remote: RemoteFile, part: Path) -> str:
    return f"the transfer from {remote.url} stopped after {_size(part):,} of {remote.size:,} bytes"


def _cause(error: BaseException) -> str:
    """The innermost reason in few words; requests wraps it three times and shows addresses of objects."""
    inner: BaseException = error
    while True:
        reason = getattr(inner, "reason", None)
        following = reason if isinstance(reason, BaseException) else inner.__cause__ or inner.__context__
        if following is None and inner.args and isinstance(inner.args[0], BaseException):
            following = inner.args[0]
        if following is None:
            break
        inner = following
    return getattr(inner, "strerror", None) or str(inner) or type(inner).__name__
