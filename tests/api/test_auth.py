"""Logging in and out, passwords and one-time links, through the API."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Semaphore
from typing import Any

import pytest

from attendance.models import AuditEvent, Login, OneTimeLink, Role, UserAccount
from attendance.scopes import Scope
from support.service import PASSWORD, Client, Service, problem

NEW_PASSWORD = "quite another passphrase"


def log_in(client: Client, email: str, password: str = PASSWORD) -> Any:
    """The answer; the client sends the CSRF token from then on."""
    answer = client.post("/auth/login", json={"email": email, "password": password})
    if answer.status_code == 200:
        client.headers["X-CSRF-Token"] = answer.json["csrf_token"]
    return answer


def secret_of(link: str) -> str:
    base, _, secret = link.rpartition("/#/redeem/")
    assert base and len(secret) > 30
    return secret


def cookie_of(client: Client) -> str:
    found = client.flask.get_cookie("smartattendance")
    assert found is not None
    return found.value


def test_logging_in_carries_a_cookie_that_only_this_server_sees(service: Service) -> None:
    service.user(Role.INSTRUCTOR, "Ada Lovelace", may_create_courses=True)
    client = service.guest()
    assert problem(client.get("/auth/me")) == (401, "not_logged_in")
    answer = log_in(client, " Ada.Lovelace@Example.org ")
    assert answer.status_code == 200
    assert (answer.json["name"], answer.json["role"], answer.json["scopes"]) == ("Ada Lovelace", "instructor", None)
    [cookie] = answer.headers.getlist("Set-Cookie")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; ")) and "Secure" not in cookie
    me = client.get("/auth/me").json
    assert me["email"] == "ada.lovelace@example.org"
    made = client.post("/courses", json={"code": "A", "title": "A", "term": "1", "timezone": "UTC"})
    assert made.status_code == 201


def test_a_refused_login_does_not_say_why(service: Service) -> None:
    service.user(name="Right")
    service.user(name="Gone", disabled_at=service.clock.now())
    service.user(name="Invited", password_hash=None)
    refused = [
        log_in(service.guest(), "right@example.org", "a wrong passphrase"),
        log_in(service.guest(), "nobody@example.org"),
        log_in(service.guest(), "gone@example.org"),
        log_in(service.guest(), "invited@example.org"),
        log_in(service.guest(), "right@example.org", "\ud800 half of a letter"),
        log_in(service.guest(), "no address at all"),
    ]
    assert {problem(answer) for answer in refused} == {(401, "bad_login")}
    assert len({answer.json["detail"] for answer in refused}) == 1
    assert not any(answer.headers.getlist("Set-Cookie") for answer in refused)
    assert log_in(service.guest(), "right@example.org").status_code == 200
    assert problem(log_in(service.guest(), "no\x00address")) == (422, "invalid")


def test_who_does_not_exist_costs_a_verification_too(sqlite_service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    from attendance import passwords

    verified: list[str | None] = []
    real = passwords.is_right
    monkeypatch.setattr(passwords, "is_right", lambda kept, given: verified.append(kept) or real(kept, given))
    sqlite_service.user(name="Gone", disabled_at=sqlite_service.clock.now())
    for email in ("nobody@example.org", "gone@example.org"):
        assert problem(log_in(sqlite_service.guest(), email)) == (401, "bad_login")
    assert verified == [None, None]


@pytest.mark.usefixtures("passwords_kept_well")
def test_a_password_kept_in_an_older_way_is_kept_anew(sqlite_service: Service) -> None:
    user = sqlite_service.user(name="Old")
    with sqlite_service.db() as db:
        before = db.get_one(UserAccount, user).password_hash
    assert log_in(sqlite_service.guest(), "old@example.org").status_code == 200
    with sqlite_service.db() as db:
        after = db.get_one(UserAccount, user).password_hash
    assert before is not None and "m=8," in before
    assert after is not None and "m=65536,t=3,p=4" in after
    assert log_in(sqlite_service.guest(), "old@example.org").status_code == 200
    with sqlite_service.db() as db:
        assert db.get_one(UserAccount, user).password_hash == after


def test_a_login_ends_by_logging_out_even_for_a_copy_of_its_cookie(service: Service) -> None:
    service.user(name="Ada")
    client = service.guest()
    log_in(client, "ada@example.org")
    thief = service.app.test_client()
    thief.set_cookie("smartattendance", cookie_of(client))
    assert thief.get("/api/v1/auth/me").status_code == 200
    assert client.post("/auth/logout").status_code == 204
    assert problem(client.get("/auth/me")) == (401, "not_logged_in")
    assert thief.get("/api/v1/auth/me").get_json()["code"] == "login_ended"
    assert service.acts() == ["login.begin", "login.end"]


def test_a_login_ends_by_time_and_its_row_goes_with_the_next(service: Service) -> None:
    service.user(name="Ada")
    client = service.guest()
    log_in(client, "ada@example.org")
    service.clock.advance(hours=11.9)
    assert client.get("/auth/me").status_code == 200
    service.clock.advance(hours=0.2)
    assert problem(client.get("/auth/me")) == (401, "login_ended")
    log_in(service.guest(), "ada@example.org")
    with service.db() as db:
        assert db.query(Login).count() == 1


def test_logging_in_again_makes_another_cookie_and_ends_the_first(service: Service) -> None:
    service.user(name="Ada")
    client = service.guest()
    client.flask.set_cookie("smartattendance", "planted-by-somebody")
    log_in(client, "ada@example.org")
    first = cookie_of(client)
    assert first != "planted-by-somebody"
    log_in(client, "ada@example.org")
    assert cookie_of(client) != first
    old = service.app.test_client()
    old.set_cookie("smartattendance", first)
    assert old.get("/api/v1/auth/me").status_code == 401
    with service.db() as db:
        assert db.query(Login).count() == 1


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each slowed try was made to wait, which it does not."""
    found: list[float] = []
    monkeypatch.setattr("api.limits.time.sleep", found.append)
    return found


