"""The recognizer as the server uses it: one object that the whole process shares."""

from __future__ import annotations

from typing import Protocol

from operations.cameras import Camera
from recognizer.loader import LoaderStatus
from recognizer.types import DetectedFace, RecognitionResult, RGBImage


class Recognizer(Protocol):
    """What ``create_app`` takes as its recognizer. Thread-safe."""

    def start(self) -> None:
        """Load the networks and the model, and try them once, so that the first frame is as fast as the next."""
        ...

    def close(self) -> None: ...

    def recognize(
        self,
        image: RGBImage,
        *,
        among: frozenset[str] | None = None,
        without: frozenset[str] = frozenset(),
        camera: Camera | None = None,
    ) -> RecognitionResult:
        """Everybody in ``image`` (H, W, 3) uint8.

        among: the student ids a face may be named as or be in doubt between; None for all. Somebody who is enrolled but
        not among them is still recognised when nearer than all of these, so that they are not mistaken for one.
        without: ids that must not be named whatever the model knows (consent withdrawn). camera: the
        one that the picture is the newest of, whose faces may be followed from frame to frame; None for a single
        picture. Raises ModelNotFoundError when there is no model yet, BusyError (``older_model``) when there is only an
        older one than ``camera`` asks for.
        """
        ...

    def detect(self, image: RGBImage) -> tuple[DetectedFace, ...]:
        """The faces, largest first, unidentified."""
        ...

    def model_status(self) -> LoaderStatus:
        """Which model is in use, since when, and why a newer one is not."""
        ...

    def reload(self) -> LoaderStatus:
        """Look at the model file now, not at the next look; then as ``model_status``."""
        ...
