"""What a session's state does not allow, said in the same words everywhere."""

from __future__ import annotations

from attendance.models import ClassSession, Course, SessionState
from errors import ConflictError

_REFUSALS = {
    SessionState.SCHEDULED: ("session_not_started", "this session was never opened; open it first"),
    SessionState.OPEN: ("session_open", "this session is open; close it first"),
    SessionState.CLOSED: ("session_closed", "this session is closed; reopen it first"),
    SessionState.LOCKED: ("session_locked", "this session is locked; a lead of the course can reopen it"),
    SessionState.CANCELLED: ("session_cancelled", "this session was cancelled; make another one"),
}


def wrong_state(session: ClassSession) -> ConflictError:
    """The error for what cannot be done in the state that ``session`` is in."""
    code, message = _REFUSALS[session.state]
    return ConflictError(message, code=code)


def require_state(session: ClassSession, *allowed: SessionState) -> None:
    """Raise ConflictError unless ``session`` is in one of these states."""
    if session.state not in allowed:
        raise wrong_state(session)


def require_markable(session: ClassSession) -> None:
    """Raise ConflictError unless marks of ``session`` may be changed: while it is open, and closed until it locks."""
    require_state(session, SessionState.OPEN, SessionState.CLOSED)


def require_running(course: Course) -> None:
    """Raise ConflictError for a course that was put away."""
    if course.archived_at is not None:
        raise ConflictError("this course is archived; take it out of the archive first", code="course_archived")
