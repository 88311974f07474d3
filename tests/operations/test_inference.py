"""Who gets at the networks, in which order, and who is sent away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from errors import BusyError, ImageTooLargeError, InvalidImageError, ModelNotFoundError
from operations.inference import LONGEST_RETRY, InferenceGate
from operations.metrics import Metrics
from recognizer import images
from recognizer.images import ImageLimits, decode_picture
from recognizer.types import BoundingBox, Decision, DetectedFace, Identity, RecognitionResult, RecognizedFace
from support.recognition import FakeRecognizer, known, picture


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(64) as pool:
        yield pool


def make_gate(recognizer: Any = None, **changes: Any) -> InferenceGate:
    values: dict[str, Any] = {"workers": 1, "queue": 2, "deadline_seconds": 30.0, "limits": ImageLimits()}
    return InferenceGate(recognizer or FakeRecognizer(), **{**values, "metrics": Metrics(), **changes})


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.001)


class Held:
    """Work that occupies the gate until it is let go, and remembers in which order it was done."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.order: list[int] = []
        self.at_once = self.most = 0
        self._lock = threading.Lock()

    def work(self, number: int = 0) -> Callable[[], int]:
        def run() -> int:
            with self._lock:
                self.at_once += 1
                self.most = max(self.most, self.at_once)
            assert self.go.wait(30)
            with self._lock:
                self.at_once -= 1
                self.order.append(number)
            return number

        return run


def fill(gate: InferenceGate, held: Held, threads: ThreadPoolExecutor, workers: int, queue: int) -> list[Future[int]]:
    """Occupy ``gate`` wholly, one after the other."""
    futures = []
    for number in range(workers + queue):
        futures.append(threads.submit(gate.run, held.work(number)))
        until(lambda n=number: gate.inside + gate.waiting == n + 1, f"number {number} has come")  # type: ignore[misc]
    return futures


def test_a_picture_is_decoded_and_everybody_in_it_recognised() -> None:
    recognizer = FakeRecognizer()
    image, result = make_gate(recognizer).recognize(
        picture(known("S1"), known("S2")), among=frozenset({"S1"}), without=frozenset({"S3"})
    )
    assert image.shape == (360, 640, 3)
    assert [face.identity.student_id for face in result.faces] == ["S1", "S2"]
    assert recognizer.asked == [{"among": frozenset({"S1"}), "without": frozenset({"S3"})}]


def test_faces_are_found_without_a_model() -> None:
    found, faces = make_gate(FakeRecognizer(model=None)).detect(picture(known("S1")))
    assert found.size == (640, 360) and found.pixels.shape == (360, 640, 3)
    assert len(faces) == 1
    with pytest.raises(ModelNotFoundError):
        make_gate(FakeRecognizer(model=None)).recognize(picture(known("S1")))


@pytest.mark.parametrize(("workers", "queue"), [(1, 0), (1, 3), (3, 5)])
def test_whoever_finds_the_queue_full_is_sent_away_at_once(
    workers: int, queue: int, threads: ThreadPoolExecutor
) -> None:
    gate, held = make_gate(workers=workers, queue=queue), Held()
    futures = fill(gate, held, threads, workers, queue)
    assert (gate.inside, gate.waiting) == (workers, queue)
    start = time.monotonic()
    for refused in (
        lambda: gate.recognize(picture(known("S1"))),
        lambda: gate.detect(picture(known("S1"))),
        lambda: gate.run(int),
    ):
        with pytest.raises(BusyError) as caught:
            refused()
        assert caught.value.code == "queue_full"
        assert 1 <= caught.value.retry_after <= LONGEST_RETRY
    assert time.monotonic() - start < 1
    held.go.set()
    assert [future.result(30) for future in futures] == list(range(workers + queue))
    assert held.most == workers
    assert (gate.inside, gate.waiting) == (0, 0)
    assert gate.run(lambda: "free again") == "free again"


def test_first_come_first_served(threads: ThreadPoolExecutor) -> None:
    gate, held = make_gate(queue=20), Held()
    futures = fill(gate, held, threads, 1, 20)
    held.go.set()
    for future in futures:
        future.result(30)
    assert held.order == list(range(21))


def test_whoever_waits_longer_than_the_deadline_is_sent_away_and_makes_room(threads: ThreadPoolExecutor) -> None:
    gate, held = make_gate(queue=1, deadline_seconds=0.1), Held()
    (inside,) = fill(gate, held, threads, 1, 0)
    start = time.monotonic()
    with pytest.raises(BusyError) as caught:
        gate.run(int)
    assert caught.value.code == "deadline"
    assert 0.1 <= time.monotonic() - start < 5
    assert caught.value.retry_after >= 1
    assert (gate.inside, gate.waiting) == (1, 0)
    held.go.set()
    inside.result(30)
    assert gate.run(lambda: 1) == 1


def test_of_many_at_once_exactly_as_many_are_served_as_there_is_room_for(threads: ThreadPoolExecutor) -> None:
    gate, held = make_gate(workers=2, queue=8), Held()
    outcomes = [threads.submit(gate.run, held.work(number)) for number in range(60)]
    until(lambda: sum(future.done() for future in outcomes) == 50, "fifty are sent away")
    held.go.set()
    errors = [future.exception(30) for future in outcomes]
    assert sum(error is None for error in errors) == 10
    assert sum(isinstance(error, BusyError) and error.code == "queue_full" for error in errors) == 50
    assert held.most == 2
    assert (gate.inside, gate.waiting) == (0, 0)


