"""Doubtful faces for a person to decide about."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import Response
from flask.views import MethodView

from api.context import actor, now, options, reading, services, writing
from api.documented import Blueprint, conditional
from api.schemas import Id, Moment, PageQuery, QueryId, etag, expected_version, page_schema
from api.security import EVERYBODY, STAFF, needs
from api.students import StudentReference
from attendance import review
from attendance.faces_seen import Band
from attendance.models import ReviewResolution
from attendance.scopes import Scope
from operations import review_crops

blueprint = Blueprint(
    "review", __name__, url_prefix="/api/v1/review", description="Doubtful faces for a person to decide about"
)

_BY_PEOPLE = (ReviewResolution.STUDENT, ReviewResolution.STRANGER, ReviewResolution.DISMISSED)


class ReviewCandidateSchema(ma.Schema):
    student = ma.fields.Nested(StudentReference, required=True)
    band = ma.fields.Enum(Band, by_value=True, required=True)
    similarity = ma.fields.Float(required=True, allow_none=True, metadata={"description": "cosine, for admins"})


class ComparedCandidateSchema(ReviewCandidateSchema):
    face_image_ids = ma.fields.List(Id(), required=True, metadata={"description": "enrolled pictures, to compare"})


class ReviewItemSchema(ma.Schema):
    id = Id(required=True)
    session_id = Id(required=True)
    course_id = Id(required=True)
    frame_id = Id(required=True)
    captured_at = Moment(required=True)
    created_at = Moment(required=True)
    crop_expires_at = Moment(required=True, allow_none=True)
    candidates = ma.fields.List(ma.fields.Nested(ReviewCandidateSchema), required=True)
    resolution = ma.fields.Enum(ReviewResolution, by_value=True, required=True, allow_none=True)
    student = ma.fields.Nested(StudentReference, required=True, allow_none=True)
    resolved_by = Id(required=True, allow_none=True)
    resolved_at = Moment(required=True, allow_none=True)
    change_id = Id(
        required=True, allow_none=True, metadata={"description": "the change of a mark that the decision made"}
    )
    version = ma.fields.Integer(required=True)


class ComparedItemSchema(ReviewItemSchema):
    candidates = ma.fields.List(ma.fields.Nested(ComparedCandidateSchema), required=True)


class ReviewQuery(PageQuery):
    session_id = QueryId(load_default=None)
    course_id = QueryId(load_default=None)
    is_open = ma.fields.Boolean(data_key="open", load_default=None)


class DecisionFields(ma.Schema):
    resolution = ma.fields.Enum(
        ReviewResolution,
        by_value=True,
        required=True,
        validate=ma.validate.OneOf(_BY_PEOPLE, [each.value for each in _BY_PEOPLE]),
    )
    student_id = Id(load_default=None, allow_none=True)


@blueprint.route("")
class Items(MethodView):
    @needs(EVERYBODY, Scope.ATTENDANCE_READ)
    @blueprint.arguments(ReviewQuery, location="query")
    @blueprint.response(200, page_schema(ReviewItemSchema))
    def get(self, query: dict[str, Any]) -> Any:
        """The doubtful faces of your courses, oldest first"""
        with reading() as db:
            return review.list_items(db, actor(), **query)


@blueprint.route("/<id:item_id>")
class Item(MethodView):
    @needs(EVERYBODY, Scope.ATTENDANCE_READ)
    @blueprint.response(200, ComparedItemSchema)
    def get(self, item_id: int) -> Any:
        """A doubtful face, with pictures of each candidate to compare it with"""
        with reading() as db:
            item = review.get_item(db, actor(), item_id)
        return item, etag(item["version"])


@blueprint.route("/<id:item_id>/crop")
class Crop(MethodView):
    @needs(STAFF, Scope.FACES_READ)
    @blueprint.response(200, {"type": "string", "format": "binary"}, content_type="image/jpeg")
    def get(self, item_id: int) -> Response:
        """The picture of a doubtful face, until it is decided or expires"""
        ours = services()
        folder = review_crops.folder_of(options().data_dir)
        data = review_crops.read(ours.database, folder, actor(), item_id, now())
        return Response(data, mimetype="image/jpeg", headers={"Cache-Control": "no-store"})


@blueprint.route("/<id:item_id>/resolve")
class Resolve(MethodView):
    @needs(STAFF, Scope.ATTENDANCE_WRITE)
    @conditional(blueprint)
    @blueprint.arguments(DecisionFields)
    @blueprint.response(200, ComparedItemSchema)
    def post(self, body: dict[str, Any], item_id: int) -> Any:
        """Decide whose face it is; as a student, they become present or late"""
        with writing() as db:
            item = review.resolve(db, actor(), item_id, expected=expected_version(), now=now(), **body)
        return item, etag(item["version"])


@blueprint.route("/<id:item_id>/undo")
class Undo(MethodView):
    @needs(STAFF, Scope.ATTENDANCE_WRITE)
    @conditional(blueprint)
    @blueprint.response(200, ComparedItemSchema)
    def post(self, item_id: int) -> Any:
        """Take a decision back, and the mark with it"""
        with writing() as db:
            item = review.undo(db, actor(), item_id, expected_version(), services().policy, now())
        return item, etag(item["version"])
