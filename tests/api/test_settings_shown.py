"""An admin sees what the server was started with, and no secret."""

from __future__ import annotations

from support.service import Service


def test_settings_are_shown_without_secrets(sqlite_service: Service) -> None:
    answer = sqlite_service.admin().get("/settings")
    shown = {item["variable"]: item for item in answer.json}
    assert shown["SMARTATTENDANCE_EMBEDDER"]["value"] == "dlib" and not shown["SMARTATTENDANCE_EMBEDDER"]["is_default"]
    assert shown["SMARTATTENDANCE_SECRET_KEY"]["value"] == "set"
    assert shown["SMARTATTENDANCE_METRICS_TOKEN"]["value"] is None
    assert sqlite_service.settings.secret_key not in answer.text
    assert "sqlite" not in shown["DATABASE_URL"]["value"]
