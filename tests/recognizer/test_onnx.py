"""Networks that users bring as ONNX files: what they compute, and what is said of files that cannot be used."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto
from PIL import Image

from errors import WeightsError
from recognizer import onnx_files
from recognizer.assembly import build_embedder, was_measured
from recognizer.compute import Compute
from recognizer.crops import ARCFACE_TEMPLATE
from recognizer.embeddings import FaceEmbedder
from recognizer.engines.torch_engine import facenet_network
from recognizer.images import read_image
from recognizer.types import BoundingBox, DetectedFace
from recognizer.weights import WeightsFile, resolve_weights
from support.compute import REFERENCE
from support.onnx_networks import small_network, write_network
from support.pictures import face_picture

Find = Callable[..., WeightsFile]


@pytest.fixture
def find(tmp_path: Path) -> Find:
    def call(file: Path | None, choice: str = "onnx") -> WeightsFile:
        return resolve_weights(
            choice,
            facenet_file=None,
            onnx_file=file,
            cache_dir=tmp_path / "cache",
            allow_download=False,
            progress=None,
            announce=lambda line: None,
        )

    return call


@pytest.fixture
def build(tmp_path: Path, find: Find) -> Callable[..., FaceEmbedder]:
    """The embedder of a small network with a recipe."""

    def call(recipe: dict[str, Any] | None = None, **network: Any) -> FaceEmbedder:
        file = write_network(tmp_path / "network.onnx", **network)
        if recipe is not None:
            file.with_suffix(".json").write_text(json.dumps(recipe))
        return build_embedder(find(file), REFERENCE)

    return call


@pytest.fixture(scope="session")
def facenet_onnx(facenet_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """FaceNet's weights as an ONNX file, with its recipe beside it."""
    path = tmp_path_factory.mktemp("onnx") / "facenet.onnx"
    with torch.inference_mode(False), torch.no_grad():
        torch.onnx.export(
            facenet_network(facenet_file).eval(),
            (torch.zeros(2, 3, 160, 160),),
            str(path),
            dynamo=True,
            external_data=False,
            dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
            verbose=False,
        )
    recipe = {"size": 160, "crop": "box", "margin": 32, "mean": 127.5, "scale": 128}
    path.with_suffix(".json").write_text(json.dumps(recipe))
    return path


def crops(size: int, count: int = 6) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.stack([face_picture(person, 0, size) for person in range(count)])


def likeness(one: FaceEmbedder, other: FaceEmbedder, pictures: Any) -> float:
    return float((one.embed_crops(pictures) * other.embed_crops(pictures)).sum(axis=1).min())


def test_facenet_as_onnx_is_the_built_in_facenet(
    facenet_onnx: Path, facenet_weights: WeightsFile, find: Find, test_data: Path
) -> None:
    mine, built_in = build_embedder(find(facenet_onnx), REFERENCE), build_embedder(facenet_weights, REFERENCE)
    assert mine.dimension == 512
    found = DetectedFace(BoundingBox(70, 60, 180, 200), ARCFACE_TEMPLATE * 140, 1.0)
    for path in sorted((test_data / "faces" / "lfw-dev").rglob("*.jpg"))[:8]:
        image = read_image(path)
        assert float((mine.embed(image, [found]) @ built_in.embed(image, [found]).T).min()) >= 0.9999


def test_without_a_recipe_faces_are_cut_as_arcface_wants_them(build: Callable[..., FaceEmbedder]) -> None:
    embedder = build()
    assert embedder.info.id == "onnx" and embedder.dimension == 64
    assert embedder.info.crop_recipe == {
        "kind": "arcface",
        "size": 112,
        "margin": 0,
        "mean": [127.5] * 3,
        "scale": [127.5] * 3,
        "channels": "rgb",
    }
    # a face whose landmarks lie where they belong, but in a picture of twice the size
    places = (2 * 112 * ARCFACE_TEMPLATE).astype(np.float32)
    picture = face_picture(3, 0, 224)
    [cut] = embedder.cut(picture, [DetectedFace(BoundingBox(40, 40, 180, 200), places, 1.0)])
    small = np.asarray(Image.fromarray(picture).resize((112, 112), Image.Resampling.BOX))
    assert np.abs(cut.astype(int) - small).mean() < 4


def test_the_recipe_says_how_pixels_are_given(build: Callable[..., FaceEmbedder]) -> None:
    pictures = crops(112)
    rgb = build({"mean": [100, 120, 140], "scale": [50, 60, 70]})
    bgr = build({"mean": [100, 120, 140], "scale": [50, 60, 70], "channels": "bgr"})
    # by hand, with the network that takes raw numbers
    raw = build({"mean": 0, "scale": 1})
    assert likeness(rgb, bgr, pictures) < 0.99
    turned = build({"mean": [140, 120, 100], "scale": [70, 60, 50]})
    assert np.allclose(bgr.embed_crops(pictures), turned.embed_crops(pictures[..., ::-1].copy()), atol=1e-4)
    # adding nothing and dividing all alike changes no direction in a network without biases
    divided = build({"mean": 0, "scale": 200})
    assert likeness(raw, divided, pictures) > 0.9999
    assert likeness(raw, rgb, pictures) < 0.99


