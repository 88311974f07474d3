"""Class sessions, from scheduled to locked."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask.views import MethodView

from api.context import actor, now, reading, services, writing
from api.documented import Blueprint, conditional
from api.schemas import Day, Id, Moment, PageQuery, QueryId, Text, changes, etag, expected_version, page_schema
from api.security import EVERYBODY, STAFF, needs
from attendance import access, sessions, settling
from attendance.models import SessionState
from attendance.scopes import Scope

blueprint = Blueprint(
    "sessions", __name__, url_prefix="/api/v1", description="Class sessions, from scheduled to locked"
)


class SessionFields(ma.Schema):
    """What may be changed of a session."""

    title = Text(200, shortest=0)
    starts_at = Moment()
    ends_at = Moment()
    late_after = Moment(metadata={"description": "who is first seen from this moment on is late"})


class NewSession(SessionFields):
    starts_at = Moment(required=True)
    ends_at = Moment(required=True)


class SessionSchema(SessionFields):
    id = Id(required=True)
    course_id = Id(required=True)
    course_code = ma.fields.String(required=True, attribute="course.code")
    course_title = ma.fields.String(required=True, attribute="course.title")
    timezone = ma.fields.String(required=True, attribute="course.timezone")
    schedule_rule_id = Id(required=True, allow_none=True)
    rule_date = Day(required=True, allow_none=True)
    state = ma.fields.Enum(SessionState, by_value=True, required=True)
    opened_at = Moment(required=True, allow_none=True)
    opened_by = Id(required=True, allow_none=True)
    closed_at = Moment(required=True, allow_none=True)
    closed_by = Id(required=True, allow_none=True)
    settled_at = Moment(
        required=True, allow_none=True, metadata={"description": "when those never seen were set absent or excused"}
    )
    locked_at = Moment(required=True, allow_none=True)
    reopened_at = Moment(required=True, allow_none=True)
    cancelled_reason = ma.fields.String(required=True, allow_none=True)
    model_version = ma.fields.String(
        required=True, allow_none=True, metadata={"description": "in use when it was opened; None when there was none"}
    )
    thresholds = ma.fields.Dict(
        keys=ma.fields.String(), required=True, metadata={"description": "in force since it was opened"}
    )
    version = ma.fields.Integer(required=True)


class SessionQuery(PageQuery):
    course_id = QueryId(load_default=None)
    state = ma.fields.Enum(SessionState, by_value=True, load_default=None)
    since = Moment(data_key="from", load_default=None, metadata={"description": "starts then or later"})
    until = Moment(data_key="to", load_default=None, metadata={"description": "starts before"})
    descending = ma.fields.Boolean(load_default=False, metadata={"description": "the latest first"})


class DueSessionSchema(ma.Schema):
    session = ma.fields.Nested(SessionSchema, required=True)
    review_count = ma.fields.Integer(required=True, metadata={"description": "faces that wait for a person's decision"})


class TodaySchema(ma.Schema):
    """open: in whichever course. today: the others of this day. review: those of other days where faces wait."""

    open = ma.fields.List(ma.fields.Nested(DueSessionSchema), required=True)
    today = ma.fields.List(ma.fields.Nested(DueSessionSchema), required=True)
    review = ma.fields.List(ma.fields.Nested(DueSessionSchema), required=True)


class ReasonFields(ma.Schema):
    reason = Text(500, required=True, metadata={"description": "why, without anybody's name"})


class ReopenFields(ReasonFields):
    to = ma.fields.Enum(
        SessionState,
        by_value=True,
        load_default=SessionState.CLOSED,
        validate=ma.validate.OneOf(
            (SessionState.CLOSED, SessionState.OPEN), error="is closed (for corrections) or open (for frames)"
        ),
        metadata={"description": "closed: a locked one can be corrected; open: a closed one takes frames again"},
    )


@blueprint.route("/sessions")
class Sessions(MethodView):
    @needs(EVERYBODY, Scope.ATTENDANCE_READ)
    @blueprint.arguments(SessionQuery, location="query")
    @blueprint.response(200, page_schema(SessionSchema))
    def get(self, query: dict[str, Any]) -> Any:
        """The sessions of the courses you may see, by when they start"""
        with reading() as db:
            return sessions.list_sessions(db, actor(), **query)


@blueprint.route("/sessions/today")
class SessionsToday(MethodView):
    @needs(EVERYBODY, Scope.ATTENDANCE_READ)
    @blueprint.response(200, TodaySchema)
    def get(self) -> Any:
        """What there is to do today, by each course's own calendar"""
        with reading() as db:
            return sessions.today(db, actor(), now())


