"""GET /metrics: who may read it, and what it tells."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from attendance.models import Role
from attendance.scopes import Scope
from errors import BusyError
from operations.inference import InferenceGate
from support.databases import sqlite_database
from support.recognition import FakeRecognizer, doubtful, known, picture, stranger
from support.service import Client, Service, make_service, make_settings, problem

TOKEN = "a monitor's own token"
ELSEWHERE = {"environ_base": {"REMOTE_ADDR": "203.0.113.7"}}


@pytest.fixture
def monitored(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Iterator[Service]:
    """A server whose metrics have a token and whose frames can be held back."""
    url = sqlite_database(tmp_path_factory.getbasetemp(), tmp_path)
    gate = threading.Event()
    gate.set()
    made = make_service(
        make_settings(tmp_path, url, metrics_token=TOKEN, inference_queue=2), recognizer=FakeRecognizer(gate=gate)
    )
    yield made
    made.database.close()


def inference(service: Service) -> InferenceGate:
    found: InferenceGate = service.app.extensions["smartattendance"].inference
    return found


def samples(client: Client) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every number by name and labels; reading it also checks the format."""
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.data
    assert answer.content_type.startswith("text/plain; version=")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.get_data(as_text=True))
        for sample in family.samples
    }


def test_this_machine_reads_it_without_anything(monitored: Service) -> None:
    for address in ("127.0.0.1", "127.8.9.1", "::1"):
        answer = monitored.guest().get("/metrics", environ_base={"REMOTE_ADDR": address})
        assert answer.status_code == 200, address


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
def test_what_a_proxy_on_this_machine_passes_on_is_not_from_this_machine(monitored: Service, header: str) -> None:
    answer = monitored.guest().get("/metrics", headers={header: "127.0.0.1"})
    assert problem(answer) == (403, "metrics")


