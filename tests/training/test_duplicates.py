"""Which pictures count as nearly the same."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

from support.pictures import face_picture
from training.duplicates import groups_by_student, near_duplicate_groups, near_duplicates_across


def thumbnail(picture: Image.Image) -> NDArray[np.uint8]:
    return np.array(picture.convert("L").resize((32, 32), Image.Resampling.BOX))


def scene(number: int) -> Image.Image:
    """A picture of soft random blobs, unlike every other number's."""
    noise = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((200, 200), Image.Resampling.BICUBIC)


def jpeg(picture: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def cropped(picture: Image.Image, part: float) -> Image.Image:
    cut = round(picture.width * part)
    return picture.crop((cut, cut, picture.width - cut, picture.height - cut))


ALTERED = {
    "encoded again": lambda picture: jpeg(picture, 40),
    "half the size": lambda picture: picture.resize((100, 100)),
    "cropped by 3 %": lambda picture: cropped(picture, 0.03),
    "cropped by 5 %": lambda picture: cropped(picture, 0.05),
    "darker": lambda picture: ImageEnhance.Brightness(picture).enhance(0.6),
    "more contrast": lambda picture: ImageEnhance.Contrast(picture).enhance(1.3),
    "moved by 3 %": lambda picture: picture.transform(picture.size, Image.Transform.AFFINE, (1, 0, 6, 0, 1, 4)),
    "turned by 1 degree": lambda picture: picture.rotate(1, Image.Resampling.BICUBIC),
}


@pytest.mark.parametrize("change", ALTERED, ids=str)
def test_an_altered_copy_is_a_near_duplicate(change: str) -> None:
    # rendered edges are sharper than a lens leaves them
    lens = ImageFilter.GaussianBlur(1)
    originals = [Image.fromarray(face_picture(person, 0, 200)).filter(lens) for person in (1, 2)] + [scene(1), scene(2)]
    for original in originals:
        pair = np.stack([thumbnail(original), thumbnail(ALTERED[change](original))])
        assert near_duplicate_groups(pair).tolist() == [0, 0]
        assert near_duplicate_groups(pair[::-1]).tolist() == [0, 0]


def test_different_pictures_are_not_merged() -> None:
    different = np.stack([thumbnail(scene(number)) for number in range(40)])
    assert near_duplicate_groups(different).tolist() == list(range(40))


def test_a_mirror_image_is_another_picture() -> None:
    mirrored = scene(3).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert near_duplicate_groups(np.stack([thumbnail(scene(3)), thumbnail(mirrored)])).tolist() == [0, 1]


def test_groups_are_numbered_by_first_appearance_and_chains_join() -> None:
    start = scene(5)
    chain = [start, cropped(start, 0.05), cropped(cropped(start, 0.05), 0.05)]
    pictures = [scene(9), chain[0], scene(8), chain[2], chain[1], scene(9)]
    groups = near_duplicate_groups(np.stack([thumbnail(picture) for picture in pictures]))
    assert groups.tolist() == [0, 1, 2, 1, 1, 0]


def test_brightness_range_and_type_do_not_matter() -> None:
    grey = np.stack([thumbnail(scene(1)), thumbnail(jpeg(scene(1), 50)), thumbnail(scene(2))])
    expected = [0, 0, 1]
    assert near_duplicate_groups(grey).tolist() == expected
    assert near_duplicate_groups(grey.astype(np.float32) / 255).tolist() == expected


def test_pictures_without_structure_are_near_to_none() -> None:
    flat = np.stack([np.full((32, 32), value, np.uint8) for value in (0, 0, 200)])
    assert near_duplicate_groups(flat).tolist() == [0, 1, 2]


def test_none_and_one() -> None:
    assert near_duplicate_groups(np.zeros((0, 32, 32), np.uint8)).tolist() == []
    assert near_duplicate_groups(thumbnail(scene(1))[None]).tolist() == [0]
    with pytest.raises(ValueError, match=r"\(2, 16, 16\)"):
        near_duplicate_groups(np.zeros((2, 16, 16), np.uint8))


def test_students_do_not_share_groups_but_copies_between_them_are_found() -> None:
    pictures = [scene(1), scene(2), jpeg(scene(1), 50), scene(3), scene(2), scene(2)]
    labels = ["b", "b", "a", "a", "a", "b"]
    thumbnails = np.stack([thumbnail(picture) for picture in pictures])
    assert groups_by_student(thumbnails, labels).tolist() == [0, 1, 2, 3, 4, 1]
    assert near_duplicates_across(thumbnails, labels) == [(0, 2), (1, 4), (4, 5)]
