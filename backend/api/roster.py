"""Who is enrolled in a course; importing and exporting it."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import Response, current_app, request
from flask.views import MethodView
from werkzeug.exceptions import UnsupportedMediaType

from api import downloads
from api.context import actor, now, reading, writing
from api.documented import Blueprint
from api.problems import ProblemError
from api.schemas import Day, Id, Moment, PageQuery, QueryId, Text, changes, page_schema
from api.security import ADMIN, EVERYBODY, STAFF, needs
from api.students import ExternalId, StudentReference, StudentSchema
from attendance import access, enrolment_requests, enrolments, roster_files, roster_import
from attendance.enrolment_requests import Asked
from attendance.enrolments import EnrolmentState
from attendance.models import EnrolmentRequest
from attendance.people import LONGEST_EMAIL, LONGEST_NAME
from attendance.roster_columns import Column
from attendance.roster_files import ENCODINGS, MOST_BYTES, WORKBOOK, Delimiter
from attendance.roster_plan import Options, Report, Rows
from attendance.roster_rows import MOST_SHOWN
from attendance.roster_workbooks import MOST_ROWS
from attendance.scopes import Scope
from attendance.spreadsheets import CSV_TYPE
from errors import InvalidRequestError

blueprint = Blueprint(
    "roster", __name__, url_prefix="/api/v1", description="Who is enrolled in a course; importing and exporting it"
)

PART = "file"
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TYPES = ("text/csv", "text/plain", "text/tab-separated-values", "application/vnd.ms-excel", _XLSX)
_FORM = "multipart/form-data"
_FORM_BYTES = 2**16  # what a form may add to its file
_FILE: dict[str, Any] = {"type": "string", "format": "binary"}
_BODY_DOC = {
    "required": True,
    "description": f"comma-separated values or an Excel workbook (.xlsx), at most {MOST_BYTES:,} bytes and "
    f"{MOST_ROWS:,} rows: as it is, or as the part {PART} of a form. What its columns are goes into the "
    "query in both cases",
    "content": {
        **{kind: {"schema": _FILE} for kind in TYPES},
        _FORM: {"schema": {"type": "object", "required": [PART], "properties": {PART: _FILE}}},
    },
}


class RosterQuery(PageQuery):
    on = Day(load_default=None, metadata={"description": "day to tell the state of; default: today, in the course's"})
    state = ma.fields.Enum(EnrolmentState, by_value=True, load_default=None)
    q = Text(200, load_default=None, metadata={"description": "words that the name or the external id contains"})


class EnrolmentDays(ma.Schema):
    """First and last day, both included, in the course's time zone."""

    starts_on = Day()
    ends_on = Day(allow_none=True, metadata={"description": "null: until the end of the course"})


class NewEnrolment(ma.Schema):
    """student_id or external_id names the student. name, email: for the request, where an admin has to approve."""

    student_id = Id()
    external_id = ExternalId()
    name = Text(LONGEST_NAME)
    email = Text(LONGEST_EMAIL, allow_none=True)
    starts_on = Day(load_default=None, allow_none=True, metadata={"description": "default: today"})
    ends_on = Day(load_default=None, allow_none=True, metadata={"description": "default: until the end of the course"})


class EnrolmentSchema(ma.Schema):
    id = Id(required=True)
    course_id = Id(required=True)
    student_id = Id(required=True)
    starts_on = Day(required=True)
    ends_on = Day(required=True, allow_none=True)


class EnrolmentRequestSchema(ma.Schema):
    """Somebody who waits on the roster for an admin's approval. student: for admins, who has this id already; null:
    nobody, and always for others."""

    id = Id(required=True, attribute="request.id")
    course_id = Id(required=True, attribute="request.course_id")
    course_code = ma.fields.String(required=True, attribute="request.course.code")
    external_id = ma.fields.String(required=True, attribute="request.external_id")
    name = ma.fields.String(required=True, attribute="request.name")
    email = ma.fields.String(required=True, allow_none=True, attribute="request.email")
    starts_on = Day(required=True, attribute="request.starts_on")
    ends_on = Day(required=True, allow_none=True, attribute="request.ends_on")
    requested_by = ma.fields.String(required=True, attribute="request.requester.name")
    requested_at = Moment(required=True, attribute="request.requested_at")
    student = ma.fields.Nested(StudentReference, required=True, allow_none=True)


class EnrolmentRequestQuery(PageQuery):
    course_id = QueryId(load_default=None)


class Requests(ma.Schema):
    ids = ma.fields.List(
        Id(),
        required=True,
        validate=ma.validate.Length(1, enrolment_requests.MOST_AT_ONCE),
    )


