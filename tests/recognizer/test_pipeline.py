"""A picture in, everybody in it out: with the real detector and the real dlib network on drawn faces."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from errors import BusyError, ModelNotFoundError
from recognizer import pipeline
from recognizer.classifier import FaceClassifier
from recognizer.detector import FaceDetector
from recognizer.embeddings import FaceEmbedder
from recognizer.pipeline import FaceRecognizer
from recognizer.tracking import Tracker
from recognizer.types import Decision, DetectedFace, FloatArray, Identity, RecognitionResult, RGBImage
from support.embeddings import gallery_artifact
from support.models import make_metadata
from support.pictures import face_picture

SIZES = (200, 160, 120)  # of the faces in the group, left to right


class NearestCentroid:
    """Stands in for a trained classifier: names the nearest of a few embeddings, with ``mark`` put before the name."""

    def __init__(self, centroids: dict[str, FloatArray], mark: str = "") -> None:
        self._names, self._centroids, self._mark = list(centroids), np.stack(list(centroids.values())), mark
        self.calls: list[int] = []

    def identify(self, embeddings: FloatArray) -> tuple[Identity, ...]:
        self.calls.append(len(embeddings))
        if not len(embeddings):
            return ()
        similarities = embeddings @ self._centroids.T
        return tuple(
            Identity(self._mark + self._names[int(row.argmax())], Decision.KNOWN, 0.9, 0.9, float(row.max()), 0.1)
            for row in similarities
        )


class Models:
    """A model source whose model can be exchanged, like the loader's."""

    def __init__(self, classifier: Any, version: str = "v1", generation: int = 0) -> None:
        self.current = (classifier, version, generation)

    def snapshot(self) -> tuple[Any, str, int]:
        return self.current


Build = Callable[..., FaceRecognizer]


@pytest.fixture(scope="module")
def group() -> RGBImage:
    """Persons 3, 5 and 8 side by side, the first the largest."""
    canvas = np.full((max(SIZES), sum(SIZES), 3), 150, np.uint8)
    left = 0
    for person, size in zip((3, 5, 8), SIZES, strict=True):
        canvas[:size, left : left + size] = face_picture(person, 4, size)
        left += size
    return canvas


@pytest.fixture(scope="module")
def centroids(detector: FaceDetector, dlib_embedder: FaceEmbedder) -> dict[str, FloatArray]:
    people = {}
    for person in (3, 5, 8, 11):
        image = face_picture(person, 0, 200)
        people[f"person-{person}"] = dlib_embedder.embed(image, detector.detect(image))[0]
    return people


@pytest.fixture
def build(detector: FaceDetector, dlib_embedder: FaceEmbedder, centroids: dict[str, FloatArray]) -> Build:
    def make(max_faces: int = 64, models: Models | None = None) -> FaceRecognizer:
        models = models or Models(NearestCentroid(centroids))
        return FaceRecognizer(detector, dlib_embedder, models, max_faces=max_faces)  # type: ignore[arg-type]

    return make


def names(result: RecognitionResult) -> list[str | None]:
    return [face.identity.student_id for face in result.faces]


def test_everybody_is_found_and_named_the_largest_face_first(build: Build, group: RGBImage) -> None:
    result = build().recognize(group)
    assert names(result) == ["person-3", "person-5", "person-8"]
    areas = [face.face.box.area for face in result.faces]
    assert areas == sorted(areas, reverse=True)
    lefts = [face.face.box.centre[0] for face in result.faces]
    assert [0 < x < SIZES[0] for x in lefts] == [True, False, False], "the names belong to other faces"
    assert lefts == sorted(lefts)
    assert result.image_size == (sum(SIZES), max(SIZES))
    assert result.skipped_faces == 0
    assert result.model_version == "v1"


@pytest.mark.parametrize("without", [frozenset(), frozenset({"person-3"})])
def test_where_nobody_may_be_named_no_face_is_embedded(
    build: Build, group: RGBImage, monkeypatch: pytest.MonkeyPatch, without: frozenset[str]
) -> None:
    recognizer = build()
    for name in ("cut", "embed_once", "embed_crops", "with_mirrored"):
        monkeypatch.setattr(recognizer.embedder, name, None)
    for tracker in (None, Tracker(2)):
        result = recognizer.recognize(group, among=without, without=without, tracker=tracker)
        assert len(result.faces) == 3 and names(result) == [None] * 3 and result.followed_faces == 0
        assert {face.identity.decision for face in result.faces} == {Decision.UNKNOWN}


