"""Who did what."""

from __future__ import annotations

from api.documented import Blueprint

blueprint = Blueprint("audit", __name__, url_prefix="/api/v1/audit", description="Who did what")
