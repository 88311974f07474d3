"""Crops show the face that the detector found, at every size and at every border."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from facenet_pytorch.models.utils.detect_face import extract_face
from numpy.typing import NDArray
from PIL import Image

from recognizer.crops import (
    BOTH_RECIPE,
    DLIB_PADDING,
    DLIB_RECIPE,
    DLIB_TEMPLATE,
    FACENET_RECIPE,
    CropRecipe,
    similarity_transform,
    whole_image_face,
)
from recognizer.types import BoundingBox, DetectedFace
from support.pictures import face_picture

RECIPES = [FACENET_RECIPE, DLIB_RECIPE]


def gradient(width: int, height: int) -> NDArray[np.uint8]:
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    return np.stack([255 * x / width, 255 * y / height, 127 + 100 * np.sin(x / width * 9)], axis=2).astype(np.uint8)


def face(x1: float, y1: float, x2: float, y2: float) -> DetectedFace:
    box = BoundingBox(x1, y1, x2, y2)
    places = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.77], [0.65, 0.77]])
    return DetectedFace(box, (places * [box.width, box.height] + [x1, y1]).astype(np.float32), 1.0)


def difference(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(
    "found",
    [
        face(100, 100, 200, 220),
        face(-30, -40, 60, 70),
        face(250, 180, 340, 280),
        face(-500, -500, 900, 900),
        face(140.2, 90.1, 140.9, 91.0),
        face(-90, -90, -20, -20),
        face(400, 400, 480, 480),
    ],
    ids=["inside", "top left", "bottom right", "larger than the image", "less than a pixel", "above it", "below it"],
)
def test_every_box_gives_a_crop_of_the_right_size(recipe: CropRecipe, found: DetectedFace) -> None:
    crop = recipe.cut(gradient(300, 240), found)
    assert crop.shape == (recipe.size, recipe.size, 3)
    assert crop.dtype == np.uint8


@pytest.mark.parametrize("box", [(80, 60, 380, 420), (-10, 5, 320, 300), (200.7, 130.2, 599.5, 479.9)])
def test_the_box_crop_is_the_one_facenet_pytorch_cuts(box: tuple[float, float, float, float]) -> None:
    image = gradient(600, 480)
    theirs = np.asarray(extract_face(Image.fromarray(image), np.array(box), image_size=160, margin=32).permute(1, 2, 0))
    assert difference(FACENET_RECIPE.cut(image, face(*box)), theirs.astype(np.uint8)) < 1.5


def test_the_margin_shows_more_around_the_box() -> None:
    image = np.zeros((400, 400, 3), np.uint8)
    image[100:300, 100:300] = 255
    tight = CropRecipe("box", 160, 0).cut(image, face(100, 100, 300, 300))
    wide = CropRecipe("box", 160, 32).cut(image, face(100, 100, 300, 300))
    assert (tight == 255).all()
    white = (wide[:, :, 0] > 127).sum(axis=1).max()
    assert white == pytest.approx(128, abs=2)  # 160 less the margin of 32
    assert wide[0, 0, 0] == 0


def test_the_landmark_crop_brings_the_landmarks_to_dlibs_places() -> None:
    found = face(120, 90, 260, 250)
    turn = cv2.getRotationMatrix2D(found.box.centre, 25, 1.0)
    points = (found.landmarks @ turn[:, :2].T + turn[:, 2]).astype(np.float32)
    image = np.zeros((340, 400, 3), np.uint8)
    for x, y in points:
        cv2.circle(image, (round(float(x)), round(float(y))), 4, (255, 255, 255), -1)
    chip = DLIB_RECIPE.cut(image, DetectedFace(found.box, points, 1.0))
    _, _, _, spots = cv2.connectedComponentsWithStats((chip[:, :, 0] > 127).astype(np.uint8))
    seen = np.array(sorted(spots[1:].tolist()))
    wanted = np.array(sorted(((DLIB_TEMPLATE + DLIB_PADDING) / (1 + 2 * DLIB_PADDING) * 150).tolist()))
    # these are not dlib's proportions, so a similarity can only come near
    assert seen.shape == (5, 2)
    assert float(np.abs(seen - wanted).max()) < 10
    eyes = seen[np.argsort(seen[:, 1])[:2]]
    assert abs(eyes[0, 1] - eyes[1, 1]) < 2


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_face_gives_the_same_crop_in_a_larger_photo(recipe: CropRecipe) -> None:
    """Photos of one scene at 12 and at 1 megapixels must lead to one embedding."""
    small = face_picture(3, size=320)
    found = face(85, 60, 240, 265)
    large = cv2.resize(small, (1920, 1920), interpolation=cv2.INTER_CUBIC)
    six = DetectedFace(BoundingBox(*(6 * v for v in found.box.as_tuple())), (found.landmarks + 0.5) * 6 - 0.5, 1.0)
    assert difference(recipe.cut(large.astype(np.uint8), six), recipe.cut(small, found)) < 2.5


def test_the_similarity_transform_finds_turn_scale_and_shift_again() -> None:
    points = np.array([[0, 0], [10, 0], [4, 7], [2, 9]], np.float32)
    turned = points @ np.array([[0, 3], [-3, 0]], np.float32) + np.array([5, -2], np.float32)
    matrix = similarity_transform(points, turned)
    assert np.allclose(points @ matrix[:, :2].T + matrix[:, 2], turned, atol=1e-5)
    assert np.hypot(matrix[0, 0], matrix[1, 0]) == pytest.approx(3)


def test_the_similarity_transform_never_mirrors() -> None:
    points = np.array([[0, 0], [10, 0], [4, 7]], np.float32)
    matrix = similarity_transform(points, points * [-1, 1])
    assert np.linalg.det(matrix[:, :2]) > 0


def test_points_on_one_spot_have_no_transform() -> None:
    with pytest.raises(ValueError, match="coincide"):
        similarity_transform(np.ones((5, 2), np.float32), DLIB_TEMPLATE)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(("width", "height"), [(160, 160), (90, 140), (1000, 30), (1, 1), (2, 900)])
def test_a_picture_can_be_taken_whole(recipe: CropRecipe, width: int, height: int) -> None:
    image = np.full((height, width, 3), 128, np.uint8)
    found = whole_image_face(image)
    assert found.probability == 0
    assert 0 <= found.box.x1 < found.box.x2 <= width
    assert 0 <= found.box.y1 < found.box.y2 <= height
    assert recipe.cut(image, found).shape == (recipe.size, recipe.size, 3)


def test_taken_whole_a_crop_keeps_nearly_all_of_its_picture() -> None:
    image = gradient(200, 250)
    whole = FACENET_RECIPE.cut(image, whole_image_face(image))
    assert difference(whole, cv2.resize(image, (160, 160), interpolation=cv2.INTER_AREA).astype(np.uint8)) < 2


def test_a_recipe_is_written_down_as_plain_values() -> None:
    assert FACENET_RECIPE.as_dict() == {"kind": "box", "size": 160, "margin": 32}
    assert CropRecipe(**DLIB_RECIPE.as_dict()) == DLIB_RECIPE


@pytest.mark.parametrize(("grey", "expected"), [(10, 40), (30, 80), (79, 80), (80, 80), (200, 200)])
def test_a_dark_crop_is_lit_and_others_are_left_alone(grey: int, expected: int) -> None:
    dark = np.full((200, 200, 3), grey, np.uint8)
    for recipe in (FACENET_RECIPE, DLIB_RECIPE):
        assert (recipe.cut(dark, face(60, 60, 140, 140)) == expected).all()


def test_both_networks_crops_lie_one_below_the_other_each_as_it_is_alone() -> None:
    image = gradient(300, 240)
    found = face(90, 60, 190, 180)
    crop = BOTH_RECIPE.cut(image, found)
    assert crop.shape == (*BOTH_RECIPE.shape, 3)
    assert (crop[:160] == FACENET_RECIPE.cut(image, found)).all()
    assert (crop[160:, 5:155] == DLIB_RECIPE.cut(image, found)).all()
