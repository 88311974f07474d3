"""Class sessions, from scheduled to locked."""

from __future__ import annotations

from api.documented import Blueprint

blueprint = Blueprint(
    "sessions", __name__, url_prefix="/api/v1", description="Class sessions, from scheduled to locked"
)
