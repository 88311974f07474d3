"""Accounts."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import request
from flask.views import MethodView

from api.context import actor, now, options, reading, writing
from api.documented import Blueprint, conditional
from api.schemas import EmailAddress, Id, Moment, PageQuery, Text, changes, etag, expected_version, page_schema
from api.security import ADMIN, needs
from api.tokens import TokenPage
from attendance import accounts, links, tokens
from attendance.models import LinkPurpose, Role, UserAccount
from attendance.scopes import Scope

blueprint = Blueprint("users", __name__, url_prefix="/api/v1/users", description="Accounts")


class UserFields(ma.Schema):
    """What may be changed of an account."""

    email = EmailAddress()
    name = Text(200)
    role = ma.fields.Enum(Role, by_value=True)
    may_create_courses = ma.fields.Boolean(metadata={"description": "whether this instructor may make courses"})


class NewUser(UserFields):
    email = EmailAddress(required=True)
    name = Text(200, required=True)
    role = ma.fields.Enum(Role, by_value=True, required=True)


class UserSchema(ma.Schema):
    id = Id(required=True)
    # not checked again on the way out: what was accepted once is shown
    email = ma.fields.String(required=True)
    name = ma.fields.String(required=True)
    role = ma.fields.Enum(Role, by_value=True, required=True)
    may_create_courses = ma.fields.Boolean(required=True)
    has_password = ma.fields.Function(
        lambda user: user.password_hash is not None,
        required=True,
        metadata={"type": "boolean", "description": "whether the invitation was taken up"},
    )
    created_at = Moment(required=True)
    disabled_at = Moment(required=True, allow_none=True)
    version = ma.fields.Integer(required=True)


class LinkSchema(ma.Schema):
    """A one-time link: hand it on to the one it is for; whoever has it can choose the password."""

    link = ma.fields.String(required=True)
    purpose = ma.fields.Enum(LinkPurpose, by_value=True, required=True)
    expires_at = Moment(required=True)


class InvitedSchema(ma.Schema):
    user = ma.fields.Nested(UserSchema, required=True)
    invitation = ma.fields.Nested(LinkSchema, required=True)


class UserQuery(PageQuery):
    search = Text(100, load_default=None, metadata={"description": "a part of the name or e-mail address"})
    role = ma.fields.Enum(Role, by_value=True, load_default=None)
    disabled = ma.fields.Boolean(load_default=None)


@blueprint.route("")
class Users(MethodView):
    @needs(ADMIN, Scope.ADMIN_READ)
    @blueprint.arguments(UserQuery, location="query")
    @blueprint.response(200, page_schema(UserSchema))
    def get(self, query: dict[str, Any]) -> Any:
        """The accounts"""
        with reading() as db:
            return accounts.list_users(db, **query)

    @needs(ADMIN, None)
    @blueprint.arguments(NewUser)
    @blueprint.response(201, InvitedSchema)
    def post(self, body: dict[str, Any]) -> Any:
        """Make an account; answers the invitation, with which its owner chooses a password"""
        with writing() as db:
            user = accounts.create_user(db, actor(), body, now())
            link = links.make_password_link(db, actor(), user.id, now())
        return {"user": user, "invitation": _handed_on(link)}, etag(user.version)


@blueprint.route("/<id:user_id>")
class OneUser(MethodView):
    @needs(ADMIN, Scope.ADMIN_READ)
    @blueprint.response(200, UserSchema)
    def get(self, user_id: int) -> Any:
        """An account"""
        with reading() as db:
            return _tagged(accounts.require_user(db, user_id))

    @needs(ADMIN, None)
    @conditional(blueprint)
    @blueprint.arguments(UserFields)
    @blueprint.response(200, UserSchema)
    def patch(self, body: dict[str, Any], user_id: int) -> Any:
        """Change an account; the last admin stays one"""
        with writing() as db:
            return _tagged(accounts.update_user(db, actor(), user_id, changes(body), expected_version(), now()))


@blueprint.route("/<id:user_id>/disable")
class Disable(MethodView):
    @needs(ADMIN, Scope.ADMIN_WRITE)
    @blueprint.response(200, UserSchema)
    def post(self, user_id: int) -> Any:
        """Let somebody in no more: ends every login, link and token of theirs at once"""
        with writing() as db:
            return _tagged(accounts.disable_user(db, actor(), user_id, now()))


@blueprint.route("/<id:user_id>/enable")
class Enable(MethodView):
    @needs(ADMIN, None)
    @blueprint.response(200, UserSchema)
    def post(self, user_id: int) -> Any:
        """Let somebody in again, with the password they had"""
        with writing() as db:
            return _tagged(accounts.enable_user(db, actor(), user_id, now()))


@blueprint.route("/<id:user_id>/reset-link")
class ResetLink(MethodView):
    @needs(ADMIN, None)
    @blueprint.response(201, LinkSchema)
    def post(self, user_id: int) -> Any:
        """A link with which somebody chooses another password; an earlier one is replaced"""
        with writing() as db:
            return _handed_on(links.make_password_link(db, actor(), user_id, now()))


@blueprint.route("/<id:user_id>/tokens")
class UserTokens(MethodView):
    @needs(ADMIN, None)
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, TokenPage)
    def get(self, query: dict[str, Any], user_id: int) -> Any:
        """Somebody's tokens"""
        with reading() as db:
            return tokens.list_tokens(db, user_id, **query)


@blueprint.route("/<id:user_id>/tokens/<id:token_id>")
class OneUserToken(MethodView):
    @needs(ADMIN, None)
    @blueprint.response(204)
    def delete(self, user_id: int, token_id: int) -> None:
        """Revoke somebody's token"""
        with writing() as db:
            tokens.revoke_token(db, actor(), user_id, token_id, now())


def _tagged(user: UserAccount) -> tuple[UserAccount, dict[str, str]]:
    return user, etag(user.version)


def _handed_on(link: links.NewLink) -> dict[str, Any]:
    # the secret is behind the #, which no browser sends and so no server logs
    address = (options().public_url or request.host_url).rstrip("/")
    return {"link": f"{address}/#/redeem/{link.secret}", "purpose": link.purpose, "expires_at": link.expires_at}
