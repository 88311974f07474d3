"""A server that is killed in the middle of marking has every mark it acknowledged, and knows every file it wrote; so
have two whose database goes away for a while."""

from __future__ import annotations

import http.client
import os
import queue
import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text

from attendance.clock import SystemClock
from attendance.models import (
    ApiToken,
    AttendanceChange,
    AttendanceRecord,
    Frame,
    Role,
    SessionState,
    Sighting,
    SightingDecision,
)
from attendance.scopes import Scope
from attendance.secrets_kept import new_secret, sha256_of
from support import marking
from support.clock import FrozenClock
from support.marking_server import running
from support.recognition import doubtful, known, picture
from support.service import Service, make_service, make_settings
from support.tcp_proxy import interruptible

CLIENTS, STUDENTS, FRAMES, KILLED_AFTER = 4, 40, 60, 22


def post(address: str, token: str, path: str, body: bytes, number: int, begun: datetime) -> int | None:
    """The status of the answer; None when there was none. Frames are captured a tenth of a second apart from ``begun``
    on, however slow this machine is: only frames of a few seconds mark a student together."""
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "image/png",
        "Idempotency-Key": f"frame {number}",
        "X-Captured-At": (begun + timedelta(seconds=number / 10)).isoformat(),
    }
    request = urllib.request.Request(f"{address}/api/v1{path}", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, http.client.HTTPException):
        return None


def pictures() -> list[bytes]:
    """Of each, two students who are known and one who is doubtful; all are sent as often as it takes."""
    return [
        picture(
            known(marking.external_id(number * 2 % STUDENTS)),
            known(marking.external_id((number * 2 + 1) % STUDENTS)),
            doubtful(marking.external_id((number * 2 + 7) % STUDENTS)),
            nonce=number,
        )
        for number in range(FRAMES)
    ]


