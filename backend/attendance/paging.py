"""Long lists a page at a time. A cursor names the last row that was given, so that rows added or removed meanwhile
neither repeat one nor leave one out."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, literal, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from errors import InvalidRequestError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """items: of this page. next_cursor: gives the next page; None when this is the last."""

    items: Sequence[T]
    next_cursor: str | None


def page_of(
    db: Session,
    query: Select[T],
    columns: Sequence[InstrumentedAttribute[Any]],
    *,
    descending: bool = False,
    cursor: str | None,
    limit: int,
    values: Callable[[T], Sequence[Any]] | None = None,
) -> Page[T]:
    """One page of ``query``, which selects one kind of object. columns: what the list is sorted by, unique when taken
    together (end with the id). values: those columns of an object; default: its own attributes of their names. Raises
    InvalidRequestError for a cursor that is none."""
    key = tuple_(*columns)
    if cursor is not None:
        last = _decoded(cursor, columns)
        query = query.where(key < last if descending else key > last)
    query = query.order_by(*(column.desc() if descending else column.asc() for column in columns)).limit(limit + 1)
    found = db.scalars(query).all()
    if len(found) <= limit:
        return Page(found, None)
    items = found[:limit]
    found_values = values(items[-1]) if values else [getattr(items[-1], column.key) for column in columns]
    return Page(items, _encoded(found_values))


def _encoded(values: Sequence[Any]) -> str:
    plain = [value.isoformat() if isinstance(value, date) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def _decoded(cursor: str, columns: Sequence[InstrumentedAttribute[Any]]) -> Any:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        plain = json.loads(base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True))
        if not isinstance(plain, list) or len(plain) != len(columns):
            raise ValueError("another list's cursor")
        return tuple_(*(_value(item, column) for item, column in zip(plain, columns, strict=True)))
    except (ValueError, TypeError, UnicodeError, OverflowError, RecursionError, binascii.Error) as error:
        raise InvalidRequestError(
            "this cursor is not one of this list; start again without it",
            code="cursor",
            errors=[{"field": "cursor", "message": "not a cursor of this list"}],
        ) from error


def _value(item: Any, column: InstrumentedAttribute[Any]) -> Any:
    kind = column.type.python_type
    value: Any
    if issubclass(kind, datetime):
        value = datetime.fromisoformat(item)
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone")
        value = value.astimezone(UTC)
    elif issubclass(kind, date):
        value = date.fromisoformat(item)
    elif isinstance(item, bool) or not isinstance(item, kind):
        raise TypeError(f"expected {kind.__name__}")
    elif isinstance(item, int) and not -(2**31) <= item < 2**31:
        raise ValueError("not a number of a row")
    else:
        if isinstance(item, str) and "\0" in item.encode().decode():  # half a surrogate pair cannot be encoded
            raise ValueError("not text that a database holds")
        value = item
    return literal(value, column.type)
