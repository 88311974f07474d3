"""A face that was recognised is followed and not embedded in every frame, and never takes over the answer of somebody
else: by place and look alone nobody gets a name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from recognizer.crops import small_head
from recognizer.detector import FaceDetector
from recognizer.embeddings import FaceEmbedder
from recognizer.images import read_image
from recognizer.pipeline import FaceRecognizer
from recognizer.tracking import (
    EMBEDDED_AGAIN_SECONDS,
    LONGEST_GAP_SECONDS,
    SAME_LOOK,
    SEARCHED_AGAIN_SECONDS,
    Tracker,
)
from recognizer.types import (
    BoundingBox,
    Candidate,
    Decision,
    DetectedFace,
    FloatArray,
    Identity,
    RecognitionResult,
    RGBImage,
)
from support.pictures import face_picture
from support.recognition import LANDMARKS

NEEDED = 2
STEP = 0.2  # seconds from frame to frame, five a second
EVERYBODY: None = None
NOBODY: frozenset[str] = frozenset()


# --- the rules, without networks: pictures of noise stand for looks, and the test says who is where


def head(look: int) -> RGBImage:
    return np.random.default_rng(look).integers(0, 256, (60, 60, 3), dtype=np.uint8)


def known(student: str, *others: str) -> Identity:
    candidates = tuple(Candidate(each, 0.8) for each in (student, *others))
    return Identity(student, Decision.KNOWN, 0.9, 0.8, 0.8, 0.2, candidates)


UNKNOWN = Identity(None, Decision.UNKNOWN, 0.1, 0.1, 0.1, 0.0)
UNCERTAIN = Identity(None, Decision.UNCERTAIN, 0.5, 0.5, 0.5, 0.0, (Candidate("a", 0.5),))


@dataclass(frozen=True)
class Seen:
    """Somebody in a frame. x, y: where. look: what they look like. answer: what an embedding says of them."""

    x: int
    look: int = 1
    answer: Identity = field(default_factory=lambda: known("a"))
    y: int = 60
    size: int = 60


class Camera:
    """Frames of one camera; ``show`` says which faces took over an answer."""

    def __init__(self, needed: int = NEEDED) -> None:
        self.tracker = Tracker(needed)

    def show(
        self,
        at: float,
        *people: Seen,
        model: str = "v1",
        among: frozenset[str] | None = EVERYBODY,
        without: frozenset[str] = NOBODY,
    ) -> list[str | None]:
        """The student ids that were taken over at ``at`` seconds, None for who was embedded."""
        image, faces = picture_of(people)
        followed = self.tracker.follow(image, faces, at, model, among, without)
        answers = [held or person.answer for held, person in zip(followed.held, people, strict=True)]
        self.tracker.learn(faces, followed, answers, [held is None for held in followed.held], at, model)
        return [None if held is None else held.student_id for held in followed.held]

    def confirm(self, *people: Seen, until: float = 0.0) -> None:
        """So many embeddings as are needed, the last at ``until``."""
        for turn in range(NEEDED):
            assert self.show(until - (NEEDED - 1 - turn) * STEP, *people) == [None] * len(people)


def picture_of(people: Sequence[Seen]) -> tuple[RGBImage, list[DetectedFace]]:
    image = np.full((240, 640, 3), 120, np.uint8)
    faces = []
    for person in people:
        size = (2 * person.size, 2 * person.size)
        look = cv2.resize(head(person.look), size, interpolation=cv2.INTER_CUBIC)
        left, top = person.x - person.size // 2, person.y - person.size // 2
        image[max(top, 0) : top + size[1], max(left, 0) : left + size[0]] = look[max(-top, 0) :, max(-left, 0) :][
            : 240 - max(top, 0), : 640 - max(left, 0)
        ]
        box = BoundingBox(person.x, person.y, person.x + person.size, person.y + person.size)
        landmarks = (LANDMARKS * person.size + np.float32([person.x, person.y])).astype(np.float32)
        faces.append(DetectedFace(box, landmarks, 0.99))
    return image, faces


@pytest.fixture
def camera() -> Camera:
    return Camera()


def test_a_face_is_taken_over_after_so_many_embeddings_as_make_a_mark(camera: Camera) -> None:
    assert [camera.show(turn * STEP, Seen(100)) for turn in range(4)] == [[None], [None], ["a"], ["a"]]


@pytest.mark.parametrize("needed", [1, 2, 3, 5])
def test_not_before(needed: int) -> None:
    camera = Camera(needed)
    held = [camera.show(turn * STEP, Seen(100)) for turn in range(needed + 2)]
    assert held == [[None]] * needed + [["a"]] * 2


def test_it_is_embedded_again_after_a_few_seconds_and_then_followed_again(camera: Camera) -> None:
    taken = [camera.show(turn * STEP, Seen(100)) == ["a"] for turn in range(60)]
    embedded_at = [turn * STEP for turn, over in enumerate(taken) if not over]
    assert embedded_at[:2] == [0.0, STEP]
    for before, after in pairwise(embedded_at[1:]):
        assert EMBEDDED_AGAIN_SECONDS - 1e-6 <= after - before <= EMBEDDED_AGAIN_SECONDS + STEP + 1e-6
    assert len(embedded_at) == 2 + 3, embedded_at


def test_another_answer_in_between_begins_anew(camera: Camera) -> None:
    for answer in (UNKNOWN, UNCERTAIN, known("b")):
        shown = [camera.show(0.0 + turn * STEP, Seen(100)) for turn in range(1)]
        assert shown == [[None]]
        assert camera.show(STEP, Seen(100, answer=answer)) == [None]
        assert camera.show(2 * STEP, Seen(100)) == [None]
        assert camera.show(3 * STEP, Seen(100)) == [None]
        assert camera.show(4 * STEP, Seen(100)) == ["a"]
        camera = Camera()


def test_another_answer_when_embedded_again_begins_anew(camera: Camera) -> None:
    camera.confirm(Seen(100))
    at = 0.0
    while camera.show(at := at + STEP, Seen(100, answer=known("b"))) == ["a"]:
        assert at < 2 * EMBEDDED_AGAIN_SECONDS
    assert camera.show(at + STEP, Seen(100, answer=known("b"))) == [None]
    assert camera.show(at + 2 * STEP, Seen(100)) == ["b"]


@pytest.mark.parametrize("answer", [UNKNOWN, UNCERTAIN])
def test_who_is_not_known_is_embedded_in_every_frame(camera: Camera, answer: Identity) -> None:
    assert all(camera.show(turn * STEP, Seen(100, answer=answer)) == [None] for turn in range(10))


@pytest.mark.parametrize(("gap", "expected"), [(LONGEST_GAP_SECONDS - 0.01, "a"), (LONGEST_GAP_SECONDS + 0.01, None)])
def test_after_a_gap_nobody_is_followed(camera: Camera, gap: float, expected: str | None) -> None:
    camera.confirm(Seen(100))
    assert camera.show(gap, Seen(100)) == [expected]


def test_a_frame_that_is_older_or_as_old_takes_nothing_over_and_teaches_nothing(camera: Camera) -> None:
    camera.confirm(Seen(100), until=10.0)
    for at in (10.0, 9.9, 9.0):
        assert camera.show(at, Seen(100, look=2, answer=known("b"))) == [None]
    assert camera.show(10.1, Seen(100)) == ["a"]


def test_frames_that_are_answered_in_another_order_than_they_came(camera: Camera) -> None:
    """Two frames are computed side by side, and the later one is ready first."""
    camera.confirm(Seen(100))
    image, faces = picture_of([Seen(100)])
    earlier = camera.tracker.follow(image, faces, STEP, "v1", EVERYBODY, NOBODY)
    assert camera.show(2 * STEP, Seen(300, look=5, answer=known("b"))) == [None]
    camera.tracker.learn(faces, earlier, [known("a")], [False], STEP, "v1")
    assert camera.show(3 * STEP, Seen(100)) == [None], "the earlier frame replaced what the later one said"
    camera = Camera()
    assert camera.show(0.0, Seen(100)) == [None]


def test_another_model_takes_nothing_over(camera: Camera) -> None:
    camera.confirm(Seen(100))
    assert camera.show(STEP, Seen(100), model="v2") == [None]
    assert camera.show(2 * STEP, Seen(100), model="v2") == [None]
    assert camera.show(3 * STEP, Seen(100), model="v2") == ["a"]


def test_a_consent_that_was_withdrawn_in_between(camera: Camera) -> None:
    camera.confirm(Seen(100))
    assert camera.show(STEP, Seen(100), without=frozenset({"b"})) == ["a"]
    assert camera.show(2 * STEP, Seen(100), without=frozenset({"a", "b"})) == [None]


def test_a_consent_of_another_candidate_that_was_withdrawn_in_between(camera: Camera) -> None:
    """Whoever withdrew is shown to nobody, not as second best either."""
    camera.confirm(Seen(100, answer=known("a", "b")))
    assert camera.show(STEP, Seen(100), without=frozenset({"b"})) == [None]


def test_a_student_who_is_no_longer_among_those_asked_for(camera: Camera) -> None:
    camera.confirm(Seen(100))
    assert camera.show(STEP, Seen(100), among=frozenset({"a", "b"})) == ["a"]
    assert camera.show(2 * STEP, Seen(100), among=frozenset({"b"})) == [None]
    assert camera.show(3 * STEP, Seen(100), among=frozenset()) == [None]


def test_who_moves_a_little_is_followed_and_who_jumps_is_not(camera: Camera) -> None:
    camera.confirm(Seen(100))
    assert camera.show(STEP, Seen(110)) == ["a"]
    assert camera.show(2 * STEP, Seen(124)) == ["a"]
    assert camera.show(3 * STEP, Seen(184)) == [None]


def test_somebody_else_in_the_same_place_is_embedded(camera: Camera) -> None:
    """Two people change places between two frames: place and landmarks are the same, the look is not."""
    camera.confirm(Seen(100), Seen(400, look=2, answer=known("b")))
    assert camera.show(STEP, Seen(100), Seen(400, look=2)) == ["a", "b"]
    changed = (Seen(100, look=2, answer=known("b")), Seen(400, look=1))
    assert camera.show(2 * STEP, *changed) == [None, None]
    assert camera.show(3 * STEP, *changed) == [None, None]
    assert camera.show(4 * STEP, *changed) == ["b", "a"]


def test_a_head_that_turns_is_embedded(camera: Camera) -> None:
    camera.confirm(Seen(100))
    image, [face] = picture_of([Seen(100)])
    turned = DetectedFace(face.box, (face.landmarks + np.float32([9, 0])).astype(np.float32), 0.99)
    assert camera.tracker.follow(image, [turned], STEP, "v1", EVERYBODY, NOBODY).held == (None,)
    assert camera.tracker.follow(image, [face], STEP, "v1", EVERYBODY, NOBODY).held[0] is not None
    # neither middle nor size of the landmarks tells that it is another face
    other = DetectedFace(face.box, face.landmarks[[1, 0, 2, 3, 4]], 0.99)
    assert camera.tracker.follow(image, [other], STEP, "v1", EVERYBODY, NOBODY).held == (None,)


@pytest.mark.parametrize("x", [75, 130, 145])
def test_where_faces_touch_nobody_is_followed(camera: Camera, x: int) -> None:
    camera.confirm(Seen(100))
    assert camera.show(STEP, Seen(100), Seen(x, look=2, answer=known("b")))[0] is None


def test_who_moved_next_to_somebody_is_not_followed(camera: Camera) -> None:
    camera.confirm(Seen(100))
    assert camera.show(STEP, Seen(165, look=2, answer=known("b")), Seen(120)) == [None, None]


def test_only_a_picture_of_the_same_size_is_looked_at_in_places(camera: Camera) -> None:
    image, faces = picture_of([Seen(100)])
    for at in (0.0, STEP):
        followed = camera.tracker.follow(image, faces, at, "v1", EVERYBODY, NOBODY)
        camera.tracker.learn(faces, followed, [known("a")], [True], at, "v1", shape=image.shape)
    assert camera.tracker.places(image, 2 * STEP, "v1", EVERYBODY, NOBODY) == (faces[0].box,)
    assert camera.tracker.places(image[:-2], 2 * STEP, "v1", EVERYBODY, NOBODY) is None


def test_who_stands_apart_from_others_is_followed(camera: Camera) -> None:
    camera.confirm(Seen(100), Seen(300, look=2, answer=known("b")))
    shown = camera.show(STEP, Seen(100), Seen(300, look=2), Seen(500, look=3, answer=known("c")))
    assert shown == ["a", "b", None]


def test_when_somebody_stood_between_two_of_before_nobody_is_followed(camera: Camera) -> None:
    camera.confirm(Seen(100), Seen(170, look=2, answer=known("b")))
    assert camera.show(STEP, Seen(135)) == [None]


def test_an_empty_frame_ends_it(camera: Camera) -> None:
    camera.confirm(Seen(100))
    assert camera.show(STEP) == []
    assert camera.show(2 * STEP, Seen(100)) == [None]


def test_two_cameras_that_send_as_one_never_give_a_name_to_the_others_people(camera: Camera) -> None:
    """A user logged in on two laptops: their frames alternate."""
    for turn in range(20):
        assert camera.show(turn * STEP, Seen(100)) == [None]
        assert camera.show((turn + 0.5) * STEP, Seen(100, look=2, answer=known("b"))) == [None]


# --- with the real detector and embedder


class Nearest:
    """Stands in for a trained model: the nearest of a few people, when near enough, and nobody else."""

    def __init__(self, centroids: dict[str, FloatArray], least: float) -> None:
        self._names, self._centroids, self._least = list(centroids), np.stack(list(centroids.values())), least
        self.embedded = 0

    def identify(
        self, embeddings: FloatArray, *, among: frozenset[str] | None = None, without: frozenset[str] = frozenset()
    ) -> tuple[Identity, ...]:
        self.embedded += len(embeddings)
        found = []
        for row in embeddings @ self._centroids.T:
            best = int(row.argmax())
            name = self._names[best]
            sure = row[best] >= self._least and name not in without
            decision = Decision.KNOWN if sure else Decision.UNKNOWN
            score = float(row[best])
            found.append(Identity(name if sure else None, decision, 0.9, score, score, 0.1, slack=1.0))
        return tuple(found)


Places = dict[str, tuple[int, int]]
"""Where the upper left corners of the people's pictures are."""


