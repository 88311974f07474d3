"""Excused absences."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask.views import MethodView

from api.context import actor, now, reading, writing
from api.documented import Blueprint
from api.schemas import Day, Id, Moment, PageQuery, QueryId, Text, page_schema
from api.security import EVERYBODY, STAFF, needs
from attendance import excuses
from attendance.excuses import ExcuseReason
from attendance.scopes import Scope

blueprint = Blueprint("excuses", __name__, url_prefix="/api/v1/excuses", description="Excused absences")


class NewExcuse(ma.Schema):
    student_id = Id(required=True)
    course_id = Id(
        allow_none=True, load_default=None, metadata={"description": "null: every course, which only an admin may"}
    )
    starts_on = Day(required=True)
    ends_on = Day(required=True, metadata={"description": "the last day, included"})
    reason_code = ma.fields.Enum(ExcuseReason, by_value=True, required=True)
    text = Text(1000, shortest=0, lines=True, load_default="")


class ExcuseSchema(ma.Schema):
    id = Id(required=True)
    student_id = Id(required=True)
    student_external_id = ma.fields.String(required=True, attribute="student.external_id")
    student_name = ma.fields.String(required=True, attribute="student.name")
    course_id = Id(required=True, allow_none=True)
    starts_on = Day(required=True)
    ends_on = Day(required=True)
    reason_code = ma.fields.String(required=True)
    text = ma.fields.String(required=True)
    created_by = Id(required=True)
    created_at = Moment(required=True)
    revoked_at = Moment(required=True, allow_none=True)


class OutcomeSchema(ma.Schema):
    """changed: records that became excused by it. locked: sessions where it would have changed one, were they not
    locked; a lead can reopen them."""

    excuse = ma.fields.Nested(ExcuseSchema, required=True)
    changed = ma.fields.List(Id(), required=True)
    locked = ma.fields.List(Id(), required=True)


class ExcuseQuery(PageQuery):
    course_id = QueryId(load_default=None)
    student_id = QueryId(load_default=None)
    since = Day(data_key="from", load_default=None)
    until = Day(data_key="to", load_default=None)
    revoked = ma.fields.Boolean(load_default=False, metadata={"description": "those taken back, instead"})


@blueprint.route("")
class Excuses(MethodView):
    @needs(EVERYBODY, Scope.ATTENDANCE_READ)
    @blueprint.arguments(ExcuseQuery, location="query")
    @blueprint.response(200, page_schema(ExcuseSchema))
    def get(self, query: dict[str, Any]) -> Any:
        """The excuses in the courses you may see, newest first"""
        with reading() as db:
            return excuses.list_excuses(db, actor(), **query)

    @needs(STAFF, Scope.ATTENDANCE_WRITE)
    @blueprint.arguments(NewExcuse)
    @blueprint.response(201, OutcomeSchema)
    def post(self, body: dict[str, Any]) -> Any:
        """Excuse a student for some days; absences that closes had set become excused"""
        with writing() as db:
            return excuses.create_excuse(db, actor(), **body, now=now())


@blueprint.route("/<id:excuse_id>")
class OneExcuse(MethodView):
    @needs(STAFF, Scope.ATTENDANCE_WRITE)
    @blueprint.response(204)
    def delete(self, excuse_id: int) -> None:
        """Take an excuse back; what it had excused becomes absent"""
        with writing() as db:
            excuses.revoke_excuse(db, actor(), excuse_id, now())
