"""Blueprints whose documentation says, for every endpoint, who may call it and with what it may be refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from copy import deepcopy
from http import HTTPStatus
from typing import Any, TypeVar

import marshmallow as ma
from flask import Flask, Request, Response
from flask_smorest import Api as SmorestApi
from flask_smorest import Blueprint as SmorestBlueprint
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import BadRequest

from api.problems import PROBLEM_TYPE, Problem
from api.security import Rule

F = TypeVar("F", bound=Callable[..., Any])

# Any endpoint may answer these: a malformed request, too many, the server overloaded or failing.
_ALWAYS = (400, 429, 500, 503)
_PROTECTED = (401, 403)
_BODY = (413, 415)
_CHANGE = (409,)


class _Parser(FlaskParser):  # type: ignore[misc]
    def _raw_load_json(self, req: Request) -> Any:
        try:
            return super()._raw_load_json(req)
        except (ValueError, RecursionError) as error:
            # a number of thousands of digits, or lists in lists in lists: no error of syntax, says Python
            raise BadRequest("Invalid JSON body.") from error

    # an unknown field in a query is a typing error too, and would silently give another list
    DEFAULT_UNKNOWN_BY_LOCATION: Mapping[str, Any] = {
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "query": ma.RAISE,
        "query_string": ma.RAISE,
        "json": ma.RAISE,
        "form": ma.RAISE,
    }


class Blueprint(SmorestBlueprint):  # type: ignore[misc]
    """A flask-smorest blueprint. Arguments with unknown fields are refused."""

    ARGUMENTS_PARSER = _Parser()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prepare_doc_cbks.append(_document_refusals)


class Api(SmorestApi):  # type: ignore[misc]
    """flask-smorest's, with our errors in the place of its own. The document is made when it is first asked for: most
    servers are never asked, and it takes as long as everything else that they do when they start."""

    ERROR_SCHEMA = Problem

    def __init__(self, app: Flask) -> None:
        self._undocumented: list[Blueprint] = []
        self._documenting = threading.Lock()
        super().__init__(app)

    def register_blueprint(self, blueprint: Blueprint, **options: Any) -> None:
        """Serve the endpoints of ``blueprint``; they are documented later."""
        self._app.extensions["flask-smorest"]["blp_name_to_api"][blueprint.name] = self
        self._app.register_blueprint(blueprint, **options)
        self._undocumented.append(blueprint)

    def _openapi_json(self) -> Response:
        with self._documenting:
            if self._undocumented:
                super()._register_responses()
            for blueprint in self._undocumented:
                blueprint.register_views_in_doc(self, self._app, self.spec, name=blueprint.name, parameters=None)
                self.spec.tag({"name": blueprint.name, "description": blueprint.description})
            self._undocumented.clear()
        answer: Response = super()._openapi_json()
        return answer

    def _register_responses(self) -> None:
        """A part of the document, made with the rest of it."""

    def _register_error_handlers(self) -> None:
        """Errors are handled by ``api.problems``."""


def conditional(blueprint: Blueprint) -> Callable[[F], F]:
    """Document that an endpoint reads ``If-Match``; see ``api.schemas.expected_version``."""
    header = {
        "in": "header",
        "name": "If-Match",
        "required": False,
        "description": "the ETag that was read; 412 when somebody changed it since, 428 without one",
        "schema": {"type": "string"},
    }
    decorator: Callable[[F], F] = blueprint.doc(parameters=[header])
    return decorator


def _document_refusals(doc: dict[str, Any], info: Mapping[str, Any], *, method: str, **_: Any) -> dict[str, Any]:
    rule: Rule | None = info.get("rule")
    statuses = set(_ALWAYS)
    if rule is not None and rule.roles is not None:
        statuses |= {*_PROTECTED}
        doc["security"] = [{"cookie": []}, *([{"token": [str(rule.scope)]}] if rule.scope else [])]
        roles = ", ".join(sorted(role.value for role in rule.roles))
        doc["x-roles"] = sorted(role.value for role in rule.roles)
        doc["x-scope"] = str(rule.scope) if rule.scope else None
        doc["description"] = f"For: {roles}." + (f" Token scope: {rule.scope}." if rule.scope else " No tokens.")
    else:
        doc["security"] = []
        statuses |= {403}
    statuses |= {404, 422}
    if "requestBody" in doc or "requestBody" in info.get("manual_doc", {}):
        statuses |= set(_BODY)
    if method != "get":
        statuses |= set(_CHANGE)
    manual = info.get("manual_doc", {}).get("parameters", ())
    if any(item.get("name") == "If-Match" for item in manual):
        statuses |= {412, 428}
    responses = doc.setdefault("responses", {})
    for status in sorted(statuses):
        responses[str(status)] = _refusal(status)
    responses.pop("default", None)
    for status in list(responses):
        if isinstance(status, int) and str(status) in responses:
            del responses[status]
    return doc


def _refusal(status: int) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "content": {PROBLEM_TYPE: {"schema": deepcopy(_PROBLEM_REFERENCE)}},
    }
    if status in (429, 503):
        answer["headers"] = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
    return answer


_PROBLEM_REFERENCE = {"$ref": "#/components/schemas/Problem"}
