"""Logging in and out, the first admin, one-time links."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask.views import MethodView

from api.context import actor
from api.documented import Blueprint
from api.schemas import Id
from api.security import EVERYBODY, csrf_token, needs
from attendance.models import Role
from attendance.scopes import Scope

blueprint = Blueprint(
    "auth", __name__, url_prefix="/api/v1/auth", description="Logging in and out, the first admin, one-time links"
)


class MeSchema(ma.Schema):
    id = Id(required=True)
    name = ma.fields.String(required=True)
    email = ma.fields.String(required=True)
    role = ma.fields.Enum(Role, by_value=True, required=True)
    scopes = ma.fields.List(ma.fields.String(), required=True, allow_none=True)
    csrf_token = ma.fields.String(required=True, allow_none=True)


@blueprint.route("/me")
class Me(MethodView):
    @needs(EVERYBODY, Scope.COURSES_READ)
    @blueprint.response(200, MeSchema)
    def get(self) -> Any:
        """Who you are, and the token to send with what you change"""
        found = actor()
        return {
            "id": found.user_id,
            "name": found.name,
            "email": found.email,
            "role": found.role,
            "scopes": sorted(found.scopes) if found.scopes is not None else None,
            "csrf_token": csrf_token() if found.scopes is None else None,
        }
