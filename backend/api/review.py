"""Doubtful faces for a person to decide about."""

from __future__ import annotations

from api.documented import Blueprint

blueprint = Blueprint(
    "review", __name__, url_prefix="/api/v1/review", description="Doubtful faces for a person to decide about"
)
