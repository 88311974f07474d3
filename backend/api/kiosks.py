"""Kiosks: devices at a door that greet by first name."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Any

import marshmallow as ma
from flask import request
from flask.views import MethodView

from api import limits
from api.context import actor, now, options, reading, request_id, services, writing
from api.documented import Blueprint
from api.frames import PART, AdviceSchema, FrameHeaders, take_in
from api.pictures import body_doc
from api.problems import PROBLEM_TYPE, Problem
from api.schemas import Id, Moment, Text
from api.security import STAFF, needs, public
from attendance import kiosks, passwords
from attendance.faces_seen import FaceDecision, Reason
from attendance.kiosks import Device
from attendance.scopes import Scope
from errors import AuthenticationError, ConflictError

blueprint = Blueprint("kiosks", __name__, url_prefix="/api/v1", description="Devices at a door")

_PIN = ma.validate.Regexp(r"\d{4,12}\Z", error="must be 4 to 12 digits")


class Greeting(StrEnum):
    """What a kiosk says to a face."""

    WELCOME = "welcome"
    """Marked, now or before."""
    WAIT = "wait"
    """Known; another sighting is needed."""
    ASK = "ask"
    """Doubtful: a person decides later."""
    UNKNOWN = "unknown"
    """A stranger, or somebody of another course."""


class KioskFields(ma.Schema):
    name = Text(100, required=True)
    pin = ma.fields.String(required=True, validate=_PIN, metadata={"description": "ends the kiosk at the device"})
    expires_in_days = ma.fields.Integer(load_default=1, strict=True, validate=ma.validate.Range(1, 366))


class KioskSchema(ma.Schema):
    id = Id(required=True)
    course_id = Id(required=True)
    name = ma.fields.String(required=True)
    created_at = Moment(required=True)
    expires_at = Moment(required=True)
    last_used_at = Moment(required=True, allow_none=True)


class MadeKioskSchema(ma.Schema):
    kiosk = ma.fields.Nested(KioskSchema, required=True)
    secret = ma.fields.String(
        required=True, metadata={"description": "the device sends it as Authorization: Bearer; shown this once"}
    )


class KioskViewSchema(ma.Schema):
    name = ma.fields.String(required=True)
    course_title = ma.fields.String(required=True)
    timezone = ma.fields.String(required=True)
    session_id = Id(required=True, allow_none=True, metadata={"description": "of the session that is open"})
    next_at = Moment(required=True, allow_none=True, metadata={"description": "when the next one begins, if soon"})
    expires_at = Moment(required=True)


class KioskFaceSchema(ma.Schema):
    box = ma.fields.List(
        ma.fields.Float(), required=True, metadata={"description": "x1, y1, x2, y2 in pixels of the upright picture"}
    )
    greeting = ma.fields.Enum(Greeting, by_value=True, required=True)
    first_name = ma.fields.String(required=True, allow_none=True)


class KioskFrameSchema(ma.Schema):
    width = ma.fields.Integer(required=True)
    height = ma.fields.Integer(required=True)
    faces = ma.fields.List(ma.fields.Nested(KioskFaceSchema), required=True)
    advice = ma.fields.Nested(AdviceSchema, required=True)


class PinFields(ma.Schema):
    pin = ma.fields.String(required=True, validate=ma.validate.Length(1, 12))


def _for_devices(view: Any) -> Any:
    """Document the 401 of an endpoint that takes a kiosk's secret."""
    return blueprint.alt_response(
        401, schema=Problem, content_type=PROBLEM_TYPE, description="The secret is missing, or not good any more"
    )(view)


@blueprint.route("/courses/<id:course_id>/kiosks")
class Kiosks(MethodView):
    @needs(STAFF, Scope.COURSES_READ)
    @blueprint.response(200, KioskSchema(many=True))
    def get(self, course_id: int) -> Any:
        """The kiosks of a course"""
        with reading() as db:
            return kiosks.list_kiosks(db, actor(), course_id)

    @needs(STAFF, None)
    @blueprint.arguments(KioskFields)
    @blueprint.response(201, MadeKioskSchema)
    def post(self, body: dict[str, Any], course_id: int) -> Any:
        """Set up a kiosk, which sends frames of this course and greets by first name"""
        lasts = timedelta(days=body["expires_in_days"])
        pin_hash = passwords.hash_of(body["pin"])  # takes a while, so before anything is locked
        with writing() as db:
            kiosk, secret = kiosks.create_kiosk(db, actor(), course_id, body["name"], pin_hash, lasts, now())
        return {"kiosk": kiosk, "secret": secret}


@blueprint.route("/kiosks/<id:kiosk_id>")
class OneKiosk(MethodView):
    @needs(STAFF, None)
    @blueprint.response(204)
    def delete(self, kiosk_id: int) -> None:
        """Have a kiosk work no more"""
        with writing() as db:
            kiosks.end_kiosk(db, actor(), kiosk_id, now())


@blueprint.route("/kiosk")
class ThisKiosk(MethodView):
    @public  # the device shows its own secret
    @_for_devices
    @blueprint.response(200, KioskViewSchema)
    def get(self) -> Any:
        """What the kiosk that asks shows: its course, and whether a session is open"""
        device = _device()
        kiosks.note_use(services().database, device, now())
        with reading() as db:
            return kiosks.shown(db, device, now())


@blueprint.route("/kiosk/frames")
class KioskFrames(MethodView):
    @public  # the device shows its own secret
    @_for_devices
    @blueprint.doc(requestBody=body_doc(PART))
    @blueprint.arguments(FrameHeaders, location="headers")
    @blueprint.response(200, KioskFrameSchema)
    def post(self, headers: dict[str, Any]) -> Any:
        """Send a frame of the course's open session: how to greet those in it"""
        device = _device()
        with reading() as db:
            session = kiosks.open_session(db, device)
            if session is None:
                raise ConflictError("no session of this course is open", code="session_not_open")
            session_id = session.id
        limits.count("frame", session_id, per_second=options().frames_per_second)
        answer = take_in(device.actor, session_id, headers["key"], headers["captured_at"]).answer
        faces = [_greeted(face) for face in answer["faces"]]
        return {**answer, "faces": faces, "advice": services().inference.advice()}


@blueprint.route("/kiosk/leave")
class KioskLeave(MethodView):
    @public  # the device shows its own secret
    @_for_devices
    @blueprint.arguments(PinFields)
    @blueprint.response(204)
    def post(self, body: dict[str, Any]) -> None:
        """End the kiosk at the device, with its PIN"""
        device = _device()
        attempt = limits.PasswordTry(f"kiosk {device.kiosk_id}", is_slowed=False)
        kiosks.leave(services().database, device, body["pin"], now())
        attempt.succeeded()


def _device() -> Device:
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer":
        raise AuthenticationError("this is for a kiosk, which sends its secret as Authorization: Bearer")
    with reading() as db:
        return kiosks.require_device(db, secret.strip(), now(), request_id())


def _greeted(face: dict[str, Any]) -> dict[str, Any]:
    student, decision = face["student"], face["decision"]
    if student is not None and decision in (FaceDecision.ACCEPTED, FaceDecision.DUPLICATE):
        waits = Reason.MORE_SIGHTINGS_NEEDED in face["reasons"]
        name = kiosks.first_name(student["name"])
        return {"box": face["box"], "greeting": Greeting.WAIT if waits else Greeting.WELCOME, "first_name": name}
    greeting = Greeting.ASK if decision is FaceDecision.REVIEW else Greeting.UNKNOWN
    return {"box": face["box"], "greeting": greeting, "first_name": None}
