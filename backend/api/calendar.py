"""Sessions for calendar programs."""

from __future__ import annotations

from api.documented import Blueprint

blueprint = Blueprint("calendar", __name__, url_prefix="/api/v1", description="Sessions for calendar programs")
