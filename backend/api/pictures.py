"""Pictures in a request's body: one as it is, or as parts of a form."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import IO, Any

from flask import request
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.formparser import FormDataParser, default_stream_factory

from api.context import options
from attendance.face_images import MOST_AT_ONCE
from errors import InvalidRequestError

TYPES = ("image/jpeg", "image/png", "image/webp", "image/heic")
_FORM = "multipart/form-data"
_UNTOLD = "application/octet-stream"
# A part more is told from too many bytes; beyond that nothing is looked at.
_MOST_PARTS = MOST_AT_ONCE + 1
_MOST_TEXT = 500_000  # the parser's own pieces of a file must fit as well
_AROUND_A_PART = 1000  # bytes: boundary, names and types

_BINARY = {"schema": {"type": "string", "format": "binary"}}


def body_doc(part: str) -> dict[str, Any]:
    """The request's body for the documentation."""
    form = {"type": "object", "required": [part], "properties": {part: {"type": "string", "format": "binary"}}}
    return {"required": True, "content": {**dict.fromkeys(TYPES, _BINARY), _FORM: {"schema": form}}}


def picture(part: str) -> bytes:
    """The encoded picture that was sent, of no more bytes than the server takes. part: its name in a form.

    Raises UnsupportedMediaType, RequestEntityTooLarge, InvalidRequestError.
    """
    if request.mimetype == _FORM:
        # not on the disk, as frames are never stored
        return next(_parts(part, 1, lambda *_, **__: io.BytesIO()))
    if not _is_picture(request.mimetype):
        raise UnsupportedMediaType(f"send a picture as {', '.join(TYPES)}, or as the part {part} of {_FORM}")
    request.max_content_length = options().max_image_bytes
    return _body()


def _is_picture(mimetype: str) -> bool:
    """Whether it may be a picture of pixels; which one, and whether it is, its content decides."""
    return (mimetype.startswith("image/") and not mimetype.endswith("+xml")) or mimetype == _UNTOLD


def _body() -> bytes:
    data = request.get_data(cache=False)
    # of a body that does not say how long it is (chunked), the framework reads as far as allowed and leaves the rest
    if len(data) == request.max_content_length and request.content_length != len(data):
        raise RequestEntityTooLarge
    return data


def many_doc(part: str) -> dict[str, Any]:
    """``body_doc`` where a form may have several pictures."""
    several = {
        "type": "array",
        "items": {"type": "string", "format": "binary"},
        "minItems": 1,
        "maxItems": MOST_AT_ONCE,
    }
    form = {"type": "object", "required": [part], "properties": {part: several}}
    return {"required": True, "content": {**dict.fromkeys(TYPES, _BINARY), _FORM: {"schema": form}}}


def pictures(part: str) -> Iterator[bytes]:
    """As ``picture``, but a form may have several parts of the name ``part``. They wait on the disk, and only one is in
    memory at a time; one of too many bytes is handed over cut off just beyond what is allowed."""
    if request.mimetype == _FORM:
        return _parts(part, MOST_AT_ONCE, default_stream_factory)
    return iter([picture(part)])


def _parts(name: str, most: int, made_for: Callable[..., IO[bytes]]) -> Iterator[bytes]:
    """The parts called ``name``. made_for: gives a file for each part."""
    limit = options().max_image_bytes
    request.max_content_length = most * (limit + _AROUND_A_PART)
    parser = FormDataParser(made_for, max_form_memory_size=_MOST_TEXT, silent=False, max_form_parts=_MOST_PARTS)
    needed = (
        f"exactly one part: the file {name}" if most == 1 else f"1 to {most} parts, all of them files called {name}"
    )
    try:
        _, form, files = parser.parse(
            request.stream, request.mimetype, request.content_length, dict(request.mimetype_params)
        )
    except ValueError as error:
        raise _refused(name, "the form cannot be read; is its boundary right and was all of it sent?") from error
    except RequestEntityTooLarge as error:
        if request.content_length is None or request.content_length > request.max_content_length:
            raise
        # of the parser, which stops at as many parts
        raise _refused(name, f"there is too much in the form; it must have {needed}") from error
    found = files.getlist(name)
    if not 1 <= len(found) <= most or len(files) > 1 or len(form):
        raise _refused(name, f"the form must have {needed}")
    for sent in found:
        if sent.mimetype and not _is_picture(sent.mimetype):
            raise UnsupportedMediaType(f"the part {name} is {sent.mimetype}; send {', '.join(TYPES)}")
    return _contents(found, limit)


def _contents(found: list[FileStorage], limit: int) -> Iterator[bytes]:
    for sent in found:
        with sent.stream as stream:
            yield stream.read(limit + 1)


def _refused(name: str, message: str) -> InvalidRequestError:
    return InvalidRequestError(message, code="form", errors=[{"field": name, "message": message}])