class LeftSchema(ma.Schema):
    request_id = Id(required=True)
    code = ma.fields.String(required=True)
    message = ma.fields.String(required=True, metadata={"description": "why it could not be approved"})


class ApprovedSchema(ma.Schema):
    approved = ma.fields.Integer(required=True)
    left = ma.fields.List(ma.fields.Nested(LeftSchema), required=True)


class RosterEntrySchema(ma.Schema):
    enrolment = ma.fields.Nested(EnrolmentSchema, required=True)
    student = ma.fields.Nested(StudentSchema, required=True, attribute="person")
    state = ma.fields.Enum(EnrolmentState, by_value=True, required=True)


class FileQuery(ma.Schema):
    """How to read the file; by default that is found out."""

    encoding = ma.fields.String(load_default=None, validate=ma.validate.OneOf([*ENCODINGS, WORKBOOK]))
    delimiter = ma.fields.Enum(Delimiter, by_value=True, load_default=None)
    header = ma.fields.Boolean(
        load_default=None,
        metadata={
            "description": "whether the first row names the columns; where columns are given by number, it does not"
        },
    )


def _column(what: str) -> Text:
    return Text(200, metadata={"description": f"the column with {what}: its name in the header, or its number from 1"})


class ImportQuery(FileQuery):
    """Without a word of columns, they are what their names in the header say."""

    external_id = _column("the school's number of the student")
    name = _column("the whole name")
    first_name = _column("the first name, if there is no column with the whole name")
    last_name = _column("the last name, if there is no column with the whole name")
    email = _column("the e-mail address")
    starts_on = _column("the first day of the enrolment")
    ends_on = _column("the last day of the enrolment")
    role = _column("the role, where others than students are in the file too")
    default_start = Day(
        load_default=None,
        metadata={"description": "first day of new enrolments for which the file has none; default: today"},
    )
    end_missing = ma.fields.Boolean(
        load_default=False, metadata={"description": "enrolments of students who are not in the file end today"}
    )
    skip_others = ma.fields.Boolean(
        load_default=False, metadata={"description": "rows that are of no student are left out"}
    )
    dry_run = ma.fields.Boolean(load_default=True, metadata={"description": "only say what would change"})


class FileRowSchema(ma.Schema):
    number = ma.fields.Integer(required=True, metadata={"description": "as a spreadsheet program counts, from 1"})
    cells = ma.fields.List(ma.fields.String(), required=True)


class _Mapping(ma.fields.Dict):
    """Which column of the file is what: numbers from 1."""

    def __init__(self) -> None:
        super().__init__(keys=ma.fields.String(), values=ma.fields.Integer(), required=True)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return {str(column): place + 1 for column, place in value.items()}


class RosterPreviewSchema(ma.Schema):
    encoding = ma.fields.String(required=True, attribute="table.encoding")
    encoding_is_certain = ma.fields.Boolean(
        required=True,
        attribute="table.encoding_is_certain",
        metadata={"description": "if not, an import must name it"},
    )
    other_encodings = ma.fields.List(
        ma.fields.String(),
        required=True,
        attribute="table.other_encodings",
        metadata={"description": "which the file could be in as well, likelier ones first"},
    )
    delimiter = ma.fields.Enum(Delimiter, by_value=True, required=True, attribute="table.delimiter")
    header = ma.fields.List(ma.fields.String(), required=True, allow_none=True, attribute="table.header")
    header_is_certain = ma.fields.Boolean(
        required=True,
        attribute="table.header_is_certain",
        metadata={"description": "if not, an import must say whether the first row names the columns"},
    )
    columns = ma.fields.Integer(required=True, attribute="table.width")
    row_count = ma.fields.Function(
        lambda preview: len(preview.table.rows),
        required=True,
        metadata={"type": "integer", "description": "without header and empty rows"},
    )
    rows = ma.fields.List(ma.fields.Nested(FileRowSchema), required=True, metadata={"description": "the first"})
    mapping = _Mapping()


class NoStudentSchema(ma.Schema):
    row = ma.fields.Integer(required=True)
    shown = ma.fields.String(required=True, metadata={"description": "what stands in the row, cut short"})
    reason = ma.fields.String(required=True)


