"""Who was there, who is slipping; exports."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask.views import MethodView

from api import downloads
from api.context import actor, now, reading, services
from api.documented import Blueprint
from api.schemas import Day, Id, Moment, PageQuery, QueryId, page_schema
from api.security import EVERYBODY, needs
from attendance import exports, reports, settling
from attendance.models import MarkStatus, SessionState, WarningKind
from attendance.scopes import Scope
from attendance.spreadsheets import CSV_TYPE, XLSX_TYPE

blueprint = Blueprint("reports", __name__, url_prefix="/api/v1", description="Who was there, who is slipping; exports")


def _percent(**kwargs: Any) -> ma.fields.Float:
    return ma.fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "0..100, one decimal; null while nothing counts", **kwargs},
    )


class PeriodQuery(ma.Schema):
    first_day = Day(data_key="from", required=True)
    last_day = Day(data_key="to", required=True)


class ReportedCourseSchema(ma.Schema):
    id = Id(required=True)
    code = ma.fields.String(required=True)
    title = ma.fields.String(required=True)
    term = ma.fields.String(required=True)
    timezone = ma.fields.String(required=True)
    min_percent = ma.fields.Float(required=True)


class ReportedStudentSchema(ma.Schema):
    id = Id(required=True)
    external_id = ma.fields.String(required=True)
    name = ma.fields.String(required=True)


class ReportedSessionSchema(ma.Schema):
    id = Id(required=True)
    title = ma.fields.String(required=True)
    starts_at = Moment(required=True)
    ends_at = Moment(required=True)
    state = ma.fields.Enum(SessionState, by_value=True, required=True)


class StatusCountsSchema(ma.Schema):
    """How often each status occurs."""

    unmarked = ma.fields.Integer(required=True)
    present = ma.fields.Integer(required=True)
    late = ma.fields.Integer(required=True)
    excused = ma.fields.Integer(required=True)
    absent = ma.fields.Integer(required=True)
    left_early = ma.fields.Integer(required=True)


class SessionLineSchema(ma.Schema):
    session = ma.fields.Nested(ReportedSessionSchema, required=True)
    day = Day(required=True)
    counts = ma.fields.Nested(StatusCountsSchema, required=True)
    percent = _percent()


class StudentLineSchema(ma.Schema):
    student = ma.fields.Nested(ReportedStudentSchema, required=True)
    counts = ma.fields.Nested(StatusCountsSchema, required=True)
    percent = _percent()
    at_risk = ma.fields.Boolean(required=True, metadata={"description": "below the course's min_percent"})
    marks = ma.fields.List(
        ma.fields.Enum(MarkStatus, by_value=True, allow_none=True),
        required=True,
        metadata={"description": "in the order of the sessions; null where the student was not enrolled"},
    )


class CourseReportSchema(ma.Schema):
    """Of the sessions that count: settled and not cancelled."""

    course = ma.fields.Nested(ReportedCourseSchema, required=True)
    first_day = Day(data_key="from", required=True, allow_none=True)
    last_day = Day(data_key="to", required=True, allow_none=True)
    sessions = ma.fields.List(ma.fields.Nested(SessionLineSchema), required=True)
    students = ma.fields.List(ma.fields.Nested(StudentLineSchema), required=True)


class MarkLineSchema(ma.Schema):
    session = ma.fields.Nested(ReportedSessionSchema, required=True)
    status = ma.fields.Enum(MarkStatus, by_value=True, required=True)


class CourseOfStudentSchema(ma.Schema):
    course = ma.fields.Nested(ReportedCourseSchema, required=True)
    counts = ma.fields.Nested(StatusCountsSchema, required=True)
    percent = _percent()
    at_risk = ma.fields.Boolean(required=True)
    sessions = ma.fields.List(ma.fields.Nested(MarkLineSchema), required=True)


class StudentReportSchema(ma.Schema):
    student = ma.fields.Nested(ReportedStudentSchema, required=True)
    courses = ma.fields.List(ma.fields.Nested(CourseOfStudentSchema), required=True)


class MinuteSchema(ma.Schema):
    minute = Moment(required=True)
    arrivals = ma.fields.Integer(required=True)
    total = ma.fields.Integer(required=True, metadata={"description": "arrived by the end of this minute"})


class SessionReportSchema(ma.Schema):
    session = ma.fields.Nested(ReportedSessionSchema, required=True)
    expected = ma.fields.Integer(required=True, metadata={"description": "students on the roster of that day"})
    counts = ma.fields.Nested(StatusCountsSchema, required=True)
    percent = _percent()
    first_arrival = Moment(required=True, allow_none=True)
    last_arrival = Moment(required=True, allow_none=True)
    timeline = ma.fields.List(ma.fields.Nested(MinuteSchema), required=True)


class AtRiskQuery(PageQuery):
    limit = ma.fields.Integer(load_default=10, validate=ma.validate.Range(1, 50))
    course_id = QueryId(load_default=None)
    in_a_row = ma.fields.Integer(load_default=3, validate=ma.validate.Range(1, 100))


class AtRiskStudentSchema(ma.Schema):
    student = ma.fields.Nested(ReportedStudentSchema, required=True)
    percent = _percent()
    absences = ma.fields.Integer(required=True)
    absences_in_a_row = ma.fields.Integer(required=True)
    reasons = ma.fields.List(ma.fields.Enum(WarningKind, by_value=True), required=True)


class AtRiskCourseSchema(ma.Schema):
    course = ma.fields.Nested(ReportedCourseSchema, required=True)
    students = ma.fields.List(ma.fields.Nested(AtRiskStudentSchema), required=True)


@blueprint.route("/reports/courses/<id:course_id>")
class CourseReport(MethodView):
    @needs(EVERYBODY, Scope.REPORTS_READ)
    @blueprint.arguments(downloads.DaysQuery, location="query")
    @blueprint.response(200, CourseReportSchema)
    def get(self, query: dict[str, Any], course_id: int) -> Any:
        """A course: its students with their marks, its sessions with their counts"""
        _settle(course_id=course_id)
        with reading() as db:
            return reports.of_course(db, actor(), course_id, **query)


@blueprint.route("/reports/students/<id:student_id>")
class StudentReport(MethodView):
    @needs(EVERYBODY, Scope.REPORTS_READ)
    @blueprint.response(200, StudentReportSchema)
    def get(self, student_id: int) -> Any:
        """A student in each course you may see"""
        with reading() as db:
            return reports.of_student(db, actor(), student_id)


@blueprint.route("/reports/sessions/<id:session_id>")
class SessionReport(MethodView):
    @needs(EVERYBODY, Scope.REPORTS_READ)
    @blueprint.response(200, SessionReportSchema)
    def get(self, session_id: int) -> Any:
        """A session: how many came, and when"""
        _settle(session_id=session_id)
        with reading() as db:
            return reports.of_session(db, actor(), session_id)


@blueprint.route("/reports/at-risk")
class AtRisk(MethodView):
    @needs(EVERYBODY, Scope.REPORTS_READ)
    @blueprint.arguments(AtRiskQuery, location="query")
    @blueprint.response(200, page_schema(AtRiskCourseSchema))
    def get(self, query: dict[str, Any]) -> Any:
        """Who is slipping, by course: below its minimum, or absent from the last sessions. Pages are of courses"""
        with reading() as db:
            return reports.at_risk(db, actor(), now(), **query)


@blueprint.route("/sessions/<id:session_id>/sheet.<any(csv, xlsx):kind>")
class SheetFile(MethodView):
    @needs(EVERYBODY, Scope.REPORTS_READ)
    @blueprint.response(200, downloads.FILE, content_type=XLSX_TYPE)
    @blueprint.response(200, downloads.FILE, content_type=CSV_TYPE)
    def get(self, session_id: int, kind: str) -> Any:
        """The sheet of a session as a file"""
        _settle(session_id=session_id)
        with reading() as db:
            found = exports.sheet(db, actor(), session_id)
        return downloads.table(found, kind)


@blueprint.route("/reports/courses/<id:course_id>.<any(csv, xlsx):kind>")
class CourseFile(MethodView):
    @needs(EVERYBODY, Scope.REPORTS_READ)
    @blueprint.arguments(downloads.DaysQuery, location="query")
    @blueprint.response(200, downloads.FILE, content_type=XLSX_TYPE)
    @blueprint.response(200, downloads.FILE, content_type=CSV_TYPE)
    def get(self, query: dict[str, Any], course_id: int, kind: str) -> Any:
        """A course as a file: one row a student, one column a session"""
        _settle(course_id=course_id)
        with reading() as db:
            found = exports.course_register(db, actor(), course_id, **query)
        return downloads.table(found, kind)


@blueprint.route("/reports/period.<any(csv, xlsx):kind>")
class PeriodFile(MethodView):
    @needs(EVERYBODY, Scope.REPORTS_READ)
    @blueprint.arguments(PeriodQuery, location="query")
    @blueprint.response(200, downloads.FILE, content_type=XLSX_TYPE)
    @blueprint.response(200, downloads.FILE, content_type=CSV_TYPE)
    def get(self, query: dict[str, Any], kind: str) -> Any:
        """Every record of a period as a file, of all courses you may see: one row each"""
        with reading() as db:
            found = exports.period(db, actor(), **query)
        return downloads.table(found, kind)


def _settle(**which: int) -> None:
    """Settle what is due and has only not been done yet, so that a report is not behind by some seconds."""
    settling.settle_due(services().database, services().policy, now(), **which)
