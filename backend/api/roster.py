"""Who is enrolled in a course; importing and exporting it."""

from __future__ import annotations

from api.documented import Blueprint

blueprint = Blueprint(
    "roster", __name__, url_prefix="/api/v1", description="Who is enrolled in a course; importing and exporting it"
)
