"""What is drawn on a picture: seen by everybody, over nobody's face."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from errors import ConfigurationError
from recognizer.drawing import WRITABLE, annotate, check_savable, label_text, save_picture
from recognizer.images import read_image
from recognizer.types import (
    BoundingBox,
    Candidate,
    Decision,
    DetectedFace,
    Identity,
    RecognizedFace,
    RGBImage,
)

Box = tuple[float, float, float, float]


def make_identity(decision: Decision, *students: str) -> Identity:
    """``students``: the candidates, best first; the first is named when the decision is known."""
    candidates = tuple(Candidate(student, 0.9) for student in students)
    named = students[0] if decision is Decision.KNOWN else None
    return Identity(named, decision, 0.9, 0.9, 0.9, 0.1, candidates)


def make_face(box: Box, decision: Decision = Decision.KNOWN, *students: str) -> RecognizedFace:
    detected = DetectedFace(BoundingBox(*box), np.zeros((5, 2), np.float32), 0.99)
    return RecognizedFace(detected, make_identity(decision, *(students or ("ada", "grace"))))


def grey(height: int, width: int) -> RGBImage:
    return np.full((height, width, 3), 128, np.uint8)


def noise(height: int, width: int) -> RGBImage:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)


def changed(image: RGBImage, drawn: RGBImage) -> np.ndarray:
    """(H, W) bool: where ``drawn`` differs from ``image``; the strip below is not looked at."""
    height, width = image.shape[:2]
    return (drawn[:height, :width] != image).any(axis=2)


def assert_faces_are_untouched(image: RGBImage, drawn: RGBImage, boxes: list[Box]) -> None:
    touched = changed(image, drawn)
    for x1, y1, x2, y2 in boxes:
        inside = touched[max(int(y1), 0) : int(y2), max(int(x1), 0) : int(x2)]
        assert inside.size
        assert not inside.any(), f"something was drawn over the face at {x1}, {y1}"


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        (make_identity(Decision.KNOWN, "ada", "grace"), "ada"),
        (make_identity(Decision.UNCERTAIN, "ada", "grace", "alan"), "Not sure: ada or grace"),
        (make_identity(Decision.UNCERTAIN, "ada"), "Not sure: perhaps ada"),
        (make_identity(Decision.UNCERTAIN), "Not sure"),
        (make_identity(Decision.UNKNOWN), "Unknown"),
    ],
)
def test_words_for_each_decision(identity: Identity, expected: str) -> None:
    assert label_text(identity) == expected


def test_people_are_called_by_their_names_where_these_are_known() -> None:
    names = {"ada": "Ada Lovelace"}
    assert label_text(make_identity(Decision.KNOWN, "ada"), names) == "Ada Lovelace"
    assert label_text(make_identity(Decision.UNCERTAIN, "ada", "grace"), names) == "Not sure: Ada Lovelace or grace"


def test_a_box_of_two_pixels_lies_around_the_face() -> None:
    image = grey(300, 400)
    drawn = annotate(image, [make_face((100, 100, 200, 220))])
    touched = changed(image, drawn)
    below = touched[220:224, 150]
    left = touched[160, 96:100]
    assert below.tolist() == [True, True, False, False]
    assert left.tolist() == [False, False, True, True]
    assert_faces_are_untouched(image, drawn, [(100, 100, 200, 220)])


def test_the_picture_given_stays_as_it_was() -> None:
    image = noise(200, 200)
    before = image.copy()
    annotate(image, [make_face((50, 60, 120, 150))])
    assert np.array_equal(image, before)


def test_without_faces_nothing_is_drawn() -> None:
    image = noise(60, 80)
    assert np.array_equal(annotate(image, []), image)


@pytest.mark.parametrize("seed", range(6))
def test_labels_cover_no_face_in_a_crowd(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = noise(480, 640)
    decisions = list(Decision)
    boxes: list[Box] = []
    for row in range(4):
        for column in range(6):
            x, y = 106 * column + rng.uniform(4, 30), 120 * row + rng.uniform(4, 30)
            boxes.append((x, y, x + rng.uniform(40, 66), y + rng.uniform(50, 80)))
    faces = [make_face(box, decisions[i % 3], f"student-{i:02d}", "somebody-else") for i, box in enumerate(boxes)]
    assert_faces_are_untouched(image, annotate(image, faces), boxes)


@pytest.mark.parametrize("box", [(-8, -8, 168, 168), (0, 0, 160, 160), (3, 2, 158, 157)])
def test_the_label_of_a_face_that_fills_the_picture_goes_below(box: Box) -> None:
    image = noise(160, 160)
    drawn = annotate(image, [make_face(box)])
    assert drawn.shape[0] > 160, "the label is nowhere"
    assert len(np.unique(drawn[160:].reshape(-1, 3), axis=0)) > 2, "the strip is empty"
    assert_faces_are_untouched(image, drawn, [(3, 3, 157, 156)])


def test_faces_in_the_corners_keep_their_labels_inside_the_picture() -> None:
    boxes: list[Box] = [(2, 2, 60, 70), (338, 2, 398, 70), (2, 228, 60, 298), (338, 228, 398, 298)]
    image = noise(300, 400)
    drawn = annotate(image, [make_face(box, Decision.UNCERTAIN) for box in boxes])
    assert drawn.shape == image.shape
    assert_faces_are_untouched(image, drawn, boxes)


def test_tick_and_cross_tell_apart_what_colour_and_words_do_not() -> None:
    box = (100, 100, 200, 220)
    known = annotate(grey(300, 400), [make_face(box, Decision.KNOWN, "Unknown")])
    unknown = annotate(grey(300, 400), [make_face(box, Decision.UNKNOWN)])
    # both tabs lie above the box and have white ink on a dark ground: what is left of them without colour
    ink_known, ink_unknown = (picture[:98].min(axis=2) > 200 for picture in (known, unknown))
    assert ink_known.any()
    assert ink_unknown.any()
    assert (ink_known != ink_unknown).any()


def test_the_three_decisions_differ_in_lightness_and_not_only_in_hue() -> None:
    box = (100, 100, 200, 220)
    lightness = []
    for decision in Decision:
        drawn = annotate(grey(300, 400), [make_face(box, decision)]).astype(float)
        lightness.append(float(drawn[160, 98:100] @ [0.2126, 0.7152, 0.0722] @ [0.5, 0.5]))
    assert min(abs(a - b) for i, a in enumerate(lightness) for b in lightness[:i]) > 15


@pytest.mark.parametrize(("one", "other"), [("Ж", "Я"), ("Ł", "Ż"), ("Ω", "Ψ"), ("é", "è"), ("ğ", "ş")])
def test_letters_beyond_english_are_drawn_and_not_boxes_in_their_place(one: str, other: str) -> None:
    pytest.importorskip("matplotlib", reason="its font has the letters")
    box = (100, 100, 200, 220)
    pictures = [annotate(grey(300, 400), [make_face(box, Decision.KNOWN, name)]) for name in (one * 3, other * 3)]
    assert not np.array_equal(*pictures)


@pytest.mark.parametrize("name", ["two\nlines", "bell\x07", "\ud800", "x" * 128, "名前", "\u202eabc", " "])
def test_odd_names_are_drawn_without_harm(name: str) -> None:
    image = noise(120, 160)
    drawn = annotate(image, [make_face((40, 40, 90, 100), Decision.KNOWN, name)])
    assert_faces_are_untouched(image, drawn, [(40, 40, 90, 100)])
    assert drawn.shape[1] <= 480


def test_a_tiny_picture_gets_its_label_too() -> None:
    assert annotate(noise(12, 12), [make_face((1, 1, 11, 11))]).shape[0] > 12


@pytest.mark.parametrize("extension", [*WRITABLE, ".JPG"])
def test_a_saved_picture_can_be_read_back(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"marked{extension}"
    path.write_bytes(b"what was there before")
    save_picture(path, grey(40, 60))
    read = read_image(path)
    assert read.shape == (40, 60, 3)
    assert abs(int(read.mean()) - 128) <= 1
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name], "something temporary was left"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing/out.jpg", "no folder"),
        ("out.gif", "must end in"),
        ("out", "has no ending"),
        ("folder.png", "a folder"),
    ],
)
def test_where_no_picture_can_be_written_the_reason_is_said_beforehand(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ConfigurationError, match=reason):
        check_savable(tmp_path / name)
    with pytest.raises(ConfigurationError, match=reason):
        save_picture(tmp_path / name, grey(4, 4))
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder.png"]


def test_a_full_disk_leaves_the_old_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.png"
    save_picture(path, grey(4, 4))
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("recognizer.durable_files.write_synced", full)
    with pytest.raises(ConfigurationError, match="No space left"):
        save_picture(path, grey(8, 8))
    assert path.read_bytes() == before
