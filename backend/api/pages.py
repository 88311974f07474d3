"""What is no API: the page, the API's documentation, and what a monitor asks."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path

import flask_swagger_ui
from flask import Blueprint, Response, current_app, render_template_string, request, send_from_directory
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import NotFound
from werkzeug.routing import PathConverter

from api.context import options, services
from api.problems import problem
from attendance.database import is_ready
from errors import ModelNotFoundError

# The page for the classroom: static files, of which index.html is the one that is opened.
FRONTEND = Path(__file__).resolve().parents[2] / "frontend"
# By what a file's name ends. Said here, because Windows lets any program change what it believes.
_KINDS = {
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript",
    ".mp3": "audio/mpeg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".wav": "audio/wav",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
_COMPRESSED = frozenset({"text/css", "text/html", "text/javascript", "application/json", "image/svg+xml", "text/plain"})
# Below this the database, a training or a log may fail in the middle of what it does.
_LEAST_FREE_BYTES = 100_000_000
_RETRY_SECONDS = 10

_NO_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>SmartAttendance</title>
</head>
<body>
<h1>SmartAttendance</h1>
<p>The server is running; it was installed without the page for the classroom.
How to make the first admin, and how a program logs in, is in the README.</p>
<p><a href="/api/docs/">The documentation of its API</a></p>
</body>
</html>
"""
_SWAGGER_UI = Path(flask_swagger_ui.__file__).with_name("dist")

_DOCS = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>SmartAttendance API</title>
<link rel="stylesheet" href="/api/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/api/docs/swagger-ui-bundle.js"></script>
<script src="/api/docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "/api/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  // the browser's login counts here too; what changes anything needs its token
  requestInterceptor: async (request) => {
    if (!["GET", "HEAD"].includes(request.method || "GET") && !request.headers.Authorization) {
      const me = await fetch("/api/v1/auth/me");
      if (me.ok) request.headers["X-CSRF-Token"] = (await me.json()).csrf_token;
    }
    return request;
  },
});
"""
# The documentation's own library sets styles inline; nothing else is allowed it.
_DOCS_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"

blueprint = Blueprint("pages", __name__)


class _PagePath(PathConverter):
    """Any path but those of the API, where nothing is a file."""

    regex = "(?!api(?:/|$))[^/].*?"


@blueprint.record
def _register_converter(state: BlueprintSetupState) -> None:
    state.app.url_map.converters["page"] = _PagePath


@blueprint.get("/")
def start() -> Response:
    if (FRONTEND / "index.html").is_file():
        return _file("index.html")
    return Response(_NO_PAGE, mimetype="text/html")


@blueprint.get("/<page:name>")
def file(name: str) -> Response:
    return _file(name)


@blueprint.get("/api/docs/")
def documentation() -> Response:
    response = Response(render_template_string(_DOCS), mimetype="text/html")
    response.headers["Content-Security-Policy"] = _DOCS_POLICY
    return response


@blueprint.get("/api/docs/start.js")
def documentation_start() -> Response:
    return Response(_START, mimetype="text/javascript")


@blueprint.get("/api/docs/<any('swagger-ui.css', 'swagger-ui-bundle.js'):name>")
def documentation_file(name: str) -> Response:
    return send_from_directory(_SWAGGER_UI, name, max_age=86400)


@blueprint.get("/healthz")
def alive() -> Response:
    return current_app.response_class('{"status": "ok"}\n', mimetype="application/json")


@blueprint.get("/readyz")
def ready() -> Response:
    """Whether this process can take attendance. It answers at all only when networks and model have been loaded."""
    missing = dict(_missing())
    if not missing:
        return current_app.response_class('{"status": "ready"}\n', mimetype="application/json")
    return problem(
        503,
        "not_ready",
        "; ".join(missing.values()),
        errors=[{"field": name, "message": message} for name, message in missing.items()],
        headers={"Retry-After": str(_RETRY_SECONDS)},
    )


def _missing() -> Iterator[tuple[str, str]]:
    """What is not ready, and why; nothing that only the server's people should know."""
    found = services()
    if not is_ready(found.database):
        yield "database", "the database does not answer or is not up to date"
    status = found.recognizer.model_status()
    if status.current is None:
        refused = status.refused is not None and status.refused_code != ModelNotFoundError.code
        yield "model", "the model was refused; GET /api/v1/model says why" if refused else "there is none; train one"
    try:
        free = shutil.disk_usage(options().data_dir).free
    except OSError:
        free = 0
    if free < _LEAST_FREE_BYTES:
        yield "disk", f"the disk of the data folder has less than {_LEAST_FREE_BYTES // 1_000_000} MB free"


def _file(name: str) -> Response:
    """A file of the page, which the browser keeps and asks about each time. Raises NotFound."""
    parts = name.split("/")
    kind = _KINDS.get(Path(name).suffix.lower())
    # names with a dot in front are tools' files; other kinds are none of the page's
    if kind is None or any(part.startswith(".") for part in parts):
        raise NotFound
    response = send_from_directory(FRONTEND, name, mimetype=kind)
    # weak: compressed or not, it is the same file
    response.set_etag(response.get_etag()[0] or "", weak=True)
    if kind in _COMPRESSED:
        response.vary.add("Accept-Encoding")
        if response.status_code == HTTPStatus.OK and request.accept_encodings["gzip"]:
            path = FRONTEND / name
            response.direct_passthrough = False
            response.set_data(_gzipped(path, path.stat().st_mtime_ns))
            response.content_encoding = "gzip"
    return response


@lru_cache(maxsize=256)
def _gzipped(path: Path, _changed: int) -> bytes:
    # no time of day in it: the same file gives the same bytes
    return gzip.compress(path.read_bytes(), mtime=0)
