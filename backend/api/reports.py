"""Who was there, who is slipping; exports."""

from __future__ import annotations

from api.documented import Blueprint

blueprint = Blueprint(
    "reports", __name__, url_prefix="/api/v1/reports", description="Who was there, who is slipping; exports"
)
