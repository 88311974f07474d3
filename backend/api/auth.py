"""Logging in and out, the first admin, one-time links."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import marshmallow as ma
from flask import session
from flask.views import MethodView

from api.context import actor, now, options, reading, request_id, services, writing
from api.documented import Blueprint
from api.limits import PasswordTry
from api.problems import PROBLEM_TYPE, Problem
from api.schemas import EmailAddress, Id, Moment, Text
from api.security import EVERYBODY, LOGIN_KEY, check_origin, csrf_token, log_in, log_out, needs, public, require_https
from attendance import accounts, links, logins
from attendance.actor import Actor
from attendance.models import LinkPurpose, Role
from attendance.scopes import Scope

F = TypeVar("F", bound=Callable[..., Any])

# Longer than any password that is accepted when it is chosen, short enough not to be a burden.
_LONGEST_TRIED = 1000

blueprint = Blueprint(
    "auth", __name__, url_prefix="/api/v1/auth", description="Logging in and out, the first admin, one-time links"
)


class MeSchema(ma.Schema):
    id = Id(required=True)
    name = ma.fields.String(required=True)
    email = ma.fields.String(required=True)
    role = ma.fields.Enum(Role, by_value=True, required=True)
    may_create_courses = ma.fields.Boolean(required=True)
    scopes = ma.fields.List(ma.fields.String(), required=True, allow_none=True)
    csrf_token = ma.fields.String(required=True, allow_none=True)


def password_field() -> ma.fields.String:
    """A password, exactly as it was typed."""
    return ma.fields.String(
        required=True, validate=ma.validate.Length(max=_LONGEST_TRIED), metadata={"format": "password"}
    )


class LoginFields(ma.Schema):
    email = Text(_LONGEST_TRIED, required=True)
    password = password_field()


class PasswordFields(ma.Schema):
    old_password = password_field()
    new_password = password_field()


class LinkFields(ma.Schema):
    secret = ma.fields.String(required=True, validate=ma.validate.Length(max=100))


class RedeemFields(LinkFields):
    password = password_field()
    email = EmailAddress(load_default=None, metadata={"description": "of the first admin, with a setup link only"})
    name = Text(200, load_default=None, metadata={"description": "of the first admin, with a setup link only"})


class LinkViewSchema(ma.Schema):
    purpose = ma.fields.Enum(LinkPurpose, by_value=True, required=True)
    expires_at = Moment(required=True)
    email = ma.fields.String(required=True, allow_none=True)
    name = ma.fields.String(required=True, allow_none=True)


class SetupSchema(ma.Schema):
    needs_admin = ma.fields.Boolean(
        required=True, metadata={"description": "whether the first admin is still to be made"}
    )


def _refuses_strangers(view: F) -> F:
    """Document the 401 of an endpoint that is public and takes a password."""
    decorator: Callable[[F], F] = blueprint.alt_response(
        401, schema=Problem, content_type=PROBLEM_TYPE, description="The e-mail address or password is not right"
    )
    return decorator(view)


@blueprint.route("/me")
class Me(MethodView):
    @needs(EVERYBODY, Scope.COURSES_READ)
    @blueprint.response(200, MeSchema)
    def get(self) -> Any:
        """Who you are, and the token to send with what you change"""
        return _me(actor())


@blueprint.route("/login")
class Login(MethodView):
    @public
    @_refuses_strangers
    @blueprint.arguments(LoginFields)
    @blueprint.response(200, MeSchema)
    def post(self, body: dict[str, Any]) -> Any:
        """Log in: sets the cookie, and answers the token to send with what you change"""
        require_https()
        check_origin()
        attempt = PasswordTry(body["email"])
        found, secret = logins.log_in(
            services().database, body["email"], body["password"], now(), lasts=_lasts(), request_id=request_id()
        )
        attempt.succeeded()
        return _carry(found, secret)


@blueprint.route("/logout")
class Logout(MethodView):
    @needs(EVERYBODY, None)
    @blueprint.response(204)
    def post(self) -> None:
        """Log out: no copy of the cookie is good any more"""
        with writing() as db:
            logins.log_out(db, actor(), _carried(), now())
        log_out()


@blueprint.route("/password")
class Password(MethodView):
    @needs(EVERYBODY, None)
    @blueprint.arguments(PasswordFields)
    @blueprint.response(204)
    def put(self, body: dict[str, Any]) -> None:
        """Change your password; everywhere else you are logged out"""
        require_https()
        attempt = PasswordTry(actor().email)
        logins.change_password(
            services().database, actor(), body["old_password"], body["new_password"], now(), carried=_carried()
        )
        attempt.succeeded()


@blueprint.route("/setup")
class Setup(MethodView):
    @public
    @blueprint.response(200, SetupSchema)
    def get(self) -> Any:
        """Whether the server still needs its first admin"""
        with reading() as db:
            return {"needs_admin": not accounts.has_admin(db)}


@blueprint.route("/link")
class Link(MethodView):
    @public
    @blueprint.arguments(LinkFields)
    @blueprint.response(200, LinkViewSchema)
    def post(self, body: dict[str, Any]) -> Any:
        """What a one-time link is for; it stays unused"""
        check_origin()
        with reading() as db:
            return links.view_link(db, body["secret"], now())


@blueprint.route("/redeem")
class Redeem(MethodView):
    @public
    @blueprint.arguments(RedeemFields)
    @blueprint.response(200, MeSchema)
    def post(self, body: dict[str, Any]) -> Any:
        """Use a one-time link: choose the password, or make the first admin; logs in"""
        require_https()
        check_origin()
        found, secret = links.redeem(services().database, **body, now=now(), lasts=_lasts(), request_id=request_id())
        return _carry(found, secret)


def _carry(found: Actor, secret: str) -> dict[str, Any]:
    """Have the browser carry ``secret``; the login it carried before is over."""
    if _carried():
        with writing() as db:
            logins.end(db, _carried())
    log_in(secret)
    return _me(found)


def _carried() -> str:
    return str(session.get(LOGIN_KEY) or "")


def _lasts() -> timedelta:
    return timedelta(hours=options().login_hours)


def _me(found: Actor) -> dict[str, Any]:
    return {
        "id": found.user_id,
        "name": found.name,
        "email": found.email,
        "role": found.role,
        "may_create_courses": found.is_admin or found.may_create_courses,
        "scopes": sorted(found.scopes) if found.scopes is not None else None,
        "csrf_token": csrf_token() if found.scopes is None else None,
    }
