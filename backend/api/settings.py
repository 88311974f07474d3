"""The settings that the server was started with, to look at: they are changed where it is started."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask.views import MethodView

from api.context import options
from api.documented import Blueprint
from api.security import ADMIN, needs
from attendance.scopes import Scope

blueprint = Blueprint(
    "settings", __name__, url_prefix="/api/v1/settings", description="What the server was started with"
)


class SettingSchema(ma.Schema):
    variable = ma.fields.String(required=True, metadata={"description": "the environment variable that sets it"})
    value = ma.fields.String(
        required=True, allow_none=True, metadata={"description": "of a secret only: set; null: not set"}
    )
    is_default = ma.fields.Boolean(required=True)
    allowed = ma.fields.String(required=True)
    help = ma.fields.String(required=True)


@blueprint.route("")
class SettingList(MethodView):
    @needs(ADMIN, Scope.ADMIN_READ)
    @blueprint.response(200, SettingSchema(many=True))
    def get(self) -> Any:
        """Every setting with its value; no secret is shown"""
        return options().settings
