"""Accounts, tokens and the audit trail, through the API."""

from __future__ import annotations

import dataclasses
import threading
from typing import Any

import pytest

from attendance import tokens
from attendance.models import AuditEvent, Role, UserAccount
from attendance.scopes import Scope
from support.service import Client, Service, problem

NEW = {"email": "ada@example.org", "name": "Ada", "role": "instructor"}
TOKEN = {"name": "door camera", "scopes": ["frames:write"], "expires_in_days": 30}


def change(client: Client, user_id: int, **values: Any) -> Any:
    tag = client.get(f"/users/{user_id}").headers["ETag"]
    return client.patch(f"/users/{user_id}", json=values, headers={"If-Match": tag})


def test_an_admin_makes_an_account_and_nobody_else(service: Service) -> None:
    made = service.admin().post("/users", json={**NEW, "email": "Ada@EXAMPLE.org"})
    assert made.status_code == 201 and made.headers["ETag"] == '"v1"'
    assert {**made.json["user"], **NEW} == made.json["user"]
    assert made.json["invitation"]["link"].startswith("http://localhost/#/redeem/")
    assert problem(service.admin().post("/users", json={**NEW, "email": "ADA@example.org"})) == (409, "duplicate")
    for role in (Role.INSTRUCTOR, Role.VIEWER):
        other = service.browser(service.user(role))
        assert problem(other.post("/users", json=NEW)) == (403, "role")
        assert problem(other.get("/users")) == (403, "role")


def test_no_token_makes_or_revives_an_account_or_gives_one_more_rights(service: Service) -> None:
    me, gone = service.user(Role.ADMIN), service.user(disabled_at=service.clock.now())
    program = service.program(me)
    for answer in (
        program.post("/users", json=NEW),
        change(program, gone, role="admin"),
        change(program, gone, email="else@example.org"),
        program.post(f"/users/{gone}/enable"),
        program.post(f"/users/{me}/reset-link"),
    ):
        assert problem(answer) == (403, "scope")
    # what ends an account it may do
    assert program.post(f"/users/{service.user()}/disable").status_code == 200


def test_what_makes_no_account_is_refused_by_field(service: Service) -> None:
    answer = service.admin().post(
        "/users", json={"email": "no address", "name": " ", "role": "king", "password": "x" * 20}
    )
    assert problem(answer) == (422, "invalid")
    assert {error["field"] for error in answer.json["errors"]} == {"email", "name", "role", "password"}


def test_the_links_name_the_address_people_open(service: Service) -> None:
    service.app.extensions["smartattendance"].options = _with_public_url(service)
    link = service.admin().post("/users", json=NEW).json["invitation"]["link"]
    assert link.startswith("https://attendance.example.org/#/redeem/")


def _with_public_url(service: Service) -> Any:
    options = service.app.extensions["smartattendance"].options
    return dataclasses.replace(options, public_url="https://attendance.example.org")


def test_accounts_are_found_by_a_part_of_name_or_address(service: Service) -> None:
    admin = service.program(service.user(Role.ADMIN, "Root"))
    service.user(Role.INSTRUCTOR, "Ada Lovelace")
    service.user(Role.VIEWER, "Charles 100% Babbage", email="babbage@example.com")
    service.user(Role.VIEWER, "Gone", disabled_at=service.clock.now())

    def names(query: str) -> list[str]:
        return [user["name"] for user in admin.get(f"/users?{query}").json["items"]]

    assert names("search=LOVE") == ["Ada Lovelace"]
    assert names("search=example.com") == ["Charles 100% Babbage"]
    assert names("search=100%25") == ["Charles 100% Babbage"]
    assert names("role=viewer") == ["Charles 100% Babbage", "Gone"]
    assert names("role=viewer&disabled=false") == ["Charles 100% Babbage"]
    assert names("disabled=true") == ["Gone"]
    first = admin.get("/users?limit=3").json
    assert len(first["items"]) == 3
    assert len(admin.get(f"/users?limit=3&cursor={first['next_cursor']}").json["items"]) == 1
    assert problem(admin.get("/users?role=king")) == (422, "invalid")


def test_an_account_is_changed_at_the_version_that_was_read(service: Service) -> None:
    admin, user = service.admin(), service.user()
    other = service.user(name="Other")
    assert problem(admin.patch(f"/users/{user}", json={"name": "B"})) == (428, "precondition_required")
    changed = change(admin, user, email="New@example.org", role="viewer")
    assert (changed.json["email"], changed.json["role"]) == ("new@example.org", "viewer")
    stale = admin.patch(f"/users/{user}", json={"name": "B"}, headers={"If-Match": '"v1"'})
    assert problem(stale) == (412, "stale_version")
    assert problem(change(admin, user, email="other@example.org")) == (409, "duplicate")
    assert problem(change(admin, user)) == (422, "empty")
    assert problem(admin.get("/users/99999")) == (404, "not_found")
    assert admin.get(f"/users/{other}").json["version"] == 1
    with service.db() as db:
        [event] = db.query(AuditEvent).filter(AuditEvent.action == "user.update")
        assert event.data == {"fields": ["email", "role"], "role": "viewer", "old_role": "instructor"}


