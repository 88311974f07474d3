"""Training a new model."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask.views import MethodView

from api.context import actor, now, reading, services
from api.documented import Blueprint
from api.schemas import LARGEST_ID, Id, Moment, PageQuery, page_schema
from api.security import ADMIN, needs
from attendance import training_jobs
from attendance.models import TrainingState
from attendance.scopes import Scope

blueprint = Blueprint("training", __name__, url_prefix="/api/v1/training", description="Training a new model")


class TrainingOptions(ma.Schema):
    """As the training command takes them."""

    classifier = ma.fields.String(load_default="svm", validate=ma.validate.OneOf(["svm", "logistic"]))
    threshold_percentile = ma.fields.Float(
        load_default=95.0,
        validate=ma.validate.Range(50, 100),
        metadata={"description": "percent of the students' held-out photos to accept: lower is stricter"},
    )
    max_fpir = ma.fields.Float(
        load_default=0.01,
        validate=ma.validate.Range(0, 1, min_inclusive=False, max_inclusive=False),
        metadata={"description": "highest share of strangers given a name"},
    )
    min_images = ma.fields.Integer(
        load_default=2,
        strict=True,
        validate=ma.validate.Range(1, 10_000),
        metadata={"description": "students with fewer usable photos are left out"},
    )
    seed = ma.fields.Integer(load_default=42, strict=True, validate=ma.validate.Range(0, 2**32 - 1))


class TrainingSchema(ma.Schema):
    """progress: 0..1 of the stage. problem: why it did not succeed."""

    id = Id(required=True)
    state = ma.fields.Enum(TrainingState, by_value=True, required=True)
    options = ma.fields.Dict(required=True)
    started_by = Id(required=True)
    created_at = Moment(required=True)
    started_at = Moment(required=True, allow_none=True)
    finished_at = Moment(required=True, allow_none=True)
    cancel_requested_at = Moment(required=True, allow_none=True)
    stage = ma.fields.String(required=True)
    progress = ma.fields.Float(required=True)
    model_version = ma.fields.String(required=True, allow_none=True)
    problem = ma.fields.String(required=True, allow_none=True)


class LogQuery(ma.Schema):
    offset = ma.fields.Integer(load_default=0, validate=ma.validate.Range(0, LARGEST_ID))


class LogSchema(ma.Schema):
    """At most 64 KB; go on at next_offset, until the training is over and the text is empty."""

    text = ma.fields.String(required=True)
    next_offset = ma.fields.Integer(required=True)


@blueprint.route("")
class Trainings(MethodView):
    @needs(ADMIN, Scope.MODEL_READ)
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, page_schema(TrainingSchema))
    def get(self, query: dict[str, Any]) -> Any:
        """All trainings, the newest first"""
        with reading() as db:
            return training_jobs.list_jobs(db, **query)

    @needs(ADMIN, Scope.MODEL_WRITE)
    @blueprint.arguments(TrainingOptions)
    @blueprint.response(202, TrainingSchema)
    def post(self, body: dict[str, Any]) -> Any:
        """Train on everybody who consented; the new model is taken into use by itself"""
        return services().trainings.start(actor(), body, now())


@blueprint.route("/<id:training_id>")
class OneTraining(MethodView):
    @needs(ADMIN, Scope.MODEL_READ)
    @blueprint.response(200, TrainingSchema)
    def get(self, training_id: int) -> Any:
        """How far a training is, or how it ended"""
        with reading() as db:
            return training_jobs.require_job(db, training_id)


@blueprint.route("/<id:training_id>/log")
class Log(MethodView):
    @needs(ADMIN, Scope.MODEL_READ)
    @blueprint.arguments(LogQuery, location="query")
    @blueprint.response(200, LogSchema)
    def get(self, query: dict[str, Any], training_id: int) -> Any:
        """What a training prints"""
        with reading() as db:
            training_jobs.require_job(db, training_id)
        text, next_offset = services().trainings.log(training_id, query["offset"])
        return {"text": text, "next_offset": next_offset}


@blueprint.route("/<id:training_id>/cancel")
class Cancel(MethodView):
    @needs(ADMIN, Scope.MODEL_WRITE)
    @blueprint.response(202, TrainingSchema)
    def post(self, training_id: int) -> Any:
        """End a training; the model in use stays"""
        return services().trainings.cancel(actor(), training_id, now())
