"""Settings: what the environment says, checked; errors that a user can act on; secrets that stay secret."""

from __future__ import annotations

import logging
from dataclasses import fields, replace
from pathlib import Path

import pytest

import config
from config import Settings, settings_table, variable
from errors import ConfigurationError
from setting_kinds import Secret

BACKEND = Path(config.__file__).resolve().parent
KEY = "k3y-" * 8


def test_defaults_are_valid_and_lie_beside_the_program() -> None:
    settings = Settings.from_env({})
    assert settings == Settings()
    assert settings.dataset_dir == BACKEND / "dataset" / "processed"
    assert settings.model_dir == BACKEND / "models" / "Classifier"
    assert settings.cache_dir is None and settings.facenet_weights is None and settings.model_signing_key is None
    assert settings.detector_thresholds == (0.6, 0.7, 0.7)


def test_process_environment_is_read_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMARTATTENDANCE_MAX_FACES_PER_IMAGE", "7")
    assert Settings.from_env().max_faces_per_image == 7


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("embedder", "DLIB", "dlib"),
        ("device", " cpu ", "cpu"),
        ("allow_download", "No", False),
        ("allow_download", "1", True),
        ("threads", "2", 2),
        ("min_face_size", "12", 12),
        ("detector_thresholds", "0.5, 0.6 ,0.9", (0.5, 0.6, 0.9)),
        ("detector_min_probability", "0", 0.0),
        ("max_image_bytes", "1000000000", 1_000_000_000),
        ("model_poll_seconds", "1.5", 1.5),
        ("model_signing_key", KEY, KEY),
        # relative paths do not depend on where the program was started
        ("model_dir", "models/other", BACKEND / "models" / "other"),
    ],
)
def test_values_are_parsed(name: str, text: str, expected: object) -> None:
    settings = Settings.from_env({variable(name): text})
    assert getattr(settings, name) == expected
    assert replace(settings, **{name: getattr(Settings(), name)}) == Settings(), "another setting changed too"


def test_absolute_paths_and_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    environ = {variable("dataset_dir"): str(tmp_path / "photos"), variable("cache_dir"): "~/cache"}
    settings = Settings.from_env(environ)
    assert settings.dataset_dir == tmp_path / "photos"
    assert settings.cache_dir == tmp_path / "cache"


@pytest.mark.parametrize("text", ["", "   "])
def test_empty_variable_counts_as_not_set(text: str) -> None:
    assert Settings.from_env({variable(item.name): text for item in fields(Settings)}) == Settings()


@pytest.mark.parametrize(
    ("name", "text", "allowed"),
    [
        ("embedder", "arcface", "auto, facenet, dlib, both or onnx"),
        ("device", "cuda:9x", "auto, cpu, cuda or mps"),
        ("allow_download", "maybe", "true or false"),
        ("threads", "-1", "a whole number from 0 to 1024 (processor cores)"),
        ("threads", "2.5", "a whole number from 0 to 1024 (processor cores)"),
        ("min_face_size", "11", "a whole number from 12 to 2000 (pixels)"),
        ("detector_thresholds", "0.6,0.7", "3 numbers above 0 and below 1"),
        ("detector_thresholds", "0.6,0.7,1.0", "3 numbers above 0 and below 1"),
        ("detector_thresholds", "0.6,0.7,nan", "3 numbers above 0 and below 1"),
        ("detector_thresholds", "a,b,c", "3 numbers above 0 and below 1"),
        ("detector_min_probability", "1", "a number from 0 to below 1"),
        ("detector_min_probability", "nan", "a number from 0 to below 1"),
        ("max_image_bytes", "20MB", "a whole number from 1000 to 1000000000 (bytes)"),
        ("max_image_pixels", "0", "a whole number from 10000 to 1000000000 (pixels)"),
        ("max_faces_per_image", "0", "a whole number from 1 to 1000 (faces)"),
        ("model_poll_seconds", "inf", "a number from 0.05 to 60 (seconds)"),
        ("model_dir", "a\0b", "the path of a folder"),
    ],
)
def test_wrong_value_is_refused_with_variable_value_and_what_is_allowed(name: str, text: str, allowed: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_env({variable(name): text})
    message = str(caught.value)
    assert message.startswith(f"{variable(name)} is {text!r}; allowed is ")
    assert allowed in message


def test_a_long_wrong_value_does_not_fill_the_screen() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_env({variable("embedder"): "x" * 10_000})
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    "changes",
    [
        {"min_face_size": 5},
        {"min_face_size": True},
        {"min_face_size": "40"},
        {"detector_thresholds": (0.6, 0.7)},
        {"detector_thresholds": ("0.6", "0.7", "0.7")},
        {"allow_download": "yes"},
        {"dataset_dir": "photos"},
        {"dataset_dir": None},
        {"model_signing_key": "short"},
    ],
)
def test_settings_made_in_code_are_checked_too(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match=variable(next(iter(changes)))):
        Settings(**changes)  # type: ignore[arg-type]