class Models:
    def __init__(self, classifier: Nearest) -> None:
        self.classifier, self.version = classifier, "v1"

    def snapshot(self) -> tuple[Nearest, str, int]:
        return self.classifier, self.version, 0


class Room:
    """A camera in a room whose people are pictures that are moved about."""

    def __init__(
        self, detector: FaceDetector, embedder: FaceEmbedder, people: dict[str, RGBImage], least: float
    ) -> None:
        self.people = dict(people)
        centroids = {
            name: embedder.embed(self._alone(image), detector.detect(self._alone(image))[:1])[0]
            for name, image in people.items()
            if not name.startswith("stranger")
        }
        self.classifier = Nearest(centroids, least)
        self.models = Models(self.classifier)
        self.recognizer = FaceRecognizer(detector, embedder, self.models)  # type: ignore[arg-type]
        self.tracker, self._frames, self._at = Tracker(NEEDED), 0, 0.0

    @staticmethod
    def _alone(image: RGBImage) -> RGBImage:
        canvas = np.full((360, 640, 3), 120, np.uint8)
        canvas[: image.shape[0], : image.shape[1]] = image
        return canvas

    def frame(self, places: Places, noise: int = 0) -> RGBImage:
        """Who is where, the later ones in front. With a little noise, as every camera has."""
        canvas = np.full((360, 640, 3), 120, np.int16)
        for name, (x, y) in places.items():
            image = self.people[name]
            height, width = image.shape[:2]
            canvas[y : y + height, x : x + width] = image
        canvas += np.random.default_rng(noise).integers(-3, 4, canvas.shape, dtype=np.int16)
        return np.clip(canvas, 0, 255).astype(np.uint8)

    def show(self, places: Places, step: float = STEP, **asked: frozenset[str]) -> RecognitionResult:
        self._frames += 1
        image = self.frame(places, self._frames)
        self._at += step
        return self.recognizer.recognize(image, tracker=self.tracker, captured_at=self._at, **asked)

    def named(self, places: Places, result: RecognitionResult) -> list[tuple[str, str | None]]:
        """(who a face is, whom it was named as), for each face that is in the middle of somebody's picture."""
        pairs = []
        for each in result.faces:
            x, y = each.face.box.centre
            for name, (left, top) in reversed(places.items()):  # who is in front covers who is behind
                height, width = self.people[name].shape[:2]
                if left <= x < left + width and top <= y < top + height:
                    if abs(x - left - width / 2) < width / 4 and abs(y - top - height / 2) < height / 4:
                        pairs.append((name, each.identity.student_id))
                    break
        return pairs


