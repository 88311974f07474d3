"""The model in use, its earlier versions, going back."""

from __future__ import annotations

from api.documented import Blueprint

blueprint = Blueprint(
    "model", __name__, url_prefix="/api/v1/model", description="The model in use, its earlier versions, going back"
)
