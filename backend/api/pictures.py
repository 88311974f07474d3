"""A picture in a request's body: as it is, or as the one part of a form."""

from __future__ import annotations

import io
from typing import IO, Any

from flask import request
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.formparser import FormDataParser

from api.context import options
from errors import InvalidRequestError

TYPES = ("image/jpeg", "image/png", "image/webp")
_FORM = "multipart/form-data"
# More than one part is refused anyhow; more than these, or more bytes of text, are not even looked at.
_MOST_PARTS = 8
_MOST_TEXT = 500_000  # the parser's own pieces of a file must fit as well

_BINARY = {"schema": {"type": "string", "format": "binary"}}


def body_doc(part: str) -> dict[str, Any]:
    """The request's body for the documentation."""
    form = {"type": "object", "required": [part], "properties": {part: {"type": "string", "format": "binary"}}}
    return {"required": True, "content": {**dict.fromkeys(TYPES, _BINARY), _FORM: {"schema": form}}}


def picture(part: str) -> bytes:
    """The encoded picture that was sent, of no more bytes than the server takes. part: its name in a form.

    Raises UnsupportedMediaType, RequestEntityTooLarge, InvalidRequestError.
    """
    request.max_content_length = options().max_image_bytes
    if request.mimetype in TYPES:
        return _body()
    if request.mimetype == _FORM:
        return _part(part)
    raise UnsupportedMediaType(f"send a picture as {', '.join(TYPES)}, or as the part {part} of {_FORM}")


def _body() -> bytes:
    data = request.get_data(cache=False)
    # of a body that does not say how long it is (chunked), the framework reads as far as allowed and leaves the rest
    if len(data) == request.max_content_length and request.content_length != len(data):
        raise RequestEntityTooLarge
    return data


def many_doc(part: str) -> dict[str, Any]:
    """``body_doc`` where a form may have several pictures."""
    several = {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1, "maxItems": _MOST_PARTS}
    form = {"type": "object", "required": [part], "properties": {part: several}}
    return {"required": True, "content": {**dict.fromkeys(TYPES, _BINARY), _FORM: {"schema": form}}}


def pictures(part: str) -> list[bytes]:
    """As ``picture``, but a form may have several parts of the name ``part``."""
    request.max_content_length = options().max_image_bytes
    return _parts(part, _MOST_PARTS) if request.mimetype == _FORM else [picture(part)]


def _part(name: str) -> bytes:
    return _parts(name, 1)[0]


def _parts(name: str, most: int) -> list[bytes]:
    # not request.files: that writes larger parts to the disk, and frames are never stored
    parser = FormDataParser(_in_memory, max_form_memory_size=_MOST_TEXT, silent=False, max_form_parts=_MOST_PARTS)
    try:
        _, form, files = parser.parse(
            request.stream, request.mimetype, request.content_length, dict(request.mimetype_params)
        )
    except ValueError as error:
        raise _refused(name, "the form cannot be read; is its boundary right and was all of it sent?") from error
    found = files.getlist(name)
    if not 1 <= len(found) <= most or len(files) > 1 or len(form):
        parts = "exactly one part: the file" if most == 1 else f"1 to {most} parts, all of them files called"
        raise _refused(name, f"the form must have {parts} {name}")
    return [_content(name, sent) for sent in found]


def _content(name: str, sent: FileStorage) -> bytes:
    if sent.mimetype not in (*TYPES, "application/octet-stream", ""):
        raise UnsupportedMediaType(f"the part {name} is {sent.mimetype}; send {', '.join(TYPES)}")
    return sent.stream.read()


def _refused(name: str, message: str) -> InvalidRequestError:
    return InvalidRequestError(message, code="form", errors=[{"field": name, "message": message}])


def _in_memory(*_: Any, **__: Any) -> IO[bytes]:
    return io.BytesIO()