def try_password(service: Service, address: str, email: str = "ada@example.org", password: str = "wrong") -> Any:
    body = {"email": email, "password": password}
    return service.guest().open("POST", "/auth/login", json=body, environ_base={"REMOTE_ADDR": address})


def test_wrong_passwords_keep_out_whoever_tries_them_and_not_the_owner(
    sqlite_service: Service, waits: list[float]
) -> None:
    sqlite_service.user(name="Ada")
    sqlite_service.user(name="Bea")
    for number in range(10):
        email = f"{'ADA' if number % 2 else 'ada'}@example.org"
        assert problem(try_password(sqlite_service, "192.0.2.1", email)) == (401, "bad_login")
    refused = try_password(sqlite_service, "192.0.2.1", password=PASSWORD)
    assert problem(refused) == (429, "too_many_requests")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60 and waits == []
    # the owner, elsewhere: slowed, as many may be trying, and let in
    assert try_password(sqlite_service, "192.0.2.2", password=PASSWORD).status_code == 200
    assert waits == [1]
    # others are not concerned, but that they share the address
    assert try_password(sqlite_service, "192.0.2.2", "bea@example.org", PASSWORD).status_code == 200
    assert waits == [1]
    assert try_password(sqlite_service, "192.0.2.1", "bea@example.org", PASSWORD).status_code == 200
    assert waits == [1, 1]


def test_where_the_owner_logs_in_a_crowd_elsewhere_takes_no_place(sqlite_service: Service, waits: list[float]) -> None:
    sqlite_service.user(name="Ada")
    assert try_password(sqlite_service, "192.0.2.2", password=PASSWORD).status_code == 200
    for number in range(12):
        assert problem(try_password(sqlite_service, f"198.51.100.{number}")) == (401, "bad_login")
    assert waits == [1, 1]
    assert try_password(sqlite_service, "192.0.2.2", password=PASSWORD).status_code == 200 and waits == [1, 1]
    # what is tried from there counts as from anywhere
    for _ in range(10):
        assert problem(try_password(sqlite_service, "192.0.2.2")) == (401, "bad_login")
    assert problem(try_password(sqlite_service, "192.0.2.2", password=PASSWORD)) == (429, "too_many_requests")


