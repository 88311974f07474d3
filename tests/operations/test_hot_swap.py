"""Models change while four cameras send frames: over HTTP, with the real loader and the real classifier.

Only the networks are made up, so that thousands of frames pass in seconds; ``make soak`` does it with real ones.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sqlalchemy import select

from attendance.models import Frame
from operations.cameras import Camera
from recognizer.artifact import MODEL_FILE
from recognizer.classifier import FaceClassifier
from recognizer.loader import ClassifierLoader, LoaderStatus
from recognizer.pipeline import FaceRecognizer
from recognizer.types import BoundingBox, DetectedFace, FloatArray, RecognitionResult, RGBImage
from support.databases import sqlite_database
from support.embeddings import gallery_artifact, make_people
from support.hot_swap import Publisher, film, name_of, turned
from support.models import make_embedder, make_metadata
from support.recognition import LANDMARKS
from support.service import make_service, make_settings

PEOPLE, SHOTS = 8, 40
CAMERAS, EVERY = 4, 0.5
CHANGES, FRAMES = 12, 200
# far more than that takes on the slowest machine
SECONDS = 120.0


class OneFace:
    """Finds one face in every picture."""

    def detect(self, image: RGBImage) -> tuple[DetectedFace, ...]:
        landmarks = (LANDMARKS * 40 + np.float32(10)).astype(np.float32)
        return (DetectedFace(BoundingBox(10, 10, 50, 50), landmarks, 0.99),)


class Remembered:
    """Embeds the face in a picture as the one of the person, and the shot, whose numbers are its first pixel."""

    info = make_embedder()

    def __init__(self, embeddings: FloatArray) -> None:
        self.embeddings = embeddings

    def cut(self, image: RGBImage, faces: Sequence[DetectedFace]) -> NDArray[np.uint8]:
        return np.full(len(faces), image[0, 0, 0])

    def embed_crops(self, crops: NDArray[np.uint8]) -> FloatArray:
        return self.embeddings[crops]


class SwappingRecognizer:
    """See ``operations.recognition.Recognizer``: real loader, classifier and pipeline around networks that are not."""

    def __init__(self, folder: Path, embeddings: FloatArray) -> None:
        self.loader = ClassifierLoader(folder / MODEL_FILE, build=FaceClassifier, embedder=None, poll_seconds=0.05)
        self.pipeline = FaceRecognizer(OneFace(), Remembered(embeddings), self.loader)  # type: ignore[arg-type]

    def start(self) -> None:
        self.loader.load_now()
        self.loader.start_watching()

    def close(self) -> None:
        self.loader.close()

    def recognize(
        self,
        image: RGBImage,
        *,
        among: frozenset[str] | None = None,
        without: frozenset[str] = frozenset(),
        camera: Camera | None = None,
    ) -> RecognitionResult:
        return self.pipeline.recognize(image, among=among, without=without)

    def detect(self, image: RGBImage) -> tuple[DetectedFace, ...]:
        return OneFace().detect(image)

    def model_status(self) -> LoaderStatus:
        return self.loader.status()

    def reload(self) -> LoaderStatus:
        self.loader.load_now()
        return self.loader.status()


def picture(person: int, shot: int) -> bytes:
    image = np.full((64, 64, 3), shot, np.uint8)
    image[0, 0] = person
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def test_no_frame_fails_and_each_is_answered_by_one_model(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    people = make_people(PEOPLE, 3)
    artifact = gallery_artifact(*people.photos(10, 1), metadata=make_metadata("base"))
    embeddings, _ = people.photos(1, 2)
    settings = make_settings(
        tmp_path,
        sqlite_database(tmp_path_factory.getbasetemp(), tmp_path),
        frames_per_second=1000,
        inference_workers=4,
        confirm_window_seconds=3600.0,
    )
    publisher = Publisher(settings.model_dir, artifact, EVERY)
    recognizer = SwappingRecognizer(settings.model_dir, embeddings)
    service = make_service(settings, recognizer=recognizer)
    names = [str(name) for name in artifact.classes]
    pictures = {person: [picture(person, shot) for shot in range(SHOTS)] for person in range(PEOPLE)}
    try:
        answers = film(service, publisher, pictures, names, cameras=CAMERAS, seconds=SECONDS, enough=(CHANGES, FRAMES))
        with service.db() as db:
            generations = db.scalars(select(Frame.model_generation).order_by(Frame.id)).all()
    finally:
        recognizer.close()
        service.database.close()
    assert not answers.wrong, f"{len(answers.wrong)} of {len(answers.seconds)}: {answers.wrong[:3]}"
    assert publisher.changes >= CHANGES
    assert len(answers.versions) >= publisher.changes / 2, "the models were hardly used"
    assert len(answers.seconds) >= FRAMES
    assert generations == sorted(generations), "a frame was answered by an older model than one before it"
    assert len(set(generations)) >= publisher.changes / 2


def test_the_models_can_be_told_apart() -> None:
    """Without this the test above would prove nothing."""
    people = make_people(PEOPLE, 3)
    artifact = gallery_artifact(*people.photos(10, 1), metadata=make_metadata("base"))
    probes, _ = people.photos(1, 2)
    names = [str(name) for name in artifact.classes]
    for number in (0, 1, PEOPLE + 3):
        model = turned(artifact, number)
        named = [identity.student_id for identity in FaceClassifier(model).identify(probes)]
        assert named == [name_of(person, model.model_version, names) for person in range(PEOPLE)]
        assert (number == 0) == (named == names)
