"""Rules that raise a warning, and the warnings."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask.views import MethodView

from api.context import actor, now, reading, writing
from api.documented import Blueprint
from api.schemas import Id, Moment, PageQuery, page_schema
from api.security import EVERYBODY, STAFF, needs
from attendance import percentages, warnings
from attendance.models import WarningKind
from attendance.scopes import Scope

blueprint = Blueprint(
    "warnings", __name__, url_prefix="/api/v1", description="Rules that raise a warning, and the warnings"
)


class NewWarningRule(ma.Schema):
    kind = ma.fields.Enum(WarningKind, by_value=True, required=True)
    threshold = ma.fields.Float(
        required=True,
        validate=ma.validate.Range(1, 100),
        metadata={"description": "below so many percent, or from so many absences on"},
    )


class WarningRuleSchema(NewWarningRule):
    id = Id(required=True)
    course_id = Id(required=True)
    created_at = Moment(required=True)


class WarningQuery(PageQuery):
    unacknowledged = ma.fields.Boolean(load_default=False)


class WarningSchema(ma.Schema):
    id = Id(required=True)
    rule_id = Id(required=True)
    kind = ma.fields.Enum(WarningKind, by_value=True, required=True, attribute="rule.kind")
    threshold = ma.fields.Float(required=True, attribute="rule.threshold")
    course_id = Id(required=True, attribute="rule.course_id")
    student_id = Id(required=True)
    external_id = ma.fields.String(required=True, attribute="student.external_id")
    name = ma.fields.String(required=True, attribute="student.name")
    session_id = Id(required=True, attribute="occasion", metadata={"description": "after which it was raised"})
    value = ma.fields.Function(
        lambda warning: percentages.shown(warning.value),
        required=True,
        metadata={"type": "number", "description": "what was measured then"},
    )
    at = Moment(required=True)
    acknowledged_by = Id(required=True, allow_none=True)
    acknowledged_at = Moment(required=True, allow_none=True)


@blueprint.route("/courses/<id:course_id>/warning-rules")
class Rules(MethodView):
    @needs(EVERYBODY, Scope.REPORTS_READ)
    @blueprint.response(200, WarningRuleSchema(many=True))
    def get(self, course_id: int) -> Any:
        """By which rules students of a course are watched"""
        with reading() as db:
            return warnings.list_rules(db, actor(), course_id)

    @needs(STAFF, Scope.COURSES_WRITE)
    @blueprint.arguments(NewWarningRule)
    @blueprint.response(201, WarningRuleSchema)
    def post(self, body: dict[str, Any], course_id: int) -> Any:
        """Make a rule for a course you lead"""
        with writing() as db:
            return warnings.create_rule(db, actor(), course_id, body, now())


@blueprint.route("/warning-rules/<id:rule_id>")
class OneRule(MethodView):
    @needs(STAFF, Scope.COURSES_WRITE)
    @blueprint.response(204)
    def delete(self, rule_id: int) -> None:
        """Have a rule raise no more warnings; those it raised stay"""
        with writing() as db:
            warnings.disable_rule(db, actor(), rule_id, now())


@blueprint.route("/courses/<id:course_id>/warnings")
class Warnings(MethodView):
    @needs(EVERYBODY, Scope.REPORTS_READ)
    @blueprint.arguments(WarningQuery, location="query")
    @blueprint.response(200, page_schema(WarningSchema))
    def get(self, query: dict[str, Any], course_id: int) -> Any:
        """The warnings of a course, newest first"""
        with reading() as db:
            return warnings.list_warnings(db, actor(), course_id, **query)


@blueprint.route("/warnings/<id:warning_id>/acknowledge")
class Acknowledgement(MethodView):
    @needs(STAFF, Scope.ATTENDANCE_WRITE)
    @blueprint.response(200, WarningSchema)
    def post(self, warning_id: int) -> Any:
        """Note that you saw to a warning"""
        with writing() as db:
            return warnings.acknowledge(db, actor(), warning_id, now())
