"""Retention, erasure, a student's own data."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import marshmallow as ma
from flask import Response
from flask.views import MethodView

from api import downloads
from api.consents import ErasureProgressSchema
from api.context import actor, now, reading, services, writing
from api.documented import Blueprint
from api.schemas import Id, Moment, PageQuery, Text, page_schema
from api.security import ADMIN, needs
from attendance import consents, erasures, retention
from attendance.scopes import Scope
from operations import own_data

blueprint = Blueprint("privacy", __name__, url_prefix="/api/v1", description="Retention, erasure, a student's own data")


class Confirmation(ma.Schema):
    external_id = Text(64, required=True, metadata={"description": "the student's, typed to confirm"})


class ErasureSchema(ErasureProgressSchema):
    student_id = Id(required=True)
    requested_by = Id(required=True, allow_none=True)


class PolicyVersionSchema(ma.Schema):
    policy_version = ma.fields.String(required=True)
    students = ma.fields.Integer(required=True)


class ConsentNumbersSchema(ma.Schema):
    """students: all but the erased. withdrawn: consents that were ended. by_policy_version: active consents by the text
    that was agreed to, the most first."""

    students = ma.fields.Integer(required=True)
    with_consent = ma.fields.Integer(required=True)
    withdrawn = ma.fields.Integer(required=True)
    face_images = ma.fields.Integer(required=True)
    policy_version = ma.fields.String(
        required=True, metadata={"description": "of the text that is agreed to when none is named"}
    )
    by_policy_version = ma.fields.List(ma.fields.Nested(PolicyVersionSchema), required=True)


class RetentionRunSchema(ma.Schema):
    id = Id(required=True)
    started_at = Moment(required=True)
    finished_at = Moment(required=True, allow_none=True)
    deleted = ma.fields.Dict(required=True, metadata={"description": "counts by kind; empty when nothing was due"})
    problem = ma.fields.String(required=True, allow_none=True)


class RetentionPolicySchema(ma.Schema):
    review_crop_days = ma.fields.Float(required=True)
    frame_record_days = ma.fields.Float(required=True)


class RetentionSchema(ma.Schema):
    policy = ma.fields.Nested(RetentionPolicySchema, required=True)
    runs = ma.fields.List(
        ma.fields.Nested(RetentionRunSchema), required=True, metadata={"description": "the last 20, the latest first"}
    )


@blueprint.route("/students/<id:student_id>/erase")
class EraseStudent(MethodView):
    @needs(ADMIN, Scope.ADMIN_WRITE)
    @blueprint.arguments(Confirmation)
    @blueprint.response(200, ErasureSchema)
    def post(self, body: dict[str, Any], student_id: int) -> Any:
        """Erase a student: name, email, id and everything made of the face; the attendance stays, of nobody"""
        with writing() as db:
            erasure = erasures.order(db, actor(), student_id, body["external_id"], now())
        services().eraser.run_pending(now())
        with reading() as db:
            return erasures.require_erasure(db, erasure.id)


@blueprint.route("/students/<id:student_id>/export")
class ExportStudent(MethodView):
    @needs(ADMIN, Scope.ADMIN_READ)
    @blueprint.response(200, downloads.FILE, content_type="application/zip", description="data.json and the images")
    def get(self, student_id: int) -> Response:
        """Everything that is kept about a student, as a ZIP of data.json and the face images"""
        data = own_data.archive(services().database, services().faces, actor(), student_id, now())
        return downloads.file(data, "application/zip", f"student-{student_id}.zip")


@blueprint.route("/privacy/consents")
class ConsentNumbers(MethodView):
    @needs(ADMIN, Scope.ADMIN_READ)
    @blueprint.response(200, ConsentNumbersSchema)
    def get(self) -> Any:
        """How many students consented, and to which text"""
        with reading() as db:
            found = consents.numbers(db)
        return {
            **asdict(found),
            "policy_version": services().policy.consent_policy_version,
            "by_policy_version": [
                {"policy_version": version, "students": count} for version, count in found.by_policy_version
            ],
        }


@blueprint.route("/privacy/erasures")
class Erasures(MethodView):
    @needs(ADMIN, Scope.ADMIN_READ)
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, page_schema(ErasureSchema))
    def get(self, query: dict[str, Any]) -> Any:
        """What was ordered to be erased, how far it is, and the evidence, the latest first"""
        with reading() as db:
            return erasures.list_erasures(db, **query)


@blueprint.route("/privacy/retention")
class Retention(MethodView):
    @needs(ADMIN, Scope.ADMIN_READ)
    @blueprint.response(200, RetentionSchema)
    def get(self) -> Any:
        """How long what is kept, and when what was due was last deleted"""
        with reading() as db:
            return {"policy": retention.policy_of(services().policy), "runs": retention.runs(db)}


@blueprint.route("/privacy/retention/run")
class RunRetention(MethodView):
    @needs(ADMIN, Scope.ADMIN_WRITE)
    @blueprint.response(200, RetentionRunSchema)
    def post(self) -> Any:
        """Delete now what is due"""
        return services().retention.run(now(), actor())
