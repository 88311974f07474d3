"""Students."""

from __future__ import annotations

from api.documented import Blueprint

blueprint = Blueprint("students", __name__, url_prefix="/api/v1/students", description="Students")
