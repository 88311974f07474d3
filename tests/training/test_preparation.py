"""From files to embeddings: which face, which way, what the cache saves, and what happens to images that fail."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from errors import DatasetError, TrainingError
from recognizer.crops import DARK_BELOW, DLIB_RECIPE, CropRecipe
from recognizer.detector import DetectorConfig, FaceDetector
from recognizer.embeddings import FaceEmbedder
from recognizer.engines.torch_engine import TorchDlib, TorchMtcnn
from recognizer.types import FloatArray
from support.pictures import face_picture, write_class
from training.cache import EmbeddingCache
from training.dataset import IssueKind, Sample, scan
from training.embedding import LocalEmbedding
from training.preparation import PreparedDataset, detector_key, leave_out_small, prepare, quality_issues

Found = tuple[FloatArray, FloatArray, FloatArray]


class ScriptedDetection:
    """Finds the white rectangles (brightness over 250, apart from each other) of an image, each a face; nothing in an
    image without a grey border when ``shy``."""

    def __init__(self, shy: bool = False, smallest: int = 0) -> None:
        self.shy = shy
        self.smallest = smallest
        self.seen: list[tuple[int, ...]] = []

    def detect(self, image: NDArray[np.uint8]) -> Found:
        self.seen.append(image.shape)
        white = image.min(axis=2) > 250
        columns = np.flatnonzero(white.any(axis=0))
        boxes = []
        if not self.shy or (image[0] == 128).all():
            for run in np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1):
                if len(run) >= max(self.smallest, 1):
                    rows = np.flatnonzero(white[:, run[0]])
                    boxes.append([run[0], rows[0], run[-1] + 1, rows[-1] + 1])
        found = np.array(boxes, np.float32).reshape(-1, 4)
        marks = np.stack([found[:, [0, 1]], found[:, [2, 1]], found[:, :2] + 1, found[:, [0, 3]], found[:, [2, 3]]], 1)
        return found, marks.astype(np.float32), np.full(len(found), 0.99, np.float32)

    def detect_batch(self, images: NDArray[np.uint8]) -> list[Found]:
        return [self.detect(image) for image in images]


class ColourEmbedding:
    """The mean colour and the spread of a crop; counts the photos that it is given."""

    dimension = 4

    def __init__(self) -> None:
        self.crops: list[NDArray[np.uint8]] = []

    def forward(self, crops: NDArray[np.uint8]) -> FloatArray:
        half = len(crops) // 2
        if np.array_equal(crops[:half, :, ::-1], crops[half:]):  # with their mirror images; drawn ones have none
            self.crops += list(crops[:half])
        flat = crops.reshape(len(crops), -1, 3).astype(np.float32)
        return np.concatenate([flat.mean(axis=1), flat.std(axis=(1, 2))[:, None] + 1], axis=1)


def colour_embedder() -> tuple[FaceEmbedder, ColourEmbedding]:
    engine = ColourEmbedding()
    embedder = FaceEmbedder("colour", engine, CropRecipe(kind="box", size=32), "0" * 64)
    engine.crops.clear()
    return embedder, engine


def detectors(engine: ScriptedDetection):
    return lambda size: FaceDetector(engine, DetectorConfig(min_face_size=size))


def save(folder: Path, student: str, name: str, image: NDArray[np.uint8]) -> None:
    (folder / student).mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(folder / student / name)


def picture(
    *faces: tuple[int, int, int, int], size: tuple[int, int] = (100, 100), colour: int = 60
) -> NDArray[np.uint8]:
    """A dark picture of (height, width) with white rectangles (x1, y1, x2, y2)."""
    image = np.full((*size, 3), colour, np.uint8)
    for x1, y1, x2, y2 in faces:
        image[y1:y2, x1:x2] = 255
    return image


def prepare_one(folder: Path, image: NDArray[np.uint8], engine: ScriptedDetection):
    save(folder, "s1", "1.png", image)
    embedder, embedding = colour_embedder()
    return prepare(scan(folder).samples, LocalEmbedding(detectors(engine), embedder)), embedding.crops[0]


def test_the_face_is_cut_from_where_it_was_found(tmp_path: Path) -> None:
    prepared, crop = prepare_one(tmp_path, picture((30, 20, 70, 60)), ScriptedDetection())
    assert prepared.how.tolist() == ["detected"]
    assert crop.min() == 255, "all of the crop is face"


def test_a_face_found_only_with_a_border_is_cut_from_the_original(tmp_path: Path) -> None:
    engine = ScriptedDetection(shy=True)
    prepared, crop = prepare_one(tmp_path, picture((10, 20, 90, 80)), engine)
    assert prepared.how.tolist() == ["padded"]
    assert crop.min() == 255, "moved back by the border"
    assert engine.seen == [(100, 100, 3), (200, 200, 3)]
    assert prepared.ways == {"detected": 0, "padded": 1, "whole": 0}


def test_without_any_face_the_whole_picture_is_taken(tmp_path: Path) -> None:
    prepared, crop = prepare_one(tmp_path, picture(), ScriptedDetection())
    assert prepared.how.tolist() == ["whole"]
    assert (crop == DARK_BELOW).all(), "the grey of 60 around, lit"


def test_a_small_face_is_found_last(tmp_path: Path) -> None:
    class Growing(ScriptedDetection):
        pass

    seen: list[int] = []

    def make_detector(size: int) -> FaceDetector:
        seen.append(size)
        return FaceDetector(Growing(smallest=size), DetectorConfig(min_face_size=size))

    save(tmp_path, "s1", "1.png", picture((100, 100, 140, 140), size=(500, 500)))
    embedder, embedding = colour_embedder()
    prepared = prepare(scan(tmp_path).samples, LocalEmbedding(make_detector, embedder))
    assert prepared.how.tolist() == ["detected"]
    assert embedding.crops[0].min() == 255
    assert seen == [94, 184, 30]


def test_of_several_faces_the_large_one_in_the_middle_is_taken(tmp_path: Path) -> None:
    image = picture((0, 0, 45, 45), (130, 70, 170, 110), (270, 0, 300, 30), size=(200, 300))
    image[75:105, 135:165] = [252, 255, 255]
    _, crop = prepare_one(tmp_path, image, ScriptedDetection())
    assert crop[16, 16].tolist() == [252, 255, 255]


def test_a_huge_photo_is_shrunk_before_the_networks_see_it(tmp_path: Path) -> None:
    engine = ScriptedDetection()
    prepare_one(tmp_path, picture((300, 300, 900, 900), size=(1500, 3000)), engine)
    assert engine.seen == [(512, 1024, 3)]


def test_a_photo_that_is_deleted_while_it_is_embedded_leaves_nothing(tmp_path: Path) -> None:
    for number, student in enumerate(("s1", "s2")):
        save(tmp_path, student, "1.png", picture((30, 20, 70, 60), colour=60 + number))
    samples = scan(tmp_path).samples
    embedder, _ = colour_embedder()
    embed = LocalEmbedding(detectors(ScriptedDetection()), embedder)

    def erased_meanwhile(missing: Any) -> Iterator[Any]:
        for batch in embed(missing):
            samples[0].path.unlink(missing_ok=True)
            yield batch

    cache = EmbeddingCache(tmp_path / "cache", embedder.info, "detector")
    assert prepare(samples, erased_meanwhile, cache).samples == samples[1:]
    assert list(cache.get_many([sample.sha256 for sample in samples])) == [samples[1].sha256]


def test_detectors_are_built_once_for_many_sizes(tmp_path: Path) -> None:
    built: list[int] = []

    def make_detector(size: int) -> FaceDetector:
        built.append(size)
        return FaceDetector(ScriptedDetection(), DetectorConfig(min_face_size=size))

    for number in range(12):
        side = 100 + number
        save(tmp_path, "s1", f"{number}.png", picture((20, 20, 60, 60), size=(side, side), colour=number))
    prepare(scan(tmp_path).samples, LocalEmbedding(make_detector, colour_embedder()[0]))
    assert built == [19]


@pytest.mark.parametrize("shape", [(20, 20), (20, 400), (3000, 21)])
def test_pictures_of_any_shape_are_survived(tmp_path: Path, shape: tuple[int, int]) -> None:
    prepared, _ = prepare_one(tmp_path, picture(size=shape), ScriptedDetection())
    assert prepared.how.tolist() == ["whole"]
    assert prepared.thumbnails.shape == (1, 32, 32)


def test_too_small_an_image_is_passed_over_and_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"none of the 1 images could be read.*s1/1.png.*19 x 40 pixels, too few"):
        prepare_one(tmp_path, picture(size=(40, 19)), ScriptedDetection())


def test_a_photo_that_lies_on_its_side_is_told_how_to_turn(tmp_path: Path) -> None:
    prepared, _ = prepare_one(tmp_path, picture(size=(90, 90)), ScriptedDetection())
    (issue,) = quality_issues(prepared, turn_of=lambda sample: "by 90 degrees to the left")
    assert issue.kind is IssueKind.NO_FACE and "Turn the photo by 90 degrees to the left." in issue.message


def test_an_image_that_cannot_be_read_is_named_and_the_rest_is_used(tmp_path: Path) -> None:
    save(tmp_path, "s1", "1.png", picture((10, 10, 60, 60)))
    whole = io.BytesIO()
    Image.fromarray(face_picture(1, 0, 120)).save(whole, "JPEG")
    (tmp_path / "s1" / "2.jpg").write_bytes(whole.getvalue()[:1500])
    (tmp_path / "s1" / "3.jpg").write_bytes(b"not a picture")
    prepared = prepare(scan(tmp_path).samples, LocalEmbedding(detectors(ScriptedDetection()), colour_embedder()[0]))
    assert [sample.path.name for sample in prepared.samples] == ["1.png"]
    assert [issue.kind for issue in prepared.issues] == [IssueKind.UNREADABLE] * 2
    assert prepared.issues[0].message.startswith("s1/2.jpg is not used: ")


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "s1").mkdir()
    (tmp_path / "s1" / "1.jpg").write_bytes(b"not a picture")
    with pytest.raises(TrainingError, match="none of the 1 images"):
        prepare(scan(tmp_path).samples, LocalEmbedding(detectors(ScriptedDetection()), colour_embedder()[0]))


def many(folder: Path, count: int) -> tuple[Sample, ...]:
    for number in range(count):
        save(folder, f"s{number % 3}", f"{number:03d}.png", picture((10, 10, 60, 60), colour=number))
    return scan(folder).samples


def test_a_second_run_embeds_only_what_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.embedding.BATCH_SIZE", 4)
    make_detector = detectors(ScriptedDetection())
    embedder, embedding = colour_embedder()
    embed = LocalEmbedding(make_detector, embedder)
    cache = EmbeddingCache(tmp_path / "cache", embedder.info, detector_key(make_detector(40)))
    calls: list[tuple[int, int, int]] = []
    first = prepare(many(tmp_path / "set", 10), embed, cache, lambda *call: calls.append(call))
    assert (first.cached_count, len(embedding.crops)) == (0, 10)
    assert calls == [(0, 10, 0), (4, 10, 0), (8, 10, 0), (10, 10, 0)]
    calls.clear()
    second = prepare(many(tmp_path / "set", 13), embed, cache, lambda *call: calls.append(call))
    assert (second.cached_count, len(embedding.crops)) == (10, 13)
    assert calls == [(10, 13, 10), (13, 13, 10)]
    third = prepare(second.samples, embed, cache)
    assert third.cached_count == len(third.samples) == 13
    for name in ("embeddings", "labels", "how", "thumbnails"):
        assert np.array_equal(getattr(third, name), getattr(second, name))
    fresh = prepare(second.samples, embed)
    assert fresh.cached_count == 0
    assert np.allclose(fresh.embeddings, third.embeddings, atol=1e-6)
    assert third.labels.tolist() == [sample.student_id for sample in third.samples]


def test_an_interrupted_run_keeps_what_it_embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.embedding.BATCH_SIZE", 4)
    make_detector = detectors(ScriptedDetection())
    embedder, _ = colour_embedder()
    cache = EmbeddingCache(tmp_path / "cache", embedder.info, "key")
    samples = many(tmp_path / "set", 20)

    def interrupt(done: int, total: int, cached: int) -> None:
        if done == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(samples, LocalEmbedding(make_detector, embedder), cache, interrupt)
    assert prepare(samples, LocalEmbedding(make_detector, embedder), cache).cached_count == 8


def test_other_detector_settings_make_another_key() -> None:
    def key(config: DetectorConfig) -> str:
        return detector_key(FaceDetector(ScriptedDetection(), config))

    assert key(DetectorConfig(min_face_size=20)) == key(DetectorConfig(min_face_size=80))
    assert key(DetectorConfig()) != key(DetectorConfig(min_probability=0.5))
    assert key(DetectorConfig()) != key(DetectorConfig(thresholds=(0.5, 0.7, 0.7)))


def test_students_left_with_too_few_readable_images_are_left_out(tmp_path: Path) -> None:
    samples = many(tmp_path, 9)
    prepared = prepare(samples, LocalEmbedding(detectors(ScriptedDetection()), colour_embedder()[0]))
    lost = tuple(s for s in prepared.samples if s.student_id == "s1")[1:]
    keep = np.array([s not in lost for s in prepared.samples])
    fewer = PreparedDataset(
        tuple(s for s in prepared.samples if s not in lost),
        prepared.embeddings[keep],
        prepared.in_conditions[keep],
        prepared.labels[keep],
        prepared.how[keep],
        prepared.thumbnails[keep],
        (),
        0,
    )
    kept = leave_out_small(fewer, 2)
    assert sorted(set(kept.labels)) == ["s0", "s2"]
    assert len(kept.samples) == len(kept.embeddings) == len(kept.thumbnails) == len(kept.how) == 6
    assert [(issue.kind, issue.student_id) for issue in kept.issues] == [(IssueKind.TOO_FEW_IMAGES, "s1")]
    with pytest.raises(DatasetError, match="no student has 4 images"):
        leave_out_small(fewer, 4, where=tmp_path)


def test_rows_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    prepared = prepare(many(tmp_path, 3), LocalEmbedding(detectors(ScriptedDetection()), colour_embedder()[0]))
    with pytest.raises(ValueError, match="expected 3 rows"):
        replace(prepared, embeddings=prepared.embeddings[:2])


# --- with the real networks


@lru_cache(maxsize=8)
def mtcnn(size: int) -> FaceDetector:
    config = DetectorConfig(min_face_size=size)
    engine = TorchMtcnn(
        min_face_size=size, thresholds=config.thresholds, scale_factor=config.scale_factor, device="cpu"
    )
    return FaceDetector(engine, config)


@pytest.fixture(scope="module")
def dlib() -> FaceEmbedder:
    package = find_spec("face_recognition_models")
    assert package is not None and package.origin is not None
    weights = Path(package.origin).parent / "models" / "dlib_face_recognition_resnet_model_v1.dat"
    return FaceEmbedder("dlib", TorchDlib(weights, device="cpu"), DLIB_RECIPE, "f" * 64)


def test_drawn_faces_end_up_next_to_their_own_kind(tmp_path: Path, dlib: FaceEmbedder) -> None:
    write_class(tmp_path, range(3), 3)
    prepared = prepare(scan(tmp_path).samples, LocalEmbedding(mtcnn, dlib))
    assert prepared.ways == {"detected": 9, "padded": 0, "whole": 0}
    assert np.allclose(np.linalg.norm(prepared.embeddings, axis=1), 1, atol=1e-5)
    similar = prepared.embeddings @ prepared.embeddings.T - 2 * np.eye(9)
    assert (prepared.labels[similar.argmax(axis=1)] == prepared.labels).all()


def test_a_picture_in_the_wrong_folder_and_a_copy_are_pointed_out(tmp_path: Path, dlib: FaceEmbedder) -> None:
    write_class(tmp_path, range(5), 4)
    (tmp_path / "student-00" / "3.jpg").replace(tmp_path / "student-04" / "wrong.jpg")
    Image.fromarray(face_picture(2, 0)).resize((120, 120)).save(tmp_path / "student-02" / "copy.jpg", quality=60)
    Image.fromarray(face_picture(3, 1)).save(tmp_path / "student-01" / "stolen.jpg", quality=70)
    issues = quality_issues(prepare(scan(tmp_path).samples, LocalEmbedding(mtcnn, dlib)))
    near = {issue.path.name for issue in issues if issue.kind is IssueKind.NEAR_DUPLICATE and issue.path}
    assert "copy.jpg" in near
    wrong = {issue.path.name: issue.message for issue in issues if issue.kind is IssueKind.PROBABLE_MISLABEL}
    assert set(wrong) == {"wrong.jpg", "stolen.jpg"}
    assert "student-00" in wrong["wrong.jpg"]
    assert "nearly the same picture as student-03/1.jpg" in wrong["stolen.jpg"]


def photo_folder() -> Path:
    root = Path(os.environ.get("SMARTATTENDANCE_TEST_DATA") or Path(__file__).parents[2] / ".." / "shared" / "data")
    if not (root / "faces" / "lfw-dev").is_dir():
        pytest.skip(f"no photos at {root}; set SMARTATTENDANCE_TEST_DATA to a folder with faces/lfw-dev")
    return root / "faces" / "lfw-dev"


def test_swapped_photos_of_real_people_are_found(tmp_path: Path, dlib: FaceEmbedder) -> None:
    people = [folder for folder in sorted(photo_folder().iterdir()) if len(list(folder.iterdir())) >= 10][:6]
    names = [folder.name for folder in people]
    swapped = {(0, 1): 4, (4, 2): 0, (5, 0): 3}  # (person, photo): the folder it is put into
    for person, folder in enumerate(people):
        for shot, photo in enumerate(sorted(folder.iterdir())[:4]):
            target = tmp_path / names[swapped.get((person, shot), person)]
            target.mkdir(exist_ok=True)
            (target / photo.name).write_bytes(photo.read_bytes())
    prepared = prepare(scan(tmp_path).samples, LocalEmbedding(mtcnn, dlib))
    flagged = {issue.path.name for issue in quality_issues(prepared) if issue.kind is IssueKind.PROBABLE_MISLABEL}
    assert flagged == {sorted(people[person].iterdir())[shot].name for person, shot in swapped}


def test_a_tightly_cut_face_is_found_with_a_border(tmp_path: Path, dlib: FaceEmbedder) -> None:
    photos = [sorted(folder.iterdir())[0] for folder in sorted(photo_folder().iterdir())[:6]]
    for number, photo in enumerate(photos):
        image = np.array(Image.open(photo).convert("RGB"))
        box = mtcnn(48).detect(image)[0].box
        inset = 0.15 * box.width
        cut = image[int(box.y1 + inset) : int(box.y2 - inset), int(box.x1 + inset) : int(box.x2 - inset)]
        save(tmp_path, f"p{number:02d}", "tight.png", np.array(Image.fromarray(cut).resize((160, 160))))
        save(tmp_path, f"p{number:02d}", "whole.png", image)
    prepared = prepare(scan(tmp_path).samples, LocalEmbedding(mtcnn, dlib))
    tight = [row for row, sample in enumerate(prepared.samples) if sample.path.name == "tight.png"]
    whole = [row for row, sample in enumerate(prepared.samples) if sample.path.name == "whole.png"]
    assert len(tight) == len(whole) == 6
    assert (prepared.how[whole] == "detected").all()
    assert (prepared.how[tight] == "whole").sum() <= 1
    assert (prepared.how[tight] == "padded").sum() >= 2
    best = (prepared.embeddings[tight] @ prepared.embeddings[whole].T).argmax(axis=1)
    assert (best == np.arange(6)).sum() >= 5
