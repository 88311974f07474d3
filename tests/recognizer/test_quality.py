"""What makes a photo good enough to be trained on, and the crop that is kept of it."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from recognizer.assembly import build_detector
from recognizer.crops import KEPT_SIZE, cut_to_keep
from recognizer.detector import DetectorConfig, FaceDetector
from recognizer.embeddings import FaceEmbedder
from recognizer.images import decode, encode_jpeg, read_image
from recognizer.quality import FaceQuality, QualityLimits, assess, measure, with_turn
from recognizer.types import BoundingBox, DetectedFace, FloatArray, RGBImage
from support.compute import COMPUTE
from support.pictures import face_picture
from training.faces import TrainingFaceFinder

BOX = BoundingBox(112, 80, 288, 304)
POINTS = np.float32([[160, 168], [240, 168], [200, 216], [168, 260], [232, 260]])


def face(box: BoundingBox = BOX, points: FloatArray = POINTS) -> DetectedFace:
    return DetectedFace(box, points.astype(np.float32), 0.99)


def codes(image: RGBImage, *faces: DetectedFace) -> list[str]:
    return [each.code for each in assess(image, faces).shortcomings]


def turned(points: FloatArray, degrees: float) -> FloatArray:
    angle = np.radians(degrees)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return ((points - 200) @ matrix.T + 200).astype(np.float32)


def test_a_drawn_photo_is_good_and_its_light_may_vary() -> None:
    image = face_picture(1, 0, 400)
    assert codes(image, face()) == []
    assert codes((image * 0.6).astype(np.uint8), face()) == []


def test_the_nose_tells_where_somebody_looks_and_the_message_how_to_turn_back() -> None:
    image = face_picture(1, 0, 400)
    for shift, side in ((50, "right"), (-50, "left")):
        away = POINTS.copy()
        away[2, 0] += shift
        (found,) = assess(image, [face(points=away)]).shortcomings
        assert found.code == "turned_away" and f"to your {side}" in found.message
    assert codes(image, face(points=turned(POINTS, 40))) == ["turned_away"]
    assert codes(image, face(points=turned(POINTS, 15))) == []


def test_the_edge_and_other_people() -> None:
    image = face_picture(1, 0, 400)
    assert codes(image, face(BoundingBox(-30, 80, 146, 304))) == ["cut_off"]
    assert codes(image, face(BoundingBox(-3, 80, 173, 304))) == []
    passer_by = face(BoundingBox(0, 0, 40, 50))
    second = face(BoundingBox(0, 0, 70, 90))
    assert codes(image, face(), passer_by) == []
    assert codes(image, face(), passer_by, second) == ["several_faces"]
    assert codes(image) == ["no_face"]


BARELY = FaceQuality(
    side=80, sharpness=70, brightness=45, contrast=15, turned=0.45, tilted=25, outside=0.04, probability=0.9
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"brightness": 205, "turned": -0.45, "tilted": -25}, []),
        ({"side": 79.9}, ["too_small"]),
        ({"sharpness": 69.9}, ["blurred"]),
        ({"brightness": 44.9}, ["too_dark"]),
        ({"brightness": 205.1}, ["too_bright"]),
        ({"contrast": 14.9}, ["low_contrast"]),
        ({"turned": -0.46}, ["turned_away"]),
        ({"tilted": -25.1}, ["turned_away"]),
        ({"outside": 0.041, "sharpness": 0}, ["cut_off", "blurred"]),
    ],
)
def test_each_limit_is_where_it_was_measured(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, float], expected: list[str]
) -> None:
    monkeypatch.setattr("recognizer.quality.measure", lambda *_: replace(BARELY, **changes))
    assert codes(face_picture(1, 0, 400), face()) == expected


def test_numbers_are_pythons_own_and_all_there() -> None:
    found = measure(face_picture(1, 0, 400), face()).as_dict()
    assert all(type(value) is float for value in found.values()) and found["side"] == 176
    flat = measure(np.full((400, 400, 3), 128, np.uint8), face())
    assert flat.sharpness == 0 and flat.contrast == 0
    beside = replace(face(), landmarks=np.float32([[200, 168]] * 5))
    assert measure(face_picture(1, 0, 400), beside).turned == 1


def test_the_kept_crop_is_upright_bounded_and_never_enlarged() -> None:
    image = face_picture(1, 0, 400)
    middle = BoundingBox(130, 110, 270, 290)
    assert cut_to_keep(image, face(middle)).shape == (400, 400, 3)  # all there is of the picture
    corner = cut_to_keep(image, face(BoundingBox(0, 0, 60, 80), POINTS))
    assert corner.shape == (136, 126, 3)
    large = cut_to_keep(np.zeros((3000, 2000, 3), np.uint8), face(BoundingBox(700, 1000, 1300, 1800), POINTS))
    assert max(large.shape) == KEPT_SIZE
    marked = np.zeros((400, 400, 3), np.uint8)
    points = turned(POINTS, 30)
    for x, y in points[:2]:
        marked[int(y) - 3 : int(y) + 4, int(x) - 3 : int(x) + 4] = 255
    kept = cut_to_keep(marked, face(middle, points))
    rows, columns = np.nonzero(kept[:, :, 0] > 128)
    left, right = columns < columns.mean(), columns >= columns.mean()
    assert abs(rows[left].mean() - rows[right].mean()) < 1.5
    assert abs(columns[right].mean() - columns[left].mean() - 80) < 1.5


def embeddings(images: list[RGBImage], embedder: FaceEmbedder) -> FloatArray:
    """As training makes them."""
    finder = TrainingFaceFinder(lambda size: build_detector(DetectorConfig(min_face_size=size), COMPUTE))
    found = finder.find(images)
    crops = [embedder.cut(image, [each.face]) for image, each in zip(images, found, strict=True)]
    return embedder.embed_crops(np.concatenate(crops))


def test_training_on_the_kept_crop_is_training_on_the_photo(
    detector: FaceDetector, dlib_embedder: FaceEmbedder
) -> None:
    photos = [face_picture(person, 0, 400) for person in range(6)]
    kept = [decode(encode_jpeg(cut_to_keep(photo, detector.detect(photo)[0]))) for photo in photos]
    cosines = (embeddings(photos, dlib_embedder) * embeddings(kept, dlib_embedder)).sum(axis=1)
    print(f"kept crops of drawn faces, dlib: mean cosine {cosines.mean():.4f}, least {cosines.min():.4f}")
    assert cosines.mean() >= 0.97 and cosines.min() >= 0.93


@pytest.mark.parametrize("embedder", ["facenet_embedder", "dlib_embedder"])
def test_training_on_the_kept_crop_of_real_photos(
    embedder: str, test_data: Path, detector: FaceDetector, request: pytest.FixtureRequest
) -> None:
    paths = random.Random(1).sample(sorted((test_data / "faces" / "lfw-dev").rglob("*.jpg")), 20)
    photos = [read_image(path) for path in paths]
    kept = [decode(encode_jpeg(cut_to_keep(photo, detector.detect(photo)[0]))) for photo in photos]
    network = request.getfixturevalue(embedder)
    cosines = (embeddings(photos, network) * embeddings(kept, network)).sum(axis=1)
    print(f"kept crops of lfw-dev, {embedder}: mean cosine {cosines.mean():.4f}, least {cosines.min():.4f}")
    assert cosines.mean() >= 0.97


def test_real_photos_are_good_and_blurred_ones_are_not(test_data: Path, detector: FaceDetector) -> None:
    paths = random.Random(2).sample(sorted((test_data / "faces" / "lfw-dev").rglob("*.jpg")), 60)
    limit, sharp, blurred = QualityLimits().sharpness, 0, 0
    for path in paths:
        photo = read_image(path)
        found = detector.detect(photo)[0]
        soft = np.array(Image.fromarray(photo).filter(ImageFilter.GaussianBlur(3)))
        sharp += measure(photo, found).sharpness >= limit
        blurred += measure(soft, found).sharpness < limit
    print(f"of 60 photos of lfw-dev {sharp} are sharp enough; {blurred} once blurred are not")
    assert sharp >= 58 and blurred >= 59


@pytest.mark.parametrize(
    ("quarters", "turn"), [(1, "by 90 degrees to the right"), (2, "by 180 degrees"), (3, "by 90 degrees to the left")]
)
def test_a_picture_on_its_side_is_told_how_to_turn(quarters: int, turn: str) -> None:
    upright = np.zeros((800, 1200, 3), np.uint8)
    upright[:100] = 200  # the sky is above
    face = DetectedFace(BoundingBox(10, 10, 60, 60), np.zeros((5, 2), np.float32), 0.99)

    def detect(image: RGBImage) -> list[DetectedFace]:
        assert max(image.shape) == 640  # a second look is cheap
        return [face] if image.shape[1] > image.shape[0] and image[5].mean() > 150 else []

    turned = np.ascontiguousarray(np.rot90(upright, quarters))
    found = assess(turned, [])
    (told,) = with_turn(turned, found, detect).shortcomings
    assert told.code == "no_face" and f"turn it {turn} and send it again" in told.message
    assert with_turn(turned, found, lambda image: []) is found