@pytest.mark.parametrize("address", ["203.0.113.7", "192.168.1.5", "", "nonsense"])
def test_elsewhere_it_takes_a_token(monitored: Service, address: str) -> None:
    guest, there = monitored.guest(), {"REMOTE_ADDR": address}
    assert problem(guest.get("/metrics", environ_base=there)) == (403, "metrics")
    for wrong in ("Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}!", f"Bearer {TOKEN[:-1]}", "Bearer \xe9\xff"):
        answer = guest.get("/metrics", environ_base=there, headers={"Authorization": wrong})
        assert problem(answer) == (403, "metrics"), wrong
    answer = guest.get("/metrics", environ_base=there, headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200


def test_without_a_token_in_the_settings_none_opens_it(sqlite_service: Service) -> None:
    for given in ("Bearer None", "Bearer ", f"Bearer {TOKEN}"):
        answer = sqlite_service.guest().get("/metrics", headers={"Authorization": given}, **ELSEWHERE)
        assert problem(answer) == (403, "metrics")


@pytest.mark.parametrize(
    ("role", "scopes", "status"),
    [
        (Role.ADMIN, (Scope.ADMIN_READ,), 200),
        (Role.ADMIN, (Scope.MODEL_READ, Scope.ADMIN_WRITE), 403),
        (Role.INSTRUCTOR, (), 403),
        (Role.VIEWER, (Scope.ADMIN_READ,), 403),
    ],
)
def test_a_program_needs_an_admins_token_with_admin_read(
    monitored: Service, role: Role, scopes: tuple[Scope, ...], status: int
) -> None:
    program = monitored.program(monitored.user(role), *scopes)
    assert program.get("/metrics", **ELSEWHERE).status_code == status


@pytest.mark.parametrize(("role", "status"), [(Role.ADMIN, 200), (Role.INSTRUCTOR, 403), (Role.VIEWER, 403)])
def test_of_people_who_are_logged_in_admins_read_it(monitored: Service, role: Role, status: int) -> None:
    browser = monitored.browser(monitored.user(role))
    assert browser.get("/metrics", base_url="https://localhost", **ELSEWHERE).status_code == status


def test_every_series_is_there_from_the_start(monitored: Service) -> None:
    found = samples(monitored.guest())
    assert found["smartattendance_queue_depth", ()] == 0
    assert found["smartattendance_queue_capacity", ()] == 2
    assert found["smartattendance_recognizing", ()] == 0
    assert found["smartattendance_recognizing_capacity", ()] == 1
    assert found["smartattendance_frames_total", ()] == 0
    for reason in ("queue_full", "deadline", "cluster_away", "older_model"):
        assert found["smartattendance_frames_refused_total", (("reason", reason),)] == 0
    for stage in ("queue", "decode", "detect", "embed", "classify"):
        assert found["smartattendance_stage_seconds_count", (("stage", stage),)] == 0
    for decision in ("known", "uncertain", "unknown"):
        assert found["smartattendance_faces_total", (("decision", decision),)] == 0
    assert found["smartattendance_training_running", ()] == 0
    assert found["smartattendance_model_loaded", ()] == 1
    assert found["smartattendance_model_refused", ()] == 0
    assert found["smartattendance_model_students", ()] == 3
    (info,) = [labels for name, labels in found if name == "smartattendance_model_info"]
    assert dict(info) == {"version": "20261101T000000Z-abcdef", "embedder": "unknown", "verified": "manifest"}


def test_frames_stages_and_decisions_are_counted(monitored: Service) -> None:
    gate = inference(monitored)
    gate.recognize(picture(known("S1"), doubtful("S2"), stranger(), stranger()))
    gate.recognize(picture(known("S3")))
    gate.detect(picture(known("S1")))
    found = samples(monitored.guest())
    assert found["smartattendance_frames_total", ()] == 2
    counted = {d: found["smartattendance_faces_total", (("decision", d),)] for d in ("known", "uncertain", "unknown")}
    assert counted == {"known": 2, "uncertain": 1, "unknown": 2}
    counts = {
        stage: found["smartattendance_stage_seconds_count", (("stage", stage),)]
        for stage in ("queue", "decode", "detect", "embed")
    }
    assert counts == {"queue": 3, "decode": 3, "detect": 3, "embed": 2}
    # the recognizer says how long: a millisecond for each, in seconds here
    assert found["smartattendance_stage_seconds_sum", (("stage", "embed"),)] == pytest.approx(0.002)


def test_the_queue_is_shown_as_it_is_and_who_is_sent_away_is_counted(monitored: Service) -> None:
    held, gate = monitored.recognizer.gate, inference(monitored)
    held.clear()
    with ThreadPoolExecutor(3) as pool:
        sent = [pool.submit(gate.recognize, picture(known("S1"), nonce=number)) for number in range(3)]
        while gate.inside + gate.waiting < 3:
            threading.Event().wait(0.001)
        with pytest.raises(BusyError):
            gate.recognize(picture(known("S1")))
        found = samples(monitored.guest())
        held.set()
        for future in sent:
            future.result(30)
    assert found["smartattendance_queue_depth", ()] == 2
    assert found["smartattendance_recognizing", ()] == 1
    assert found["smartattendance_frames_refused_total", (("reason", "queue_full"),)] == 1
    assert samples(monitored.guest())["smartattendance_queue_depth", ()] == 0


@pytest.mark.parametrize("reason", ["queue_full", "deadline", "cluster_away", "older_model"])
def test_whom_the_recognizer_itself_sends_away_is_counted_by_the_reason(
    monitored: Service, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    def away(*_: object, **__: object) -> None:
        raise BusyError("not now", code=reason)

    for method in ("recognize", "detect"):
        monkeypatch.setattr(monitored.recognizer, method, away)
    client = monitored.admin()
    session, student = monitored.session(monitored.course()), monitored.student("S1")
    assert client.post(f"/sessions/{session}/open").status_code == 200
    for path in (f"/sessions/{session}/frames", "/recognize", f"/students/{student}/faces/check"):
        answer = client.post(path, data=picture(known("S1")), headers={"Content-Type": "image/png"})
        assert problem(answer) == (503, reason), path
    found = samples(monitored.guest())
    assert found["smartattendance_frames_refused_total", (("reason", reason),)] == 3


def test_requests_are_counted_by_endpoint_and_never_by_path(monitored: Service) -> None:
    admin = monitored.admin()
    course = monitored.course("Confidential 101")
    for _ in range(3):
        assert admin.get(f"/courses/{course}").status_code == 200
    assert admin.get("/courses/999999").status_code == 404
    assert admin.get("/nothing/here/anna.example").status_code == 404
    monitored.guest().flask.open("/healthz", method="BREW")
    text = monitored.guest().get("/metrics").get_data(as_text=True)
    found = samples(monitored.guest())
    counted = {
        tuple(value for _, value in labels): number
        for (name, labels), number in found.items()
        if name == "smartattendance_request_seconds_count"
    }
    by_status = {
        status: sum(n for (endpoint, method, s), n in counted.items() if s == status and method == "GET")
        for status in ("200", "404")
    }
    assert by_status["404"] == 2
    assert by_status["200"] >= 3
    assert ("none", "GET", "404") in counted
    assert any(method == "other" for _, method, _ in counted)
    assert all("/" not in endpoint for endpoint, _, _ in counted)
    # without what was measured: 0.0064999999 s has the number of the course in it
    told = [line if line.startswith("#") else line.rpartition(" ")[0] for line in text.splitlines()]
    for secret in ("anna", "Confidential", "999999", "BREW", monitored.settings.secret_key or "?"):
        assert not [line for line in told if secret in line]


def test_no_model_and_a_failing_database_are_told_and_do_not_silence_the_rest(monitored: Service) -> None:
    monitored.recognizer.model = None

    class Broken:
        def reading(self) -> None:
            raise OSError("gone")

    metrics = monitored.app.extensions["smartattendance"].metrics
    metrics.watch("of_a_broken_thing", "Fails", lambda: Broken().reading())  # type: ignore[arg-type,return-value]
    found = samples(monitored.guest())
    assert found["smartattendance_model_loaded", ()] == 0
    assert not [name for name, _ in found if name == "smartattendance_model_info"]
    assert str(found["smartattendance_of_a_broken_thing", ()]) == "nan"
    assert found["smartattendance_queue_capacity", ()] == 2


def test_a_chore_that_fails_is_counted(monitored: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attendance.settling.tend", lambda *_: 1 / 0)
    monitored.chores()
    found = samples(monitored.guest())
    assert found["smartattendance_chore_failures_total", (("chore", "settling sessions"),)] == 1


def test_the_documentation_of_the_api_is_not_changed_by_it(monitored: Service) -> None:
    document = json.loads(monitored.guest().get("/api/openapi.json").data)
    assert not [path for path in document["paths"] if "metrics" in path]
