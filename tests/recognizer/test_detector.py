"""The real MTCNN: finds every face, finds none where there is none, and agrees with facenet-pytorch."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from facenet_pytorch import MTCNN
from numpy.typing import NDArray

from errors import ConfigurationError
from recognizer.assembly import build_detector
from recognizer.detector import DetectorConfig, FaceDetector
from recognizer.images import read_image
from recognizer.types import DetectedFace
from support.compute import REFERENCE
from support.pictures import face_picture


@pytest.fixture(scope="module")
def crowd(test_data: Path) -> NDArray[np.uint8]:
    path = test_data / "frames" / "multiface.jpg"
    if not path.is_file():
        pytest.skip(f"no picture at {path}")
    return read_image(path)


@pytest.fixture(scope="module")
def theirs() -> Any:
    return MTCNN(keep_all=True, min_face_size=40, device="cpu")


def assert_same(found: tuple[DetectedFace, ...], expected: tuple[DetectedFace, ...]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert np.allclose(one.box.as_tuple(), other.box.as_tuple(), atol=0.05)
        assert np.allclose(one.landmarks, other.landmarks, atol=0.05)
        assert one.probability == pytest.approx(other.probability, abs=1e-4)


def two_people() -> NDArray[np.uint8]:
    return np.hstack([face_picture(3, size=200), face_picture(9, size=200)])


@pytest.mark.parametrize(
    "image",
    [
        np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8),
        np.full((240, 320, 3), 128, np.uint8),
        np.zeros((100, 100, 3), np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        np.zeros((10, 500, 3), np.uint8),
        np.zeros((500, 10, 3), np.uint8),
        np.zeros((40, 40, 3), np.uint8),
    ],
    ids=["noise", "grey", "black", "one pixel", "10 x 500", "500 x 10", "as small as a face"],
)
def test_no_face_is_an_empty_tuple(detector: FaceDetector, image: NDArray[np.uint8]) -> None:
    assert detector.detect(image) == ()
    assert detector.detect_batch([image, image]) == [(), ()]


def test_a_drawn_face_is_found_where_it_is(detector: FaceDetector) -> None:
    (face,) = detector.detect(face_picture(3))
    assert face.probability > 0.9
    left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert left_eye[1] < nose[1] < left_mouth[1]
    assert face.box.x1 < left_eye[0] < right_eye[0] < face.box.x2
    assert 40 < face.box.width < 130


def test_nearly_every_drawn_person_is_found(detector: FaceDetector) -> None:
    found = detector.detect_batch([face_picture(person) for person in range(40)])
    assert sum(len(faces) == 1 for faces in found) >= 38


def test_the_largest_face_comes_first(detector: FaceDetector) -> None:
    canvas = np.full((300, 480, 3), 120, np.uint8)
    canvas[:160, :160] = face_picture(9, size=160)
    canvas[:300, 180:480] = face_picture(3, size=300)
    first, second = detector.detect(canvas)
    assert first.box.area > second.box.area
    assert first.box.x1 > 180
    assert second.box.x2 < 180


def test_six_faces_in_a_photo_of_six(detector: FaceDetector, crowd: NDArray[np.uint8]) -> None:
    faces = detector.detect(crowd)
    assert len(faces) == 6
    areas = [face.box.area for face in faces]
    assert areas == sorted(areas, reverse=True)
    assert all(one.box.iou(other.box) < 0.3 for one in faces for other in faces if one is not other)


def compare_with_facenet_pytorch(detector: FaceDetector, theirs: Any, image: NDArray[np.uint8]) -> int:
    # object arrays where a photo has several faces
    boxes, probabilities, points = (np.asarray(a, dtype=np.float64) for a in theirs.detect([image], landmarks=True))
    boxes, probabilities, points = boxes[0], probabilities[0], points[0]
    sure = [i for i, probability in enumerate(probabilities) if probability >= detector.config.min_probability]
    order = sorted(sure, key=lambda i: -(boxes[i][2] - boxes[i][0]) * (boxes[i][3] - boxes[i][1]))
    faces = detector.detect(image)
    assert len(faces) == len(order)
    for face, i in zip(faces, order, strict=True):
        assert np.allclose(face.box.as_tuple(), boxes[i], atol=1e-3)
        assert np.allclose(face.landmarks, points[i], atol=1e-3)
        assert face.probability == pytest.approx(probabilities[i], abs=1e-5)
    return len(faces)


def test_faces_are_those_that_facenet_pytorch_finds(detector: FaceDetector, theirs: Any) -> None:
    assert compare_with_facenet_pytorch(detector, theirs, two_people()) == 2


def test_faces_in_a_photo_are_those_that_facenet_pytorch_finds(
    detector: FaceDetector, theirs: Any, crowd: NDArray[np.uint8]
) -> None:
    assert compare_with_facenet_pytorch(detector, theirs, crowd) == 6


def test_a_batch_finds_what_single_images_give(detector: FaceDetector) -> None:
    images = [
        two_people(),
        face_picture(5),
        np.zeros((160, 160, 3), np.uint8),
        np.zeros((5, 5, 3), np.uint8),
        two_people()[:, ::-1].copy(),
        face_picture(6, shot=2),
    ]
    found = detector.detect_batch(images)
    assert [len(faces) for faces in found] == [2, 1, 0, 0, 2, 1]
    for image, faces in zip(images, found, strict=True):
        assert_same(faces, detector.detect(image))


def test_an_empty_batch_is_an_empty_list(detector: FaceDetector) -> None:
    assert detector.detect_batch([]) == []


def test_a_picture_of_another_shape_is_refused(detector: FaceDetector) -> None:
    with pytest.raises(ValueError, match=r"\(H, W, 3\) uint8"):
        detector.detect(np.zeros((40, 40), np.uint8))
    with pytest.raises(ValueError, match=r"\(H, W, 3\) uint8"):
        detector.detect_batch([face_picture(0), np.zeros((40, 40, 4), np.uint8)])


def test_threads_share_a_detector(detector: FaceDetector) -> None:
    images = [face_picture(person) for person in (3, 5, 9, 11)]
    expected = [detector.detect(image) for image in images]
    found: dict[int, tuple[DetectedFace, ...]] = {}
    threads = [
        threading.Thread(target=lambda i=i: found.__setitem__(i, detector.detect(images[i])))
        for i in range(len(images))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, faces in enumerate(expected):
        assert_same(found[i], faces)


def test_much_smaller_faces_than_asked_for_are_left_out() -> None:
    image = np.full((300, 480, 3), 120, np.uint8)
    image[:100, :100] = face_picture(9, size=100)
    image[:300, 180:480] = face_picture(3, size=300)
    assert len(build_detector(DetectorConfig(min_face_size=40), REFERENCE).detect(image)) == 2
    (large,) = build_detector(DetectorConfig(min_face_size=140), REFERENCE).detect(image)
    assert large.box.x1 > 180


def test_faces_the_network_is_unsure_of_are_left_out(detector: FaceDetector) -> None:
    picky = build_detector(DetectorConfig(min_probability=0.9999999), REFERENCE)
    images = [face_picture(person) for person in range(6)]
    assert sum(map(len, picky.detect_batch(images))) < sum(map(len, detector.detect_batch(images)))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"min_face_size": 11}, "min_face_size"),
        ({"thresholds": (0.6, 0.7)}, "three detector thresholds"),
        ({"thresholds": (0.6, 0.7, 1.0)}, "three detector thresholds"),
        ({"thresholds": (0.0, 0.7, 0.7)}, "three detector thresholds"),
        ({"scale_factor": 1.0}, "scale_factor"),
        ({"scale_factor": 0.1}, "scale_factor"),
        ({"min_probability": 1.0}, "min_probability"),
        ({"min_probability": -0.1}, "min_probability"),
    ],
)
def test_settings_that_cannot_work_are_named(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        DetectorConfig(**wrong)