@pytest.fixture(scope="module")
def drawn_people() -> dict[str, RGBImage]:
    return {"a": face_picture(3, 0, 160), "b": face_picture(9, 0, 160), "stranger": face_picture(11, 0, 160)}


@pytest.fixture
def room(detector: FaceDetector, dlib_embedder: FaceEmbedder, drawn_people: dict[str, RGBImage]) -> Room:
    return Room(detector, dlib_embedder, drawn_people, least=0.96)


STILL = {"a": (20, 40), "b": (240, 60)}


def test_people_who_stand_still_are_hardly_embedded(room: Room) -> None:
    frames, followed = 40, 0
    for _ in range(frames):
        result = room.show(STILL)
        assert sorted(room.named(STILL, result)) == [("a", "a"), ("b", "b")]
        followed += result.followed_faces
    assert followed + room.classifier.embedded == 2 * frames
    # eight seconds: two at first, then one after three seconds and after six
    assert room.classifier.embedded == 2 * (NEEDED + 2)


def test_a_newcomer_is_seen_within_half_a_second_though_the_places_of_the_others_are_looked_at(room: Room) -> None:
    for _ in range(6):
        room.show({"a": STILL["a"]})
    searched: list[int] = []
    detect = room.recognizer.detector.detect

    def counted(image: RGBImage) -> tuple[DetectedFace, ...]:
        searched.append(1)
        return detect(image)

    room.recognizer.detector.detect = counted  # type: ignore[method-assign]
    try:
        frames = 0
        while len(room.show(STILL).faces) < 2:
            frames += 1
        assert frames * STEP <= SEARCHED_AGAIN_SECONDS
        searched.clear()
        for _ in range(10):
            assert len(room.show(STILL).faces) == 2
        assert 2 <= len(searched) <= 6  # in two seconds, twice of them until the newcomer is known
    finally:
        del room.recognizer.detector.detect  # type: ignore[attr-defined]


