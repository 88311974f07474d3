"""Embeddings of the real networks: their form, their symmetry, and that they tell people apart."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from facenet_pytorch import InceptionResnetV1
from numpy.typing import NDArray

from errors import ConfigurationError, WeightsError
from recognizer.assembly import build_embedder
from recognizer.crops import FACENET_RECIPE
from recognizer.detector import FaceDetector
from recognizer.embeddings import BATCH_SIZE, FaceEmbedder, l2_normalise
from recognizer.engines.two_networks import FACENET_SHARE
from recognizer.images import read_image
from recognizer.loader import SAME_NETWORK_COSINE
from recognizer.types import DetectedFace, FloatArray
from recognizer.weights import WeightsFile
from support.compute import REFERENCE
from support.pictures import face_picture

PEOPLE, PHOTOS = 25, 4


@pytest.fixture(params=["dlib", "facenet", "both"])
def embedder(request: pytest.FixtureRequest) -> FaceEmbedder:
    built: FaceEmbedder = request.getfixturevalue(f"{request.param}_embedder")
    return built


@pytest.fixture(scope="module")
def drawn(detector: FaceDetector) -> list[tuple[NDArray[np.uint8], DetectedFace]]:
    pictures = [face_picture(person) for person in (3, 5, 9, 11)]
    return [(picture, faces[0]) for picture, faces in zip(pictures, detector.detect_batch(pictures), strict=True)]


Drawn = list[tuple[NDArray[np.uint8], DetectedFace]]


def crops_of(embedder: FaceEmbedder, drawn: Drawn) -> NDArray[np.uint8]:
    return np.concatenate([embedder.cut(picture, [face]) for picture, face in drawn])


def cosines(a: FloatArray, b: FloatArray) -> FloatArray:
    products: FloatArray = (l2_normalise(a) * l2_normalise(b)).sum(axis=1)
    return products


# --- the form


def test_embeddings_have_the_dimension_and_length_one(embedder: FaceEmbedder, drawn: Drawn) -> None:
    found = embedder.embed_crops(crops_of(embedder, drawn))
    assert found.shape == (4, {"dlib": 128, "facenet": 512, "both": 640}[embedder.info.id])
    assert found.shape[1] == embedder.dimension == embedder.info.dimension
    assert found.dtype == np.float32
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_a_face_and_its_mirror_image_are_one(embedder: FaceEmbedder, drawn: Drawn) -> None:
    crops = crops_of(embedder, drawn)
    mirrored = embedder.embed_crops(np.ascontiguousarray(crops[:, :, ::-1]))
    assert float(cosines(embedder.embed_crops(crops), mirrored).min()) > 0.9999


def test_a_batch_gives_what_single_crops_give(embedder: FaceEmbedder, drawn: Drawn) -> None:
    crops = crops_of(embedder, drawn)
    crops = np.concatenate([crops] * 5)  # more than one batch, the last not full
    assert BATCH_SIZE < len(crops) < 2 * BATCH_SIZE
    batch = embedder.embed_crops(crops)
    single = np.concatenate([embedder.embed_crops(crop[None]) for crop in crops[:4]])
    assert batch.shape[0] == len(crops)
    assert float(cosines(batch[:4], single).min()) > 0.99999
    assert float(cosines(batch[-4:], single).min()) > 0.99999


def test_faces_are_embedded_in_their_order(embedder: FaceEmbedder, detector: FaceDetector) -> None:
    picture = np.hstack([face_picture(3), face_picture(9)])
    faces = detector.detect(picture)
    assert len(faces) == 2
    found = embedder.embed(picture, faces)
    assert float(cosines(embedder.embed(picture, faces[::-1]), found[::-1]).min()) > 0.99999
    assert float(cosines(found[:1], found[1:])[0]) < 0.99


def test_no_faces_are_no_embeddings(embedder: FaceEmbedder) -> None:
    picture = face_picture(0)
    assert embedder.cut(picture, []).shape == (0, *embedder.recipe.shape, 3)
    for found in (embedder.embed(picture, []), embedder.embed_crops(embedder.cut(picture, []))):
        assert found.shape == (0, embedder.dimension)
        assert found.dtype == np.float32


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((1, 100, 100, 3), np.uint8),
        ((160, 160, 3), np.uint8),
        ((1, 160, 160, 4), np.uint8),
        ((1, 160, 160, 3), np.float32),
    ],
)
def test_crops_of_another_form_are_refused(dlib_embedder: FaceEmbedder, shape: tuple[int, ...], dtype: Any) -> None:
    with pytest.raises(ValueError, match=r"expected crops \(n, 150, 150, 3\) uint8"):
        dlib_embedder.embed_crops(np.zeros(shape, dtype))


def test_an_image_of_another_form_is_refused(dlib_embedder: FaceEmbedder) -> None:
    with pytest.raises(ValueError, match=r"\(H, W, 3\) uint8"):
        dlib_embedder.embed(np.zeros((50, 50), np.uint8), [])


def test_threads_share_an_embedder(dlib_embedder: FaceEmbedder, drawn: Drawn) -> None:
    crops = crops_of(dlib_embedder, drawn)
    expected = dlib_embedder.embed_crops(crops)
    found: dict[int, FloatArray] = {}
    threads = [
        threading.Thread(target=lambda i=i: found.__setitem__(i, dlib_embedder.embed_crops(crops))) for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(float(cosines(one, expected).min()) > 0.99999 for one in found.values())


def test_the_signature_tells_networks_apart(
    dlib_embedder: FaceEmbedder,
    facenet_embedder: FaceEmbedder,
    dlib_weights: WeightsFile,
    facenet_weights: WeightsFile,
) -> None:
    again = build_embedder(dlib_weights, REFERENCE)
    assert np.dot(again.info.signature, dlib_embedder.info.signature) > 0.9998
    of_torch = build_embedder(facenet_weights, REFERENCE)
    assert np.dot(of_torch.info.signature, facenet_embedder.info.signature) > SAME_NETWORK_COSINE
    assert len(facenet_embedder.info.signature) == 512
    assert dlib_embedder.info.weights_sha256 == dlib_weights.sha256


def test_zero_vectors_stay_zero() -> None:
    found = l2_normalise(np.array([[3, 4], [0, 0]], np.float32))
    assert np.allclose(found, [[0.6, 0.8], [0, 0]])
    assert found.dtype == np.float32


# --- telling people apart, without photos


def test_drawn_people_are_told_apart(embedder: FaceEmbedder, detector: FaceDetector) -> None:
    people, shots = 10, 3
    pictures = [face_picture(person, shot) for person in range(people) for shot in range(shots)]
    crops = [embedder.cut(p, f[:1]) for p, f in zip(pictures, detector.detect_batch(pictures), strict=True)]
    assert all(len(crop) == 1 for crop in crops)
    embeddings = embedder.embed_crops(np.concatenate(crops))
    owner = np.repeat(np.arange(people), shots)
    similarity = embeddings @ embeddings.T
    np.fill_diagonal(similarity, -1)
    assert (owner[similarity.argmax(axis=1)] == owner).all()


# --- telling people apart, on photos


@pytest.fixture(scope="module")
def portraits(test_data: Path, detector: FaceDetector) -> list[list[tuple[NDArray[np.uint8], DetectedFace]]]:
    """PHOTOS photos of each of PEOPLE people of Labeled Faces in the Wild, with the face nearest to the middle."""
    folder = test_data / "faces" / "lfw-dev"
    if not folder.is_dir():
        pytest.skip(f"no photos at {folder}")
    people = [sorted(p.glob("*.jpg"))[:PHOTOS] for p in sorted(folder.iterdir()) if len(list(p.glob("*.jpg"))) >= 10]
    images = [read_image(path) for photos in people[:PEOPLE] for path in photos]
    found = []
    for image, faces in zip(images, detector.detect_batch(images), strict=True):
        middle = np.array(image.shape[1::-1]) / 2
        found.append((image, min(faces, key=lambda face: float(np.hypot(*(np.array(face.box.centre) - middle))))))
    assert len(found) == PEOPLE * PHOTOS
    return [found[i : i + PHOTOS] for i in range(0, len(found), PHOTOS)]


Portraits = list[Drawn]


@pytest.mark.parametrize(("name", "wanted"), [("facenet", 0.97), ("dlib", 0.95), ("both", 0.98)])
def test_pairs_of_photos_are_verified(
    request: pytest.FixtureRequest, portraits: Portraits, name: str, wanted: float
) -> None:
    embedder: FaceEmbedder = request.getfixturevalue(f"{name}_embedder")
    embeddings = embedder.embed_crops(np.concatenate([crops_of(embedder, photos) for photos in portraits]))
    each = embeddings.reshape(PEOPLE, PHOTOS, -1)
    pairs = [(0, 1), (1, 2), (2, 3), (0, 3)]
    same = np.array([each[p, i] @ each[p, j] for p in range(PEOPLE) for i, j in pairs])
    other = np.array([each[p, i] @ each[(p + 1 + i) % PEOPLE, j] for p in range(PEOPLE) for i, j in pairs])
    assert len(same) == len(other) == 100
    assert same.mean() > other.mean() + 0.04
    accuracy = max(((same > t).mean() + (other <= t).mean()) / 2 for t in np.concatenate([same, other]))
    assert accuracy >= wanted


def test_facenet_embeddings_are_those_of_facenet_pytorch(
    facenet_embedder: FaceEmbedder, facenet_weights: WeightsFile, facenet_file: Path, portraits: Portraits
) -> None:
    crops = np.concatenate([crops_of(facenet_embedder, photos[:1]) for photos in portraits[:8]])
    network = InceptionResnetV1(pretrained=None, classify=False).eval()
    network.load_state_dict(torch.load(facenet_file, weights_only=True), strict=False)
    pixels = torch.from_numpy(crops.astype(np.float32)).permute(0, 3, 1, 2)
    with torch.inference_mode():
        plain = network((pixels - 127.5) / 128)
        mirrored = network((pixels.flip(3) - 127.5) / 128)
    theirs = torch.nn.functional.normalize(plain + mirrored).numpy()
    reference = build_embedder(facenet_weights, REFERENCE)
    assert float(cosines(reference.embed_crops(crops), theirs).min()) > 0.9999
    # by the engine that was chosen here, of fewer bits where the processor has them
    assert float(cosines(facenet_embedder.embed_crops(crops), theirs).min()) > 0.998


def test_both_networks_agree_by_the_weighted_sum_of_their_cosines(
    both_embedder: FaceEmbedder, facenet_embedder: FaceEmbedder, dlib_embedder: FaceEmbedder, drawn: Drawn
) -> None:
    expected = 0.0
    for share, alone in ((FACENET_SHARE, facenet_embedder), (1 - FACENET_SHARE, dlib_embedder)):
        embeddings = alone.embed_once(crops_of(alone, drawn))
        expected = expected + share * embeddings @ embeddings.T
    together = both_embedder.embed_once(crops_of(both_embedder, drawn))
    assert np.allclose(together @ together.T, expected, atol=0.002)


# --- files that are not the weights


def facenet(path: Path) -> WeightsFile:
    return WeightsFile("facenet", path, "0" * 64, "a test")


def test_something_else_than_facenet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wrong.pt"
    with pytest.raises(WeightsError, match=r"wrong\.pt"):
        build_embedder(facenet(path), REFERENCE)
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(WeightsError, match=r"not a torch weights file.*SMARTATTENDANCE_FACENET_WEIGHTS or --weights"):
        build_embedder(facenet(path), REFERENCE)
    for content, named in [
        ([torch.zeros(3)], "holds a list"),
        ({"layer.weight": torch.zeros(3)}, "is not FaceNet"),
        ({"conv2d_1a.conv.weight": 3}, "is not FaceNet"),
        ({1: torch.zeros(3)}, "is not FaceNet"),
        ({}, "is not FaceNet"),
    ]:
        torch.save(content, path)
        with pytest.raises(WeightsError, match=named):
            build_embedder(facenet(path), REFERENCE)


def test_weights_that_run_code_are_refused(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, tuple[str, ...]]:
            return Path.touch, (tmp_path / "sprung",)  # type: ignore[return-value]

    torch.save({"x": Trap()}, tmp_path / "trap.pt")
    with pytest.raises(WeightsError, match="not a torch weights file"):
        build_embedder(facenet(tmp_path / "trap.pt"), REFERENCE)
    assert not (tmp_path / "sprung").exists()


def test_a_truncated_facenet_is_refused(facenet_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "short.pt"
    path.write_bytes(facenet_file.read_bytes()[:1_000_000])
    with pytest.raises(WeightsError, match="not a torch weights file"):
        build_embedder(facenet(path), REFERENCE)


def test_facenet_with_a_tensor_missing_or_misshapen_is_refused(facenet_file: Path, tmp_path: Path) -> None:
    state = torch.load(facenet_file, weights_only=True)
    path = tmp_path / "changed.pt"
    torch.save({name: tensor for name, tensor in state.items() if name != "last_linear.weight"}, path)
    with pytest.raises(WeightsError, match=r"1 tensors? missing.*last_linear\.weight"):
        build_embedder(facenet(path), REFERENCE)
    torch.save({**state, "last_linear.weight": torch.zeros(2, 2)}, path)
    with pytest.raises(WeightsError, match="1 of another shape"):
        build_embedder(facenet(path), REFERENCE)
    torch.save({**state, "last_linear.weight": torch.full_like(state["last_linear.weight"], float("nan"))}, path)
    with pytest.raises(WeightsError, match="weights are damaged"):
        build_embedder(facenet(path), REFERENCE)


def test_a_head_for_telling_people_apart_is_ignored(
    facenet_file: Path, facenet_weights: WeightsFile, tmp_path: Path
) -> None:
    """The official file carries one; the file of the test data does not."""
    state = torch.load(facenet_file, weights_only=True)
    path = tmp_path / "with-head.pt"
    torch.save({**state, "logits.weight": torch.zeros(8631, 512), "logits.bias": torch.zeros(8631)}, path)
    built, without = build_embedder(facenet(path), REFERENCE), build_embedder(facenet_weights, REFERENCE)
    assert np.dot(built.info.signature, without.info.signature) > 0.9999


def test_an_embedder_that_does_not_exist_is_named(dlib_weights: WeightsFile) -> None:
    with pytest.raises(ConfigurationError, match="arcface"):
        build_embedder(replace(dlib_weights, embedder_id="arcface"), REFERENCE)


def test_recipes_go_with_their_embedders(dlib_embedder: FaceEmbedder, facenet_embedder: FaceEmbedder) -> None:
    assert dlib_embedder.info.crop_recipe == {"kind": "landmarks", "size": 150, "margin": 0}
    assert facenet_embedder.info.crop_recipe == FACENET_RECIPE.as_dict()
