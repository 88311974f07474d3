"""When courses meet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import time
from typing import Any

import marshmallow as ma
from flask.views import MethodView

from api.context import actor, now, reading, writing
from api.documented import Blueprint
from api.schemas import Day, Id, Moment, Text
from api.security import EVERYBODY, STAFF, needs
from attendance import schedules
from attendance.recurrence import weekly
from attendance.scopes import Scope
from errors import InvalidRequestError

blueprint = Blueprint("schedule", __name__, url_prefix="/api/v1", description="When courses meet")

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


class WallTime(ma.fields.Field[time]):
    """A time on the wall clock of the course's time zone, such as 09:15."""

    default_error_messages = {"clock": "is not a time such as 09:15"}  # noqa: RUF012

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return None if value is None else f"{value:%H:%M}"

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> time:
        found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            raise self.make_error("clock")
        return time(int(found[1]), int(found[2]))


class RuleFields(ma.Schema):
    starts_on = Day(required=True, metadata={"description": "the first day"})
    ends_on = Day(required=True, metadata={"description": "the last day, included"})
    start_time = WallTime(
        required=True,
        metadata={"type": "string", "pattern": _CLOCK.pattern, "description": "in the course's time zone"},
    )
    duration_s = ma.fields.Integer(
        required=True, strict=True, validate=ma.validate.Range(60, 86400), metadata={"description": "seconds"}
    )
    late_after_s = ma.fields.Integer(
        strict=True,
        allow_none=True,
        load_default=None,
        validate=ma.validate.Range(0, 86400),
        metadata={"description": "seconds from the start; null: as the course says"},
    )


class NewRule(RuleFields):
    """Either rrule or weekdays."""

    rrule = Text(200, metadata={"description": "RFC 5545 without DTSTART, UNTIL, COUNT: FREQ=WEEKLY;BYDAY=MO,WE"})
    weekdays = ma.fields.List(
        ma.fields.String(validate=ma.validate.OneOf(WEEKDAYS)),
        validate=ma.validate.Length(1, 7),
        metadata={"description": "the simple form: these days of every week"},
    )
    excluded = ma.fields.List(
        Day(), load_default=list, validate=ma.validate.Length(max=400), metadata={"description": "holidays"}
    )


class RuleSchema(RuleFields):
    id = Id(required=True, attribute="rule.id")
    course_id = Id(required=True, attribute="rule.course_id")
    rrule = ma.fields.String(required=True, attribute="rule.rrule")
    starts_on = Day(required=True, attribute="rule.starts_on")
    ends_on = Day(required=True, attribute="rule.ends_on")
    start_time = WallTime(
        required=True, attribute="rule.start_time", metadata={"type": "string", "pattern": _CLOCK.pattern}
    )
    duration_s = ma.fields.Integer(required=True, attribute="rule.duration_s")
    late_after_s = ma.fields.Integer(required=True, allow_none=True, attribute="rule.late_after_s")
    excluded = ma.fields.List(ma.fields.String(), required=True, attribute="rule.excluded")
    created_at = Moment(required=True, attribute="rule.created_at")
    sessions_made = ma.fields.Integer(
        required=True, attribute="made", metadata={"description": "by this request; 0 in a list"}
    )
    sessions_removed = ma.fields.Integer(required=True, attribute="removed")


class DayChanges(ma.Schema):
    to_exclude = ma.fields.List(Day(), data_key="exclude", load_default=list, validate=ma.validate.Length(max=400))
    to_include = ma.fields.List(
        Day(),
        data_key="include",
        load_default=list,
        validate=ma.validate.Length(max=400),
        metadata={"description": "days that were excluded and no longer are"},
    )


@blueprint.route("/courses/<id:course_id>/schedule")
class Schedule(MethodView):
    @needs(EVERYBODY, Scope.COURSES_READ)
    @blueprint.response(200, RuleSchema(many=True))
    def get(self, course_id: int) -> Any:
        """The rules by which a course meets"""
        with reading() as db:
            return schedules.list_rules(db, actor(), course_id)

    @needs(STAFF, Scope.COURSES_WRITE)
    @blueprint.arguments(NewRule)
    @blueprint.response(201, RuleSchema)
    def post(self, body: dict[str, Any], course_id: int) -> Any:
        """Make a rule for a course you lead, and its sessions"""
        rrule = _rrule(body.pop("rrule", None), body.pop("weekdays", None))
        with writing() as db:
            return schedules.create_rule(db, actor(), course_id, rrule=rrule, **body, now=now())


@blueprint.route("/schedule/<id:rule_id>")
class OneRule(MethodView):
    @needs(STAFF, Scope.COURSES_WRITE)
    @blueprint.arguments(DayChanges)
    @blueprint.response(200, RuleSchema)
    def patch(self, body: dict[str, Any], rule_id: int) -> Any:
        """Exclude days from a rule, or include them again; sessions to come that nobody touched follow"""
        with writing() as db:
            return schedules.change_days(db, actor(), rule_id, **body, now=now())

    @needs(STAFF, Scope.COURSES_WRITE)
    @blueprint.response(204)
    def delete(self, rule_id: int) -> None:
        """Delete a rule, and its sessions to come that nobody touched"""
        with writing() as db:
            schedules.delete_rule(db, actor(), rule_id, now())


def _rrule(rrule: str | None, weekdays: list[str] | None) -> str:
    if (rrule is None) == (weekdays is None):
        raise InvalidRequestError(
            "send either rrule or weekdays", errors=[{"field": "rrule", "message": "or weekdays, one of them"}]
        )
    return rrule if rrule is not None else weekly([day for day in WEEKDAYS if day in (weekdays or ())])
