"""The demo's clip, which the page plays in the place of a camera."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import Response, current_app, request
from flask.views import MethodView

from api.context import options
from api.documented import Blueprint
from api.security import public
from operations import demo_clip

blueprint = Blueprint(
    "demo", __name__, url_prefix="/api/v1/demo", description="The demo's clip, in the place of a camera"
)

# Asked for five times a second, and never changed while a demo is there.
_FRAME_SECONDS = 3600
_LISTING_SECONDS = 60


class ClipFrameSchema(ma.Schema):
    file = ma.fields.String(required=True)
    in_view = ma.fields.List(
        ma.fields.String(), required=True, metadata={"description": "external ids, from left to right"}
    )


class ClipSchema(ma.Schema):
    fps = ma.fields.Float(required=True, metadata={"description": "frames a second"})
    size = ma.fields.List(ma.fields.Integer(), required=True, metadata={"description": "width and height in pixels"})
    people = ma.fields.Dict(
        keys=ma.fields.String(),
        values=ma.fields.String(),
        required=True,
        metadata={"description": "external id to name, strangers included"},
    )
    frames = ma.fields.List(ma.fields.Nested(ClipFrameSchema), required=True)


@blueprint.route("/clip")
class Clip(MethodView):
    @public  # nobody in it exists, and a kiosk has no login
    @blueprint.response(200, ClipSchema)
    def get(self) -> Any:
        """The clip of the sample class walking in: how fast, how large, who is in view when"""
        return demo_clip.listing(options().demo_clip), {"Cache-Control": f"private, max-age={_LISTING_SECONDS}"}


@blueprint.route("/clip/<id:number>")
class ClipFrame(MethodView):
    @public  # nobody in it exists, and a kiosk has no login
    @blueprint.response(
        200, {"type": "string", "format": "binary"}, content_type="image/jpeg", description="the frame, counted from 1"
    )
    def get(self, number: int) -> Response:
        """A frame of the clip, JPEG"""
        response = current_app.response_class(demo_clip.frame(options().demo_clip, number), mimetype="image/jpeg")
        response.headers["Cache-Control"] = f"private, max-age={_FRAME_SECONDS}"
        response.add_etag()
        response.make_conditional(request)
        return response