class RosterReportSchema(ma.Schema):
    """In rows of the file unless said otherwise."""

    committed = ma.fields.Boolean(required=True, metadata={"description": "false: a dry run, nothing was changed"})
    encoding = ma.fields.String(required=True)
    encoding_is_certain = ma.fields.Boolean(required=True)
    delimiter = ma.fields.Enum(Delimiter, by_value=True, required=True)
    header = ma.fields.Boolean(required=True)
    mapping = _Mapping()
    rows = ma.fields.Integer(required=True)
    new = ma.fields.Integer(required=True, metadata={"description": "students who are created"})
    requested = ma.fields.Integer(
        required=True, metadata={"description": "for whom an admin is asked, as only an admin creates students"}
    )
    updated = ma.fields.Integer(required=True, metadata={"description": "whose name or e-mail address changes"})
    kept = ma.fields.Integer(
        required=True,
        metadata={"description": "whose name or address is another here and stays: only an admin's changes it"},
    )
    kept_rows = ma.fields.List(ma.fields.Integer(), required=True, metadata={"description": "the first 200"})
    enrolled = ma.fields.Integer(required=True, metadata={"description": "enrolments that are made"})
    redated = ma.fields.Integer(required=True, metadata={"description": "enrolments whose last day changes"})
    unchanged = ma.fields.Integer(required=True)
    repeated = ma.fields.Integer(required=True, metadata={"description": "that are there twice"})
    ended = ma.fields.Integer(required=True, metadata={"description": "enrolments of students who are not in the file"})
    ended_students = ma.fields.List(
        ma.fields.String(), required=True, metadata={"description": "their external ids, the first 200"}
    )
    errors = ma.fields.List(ma.fields.Nested(ProblemError), required=True, metadata={"description": "the first 200"})
    error_total = ma.fields.Integer(required=True)
    others = ma.fields.List(
        ma.fields.Nested(NoStudentSchema),
        required=True,
        metadata={"description": "rows that are of no student, the first 200; errors unless skip_others"},
    )
    other_total = ma.fields.Integer(required=True)


@blueprint.route("/courses/<id:course_id>/roster")
class Roster(MethodView):
    @needs(EVERYBODY, Scope.COURSES_READ)
    @blueprint.arguments(RosterQuery, location="query")
    @blueprint.response(200, page_schema(RosterEntrySchema))
    def get(self, query: dict[str, Any], course_id: int) -> Any:
        """Who is, was and will be enrolled in a course, by name"""
        with reading() as db:
            return enrolments.roster(db, actor(), course_id, now(), **query)


@blueprint.route("/courses/<id:course_id>/roster.csv")
class RosterFile(MethodView):
    @needs(EVERYBODY, Scope.COURSES_READ)
    @blueprint.response(200, downloads.FILE, content_type=CSV_TYPE)
    def get(self, course_id: int) -> Response:
        """The roster as a file that can be imported again"""
        with reading() as db:
            name, data = enrolments.export(db, actor(), course_id)
        return downloads.file(data, CSV_TYPE, name)


@blueprint.route("/courses/<id:course_id>/enrolments")
class Enrolments(MethodView):
    @needs(STAFF, Scope.COURSES_WRITE)
    @blueprint.arguments(NewEnrolment)
    @blueprint.response(201, EnrolmentSchema)
    @blueprint.alt_response(
        202, schema=EnrolmentRequestSchema, description="An admin is asked, whether there is such a student or not"
    )
    def post(self, body: dict[str, Any], course_id: int) -> Any:
        """Enrol a student whom you may see in a course, or ask an admin to enrol or create one"""
        with writing() as db:
            made = enrolments.enrol(db, actor(), course_id, now(), **body)
            if isinstance(made, EnrolmentRequest):
                asked = EnrolmentRequestSchema().dump(Asked(made, None))
                return current_app.response_class(current_app.json.dumps(asked), 202, mimetype="application/json")
        return made


@blueprint.route("/enrolment-requests")
class EnrolmentRequests(MethodView):
    @needs(EVERYBODY, Scope.COURSES_READ)
    @blueprint.arguments(EnrolmentRequestQuery, location="query")
    @blueprint.response(200, page_schema(EnrolmentRequestSchema))
    def get(self, query: dict[str, Any]) -> Any:
        """Who waits for an admin's approval on the rosters of your courses, oldest first"""
        with reading() as db:
            return enrolment_requests.list_requests(db, actor(), **query)


@blueprint.route("/enrolment-requests/approve")
class Approval(MethodView):
    @needs(ADMIN, Scope.PEOPLE_WRITE)
    @blueprint.arguments(Requests)
    @blueprint.response(200, ApprovedSchema)
    def post(self, body: dict[str, Any]) -> Any:
        """Enrol who was asked for, and create those who are new; what cannot be approved stays, with the reason"""
        with writing() as db:
            approved, left = enrolment_requests.approve(db, actor(), body["ids"], now())
        return {"approved": approved, "left": left}


