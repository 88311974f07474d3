"""When courses meet."""

from __future__ import annotations

from api.documented import Blueprint

blueprint = Blueprint("schedule", __name__, url_prefix="/api/v1", description="When courses meet")
