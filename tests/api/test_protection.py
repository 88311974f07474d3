"""What keeps others out: other web sites, other machines, other people's cookies; and what an error gives away."""

from __future__ import annotations

import base64
import json
import logging
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attendance import audit
from attendance.models import AuditEvent, Role
from support.databases import sqlite_database
from support.service import PASSWORD, Service, make_service, make_settings, problem

COURSE = {"code": "A", "title": "A", "term": "1", "timezone": "UTC"}
LOGIN = {"email": "ada@example.org", "password": PASSWORD}

MakeService = Callable[..., Service]


@pytest.fixture
def make(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> MakeService:
    """A server with other settings."""

    def made(**changes: Any) -> Service:
        url = sqlite_database(tmp_path_factory.getbasetemp(), tmp_path)
        return make_service(make_settings(tmp_path, url, **changes))

    return made


def test_only_the_sites_that_are_listed_may_use_the_api(make: MakeService) -> None:
    service = make(cors_origins=("https://page.example.org",))
    browser = service.browser(service.user(Role.ADMIN))
    allowed, foreign = {"Origin": "https://page.example.org"}, {"Origin": "https://evil.example.org"}
    answer = browser.get("/courses", headers=allowed)
    assert answer.headers["Access-Control-Allow-Origin"] == "https://page.example.org"
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    exposed = {name.strip() for name in answer.headers["Access-Control-Expose-Headers"].split(",")}
    assert exposed == {"ETag", "Retry-After", "X-Request-ID", "Content-Disposition", "Idempotency-Replayed"}
    needed = "authorization, content-type, idempotency-key, if-match, x-captured-at, x-csrf-token"
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": needed}
    preflight = browser.open("OPTIONS", "/courses", headers={**allowed, **asked})
    assert preflight.headers["Access-Control-Allow-Headers"].lower() == needed
    for headers in (
        {**foreign, **asked},
        {"Origin": "null", **asked},
        {"Origin": "https://page.example.org.evil", **asked},
    ):
        refused = browser.open("OPTIONS", "/courses", headers=headers)
        assert "Access-Control-Allow-Origin" not in refused.headers
    assert browser.post("/courses", json=COURSE, headers=allowed).status_code == 201
    assert problem(browser.post("/courses", json=COURSE, headers=foreign)) == (403, "foreign_origin")


def test_without_a_list_no_other_site_may(sqlite_service: Service) -> None:
    browser = sqlite_service.browser(sqlite_service.user(Role.ADMIN))
    answer = browser.get("/courses", headers={"Origin": "https://evil.example.org"})
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
    for origin in ("https://evil.example.org", "null", "http://localhost:81", "https://localhost"):
        assert problem(browser.post("/courses", json=COURSE, headers={"Origin": origin})) == (403, "foreign_origin")
    assert browser.post("/courses", json=COURSE, headers={"Origin": "http://localhost"}).status_code == 201


@pytest.mark.parametrize("path", ["/auth/login", "/auth/redeem", "/auth/link"])
def test_no_other_site_can_log_somebody_in(sqlite_service: Service, path: str) -> None:
    sqlite_service.user(name="Ada")
    body = LOGIN if path == "/auth/login" else {"secret": "x"} | ({"password": "x"} if path == "/auth/redeem" else {})
    answer = sqlite_service.guest().post(path, json=body, headers={"Origin": "https://evil.example.org"})
    assert problem(answer) == (403, "foreign_origin")
    assert not answer.headers.getlist("Set-Cookie")


def test_what_changes_something_needs_the_token_of_this_login(sqlite_service: Service) -> None:
    browser = sqlite_service.browser(sqlite_service.user())
    other = sqlite_service.browser(sqlite_service.user())
    for token in ("", "nonsense", other.headers["X-CSRF-Token"]):
        answer = browser.post("/courses", json=COURSE, headers={"X-CSRF-Token": token})
        assert problem(answer) == (403, "csrf")
    del browser.headers["X-CSRF-Token"]
    assert problem(browser.post("/courses", json=COURSE)) == (403, "csrf")
    assert browser.get("/courses").json["items"] == []


def test_a_program_needs_no_such_token_and_its_cookie_counts_for_nothing(sqlite_service: Service) -> None:
    admin, user = sqlite_service.user(Role.ADMIN), sqlite_service.user(may_create_courses=True)
    browser = sqlite_service.browser(admin)
    token = sqlite_service.program(user).headers["Authorization"]
    assert browser.get("/auth/me", headers={"Authorization": token}).json["id"] == user
    del browser.headers["X-CSRF-Token"]
    assert browser.post("/courses", json=COURSE, headers={"Authorization": token}).status_code == 201
    for bad in ("Bearer sa_nonsense", "Bearer", "Basic YTpi", token.replace("Bearer sa_", "Bearer sa-")):
        assert problem(browser.get("/auth/me", headers={"Authorization": bad})) == (401, "bad_token")


@pytest.mark.parametrize(
    ("base", "secure"),
    [
        ("http://localhost", False),
        ("http://127.0.0.1:8000", False),
        ("https://localhost", True),
        ("https://school.example", True),
    ],
)
def test_the_cookie_is_sent_over_https_only_but_on_the_machine_itself(
    sqlite_service: Service, base: str, secure: bool
) -> None:
    sqlite_service.user(name="Ada")
    answer = sqlite_service.guest().post("/auth/login", json=LOGIN, base_url=base)
    assert answer.status_code == 200
    flags = set(answer.headers["Set-Cookie"].split("; "))
    assert {"HttpOnly", "SameSite=Lax"} <= flags and ("Secure" in flags) is secure


def test_no_password_is_taken_over_plain_http_from_another_machine(sqlite_service: Service) -> None:
    sqlite_service.user(name="Ada")
    guest = sqlite_service.guest()
    for path, body in (("/auth/login", LOGIN), ("/auth/redeem", {"secret": "x", "password": "x"})):
        answer = guest.post(path, json=body, base_url="http://school.example")
        assert problem(answer) == (403, "https_required")
        assert not answer.headers.getlist("Set-Cookie")


FORWARDED = {"X-Forwarded-For": "192.0.2.5", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "school.example"}


def test_what_a_proxy_says_counts_only_when_there_is_one(make: MakeService) -> None:
    service = make(login_attempts_per_minute=1)
    service.user(name="Ada")
    login = {"json": LOGIN, "base_url": "http://10.0.0.1:8000"}
    assert problem(service.guest().post("/auth/login", headers=FORWARDED, **login)) == (403, "https_required")
    wrong = {"email": "a@example.org", "password": "wrong"}
    claimed = [{"X-Forwarded-For": f"192.0.2.{number}"} for number in range(2)]
    answers = [service.guest().post("/auth/login", json=wrong, headers=claimed[n]) for n in range(2)]
    assert [problem(answer)[0] for answer in answers] == [401, 429]


def test_what_the_proxy_says_counts_as_far_as_it_is_trusted(make: MakeService) -> None:
    service = make(trusted_proxies=1, login_attempts_per_minute=1)
    service.user(Role.ADMIN, "Ada")
    admin = service.guest()
    answer = admin.post("/auth/login", json=LOGIN, headers=FORWARDED, base_url="http://10.0.0.1:8000")
    assert answer.status_code == 200 and "; Secure" in answer.headers["Set-Cookie"]
    admin.headers["X-CSRF-Token"] = answer.json["csrf_token"]
    body = {"email": "new@example.org", "name": "N", "role": "viewer"}
    made = admin.post("/users", json=body, headers=FORWARDED, base_url="http://10.0.0.1:8000")
    assert made.json["invitation"]["link"].startswith("https://school.example/#/")
    # the client's own claim comes before the address that the proxy saw
    wrong = {"email": "a@example.org", "password": "wrong"}
    claimed = [{"X-Forwarded-For": f"192.0.2.{number}, 198.51.100.7"} for number in range(2)]
    answers = [service.guest().post("/auth/login", json=wrong, headers=claimed[n]) for n in range(2)]
    assert [problem(answer)[0] for answer in answers] == [401, 429]


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/readyz", "/api/docs/", "/api/openapi.json", "/api/v1/courses", "/api/v1/nothing"]
)
def test_every_answer_is_protected(sqlite_service: Service, path: str) -> None:
    headers = sqlite_service.app.test_client().get(path).headers
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Permissions-Policy"] == "camera=(self), microphone=(), geolocation=()"
    assert headers["Cache-Control"]
    assert headers["X-Request-ID"]


