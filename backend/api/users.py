"""Accounts."""

from __future__ import annotations

from api.documented import Blueprint

blueprint = Blueprint("users", __name__, url_prefix="/api/v1/users", description="Accounts")
