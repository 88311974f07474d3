"""Frames put together of photos of lfw-dev: so many people in a room, at the sizes a camera sends."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lfw import MISLABELLED, STUDENT_PHOTOS, test_data
from recognizer.images import read_image

# Of a photo of lfw-dev the head is about 110 of 250 pixels wide.
HEAD = 110 / 250
# Heads are so wide, by how many are in the frame and how high it is: what fits, and is above the smallest face.
HEADS = {480: {1: 170, 6: 90, 30: 52}, 720: {1: 240, 6: 130, 30: 78}}


@dataclass(frozen=True, eq=False)
class Person:
    """trained, unseen: photos (250, 250, 3)."""

    name: str
    trained: list[NDArray[np.uint8]]
    unseen: list[NDArray[np.uint8]]


def people(count: int, trained: int = STUDENT_PHOTOS, unseen: int = 4) -> list[Person]:
    """The first people by name with photos enough."""
    found: list[Person] = []
    for folder in sorted((test_data() / "faces" / "lfw-dev").iterdir()):
        paths = [path for path in sorted(folder.glob("*.jpg")) if path.stem not in MISLABELLED]
        if len(paths) >= trained + unseen and len(found) < count:
            photos = [read_image(path) for path in paths[: trained + unseen]]
            found.append(Person(folder.name, photos[:trained], photos[trained:]))
    return found


def room(width: int, height: int, seed: int = 0) -> NDArray[np.uint8]:
    """Walls, shelves and light without a face: blurred rectangles and some noise."""
    rng = np.random.default_rng(seed)
    image = np.full((height, width, 3), (148, 152, 158), np.float32)
    for _ in range(40):
        x, y = rng.integers(0, width), rng.integers(0, height)
        w, h = rng.integers(20, width // 4), rng.integers(20, height // 3)
        image[y : y + h, x : x + w] = rng.integers(60, 220, 3)
    image = cv2.GaussianBlur(image, (0, 0), 2.0) + rng.normal(0, 4, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def frame(
    photos: list[NDArray[np.uint8]], width: int, height: int, shift: tuple[int, int] = (0, 0)
) -> NDArray[np.uint8]:
    """A room with the people of ``photos`` in rows. shift: pixels that all have moved to the right and down."""
    image = room(width, height)
    head = HEADS[height][len(photos)]
    side = round(head / HEAD)
    columns = max(1, min(len(photos), int(width // (head * 1.7))))
    rows = -(-len(photos) // columns)
    for number, photo in enumerate(photos):
        row, column = divmod(number, columns)
        x = round((column + 0.5) * width / columns) + shift[0]
        y = round((row + 0.5) * height / rows) + shift[1]
        _paste(image, cv2.resize(photo, (side, side), interpolation=cv2.INTER_AREA), x, y, head)  # type: ignore[arg-type]
    return image


def _paste(image: NDArray[np.uint8], photo: NDArray[np.uint8], x: int, y: int, head: int) -> None:
    """The head in the middle of ``photo`` as an ellipse with a soft edge around (x, y)."""
    size = photo.shape[0]
    v, u = np.mgrid[0:size, 0:size].astype(np.float32) - size / 2
    cover = np.clip((1 - np.hypot(u / (0.82 * head), v / (1.05 * head))) * 6 + 0.5, 0, 1)[..., None]
    top, left = y - size // 2, x - size // 2
    t, b, le, r = max(0, top), min(image.shape[0], top + size), max(0, left), min(image.shape[1], left + size)
    part, cut = cover[t - top : b - top, le - left : r - left], photo[t - top : b - top, le - left : r - left]
    image[t:b, le:r] = (part * cut + (1 - part) * image[t:b, le:r]).astype(np.uint8)