@pytest.fixture
def lesson(database_url: str, tmp_path: Path) -> Iterator[tuple[Service, int, str, datetime]]:
    """A class whose session is open now, the token of an admin, and when the session was opened."""
    clock = FrozenClock(SystemClock().now() - timedelta(minutes=1))
    service = make_service(make_settings(tmp_path, database_url), clock)
    course = service.course()
    service.enrol(course, *(service.student(marking.external_id(number)) for number in range(STUDENTS)))
    session = service.session(course, state=SessionState.OPEN, opened_at=clock.now())
    token = new_secret("sa_")
    user = service.user(Role.ADMIN)
    with service.db() as db:
        values = {"name": "camera", "shown": token[:8], "scopes": [str(scope) for scope in Scope]}
        values |= {"created_at": clock.now(), "expires_at": clock.now() + timedelta(days=1)}
        db.add(ApiToken(user_id=user, secret_sha256=sha256_of(token), **values))
    yield service, session, token, clock.now()
    service.database.close()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_what_was_acknowledged_is_there_after_a_kill(
    lesson: tuple[Service, int, str, datetime], database_url: str, tmp_path: Path
) -> None:
    service, session, token, begun = lesson
    path, sent = f"/sessions/{session}/frames", pictures()
    acknowledged: set[int] = set()
    lock, enough = threading.Lock(), threading.Event()

    def client(address: str, numbers: list[int]) -> None:
        for number in numbers:
            status = post(address, token, path, sent[number], number, begun)
            if status is None:
                return
            assert status == 200
            with lock:
                acknowledged.add(number)
                if len(acknowledged) >= KILLED_AFTER:
                    enough.set()

    with running(tmp_path, database_url) as (process, address):
        threads = [
            threading.Thread(target=client, args=(address, list(range(start, FRAMES, CLIENTS))))
            for start in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        assert enough.wait(60)
        process.send_signal(signal.SIGKILL)
        for thread in threads:
            thread.join()
    assert KILLED_AFTER <= len(acknowledged) < FRAMES, "killed in the middle"

    kept = check(service, {f"frame {number}" for number in acknowledged})
    # the clients send again what was not acknowledged; what was kept of it all the same does not count twice
    with running(tmp_path, database_url) as (_, address):
        for number in range(FRAMES):
            assert post(address, token, path, sent[number], number, begun) == 200
    after = check(service, {f"frame {number}" for number in range(FRAMES)})
    assert {key: value for key, value in after.items() if key in kept} == kept
    with service.database.reading() as db:
        assert db.query(Frame).count() == FRAMES
        assert {record.status.value for record in db.query(AttendanceRecord)} == {"present"}
        assert db.query(AttendanceRecord).count() == db.query(AttendanceChange).count() == STUDENTS


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("silent", [False, True], ids=["refuses", "falls silent"])
def test_while_the_database_is_away_two_servers_answer_503_and_nothing_acknowledged_is_lost(
    lesson: tuple[Service, int, str, datetime], database_url: str, tmp_path: Path, silent: bool
) -> None:
    service, session, token, begun = lesson
    path, sent = f"/sessions/{session}/frames", pictures()
    turns: queue.Queue[int] = queue.Queue()
    for number in range(FRAMES):
        turns.put(number)
    acknowledged: set[int] = set()
    statuses: list[int | None] = []
    change, is_back = threading.Condition(), threading.Event()

    def client(address: str) -> None:
        while True:
            try:
                number = turns.get_nowait()
            except queue.Empty:
                return
            status = None
            while status != 200:
                status = post(address, token, path, sent[number], number, begun)
                with change:
                    statuses.append(status)
                    if status == 200:
                        acknowledged.add(number)
                    change.notify_all()
                if status != 200 and not is_back.wait(60):
                    return

    url = make_url(database_url)
    with interruptible(url.host or "127.0.0.1", url.port or 5432) as way:
        through = url.set(host="127.0.0.1", port=way.port).render_as_string(hide_password=False)
        with running(tmp_path, through) as (_, one), running(tmp_path, through) as (_, other):
            threads = [threading.Thread(target=client, args=(address,)) for address in (one, other) * (CLIENTS // 2)]
            for thread in threads:
                thread.start()
            with change:
                assert change.wait_for(lambda: len(acknowledged) >= KILLED_AFTER, 60)
            if silent:
                way.fall_silent()
                with change:
                    while change.wait(0.5):
                        pass  # what was on its way to a client is there soon; then everybody waits
            way.go_away()
            assert len(acknowledged) < FRAMES
            with change:
                assert change.wait_for(lambda: statuses.count(503) >= CLIENTS, 60), statuses
            way.come_back()
            is_back.set()
            for thread in threads:
                thread.join()
    assert set(statuses) == {200, 503} and acknowledged == set(range(FRAMES))
    check(service, {f"frame {number}" for number in range(FRAMES)})
    with service.database.reading() as db:
        assert db.query(Frame).count() == FRAMES
        assert {record.status.value for record in db.query(AttendanceRecord)} == {"present"}
        assert db.query(AttendanceRecord).count() == db.query(AttendanceChange).count() == STUDENTS


def check(service: Service, acknowledged: set[str]) -> dict[str, Any]:
    """That every acknowledged frame is there with all it brought about, and every file has its row; the answers kept,
    by key."""
    with service.database.reading() as db:
        if service.database.is_sqlite:
            assert db.execute(text("PRAGMA integrity_check")).scalar() == "ok"
            assert db.execute(text("PRAGMA foreign_key_check")).all() == []
        frames = {frame.event_uuid: frame for frame in db.query(Frame)}
        changes = db.query(AttendanceChange).all()
        records = {record.id: record for record in db.query(AttendanceRecord)}
        crops = {sighting.crop_path for sighting in db.query(Sighting).filter_by(decision=SightingDecision.REVIEW)}
    assert acknowledged <= set(frames)
    for frame in frames.values():
        assert frame.answer is not None
        for change in frame.answer["changes"]:
            (made,) = (each for each in changes if each.record_id == change["record_id"])
            assert (made.frame_id, made.new_status.value) == (frame.id, change["new"])
            assert (records[made.record_id].status, records[made.record_id].version) == (made.new_status, 2)
    folder = service.settings.data_dir / "review"
    assert {file.name for file in folder.iterdir()} <= crops and crops
    return {key: frame.answer for key, frame in frames.items()}
