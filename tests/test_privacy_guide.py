"""docs/PRIVACY.md lists what the program keeps, and says how long as the program does."""

from __future__ import annotations

import dataclasses
import re
from datetime import timedelta
from pathlib import Path

import connections
from attendance import face_images, frames_taken, review
from attendance.links import LASTS
from attendance.models import Base
from config import Settings, variable
from operations import erasure_journal, review_crops, training_files
from recognizer import crops
from serving import _LOG_BYTES, _LOG_FILES, _parser
from support.endpoints import is_endpoint
from support.service import Service
from training import duplicates

ROOT = Path(__file__).resolve().parents[1]
GUIDE = (ROOT / "docs" / "PRIVACY.md").read_text(encoding="utf-8")
QUEUE = (ROOT / "frontend" / "js" / "live" / "frame_queue.js").read_text(encoding="utf-8")


def part(heading: str) -> str:
    return GUIDE.split(f"## {heading}\n")[1].split("\n## ")[0]


def says(text: str) -> bool:
    return text in " ".join(GUIDE.split())


def test_every_table_is_listed_once() -> None:
    rows = re.findall(r"^\| (`.*?`) \|", part("What is kept in the database"), re.MULTILINE)
    listed = re.findall(r"`(\w+)`", " ".join(rows))
    assert sorted(listed) == sorted(Base.metadata.tables)


def test_it_says_how_long_things_are_kept() -> None:
    settings = Settings()
    assert says(
        f"`SMARTATTENDANCE_REVIEW_CROP_DAYS`, {settings.review_crop_days:g} days; once it is decided, 5 minutes"
    )
    assert timedelta(minutes=5) == review.KEPT_FOR_UNDO
    assert says(f"`SMARTATTENDANCE_FRAME_RECORD_DAYS`, {settings.frame_record_days:g} days")
    assert settings.frame_record_days == 30 and says("for their 30 days") and says("30 days, the same setting")
    assert says("an hour; if a sighting came of it") and timedelta(hours=1) == frames_taken.REMEMBERED
    assert says(f"the log {training_files._LOGS_KEPT.days} days, the rest goes with the training")
    assert says(f"can tell who was erased | {erasure_journal.KEPT.days} days")
    assert says(f"{max(LASTS.values()) // timedelta(hours=1)} hours at most")
    assert says(f"{_LOG_BYTES * (_LOG_FILES + 1) // 1_000_000} MB, then the oldest goes")
    assert says("two sightings within ten seconds make a mark")
    assert (settings.confirm_sightings, settings.confirm_window_seconds) == (2, 10)
    assert says("for three days after a class without reopening it") and settings.lock_after_hours == 72


def test_it_says_how_much_is_kept() -> None:
    assert says(f"at most {crops.KEPT_SIZE} pixels and {face_images.MOST_IMAGES} a student")
    assert says(f"at most {review_crops.LONGEST_SIDE} pixels")
    assert says(f"more than {connections.MOST_IN_MEMORY // 2**20} MB of uploads")
    assert says(f"in grey at {duplicates.THUMBNAIL_SIZE} x {duplicates.THUMBNAIL_SIZE} pixels")
    assert says("at most 300 of a session | they are sent; they are two hours old")
    assert "const MOST = 300;" in QUEUE and "const OLDEST_MS = 2 * 3600 * 1000;" in QUEUE


def test_it_says_how_often_is_erased(sqlite_service: Service) -> None:
    chores = {each.name: each.every for each in sqlite_service.app.extensions["housekeeping"]._chores}
    assert says("What is due is deleted every five minutes") and chores["retention"] == 300
    assert says("After a crash or an error the server tries again every half minute") and chores["erasures"] == 30


def test_every_endpoint_setting_and_command_that_it_names_exists() -> None:
    named = re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`]*)`", GUIDE)
    assert len(named) > 12
    assert [f"{method} {path}" for method, path in named if not is_endpoint(method, path)] == []
    known = {variable(each.name) for each in dataclasses.fields(Settings)}
    assert set(re.findall(r"\b(?:SMARTATTENDANCE_[A-Z_]+|DATABASE_URL)\b", GUIDE)) <= known
    commands = re.findall(r"python app\.py ([^`]*)`", GUIDE)
    assert len(commands) >= 2
    for command in commands:
        _parser().parse_args(command.split())
