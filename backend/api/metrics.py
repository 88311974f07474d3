"""What a monitor reads: GET /metrics, in Prometheus' format."""

from __future__ import annotations

import hmac
import time
from ipaddress import ip_address

from flask import Blueprint, Flask, Response, g, request

from api.context import options, services
from api.security import public
from attendance.actor import Actor
from attendance.models import Role
from attendance.scopes import Scope
from errors import ForbiddenError
from operations.metrics import CONTENT_TYPE

# Set by proxies: then the request does not come from where the connection does.
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP")

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
@public
def read() -> Response:
    """For this machine, whoever has SMARTATTENDANCE_METRICS_TOKEN, and admins (tokens: admin:read)."""
    if not (_is_local() or _has_token() or _is_admin()):
        raise ForbiddenError(
            "metrics are for this machine, for the token in SMARTATTENDANCE_METRICS_TOKEN as Authorization: Bearer, "
            "and for admins (a token needs the scope admin:read)",
            code="metrics",
        )
    return Response(services().metrics.text(), content_type=CONTENT_TYPE)


def count_requests(app: Flask) -> None:
    """Have every request of ``app`` counted and timed."""

    @app.before_request
    def _begin() -> None:
        g.begun = time.perf_counter()

    @app.after_request
    def _count(response: Response) -> Response:
        seconds = time.perf_counter() - g.get("begun", time.perf_counter())
        services().metrics.request(request.endpoint or "none", request.method, response.status_code, seconds)
        return response


def _is_local() -> bool:
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


def _has_token() -> bool:
    wanted = options().metrics_token
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    if wanted is None or kind.lower() != "bearer":
        return False
    return hmac.compare_digest(given.strip().encode("utf-8", "replace"), wanted.encode("utf-8", "replace"))


def _is_admin() -> bool:
    actor: Actor | None = g.get("actor")
    if actor is None or actor.role is not Role.ADMIN:
        return False
    return actor.scopes is None or Scope.ADMIN_READ in actor.scopes
