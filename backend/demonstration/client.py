"""A client of the API, as a browser with somebody logged in is one."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import requests

from errors import SmartAttendanceError

_SECONDS = 60.0
# A server that is busy says when to come back; a camera that is sent away this often has something to say.
_TRIES = 20


class ServerRefusedError(SmartAttendanceError):
    """The server is not there, or does not do what was asked of it."""

    code = "server"


class Client:
    """address: of the server."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        self._http = requests.Session()
        self._http.trust_env = False  # a proxy knows nothing of this machine

    def log_in(self, email: str, password: str) -> None:
        answer = self.post("auth/login", {"email": email, "password": password})
        self._http.headers["X-CSRF-Token"] = answer["csrf_token"]

    def get(self, path: str) -> Any:
        return self._ask("GET", path)

    def post(self, path: str, body: Any = None) -> Any:
        return self._ask("POST", path, json=body)

    def patch(self, path: str, body: Any) -> Any:
        return self._ask("PATCH", path, json=body, headers={"If-Match": "*"})

    def send_frame(self, session_id: int, key: str, picture: bytes, captured_at: datetime) -> Any:
        """Send a JPEG as a frame of the session; the answer. A frame that comes too early for a busy server is sent
        again, which counts once."""
        headers = {
            "Content-Type": "image/jpeg",
            "Idempotency-Key": key,
            "X-Captured-At": captured_at.isoformat(),
        }
        return self._ask("POST", f"sessions/{session_id}/frames", data=picture, headers=headers)

    def _ask(self, method: str, path: str, **what: Any) -> Any:
        for attempt in range(_TRIES):
            try:
                answer = self._http.request(
                    method, f"{self._address}/api/v1/{path}", timeout=_SECONDS, allow_redirects=False, **what
                )
            except requests.RequestException as error:
                raise ServerRefusedError(
                    f"no server answers at {self._address}; start the demo first, or name its address with --url"
                ) from error
            if answer.status_code not in (429, 503) or attempt == _TRIES - 1:
                break
            time.sleep(_wait(answer))
        if not answer.ok:
            raise ServerRefusedError(_reason(self._address, answer))
        return answer.json() if answer.content else None


def _wait(answer: requests.Response) -> float:
    try:
        return min(10.0, max(0.1, float(answer.headers.get("Retry-After", "1"))))
    except ValueError:
        return 1.0


def _reason(address: str, answer: requests.Response) -> str:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return f"{address} answers {answer.status_code} and is no SmartAttendance server"
    return f"the server at {address} refuses: {detail}"
