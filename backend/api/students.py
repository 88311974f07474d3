"""Students."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask.views import MethodView

from api.context import actor, now, reading, writing
from api.documented import Blueprint, conditional
from api.schemas import Day, Id, Moment, PageQuery, QueryId, Text, changes, etag, expected_version, page_schema
from api.security import ADMIN, EVERYBODY, STAFF, needs
from attendance import enrolments, people
from attendance.models import StudentStatus
from attendance.people import LONGEST_EMAIL, LONGEST_NAME, StudentOrder
from attendance.scopes import Scope

blueprint = Blueprint("students", __name__, url_prefix="/api/v1/students", description="Students")


class ExternalId(Text):
    """The school's own number of a student; see ``attendance.external_ids`` for what it may be."""

    def __init__(self, **kwargs: Any) -> None:
        description = (
            "the school's own number: letters and digits of any alphabet, '-', '_', '.' and single spaces inside; at "
            "most 64 characters and 200 bytes of UTF-8. It also names the folder of face images"
        )
        super().__init__(64, metadata={"description": description}, **kwargs)


class StudentReference(ma.Schema):
    id = Id(required=True)
    external_id = ma.fields.String(required=True)
    name = ma.fields.String(required=True)


class StudentFields(ma.Schema):
    """What may be changed of a student; external_id by admins only."""

    name = Text(LONGEST_NAME)
    email = Text(LONGEST_EMAIL, allow_none=True)
    status = ma.fields.Enum(
        StudentStatus, by_value=True, validate=ma.validate.NoneOf([StudentStatus.ERASED], error="is not set by hand")
    )
    external_id = ExternalId()


class NewStudent(ma.Schema):
    external_id = ExternalId(required=True)
    name = Text(LONGEST_NAME, required=True)
    email = Text(LONGEST_EMAIL, allow_none=True, load_default=None)
    course_id = Id(
        load_default=None,
        allow_none=True,
        metadata={"description": "a course to enrol the student in"},
    )
    starts_on = Day(load_default=None, allow_none=True, metadata={"description": "of the enrolment; default: today"})


class StudentSchema(ma.Schema):
    id = Id(required=True, attribute="student.id")
    external_id = ma.fields.String(required=True, attribute="student.external_id")
    name = ma.fields.String(required=True, attribute="student.name")
    email = ma.fields.String(required=True, allow_none=True, attribute="student.email")
    status = ma.fields.Enum(StudentStatus, by_value=True, required=True, attribute="student.status")
    has_consent = ma.fields.Boolean(required=True)
    face_images = ma.fields.Integer(required=True)
    may_manage = ma.fields.Boolean(
        required=True, metadata={"description": "whether identity, consent and photos of the student are for you"}
    )
    created_at = Moment(required=True, attribute="student.created_at")
    version = ma.fields.Integer(required=True, attribute="student.version")


class StudentQuery(PageQuery):
    q = Text(200, load_default=None, metadata={"description": "words that the name or the external id contains"})
    course_id = QueryId(load_default=None, metadata={"description": "who is or was enrolled there"})
    status = ma.fields.Enum(
        StudentStatus, by_value=True, load_default=None, metadata={"description": "default: all but the erased"}
    )
    has_consent = ma.fields.Boolean(load_default=None)
    has_face_images = ma.fields.Boolean(load_default=None)
    sort = ma.fields.Enum(StudentOrder, by_value=True, load_default=StudentOrder.NAME)


@blueprint.route("")
class Students(MethodView):
    @needs(EVERYBODY, Scope.PEOPLE_READ)
    @blueprint.arguments(StudentQuery, location="query")
    @blueprint.response(200, page_schema(StudentSchema))
    def get(self, query: dict[str, Any]) -> Any:
        """The students of your courses; an admin's are all"""
        with reading() as db:
            return people.list_students(db, actor(), **query)

    @needs(ADMIN, Scope.PEOPLE_WRITE)
    @blueprint.arguments(NewStudent)
    @blueprint.response(201, StudentSchema)
    def post(self, body: dict[str, Any]) -> Any:
        """Add a student, and enrol them in a course; others ask for one by POST /courses/{id}/enrolments"""
        enrolment = {name: body.pop(name) for name in ("course_id", "starts_on")}
        with writing() as db:
            person = enrolments.create_enrolled(db, actor(), body, now(), **enrolment)
        return person, etag(person.student.version)


@blueprint.route("/<id:student_id>")
class OneStudent(MethodView):
    @needs(EVERYBODY, Scope.PEOPLE_READ)
    @blueprint.response(200, StudentSchema)
    def get(self, student_id: int) -> Any:
        """A student of one of your courses"""
        with reading() as db:
            person = people.read_student(db, actor(), student_id)
        return person, etag(person.student.version)

    @needs(STAFF, Scope.PEOPLE_WRITE)
    @conditional(blueprint)
    @blueprint.arguments(StudentFields)
    @blueprint.response(200, StudentSchema)
    def patch(self, body: dict[str, Any], student_id: int) -> Any:
        """Change a student"""
        with writing() as db:
            person = people.update_student(db, actor(), student_id, changes(body), expected_version(), now())
        return person, etag(person.student.version)
