"""Picture in, identities out: detect, embed, classify, each once, with the time each took."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from recognizer.classifier import NOBODY, FaceClassifier
from recognizer.detector import FaceDetector
from recognizer.embeddings import FaceEmbedder
from recognizer.tracking import Followed, Tracker
from recognizer.types import (
    BoundingBox,
    DetectedFace,
    Identity,
    RecognitionResult,
    RecognizedFace,
    RGBImage,
    check_image,
)

# One frame of a lecture hall; beyond this a single picture would hold up everybody else's.
MAX_FACES = 64

# A face whose decision is clear by so much is not embedded a second time, mirrored. By embedder; of another one every
# face is. Measured on lfw-dev (79 students, 10 photos each, 3 draws; benchmarks/mirrored.py): with FaceNet the scores
# differ by a standard deviation of 0.04 and the open-set table by less than 0.1 points; of dlib's, whose students and
# strangers lie nearer together, hardly any face is clear. Of both, the scores differ by a third as much as FaceNet's.
CLEAR_BY = {"facenet": 0.05, "both": 0.016}


class ModelSource(Protocol):
    """Where the pipeline finds the model of the moment: a ClassifierLoader, or a fixed model in tests."""

    def snapshot(self) -> tuple[FaceClassifier, str, int]:
        """The classifier in use, its model version and its generation, taken together."""
        ...


class FaceRecognizer:
    """Thread-safe: it holds no state of its own, and one call uses one model from beginning to end."""

    def __init__(
        self, detector: FaceDetector, embedder: FaceEmbedder, models: ModelSource, *, max_faces: int = MAX_FACES
    ) -> None:
        self.detector = detector
        self.embedder = embedder
        self._models = models
        self._max_faces = max_faces

    def recognize(
        self,
        image: RGBImage,
        *,
        among: frozenset[str] | None = None,
        without: frozenset[str] = frozenset(),
        tracker: Tracker | None = None,
        captured_at: float = 0.0,
        check: Callable[[], None] = lambda: None,
    ) -> RecognitionResult:
        """Everybody in ``image`` (H, W, 3) uint8, largest face first.

        among, without: whom the faces may be named as, as ``FaceClassifier.identify`` takes them; where that is nobody,
        faces are found and not embedded. tracker: of the camera that the picture is the newest of; captured_at: when
        that was, seconds. check: called before faces are embedded, which takes longest; what it raises ends the work.
        Faces beyond ``max_faces`` are counted, not embedded.

        Raises ModelNotFoundError when no model is loaded.
        """
        check_image(image)
        classifier, version, generation = self._models.snapshot()
        run = _Run(self.embedder, classifier, image, among, without, check)
        start = time.perf_counter()
        camera = None
        if tracker is not None and not run.is_for_nobody:
            camera = _CameraRun(run, self.detector, tracker, captured_at, version)
        followed = None if camera is None else camera.where_they_were()
        if followed is not None:
            found, identities = followed
            faces, embedded = found, 0
        else:
            found = run.search(self.detector)
            faces = found[: self._max_faces]
            identities, embedded = (
                (run.identify(faces), len(faces))
                if camera is None
                else camera.identify(faces, everybody=len(found) == len(faces))
            )
        end = time.perf_counter()
        return RecognitionResult(
            faces=tuple(RecognizedFace(*pair) for pair in zip(faces, identities, strict=True)),
            image_size=(image.shape[1], image.shape[0]),
            model_version=version,
            milliseconds={**{stage: 1000 * taken for stage, taken in run.spent.items()}, "total": 1000 * (end - start)},
            skipped_faces=len(found) - len(faces),
            followed_faces=len(faces) - embedded,
            model_generation=generation,
        )


class _Run:
    """One picture with one model. spent: seconds by stage."""

    def __init__(
        self,
        embedder: FaceEmbedder,
        classifier: FaceClassifier,
        image: RGBImage,
        among: frozenset[str] | None,
        without: frozenset[str],
        check: Callable[[], None],
    ) -> None:
        self._embedder, self._classifier, self._check = embedder, classifier, check
        self.image, self.among, self.without = image, among, without
        self.is_for_nobody = among is not None and among <= without
        self._clear_by = CLEAR_BY.get(embedder.info.id, math.inf)
        self.spent = {"detect": 0.0, "follow": 0.0, "embed": 0.0, "classify": 0.0}

    def search(self, detector: FaceDetector) -> tuple[DetectedFace, ...]:
        begun = time.perf_counter()
        found = detector.detect(self.image)
        self.spent["detect"] += time.perf_counter() - begun
        return found

    def look_at(self, detector: FaceDetector, places: Sequence[BoundingBox]) -> tuple[DetectedFace, ...] | None:
        begun = time.perf_counter()
        found = detector.detect_at(self.image, places)
        self.spent["detect"] += time.perf_counter() - begun
        return found

    def identify(self, faces: Sequence[DetectedFace]) -> list[Identity]:
        if not faces:
            return []
        if self.is_for_nobody:
            return [NOBODY] * len(faces)
        self._check()
        begun = time.perf_counter()
        crops = self._embedder.cut(self.image, faces)
        if math.isinf(self._clear_by):
            embeddings = self._embedder.embed_crops(crops)
            self.spent["embed"] += time.perf_counter() - begun
            return self._classify(embeddings)
        embeddings = self._embedder.embed_once(crops)
        self.spent["embed"] += time.perf_counter() - begun
        identities = self._classify(embeddings)
        unclear = [index for index, identity in enumerate(identities) if identity.slack < self._clear_by]
        if unclear:
            begun = time.perf_counter()
            both = self._embedder.with_mirrored(embeddings[unclear], crops[unclear])
            self.spent["embed"] += time.perf_counter() - begun
            for index, identity in zip(unclear, self._classify(both), strict=True):
                identities[index] = identity
        return identities

    def _classify(self, embeddings: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> list[Identity]:
        begun = time.perf_counter()
        if self.among is None and not self.without:
            identities = self._classifier.identify(embeddings)
        else:
            identities = self._classifier.identify(embeddings, among=self.among, without=self.without)
        self.spent["classify"] += time.perf_counter() - begun
        return list(identities)


class _CameraRun:
    """One picture of a camera whose faces are followed."""

    def __init__(self, run: _Run, detector: FaceDetector, tracker: Tracker, captured_at: float, version: str) -> None:
        self._run, self._detector, self._tracker = run, detector, tracker
        self._captured_at, self._version = captured_at, version

    def where_they_were(self) -> tuple[tuple[DetectedFace, ...], list[Identity]] | None:
        """The faces and answers, when all faces are where they were in the frame before and take over its answers."""
        run = self._run
        places = self._tracker.places(run.image, self._captured_at, self._version, run.among, run.without)
        if places is None:
            return None
        faces = run.look_at(self._detector, places)
        if faces is None or len(faces) != len(places):
            return None
        followed = self._follow(faces)
        answers = [identity for identity in followed.held if identity is not None]
        if len(answers) < len(faces) or _only_taken_over(answers, [False] * len(answers)):
            return None
        self._learn(faces, followed, answers, [False] * len(answers), searched=False)
        return faces, answers

    def identify(self, faces: Sequence[DetectedFace], *, everybody: bool) -> tuple[list[Identity], int]:
        """The answers of faces that the whole image was searched for, and how many were embedded for them. everybody:
        whether there are no others; else the next frame is searched as well, and they are counted."""
        followed = self._follow(faces)
        known = list(followed.held)
        embedded = [held is None for held in known]
        answers = self._filled(faces, known)
        # a student in two places: who of them was only taken over is looked at again, which may find a third
        while again := _only_taken_over(answers, embedded):
            for index in again:
                known[index], embedded[index] = None, True
            answers = self._filled(faces, known)
        self._learn(faces, followed, answers, embedded, searched=everybody)
        return answers, sum(embedded)

    def _follow(self, faces: Sequence[DetectedFace]) -> Followed:
        begun = time.perf_counter()
        run = self._run
        followed = self._tracker.follow(run.image, faces, self._captured_at, self._version, run.among, run.without)
        run.spent["follow"] += time.perf_counter() - begun
        return followed

    def _learn(
        self,
        faces: Sequence[DetectedFace],
        followed: Followed,
        answers: Sequence[Identity],
        embedded: Sequence[bool],
        *,
        searched: bool,
    ) -> None:
        shape = self._run.image.shape
        self._tracker.learn(
            faces, followed, answers, embedded, self._captured_at, self._version, shape=shape, searched=searched
        )

    def _filled(self, faces: Sequence[DetectedFace], known: list[Identity | None]) -> list[Identity]:
        """``known`` with the answers that it lacks."""
        missing = [index for index, identity in enumerate(known) if identity is None]
        for index, identity in zip(missing, self._run.identify([faces[index] for index in missing]), strict=True):
            known[index] = identity
        return [identity for identity in known if identity is not None]


def _only_taken_over(answers: Sequence[Identity], embedded: Sequence[bool]) -> list[int]:
    """Which faces were named without being embedded as somebody whom another face is named as too."""
    names = Counter(identity.student_id for identity in answers)
    return [
        index
        for index, (identity, anew) in enumerate(zip(answers, embedded, strict=True))
        if not anew and names[identity.student_id] > 1
    ]
