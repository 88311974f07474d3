"""Consents, and their withdrawal."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask.views import MethodView

from api.context import actor, now, reading, services, writing
from api.documented import Blueprint
from api.schemas import Id, Moment, Text
from api.security import STAFF, needs
from attendance import consents
from attendance.models import ConsentMethod, ErasureKind
from attendance.scopes import Scope

blueprint = Blueprint(
    "consents", __name__, url_prefix="/api/v1/students/<id:student_id>", description="Consents, and their withdrawal"
)


class NewConsent(ma.Schema):
    method = ma.fields.Enum(ConsentMethod, by_value=True, required=True)
    evidence = Text(
        500, shortest=0, load_default="", metadata={"description": "where the proof is, such as the number of a form"}
    )
    policy_version = Text(
        40, load_default=None, metadata={"description": "of the text that was agreed to; default: the one in force"}
    )
    given_at = Moment(load_default=None, metadata={"description": "default: now"})


class ConsentSchema(ma.Schema):
    id = Id(required=True)
    student_id = Id(required=True)
    method = ma.fields.Enum(ConsentMethod, by_value=True, required=True)
    evidence = ma.fields.String(required=True)
    policy_version = ma.fields.String(required=True)
    given_at = Moment(required=True)
    recorded_by = Id(required=True)
    withdrawn_at = Moment(required=True, allow_none=True)
    withdrawn_by = Id(required=True, allow_none=True)


class ErasureProgressSchema(ma.Schema):
    """completed_at: null until nothing is left; it is tried again until then. steps: what was done, with counts."""

    id = Id(required=True)
    kind = ma.fields.Enum(ErasureKind, by_value=True, required=True)
    requested_at = Moment(required=True)
    completed_at = Moment(required=True, allow_none=True)
    steps = ma.fields.Dict(required=True)
    problem = ma.fields.String(required=True, allow_none=True)


class WithdrawalSchema(ma.Schema):
    consent = ma.fields.Nested(ConsentSchema, required=True)
    erasure = ma.fields.Nested(ErasureProgressSchema, required=True)


@blueprint.route("/consents")
class Consents(MethodView):
    @needs(STAFF, Scope.PEOPLE_READ)
    @blueprint.response(200, ConsentSchema(many=True))
    def get(self, student_id: int) -> Any:
        """A student's consents, the latest first"""
        with reading() as db:
            return consents.list_consents(db, actor(), student_id)

    @needs(STAFF, Scope.PEOPLE_WRITE)
    @blueprint.arguments(NewConsent)
    @blueprint.response(201, ConsentSchema)
    def post(self, body: dict[str, Any], student_id: int) -> Any:
        """Record that a student consents to be recognised by face"""
        body["policy_version"] = body["policy_version"] or services().policy.consent_policy_version
        with writing() as db:
            return consents.give(db, actor(), student_id, now(), **body)


@blueprint.route("/consents/withdraw")
class Withdrawal(MethodView):
    @needs(STAFF, Scope.PEOPLE_WRITE)
    @blueprint.response(200, WithdrawalSchema)
    def post(self, student_id: int) -> Any:
        """End a student's consent and erase everything made of the face; the attendance stays"""
        with writing() as db:
            erasure = consents.withdraw(db, actor(), student_id, now())
        services().eraser.run_pending(now())
        with reading() as db:
            return consents.withdrawal(db, erasure.id)
