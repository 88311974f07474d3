"""The server publishes what changes in its model folder, and an erasure is done when the store has it too."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cluster.model_store import ModelStore
from cluster.publishing import Publisher, publisher_of
from cluster.rounds import Rounds
from errors import ConfigurationError, ModelStoreError
from recognizer.artifact import MODEL_FILE
from recognizer.history import activate, publish
from recognizer.reading import load_artifact
from support.enrolling import DrawnFaceDetector, good, png
from support.models import make_artifact
from support.service import Service, make_service, make_settings


def named(store: Path) -> str | None:
    """The version that the store says is in use."""
    try:
        return json.loads((store / "current.json").read_text())["version"]
    except FileNotFoundError:
        return None


def wait_until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(3000):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("it did not come true")


def test_what_changes_in_the_model_folder_is_published_unasked(tmp_path: Path) -> None:
    models, store = tmp_path / "models", tmp_path / "store"
    publisher = Publisher(ModelStore(str(store)), models)
    publisher.start()
    try:
        publish(models, make_artifact("v1", created_at="2026-01-01"), {})
        wait_until(lambda: named(store) == "v1")
        publish(models, make_artifact("v2", created_at="2026-01-02"), {})
        publisher.publish()
        assert named(store) == "v2"
        activate(models, "v1")
        publisher.publish_surely()
        assert named(store) == "v1" and publisher.error is None
    finally:
        publisher.close()
    publisher.close()


def test_who_must_know_is_told_that_it_is_not_published(tmp_path: Path) -> None:
    models = tmp_path / "models"
    publish(models, make_artifact("v1"), {})
    publisher = Publisher(ModelStore(str(tmp_path / "not mounted" / "store")), models)
    publisher.publish()
    assert isinstance(publisher.error, ModelStoreError)
    with pytest.raises(ModelStoreError, match="see that it is mounted"):
        publisher.publish_surely()
    (tmp_path / "not mounted").mkdir()
    publisher.publish_surely()
    assert publisher.error is None


def test_all_who_ask_wait_for_one_round_that_begins_after_they_asked() -> None:
    state, seen, let_go, waiting = {"value": 0}, [], threading.Event(), threading.Event()

    def work() -> None:
        seen.append(state["value"])
        waiting.set()
        assert let_go.wait(30)

    rounds = Rounds("looking", work, every=3600.0)
    rounds.start()
    assert waiting.wait(30)  # the first round is under way, and saw 0
    assert not rounds.now(within=0.01)
    state["value"] = 1
    answers: list[bool] = []
    asking = [threading.Thread(target=lambda: answers.append(rounds.now(30.0))) for _ in range(5)]
    for thread in asking:
        thread.start()
    wait_until(lambda: sum(thread.is_alive() for thread in asking) == 5)
    let_go.set()
    for thread in asking:
        thread.join(timeout=30)
    rounds.close()
    assert answers == [True] * 5
    # those who asked late may have needed one more
    assert seen[:2] == [0, 1] and len(seen) <= 3
    assert not rounds.now(within=30.0)


def test_what_nobody_expected_ends_no_rounds(caplog: pytest.LogCaptureFixture) -> None:
    outcomes: list[Exception | None] = [
        ZeroDivisionError("odd"),
        ModelStoreError("away"),
        ModelStoreError("away"),
        None,
    ]

    def work() -> None:
        outcome = outcomes.pop(0)
        if outcome is not None:
            raise outcome

    rounds = Rounds("looking", work, every=3600.0)
    rounds.now(1.0)
    assert isinstance(rounds.error, ModelStoreError) and "odd" in str(rounds.error)
    for _ in range(2):
        rounds.now(1.0)
        assert str(rounds.error) == "away"
    assert len(caplog.records) == 1, "a line a minute, whatever it is that fails"
    rounds.now(1.0)
    assert rounds.error is None


@pytest.fixture
def school(sqlite_service: Service, tmp_path: Path) -> Service:
    settings = make_settings(
        tmp_path, str(sqlite_service.settings.database_url), model_store=str(tmp_path / "share" / "store")
    )
    (tmp_path / "share").mkdir()
    return make_service(settings, recognizer=DrawnFaceDetector())


def test_an_erasure_is_not_done_before_the_store_has_forgotten_too(school: Service, tmp_path: Path) -> None:
    store, copy = tmp_path / "share" / "store", tmp_path / "copy"
    names = ("S1", "S2", "S3", "S4")
    ids = {name: school.student(name) for name in names}
    admin = school.admin()
    assert admin.post(f"/students/{ids['S1']}/faces", **png(good(1))).status_code == 201
    publish(school.settings.model_dir, make_artifact("v1", students=4, classes=np.array(names)), {})
    ModelStore(str(store)).push(school.settings.model_dir)
    (tmp_path / "share").rename(tmp_path / "away")
    erasure = admin.post(f"/students/{ids['S1']}/consents/withdraw").json["erasure"]
    assert erasure["completed_at"] is None and "model_store: the model store" in erasure["problem"]
    assert erasure["steps"]["models"]["rewritten"] == {"v1": "v1-e1"}
    assert gauge(school) == 1
    (tmp_path / "away").rename(tmp_path / "share")
    school.chores()
    (erasure,) = admin.get("/privacy/erasures").json["items"]
    assert erasure["completed_at"] and erasure["problem"] is None and "model_store" in erasure["steps"]
    assert erasure["steps"]["models"]["rewritten"] == {"v1": "v1-e1"}
    ModelStore(str(store)).pull(copy)
    assert load_artifact(copy / MODEL_FILE)[0].classes.tolist() == ["S2", "S3", "S4"]
    assert len(list(store.glob("*.pkl"))) == 1
    assert gauge(school) == 0


def gauge(school: Service) -> float:
    lines = school.app.test_client().get("/metrics").text.splitlines()
    (line,) = [line for line in lines if line.startswith("smartattendance_model_store_failed ")]
    return float(line.split()[1])


def test_without_a_model_store_nothing_is_published(sqlite_service: Service, tmp_path: Path) -> None:
    assert publisher_of(sqlite_service.settings) is None
    assert "model_store_failed" not in sqlite_service.app.test_client().get("/metrics").text


def test_a_model_store_of_no_use_keeps_the_server_from_starting(sqlite_service: Service, tmp_path: Path) -> None:
    settings: Any = make_settings(tmp_path, str(sqlite_service.settings.database_url), model_store="models/store")
    with pytest.raises(ConfigurationError, match="neither a whole path nor a URL"):
        make_service(settings)
