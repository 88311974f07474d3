"""``python app.py`` for whoever follows the guide to the API: drawn photos in the place of networks, the training made
up as in ``fake_training``. Arguments: those of app.py.

GUIDE_CLOCK names a file with the seconds that the server's clock is ahead: who would wait for the server writes there.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent / "backend")]

from flask import Flask  # noqa: E402

import app  # noqa: E402
from api.context import Services  # noqa: E402
from attendance import settling  # noqa: E402
from config import Settings  # noqa: E402
from serving import main  # noqa: E402
from support.enrolling import DrawnFaceDetector  # noqa: E402


class AheadClock:
    def __init__(self, file: Path) -> None:
        self._file = file

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(self._file.read_text("utf-8")))


def application(settings: Settings) -> Flask:
    app.TRAINING_COMMAND = TESTS / "support" / "fake_training.py"
    made = app.create_app(settings, recognizer=DrawnFaceDetector(), clock=AheadClock(Path(os.environ["GUIDE_CLOCK"])))
    made.extensions["housekeeping"].start()
    threading.Thread(target=settle, args=[app.services_of(made)], daemon=True).start()
    return made


def settle(services: Services) -> None:
    """By a clock that is ahead, sessions settle sooner than the server looks after them."""
    while True:
        settling.tend(services.database, services.policy, services.clock.now())
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main(application))
