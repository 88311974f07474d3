"""``training.log`` in the model folder: what was found and done, training after training."""

from __future__ import annotations

import logging
from pathlib import Path
from types import TracebackType

from errors import ConfigurationError, SmartAttendanceError
from recognizer.durable_files import make_private_file, make_private_folder

LOG_FILE = "training.log"
INTERRUPTED_TEXT = "Interrupted. The model that was in use is unchanged; what was embedded so far is remembered."

_logger = logging.getLogger(__name__)


class TrainingLog:
    """Everything logged while it is open goes into ``folder``'s training.log as well, and so does how it ended."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOG_FILE

    def __enter__(self) -> None:
        """Raises ConfigurationError when the file cannot be written."""
        try:
            make_private_folder(self._path.parent)
            make_private_file(self._path)
            self._handler: logging.Handler = logging.FileHandler(self._path, encoding="utf-8", errors="replace")
        except OSError as error:
            raise ConfigurationError(
                f"{self._path} cannot be written: {error.strerror or error}. Correct the permissions of the model's "
                "folder, or name another one with --output"
            ) from error
        self._handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        root = logging.getLogger()
        self._level = root.level
        root.setLevel(logging.INFO)
        root.addHandler(self._handler)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, SmartAttendanceError):
            _logger.error("%s", error)
        elif isinstance(error, KeyboardInterrupt):
            _logger.warning(INTERRUPTED_TEXT)
        elif error is not None:
            _logger.error("the training broke off", exc_info=error)
        root = logging.getLogger()
        root.removeHandler(self._handler)
        root.setLevel(self._level)
        self._handler.close()
