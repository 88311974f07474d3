"""dlib's network as read from its file: the same numbers dlib gives, and no other file is taken for it."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from errors import WeightsError
from recognizer.crops import DLIB_RECIPE
from recognizer.detector import FaceDetector
from recognizer.engines.dlib_resnet import CONVOLUTIONS, DlibResNet, read_dlib_resnet
from recognizer.engines.torch_engine import TorchDlib
from recognizer.images import read_image
from recognizer.types import FloatArray
from recognizer.weights import WeightsFile
from support.pictures import face_picture

# dlib's examples: two faces are one person's when their raw outputs lie closer than this; 99.38 % on LFW
SAME_PERSON = 0.6


@pytest.fixture(scope="module")
def network(dlib_weights: WeightsFile) -> TorchDlib:
    return TorchDlib(dlib_weights.path, "cpu")


@pytest.fixture(scope="module")
def content(dlib_weights: WeightsFile) -> bytes:
    return dlib_weights.path.read_bytes()


def chips(detector: FaceDetector, images: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    found = []
    for image, faces in zip(images, detector.detect_batch(images), strict=True):
        middle = np.array(image.shape[1::-1]) / 2
        face = min(faces, key=lambda face: float(np.hypot(*(np.array(face.box.centre) - middle))))
        found.append(DLIB_RECIPE.cut(image, face))
    return np.stack(found)


def test_the_architecture_is_dlibs(dlib_weights: WeightsFile) -> None:
    read = read_dlib_resnet(dlib_weights.path)
    # dnn_face_recognition_ex.cpp, from the picture on: (width, residual blocks of two convolutions, halved first)
    levels = [(32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True)]
    expected = [(3, 32, 7, 2)]
    for width, blocks, halved in levels:
        for block in range(blocks):
            first = 2 if halved and block == 0 else 1
            expected += [(expected[-1][1], width, 3, first), (width, width, 3, 1)]
    assert [(c.in_channels, c.out_channels, c.kernel_size[0], c.stride[0]) for c in read.convolutions] == expected
    assert len(expected) == CONVOLUTIONS
    assert read.fc.shape == (256, 128)
    with torch.inference_mode():
        assert read(torch.zeros(2, 3, 150, 150)).shape == (2, 128)


def test_raw_outputs_have_the_length_that_dlib_gives(network: TorchDlib, detector: FaceDetector) -> None:
    raw = network.forward(chips(detector, [face_picture(person) for person in (3, 5, 9, 11)]))
    assert raw.shape == (4, 128)
    assert float(np.abs(np.linalg.norm(raw, axis=1) - 1.3).max()) < 0.15


def test_dlibs_own_threshold_holds_on_photos(network: TorchDlib, detector: FaceDetector, test_data: Path) -> None:
    folder = test_data / "faces" / "lfw-dev"
    if not folder.is_dir():
        pytest.skip(f"no photos at {folder}")
    people = [sorted(p.glob("*.jpg"))[:2] for p in sorted(folder.iterdir()) if len(list(p.glob("*.jpg"))) >= 10]
    images = [read_image(path) for photos in people[:30] for path in photos]
    raw: FloatArray = network.forward(chips(detector, images)).reshape(30, 2, 128)
    assert float(np.abs(np.linalg.norm(raw, axis=2) - 1.35).max()) < 0.25
    same = np.linalg.norm(raw[:, 0] - raw[:, 1], axis=1)
    other = np.concatenate(
        [np.linalg.norm(raw[:, 0] - np.roll(raw[:, 1], shift, axis=0), axis=1) for shift in (1, 2, 3)]
    )
    assert (same < SAME_PERSON).mean() >= 0.95
    assert (other >= SAME_PERSON).mean() >= 0.95


@pytest.mark.parametrize("part", [0, 1, 30, 5_000, 1_000_000, 0.5, 0.99])
def test_a_truncated_file_is_refused(content: bytes, tmp_path: Path, part: float) -> None:
    end = int(part * len(content)) if 0 < part < 1 else int(part)
    path = tmp_path / "short.dat"
    path.write_bytes(content[:end])
    with pytest.raises(WeightsError, match=r"short\.dat"):
        read_dlib_resnet(path)


@pytest.mark.parametrize(
    "other", [b"", b"<html></html>", bytes(100_000), b"con_4" * 1000, b"con_4\x01\x02" + b"\x88" * 99]
)
def test_another_file_is_refused(tmp_path: Path, other: bytes) -> None:
    path = tmp_path / "other.dat"
    path.write_bytes(other)
    with pytest.raises(WeightsError, match=r"other\.dat"):
        read_dlib_resnet(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"missing\.dat cannot be read"):
        read_dlib_resnet(tmp_path / "missing.dat")


def test_damage_between_the_numbers_is_refused_or_harmless(content: bytes, tmp_path: Path) -> None:
    """Damage around the tags, where the structure is; floats carry no check and are not meant here."""
    rng = random.Random(5)
    tags = [place for tag in (b"con_4", b"affine_", b"fc_2") for place in _places(content, tag)]
    assert len(tags) > 2 * CONVOLUTIONS
    refused = 0
    path = tmp_path / "damaged.dat"
    for _ in range(12):
        broken = bytearray(content)
        broken[rng.choice(tags) + rng.randrange(20)] = rng.randrange(256)
        path.write_bytes(broken)
        try:
            found = read_dlib_resnet(path)
        except WeightsError:
            refused += 1
        else:
            assert isinstance(found, DlibResNet)
            with torch.inference_mode():
                assert found(torch.zeros(1, 3, 150, 150)).shape == (1, 128)
    assert refused > 0


def _places(content: bytes, tag: bytes) -> list[int]:
    return [match.start() for match in re.finditer(re.escape(tag), content)]