def test_faces_beyond_the_most_are_counted_in_every_frame(room: Room) -> None:
    room.recognizer._max_faces = 1
    assert [room.show(STILL).skipped_faces for _ in range(8)] == [1] * 8


def test_somebody_who_leaves_is_gone_at_once(room: Room) -> None:
    for _ in range(6):
        room.show(STILL)
    assert [each[0] for each in room.named(STILL, room.show({"b": STILL["b"]}))] == ["b"]


def test_strangers_never_get_a_name_that_was_held(room: Room) -> None:
    for _ in range(4):
        room.show(STILL)
    places = {"stranger": STILL["a"], "b": STILL["b"]}
    for _ in range(3):
        result = room.show(places)
        assert ("stranger", None) in room.named(places, result)
    assert room.show(places).followed_faces == 1  # b


def test_a_student_held_in_one_place_and_found_in_another_is_embedded_again(room: Room) -> None:
    """A photo of somebody who is there, or a mistake: both are looked at."""
    places = {"a": STILL["a"]}
    for _ in range(4):
        room.show(places)
    before = room.classifier.embedded
    room.people["a again"] = room.people["a"]
    both = {"a": STILL["a"], "a again": (400, 80)}
    result = room.show(both, SEARCHED_AGAIN_SECONDS)
    assert [face.identity.student_id for face in result.faces] == ["a", "a"]
    assert room.classifier.embedded == before + 2 and result.followed_faces == 0


