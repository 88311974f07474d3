"""The address that people open, who answers there, and the machine."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

import listening
from config import Settings
from diagnosis import address, machine
from diagnosis.case import Case
from diagnosis.finding import Status
from support.diagnosing import by_code, look, troubles
from support.ports import free_port

PROBLEM, NOTE = Status.PROBLEM, Status.NOTE
CAMERA: Any = ((address.camera, "Address"),)
SERVER: Any = ((address.server, "Server"),)
CERTIFICATE: Any = ((address.certificate, "Certificate"),)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings(), {}),
        (Settings(public_url="https://school.example", trusted_proxies=1), {}),
        (Settings(public_url="http://localhost:8000"), {}),
        (Settings(public_url="http://school.example"), {"address_without_camera": PROBLEM}),
        (Settings(host="192.168.1.5"), {"address_without_camera": PROBLEM}),
        (Settings(host="0.0.0.0"), {"address_elsewhere": NOTE}),
        (Settings(public_url="https://school.example"), {"proxy_not_trusted": PROBLEM}),
        (
            Settings(host="0.0.0.0", public_url="https://school.example", trusted_proxies=1),
            {"proxy_passed_by": NOTE},
        ),
        (Settings(trusted_proxies=1), {"public_url_missing": NOTE}),
        (Settings(cors_origins=("http://other.example",)), {"cors_without_https": NOTE}),
        (Settings(cors_origins=("http://localhost:3000", "https://other.example")), {}),
    ],
)
def test_where_a_browser_gives_the_camera(settings: Settings, expected: dict[str, Status]) -> None:
    assert troubles(look(settings, CAMERA)) == expected


@contextmanager
def answering(status: int, body: bytes) -> Iterator[int]:
    """A server on a port of its own that answers everything so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, b'{"status": "ready"}', "server"),
        (503, b'{"code": "not_ready", "detail": "there is no model"}', "server_not_ready"),
        (200, b"<html>another</html>", "port_taken"),
        (404, b"{}", "port_taken"),
    ],
)
def test_who_answers_at_the_port(status: int, body: bytes, code: str) -> None:
    with answering(status, body) as port:
        [found] = look(Settings(port=port), SERVER)
    assert found.code == code
    assert code != "server_not_ready" or "there is no model" in found.found


def _refuse() -> None:
    raise listening.why_unusable("127.0.0.9", 1, OSError())


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    [found] = look(Settings(port=port), SERVER)
    assert found.code == "server_off"
    with monkeypatch.context() as patch:
        patch.setattr(listening, "bound_sockets", lambda host, port: _refuse())
        [found] = look(Settings(port=port), SERVER)
    assert found.code == "port_unusable" and "not an address of this machine" in found.found


def test_an_https_address_that_does_not_answer() -> None:
    port = free_port()
    assert troubles(look(Settings(public_url=f"https://localhost:{port}"), CERTIFICATE)) == {
        "address_unreachable": NOTE
    }
    assert look(Settings(public_url="http://localhost"), CERTIFICATE) == []


def test_a_certificate_that_browsers_refuse(tmp_path: Path) -> None:
    import ssl

    key, made = tmp_path / "key.pem", tmp_path / "certificate.pem"
    options = ("-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost")
    try:
        subprocess.run(
            ["openssl", "req", *options, "-keyout", key, "-out", made], check=True, capture_output=True, timeout=60
        )
    except FileNotFoundError:
        pytest.skip("openssl, which makes a certificate, is not installed")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    listening = socket.create_server(("127.0.0.1", 0))

    def greet() -> None:
        plain, _ = listening.accept()
        try:
            context.wrap_socket(plain, server_side=True).close()
        except OSError:
            plain.close()

    thread = threading.Thread(target=greet, daemon=True)
    thread.start()
    settings = Settings(public_url=f"https://127.0.0.1:{listening.getsockname()[1]}")
    found = look(settings, CERTIFICATE)
    thread.join(10)
    listening.close()
    assert troubles(found) == {"certificate_refused": PROBLEM}
    assert "self" in found[0].found and "certificate" in found[0].found


def test_more_threads_than_cores() -> None:
    found = look(Settings(threads=1000), ((machine.processor, "Processor"),))
    assert troubles(found) == {"threads": NOTE}


@pytest.mark.parametrize(
    ("available", "swapped", "code"),
    [(8_000_000, 0, "memory"), (500_000, 0, "memory_low"), (500_000, 9000, "memory_low")],
)
def test_memory(available: int, swapped: int, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"MemTotal: 9000000 kB\nMemAvailable: {available} kB\nSwapTotal: 10000 kB\nSwapFree: {10000 - swapped} kB\n"
    monkeypatch.setattr(machine, "_read", lambda path: text if path == "/proc/meminfo" else "")
    [found] = machine.memory(Case(Settings(), {}))
    assert found.code == code
    assert ("moved to the disk" in found.found) == (swapped > 0)
    assert by_code([found])[code] is found