def test_the_time_of_each_stage_is_told(build: Build, group: RGBImage) -> None:
    milliseconds = build().recognize(group).milliseconds
    assert set(milliseconds) == {"detect", "follow", "embed", "classify", "total"}
    assert all(value >= 0 for value in milliseconds.values())
    assert milliseconds["detect"] > 0.1
    assert milliseconds["embed"] > 0.1
    assert sum(milliseconds.values()) - milliseconds["total"] == pytest.approx(milliseconds["total"], abs=0.5)


def test_beyond_the_cap_the_smaller_faces_are_counted_and_not_embedded(
    build: Build, group: RGBImage, centroids: dict[str, FloatArray]
) -> None:
    classifier = NearestCentroid(centroids)
    result = build(max_faces=2, models=Models(classifier)).recognize(group)
    assert names(result) == ["person-3", "person-5"]
    assert result.skipped_faces == 1
    assert classifier.calls == [2], "not all faces of the picture went in one batch"


@pytest.mark.parametrize("tracker", [None, Tracker(2)], ids=["a picture", "a camera"])
def test_work_that_nobody_waits_for_ends_before_faces_are_embedded(
    build: Build, group: RGBImage, centroids: dict[str, FloatArray], tracker: Tracker | None
) -> None:
    def check() -> None:
        raise BusyError("too late", code="deadline")

    classifier = NearestCentroid(centroids)
    with pytest.raises(BusyError, match="too late"):
        build(models=Models(classifier)).recognize(group, check=check, tracker=tracker)
    assert classifier.calls == []


def test_a_picture_without_faces_gives_an_empty_result(build: Build) -> None:
    result = build().recognize(np.full((120, 160, 3), 90, np.uint8))
    assert result.faces == ()
    assert result.skipped_faces == 0
    assert result.image_size == (160, 120)
    assert set(result.milliseconds) == {"detect", "follow", "embed", "classify", "total"}


@pytest.mark.parametrize("image", [None, np.zeros((10, 10), np.uint8), np.zeros((10, 10, 3), np.float32)])
def test_what_is_no_picture_is_refused(build: Build, image: object) -> None:
    with pytest.raises(ValueError, match="uint8"):
        build().recognize(image)


def test_without_a_model_the_reason_comes_before_any_work(
    detector: FaceDetector, dlib_embedder: FaceEmbedder, group: RGBImage
) -> None:
    class Nothing:
        def snapshot(self) -> tuple[NearestCentroid, str, int]:
            raise ModelNotFoundError("no model is loaded")

    with pytest.raises(ModelNotFoundError):
        FaceRecognizer(detector, dlib_embedder, Nothing()).recognize(group)  # type: ignore[arg-type]


def test_eight_threads_get_the_answers_of_one(build: Build, group: RGBImage) -> None:
    recognizer = build()
    pictures = [np.ascontiguousarray(group[:, SIZES[0] :]), face_picture(3, 7, 120), face_picture(5, 7, 120)]
    alone = [recognizer.recognize(picture) for picture in pictures]
    assert [len(result.faces) for result in alone] == [2, 1, 1]
    start = threading.Barrier(8)

    def work(turn: int) -> list[RecognitionResult]:
        start.wait()
        return [recognizer.recognize(pictures[(turn + i) % 3]) for i in range(2)]

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(work, range(8)))
    for turn, results in enumerate(together):
        for i, result in enumerate(results):
            expected = alone[(turn + i) % 3]
            assert names(result) == names(expected)
            for face, other in zip(result.faces, expected.faces, strict=True):
                assert face.face.box.as_tuple() == pytest.approx(other.face.box.as_tuple(), abs=0.01)
                assert face.identity.similarity == pytest.approx(other.identity.similarity, abs=1e-4)


def test_one_result_is_of_one_model_when_models_are_exchanged_meanwhile(
    detector: FaceDetector, dlib_embedder: FaceEmbedder, group: RGBImage, centroids: dict[str, FloatArray]
) -> None:
    versions = [
        (NearestCentroid(centroids, mark=f"{version}:"), version, number)
        for number, version in enumerate(("old", "new"))
    ]
    models = Models(*versions[0])

    class Exchanging(FaceDetector):
        """The worst moment: the model is exchanged between finding faces and naming them."""

        def __init__(self) -> None:
            super().__init__(detector._engine, detector.config)

        def detect(self, image: RGBImage) -> tuple[DetectedFace, ...]:
            faces = super().detect(image)
            models.current = versions[1] if models.current == versions[0] else versions[0]
            return faces

    recognizer = FaceRecognizer(Exchanging(), dlib_embedder, models)  # type: ignore[arg-type]
    for version in ("old", "new", "old"):
        result = recognizer.recognize(group)
        assert (result.model_version, result.model_generation) == (version, int(version == "new"))
        assert names(result) == [f"{version}:person-{person}" for person in (3, 5, 8)]


# --- embedded once, and a second time mirrored only where that may change the answer


