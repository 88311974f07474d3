"""Every error as ``application/problem+json`` (RFC 9457), whoever raised it.

``code`` is stable and for programs, ``detail`` for people; ``errors`` names fields or rows; ``request_id`` is in the
log as well. Of an unexpected error nothing is told but that id.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from itertools import islice
from typing import Any

import marshmallow as ma
from flask import Flask, Response, current_app, request
from flask_limiter import RateLimitExceeded
from werkzeug.exceptions import HTTPException

from api.context import request_id, services
from errors import (
    AuthenticationError,
    BusyError,
    ConflictError,
    DatasetError,
    ForbiddenError,
    ImageTooLargeError,
    InvalidImageError,
    InvalidRequestError,
    ModelError,
    ModelNotFoundError,
    NotFoundError,
    PreconditionRequiredError,
    ServiceError,
    SmartAttendanceError,
    StaleVersionError,
    TooLargeError,
    TrainingError,
)

PROBLEM_TYPE = "application/problem+json"

# The nearest class in an error's own order of ancestors decides.
STATUS: Mapping[type[SmartAttendanceError], HTTPStatus] = {
    InvalidRequestError: HTTPStatus.UNPROCESSABLE_ENTITY,
    AuthenticationError: HTTPStatus.UNAUTHORIZED,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    NotFoundError: HTTPStatus.NOT_FOUND,
    ConflictError: HTTPStatus.CONFLICT,
    StaleVersionError: HTTPStatus.PRECONDITION_FAILED,
    PreconditionRequiredError: HTTPStatus.PRECONDITION_REQUIRED,
    ImageTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    InvalidImageError: HTTPStatus.UNPROCESSABLE_ENTITY,
    TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    BusyError: HTTPStatus.SERVICE_UNAVAILABLE,
    ModelNotFoundError: HTTPStatus.SERVICE_UNAVAILABLE,
    ModelError: HTTPStatus.CONFLICT,
    TrainingError: HTTPStatus.CONFLICT,
    DatasetError: HTTPStatus.CONFLICT,
}

# For errors of the web framework, which have no code of ours.
_CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    412: "stale_version",
    413: "too_large",
    415: "media_type",
    422: "invalid",
    428: "precondition_required",
    429: "too_many_requests",
}

# Of a malformed request; one with a hundred thousand wrong fields is not answered with as many sentences.
_MOST_ERRORS = 20
_LONGEST_FIELD, _LONGEST_MESSAGE = 100, 300  # characters

_logger = logging.getLogger(__name__)


class ProblemError(ma.Schema):
    """One thing that is wrong: a field of the request (``roster.3.name``) or a row of a file."""

    field = ma.fields.String()
    row = ma.fields.Integer()
    message = ma.fields.String(required=True)


class Problem(ma.Schema):
    """What every error looks like; for the documentation."""

    type = ma.fields.String(required=True)
    title = ma.fields.String(required=True)
    status = ma.fields.Integer(required=True)
    code = ma.fields.String(required=True, metadata={"description": "stable, for programs"})
    detail = ma.fields.String(required=True, metadata={"description": "what was wrong and what to do, for people"})
    errors = ma.fields.List(ma.fields.Nested(ProblemError), required=True)
    request_id = ma.fields.String(required=True)


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    errors: Iterable[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The response."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "code": code,
        "detail": detail,
        "errors": list(errors),
        "request_id": request_id(),
    }
    response = current_app.response_class(current_app.json.dumps(body) + "\n", status=status, content_type=PROBLEM_TYPE)
    response.headers.update(headers or {})
    response.headers["Cache-Control"] = "no-store"
    return response


def register(app: Flask) -> None:
    """Handle every error of ``app``."""
    app.register_error_handler(SmartAttendanceError, _ours)
    app.register_error_handler(RateLimitExceeded, _too_many)
    app.register_error_handler(HTTPException, _frameworks)
    app.register_error_handler(Exception, _unexpected)


def _ours(error: SmartAttendanceError) -> Response:
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), None)
    if status is None:
        return _unexpected(error)
    headers: dict[str, str] = {}
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(error.retry_after if isinstance(error, BusyError) else 10)
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    errors = error.errors if isinstance(error, ServiceError) else ()
    return problem(status, error.code, str(error), errors=errors, headers=headers)


def _too_many(error: RateLimitExceeded) -> Response:
    # Flask-Limiter adds Retry-After after this
    return problem(429, "too_many_requests", f"more than {error.description} are not allowed; wait, then try again")


def _frameworks(error: HTTPException) -> Response:
    if error.response is not None:  # an answer that somebody made and raised
        made = error.get_response()
        return made if isinstance(made, Response) else Response(made.get_data(), made.status_code)
    status = error.code or 500
    if status >= 500:
        return _unexpected(error)
    data: Mapping[str, Any] = getattr(error, "data", None) or {}
    messages = data.get("errors") or data.get("messages") or {}
    errors = list(islice(_flattened(messages), _MOST_ERRORS))
    detail = _detail(status, error, errors)
    # of a refused method, the allowed ones; of a range, its length
    headers = {name: value for name, value in error.get_headers() if name in ("Allow", "Content-Range", "Retry-After")}
    return problem(status, _CODES.get(status, "http"), detail, errors=errors, headers=headers)


def _detail(status: int, error: HTTPException, errors: list[dict[str, Any]]) -> str:
    if errors:
        shown = "; ".join(
            f"{item['field']}: {item['message']}" if item.get("field") else item["message"] for item in errors[:3]
        )
        return shown + ("; and more" if len(errors) > 3 else "")
    if status == 404:
        return f"there is nothing at {request.path[:_LONGEST_FIELD]}"
    if status == 413:
        limit = request.max_content_length
        return f"more than the {limit:,} bytes allowed; send less" if limit else "too large; send less"
    return str(error.description or HTTPStatus(status).description)


def _flattened(messages: Any, path: str = "") -> Iterable[dict[str, Any]]:
    """marshmallow's nested messages as a list; the first level (json, query, ...) says where, which nobody asked."""
    if isinstance(messages, Mapping):
        for key, below in messages.items():
            if not path and key in ("json", "query", "query_string", "headers", "files", "form", "json_or_form"):
                yield from _flattened(below)
            else:
                name = "" if key == "_schema" else str(key)
                yield from _flattened(below, ".".join(part for part in (path, name) if part))
    elif isinstance(messages, list | tuple):
        for message in messages:
            yield from _flattened(message, path)
    else:
        message = str(messages)[:_LONGEST_MESSAGE]
        yield {"field": path[:_LONGEST_FIELD], "message": message} if path else {"message": message}


def _unexpected(error: Exception) -> Response:
    original = getattr(error, "original_exception", None) or error
    away = services().database.away(original)
    if away is None:
        _logger.error("request %s failed", request_id(), exc_info=original)
    if away is None and isinstance(original, OSError) and original.errno == errno.ENOSPC:
        away = "the disk is full: nothing was changed. Whoever runs this server must free space"
    if away is not None:
        return problem(503, "unavailable", f"{away}. Try again in a moment", headers={"Retry-After": "5"})
    return problem(
        500, "internal", "something went wrong here; tell whoever runs this server the request id, it is in the log"
    )
