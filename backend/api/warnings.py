"""Rules that raise a warning, and the warnings."""

from __future__ import annotations

from api.documented import Blueprint

blueprint = Blueprint(
    "warnings", __name__, url_prefix="/api/v1", description="Rules that raise a warning, and the warnings"
)