def test_a_third_of_one_name_is_looked_at_too(detector: FaceDetector, dlib_embedder: FaceEmbedder) -> None:
    """The first look changes an answer to a name that was taken over elsewhere."""
    people = {name: face_picture(3, 0, 160) for name in ("x", "y", "z")}
    room = Room(detector, dlib_embedder, people, least=0.0)
    answers: list[list[Identity]] = []

    def scripted(embeddings: FloatArray, **_: object) -> tuple[Identity, ...]:
        room.classifier.embedded += len(embeddings)
        return tuple(answers.pop(0))

    room.classifier.identify = scripted  # type: ignore[method-assign]
    places = {"x": (10, 20), "y": (230, 20)}
    for _ in range(2):
        answers.append([known("A"), known("B")])
        room.show(places)
    result = room.show(places)
    order = [identity.identity.student_id for identity in result.faces]
    assert result.followed_faces == 2 and sorted(map(str, order)) == ["A", "B"]
    # a newcomer is taken for A; looked at again, who was A is B; so who was B is looked at as well
    answers.extend([[known("A")], [known("B")], [known("B")]])
    result = room.show({**places, "z": (450, 20)}, SEARCHED_AGAIN_SECONDS)
    assert result.followed_faces == 0 and answers == []


def crossing(frames: int, gap: int = 300) -> list[Places]:
    """Two people walk past one another, b in front."""
    way = np.linspace(0, gap, frames).round().astype(int)
    return [{"a": (20 + int(x), 60), "b": (20 + gap - int(x), 70)} for x in way]


