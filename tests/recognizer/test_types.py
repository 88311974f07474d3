"""Value types refuse what cannot be, where it is made."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from recognizer.types import BoundingBox, Decision, DetectedFace, Identity, check_image


def identity(student_id: str | None, decision: Decision, probability: float = 0.5) -> Identity:
    return Identity(student_id, decision, probability, score=0.1, similarity=0.2, margin=0.3)


def test_an_image_is_passed_on_unchanged() -> None:
    image = np.zeros((2, 3, 3), np.uint8)
    assert check_image(image) is image


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (np.zeros((2, 3), np.uint8), r"\(2, 3\)"),
        (np.zeros((2, 3, 4), np.uint8), r"\(2, 3, 4\)"),
        (np.zeros((0, 3, 3), np.uint8), r"\(0, 3, 3\)"),
        (np.zeros((1, 2, 3, 3), np.uint8), r"\(1, 2, 3, 3\)"),
        (np.zeros((2, 3, 3), np.float32), "float32"),
        ([[1]], "list"),
        (None, "NoneType"),
    ],
)
def test_anything_else_is_refused_by_shape_and_type(wrong: object, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        check_image(wrong)


def test_a_box_knows_its_measures() -> None:
    box = BoundingBox(10, 20, 40, 60)
    assert (box.width, box.height, box.area, box.centre) == (30, 40, 1200, (25, 40))
    assert box.as_tuple() == (10, 20, 40, 60)


def test_overlap_of_boxes() -> None:
    box = BoundingBox(0, 0, 10, 10)
    assert box.iou(box) == 1
    assert box.iou(BoundingBox(5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert BoundingBox(5, 0, 15, 10).iou(box) == pytest.approx(1 / 3)
    assert box.iou(BoundingBox(10, 0, 20, 10)) == 0
    assert box.iou(BoundingBox(30, 30, 40, 40)) == 0
    assert box.iou(BoundingBox(2, 2, 7, 7)) == pytest.approx(0.25)


@pytest.mark.parametrize("corners", [(5, 0, 5, 9), (9, 0, 5, 9), (0, 9, 5, 9), (0, 9, 5, 2)])
def test_a_box_without_area_is_refused(corners: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="x1 < x2 and y1 < y2"):
        BoundingBox(*corners)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
def test_a_box_with_an_endless_corner_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        BoundingBox(0, 0, wrong, 9)


def test_a_box_may_reach_outside_the_image() -> None:
    assert BoundingBox(-5, -6, 1, 1).area == 42


def test_values_cannot_be_changed_afterwards() -> None:
    with pytest.raises(FrozenInstanceError):
        BoundingBox(0, 0, 1, 1).x1 = 3  # type: ignore[misc]


def test_a_face_needs_five_points_in_float32_and_a_probability() -> None:
    box, points = BoundingBox(0, 0, 1, 1), np.zeros((5, 2), np.float32)
    assert DetectedFace(box, points, 1.0).box is box
    with pytest.raises(ValueError, match=r"\(5, 2\) float32"):
        DetectedFace(box, points[:4], 1.0)
    with pytest.raises(ValueError, match="float64"):
        DetectedFace(box, points.astype(np.float64), 1.0)  # type: ignore[arg-type]
    for probability in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match=r"0\.\.1"):
            DetectedFace(box, points, probability)


def test_a_name_is_given_exactly_when_a_face_is_known() -> None:
    assert identity("ada", Decision.KNOWN).student_id == "ada"
    assert identity(None, Decision.UNKNOWN).student_id is None
    assert identity(None, Decision.UNCERTAIN).student_id is None
    for student_id, decision in ((None, Decision.KNOWN), ("ada", Decision.UNCERTAIN), ("ada", Decision.UNKNOWN)):
        with pytest.raises(ValueError, match="named exactly when it is known"):
            identity(student_id, decision)


@pytest.mark.parametrize("probability", [-0.01, 1.01, float("nan")])
def test_confidence_is_a_probability(probability: float) -> None:
    with pytest.raises(ValueError, match=r"0\.\.1"):
        identity("ada", Decision.KNOWN, probability)


def test_decisions_are_the_words_that_reports_use() -> None:
    assert [str(decision) for decision in Decision] == ["known", "uncertain", "unknown"]