def test_many_addresses_that_try_one_account_are_slowed_and_few_at_once(
    sqlite_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_service.user(name="Ada")
    begun, go_on = Semaphore(0), Event()

    def sleep(seconds: float) -> None:
        begun.release()
        assert seconds == 1 and go_on.wait(30)

    monkeypatch.setattr("api.limits.time.sleep", sleep)
    for number in range(10):
        assert problem(try_password(sqlite_service, f"192.0.2.{number}")) == (401, "bad_login")
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(try_password, sqlite_service, f"198.51.100.{number}") for number in range(4)]
        for _ in waiting:
            assert begun.acquire(timeout=30)
        refused = try_password(sqlite_service, "198.51.100.9")
        go_on.set()
        assert [problem(each.result()) for each in waiting] == [(401, "bad_login")] * 4
    assert problem(refused) == (429, "too_many_requests") and refused.headers["Retry-After"] == "2"


def test_one_address_cannot_take_the_places_of_all_who_are_slowed(
    sqlite_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_service.user(name="Ada")
    for _ in range(10):
        try_password(sqlite_service, "192.0.2.1")
    begun, go_on = Semaphore(0), Event()

    def sleep(seconds: float) -> None:
        begun.release()
        assert go_on.wait(30)

    monkeypatch.setattr("api.limits.time.sleep", sleep)
    with ThreadPoolExecutor(2) as pool:
        try:
            waiting = [pool.submit(try_password, sqlite_service, "192.0.2.1", "bea@example.org")]
            assert begun.acquire(timeout=30)
            more = try_password(sqlite_service, "192.0.2.1", "cem@example.org")
            assert problem(more) == (429, "too_many_requests")
            waiting.append(pool.submit(try_password, sqlite_service, "192.0.2.2", password=PASSWORD))
            assert begun.acquire(timeout=30)
        finally:
            go_on.set()
        assert [each.result().status_code for each in waiting] == [401, 200]


@pytest.mark.parametrize("same_network", [True, False])
def test_an_address_that_tries_many_accounts_is_slowed(
    sqlite_service: Service, waits: list[float], same_network: bool
) -> None:
    addresses = [f"2001:db8:0:1::{n:x}" if same_network else f"2001:db8:0:{n:x}::1" for n in range(11)]
    for number, address in enumerate(addresses):
        answer = try_password(sqlite_service, address, f"nobody{number}@example.org")
        assert problem(answer) == (401, "bad_login")
    assert waits == ([1] if same_network else [])


def test_a_whole_school_logs_in_from_one_address(sqlite_service: Service) -> None:
    sqlite_service.user(name="Ada")
    answers = [log_in(sqlite_service.guest(), "ada@example.org").status_code for _ in range(12)]
    assert answers == [200] * 12


def test_changing_the_password_ends_every_other_login(service: Service) -> None:
    user = service.user(name="Ada")
    here, there = service.guest(), service.browser(user)
    log_in(here, "ada@example.org")
    body = {"old_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert problem(here.put("/auth/password", json={**body, "old_password": "wrong"})) == (422, "wrong_password")
    assert here.put("/auth/password", json=body).status_code == 204
    assert service.acts()[-1] == "user.password"
    assert here.get("/auth/me").status_code == 200
    assert problem(there.get("/auth/me")) == (401, "login_ended")
    assert problem(log_in(service.guest(), "ada@example.org")) == (401, "bad_login")
    assert log_in(service.guest(), "ada@example.org", NEW_PASSWORD).status_code == 200
    assert problem(service.program(user).put("/auth/password", json=body)) == (403, "scope")


def test_the_old_password_cannot_be_guessed_at_will(sqlite_service: Service) -> None:
    client = sqlite_service.browser(sqlite_service.user(name="Ada"))
    body = {"old_password": "wrong", "new_password": NEW_PASSWORD}
    answers = [problem(client.put("/auth/password", json=body)) for _ in range(11)]
    assert answers == [(422, "wrong_password")] * 10 + [(429, "too_many_requests")]


@pytest.mark.parametrize(
    "password",
    [
        "elevenchars",
        "x" * 201,
        "Password 12345",
        "aaaaaaaaaaaaaaa",
        "ada.lovelace@example.org",
        "AdaLovelace1815",
        "SmartAttendance!",
    ],
)
def test_a_weak_password_is_refused(sqlite_service: Service, password: str) -> None:
    client = sqlite_service.browser(sqlite_service.user(name="Ada Lovelace"))
    answer = client.put("/auth/password", json={"old_password": PASSWORD, "new_password": password})
    assert problem(answer) == (422, "weak_password")
    assert [error["field"] for error in answer.json["errors"]] == ["new_password"]


def make_setup_link(service: Service) -> str:
    from attendance import links
    from attendance.actor import system_actor

    with service.db() as db:
        return links.make_setup_link(db, system_actor(), service.clock.now()).secret


def test_the_first_admin_is_made_with_the_setup_link_and_only_once(service: Service) -> None:
    guest = service.guest()
    assert guest.get("/auth/setup").json == {"needs_admin": True}
    replaced, secret = make_setup_link(service), make_setup_link(service)
    body = {"secret": secret, "password": PASSWORD, "email": "First@Example.org", "name": "First"}
    assert problem(guest.post("/auth/redeem", json={**body, "secret": replaced})) == (404, "bad_link")
    assert guest.post("/auth/link", json={"secret": secret}).json["purpose"] == "setup"
    missing = guest.post("/auth/redeem", json={"secret": secret, "password": PASSWORD})
    assert problem(missing) == (422, "invalid")
    assert {error["field"] for error in missing.json["errors"]} == {"email", "name"}
    assert problem(guest.post("/auth/redeem", json={**body, "password": "short"})) == (422, "weak_password")
    made = guest.post("/auth/redeem", json=body)
    assert (made.status_code, made.json["role"], made.json["email"]) == (200, "admin", "first@example.org")
    assert guest.get("/auth/me").json["name"] == "First"
    assert guest.get("/auth/setup").json == {"needs_admin": False}
    again = service.guest().post("/auth/redeem", json={**body, "email": "second@example.org"})
    assert problem(again) == (404, "bad_link")
    assert log_in(service.guest(), "first@example.org").status_code == 200


def test_the_setup_link_is_no_good_once_there_is_an_admin_or_after_a_day(service: Service) -> None:
    secret = make_setup_link(service)
    body = {"secret": secret, "password": PASSWORD, "email": "first@example.org", "name": "First"}
    service.clock.advance(hours=24)
    assert problem(service.guest().post("/auth/redeem", json=body)) == (404, "bad_link")
    fresh = make_setup_link(service)
    service.user(Role.ADMIN)
    assert problem(service.guest().post("/auth/redeem", json={**body, "secret": fresh})) == (404, "bad_link")
    assert problem(service.guest().post("/auth/link", json={"secret": fresh})) == (404, "bad_link")


def test_an_invitation_lets_somebody_choose_a_password(service: Service) -> None:
    admin = service.admin()
    made = admin.post("/users", json={"email": "Ada@Example.org", "name": "Ada", "role": "instructor"}).json
    assert "password" not in made["user"] and made["user"]["has_password"] is False
    assert made["invitation"]["purpose"] == "invite"
    assert made["invitation"]["expires_at"] == "2026-11-26T08:00:00+00:00"
    secret = secret_of(made["invitation"]["link"])
    guest = service.guest()
    seen = guest.post("/auth/link", json={"secret": secret}).json
    assert (seen["purpose"], seen["name"], seen["email"]) == ("invite", "Ada", "ada@example.org")
    body = {"secret": secret, "password": PASSWORD}
    assert problem(guest.post("/auth/redeem", json={**body, "name": "Eve"})) == (422, "invalid")
    assert guest.post("/auth/redeem", json=body).json["name"] == "Ada"
    assert guest.get("/auth/me").status_code == 200
    assert problem(service.guest().post("/auth/redeem", json=body)) == (404, "bad_link")
    assert admin.get(f"/users/{made['user']['id']}").json["has_password"] is True


def test_a_reset_link_replaces_the_password_and_every_login(service: Service) -> None:
    admin, user = service.admin(), service.user(name="Ada")
    there = service.browser(user)
    first = admin.post(f"/users/{user}/reset-link").json
    second = admin.post(f"/users/{user}/reset-link").json
    assert (second["purpose"], second["expires_at"]) == ("reset", "2026-11-23T10:00:00+00:00")
    body = {"password": NEW_PASSWORD}
    replaced = service.guest().post("/auth/redeem", json={**body, "secret": secret_of(first["link"])})
    assert problem(replaced) == (404, "bad_link")
    assert there.get("/auth/me").status_code == 200
    # whoever had the password may have made these
    program, course = service.program(user), service.course(leads=(user,))
    feed = there.post("/calendar/feeds").json["url"].removeprefix("http://localhost")
    made = there.post(f"/courses/{course}/kiosks", json={"name": "Door", "pin": "1234"}).json
    device = Client(service.app.test_client(), {"Authorization": f"Bearer {made['secret']}"})
    assert [each.status_code for each in (program.get("/auth/me"), device.get("/kiosk"))] == [200, 200]
    assert service.guest().get(feed).status_code == 200
    used = service.guest().post("/auth/redeem", json={**body, "secret": secret_of(second["link"])})
    assert used.status_code == 200
    assert problem(there.get("/auth/me")) == (401, "login_ended")
    assert problem(program.get("/auth/me")) == problem(device.get("/kiosk")) == (401, "bad_token")
    assert service.guest().get(feed).status_code == 404
    assert problem(log_in(service.guest(), "ada@example.org")) == (401, "bad_login")
    late = admin.post(f"/users/{user}/reset-link").json
    service.clock.advance(hours=2)
    too_late = service.guest().post("/auth/redeem", json={**body, "secret": secret_of(late["link"])})
    assert problem(too_late) == (404, "bad_link")


def test_of_two_who_use_a_link_at_once_one_succeeds(service: Service) -> None:
    link = service.admin().post(f"/users/{service.user(name='Ada')}/reset-link").json["link"]
    start, answers = threading.Barrier(2), []

    def use(number: int) -> None:
        body = {"secret": secret_of(link), "password": f"{NEW_PASSWORD} {number}"}
        start.wait()
        answers.append(service.guest().post("/auth/redeem", json=body).status_code)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 404]


def test_a_changed_password_makes_reset_links_useless(service: Service) -> None:
    user = service.user(name="Ada")
    link = service.admin().post(f"/users/{user}/reset-link").json["link"]
    body = {"old_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert service.browser(user).put("/auth/password", json=body).status_code == 204
    stolen = service.guest().post("/auth/redeem", json={"secret": secret_of(link), "password": PASSWORD})
    assert problem(stolen) == (404, "bad_link")


def test_no_secret_is_kept_or_logged(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        admin, user = service.admin(), service.user(name="Ada")
        link = admin.post(f"/users/{user}/reset-link").json["link"]
        client = service.guest()
        assert client.post("/auth/redeem", json={"secret": secret_of(link), "password": PASSWORD}).status_code == 200
        log_in(client, "ada@example.org", "a mistyped passphrase")
        client.headers["X-CSRF-Token"] = client.get("/auth/me").json["csrf_token"]
        fields = {"name": "t", "scopes": [Scope.COURSES_READ], "expires_in_days": 1}
        token = client.post("/tokens", json=fields).json["secret"]
        client.post("/auth/logout")
    with service.db() as db:
        events = [f"{event.action} {event.object_id} {event.data}" for event in db.query(AuditEvent)]
        kept = str([(row.secret_sha256, row.purpose) for row in db.query(OneTimeLink)])
    assert {event.split()[0] for event in events} >= {"link.create", "link.use", "login.begin", "login.end"}
    said = "\n".join([*events, kept, caplog.text])
    assert "a login of user" in said
    for secret in (secret_of(link), token, PASSWORD, "a mistyped passphrase", "ada@example.org"):
        assert secret not in said
