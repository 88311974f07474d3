"""Frames of the camera."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import marshmallow as ma
from flask.views import MethodView

from api import limits
from api.context import actor, options, reading, services
from api.documented import Blueprint
from api.pictures import body_doc, picture
from api.schemas import Id, Moment, PageQuery, QueryId, page_schema
from api.security import STAFF, needs
from api.students import StudentReference
from attendance import access, frames_taken
from attendance.actor import Actor
from attendance.faces_seen import Band, FaceDecision, Reason
from attendance.models import MarkStatus, SightingDecision
from attendance.scopes import Scope
from operations import frame_intake, review_crops

blueprint = Blueprint("frames", __name__, url_prefix="/api/v1", description="Frames of the camera")

REPLAYED = "Idempotency-Replayed"
PART = "frame"


class FrameHeaders(ma.Schema):
    """How a frame is told from others, and when it was captured."""

    class Meta:
        unknown = ma.EXCLUDE

    key = ma.fields.String(
        data_key="Idempotency-Key",
        load_default=None,
        validate=ma.validate.Regexp(r"[\x20-\x7e]{1,100}\Z", error="must be 1 to 100 printable ASCII characters"),
        metadata={"description": "one for each frame; with it a frame that is sent again counts once"},
    )
    captured_at = Moment(
        data_key="X-Captured-At",
        load_default=None,
        metadata={"description": "with its offset; without it, when the frame arrives"},
    )


class NumbersSchema(ma.Schema):
    """The recognizer's numbers, for admins. None of them is a probability."""

    score = ma.fields.Float(required=True)
    similarity = ma.fields.Float(required=True)
    margin = ma.fields.Float(required=True)


class RecognisedFaceSchema(ma.Schema):
    box = ma.fields.List(
        ma.fields.Float(), required=True, metadata={"description": "x1, y1, x2, y2 in pixels of the upright picture"}
    )
    decision = ma.fields.Enum(FaceDecision, by_value=True, required=True)
    student = ma.fields.Nested(StudentReference, required=True, allow_none=True)
    band = ma.fields.Enum(Band, by_value=True, required=True, allow_none=True)
    reasons = ma.fields.List(ma.fields.Enum(Reason, by_value=True), required=True)
    candidates = ma.fields.List(
        ma.fields.Nested(StudentReference),
        required=True,
        metadata={"description": "of a doubtful face, best first"},
    )
    numbers = ma.fields.Nested(NumbersSchema, required=True, allow_none=True)


class ConfirmedSchema(ma.Schema):
    seen = ma.fields.Integer(required=True)
    needed = ma.fields.Integer(required=True)


class FrameFaceSchema(RecognisedFaceSchema):
    review_item_id = Id(required=True, allow_none=True)
    confirmed = ma.fields.Nested(
        ConfirmedSchema,
        required=True,
        allow_none=True,
        metadata={"description": "how many of the sightings needed for a mark there are"},
    )


class MarkChangeSchema(ma.Schema):
    record_id = Id(required=True)
    student = ma.fields.Nested(StudentReference, required=True, allow_none=True)
    old = ma.fields.Enum(MarkStatus, by_value=True, required=True)
    new = ma.fields.Enum(MarkStatus, by_value=True, required=True)
    version = ma.fields.Integer(required=True)


FrameTallySchema = ma.Schema.from_dict(
    {name: ma.fields.Integer(required=True) for name in (*(status.value for status in MarkStatus), "enrolled")},
    name="FrameTally",
)


class RecognitionSchema(ma.Schema):
    model_version = ma.fields.String(required=True)
    width = ma.fields.Integer(required=True)
    height = ma.fields.Integer(required=True)
    skipped_faces = ma.fields.Integer(
        required=True, metadata={"description": "beyond the most that are looked at in one picture"}
    )
    milliseconds = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Float(), required=True)
    faces = ma.fields.List(ma.fields.Nested(RecognisedFaceSchema), required=True)


