"""What is no API: the page, the API's documentation, and what a monitor asks."""

from __future__ import annotations

from pathlib import Path

import flask_swagger_ui
from flask import Blueprint, Response, current_app, render_template_string, send_from_directory

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