class Slack(NearestCentroid):
    """Its answers are clear by so much, by name. given: the embeddings that it was asked about."""

    def __init__(self, centroids: dict[str, FloatArray], slack: dict[str, float]) -> None:
        super().__init__(centroids)
        self._slack = slack
        self.given: list[FloatArray] = []

    def identify(self, embeddings: FloatArray) -> tuple[Identity, ...]:
        self.given.append(embeddings)
        found = super().identify(embeddings)
        return tuple(replace(each, slack=self._slack.get(str(each.student_id), 1.0)) for each in found)


@pytest.fixture
def batches(dlib_embedder: FaceEmbedder, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many crops the network saw at a time."""
    seen: list[int] = []
    forward = dlib_embedder._engine.forward

    def counted(crops: NDArray[np.uint8]) -> FloatArray:
        seen.append(len(crops))
        return forward(crops)

    monkeypatch.setattr(dlib_embedder._engine, "forward", counted)
    return seen


@pytest.mark.parametrize(
    ("slack", "twice"),
    [
        ({}, []),
        ({"person-5": 0.049}, ["person-5"]),
        ({"person-5": 0.05}, []),
        ({"person-3": 0.0, "person-8": 0.01}, ["person-3", "person-8"]),
        ({"person-3": -0.1, "person-5": 0.0, "person-8": 0.0}, ["person-3", "person-5", "person-8"]),
    ],
    ids=["all clear", "one just not", "one just so", "two not", "none clear"],
)
def test_only_who_is_not_clear_is_embedded_with_the_mirror_image(
    build: Build,
    group: RGBImage,
    centroids: dict[str, FloatArray],
    batches: list[int],
    monkeypatch: pytest.MonkeyPatch,
    slack: dict[str, float],
    twice: list[str],
) -> None:
    monkeypatch.setattr(pipeline, "CLEAR_BY", {"dlib": 0.05})
    classifier = Slack(centroids, slack)
    recognizer = build(models=Models(classifier))
    result = recognizer.recognize(group)
    assert names(result) == ["person-3", "person-5", "person-8"]
    assert batches == [3, len(twice)] if twice else batches == [3]
    faces = [face.face for face in result.faces]
    crops = recognizer.embedder.cut(group, faces)
    expected = [recognizer.embedder.embed_once(crops)]
    if twice:
        unclear = [names(result).index(name) for name in twice]
        expected.append(recognizer.embedder.embed_crops(crops[unclear]))
    assert len(classifier.given) == len(expected)
    for given, wanted in zip(classifier.given, expected, strict=True):
        assert float((given * wanted).sum(axis=1).min()) > 0.9999


def test_of_a_network_without_a_measured_bound_every_face_is_embedded_twice(
    build: Build, group: RGBImage, centroids: dict[str, FloatArray], batches: list[int]
) -> None:
    assert "dlib" not in pipeline.CLEAR_BY
    classifier = Slack(centroids, {})
    build(models=Models(classifier)).recognize(group)
    assert batches == [6] and classifier.calls == [3]


def test_clear_answers_are_those_with_mirror_images(
    detector: FaceDetector, facenet_embedder: FaceEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With FaceNet and a trained classifier: what is said after one look would be said after two."""
    people, photos = range(8), 4
    pictures = [face_picture(person, shot) for person in people for shot in range(photos)]
    embeddings = np.concatenate(
        [facenet_embedder.embed(p, f[:1]) for p, f in zip(pictures, detector.detect_batch(pictures), strict=True)]
    )
    artifact = gallery_artifact(embeddings, np.repeat(np.arange(len(people)), photos), metadata=make_metadata("v1"))
    recognizer = FaceRecognizer(detector, facenet_embedder, Models(FaceClassifier(artifact)))
    # the same people on other photos, and strangers
    frames = [face_picture(person, 10) for person in people] + [face_picture(100 + person, 0) for person in range(8)]
    mirrored: list[int] = []
    again = facenet_embedder.with_mirrored

    def counted(once: FloatArray, crops: NDArray[np.uint8]) -> FloatArray:
        mirrored.append(len(crops))
        return again(once, crops)

    monkeypatch.setattr(facenet_embedder, "with_mirrored", counted)
    quick = [recognizer.recognize(frame) for frame in frames]
    monkeypatch.setattr(pipeline, "CLEAR_BY", {})
    thorough = [recognizer.recognize(frame) for frame in frames]
    for one, other in zip(quick, thorough, strict=True):
        assert [(f.identity.student_id, f.identity.decision) for f in one.faces] == [
            (f.identity.student_id, f.identity.decision) for f in other.faces
        ]
    faces = sum(len(result.faces) for result in quick)
    assert faces >= 14
    assert faces - sum(mirrored) >= 5, "hardly any face was clear, so this shows nothing"
