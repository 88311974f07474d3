"""The API does what its own document says, for everything that it allows and much that it forbids.

Schemathesis makes the requests from the document: right ones, wrong ones, none that its author thought of.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from support.databases import empty, postgres_server, sqlite_database
from support.service import make_service, make_settings
from support.world import World, documented_endpoints, make_world

# Each is a promise of the document that the author of a client relies on.
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]


@pytest.fixture(scope="module")
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("described")
    if postgres_server() is None:
        url = sqlite_database(tmp_path_factory.getbasetemp(), folder)
    else:
        # it is the stricter of the two: what it takes, SQLite takes
        url = request.getfixturevalue("postgres_url")
        empty(url)
    made = make_service(make_settings(folder, url))
    yield make_world(made)
    made.database.close()


@pytest.fixture(scope="module")
def document(world: World) -> Any:
    return schemathesis.openapi.from_wsgi("/api/openapi.json", world.service.app)


@pytest.fixture(scope="module")
def headers(world: World) -> dict[str, str]:
    return world.service.admin().headers


@pytest.mark.parametrize("operation", documented_endpoints())
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
def test_every_answer_is_as_documented(
    operation: str, mode: GenerationMode, document: Any, headers: dict[str, str], world: World
) -> None:
    method, path = operation.split(" ")
    answers = 0

    @given(document[path][method].as_strategy(generation_mode=mode))
    @settings(max_examples=6, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    def run(case: Any) -> None:
        nonlocal answers
        if mode is GenerationMode.POSITIVE:
            # a number made up finds nothing; these are of things that are there
            case.path_parameters.update({name: world.ids[name] for name in case.path_parameters if name in world.ids})
        case.call_and_validate(checks=CHECKS, headers=headers)
        answers += 1

    try:
        run()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # nothing of it can be wrong
        return
    assert answers
