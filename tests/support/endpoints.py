"""Which endpoint of the API a guide means."""

from __future__ import annotations

import re
from functools import cache

from support.world import documented_endpoints

# Of no API, and in no document of it.
PLAIN = frozenset({"GET /healthz", "GET /readyz", "GET /metrics", "GET /api/docs/", "GET /api/openapi.json"})


def is_endpoint(method: str, path: str) -> bool:
    """Whether there is such an endpoint. path: with numbers, variables or words in the place of its parameters, with or
    without /api/v1 and a query."""
    path = path.partition("?")[0]
    if f"{method} {path}" in PLAIN:
        return True
    path = path if path.startswith("/api/") else f"/api/v1{path}"
    return any(pattern.fullmatch(f"{method} {path}") for pattern in _patterns())


@cache
def _patterns() -> list[re.Pattern[str]]:
    # a parameter matches what is no word of the API's own, so that a misspelt word is not taken for one
    return [
        re.compile(re.sub(r"\\\{\w+\\\}", r"(?:\\d+|[A-Z]+|\\$\\w+|csv|xlsx)", re.escape(endpoint)))
        for endpoint in documented_endpoints()
    ]