def test_the_last_admin_stays_one(service: Service) -> None:
    me = service.user(Role.ADMIN)
    admin = service.browser(me)
    service.user(Role.ADMIN, disabled_at=service.clock.now())
    service.user(Role.ADMIN, password_hash=None)
    assert problem(change(admin, me, role="viewer")) == (409, "last_admin")
    assert problem(admin.post(f"/users/{me}/disable")) == (409, "last_admin")
    assert change(admin, me, name="Same", role="admin").status_code == 200
    other = service.user(Role.ADMIN)
    assert admin.post(f"/users/{other}/disable").status_code == 200
    assert admin.post(f"/users/{other}/enable").status_code == 200
    assert change(admin, me, role="viewer").status_code == 200
    assert problem(admin.get("/users")) == (403, "role")


def test_who_is_disabled_is_out_at_once(service: Service) -> None:
    admin, user = service.admin(), service.user()
    browser, program = service.browser(user), service.program(user)
    link = admin.post(f"/users/{user}/reset-link").json["link"]
    disabled = admin.post(f"/users/{user}/disable")
    assert disabled.json["disabled_at"] is not None and disabled.headers["ETag"] == '"v2"'
    assert admin.post(f"/users/{user}/disable").json["version"] == 2
    assert problem(browser.get("/auth/me")) == (401, "login_ended")
    assert problem(program.get("/auth/me")) == (401, "bad_token")
    assert problem(admin.post(f"/users/{user}/reset-link")) == (409, "disabled")
    body = {"secret": link.rpartition("/")[2], "password": "quite another passphrase"}
    assert problem(service.guest().post("/auth/redeem", json=body)) == (404, "bad_link")
    assert admin.post(f"/users/{user}/enable").json["disabled_at"] is None
    assert service.acts() == ["link.create", "user.disable", "user.enable"]
    # what was over stays over: somebody else may have had it
    assert problem(service.guest().post("/auth/redeem", json=body)) == (404, "bad_link")
    assert problem(browser.get("/auth/me")) == (401, "login_ended")
    assert problem(program.get("/auth/me")) == (401, "bad_token")


def test_a_token_does_what_it_says_until_it_is_revoked(service: Service) -> None:
    user = service.user()
    browser = service.browser(user)
    made = browser.post("/tokens", json={**TOKEN, "scopes": ["courses:read", "courses:read"]})
    assert made.status_code == 201
    secret, token = made.json["secret"], made.json["token"]
    assert secret.startswith("sa_") and secret.startswith(token["shown"]) and len(token["shown"]) < 12
    assert (token["scopes"], token["expires_at"]) == (["courses:read"], "2026-12-23T08:00:00+00:00")
    program = Client(service.app.test_client(use_cookies=False), {"Authorization": f"Bearer {secret}"})
    assert program.get("/courses").status_code == 200
    course = {"code": "A", "title": "A", "term": "1", "timezone": "UTC"}
    assert problem(program.post("/courses", json=course)) == (403, "scope")
    [listed] = browser.get("/tokens").json["items"]
    assert listed["last_used_at"] == "2026-11-23T08:00:00+00:00" and "secret" not in listed
    assert browser.delete(f"/tokens/{token['id']}").status_code == 204
    assert browser.delete(f"/tokens/{token['id']}").status_code == 204
    assert problem(program.get("/courses")) == (401, "bad_token")
    assert browser.get("/tokens").json["items"][0]["revoked_at"] is not None
    assert service.acts() == ["token.create", "token.revoke"]


def test_a_token_ends_by_itself(service: Service) -> None:
    secret = service.browser(service.user()).post("/tokens", json={**TOKEN, "scopes": ["courses:read"]}).json["secret"]
    program = Client(service.app.test_client(use_cookies=False), {"Authorization": f"Bearer {secret}"})
    service.clock.advance(days=30, seconds=-1)
    assert program.get("/courses").status_code == 200
    service.clock.advance(seconds=1)
    assert problem(program.get("/courses")) == (401, "bad_token")


def test_tokens_are_made_in_a_browser_and_admin_scopes_by_admins(service: Service) -> None:
    user = service.user()
    assert problem(service.program(user).post("/tokens", json=TOKEN)) == (403, "scope")
    assert problem(service.program(user).get("/tokens")) == (403, "scope")
    browser = service.browser(user)
    for scope in ("admin:read", "admin:write"):
        assert problem(browser.post("/tokens", json={**TOKEN, "scopes": [scope]})) == (403, "role")
    for wrong in ({"scopes": []}, {"scopes": ["everything"]}, {"expires_in_days": 0}, {"expires_in_days": 367}):
        assert problem(browser.post("/tokens", json={**TOKEN, **wrong})) == (422, "invalid")
    admin = service.browser(service.user(Role.ADMIN))
    assert admin.post("/tokens", json={**TOKEN, "scopes": list(Scope)}).status_code == 201