def test_short_signing_key_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_env({variable("model_signing_key"): "hunter2hunter2"})
    message = str(caught.value)
    assert variable("model_signing_key") in message and "14 characters" in message and "at least 32" in message
    assert "hunter2" not in message
    assert caught.value.__cause__ is None and caught.value.__context__ is None


def test_no_secret_in_repr() -> None:
    secrets = [item for item in fields(Settings) if isinstance(item.metadata["kind"], Secret)]
    assert "model_signing_key" in {item.name for item in secrets}
    settings = Settings(**{item.name: KEY for item in secrets})  # type: ignore[arg-type]
    assert KEY not in repr(settings) and KEY not in str(settings)
    assert "min_face_size=40" in repr(settings)


def test_settings_cannot_be_changed_behind_the_check() -> None:
    with pytest.raises(AttributeError):
        Settings().min_face_size = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("found", "meant"),
    [
        ("SMARTATTENDANCE_MIN_FACESIZE", "SMARTATTENDANCE_MIN_FACE_SIZE"),
        ("SMARTATTENDANCE_MODEL_SIGNINGKEY", "SMARTATTENDANCE_MODEL_SIGNING_KEY"),
        ("SmartAttendance_Device", "SMARTATTENDANCE_DEVICE"),
    ],
)
def test_misspelt_variable_is_named_with_the_closest_setting(
    found: str, meant: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert Settings.from_env({found: "some-secret-value"}) == Settings()
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert found in record.getMessage() and f"did you mean {meant}?" in record.getMessage()
    assert "some-secret-value" not in record.getMessage(), "a misspelt variable may hold a secret"


def test_known_and_foreign_variables_give_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    environ = {"SMARTATTENDANCE_TEST_DATA": "somewhere", "PATH": "x", "SMARTATTENDANCE_THREADS": "2"}
    with caplog.at_level(logging.WARNING):
        assert Settings.from_env(environ).threads == 2
    assert not caplog.records


def test_every_setting_states_help_reason_and_unit() -> None:
    assert len(fields(Settings)) >= 16
    for item in fields(Settings):
        assert item.metadata["help"].endswith("."), item.name
        assert item.metadata["reason"].endswith("."), item.name
        assert item.metadata["unit"], item.name


def test_table_has_one_row_for_each_setting_and_nothing_of_this_machine() -> None:
    header, rule, *rows = settings_table().splitlines()
    assert header.startswith("| Variable ") and set(rule) == {"|", "-"}
    assert [row.split("`")[1] for row in rows] == [variable(item.name) for item in fields(Settings)]
    assert {row.count("|") for row in rows} == {5}
    assert str(BACKEND) not in settings_table() and str(Path.home()) not in settings_table()
    assert "| `0.6,0.7,0.7` |" in settings_table() and "| `true` |" in settings_table()
