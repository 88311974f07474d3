"""Who did what."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask.views import MethodView

from api.context import reading
from api.documented import Blueprint
from api.schemas import Id, Moment, PageQuery, QueryId, Text, page_schema
from api.security import ADMIN, needs
from attendance import audit
from attendance.scopes import Scope

blueprint = Blueprint("audit", __name__, url_prefix="/api/v1/audit", description="Who did what")


class AuditQuery(PageQuery):
    action = Text(60, load_default=None, metadata={"description": "an action or the beginning of one: course."})
    actor_id = QueryId(load_default=None)
    object_type = Text(40, load_default=None)
    object_id = Text(100, load_default=None)
    since = Moment(load_default=None)
    until = Moment(load_default=None)


class AuditEventSchema(ma.Schema):
    id = Id(required=True)
    at = Moment(required=True)
    actor_id = Id(required=True, allow_none=True, metadata={"description": "null: the server itself"})
    action = ma.fields.String(required=True)
    object_type = ma.fields.String(required=True)
    object_id = ma.fields.String(required=True)
    data = ma.fields.Dict(keys=ma.fields.String(), required=True)
    request_id = ma.fields.String(required=True, allow_none=True)


@blueprint.route("")
class Audit(MethodView):
    @needs(ADMIN, Scope.ADMIN_READ)
    @blueprint.arguments(AuditQuery, location="query")
    @blueprint.response(200, page_schema(AuditEventSchema))
    def get(self, query: dict[str, Any]) -> Any:
        """What was done, newest first"""
        with reading() as db:
            return audit.events(db, **query)
