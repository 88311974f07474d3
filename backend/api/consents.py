"""Consents, and their withdrawal."""

from __future__ import annotations

from api.documented import Blueprint

blueprint = Blueprint("consents", __name__, url_prefix="/api/v1", description="Consents, and their withdrawal")