@blueprint.route("/enrolment-requests/<id:request_id>")
class OneEnrolmentRequest(MethodView):
    @needs(STAFF, Scope.COURSES_WRITE)
    @blueprint.response(204)
    def delete(self, request_id: int) -> None:
        """Refuse a request, as an admin; withdraw it, as staff who may change the roster"""
        with writing() as db:
            enrolment_requests.refuse(db, actor(), request_id, now())


@blueprint.route("/enrolments/<id:enrolment_id>")
class OneEnrolment(MethodView):
    @needs(STAFF, Scope.COURSES_WRITE)
    @blueprint.arguments(EnrolmentDays)
    @blueprint.response(200, EnrolmentSchema)
    def patch(self, body: dict[str, Any], enrolment_id: int) -> Any:
        """Change the first or the last day of an enrolment"""
        with writing() as db:
            return enrolments.update_enrolment(db, actor(), enrolment_id, changes(body), now())

    @needs(STAFF, Scope.COURSES_WRITE)
    @blueprint.response(204)
    def delete(self, enrolment_id: int) -> None:
        """Take back an enrolment that was a mistake, of a student without marks in the course"""
        with writing() as db:
            enrolments.delete_enrolment(db, actor(), enrolment_id, now())


@blueprint.route("/courses/<id:course_id>/roster/preview")
class RosterPreview(MethodView):
    @needs(STAFF, Scope.PEOPLE_WRITE)
    @blueprint.doc(requestBody=_BODY_DOC)
    @blueprint.arguments(FileQuery, location="query")
    @blueprint.response(200, RosterPreviewSchema)
    def post(self, query: dict[str, Any], course_id: int) -> Any:
        """What a file seems to hold, before it is imported"""
        return roster_import.preview(_table(course_id, query))


@blueprint.route("/courses/<id:course_id>/roster/import")
class RosterImport(MethodView):
    @needs(STAFF, Scope.PEOPLE_WRITE)
    @blueprint.doc(requestBody=_BODY_DOC)
    @blueprint.arguments(ImportQuery, location="query")
    @blueprint.response(200, RosterReportSchema)
    def post(self, query: dict[str, Any], course_id: int) -> Any:
        """Enrol who is in a file, or ask an admin to; what is wrong with any row leaves everything as it was"""
        how = {name: query.pop(name) for name in ("encoding", "delimiter", "header")}
        dry_run = query.pop("dry_run")
        kept = {name: query.pop(name) for name in ("default_start", "end_missing", "skip_others")}
        if how["header"] is None and query and all(where.isdecimal() for where in query.values()):
            how["header"] = False
        table = _table(course_id, how)
        options = Options({Column(name): where for name, where in query.items()}, **kept)
        rows = Rows(table, options)
        if dry_run:
            with reading() as db:
                report = roster_import.rehearse(db, actor(), course_id, rows, now())
        else:
            with writing() as db:
                report = roster_import.import_roster(db, actor(), course_id, rows, now())
        return _reported(report, table, committed=not dry_run)


def _table(course_id: int, how: dict[str, Any]) -> roster_files.Table:
    """The file that was sent, read before anything is held in the database. how: of FileQuery."""
    with reading() as db:
        access.require_course(db, actor(), course_id, roster=True)
    return roster_files.read(_sent(), **how)


def _sent() -> bytes:
    request.max_content_length = MOST_BYTES + _FORM_BYTES
    if request.mimetype in TYPES:
        return request.get_data(cache=False)
    if request.mimetype != _FORM:
        raise UnsupportedMediaType(f"send the file as {', '.join(TYPES)}, or as the part {PART} of {_FORM}")
    if PART not in request.files:
        message = f"the form has no part {PART} that is a file"
        raise InvalidRequestError(message, code="form", errors=[{"field": PART, "message": "is missing"}])
    data: bytes = request.files[PART].read()
    return data


def _reported(report: Report, table: roster_files.Table, *, committed: bool) -> dict[str, Any]:
    counts = ("rows", "new", "requested", "updated", "kept", "enrolled", "redated", "unchanged", "repeated", "ended")
    return {
        "committed": committed,
        "encoding": table.encoding,
        "encoding_is_certain": table.encoding_is_certain,
        "delimiter": table.delimiter,
        "header": table.header is not None,
        "mapping": report.mapping,
        **{name: getattr(report, name) for name in counts},
        "kept_rows": report.kept_rows,
        "ended_students": report.ended_students,
        "errors": report.errors.first,
        "error_total": report.errors.total,
        "others": report.others[:MOST_SHOWN],
        "other_total": len(report.others),
    }
