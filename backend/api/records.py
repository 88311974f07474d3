"""Marks, their corrections and their history."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask.views import MethodView

from api.context import actor, now, reading, services, writing
from api.documented import Blueprint, conditional
from api.schemas import Day, Id, Moment, Text, etag, expected_version
from api.security import EVERYBODY, STAFF, needs
from attendance import access, corrections, sheets
from attendance.corrections import CorrectionReason, Wanted
from attendance.models import MarkSource, MarkStatus, SessionState
from attendance.scopes import Scope

blueprint = Blueprint(
    "records", __name__, url_prefix="/api/v1", description="Marks, their corrections and their history"
)

_MOST = 2000


class CoveringExcuseSchema(ma.Schema):
    id = Id(required=True)
    reason_code = ma.fields.String(required=True)
    starts_on = Day(required=True)
    ends_on = Day(required=True)


class StudentOnSheetSchema(ma.Schema):
    id = Id(required=True)
    external_id = ma.fields.String(required=True)
    name = ma.fields.String(required=True)


class RecordSchema(ma.Schema):
    """A line of a session's sheet. etag: to be sent as If-Match with a change of it."""

    id = Id(required=True, attribute="record.id")
    session_id = Id(required=True, attribute="record.session_id")
    student = ma.fields.Nested(StudentOnSheetSchema, required=True, attribute="record.student")
    status = ma.fields.Enum(MarkStatus, by_value=True, required=True, attribute="record.status")
    source = ma.fields.Enum(
        MarkSource,
        by_value=True,
        required=True,
        allow_none=True,
        attribute="record.source",
        metadata={"description": "who set it; None while nobody has"},
    )
    first_seen_at = Moment(required=True, allow_none=True, attribute="record.first_seen_at")
    last_seen_at = Moment(required=True, allow_none=True, attribute="record.last_seen_at")
    updated_at = Moment(required=True, attribute="record.updated_at")
    version = ma.fields.Integer(required=True, attribute="record.version")
    etag = ma.fields.Function(lambda row: etag(row.record.version)["ETag"], required=True, metadata={"type": "string"})
    excuse = ma.fields.Nested(
        CoveringExcuseSchema,
        required=True,
        allow_none=True,
        metadata={"description": "one that covers the day of the session"},
    )
    has_consent = ma.fields.Boolean(
        required=True, metadata={"description": "whether the camera may recognise the student"}
    )
    is_enrolled = ma.fields.Boolean(required=True, metadata={"description": "on the day of the session"})


class SheetSchema(ma.Schema):
    session_id = Id(required=True, attribute="session.id")
    state = ma.fields.Enum(SessionState, by_value=True, required=True, attribute="session.state")
    settled_at = Moment(required=True, allow_none=True, attribute="session.settled_at")
    counts = ma.fields.Dict(
        keys=ma.fields.String(),
        values=ma.fields.Integer(),
        required=True,
        metadata={"description": "how many by status, whatever the filter"},
    )
    items = ma.fields.List(ma.fields.Nested(RecordSchema), required=True, attribute="rows")


class SheetQuery(ma.Schema):
    status = ma.fields.Enum(MarkStatus, by_value=True, load_default=None)


class CorrectionFields(ma.Schema):
    """status: the mark, left out with the reason ``undo``. text: needed with the reason ``other``."""

    status = ma.fields.Enum(MarkStatus, by_value=True, load_default=None)
    reason_code = ma.fields.Enum(CorrectionReason, by_value=True, required=True)
    text = Text(1000, shortest=0, lines=True, load_default="")


class BulkItem(ma.Schema):
    """record_id or student_id. version: of the record when it was read; without it, whatever it is by now."""

    record_id = Id(load_default=None)
    student_id = Id(load_default=None)
    status = ma.fields.Enum(MarkStatus, by_value=True, required=True)
    version = ma.fields.Integer(strict=True, load_default=None, validate=ma.validate.Range(1, 2**31 - 1))

    @ma.validates_schema
    def _one_of_them(self, item: dict[str, Any], **_: Any) -> None:
        if (item.get("record_id") is None) == (item.get("student_id") is None):
            raise ma.ValidationError("name either record_id or student_id", "record_id")

    @ma.post_load
    def _wanted(self, item: dict[str, Any], **_: Any) -> Wanted:
        return Wanted(**item)


class BulkFields(ma.Schema):
    items = ma.fields.List(ma.fields.Nested(BulkItem), required=True, validate=ma.validate.Length(1, _MOST))
    reason_code = ma.fields.Enum(CorrectionReason, by_value=True, required=True)
    text = Text(1000, shortest=0, lines=True, load_default="")