def test_no_place_is_lost_or_taken_twice_however_requests_end(threads: ThreadPoolExecutor) -> None:
    """Short deadlines and short work, so that turns are handed over in the very moment in which others give up."""
    gate = make_gate(workers=3, queue=10, deadline_seconds=0.002)
    lock = threading.Lock()
    seen = {"inside": 0, "most": 0, "served": 0, "failed": 0, "sent away": 0}

    def work(number: int) -> None:
        with lock:
            seen["inside"] += 1
            seen["most"] = max(seen["most"], seen["inside"])
        time.sleep(0.001)
        with lock:
            seen["inside"] -= 1
        if number % 7 == 0:
            raise ZeroDivisionError

    def one(number: int) -> None:
        try:
            gate.run(lambda: work(number))
            outcome = "served"
        except ZeroDivisionError:
            outcome = "failed"
        except BusyError:
            outcome = "sent away"
        with lock:
            seen[outcome] += 1

    list(threads.map(one, range(2000)))
    assert seen["served"] + seen["failed"] + seen["sent away"] == 2000
    assert seen["served"] > 20 and seen["failed"] > 0 and seen["sent away"] > 0
    assert seen["most"] <= 3
    assert (gate.inside, gate.waiting) == (0, 0)
    held = Held()
    futures = fill(gate, held, threads, 3, 0)  # all three places are still there
    held.go.set()
    assert [future.result(30) for future in futures] == [0, 1, 2]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", InvalidImageError),
        (b"no picture", InvalidImageError),
        (picture(known("S1"))[:800], InvalidImageError),
        (picture(known("S1")) + b"\0" * 2_000_000, ImageTooLargeError),
    ],
    ids=["empty", "text", "cut short", "too many bytes"],
)
def test_a_bad_picture_costs_its_sender_only(data: bytes, error: type[Exception]) -> None:
    gate = make_gate(limits=ImageLimits(max_bytes=1_000_000, max_pixels=1_000_000))
    for _ in range(3):
        with pytest.raises(error):
            gate.recognize(data)
    with pytest.raises(error):
        gate.detect(data)
    assert (gate.inside, gate.waiting) == (0, 0)
    assert len(gate.recognize(picture(known("S1")))[1].faces) == 1


def test_boxes_are_told_in_pixels_of_the_picture_that_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = picture(known("S1"))
    pixels, whole = make_gate(FakeRecognizer()).recognize(sent)
    monkeypatch.setattr(images, "MOST_PIXELS", 320 * 180)
    shrunk, result = make_gate(HalfSized()).recognize(sent)
    assert pixels.shape == (360, 640, 3) and shrunk.shape == (180, 320, 3)
    assert result.image_size == whole.image_size == (640, 360)
    assert result.faces[0].face.box.as_tuple() == (20, 40, 120, 160)


class HalfSized(FakeRecognizer):
    """Sees one face, wherever it looks, in pixels of the picture that it is given."""

    def recognize(self, image: Any, **_: Any) -> RecognitionResult:
        face = DetectedFace(BoundingBox(10, 20, 60, 80), np.zeros((5, 2), np.float32), 1.0)
        nobody = Identity(None, Decision.UNKNOWN, 0.0, 0.0, 0.0, 0.0)
        return RecognitionResult((RecognizedFace(face, nobody),), (image.shape[1], image.shape[0]), "m")


def test_pictures_that_wait_are_not_decoded_yet(threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []

    def counted(data: bytes, limits: ImageLimits) -> Any:
        decoded.append(len(data))
        return decode_picture(data, limits)

    monkeypatch.setattr("operations.inference.decode_picture", counted)
    go = threading.Event()
    gate = make_gate(FakeRecognizer(gate=go), queue=5)
    sent = [threads.submit(gate.recognize, picture(known("S1"), nonce=number)) for number in range(6)]
    until(lambda: gate.waiting == 5 and len(decoded) == 1, "one is decoded and five wait")
    go.set()
    assert [len(future.result(30)[1].faces) for future in sent] == [1] * 6
    assert len(decoded) == 6


@pytest.mark.parametrize("its_turn", [False, True], ids=["before its turn", "just after it was given its turn"])
def test_a_waiting_thread_that_is_stopped_leaves_its_place(monkeypatch: pytest.MonkeyPatch, its_turn: bool) -> None:
    gate, held = make_gate(), Held()
    wait = threading.Event.wait
    with ThreadPoolExecutor(1) as pool:
        (inside,) = fill(gate, held, pool, 1, 0)

        class Stopped(BaseException):
            pass

        def stopped(self: threading.Event, timeout: float | None = None) -> bool:
            if its_turn:
                held.go.set()
                assert wait(self, 30)
            raise Stopped

        # of this thread alone: whoever has the turn goes on
        mine = threading.current_thread()
        with monkeypatch.context() as patch:
            patch.setattr(
                threading.Event,
                "wait",
                lambda self, timeout=None: (stopped if threading.current_thread() is mine else wait)(self, timeout),
            )
            with pytest.raises(Stopped):
                gate.run(int)
        assert (gate.inside, gate.waiting) == (0 if its_turn else 1, 0)
        held.go.set()
        inside.result(30)
    assert (gate.inside, gate.waiting) == (0, 0)
    assert gate.run(lambda: "free again") == "free again"


def test_the_wait_that_is_told_grows_with_what_is_ahead() -> None:
    def told(queue: int) -> int:
        gate, held = make_gate(queue=queue), Held()
        gate._mean_seconds = 0.5  # as after many slow frames
        with ThreadPoolExecutor(queue + 1) as pool:
            fill(gate, held, pool, 1, queue)
            with pytest.raises(BusyError) as caught:
                gate.run(int)
            held.go.set()
        return caught.value.retry_after

    assert (told(0), told(3), told(9)) == (1, 2, 5)


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"queue": -1}, {"deadline_seconds": 0}])
def test_a_gate_that_lets_nobody_in_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="workers >= 1"):
        make_gate(**wrong)
