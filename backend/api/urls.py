"""The URL table: every blueprint in one place."""

from __future__ import annotations

from flask import Flask

from api import (
    audit,
    auth,
    calendar,
    consents,
    courses,
    demo,
    excuses,
    faces,
    frames,
    kiosks,
    model,
    privacy,
    records,
    reports,
    review,
    roster,
    schedule,
    sessions,
    settings,
    students,
    tokens,
    training,
    users,
    warnings,
)
from api.documented import Api
from api.schemas import IdConverter, id_parameter

_RESOURCES = (
    auth,
    users,
    tokens,
    courses,
    students,
    roster,
    consents,
    faces,
    schedule,
    sessions,
    records,
    excuses,
    frames,
    kiosks,
    review,
    reports,
    calendar,
    warnings,
    model,
    training,
    audit,
    privacy,
    settings,
    demo,
)

_OPTIONS = {
    "API_TITLE": "SmartAttendance",
    "API_VERSION": "v1",
    "OPENAPI_VERSION": "3.1.0",
    "OPENAPI_URL_PREFIX": "/api",
    "OPENAPI_JSON_PATH": "openapi.json",
    "API_SPEC_OPTIONS": {
        "info": {
            "description": "Face attendance: log in or send a token, open a session, send frames, read the sheet. "
            "Every error is application/problem+json."
        },
        "components": {
            "securitySchemes": {
                "cookie": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "smartattendance",
                    "description": "Of POST /api/v1/auth/login. What changes anything also needs X-CSRF-Token.",
                },
                "token": {"type": "http", "scheme": "bearer", "description": "Of POST /api/v1/tokens."},
            }
        },
    },
}


def register(app: Flask) -> None:
    """Give ``app`` every endpoint of the API and its documentation."""
    app.config.update(_OPTIONS)
    app.url_map.converters["id"] = IdConverter
    api = Api(app)
    api.register_converter(IdConverter, id_parameter)
    for module in _RESOURCES:
        api.register_blueprint(module.blueprint)
