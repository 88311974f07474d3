"""Who a request comes from and whether it may: logins by cookie, programs by token, and each endpoint's rule.

A rule is given to every endpoint by ``needs`` or ``public``; the application does not start with an endpoint that
has none.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

from flask import Flask, g, request, session
from flask.sessions import SecureCookieSessionInterface
from flask.views import MethodView
from flask_wtf.csrf import generate_csrf, validate_csrf
from wtforms import ValidationError

from api import pages
from api.context import actor, now, options, request_id, services
from attendance import accounts
from attendance.actor import Actor
from attendance.models import Role
from attendance.scopes import Scope
from errors import AuthenticationError, ForbiddenError

P = ParamSpec("P")
R = TypeVar("R")

CSRF_HEADER = "X-CSRF-Token"
LOGIN_KEY = "login"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# Of a body that is neither a picture nor a file, by whether we know who sends it. Endpoints that take those raise it.
MOST_BYTES_BEFORE_LOGIN, MOST_BYTES = 64_000, 1_000_000
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})

ADMIN = frozenset({Role.ADMIN})
STAFF = frozenset({Role.ADMIN, Role.INSTRUCTOR})
EVERYBODY = frozenset(Role)


@dataclass(frozen=True, slots=True)
class Rule:
    """roles: who may call the endpoint at all; None: anybody, logged in or not. scope: what a token must allow; None
    when no token will do. Which courses and students they reach is checked where those are looked up."""

    roles: frozenset[Role] | None
    scope: Scope | None


def needs(roles: frozenset[Role], scope: Scope | None) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """The decorator of an endpoint that is for ``roles``, and for tokens with ``scope`` (None: browsers only). The
    outermost decorator, so that nothing of a request is looked at before it is known who sends it."""

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(view)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            _check(Rule(roles, scope))
            return view(*args, **kwargs)

        checked._apidoc = deepcopy(getattr(view, "_apidoc", {}))  # type: ignore[attr-defined]
        checked._apidoc["rule"] = Rule(roles, scope)  # type: ignore[attr-defined]
        return checked

    return decorate


def public(view: Callable[P, R]) -> Callable[P, R]:
    """The decorator of an endpoint that anybody may call."""

    @functools.wraps(view)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        return view(*args, **kwargs)

    checked._apidoc = deepcopy(getattr(view, "_apidoc", {}))  # type: ignore[attr-defined]
    checked._apidoc["rule"] = Rule(None, None)  # type: ignore[attr-defined]
    return checked


def rule_of(view: object) -> Rule | None:
    apidoc: dict[str, Any] = getattr(view, "_apidoc", {})
    return apidoc.get("rule")


def register(app: Flask) -> None:
    """Have every request of ``app`` but those for files authenticated, and its cookies set so that no other site can
    use them."""
    app.session_interface = _Cookies()
    app.config.update(
        SESSION_COOKIE_NAME="smartattendance",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_TIME_LIMIT=None,  # the token ends with the login
        WTF_CSRF_CHECK_DEFAULT=False,
    )
    app.before_request(_authenticate)


def check_every_endpoint_has_a_rule(app: Flask) -> None:
    """Raise RuntimeError that names an endpoint without one; static files need none."""
    for endpoint, view, method in endpoints(app):
        if rule_of(view) is None:
            raise RuntimeError(f"{method} {endpoint} has no rule: decorate it with needs(...) or public")


def endpoints(app: Flask) -> Iterator[tuple[str, object, str]]:
    """(endpoint, view, method) of everything that ``app`` serves but static files, docs and HEAD and OPTIONS."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint == "static" or rule.endpoint.startswith(("pages.", "api-docs.")):
            continue
        view = app.view_functions[rule.endpoint]
        cls = getattr(view, "view_class", None)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            found = getattr(cls, method.lower()) if cls is not None and issubclass(cls, MethodView) else view
            yield rule.endpoint, found, method


def log_in(secret: str) -> str:
    """Have the browser carry ``secret`` from now on; the CSRF token to send with everything that changes."""
    session.clear()
    session[LOGIN_KEY] = secret
    return csrf_token()


def log_out() -> None:
    session.clear()


def csrf_token() -> str:
    """The token that the browser sends as ``X-CSRF-Token``."""
    return str(generate_csrf())


def require_https() -> None:
    """Refuse to take a password over plain HTTP from another machine: it could be read on the way, and the browser
    would not send the cookie back."""
    if not request.is_secure and urlsplit(request.host_url).hostname not in _LOCAL:
        raise ForbiddenError(
            "this server is reached over plain HTTP from another machine, where a password could be read on its way. "
            "Open it by https://, or on the machine itself as http://localhost",
            code="https_required",
        )


def check_origin() -> None:
    """Refuse what another web site has the browser send. Raises ForbiddenError."""
    origin = request.headers.get("Origin")
    if origin is None or origin in options().cors_origins:
        return
    own = {request.host_url.rstrip("/"), (options().public_url or "").rstrip("/")}
    if origin not in own:
        raise ForbiddenError(
            f"requests from {origin[:100]} are not allowed; add it to SMARTATTENDANCE_CORS_ORIGINS if they should be",
            code="foreign_origin",
        )


def _authenticate() -> None:
    # files of the page, of which an opening browser asks for fifty, are everybody's
    if request.blueprint == pages.blueprint.name:
        return
    header = request.headers.get("Authorization", "")
    database, moment = services().database, now()
    if header:
        kind, _, secret = header.partition(" ")
        # kept for the endpoint's own check: public ones need no token, and a bad one says so
        g.actor, g.bearer = None, True
        if kind.lower() == "bearer":
            g.actor = accounts.actor_of_token(database, secret.strip(), moment, request_id())
    else:
        g.bearer = False
        carried = session.get(LOGIN_KEY)
        g.actor = accounts.actor_of_login(database, str(carried), moment, request_id()) if carried else None
    if g.actor is not None:
        request.max_content_length = MOST_BYTES


def _check(rule: Rule) -> None:
    found: Actor | None = g.get("actor")
    if found is None:
        if g.get("bearer"):
            raise AuthenticationError("this token is not (or no longer) good; make a new one", code="bad_token")
        if session.get(LOGIN_KEY):
            raise AuthenticationError("your login has ended; log in again", code="login_ended")
        actor()
        return
    if found.scopes is not None and (rule.scope is None or rule.scope not in found.scopes):
        needed = f"needs the scope {rule.scope}" if rule.scope else "is for people in a browser, not for tokens"
        raise ForbiddenError(f"this token does not allow it: it {needed}", code="scope")
    if not g.bearer and request.method not in _SAFE:
        check_origin()
        try:
            validate_csrf(request.headers.get(CSRF_HEADER))
        except ValidationError as error:
            raise ForbiddenError(f"send the csrf_token of GET /api/v1/auth/me as {CSRF_HEADER}", code="csrf") from error
    if rule.roles is not None and found.role not in rule.roles:
        roles = " or ".join(sorted(role.value for role in rule.roles))
        raise ForbiddenError(f"this is for the role {roles}; yours is {found.role}", code="role")


class _Cookies(SecureCookieSessionInterface):
    """The cookie is only sent over HTTPS, but for a server on the very machine, which has none."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure or urlsplit(request.host_url).hostname not in _LOCAL
