"""Courses and who staffs them."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask.views import MethodView

from api.context import actor, now, reading, writing
from api.documented import Blueprint, conditional
from api.schemas import (
    Id,
    Moment,
    PageQuery,
    Text,
    changes,
    check_timezone,
    etag,
    expected_version,
    page_schema,
)
from api.security import EVERYBODY, STAFF, needs
from attendance import access, courses
from attendance.models import ExcusedCounts
from attendance.scopes import Scope

blueprint = Blueprint("courses", __name__, url_prefix="/api/v1/courses", description="Courses and who staffs them")


class CourseFields(ma.Schema):
    """What may be changed of a course."""

    code = Text(40)
    title = Text(200)
    term = Text(40)
    timezone = ma.fields.String(validate=check_timezone, metadata={"description": "IANA name"})
    late_after_s = ma.fields.Integer(strict=True, validate=ma.validate.Range(0, 86400))
    min_percent = ma.fields.Float(validate=ma.validate.Range(0, 100))
    excused_counts = ma.fields.Enum(ExcusedCounts, by_value=True)
    late_weight = ma.fields.Float(
        validate=ma.validate.Range(0, 1), metadata={"description": "how much of a presence a late one is"}
    )


class NewCourse(CourseFields):
    code = Text(40, required=True)
    title = Text(200, required=True)
    term = Text(40, required=True)
    timezone = ma.fields.String(required=True, validate=check_timezone)


class CourseSchema(CourseFields):
    id = Id(required=True)
    created_at = Moment(required=True)
    archived_at = Moment(required=True, allow_none=True)
    version = ma.fields.Integer(required=True)


class CourseQuery(PageQuery):
    term = Text(40, load_default=None)
    archived = ma.fields.Boolean(load_default=False)


class StaffFields(ma.Schema):
    """may_enrol, which only an admin changes: appointed for enrolment. Left out, it stays as it is."""

    is_lead = ma.fields.Boolean(load_default=False)
    may_enrol = ma.fields.Boolean(load_default=None)


class StaffSchema(ma.Schema):
    user_id = Id(required=True)
    name = ma.fields.String(required=True, attribute="user.name")
    email = ma.fields.String(required=True, attribute="user.email")
    is_lead = ma.fields.Boolean(required=True)
    may_enrol = ma.fields.Boolean(required=True)
    added_at = Moment(required=True)


@blueprint.route("")
class Courses(MethodView):
    @needs(EVERYBODY, Scope.COURSES_READ)
    @blueprint.arguments(CourseQuery, location="query")
    @blueprint.response(200, page_schema(CourseSchema))
    def get(self, query: dict[str, Any]) -> Any:
        """The courses you may see"""
        with reading() as db:
            return courses.list_courses(db, actor(), **query)

    @needs(STAFF, Scope.COURSES_WRITE)
    @blueprint.arguments(NewCourse)
    @blueprint.response(201, CourseSchema)
    def post(self, body: dict[str, Any]) -> Any:
        """Make a course; an instructor, whom an admin has let, becomes its lead"""
        with writing() as db:
            course = courses.create_course(db, actor(), body, now())
        return course, etag(course.version)


@blueprint.route("/<id:course_id>")
class OneCourse(MethodView):
    @needs(EVERYBODY, Scope.COURSES_READ)
    @blueprint.response(200, CourseSchema)
    def get(self, course_id: int) -> Any:
        """A course"""
        with reading() as db:
            course = access.require_course(db, actor(), course_id)
        return course, etag(course.version)

    @needs(STAFF, Scope.COURSES_WRITE)
    @conditional(blueprint)
    @blueprint.arguments(CourseFields)
    @blueprint.response(200, CourseSchema)
    def patch(self, body: dict[str, Any], course_id: int) -> Any:
        """Change a course you lead"""
        with writing() as db:
            course = courses.update_course(db, actor(), course_id, changes(body), expected_version(), now())
        return course, etag(course.version)


@blueprint.route("/<id:course_id>/archive")
class Archive(MethodView):
    @needs(STAFF, Scope.COURSES_WRITE)
    @blueprint.response(200, CourseSchema)
    def post(self, course_id: int) -> Any:
        """Put a course away; nothing of it is deleted"""
        with writing() as db:
            return courses.archive_course(db, actor(), course_id, now(), archived=True)

    @needs(STAFF, Scope.COURSES_WRITE)
    @blueprint.response(200, CourseSchema)
    def delete(self, course_id: int) -> Any:
        """Take a course out again"""
        with writing() as db:
            return courses.archive_course(db, actor(), course_id, now(), archived=False)


@blueprint.route("/<id:course_id>/staff")
class Staff(MethodView):
    @needs(EVERYBODY, Scope.COURSES_READ)
    @blueprint.response(200, StaffSchema(many=True))
    def get(self, course_id: int) -> Any:
        """Who staffs a course"""
        with reading() as db:
            return courses.list_staff(db, actor(), course_id)


@blueprint.route("/<id:course_id>/staff/<id:user_id>")
class OneOfStaff(MethodView):
    @needs(STAFF, Scope.COURSES_WRITE)
    @blueprint.arguments(StaffFields)
    @blueprint.response(200, StaffSchema)
    def put(self, body: dict[str, Any], course_id: int, user_id: int) -> Any:
        """Put somebody on the staff or appoint them for enrolment (an admin); change whether they lead"""
        with writing() as db:
            return courses.put_staff(db, actor(), course_id, user_id, now(), **body)

    @needs(STAFF, Scope.COURSES_WRITE)
    @blueprint.response(204)
    def delete(self, course_id: int, user_id: int) -> None:
        """Take somebody off the staff"""
        with writing() as db:
            courses.remove_staff(db, actor(), course_id, user_id, now())