@blueprint.route("/courses/<id:course_id>/sessions")
class SessionsOfCourse(MethodView):
    @needs(STAFF, Scope.ATTENDANCE_WRITE)
    @blueprint.arguments(NewSession)
    @blueprint.response(201, SessionSchema)
    def post(self, body: dict[str, Any], course_id: int) -> Any:
        """Make a session besides the schedule"""
        with writing() as db:
            session = sessions.create_session(db, actor(), course_id, body, now())
        return session, etag(session.version)


@blueprint.route("/sessions/<id:session_id>")
class OneSession(MethodView):
    @needs(EVERYBODY, Scope.ATTENDANCE_READ)
    @blueprint.response(200, SessionSchema)
    def get(self, session_id: int) -> Any:
        """A session"""
        settling.settle_due(services().database, services().policy, now(), session_id=session_id)
        with reading() as db:
            session = access.require_session(db, actor(), session_id)
        return session, etag(session.version)

    @needs(STAFF, Scope.ATTENDANCE_WRITE)
    @conditional(blueprint)
    @blueprint.arguments(SessionFields)
    @blueprint.response(200, SessionSchema)
    def patch(self, body: dict[str, Any], session_id: int) -> Any:
        """Change times or title of a session that is not closed"""
        with writing() as db:
            session = sessions.update_session(db, actor(), session_id, changes(body), expected_version(), now())
        return session, etag(session.version)


@blueprint.route("/sessions/<id:session_id>/open")
class OpenSession(MethodView):
    @needs(STAFF, Scope.ATTENDANCE_WRITE)
    @blueprint.response(200, SessionSchema)
    def post(self, session_id: int) -> Any:
        """Open a session; one that is open already stays as it is"""
        model, policy = services().recognizer.model_status().current, services().policy
        thresholds = {
            "confirm_sightings": policy.confirm_sightings,
            "confirm_window_s": policy.confirm_window.total_seconds(),
            "close_grace_s": policy.close_grace.total_seconds(),
        }
        version = model.model_version if model else None
        with writing() as db:
            session = sessions.open_session(
                db, actor(), session_id, now(), model_version=version, thresholds=thresholds
            )
        return session, etag(session.version)


@blueprint.route("/sessions/<id:session_id>/close")
class CloseSession(MethodView):
    @needs(STAFF, Scope.ATTENDANCE_WRITE)
    @blueprint.response(200, SessionSchema)
    def post(self, session_id: int) -> Any:
        """Close an open session; those never seen become absent when queued frames had time to come"""
        with writing() as db:
            session = sessions.close_session(db, actor(), session_id, now())
        return session, etag(session.version)


@blueprint.route("/sessions/<id:session_id>/lock")
class LockSession(MethodView):
    @needs(STAFF, Scope.ATTENDANCE_WRITE)
    @blueprint.response(200, SessionSchema)
    def post(self, session_id: int) -> Any:
        """Lock a closed session of a course you lead before it locks by itself"""
        settling.settle_due(services().database, services().policy, now(), session_id=session_id)
        with writing() as db:
            session = sessions.lock_session(db, actor(), session_id, now())
        return session, etag(session.version)


@blueprint.route("/sessions/<id:session_id>/reopen")
class ReopenSession(MethodView):
    @needs(STAFF, Scope.ATTENDANCE_WRITE)
    @blueprint.arguments(ReopenFields)
    @blueprint.response(200, SessionSchema)
    def post(self, body: dict[str, Any], session_id: int) -> Any:
        """Reopen a locked session for corrections, or a closed one for frames, of a course you lead"""
        with writing() as db:
            session = sessions.reopen_session(db, actor(), session_id, now(), **body)
        return session, etag(session.version)


@blueprint.route("/sessions/<id:session_id>/cancel")
class CancelSession(MethodView):
    @needs(STAFF, Scope.ATTENDANCE_WRITE)
    @blueprint.arguments(ReasonFields)
    @blueprint.response(200, SessionSchema)
    def post(self, body: dict[str, Any], session_id: int) -> Any:
        """Cancel a session that nobody is marked in"""
        with writing() as db:
            session = sessions.cancel_session(db, actor(), session_id, now(), **body)
        return session, etag(session.version)