def test_a_request_is_known_by_its_id_in_answer_audit_and_log(
    sqlite_service: Service, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sqlite_service.admin()
    answer = client.post("/courses", json=COURSE, headers={"X-Request-ID": "given.by-client_1"})
    assert answer.headers["X-Request-ID"] == "given.by-client_1"
    with sqlite_service.db() as db:
        assert [event.request_id for event in db.query(AuditEvent)] == ["given.by-client_1"]
    for unusable in ("short", "x" * 65, "has spaces in it", "<script>alert</script>"):
        made = client.get("/courses", headers={"X-Request-ID": unusable}).headers["X-Request-ID"]
        assert made != unusable and len(made) == 16

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("the password of the database is hunter2")

    monkeypatch.setattr(audit, "events", fail)
    with caplog.at_level(logging.ERROR):
        failed = client.get("/audit", headers={"X-Request-ID": "the-failed-one"})
    assert problem(failed) == (500, "internal")
    assert failed.json["request_id"] == failed.headers["X-Request-ID"] == "the-failed-one"
    shown = json.dumps(failed.json)
    assert "hunter2" not in shown and "RuntimeError" not in shown and "Traceback" not in shown
    assert failed.headers["X-Content-Type-Options"] == "nosniff"
    assert "the-failed-one" in caplog.text and "hunter2" in caplog.text
    monkeypatch.undo()
    assert client.get("/audit").status_code == 200


def test_unknown_paths_and_wrong_methods_are_problem_documents(sqlite_service: Service) -> None:
    client = sqlite_service.admin()
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        assert problem(client.open(method, "/api/v1/nothing")) == (404, "not_found")
        assert problem(client.open(method, "/api")) == (404, "not_found")
    refused = client.delete("/courses")
    assert problem(refused) == (405, "method_not_allowed")
    assert {"GET", "POST"} <= {name.strip() for name in refused.headers["Allow"].split(",")}
    assert problem(client.post("/courses", data="{", content_type="application/json"))[0] in (400, 422)
    assert problem(client.post("/courses", data=b"\xff", content_type="application/json"))[0] in (400, 422)


def nested(depth: int) -> bytes:
    return b'{"email": ' + b"[" * depth + b"]" * depth + b"}"


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (b'{"email": ' + b"1" * 5000 + b', "password": "x"}', (400, "bad_request")),
        (nested(25_000), (400, "bad_request")),
        (nested(100_000), (413, "too_large")),
        (b'{"email": NaN, "password": Infinity}', (422, "invalid")),
        (b'{"email": "\\ud800@x.org", "password": "x"}', (422, "invalid")),
        ('{"email": "a"}'.encode("utf-16"), (400, "bad_request")),
        (b'{"email": "\xff"}', (400, "bad_request")),
        (json.dumps({f"{number:x}": 0 for number in range(5000)}).encode(), (422, "invalid")),
        (json.dumps({"x" * 60_000: 0}).encode(), (422, "invalid")),
        (json.dumps({f"{number:x}": 0 for number in range(300_000)}).encode(), (413, "too_large")),
        (json.dumps({"email": "a" * 63_000, "password": "x"}).encode(), (422, "invalid")),
        (b"[1, 2]", (422, "invalid")),
        (b"null", (422, "invalid")),
    ],
    ids=[
        "digits",
        "deep",
        "deeper",
        "nan",
        "surrogate",
        "utf-16",
        "latin-1",
        "keys",
        "key",
        "more",
        "long",
        "list",
        "null",
    ],
)
def test_a_hostile_body_is_refused_in_a_few_words(
    sqlite_service: Service, body: bytes, refusal: tuple[int, str]
) -> None:
    answer = sqlite_service.guest().post("/auth/login", data=body, content_type="application/json")
    assert problem(answer) == refusal
    assert len(answer.data) < 3000


