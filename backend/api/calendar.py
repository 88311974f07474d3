"""Sessions for calendar programs."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import current_app, url_for
from flask.views import MethodView

from api import downloads
from api.context import actor, now, options, reading, writing
from api.documented import Blueprint
from api.schemas import Id, Moment
from api.security import EVERYBODY, needs, public
from attendance import calendars
from attendance.scopes import Scope

blueprint = Blueprint("calendar", __name__, url_prefix="/api/v1", description="Sessions for calendar programs")


class FeedSchema(ma.Schema):
    id = Id(required=True)
    created_at = Moment(required=True)


class NewFeedSchema(FeedSchema):
    url = ma.fields.Url(
        required=True,
        require_tld=False,
        metadata={"description": "for the calendar program; who has it sees your sessions; shown this once"},
    )


@blueprint.route("/calendar/feeds")
class Feeds(MethodView):
    @needs(EVERYBODY, None)
    @blueprint.response(200, FeedSchema(many=True))
    def get(self) -> Any:
        """Your secret calendar addresses"""
        with reading() as db:
            return calendars.list_feeds(db, actor())

    @needs(EVERYBODY, None)
    @blueprint.response(201, NewFeedSchema)
    def post(self) -> Any:
        """Make a secret address that a calendar program reads your sessions from"""
        with writing() as db:
            feed, secret = calendars.create_feed(db, actor(), now())
        return {"id": feed.id, "created_at": feed.created_at, "url": _address(secret)}


@blueprint.route("/calendar/feeds/<id:feed_id>")
class OneFeed(MethodView):
    @needs(EVERYBODY, None)
    @blueprint.response(204)
    def delete(self, feed_id: int) -> None:
        """Have a secret address work no more"""
        with writing() as db:
            calendars.revoke_feed(db, actor(), feed_id, now())


@blueprint.route("/calendar/<string:secret>.ics")
class SecretCalendar(MethodView):
    @public
    @blueprint.response(200, downloads.FILE, content_type=calendars.TYPE)
    def get(self, secret: str) -> Any:
        """The sessions of the courses that the owner of this secret address may see"""
        with reading() as db:
            content = calendars.of_secret(db, secret, now())
        return current_app.response_class(content, content_type=calendars.TYPE)


@blueprint.route("/courses/<id:course_id>/calendar.ics")
class CourseCalendar(MethodView):
    @needs(EVERYBODY, Scope.COURSES_READ)
    @blueprint.response(200, downloads.FILE, content_type=calendars.TYPE)
    def get(self, course_id: int) -> Any:
        """The sessions of a course"""
        with reading() as db:
            course, content = calendars.of_course(db, actor(), course_id, now())
        return downloads.file(content, calendars.TYPE, f"{course.code} {course.term}.ics")


def _address(secret: str) -> str:
    path = url_for("calendar.SecretCalendar", secret=secret)
    public_url = options().public_url
    return (
        f"{public_url.rstrip('/')}{path}"
        if public_url
        else url_for("calendar.SecretCalendar", secret=secret, _external=True)
    )
