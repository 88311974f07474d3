"""``python app.py`` with a recognizer that needs no networks. Arguments: those of app.py."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

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


def _temporary_file(*arguments: Any, **options: Any) -> Any:
    print("a temporary file was made", flush=True)
    return _make_temporary_file(*arguments, **options)


_make_temporary_file, tempfile.TemporaryFile = tempfile.TemporaryFile, _temporary_file


def application(settings: Settings | None = None) -> Flask:
    return create_app(settings, recognizer=TellingRecognizer())


if __name__ == "__main__":
    sys.exit(main(application))
