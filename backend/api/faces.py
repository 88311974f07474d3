"""Face images of students with consent."""

from __future__ import annotations

from api.documented import Blueprint

blueprint = Blueprint("faces", __name__, url_prefix="/api/v1", description="Face images of students with consent")