def test_a_body_that_is_no_file_has_a_limit_of_its_own(sqlite_service: Service) -> None:
    for client, limit in ((sqlite_service.guest(), 64_000), (sqlite_service.admin(), 1_000_000)):
        for path, status in (("/auth/login", 422), ("/kiosk/leave", 401)):
            answer = client.post(path, data=b" " * limit, content_type="application/json")
            assert answer.status_code in (400, status) and "allowed" not in answer.json["detail"]
            answer = client.post(path, data=b" " * (limit + 1), content_type="application/json")
            if path == "/auth/login":
                assert problem(answer) == (413, "too_large") and f"{limit:,} bytes" in answer.json["detail"]


MARKS = "a" + "\u0301" * 20_000 + "\u0316" * 10_000


def test_text_is_measured_before_its_marks_are_put_in_order(
    sqlite_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    normalise, longest = unicodedata.normalize, []

    def measure(form: str, text: str) -> str:
        longest.append(len(text))
        return normalise(form, text)

    monkeypatch.setattr(unicodedata, "normalize", measure)
    admin, student = sqlite_service.admin(), sqlite_service.student("s1")
    course = sqlite_service.course()
    refused = [
        admin.post("/auth/login", json={"email": MARKS, "password": "x"}),
        admin.post("/auth/login", json={"email": "a@b.org", "password": MARKS}),
        admin.post("/courses", json={**COURSE, "title": MARKS}),
        admin.post("/students", json={"external_id": MARKS, "name": "A", "course_id": course}),
        admin.patch(f"/students/{student}", json={"external_id": MARKS}, headers={"If-Match": "*"}),
        admin.post(f"/students/{student}/erase", json={"external_id": MARKS}),
        admin.get(f"/students?q={MARKS[:3000]}"),
    ]
    assert {answer.status_code for answer in refused} <= {422}
    rows = f"id,name\n{MARKS},A\ns2,{MARKS}\ns3,{'a' + MARKS[-700:]}\n".encode()
    before = len(longest)
    admin.post(f"/courses/{course}/roster/import?dry_run=true", data=rows, content_type="text/csv")
    # many short ones take long as well
    assert max(longest[before:], default=0) < 100
    # in the order of marks a few thousand are a matter of milliseconds
    assert max(longest) <= 4000


def test_a_cursor_that_nobody_gave_is_refused(sqlite_service: Service) -> None:
    admin = sqlite_service.admin()
    for content in ("[" * 700, '["\\ud800", 1]', '["\\u0000", 1]', '["x", 1]', "1" * 700):
        cursor = base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")
        for path in ("/students", "/courses", "/users", "/sessions", "/audit", "/students?sort=external_id"):
            answer = admin.get(f"{path}{'&' if '?' in path else '?'}cursor={cursor}")
            assert answer.status_code in (200, 422), (path, content)
    for moment in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        cursor = base64.urlsafe_b64encode(json.dumps([moment, 1]).encode()).decode().rstrip("=")
        assert problem(admin.get(f"/sessions?cursor={cursor}")) == (422, "cursor")
