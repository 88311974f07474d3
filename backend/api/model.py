"""The model in use, its earlier versions, going back."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import Response
from flask.views import MethodView

from api.context import actor, now, services
from api.documented import Blueprint
from api.schemas import Moment, Text
from api.security import ADMIN, STAFF, needs
from attendance.scopes import Scope

blueprint = Blueprint(
    "model", __name__, url_prefix="/api/v1/model", description="The model in use, its earlier versions, going back"
)


class CurrentModelSchema(ma.Schema):
    version = ma.fields.String(required=True, attribute="model_version")
    sha256 = ma.fields.String(required=True)
    trained_at = ma.fields.String(required=True, allow_none=True, attribute="created_at")
    student_count = ma.fields.Integer(required=True)
    embedder = ma.fields.String(required=True, allow_none=True, attribute="embedder.id", dump_default=None)
    verified = ma.fields.String(required=True, metadata={"description": "manifest, signed or unverified"})


class ModelStatusSchema(ma.Schema):
    """current: null when there is no model yet. refused: why the file that lies there now is not in use; null when it
    is."""

    current = ma.fields.Nested(CurrentModelSchema, required=True, allow_none=True)
    loaded_at = Moment(required=True, allow_none=True)
    refused = ma.fields.String(required=True, allow_none=True)
    refused_code = ma.fields.String(required=True, allow_none=True)
    refused_at = Moment(required=True, allow_none=True)


class ModelVersionSchema(ma.Schema):
    """What was measured is known of models that this server has used; see the report for the others."""

    version = ma.fields.String(required=True)
    created_at = ma.fields.String(required=True)
    sha256 = ma.fields.String(required=True)
    size = ma.fields.Integer(required=True, metadata={"description": "bytes of the model file"})
    active = ma.fields.Boolean(required=True)
    in_use_since = Moment(required=True, allow_none=True)
    student_count = ma.fields.Integer(required=True, allow_none=True)
    embedder = ma.fields.String(required=True, allow_none=True)
    metrics = ma.fields.Dict(required=True)
    thresholds = ma.fields.Dict(required=True)


class NewActivation(ma.Schema):
    version = Text(100, required=True)


class ActivationSchema(ma.Schema):
    version = ma.fields.String(required=True)
    in_use = ma.fields.Boolean(
        required=True, metadata={"description": "false: this server takes it up at its next look, within seconds"}
    )


class ModelReportSchema(ma.Schema):
    """Numbers about everybody together. estimated: whether nobody has measured how strangers score with the network, so
    that the limit on them comes from the class itself. files: pictures and texts that can be read by name."""

    version = ma.fields.String(required=True)
    created_at = ma.fields.String(required=True, allow_none=True)
    config = ma.fields.Raw(required=True, allow_none=True)
    seed = ma.fields.Raw(required=True, allow_none=True)
    estimated = ma.fields.Boolean(required=True)
    thresholds = ma.fields.Raw(required=True, allow_none=True)
    metrics = ma.fields.Dict(required=True)
    dataset = ma.fields.Dict(required=True)
    seconds = ma.fields.Raw(required=True, allow_none=True)
    files = ma.fields.List(ma.fields.String(), required=True)


@blueprint.route("")
class Model(MethodView):
    @needs(STAFF, Scope.MODEL_READ)
    @blueprint.response(200, ModelStatusSchema)
    def get(self) -> Any:
        """The model in use, since when, and why a newer one is not"""
        return services().models.status()


@blueprint.route("/versions")
class Versions(MethodView):
    @needs(ADMIN, Scope.MODEL_READ)
    @blueprint.response(200, ModelVersionSchema(many=True))
    def get(self) -> Any:
        """Every model that was trained, the newest first"""
        return services().models.versions()


@blueprint.route("/activate")
class Activate(MethodView):
    @needs(ADMIN, Scope.MODEL_WRITE)
    @blueprint.arguments(NewActivation)
    @blueprint.response(200, ActivationSchema)
    def post(self, body: dict[str, Any]) -> Any:
        """Go to another version, at once and without a pause in recognising"""
        return services().models.activate(actor(), body["version"], now())


@blueprint.route("/versions/<string:version>/report")
class Report(MethodView):
    @needs(ADMIN, Scope.MODEL_READ)
    @blueprint.response(200, ModelReportSchema)
    def get(self, version: str) -> Any:
        """What was measured when a version was trained"""
        return services().models.report(version)


@blueprint.route("/versions/<string:version>/files/<string:name>")
class ReportFile(MethodView):
    @needs(ADMIN, Scope.MODEL_READ)
    @blueprint.doc(
        responses={
            "200": {
                "description": "OK",
                "content": {
                    "image/png": {"schema": {"type": "string", "format": "binary"}},
                    "text/plain": {"schema": {"type": "string"}},
                },
            }
        }
    )
    def get(self, version: str, name: str) -> Response:
        """A picture or text of a version's report"""
        content, media_type = services().models.file(version, name)
        return Response(content, content_type=media_type)
