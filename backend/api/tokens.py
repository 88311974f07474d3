"""Keys of programs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import marshmallow as ma
from flask.views import MethodView

from api.context import actor, now, reading, writing
from api.documented import Blueprint
from api.schemas import Id, Moment, PageQuery, Text, page_schema
from api.security import EVERYBODY, needs
from attendance import tokens
from attendance.scopes import Scope

blueprint = Blueprint("tokens", __name__, url_prefix="/api/v1/tokens", description="Keys of programs")


class TokenFields(ma.Schema):
    name = Text(100, required=True)
    scopes = ma.fields.List(
        ma.fields.Enum(Scope, by_value=True), required=True, validate=ma.validate.Length(1, len(Scope))
    )
    expires_in_days = ma.fields.Integer(required=True, strict=True, validate=ma.validate.Range(1, 366))


class TokenSchema(ma.Schema):
    """shown: the first characters, by which one tells it from others."""

    id = Id(required=True)
    name = ma.fields.String(required=True)
    shown = ma.fields.String(required=True)
    scopes = ma.fields.List(ma.fields.String(), required=True)
    created_at = Moment(required=True)
    expires_at = Moment(required=True)
    last_used_at = Moment(required=True, allow_none=True)
    revoked_at = Moment(required=True, allow_none=True)


TokenPage = page_schema(TokenSchema)


class MadeTokenSchema(ma.Schema):
    token = ma.fields.Nested(TokenSchema, required=True)
    secret = ma.fields.String(
        required=True, metadata={"description": "to be sent as Authorization: Bearer; shown this once"}
    )


@blueprint.route("")
class Tokens(MethodView):
    @needs(EVERYBODY, None)
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, TokenPage)
    def get(self, query: dict[str, Any]) -> Any:
        """Your tokens"""
        with reading() as db:
            return tokens.list_tokens(db, own_id(), **query)

    @needs(EVERYBODY, None)
    @blueprint.arguments(TokenFields)
    @blueprint.response(201, MadeTokenSchema)
    def post(self, body: dict[str, Any]) -> Any:
        """Make a token for a program"""
        lasts = timedelta(days=body["expires_in_days"])
        with writing() as db:
            token, secret = tokens.create_token(db, actor(), body["name"], body["scopes"], lasts, now())
        return {"token": token, "secret": secret}


@blueprint.route("/<id:token_id>")
class OneToken(MethodView):
    @needs(EVERYBODY, None)
    @blueprint.response(204)
    def delete(self, token_id: int) -> None:
        """Revoke a token of yours"""
        with writing() as db:
            tokens.revoke_token(db, actor(), own_id(), token_id, now())


def own_id() -> int:
    user_id = actor().user_id
    assert user_id is not None  # only the server itself has none, and it sends no requests
    return user_id
