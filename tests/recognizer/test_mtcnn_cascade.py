"""MTCNN rebuilt around OpenVINO's networks finds what facenet-pytorch's MTCNN finds: every face that this one is sure
of, with the same box and landmarks; and it stays within bounds where a picture is full of what might be faces."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from recognizer.detector import DetectorConfig, FaceDetector
from recognizer.engines import openvino_engine
from recognizer.engines.mtcnn import MOST, Mtcnn, MtcnnNetworks, pyramid
from recognizer.engines.openvino_engine import PICTURE_SIZES, SEEN_OFTEN, OpenVinoMtcnnNetworks, supports_bfloat16
from recognizer.engines.openvino_models import mtcnn_networks
from recognizer.engines.suppression import suppressed
from recognizer.engines.torch_engine import TorchMtcnn
from recognizer.images import read_image
from recognizer.types import DetectedFace, FloatArray, RGBImage
from support.clock import WorkClock
from support.compute import ENGINE_DIR
from support.pictures import face_picture

SURE = 0.9
LFW_PHOTOS = 40
# A face that the reference is just sure of must not be missed for the last digit of its probability.
JUST_BELOW = DetectorConfig(min_probability=SURE - 0.02)


def unshared_networks() -> OpenVinoMtcnnNetworks:
    """Networks that no other test has shown pictures to."""
    return mtcnn_networks.__wrapped__(ENGINE_DIR, 0)


def own_engine(config: DetectorConfig = JUST_BELOW, networks: MtcnnNetworks | None = None) -> Mtcnn:
    return Mtcnn(
        networks or unshared_networks(),
        min_face_size=config.min_face_size,
        thresholds=config.thresholds,
        scale_factor=config.scale_factor,
    )


def both(config: DetectorConfig = JUST_BELOW) -> tuple[FaceDetector, FaceDetector]:
    theirs = TorchMtcnn(
        min_face_size=config.min_face_size,
        thresholds=config.thresholds,
        scale_factor=config.scale_factor,
        device="cpu",
    )
    return FaceDetector(own_engine(config), config), FaceDetector(theirs, config)


Detectors = tuple[FaceDetector, FaceDetector]


@pytest.fixture(scope="module")
def detectors() -> Detectors:
    """Ours and facenet-pytorch's."""
    return both()


@pytest.fixture(scope="module")
def ours(detectors: Detectors) -> FaceDetector:
    return detectors[0]


@dataclass
class Agreement:
    """Of all pictures together. faces: of the reference, at least ``SURE``."""

    faces: int = 0
    found: int = 0
    least_overlap: float = 1.0
    farthest_landmark: float = 0.0
    invented: int = 0

    def add(self, detectors: Detectors, image: RGBImage) -> None:
        mine, theirs = (detector.detect(image) for detector in detectors)
        for face in theirs:
            if face.probability < SURE:
                continue
            self.faces += 1
            match = max(mine, key=lambda other: other.box.iou(face.box), default=None)
            if match is None or match.box.iou(face.box) < 0.5:
                continue
            self.found += 1
            size = max(face.box.width, face.box.height)
            self.least_overlap = min(self.least_overlap, match.box.iou(face.box))
            moved = float(np.abs(match.landmarks - face.landmarks).max()) / size
            self.farthest_landmark = max(self.farthest_landmark, moved)
        for face in mine:
            if face.probability >= SURE and not any(face.box.iou(other.box) > 0.5 for other in theirs):
                self.invented += 1

    def check(self, least: int) -> None:
        assert self.faces >= least, self
        assert self.found == self.faces, self
        assert self.least_overlap >= 0.85, self
        assert self.farthest_landmark <= 0.02, self
        assert self.invented == 0, self


