"""Keys of programs."""

from __future__ import annotations

from api.documented import Blueprint

blueprint = Blueprint("tokens", __name__, url_prefix="/api/v1/tokens", description="Keys of programs")
