"""Frames of the camera."""

from __future__ import annotations

from api.documented import Blueprint

blueprint = Blueprint("frames", __name__, url_prefix="/api/v1", description="Frames of the camera")
