"""Marks, their corrections and their history."""

from __future__ import annotations

from api.documented import Blueprint

blueprint = Blueprint(
    "records", __name__, url_prefix="/api/v1", description="Marks, their corrections and their history"
)
