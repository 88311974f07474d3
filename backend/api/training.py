"""Training a new model."""

from __future__ import annotations

from api.documented import Blueprint

blueprint = Blueprint("training", __name__, url_prefix="/api/v1/training", description="Training a new model")