def assert_no_name_jumps(room: Room, frames: list[Places], step: float) -> int:
    """How many faces were followed on the way."""
    followed = 0
    for places in frames:
        result = room.show(places, step)
        followed += result.followed_faces
        for who, name in room.named(places, result):
            assert name in (who, None), f"{who} was named {name}"
    return followed


@pytest.mark.parametrize(("frames", "step"), [(20, 0.2), (60, 0.05), (7, 0.5)])
def test_no_name_jumps_when_two_people_cross(room: Room, frames: int, step: float) -> None:
    start = crossing(frames)[0]
    for _ in range(NEEDED + 1):
        followed = room.show(start, step).followed_faces
    assert followed == 2
    assert_no_name_jumps(room, crossing(frames), step)
    end = crossing(frames)[-1]
    for _ in range(NEEDED + 1):
        result = room.show(end, step)
    assert sorted(room.named(end, result)) == [("a", "a"), ("b", "b")]
    assert result.followed_faces == 2, "after they passed they are followed again"


def test_no_name_jumps_when_two_people_swap_places_between_two_frames(room: Room) -> None:
    swapped = {"a": STILL["b"], "b": STILL["a"]}
    for turn in range(24):
        places = STILL if turn // 4 % 2 == 0 else swapped
        result = room.show(places)
        assert sorted(room.named(places, result)) == [("a", "a"), ("b", "b")]
        assert result.followed_faces == (2 if turn % 4 >= NEEDED else 0)


def test_no_name_jumps_when_one_steps_exactly_before_the_other(room: Room) -> None:
    for _ in range(3):
        room.show({"a": (100, 60)})
    covered = {"a": (100, 60), "b": (100, 60)}
    for _ in range(3):
        [(who, name)] = room.named(covered, room.show(covered))
        assert (who, name) == ("b", "b")


def test_a_model_that_changes_is_asked_at_once(room: Room) -> None:
    for _ in range(3):
        result = room.show(STILL)
    assert result.followed_faces == 2
    room.models.version = "v2"
    assert room.show(STILL).followed_faces == 0


def test_a_withdrawal_counts_in_the_next_frame(room: Room) -> None:
    for _ in range(3):
        room.show(STILL)
    result = room.show(STILL, without=frozenset({"a"}))
    assert sorted(room.named(STILL, result), key=str) == [("a", None), ("b", "b")]
    assert result.followed_faces == 1


# --- with photos


@pytest.fixture(scope="module")
def photographed(test_data: Path, detector: FaceDetector) -> dict[str, RGBImage]:
    """Portraits of four people of Labeled Faces in the Wild, cut out alike, as large as the drawn ones."""
    folder = test_data / "faces" / "lfw-dev"
    if not folder.is_dir():
        pytest.skip(f"no photos at {folder}")
    people: dict[str, RGBImage] = {}
    for directory in sorted(folder.iterdir()):
        image = read_image(min(directory.glob("*.jpg")))
        if len(detector.detect(image)) == 1:
            people[f"p{len(people)}"] = np.asarray(cv2.resize(image[30:220, 30:220], (200, 200)), dtype=np.uint8)
        if len(people) == 40:
            return people
    pytest.skip("too few photos")


def test_no_name_jumps_between_photographed_people_who_cross_and_swap(
    detector: FaceDetector, facenet_embedder: FaceEmbedder, photographed: dict[str, RGBImage]
) -> None:
    names = list(photographed)
    make: Callable[[dict[str, RGBImage]], Room] = lambda people: Room(detector, facenet_embedder, people, 0.75)  # noqa: E731
    for first, second in zip(names[:6:2], names[1:6:2], strict=True):
        room = make({"a": photographed[first], "b": photographed[second]})
        for _ in range(NEEDED):
            room.show(crossing(20)[0])
        assert_no_name_jumps(room, crossing(20), 0.1)
        there, back = crossing(20)[-1], crossing(20)[0]
        for turn in range(6):
            assert_no_name_jumps(room, [there if turn % 2 else back], 0.1)


def test_photographed_people_do_not_look_alike(detector: FaceDetector, photographed: dict[str, RGBImage]) -> None:
    """What a swap between two frames rests on: heads of different people, cut out alike, correlate less."""
    looks = np.stack([small_head(image, detector.detect(image)[0].box) for image in photographed.values()])
    correlation = looks @ looks.T - 2 * np.eye(len(looks))
    assert correlation.max() < SAME_LOOK
