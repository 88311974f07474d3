"""The people who do not exist: found as faces, good enough to enrol, told apart, and always the same."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest

from recognizer.detector import FaceDetector
from recognizer.embeddings import FaceEmbedder
from recognizer.quality import assess
from recognizer.types import DetectedFace
from sample_class.head import Head
from sample_class.members import STRANGERS, STUDENTS
from sample_class.person import person_of
from sample_class.portraits import figure, portrait
from support.pictures import face_pictures

BACKEND = Path(__file__).resolve().parents[2] / "backend"
MEMBERS = (*STUDENTS, *STRANGERS)
SHOTS = 2


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    """Two shots of each member, one member after another."""
    return face_pictures([(member.person, shot) for member in MEMBERS for shot in range(SHOTS)], 200)


@pytest.fixture(scope="module")
def found(pictures: list[np.ndarray], detector: FaceDetector) -> list[tuple[DetectedFace, ...]]:
    return detector.detect_batch(pictures)


def test_each_picture_shows_one_face_beyond_doubt(found: list[tuple[DetectedFace, ...]]) -> None:
    assert [len(faces) for faces in found] == [1] * len(found)
    assert min(faces[0].probability for faces in found) >= 0.98


def test_each_picture_is_good_enough_to_enrol(
    pictures: list[np.ndarray], found: list[tuple[DetectedFace, ...]]
) -> None:
    for image, faces in zip(pictures, found, strict=True):
        assert assess(image, faces).shortcomings == ()


def test_everybody_is_nearest_to_themselves(
    pictures: list[np.ndarray], found: list[tuple[DetectedFace, ...]], dlib_embedder: FaceEmbedder
) -> None:
    embedded = np.stack([dlib_embedder.embed(image, faces)[0] for image, faces in zip(pictures, found, strict=True)])
    apart = np.linalg.norm(embedded[:, None] - embedded[None], axis=2)
    people = np.repeat(np.arange(len(MEMBERS)), SHOTS)
    same = people[:, None] == people[None]
    between = apart[~same]
    within = apart[same & ~np.eye(len(people), dtype=bool)]
    assert within.max() < between.min()
    assert np.median(within) * 2 < np.median(between)


def test_people_and_shots_differ_and_the_same_arguments_give_the_same_picture() -> None:
    first = portrait(3, 1, 96)
    assert first.shape == (96, 96, 3) and first.dtype == np.uint8
    assert np.array_equal(first, portrait(3, 1, 96))
    assert not np.array_equal(first, portrait(3, 2, 96))
    assert not np.array_equal(first, portrait(4, 1, 96))


def test_distances_are_measured_in_32_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most of the time of a picture goes there, and more bits take half as long again."""
    asked, distances = set(), Head.distances

    def watched(head: Head, *at: np.ndarray) -> tuple[np.ndarray, ...]:
        measured = distances(head, *at)
        asked.update(values.dtype for values in (*at, *measured))
        return measured

    monkeypatch.setattr(Head, "distances", watched)
    for person in range(8):
        portrait(person, 1, 48)
    assert asked == {np.dtype(np.float32)}


def test_another_process_draws_the_same_picture() -> None:
    program = (
        "import hashlib; from sample_class.portraits import portrait; "
        "print(hashlib.sha256(portrait(5, 2, 80).tobytes()).hexdigest())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", program], cwd=BACKEND, capture_output=True, text=True, check=True, timeout=60
        ).stdout
        for _ in range(2)
    }
    assert len(runs) == 1


def test_several_hundred_people_are_all_different() -> None:
    people = [person_of(number) for number in range(600)]
    # what a face is measured by: no two have nearly the same of everything
    shapes = np.array([[value for value in astuple(p)[1:] if isinstance(value, float)] for p in people])
    spread = (shapes - shapes.mean(axis=0)) / (shapes.std(axis=0) + 1e-9)
    apart = np.sqrt(np.square(spread[:, None] - spread[None]).mean(axis=2)) + 9 * np.eye(len(people))
    assert apart.min() > 0.3
    assert {p.style for p in people} >= {"long", "bob", "short", "curls", "scarf", "bald"}
    assert 200 < sum(p.woman for p in people) < 400
    assert not any(p.beard or p.moustache for p in people if p.woman)


def test_a_figure_is_the_person_without_the_wall() -> None:
    cut = figure(5, 0, 96)
    assert cut.shape == (96, 96, 4) and cut.dtype == np.uint8
    assert cut[0, 0, 3] == 0 and cut[0, -1, 3] == 0
    assert cut[40:56, 40:56, 3].min() == 255
    same = cut[:, :, 3] == 255
    assert np.array_equal(cut[same][:, :3], portrait(5, 0, 96)[same])


def test_everybody_in_the_class_is_somebody_else() -> None:
    assert len(STUDENTS) == 12 and len(STRANGERS) == 4
    assert len({member.person for member in MEMBERS}) == len({member.student_id for member in MEMBERS}) == 16