def test_nobody_gathers_tokens_without_end(sqlite_service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_MOST", 2)
    browser = sqlite_service.browser(sqlite_service.user())
    first = browser.post("/tokens", json=TOKEN).json["token"]["id"]
    assert browser.post("/tokens", json=TOKEN).status_code == 201
    assert problem(browser.post("/tokens", json=TOKEN)) == (409, "too_many_tokens")
    browser.delete(f"/tokens/{first}")
    assert browser.post("/tokens", json=TOKEN).status_code == 201
    sqlite_service.clock.advance(days=30)  # what is over does not count
    assert browser.post("/tokens", json=TOKEN).status_code == 201


def test_only_an_admin_sees_and_revokes_the_tokens_of_others(service: Service) -> None:
    user = service.user()
    token = service.browser(user).post("/tokens", json=TOKEN).json["token"]["id"]
    other = service.browser(service.user())
    assert problem(other.delete(f"/tokens/{token}")) == (404, "not_found")
    assert problem(other.get(f"/users/{user}/tokens")) == (403, "role")
    me = service.user(Role.ADMIN)
    admin = service.browser(me)
    assert [item["id"] for item in admin.get(f"/users/{user}/tokens").json["items"]] == [token]
    assert problem(admin.delete(f"/users/{me}/tokens/{token}")) == (404, "not_found")
    assert problem(admin.get("/users/99999/tokens")) == (404, "not_found")
    assert admin.delete(f"/users/{user}/tokens/{token}").status_code == 204
    assert service.browser(user).get("/tokens").json["items"][0]["revoked_at"] is not None


def test_an_admin_reads_who_did_what(service: Service) -> None:
    me = service.user(Role.ADMIN)
    admin = service.browser(me)
    user = admin.post("/users", json=NEW, headers={"X-Request-ID": "from-the-test"}).json["user"]["id"]
    service.clock.advance(hours=1)
    admin.post(f"/users/{user}/disable")

    def actions(query: str) -> list[str]:
        return [event["action"] for event in admin.get(f"/audit?{query}").json["items"]]

    assert actions("") == ["user.disable", "link.create", "user.create"]
    assert actions("action=user.") == ["user.disable", "user.create"]
    assert actions(f"object_type=user&object_id={user}&since=2026-11-23T09:00:00Z") == ["user.disable"]
    assert actions("until=2026-11-23T09:00:00Z&action=link.") == ["link.create"]
    assert actions(f"actor_id={me}&limit=1") == ["user.disable"]
    assert actions("actor_id=77777") == []
    [made] = admin.get("/audit?action=user.create").json["items"]
    assert (made["actor_id"], made["object_id"], made["data"]) == (me, str(user), {"role": "instructor"})
    assert made["request_id"] == "from-the-test" and made["at"] == "2026-11-23T08:00:00+00:00"
    page = admin.get("/audit?limit=2").json
    assert [event["action"] for event in admin.get(f"/audit?cursor={page['next_cursor']}").json["items"]] == [
        "user.create"
    ]
    assert problem(admin.get("/audit?since=yesterday")) == (422, "invalid")
    assert problem(service.program(service.user()).get("/audit")) == (403, "role")
    assert problem(service.program(me, Scope.COURSES_READ).get("/audit")) == (403, "scope")


@pytest.mark.parametrize("attempt", ["demote", "disable"])
def test_two_admins_who_take_each_others_rights_leave_one(service: Service, attempt: str) -> None:
    pair = (service.user(Role.ADMIN), service.user(Role.ADMIN))
    clients = [service.browser(user) for user in pair]
    tags = [client.get(f"/users/{pair[0]}").headers["ETag"] for client in clients]
    start, answers = threading.Barrier(2), []

    def act(client: Client, victim: int) -> None:
        start.wait()
        if attempt == "disable":
            answer = client.post(f"/users/{victim}/disable")
        else:
            answer = client.patch(f"/users/{victim}", json={"role": "viewer"}, headers={"If-Match": tags[0]})
        answers.append(answer.status_code)

    threads = [threading.Thread(target=act, args=pairing) for pairing in zip(clients, reversed(pair), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with service.db() as db:
        left = db.query(UserAccount).filter(UserAccount.role == Role.ADMIN, UserAccount.disabled_at.is_(None)).count()
    assert left == 1
    # the second is refused as the last, or no longer an admin when it is its turn
    assert sorted(answers)[0] == 200 and sorted(answers)[1] in (401, 403, 409)