class AdviceSchema(ma.Schema):
    """What the server can take now. A camera that follows it is seldom sent away."""

    width = ma.fields.Integer(required=True, metadata={"description": "of the next frame, pixels, at most"})
    interval = ma.fields.Integer(
        required=True, metadata={"description": "milliseconds from one frame to the next, at least"}
    )


class FrameSchema(RecognitionSchema):
    frame_id = Id(required=True)
    captured_at = Moment(required=True)
    received_at = Moment(required=True)
    faces = ma.fields.List(ma.fields.Nested(FrameFaceSchema), required=True)
    changes = ma.fields.List(ma.fields.Nested(MarkChangeSchema), required=True)
    tally = ma.fields.Nested(FrameTallySchema, required=True)
    advice = ma.fields.Nested(AdviceSchema, required=True)


class SightingSchema(ma.Schema):
    id = Id(required=True)
    frame_id = Id(required=True)
    captured_at = Moment(required=True)
    received_at = Moment(required=True)
    decision = ma.fields.Enum(SightingDecision, by_value=True, required=True)
    student = ma.fields.Nested(StudentReference, required=True, allow_none=True)
    box = ma.fields.List(ma.fields.Float(), required=True)
    numbers = ma.fields.Nested(NumbersSchema, required=True, allow_none=True)


class SightingQuery(PageQuery):
    student_id = QueryId(load_default=None)
    decision = ma.fields.Enum(SightingDecision, by_value=True, load_default=None)


class RecognizeQuery(ma.Schema):
    course_id = QueryId(load_default=None)


@blueprint.route("/sessions/<id:session_id>/frames")
class Frames(MethodView):
    @needs(STAFF, Scope.FRAMES_WRITE)
    @blueprint.doc(requestBody=body_doc(PART))
    @blueprint.arguments(FrameHeaders, location="headers")
    @blueprint.response(
        200,
        FrameSchema,
        headers={REPLAYED: {"schema": {"type": "string"}, "description": "``true`` when this is the answer of before"}},
    )
    def post(self, headers: dict[str, Any], session_id: int) -> Any:
        """Send a frame: who is in it, and which marks that changed"""
        with reading() as db:  # before it is counted: nobody may use up another course's share
            access.require_session(db, actor(), session_id, change=True)
        limits.count("frame", session_id, per_second=options().frames_per_second)
        taken = take_in(actor(), session_id, headers["key"], headers["captured_at"])
        answer = {**taken.answer, "advice": services().inference.advice()}
        return answer, {REPLAYED: "true"} if taken.replayed else {}


def take_in(sender: Actor, session_id: int, key: str | None, captured_at: datetime | None) -> frames_taken.Taken:
    """Take the picture in the body of the request as a frame of the session, sent by ``sender``."""
    ours = services()
    return frame_intake.take_in(
        ours.database,
        ours.inference,
        ours.clock,
        ours.policy,
        review_crops.folder_of(ours.options.data_dir),
        sender,
        session_id,
        picture(PART),
        key=key,
        captured_at=captured_at,
    )


@blueprint.route("/sessions/<id:session_id>/sightings")
class Sightings(MethodView):
    @needs(STAFF, Scope.ATTENDANCE_READ)
    @blueprint.arguments(SightingQuery, location="query")
    @blueprint.response(200, page_schema(SightingSchema))
    def get(self, query: dict[str, Any], session_id: int) -> Any:
        """The sightings that were kept of a session, newest first"""
        with reading() as db:
            return frames_taken.list_sightings(db, actor(), session_id, **query)


@blueprint.route("/recognize")
class Recognize(MethodView):
    @needs(STAFF, Scope.FRAMES_WRITE)
    @blueprint.doc(requestBody=body_doc(PART))
    @blueprint.arguments(RecognizeQuery, location="query")
    @blueprint.response(200, RecognitionSchema)
    def post(self, query: dict[str, Any]) -> Any:
        """Who is in a picture; nothing is kept"""
        limits.count("recognize", actor().sender, per_second=options().frames_per_second)
        ours = services()
        return frame_intake.recognise(
            ours.database, ours.inference, ours.clock, actor(), query["course_id"], picture(PART)
        )