def resized(image: RGBImage, width: int, height: int) -> RGBImage:
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def crowd(width: int, height: int, face: int) -> RGBImage:
    """Drawn people side by side over the whole picture, each ``face`` pixels wide."""
    canvas = np.full((height, width, 3), 130, np.uint8)
    for number in range((width // (2 * face)) * (height // (2 * face))):
        row, column = divmod(number, width // (2 * face))
        tile = face_picture(number % 12, number % 3, 2 * face)
        canvas[2 * face * row : 2 * face * (row + 1), 2 * face * column : 2 * face * (column + 1)] = tile
    return canvas


# --- the same faces as facenet-pytorch's


def test_drawn_people_alone_and_together(detectors: Detectors) -> None:
    agreement = Agreement()
    for person in range(12):
        agreement.add(detectors, face_picture(person, person % 3, 160 + 7 * person))
    for size in ((640, 480), (641, 479), (333, 517)):
        agreement.add(detectors, crowd(*size, 60))
    agreement.check(35)


@pytest.mark.parametrize(
    "changes",
    [{"min_face_size": 20}, {"min_face_size": 93}, {"scale_factor": 0.5}, {"scale_factor": 0.86}],
    ids=lambda changes: str(changes),
)
def test_with_other_settings(changes: dict[str, Any]) -> None:
    detectors = both(DetectorConfig(min_probability=SURE - 0.02, **changes))
    agreement = Agreement()
    for size in (140, 250, 301):
        agreement.add(detectors, face_picture(3, 1, size))
    agreement.add(detectors, crowd(500, 420, 100))
    agreement.check(3)


def test_more_sizes_of_the_pyramid_than_a_byte_counts() -> None:
    config = DetectorConfig(scale_factor=0.98)
    engine = own_engine(config)
    (face,) = FaceDetector(engine, config).detect(face_picture(3, 0, 800))
    assert len(pyramid(800, 800, 12 / config.min_face_size, config.scale_factor)) > 127
    (expected,) = FaceDetector(own_engine(), JUST_BELOW).detect(face_picture(3, 0, 800))
    assert face.box.iou(expected.box) > 0.7


@pytest.mark.parametrize("size", [None, (1280, 720), (640, 480), (640, 360), (901, 613)])
def test_a_photo_of_six_people(detectors: Detectors, test_data: Path, size: tuple[int, int] | None) -> None:
    path = test_data / "frames" / "multiface.jpg"
    if not path.is_file():
        pytest.skip(f"no picture at {path}")
    image, agreement = read_image(path), Agreement()
    agreement.add(detectors, image if size is None else resized(image, *size))
    agreement.check(5)


def frames_of(path: Path, every: int) -> Iterator[RGBImage]:
    clip = cv2.VideoCapture(str(path))
    number = 0
    while True:
        there, frame = clip.read()
        if not there:
            return
        if number % every == 0:
            yield np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), dtype=np.uint8)
        number += 1


def test_frames_of_a_clip(detectors: Detectors, test_data: Path) -> None:
    path = test_data / "frames" / "video.mp4"
    if not path.is_file():
        pytest.skip(f"no clip at {path}")
    agreement = Agreement()
    for image in frames_of(path, every=15):
        for size in ((1280, 720), (640, 360)):
            agreement.add(detectors, resized(image, *size))
    agreement.check(30)


def test_photos_of_many_people(detectors: Detectors, test_data: Path) -> None:
    folder = test_data / "faces" / "lfw-dev"
    if not folder.is_dir():
        pytest.skip(f"no photos at {folder}")
    photos = sorted(folder.glob("*/*.jpg"))
    agreement = Agreement()
    for path in photos[:: len(photos) // LFW_PHOTOS][:LFW_PHOTOS]:
        agreement.add(detectors, read_image(path))
    agreement.check(LFW_PHOTOS)


# --- small and odd pictures


@pytest.mark.parametrize("shape", [(1, 1), (11, 11), (39, 39), (39, 500), (500, 39), (40, 40), (41, 43), (1, 900)])
def test_pictures_smaller_than_the_smallest_face_or_just_as_large(detectors: Detectors, shape: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert [detector.detect(image) for detector in detectors] == [(), ()]


@pytest.mark.parametrize("shape", [(40, 700), (700, 40), (47, 91), (64, 65)])
def test_a_face_in_a_narrow_picture(detectors: Detectors, shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 130, np.uint8)
    side = min(shape)
    image[:side, :side] = face_picture(3, 0, 2 * side)[side // 2 : side // 2 + side, side // 2 : side // 2 + side]
    agreement = Agreement()
    agreement.add(detectors, image)
    assert agreement.found == agreement.faces and agreement.invented == 0
    assert agreement.least_overlap >= 0.85


# --- bounded work


class Counting:
    """``MtcnnNetworks`` that notes how much R-Net and O-Net were given."""

    def __init__(self, networks: MtcnnNetworks) -> None:
        self._networks = networks
        self.rough_pays = networks.rough_pays
        self.refined: list[int] = []
        self.finished: list[int] = []
        self.finished_roughly: list[int] = []

    def propose(self, pictures: Sequence[FloatArray]) -> list[tuple[FloatArray, FloatArray]]:
        return self._networks.propose(pictures)

    def refine(self, patches: FloatArray) -> tuple[FloatArray, FloatArray]:
        self.refined.append(len(patches))
        return self._networks.refine(patches)

    def finish(self, patches: FloatArray, *, rough: bool = False) -> tuple[FloatArray, FloatArray, FloatArray]:
        (self.finished_roughly if rough else self.finished).append(len(patches))
        return self._networks.finish(patches, rough=rough)


class Credulous:
    """Networks that take everything for a face."""

    rough_pays = False

    def propose(self, pictures: Sequence[FloatArray]) -> list[tuple[FloatArray, FloatArray]]:
        random = np.random.default_rng(0)
        shapes = [((len(picture) - 1) // 2 - 4, (picture.shape[1] - 1) // 2 - 4) for picture in pictures]
        return [
            (random.uniform(2, 9, shape).astype(np.float32), random.uniform(-0.2, 0.2, (*shape, 4)).astype(np.float32))
            for shape in shapes
        ]

    def refine(self, patches: FloatArray) -> tuple[FloatArray, FloatArray]:
        return np.full(len(patches), 5, np.float32), np.zeros((len(patches), 4), np.float32)

    def finish(self, patches: FloatArray, *, rough: bool = False) -> tuple[FloatArray, FloatArray, FloatArray]:
        count = len(patches)
        return np.full(count, 5, np.float32), np.zeros((count, 4), np.float32), np.full((count, 10), 0.5, np.float32)


def coarse_noise() -> RGBImage:
    blots = np.random.default_rng(0).integers(0, 256, (60, 107, 3), dtype=np.uint8)
    return np.kron(blots, np.ones((12, 12, 1), np.uint8))


def newsprint(width: int, height: int) -> RGBImage:
    """Lines of small dark blots, with pictures between them, as on a wall of newspaper."""
    random = np.random.default_rng(1)
    cells = (random.random((height // 4, width // 4)) < 0.45) & (np.arange(height // 4) % 3 > 0)[:, None]
    page = np.where(np.kron(cells, np.ones((4, 4), bool)), 60, 225)[:height, :width]
    return np.repeat(page[:, :, None], 3, axis=2).astype(np.uint8)


def noise() -> RGBImage:
    return np.random.default_rng(0).integers(0, 256, (720, 1280, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "image",
    [noise, coarse_noise, lambda: newsprint(1280, 720), lambda: crowd(1280, 720, 20)],
    ids=["noise", "coarse noise", "newsprint", "hundreds of faces"],
)
def test_full_pictures_are_bounded_work(image: Callable[[], RGBImage]) -> None:
    networks = Counting(unshared_networks())
    boxes, landmarks, probabilities = own_engine(networks=networks).detect(image())
    assert len(boxes) == len(landmarks) == len(probabilities)
    assert all(count <= MOST for count in (*networks.refined, *networks.finished, *networks.finished_roughly))


@pytest.mark.skipif(not supports_bfloat16(), reason="this processor does not compute in bfloat16")
@pytest.mark.parametrize("face", [150, 100, 70])
def test_a_rough_look_saves_exact_ones_and_changes_nothing(face: int) -> None:
    exact, rough = Counting(unshared_networks()), Counting(unshared_networks())
    exact.rough_pays, rough.rough_pays = False, True
    image = crowd(1280, 720, face)
    for theirs, ours in zip(
        own_engine(networks=exact).detect(image), own_engine(networks=rough).detect(image), strict=True
    ):
        # networks for batches of other sizes differ in the last digits
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=0.02)
    assert exact.finished_roughly == [] and rough.finished_roughly == exact.finished
    assert rough.finished[0] < exact.finished[0] / 2


@pytest.mark.parametrize("size", [(1280, 720), (400, 3000), (43, 50)])
def test_whatever_the_networks_take_for_a_face_the_work_is_bounded(size: tuple[int, int]) -> None:
    networks = Counting(Credulous())
    boxes, landmarks, _ = own_engine(networks=networks).detect(np.zeros((size[1], size[0], 3), np.uint8))
    assert networks.refined[0] <= MOST and networks.finished[0] <= MOST
    assert 1 <= len(boxes) <= MOST
    assert np.isfinite(boxes).all() and np.isfinite(landmarks).all()
    if size == (1280, 720):
        assert networks.refined[0] > MOST / 2, "this picture does not show that there is a bound"


def test_a_hundred_faces_in_one_picture(detectors: Detectors) -> None:
    """More than a lecture hall: among so many candidates another box of a face may win, but no face is lost."""
    agreement = Agreement()
    agreement.add(detectors, crowd(1280, 960, 50))
    assert agreement.found == agreement.faces >= 100 and agreement.invented == 0
    assert agreement.least_overlap >= 0.7


# --- which boxes remain


def slow(boxes: FloatArray, scores: FloatArray, threshold: float, of_smaller: bool) -> list[int]:
    """The same, box by box, as facenet-pytorch and torchvision do it."""
    extra = 1 if of_smaller else 0
    area = [float((x2 - x1 + extra) * (y2 - y1 + extra)) for x1, y1, x2, y2 in boxes]
    left, kept = [int(index) for index in np.argsort(-scores, kind="stable")], []
    while left:
        best = left.pop(0)
        kept.append(best)
        remaining = []
        for other in left:
            width = min(boxes[best, 2], boxes[other, 2]) - max(boxes[best, 0], boxes[other, 0]) + extra
            height = min(boxes[best, 3], boxes[other, 3]) - max(boxes[best, 1], boxes[other, 1]) + extra
            shared = float(max(width, 0) * max(height, 0))
            whole = min(area[best], area[other]) if of_smaller else area[best] + area[other] - shared
            if shared <= 0 or shared / whole <= threshold:
                remaining.append(other)
        left = remaining
    return kept


@pytest.mark.parametrize("of_smaller", [False, True], ids=["of both", "of the smaller"])
@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
@pytest.mark.parametrize("count", [0, 1, 2, 40, 300])
def test_overlapping_boxes_are_dropped_as_one_by_one(count: int, threshold: float, of_smaller: bool) -> None:
    random = np.random.default_rng(count)
    # whole numbers that are powers of two where they can be: no quotient lies at the threshold by rounding
    low = random.integers(0, 120, (count, 2))
    boxes = np.concatenate([low, low + random.integers(5, 70, (count, 2))], axis=1).astype(np.float32)
    scores = random.permutation(count).astype(np.float32)
    found = suppressed(boxes, scores, threshold, of_smaller=of_smaller)
    assert found.tolist() == slow(boxes, scores, threshold, of_smaller)


def test_the_same_box_twice_remains_once_the_first_of_equals() -> None:
    boxes = np.array([[0, 0, 10, 10], [50, 50, 60, 60], [0, 0, 10, 10]], np.float32)
    assert suppressed(boxes, np.array([0.9, 0.9, 0.9], np.float32), 0.5).tolist() == [0, 1]
    assert suppressed(boxes, np.array([0.8, 0.7, 0.9], np.float32), 0.5).tolist() == [2, 1]


def test_only_those_worse_by_the_lead_are_dropped() -> None:
    boxes = np.array([[0, 0, 10, 10]] * 4, np.float32)
    scores = np.array([5.0, 4.9, 4.4, 1.0], np.float32)
    assert suppressed(boxes, scores, 0.5, lead=0.3).tolist() == [0, 1]
    assert suppressed(boxes, scores, 0.5, lead=0.7).tolist() == [0, 1, 2]


@pytest.mark.parametrize("of_smaller", [False, True], ids=["of both", "of the smaller"])
def test_a_box_that_is_inside_out_drops_no_other(of_smaller: bool) -> None:
    """The last step can turn a sliver inside out; it is left out later, but the faces beside it are not."""
    boxes = np.array([[30, 30, 20, 60], [0, 0, 10, 10], [40, 40, 80, 80], [41, 41, 80, 80]], np.float32)
    scores = np.array([0.99, 0.95, 0.9, 0.8], np.float32)
    assert suppressed(boxes, scores, 0.7, of_smaller=of_smaller).tolist() == [0, 1, 2]


# --- pictures of many sizes, and threads


def assert_same(found: tuple[DetectedFace, ...], expected: tuple[DetectedFace, ...]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert np.allclose(one.box.as_tuple(), other.box.as_tuple(), atol=0.05)
        assert np.allclose(one.landmarks, other.landmarks, atol=0.05)


def test_a_size_that_comes_often_answers_as_when_it_came_first() -> None:
    detector, image = FaceDetector(own_engine(), JUST_BELOW), crowd(480, 360, 80)
    first = detector.detect(image)
    assert len(first) >= 4
    for _ in range(SEEN_OFTEN + 2):
        assert_same(detector.detect(image), first)
    assert len(detector._engine._networks._sizes) == 1, "it was never compiled for"  # type: ignore[attr-defined]


def test_threads_find_the_faces_of_pictures_of_different_sizes() -> None:
    """Sizes are compiled for while others are being computed."""
    detector = FaceDetector(own_engine(), JUST_BELOW)
    images = [crowd(width, 240, 60) for width in (241, 300, 360, 400, 480, 500)]
    expected = [FaceDetector(own_engine(), JUST_BELOW).detect(image) for image in images]
    together = threading.Barrier(4)

    def work(thread: int) -> None:
        together.wait(60)
        for turn in range(2 * len(images)):
            number = (thread + turn) % len(images)
            assert_same(detector.detect(images[number]), expected[number])

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work, thread) for thread in range(4)]:
            done.result(120)


@pytest.mark.parametrize(
    ("count", "batches"), [(3, [4]), (8, [8]), (13, [16]), (33, [32, 4]), (98, [96, 4]), (125, [128]), (300, [256, 48])]
)
def test_patches_are_filled_up_or_divided_whichever_is_less(
    count: int, batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    class Noted(openvino_engine.Compiled):
        def __init__(self, model: Any, precision: str, threads: int) -> None:
            if model.inputs[0].partial_shape.is_static:
                made.append(model.inputs[0].shape[0])
            super().__init__(model, precision, threads)

    monkeypatch.setattr(openvino_engine, "Compiled", Noted)
    networks = unshared_networks()
    patches = np.random.default_rng(0).uniform(0, 255, (count, 24, 24, 3)).astype(np.float32)
    odds, boxes = networks.refine(patches)
    assert made == batches
    one_by_one = [networks.refine(patch[None]) for patch in patches]
    np.testing.assert_allclose(odds, [each[0] for each, _ in one_by_one], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(boxes, [each[0] for _, each in one_by_one], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("has_bfloat16", "rough", "exact", "pays"),
    [(True, 1.0, 2.0, True), (True, 1.9, 2.0, False), (True, 3.0, 2.0, False), (False, 1.0, 2.0, False)],
)
def test_whether_rough_looks_pay_is_measured(
    has_bfloat16: bool, rough: float, exact: float, pays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = WorkClock()

    class Slow:
        def __init__(self, model: object, precision: str, threads: int) -> None:
            self._seconds = rough if precision == "bf16" else exact

        def __call__(self, *inputs: NDArray[np.float32]) -> list[NDArray[np.float32]]:
            clock.now += self._seconds
            return [np.zeros((len(inputs[0]), 15), np.float32)]

    networks = unshared_networks()
    monkeypatch.setattr(openvino_engine, "Compiled", Slow)
    monkeypatch.setattr(openvino_engine, "time", clock)
    monkeypatch.setattr(openvino_engine, "supports_bfloat16", lambda: has_bfloat16)
    assert networks.rough_pays == pays


class Compilations:
    """Stands in for ``Compiled`` and for the models: notes for which sizes P-Net is compiled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sizes: list[tuple[int, int]] = []
        answer = np.zeros((1, 1, 1, 5), np.float32)

        class Model:
            def __init__(self, sizes: Sequence[tuple[int, int]] = ()) -> None:
                self.sizes = sizes

        def compiled(model: Model, precision: str, threads: int) -> Callable[..., list[NDArray[np.float32]]]:
            assert precision == "f32"
            self.sizes.extend((width, height) for height, width in model.sizes[:1])
            return lambda *pictures: [answer] * len(pictures)

        monkeypatch.setattr(openvino_engine, "Compiled", compiled)
        monkeypatch.setattr(openvino_engine, "side_by_side", lambda _, sizes: Model(sizes))
        self._networks = OpenVinoMtcnnNetworks(Model(), Model(), Model(), 0)  # type: ignore[arg-type]

    def see(self, width: int, height: int, times: int = 1) -> None:
        pictures = [np.zeros((height, width, 3), np.float32), np.zeros((height // 2, width // 2, 3), np.float32)]
        for _ in range(times):
            self._networks.propose(pictures)


def test_only_a_size_that_comes_often_is_compiled_for(monkeypatch: pytest.MonkeyPatch) -> None:
    compilations = Compilations(monkeypatch)
    for width in range(30, 60):  # photos from everywhere, each size a few times
        compilations.see(width, 40, SEEN_OFTEN - 1)
    assert compilations.sizes == []
    compilations.see(200, 100, 50)
    assert compilations.sizes == [(200, 100)]


def test_more_sizes_than_there_are_places_are_not_compiled_for_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cameras more than places: compiling takes as long as ten pictures, and would be done for each."""
    monkeypatch.setattr(openvino_engine, "GONE_AFTER", 60)
    compilations, cameras = Compilations(monkeypatch), PICTURE_SIZES + 2
    for _ in range(50):
        for camera in range(cameras):
            compilations.see(100 + camera, 80)
    assert compilations.sizes == [(100 + camera, 80) for camera in range(PICTURE_SIZES)]
    # when those are gone for long, the others get their places
    for _ in range(60):
        for camera in range(PICTURE_SIZES, cameras):
            compilations.see(100 + camera, 80)
    assert sorted(compilations.sizes[PICTURE_SIZES:]) == [
        (100 + camera, 80) for camera in range(PICTURE_SIZES, cameras)
    ]
