"""Bytes or a file in, an upright RGB picture out. Every size and format limit lives here."""

from __future__ import annotations

import io
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from errors import ConfigurationError, ImageTooLargeError, InvalidImageError
from recognizer.types import RGBImage

FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF")
EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif"})

# Ours is the limit that counts. Filtered once and for all: warnings.catch_warnings would change the filters of every
# other thread that is decoding.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

# Modes of 16 bits a channel; Pillow's own conversion clips them at 255 instead of scaling.
_SIXTEEN_BIT_MODES = frozenset({"I;16", "I;16B", "I;16L", "I;16N", "I"})

_BAND = 64  # rows converted at once, so that the intermediate 64-bit numbers stay small

# EXIF orientation -> what turns the stored picture upright (EXIF 2.32, 4.6.4).
_TO_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """max_bytes: of the encoded file; 20 MB is above any phone's JPEG. max_pixels: width x height, checked from
    the header before anything is decoded; 50 million hold every phone's still and cost 150 MB when decoded."""

    max_bytes: int = 20_000_000
    max_pixels: int = 50_000_000

    def __post_init__(self) -> None:
        if self.max_bytes < 1 or self.max_pixels < 1:
            raise ConfigurationError(f"image limits must be positive, got {self}")


def read_image(path: Path, limits: ImageLimits = ImageLimits()) -> RGBImage:
    """The picture in a file; the file's size is checked before it is read. Raises InvalidImageError."""
    try:
        status = path.stat()
        # reading a pipe or a device could go on forever
        if not stat.S_ISREG(status.st_mode):
            raise InvalidImageError(f"{'a folder' if path.is_dir() else 'a device or pipe'}, not an image file")
        if status.st_size > limits.max_bytes:
            raise ImageTooLargeError(_too_many_bytes(status.st_size, limits))
        data = path.read_bytes()
    except OSError as error:
        raise InvalidImageError(f"cannot be read: {error.strerror or error}") from error
    return decode(data, limits)


def decode(data: bytes, limits: ImageLimits = ImageLimits()) -> RGBImage:
    """Decode JPEG, PNG, BMP, WebP, TIFF or GIF (its first frame) to (H, W, 3) uint8 RGB.

    EXIF orientation is applied; grey becomes RGB; transparent parts become white; 16 bits are scaled to 8.
    Raises ImageTooLargeError before decoding when a limit is passed, InvalidImageError with the reason otherwise.
    """
    if not data:
        raise InvalidImageError("the image is empty (0 bytes)")
    if len(data) > limits.max_bytes:
        raise ImageTooLargeError(_too_many_bytes(len(data), limits))
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            _check_pixels(picture, limits)
            picture.load()
            return _to_rgb(_upright(picture))
    except UnidentifiedImageError as error:
        raise InvalidImageError(_unidentified(data)) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        # Pillow's own limit, about 179 million, also stops where ours was set higher
        limit = min(limits.max_pixels, 2 * (Image.MAX_IMAGE_PIXELS or limits.max_pixels))
        raise ImageTooLargeError(f"more than the {limit:,} pixels allowed; send a smaller image") from error
    except InvalidImageError:
        raise
    except MemoryError as error:
        raise ImageTooLargeError("too large to decode in the memory there is; send a smaller image") from error
    except Exception as error:  # decoders raise OSError, SyntaxError, struct.error, ValueError and others
        raise InvalidImageError(f"the image is damaged: {error}") from error


def encode_jpeg(image: RGBImage, quality: int = 95) -> bytes:
    """(H, W, 3) uint8 as a JPEG without any metadata. quality: 1..95; colours keep their full resolution."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def _too_many_bytes(size: int, limits: ImageLimits) -> str:
    return f"{size:,} bytes, more than the {limits.max_bytes:,} allowed; send a smaller image"


def _check_pixels(picture: Image.Image, limits: ImageLimits) -> None:
    width, height = picture.size
    if width < 1 or height < 1:
        raise InvalidImageError(f"the image has no pixels ({width} x {height})")
    if width * height > limits.max_pixels:
        raise ImageTooLargeError(
            f"{width} x {height} pixels, more than the {limits.max_pixels:,} allowed; send a smaller image"
        )


def _upright(picture: Image.Image) -> Image.Image:
    try:
        orientation = picture.getexif().get(ExifTags.Base.Orientation)
        method = _TO_UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    except Exception:  # the pixels of a picture with garbled EXIF data are still good
        return picture
    return picture if method is None else picture.transpose(method)


def _to_rgb(picture: Image.Image) -> RGBImage:
    if picture.mode in _SIXTEEN_BIT_MODES:
        return _from_16_bit(np.asarray(picture))
    if picture.mode == "F":
        raise InvalidImageError("floating-point pixels have no agreed range; save the image with 8 or 16 bits")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        ground = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(ground, picture)
    return np.array(picture.convert("RGB"), dtype=np.uint8)


def _from_16_bit(grey: NDArray[np.generic]) -> RGBImage:
    rgb = np.empty((*grey.shape, 3), np.uint8)
    for top in range(0, len(grey), _BAND):
        values = np.clip(grey[top : top + _BAND].astype(np.int64), 0, 65535)
        rgb[top : top + _BAND] = ((values + 128) // 257)[:, :, None]
    return rgb


_KNOWN_STARTS = (
    (b"<svg", "an SVG drawing"),
    (b"<?xml", "an XML file (perhaps SVG)"),
    (b"%PDF", "a PDF document"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"PK\x03\x04", "a ZIP archive or office document"),
    (b"\x1aE\xdf\xa3", "a video"),
)
# The brand of an ISO media file, right after "ftyp"; every other brand is a video.
_PHOTO_BRANDS = {
    b"heic": "HEIC",
    b"heix": "HEIC",
    b"heim": "HEIC",
    b"heis": "HEIC",
    b"hevc": "HEIC",
    b"mif1": "HEIC",
    b"msf1": "HEIC",
    b"avif": "AVIF",
    b"avis": "AVIF",
}


def _unidentified(data: bytes) -> str:
    accepted = "JPEG, PNG, BMP, WebP, TIFF and GIF are accepted"
    start = data[:64].lstrip()
    for prefix, name in _KNOWN_STARTS:
        if start.startswith(prefix):
            return f"this is {name}, not a photo; {accepted}"
    if data[4:8] == b"ftyp":
        brand = _PHOTO_BRANDS.get(data[8:12])
        kind = f"a photo in {brand} format; save it as JPEG" if brand else "a video, not a photo"
        return f"this is {kind}; {accepted}"
    return f"not an image, or damaged at its start; {accepted}"