class ImportedMark(ma.Schema):
    external_id = Text(64, required=True)
    status = ma.fields.Enum(MarkStatus, by_value=True, required=True)


class ImportFields(ma.Schema):
    rows = ma.fields.List(ma.fields.Nested(ImportedMark), required=True, validate=ma.validate.Length(1, _MOST))
    text = Text(1000, shortest=0, lines=True, load_default="")


class ChangeSchema(ma.Schema):
    """One change of a mark. actor_name: None for the camera and for the close of the session; source says which."""

    id = Id(required=True, attribute="change.id")
    old_status = ma.fields.Enum(MarkStatus, by_value=True, required=True, attribute="change.old_status")
    new_status = ma.fields.Enum(MarkStatus, by_value=True, required=True, attribute="change.new_status")
    source = ma.fields.Enum(MarkSource, by_value=True, required=True, attribute="change.source")
    actor_id = Id(required=True, allow_none=True, attribute="change.actor_id")
    actor_name = ma.fields.String(required=True, allow_none=True)
    reason_code = ma.fields.String(required=True, attribute="change.reason_code")
    text = ma.fields.String(required=True, attribute="change.text")
    at = Moment(required=True, attribute="change.at")


@blueprint.route("/sessions/<id:session_id>/records")
class Sheet(MethodView):
    @needs(EVERYBODY, Scope.ATTENDANCE_READ)
    @blueprint.arguments(SheetQuery, location="query")
    @blueprint.response(200, SheetSchema)
    def get(self, query: dict[str, Any], session_id: int) -> Any:
        """The sheet of a session: everybody's mark, by name"""
        sheets.prepare(services().database, session_id, services().policy, now())
        with reading() as db:
            return sheets.sheet(db, actor(), session_id, **query)


@blueprint.route("/sessions/<id:session_id>/records/bulk")
class Bulk(MethodView):
    @needs(STAFF, Scope.ATTENDANCE_WRITE)
    @blueprint.arguments(BulkFields)
    @blueprint.response(200, RecordSchema(many=True))
    @blueprint.alt_response(412, description="Somebody changed some of them since; errors[] names the rows")
    def post(self, body: dict[str, Any], session_id: int) -> Any:
        """Set many marks for one reason: all of them, or none; the errors name the rows from 0"""
        wanted = body.pop("items")
        with writing() as db:
            records = corrections.correct_many(db, actor(), session_id, wanted, **body, now=now())
            return sheets.rows_of(db, access.require_session(db, actor(), session_id), records)


@blueprint.route("/sessions/<id:session_id>/records/import")
class Import(MethodView):
    @needs(STAFF, Scope.ATTENDANCE_WRITE)
    @blueprint.arguments(ImportFields)
    @blueprint.response(200, RecordSchema(many=True))
    def post(self, body: dict[str, Any], session_id: int) -> Any:
        """Set marks from another system's list: all of them, or none; the errors name the rows from 0"""
        rows = body.pop("rows")
        with writing() as db:
            records = corrections.import_marks(db, actor(), session_id, rows, **body, now=now())
            return sheets.rows_of(db, access.require_session(db, actor(), session_id), records)


@blueprint.route("/records/<id:record_id>")
class OneRecord(MethodView):
    @needs(EVERYBODY, Scope.ATTENDANCE_READ)
    @blueprint.response(200, RecordSchema)
    def get(self, record_id: int) -> Any:
        """A student's mark in a session"""
        with reading() as db:
            row = sheets.one_row(db, actor(), record_id)
        return row, etag(row.record.version)

    @needs(STAFF, Scope.ATTENDANCE_WRITE)
    @conditional(blueprint)
    @blueprint.arguments(CorrectionFields)
    @blueprint.response(200, RecordSchema)
    def patch(self, body: dict[str, Any], record_id: int) -> Any:
        """Set a mark by hand, after which no face changes it; or take the last change back"""
        with writing() as db:
            corrections.correct(db, actor(), record_id, **body, expected=expected_version(), now=now())
            row = sheets.one_row(db, actor(), record_id)
        return row, etag(row.record.version)


@blueprint.route("/records/<id:record_id>/changes")
class Changes(MethodView):
    @needs(EVERYBODY, Scope.ATTENDANCE_READ)
    @blueprint.response(200, ChangeSchema(many=True))
    def get(self, record_id: int) -> Any:
        """Every change of a mark: what it was, what it became, who did it, when and why"""
        with reading() as db:
            return corrections.history(db, actor(), record_id)
