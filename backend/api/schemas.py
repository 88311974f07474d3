"""What the schemas of all resources share: fields that keep out what no database takes, pages, versions."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import marshmallow as ma
from flask import request
from werkzeug.routing import IntegerConverter

from attendance.days import is_timezone
from errors import InvalidRequestError, PreconditionRequiredError, StaleVersionError

LARGEST_ID = 2**31 - 1
_KEPT_CONTROLS = frozenset("\n\r\t")
# No character of Unicode is composed (NFC) of more than so many.
_MOST_COMPOSED = 4


class IdConverter(IntegerConverter):
    """``<id:course_id>``: the number of a row; one that no row can have is not found."""

    def __init__(self, map: Any) -> None:
        super().__init__(map, min=1, max=LARGEST_ID)


def id_parameter(_: IdConverter) -> dict[str, Any]:
    """The converter in the documentation."""
    return {"type": "integer", "minimum": 1, "maximum": LARGEST_ID}


class Id(ma.fields.Integer):
    """The number of a row."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strict=True, validate=ma.validate.Range(1, LARGEST_ID), **kwargs)


class QueryId(ma.fields.Integer):
    """The number of a row in a query, where everything is text."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=ma.validate.Range(1, LARGEST_ID), **kwargs)


class Text(ma.fields.String):
    """Text as people write it: normalised (NFC), without spaces around it and without control characters, which no
    database, spreadsheet or terminal should get. longest, shortest: in characters, after that. lines: whether it may
    have several lines."""

    default_error_messages = {"characters": "contains control characters or is not valid text"}  # noqa: RUF012

    def __init__(self, longest: int, *, shortest: int = 1, lines: bool = False, **kwargs: Any) -> None:
        self._longest, self._kept = longest, _KEPT_CONTROLS if lines else frozenset()
        super().__init__(validate=ma.validate.Length(min=shortest, max=longest), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        # before anything looks at each character: to put marks in order takes a time that grows with their square
        if len(text) > _MOST_COMPOSED * self._longest:
            raise ma.ValidationError(f"Longer than maximum length {self._longest}.")
        if any(unicodedata.category(c) in ("Cc", "Cs") and c not in self._kept for c in text):
            raise self.make_error("characters")
        return unicodedata.normalize("NFC", text).strip()


class EmailAddress(Text):
    """An e-mail address; in lower case, so that nobody has two accounts by writing it in two ways."""

    _check = ma.validate.Email()

    def __init__(self, **kwargs: Any) -> None:
        kwargs["metadata"] = {"format": "email", **kwargs.get("metadata", {})}
        super().__init__(254, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        return self._check(super()._deserialize(value, attr, data, **kwargs)).lower()


class Moment(ma.fields.AwareDateTime):
    """A moment in ISO 8601 with its offset, such as 2026-11-25T09:04:00+01:00. Answers are in UTC."""

    default_error_messages = {  # noqa: RUF012
        "invalid": "is not a moment such as 2026-11-25T09:04:00+01:00 or 2026-11-25T08:04:00Z",
        "invalid_awareness": "needs the offset from UTC at its end: write 2026-11-25T09:04:00+01:00, or "
        "2026-11-25T08:04:00Z for UTC",
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="iso", **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not isinstance(value, str):
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        try:
            moment = super()._deserialize(value, attr, data, **kwargs)
            moment.timestamp()
        except (OverflowError, ValueError) as error:
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE) from error
        if not 1970 < moment.year < 9000:  # leaves room for every time zone and every grace
            raise ma.ValidationError("is not a date of this era")
        return moment.astimezone(UTC)


class Day(ma.fields.Date):
    """A day, such as 2026-11-25."""

    default_error_messages = {"invalid": "is not a day such as 2026-11-25"}  # noqa: RUF012

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        day = super()._deserialize(value, attr, data, **kwargs)
        if not 1970 < day.year < 9000:
            raise ma.ValidationError("is not a date of this era")
        return day


def check_timezone(name: str) -> None:
    """A validator for IANA time zones."""
    if not is_timezone(name):
        raise ma.ValidationError("is not a time zone; name one such as Europe/Berlin, America/New_York or UTC")
    ZoneInfo(name)


class PageQuery(ma.Schema):
    """cursor: ``next_cursor`` of the page before. limit: rows of a page."""

    cursor = ma.fields.String(
        load_default=None,
        validate=ma.validate.Length(max=1000),
        metadata={"description": "next_cursor of the page before"},
    )
    limit = ma.fields.Integer(load_default=50, validate=ma.validate.Range(1, 500))


def page_schema(item: type[ma.Schema]) -> type[ma.Schema]:
    """The schema of a page of ``item``."""
    name = item.__name__.removesuffix("Schema")
    return ma.Schema.from_dict(
        {
            "items": ma.fields.List(ma.fields.Nested(item), required=True),
            "next_cursor": ma.fields.String(required=True, allow_none=True),
        },
        name=f"{name}Page",
    )


def expected_version(*, required: bool = True) -> int | None:
    """The version that the request's If-Match names. None for ``*`` and, unless ``required``, when it is missing.

    Raises StaleVersionError when it is no ETag of ours: then it cannot be the current one.
    """
    header = request.headers.get("If-Match")
    if header is None:
        if required:
            raise PreconditionRequiredError("send the ETag that you read as If-Match, so that nobody's change is lost")
        return None
    text = header.strip()
    if text == "*":
        return None
    digits = text.removeprefix("W/").strip('"').removeprefix("v")
    if not digits.isdecimal() or len(digits) > 9:
        raise StaleVersionError("If-Match is not the ETag of this; read it again")
    return int(digits)


def etag(version: int) -> dict[str, str]:
    """The header with the ETag of a thing of this ``version``."""
    return {"ETag": f'"v{version}"'}


def changes(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """``body`` of a PATCH, if it changes anything."""
    if not body:
        raise InvalidRequestError("nothing to change was sent", code="empty")
    return body
