"""Parts of an image at other sizes are what torch's adaptive average pooling gives: MTCNN's networks were published
with it, and which of several boxes of a face wins depends on the last digits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from recognizer.resampling import AreaSampler
from recognizer.types import FloatArray, RGBImage

# Of 255: single precision, in which torch adds up the pixels one after the other.
ROUNDING = 2e-3


def noise(height: int, width: int, seed: int = 0) -> RGBImage:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def resized(image: RGBImage, width: int, height: int) -> FloatArray:
    picture = np.full((height + 3, width + 2, 3), -1, np.float32)
    AreaSampler(image).fill(picture[1:-2, 2:])
    assert (picture[:1] == -1).all() and (picture[-2:] == -1).all() and (picture[:, :2] == -1).all()
    return picture[1:-2, 2:]


def torchs(part: RGBImage, width: int, height: int) -> FloatArray:
    pixels = torch.from_numpy(np.ascontiguousarray(part)).permute(2, 0, 1)[None].to(torch.float64)
    pooled = torch.nn.functional.interpolate(pixels, size=(height, width), mode="area")
    return pooled[0].permute(1, 2, 0).numpy().astype(np.float32)


def assert_as_torch(found: FloatArray, image: RGBImage, corners: NDArray[np.int64], size: int) -> None:
    assert found.shape == (len(corners), size, size, 3) and found.dtype == np.float32
    for patch, (x1, y1, x2, y2) in zip(found, corners, strict=True):
        expected = torchs(image[y1:y2, x1:x2], size, size)
        assert np.abs(patch - expected).max() < ROUNDING, (x1, y1, x2, y2)


@pytest.mark.parametrize("size", [(300, 200), (75, 50), (76, 51), (91, 63), (1, 1), (13, 12), (299, 199), (450, 401)])
def test_the_whole_image_at_another_size(size: tuple[int, int]) -> None:
    image = noise(200, 300)
    found = resized(image, *size)
    assert found.shape == (size[1], size[0], 3) and found.dtype == np.float32
    assert np.abs(found - torchs(image, *size)).max() < ROUNDING


@pytest.mark.parametrize("size", [24, 48])
def test_many_parts_at_once(size: int) -> None:
    image, random = noise(180, 240, 1), np.random.default_rng(2)
    low = random.integers(0, [240, 180], (200, 2))
    high = low + 1 + (random.random((200, 2)) * ([240, 180] - low)).astype(np.int64)
    corners = np.concatenate([low, high], axis=1)
    assert (high <= [240, 180]).all()
    assert_as_torch(AreaSampler(image).cut(corners, size), image, corners, size)


def test_parts_at_the_edges_of_one_pixel_and_enlarged_ones() -> None:
    image = noise(90, 120, 3)
    corners = np.array(
        [
            [0, 0, 120, 90],  # all of it
            [0, 0, 1, 1],  # a pixel in each corner
            [119, 0, 120, 1],
            [0, 89, 1, 90],
            [119, 89, 120, 90],
            [0, 0, 120, 1],  # one row, one column
            [119, 0, 120, 90],
            [5, 5, 12, 12],  # smaller than what is made of it
            [7, 3, 31, 27],  # just as large
            [60, 40, 120, 90],
        ]
    )
    assert_as_torch(AreaSampler(image).cut(corners, 24), image, corners, 24)


def test_an_image_of_one_pixel() -> None:
    image = np.array([[[3, 100, 255]]], np.uint8)
    sampler = AreaSampler(image)
    assert (resized(image, 2, 3) == image).all()
    assert (sampler.cut(np.array([[0, 0, 1, 1]]), 24) == image).all()


def test_no_parts() -> None:
    assert AreaSampler(noise(20, 20)).cut(np.zeros((0, 4), np.int64), 24).shape == (0, 24, 24, 3)


def test_a_single_colour_stays_that_colour() -> None:
    image = np.full((61, 83, 3), (255, 128, 1), np.uint8)
    assert (resized(image, 17, 12) == image[0, 0]).all()


def test_an_image_whose_sums_pass_32_bits() -> None:
    """8.4 million white pixels fill 31 bits, 16.8 million all 32: the table wraps around, its differences do not."""
    image = np.full((3500, 5000, 3), 255, np.uint8)
    image[2000:3400, 1000:4900] = noise(1400, 3900, 4)
    assert int(image[:, :, 0].sum(dtype=np.int64)) > 2**31
    sampler = AreaSampler(image)
    assert np.abs(resized(image, 375, 262) - torchs(image, 375, 262)).max() < ROUNDING
    corners = np.array([[4952, 3452, 5000, 3500], [3900, 2900, 4950, 3450], [0, 0, 24, 24], [900, 1900, 1100, 2100]])
    assert_as_torch(sampler.cut(corners, 24), image, corners, 24)


def test_an_image_that_is_a_part_of_another() -> None:
    """A view, whose rows do not follow one another in memory."""
    image = noise(100, 150, 5)[10:90:2, 20:140]
    found = resized(image, 31, 17)
    assert np.abs(found - torchs(image, 31, 17)).max() < ROUNDING
