"""Face images of students with consent."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import Response, current_app
from flask.views import MethodView

from api.context import actor, now, reading, services
from api.documented import Blueprint
from api.pictures import body_doc, many_doc, picture, pictures
from api.schemas import Id, Moment
from api.security import STAFF, needs
from attendance import face_images
from attendance.scopes import Scope

blueprint = Blueprint("faces", __name__, url_prefix="/api/v1", description="Face images of students with consent")

PART = "image"
STILL_KNOWN = "the model in use was trained before and still knows this photo; the next training does not use it"


class QualitySchema(ma.Schema):
    """side: pixels of the face's shorter side. turned: of the head, in distances between the eyes, to the viewer's left
    below 0. tilted: degrees. brightness, contrast: of 255. outside: share of the face beyond the edge."""

    side = ma.fields.Float()
    sharpness = ma.fields.Float()
    brightness = ma.fields.Float()
    contrast = ma.fields.Float()
    turned = ma.fields.Float()
    tilted = ma.fields.Float()
    outside = ma.fields.Float()
    probability = ma.fields.Float()


class FaceImageSchema(ma.Schema):
    id = Id(required=True)
    student_id = Id(required=True)
    quality = ma.fields.Nested(QualitySchema, required=True)
    created_at = Moment(required=True)
    created_by = Id(required=True)
    delete_after = Moment(required=True, allow_none=True)


class RefusedSchema(ma.Schema):
    index = ma.fields.Integer(required=True, metadata={"description": "place among the images sent, from 0"})
    code = ma.fields.String(required=True)
    message = ma.fields.String(required=True, metadata={"description": "what is wrong and what to do"})


class EnrolledSchema(ma.Schema):
    """When every image is refused, so is the request, with the code of the first: no_face, several_faces, too_small,
    turned_away, cut_off, blurred, too_dark, too_bright, low_contrast, already_stored, other_student, no_consent,
    too_many_images."""

    stored = ma.fields.List(ma.fields.Nested(FaceImageSchema), required=True)
    refused = ma.fields.List(ma.fields.Nested(RefusedSchema), required=True)


class ShortcomingSchema(ma.Schema):
    code = ma.fields.String(required=True)
    message = ma.fields.String(required=True)


class CheckedSchema(ma.Schema):
    good = ma.fields.Boolean(required=True, attribute="assessment.good")
    shortcomings = ma.fields.List(
        ma.fields.Nested(ShortcomingSchema), required=True, attribute="assessment.shortcomings"
    )
    next_step = ma.fields.String(required=True, metadata={"description": "what to do, for people"})
    pose = ma.fields.String(
        required=True,
        allow_none=True,
        validate=ma.validate.OneOf(["front", "left", "right"]),
        metadata={"description": "where the student has turned to, as they see it"},
    )
    quality = ma.fields.Nested(QualitySchema, required=True, allow_none=True, attribute="assessment.quality")
    box = ma.fields.List(
        ma.fields.Float(), required=True, allow_none=True, metadata={"description": "x1, y1, x2, y2 in pixels"}
    )
    width = ma.fields.Integer(required=True)
    height = ma.fields.Integer(required=True)


class DeletedSchema(ma.Schema):
    detail = ma.fields.String(required=True)


@blueprint.route("/students/<id:student_id>/faces")
class Faces(MethodView):
    @needs(STAFF, Scope.FACES_READ)
    @blueprint.response(200, FaceImageSchema(many=True))
    def get(self, student_id: int) -> Any:
        """A student's face images, the latest first"""
        with reading() as db:
            return face_images.list_images(db, actor(), student_id)

    @needs(STAFF, Scope.FACES_WRITE)
    @blueprint.doc(requestBody=many_doc(PART))
    @blueprint.response(201, EnrolledSchema)
    def post(self, student_id: int) -> Any:
        """Store photos of a student's face, cut out, to be trained on; each must be good enough"""
        return services().enrolment.enrol(actor(), student_id, pictures(PART), now())


@blueprint.route("/students/<id:student_id>/faces/check")
class Check(MethodView):
    @needs(STAFF, Scope.FACES_WRITE)
    @blueprint.doc(requestBody=body_doc(PART))
    @blueprint.response(200, CheckedSchema)
    def post(self, student_id: int) -> Any:
        """Judge a photo without storing anything, to guide whoever takes it"""
        found = services().enrolment.check(actor(), student_id, picture(PART))
        return {
            "assessment": found.assessment,
            "pose": found.pose,
            "next_step": found.next_step,
            "box": None if found.box is None else [round(float(side), 1) for side in found.box.as_tuple()],
            "width": found.image_size[0],
            "height": found.image_size[1],
        }


@blueprint.route("/faces/<id:face_id>")
class OneFace(MethodView):
    @needs(STAFF, Scope.FACES_WRITE)
    @blueprint.response(200, DeletedSchema)
    def delete(self, face_id: int) -> Any:
        """Delete a face image; the model in use was trained before and knows it until the next training"""
        services().faces.remove(actor(), face_id, now())
        return {"detail": STILL_KNOWN}


@blueprint.route("/faces/<id:face_id>/image")
class FacePicture(MethodView):
    @needs(STAFF, Scope.FACES_READ)
    @blueprint.response(
        200, {"type": "string", "format": "binary"}, content_type="image/jpeg", description="the stored image"
    )
    def get(self, face_id: int) -> Response:
        """A face image, JPEG"""
        data = services().faces.read(actor(), face_id)
        return current_app.response_class(data, mimetype="image/jpeg", headers={"Cache-Control": "no-store"})
