"""What is no API: the page, the documentation, health and readiness."""

from __future__ import annotations

import gzip
import re
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from api import pages
from support.recognition import FakeRecognizer
from support.service import Service, problem


@pytest.fixture
def frontend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "frontend"
    (folder / "js").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / "index.html").write_text("<title>the page</title>")
    (folder / "js" / "app.js").write_text("start()")
    (folder / ".env.js").write_text("hidden")
    (folder / ".git" / "config.txt").write_text("hidden")
    (folder / "server.py").write_text("hidden")
    (tmp_path / "outside.txt").write_text("hidden")
    monkeypatch.setattr(pages, "FRONTEND", folder)
    return folder


def test_it_is_alive_and_ready(service: Service) -> None:
    guest = service.guest()
    assert guest.get("/healthz").json == {"status": "ok"}
    assert guest.get("/readyz").json == {"status": "ready"}


def test_what_is_not_ready_is_named(sqlite_service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    guest = sqlite_service.guest()
    assert isinstance(sqlite_service.recognizer, FakeRecognizer)
    sqlite_service.recognizer.model = None
    answer = guest.get("/readyz")
    assert problem(answer) == (503, "not_ready") and int(answer.headers["Retry-After"]) > 0
    assert [error["field"] for error in answer.json["errors"]] == ["model"]
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1, 1, 99_999_999))
    assert [error["field"] for error in guest.get("/readyz").json["errors"]] == ["model", "disk"]
    with sqlite_service.database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM alembic_version")
    assert [error["field"] for error in guest.get("/readyz").json["errors"]] == ["database", "model", "disk"]
    assert guest.get("/healthz").status_code == 200


def test_a_database_that_is_gone_is_not_ready_and_who_is_logged_in_still_gets_the_page(
    sqlite_service: Service, frontend: Path
) -> None:
    browser = sqlite_service.browser(sqlite_service.user())
    sqlite_service.database.close()
    path = Path(str(sqlite_service.database.engine.url.database))
    path.unlink()
    path.mkdir()
    answer = sqlite_service.guest().get("/readyz")
    assert problem(answer) == (503, "not_ready")
    assert [error["field"] for error in answer.json["errors"]] == ["database"]
    assert browser.flask.get("/js/app.js").text == "start()" and browser.get("/healthz").status_code == 200


def test_the_page_is_served_and_asked_about_again(sqlite_service: Service, frontend: Path) -> None:
    client = sqlite_service.app.test_client()
    page = client.get("/")
    assert page.text == "<title>the page</title>" and page.content_type == "text/html; charset=utf-8"
    script = client.get("/js/app.js")
    assert script.text == "start()" and script.content_type == "text/javascript; charset=utf-8"
    assert "no-store" not in script.headers["Cache-Control"] and script.headers["ETag"]
    assert client.get("/js/app.js", headers={"If-None-Match": script.headers["ETag"]}).status_code == 304
    (frontend / "js" / "app.js").write_text("start(2)")
    again = client.get("/js/app.js", headers={"If-None-Match": script.headers["ETag"]})
    assert (again.status_code, again.text) == (200, "start(2)")


def test_the_page_is_sent_compressed_to_who_takes_it(sqlite_service: Service, frontend: Path) -> None:
    client, path = sqlite_service.app.test_client(), frontend / "js" / "app.js"
    path.write_text("start();" * 500)
    asked = {"Accept-Encoding": "gzip, br"}
    script = client.get("/js/app.js", headers=asked)
    assert script.headers["Content-Encoding"] == "gzip" and "Accept-Encoding" in script.headers["Vary"]
    assert gzip.decompress(script.data) == path.read_bytes() and len(script.data) < 200
    assert int(script.headers["Content-Length"]) == len(script.data)
    assert client.get("/js/app.js", headers={**asked, "If-None-Match": script.headers["ETag"]}).status_code == 304
    plain = client.get("/js/app.js")
    assert "Content-Encoding" not in plain.headers and plain.data == path.read_bytes()
    path.write_text("start(2);" * 500)
    assert gzip.decompress(client.get("/js/app.js", headers=asked).data) == path.read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        *("/../outside.txt", "/%2e%2e/outside.txt", "/js/..%2f..%2foutside.txt", "/..%5coutside.txt"),
        *("/.env.js", "/.git/config.txt", "/server.py", "/js", "/js/", "/nothing.js", "/%00.js", "/a%0d%0ab.js"),
        f"/{'x' * 5000}.js",
    ],
)
def test_nothing_but_the_page_is_served(sqlite_service: Service, frontend: Path, path: str) -> None:
    answer = sqlite_service.app.test_client().get(path)
    assert answer.status_code == 404 and b"hidden" not in answer.data
    assert answer.content_type == "application/problem+json"


def test_without_a_page_it_says_where_the_documentation_is(
    sqlite_service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "FRONTEND", tmp_path / "none")
    client = sqlite_service.app.test_client()
    assert 'href="/api/docs/"' in client.get("/").text
    assert client.get("/index.html").status_code == 404


def test_the_documentation_can_be_browsed(sqlite_service: Service) -> None:
    client = sqlite_service.app.test_client()
    page = client.get("/api/docs/")
    assert page.status_code == 200 and page.content_type.startswith("text/html")
    used = re.findall(r'(?:href|src)="([^"]+)"', page.text)
    assert len(used) == 3
    for path in used:
        answer = client.get(path)
        assert answer.status_code == 200 and len(answer.data) > 100
        assert answer.content_type.split(";")[0] in ("text/css", "text/javascript")
    assert "'unsafe-inline'" not in page.headers["Content-Security-Policy"].partition("style-src")[0]


def test_the_document_of_the_api_is_valid(sqlite_service: Service) -> None:
    document = sqlite_service.app.test_client().get("/api/openapi.json").json
    assert document["openapi"].startswith("3.1.")
    OPENAPI_31_VALIDATOR.validate(document)


def test_the_document_of_the_api_refers_to_nothing_that_is_not_there(sqlite_service: Service) -> None:
    document = sqlite_service.app.test_client().get("/api/openapi.json").json
    references = set(_references(document))
    assert "#/components/schemas/Problem" in references
    for reference in references:
        found = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
    known = set(document["components"]["securitySchemes"])
    for path, item in document["paths"].items():
        shared = item.get("parameters", [])
        for method, operation in item.items():
            if method == "parameters":
                continue
            inside = {p["name"] for p in [*shared, *operation.get("parameters", [])] if p["in"] == "path"}
            assert inside == set(re.findall(r"{(\w+)}", path)), (method, path)
            assert operation["summary"] and any(status.startswith("2") for status in operation["responses"])
            assert {name for needed in operation["security"] for name in needed} <= known


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for below in node.values() for found in _references(below)]
    return [found for below in node for found in _references(below)] if isinstance(node, list) else []
