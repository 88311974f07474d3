"""Retention, erasure, a student's own data."""

from __future__ import annotations

from api.documented import Blueprint

blueprint = Blueprint(
    "privacy", __name__, url_prefix="/api/v1/privacy", description="Retention, erasure, a student's own data"
)
