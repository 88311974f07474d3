"""``python app.py`` with a recognizer that needs no networks. Arguments: those of app.py."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2] / "backend"), str(Path(__file__).resolve().parents[1])]

from flask import Flask  # noqa: E402

from app import create_app  # noqa: E402
from config import Settings  # noqa: E402
from serving import main  # noqa: E402
from support.recognition import FakeRecognizer  # noqa: E402


class TellingRecognizer(FakeRecognizer):
    def start(self) -> None:
        super().start()
        print("the recognizer was started", flush=True)

    def close(self) -> None:
        super().close()
        print("the recognizer was closed", flush=True)


def application(settings: Settings | None = None) -> Flask:
    return create_app(settings, recognizer=TellingRecognizer())


if __name__ == "__main__":
    sys.exit(main(application))
