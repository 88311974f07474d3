"""Excused absences."""

from __future__ import annotations

from api.documented import Blueprint

blueprint = Blueprint("excuses", __name__, url_prefix="/api/v1", description="Excused absences")