def test_both_layouts_and_a_network_for_pictures_of_any_size(build: Callable[..., FaceEmbedder]) -> None:
    pictures = crops(112)
    assert likeness(build(), build(nhwc=True), pictures) > 0.9999
    assert build(size="side").recipe.size == 112
    assert build({"size": 112}, size="side").recipe.size == 112


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ("[]", "an object in braces"),
        ("{", "not JSON"),
        ('{"size": 112, "size": 112}', "twice"),
        ('{"mean": NaN}', "NaN is not a number"),
        ('{"mean": 1e999}', "between 0 and 255"),
        ('{"colour": "rgb"}', "unknown key 'colour'; there are size, crop"),
        ('{"size": "112"}', "size must be a whole number, got text"),
        ('{"size": 112.5}', "whole number, got a number"),
        ('{"size": true}', "got true or false"),
        ('{"size": 16}', "between 32 and 512, got 16"),
        ('{"size": 1' + 400 * "0" + "}", "between 32 and 512"),
        ('{"crop": "ears"}', "landmarks or box, got 'ears'"),
        ('{"margin": 8}', 'goes with "crop": "box"'),
        ('{"crop": "box", "margin": -1}', "margin must lie between 0"),
        ('{"crop": "box", "margin": 80, "size": 112}', "at most half of size, 56"),
        ('{"crop": "box", "margin": 80}', "more than half of the crop's 112"),
        ('{"mean": [1, 2]}', "three of red, green and blue, got 2"),
        ('{"mean": [1, 2, "3"]}', "got text"),
        ('{"scale": 0}', "between 0.001 and 1000"),
        ('{"channels": "RGB"}', "rgb or bgr, got 'RGB'"),
        ('{"size": 128}', "112 pixels wide, and its JSON says 128"),
        ("[" * 5000, "not JSON"),
        (" " * 70_000, "more than 65,536 bytes"),
    ],
    ids=lambda value: value[:20],
)
def test_a_wrong_recipe_is_refused_with_what_is_wrong(tmp_path: Path, find: Find, recipe: str, words: str) -> None:
    file = write_network(tmp_path / "network.onnx")
    file.with_suffix(".json").write_text(recipe)
    with pytest.raises(WeightsError) as refused:
        build_embedder(find(file), REFERENCE)
    assert words in str(refused.value)


def changed(**changes: Any) -> bytes:
    network = small_network()
    for name, value in changes.items():
        setattr(network.graph.node[0], name, value)
    return network.SerializeToString()


def with_two_outputs() -> bytes:
    network = small_network()
    network.graph.output.append(onnx.helper.make_tensor_value_info("f", TensorProto.FLOAT, ["n", 96]))
    return network.SerializeToString()


def external(tmp_path: Path) -> bytes:
    file = tmp_path / "parts.onnx"
    onnx.save_model(small_network(), str(file), save_as_external_data=True, location="parts.bin", size_threshold=0)
    return file.read_bytes()


WHOLE = small_network().SerializeToString()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"no network at all", "is not an ONNX file"),
        (b"\x08\x08", "it holds no network"),
        (WHOLE[: len(WHOLE) // 2], "cut short or damaged"),
        (WHOLE[:40], "cut short or damaged"),
        (external, "keeps its weights in other files"),
        (changed(op_type="Foo"), "OpenVINO cannot read"),
        (with_two_outputs(), "it has 2 outputs"),
        (small_network(numbers=16).SerializeToString(), "16 numbers for a face, and 32 to 4,096"),
        (small_network(numbers=5000).SerializeToString(), "5,000 numbers for a face"),
        (small_network(size=640).SerializeToString(), "640 pixels wide, and 32 to 512"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_is_no_face_network_is_refused_with_what_it_is(
    tmp_path: Path, find: Find, content: bytes | Callable[[Path], bytes], words: str
) -> None:
    file = tmp_path / "network.onnx"
    file.write_bytes(content(tmp_path) if callable(content) else content)
    with pytest.raises(WeightsError) as refused:
        build_embedder(find(file), REFERENCE)
    assert words in str(refused.value) and str(file) in str(refused.value)


def test_bytes_changed_anywhere_end_in_an_answer_or_a_plain_refusal(tmp_path: Path, find: Find) -> None:
    choose = random.Random(5)
    file = tmp_path / "network.onnx"
    refused = 0
    for _ in range(40):
        damaged = bytearray(WHOLE)
        for place in (choose.randrange(600), len(damaged) - 1 - choose.randrange(400)):
            damaged[place] = choose.randrange(256)
        file.write_bytes(damaged)
        try:
            build_embedder(find(file), REFERENCE)
        except WeightsError:
            refused += 1
    assert refused > 5


def test_a_file_that_is_missing_misnamed_or_gigantic(
    tmp_path: Path, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file, words in (
        (None, "name its ONNX file by SMARTATTENDANCE_ONNX_WEIGHTS or --weights"),
        (tmp_path / "none.onnx", "does not exist"),
        (tmp_path, "not called .onnx"),
    ):
        with pytest.raises(WeightsError, match=words):
            find(file)
    file = write_network(tmp_path / "network.onnx")
    monkeypatch.setattr(onnx_files, "LARGEST_FILE", 1000)
    with pytest.raises(WeightsError, match="at most 1,000 are read"):
        find(file)


def test_auto_takes_the_file_that_is_named(tmp_path: Path, find: Find) -> None:
    assert find(write_network(tmp_path / "network.onnx"), "auto").embedder_id == "onnx"


def test_it_is_measured_once_and_another_recipe_again(tmp_path: Path, find: Find) -> None:
    compute = Compute("cpu", folder=tmp_path / "networks")
    file = write_network(tmp_path / "network.onnx")
    embedder = build_embedder(find(file), compute)
    assert embedder.choice is not None and next(iter(embedder.choice.measured)) == "openvino f32"
    kept = sorted(path.name for path in (tmp_path / "networks").iterdir())
    assert any(name.startswith("onnx-") for name in kept)
    file.with_suffix(".json").write_text('{"channels": "bgr"}')
    assert not was_measured(find(file), compute)
    other = build_embedder(find(file), compute)
    assert likeness(embedder, other, crops(112)) < 0.999
