"""How often something may be asked: passwords tried, frames sent. Counted where SMARTATTENDANCE_RATE_LIMIT_STORAGE
says."""

from __future__ import annotations

from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

limiter = Limiter(get_remote_address, headers_enabled=True, swallow_errors=False)
