"""Bytes or a file in, an upright RGB picture out. Every size and format limit lives here."""

from __future__ import annotations

import ctypes
import io
import re
import stat
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from errors import ConfigurationError, ImageTooLargeError, InvalidImageError
from recognizer.types import RGBImage

# Only the picture itself is read, not the small copies and depth maps that a phone stores beside it.
pillow_heif.register_heif_opener(decode_threads=1, thumbnails=False, depth_images=False, aux_images=False)

FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF", "HEIF", "PPM")
READ = "JPEG, PNG, HEIC, WebP, TIFF, BMP, GIF, PGM and PPM are read"
# Files with another name, or none, are pictures when their content says so.
EXTENSIONS = frozenset(
    f".{name}"
    for name in "jpg jpeg jfif jpe mpo png heic heif webp tif tiff bmp gif pgm ppm pbm pnm".split()  # noqa: SIM905
)

# Ours is the limit that counts. Filtered once and for all: warnings.catch_warnings would change the filters of every
# other thread that is decoding.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

# Faces are looked for in no more pixels than these; a larger picture is shrunk by a whole number while it is decoded.
# Four thousand pixels each way show a face of a lecture hall large enough, and a search in more takes seconds.
MOST_PIXELS = 4096 * 4096
# OpenCV turns no picture that is longer.
LONGEST_SIDE = 32_767
# A JPEG of more pixels than a camera's frame has, and every other picture, waits until no other is being decoded.
_LARGE = 2_100_000
_turn = threading.Lock()
_BAND = 250_000  # pixels that are converted together

# A progressive JPEG of a few kilobytes may paint all its pixels anew a thousand times; cameras do so a dozen times.
_MOST_PAINTED = 100 * 65_000_000
# Numbers written as text are read by Python, at a few megabytes a second.
_MOST_TEXT = 4_000_000
# What a PNG may hold beside its pixels, and Pillow refuses where it is large.
_PNG_METADATA = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")

# Modes of 16 bits a channel; Pillow's own conversion clips them at 255 instead of scaling.
_SIXTEEN_BIT_MODES = frozenset({"I;16", "I;16B", "I;16L", "I;16N", "I"})

_REDUCED_COPY = 1  # of TIFF's NewSubfileType


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """max_bytes: of the encoded file; 20 MB is above any phone's JPEG. max_pixels: width x height, checked from
    the header before anything is decoded; 65 million hold the stills of phones with 64 megapixels."""

    max_bytes: int = 20_000_000
    max_pixels: int = 65_000_000

    def __post_init__(self) -> None:
        if self.max_bytes < 1 or self.max_pixels < 1:
            raise ConfigurationError(f"image limits must be positive, got {self}")


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """pixels: at most ``MOST_PIXELS``. size: (width, height) of the picture as it was sent, upright."""

    pixels: RGBImage
    size: tuple[int, int]


def read_image(path: Path, limits: ImageLimits = ImageLimits()) -> RGBImage:
    """The pixels in a file; the file's size is checked before it is read. Raises InvalidImageError."""
    return read_picture(path, limits).pixels


def read_picture(path: Path, limits: ImageLimits = ImageLimits()) -> Picture:
    """As ``read_image``, with the size that the picture has in the file."""
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
    return decode_picture(data, limits)


def decode(data: bytes, limits: ImageLimits = ImageLimits()) -> RGBImage:
    """The pixels of an encoded picture: (H, W, 3) uint8 RGB, at most ``MOST_PIXELS``.

    Of several frames the first counts. EXIF orientation is applied; grey becomes RGB; transparent parts become white;
    16 bits are scaled to 8. Raises ImageTooLargeError before decoding when a limit is passed, InvalidImageError with
    the reason otherwise.
    """
    return decode_picture(data, limits).pixels


def decode_picture(data: bytes, limits: ImageLimits = ImageLimits()) -> Picture:
    """As ``decode``, with the size that the picture was sent in."""
    if not data:
        raise InvalidImageError("the image is empty (0 bytes)")
    if len(data) > limits.max_bytes:
        raise ImageTooLargeError(_too_many_bytes(len(data), limits))
    try:
        try:
            return _decoded(data, limits)
        except ValueError:  # of Pillow, where a PNG's text is long; its pixels may be sound
            bare = _without_metadata(data)
            if len(bare) == len(data):
                raise
            return _decoded(bare, limits)
    except UnidentifiedImageError as error:
        raise InvalidImageError(what_is(data)) from error
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


def is_picture_file(path: Path) -> bool:
    """Whether the file at ``path`` is meant to be a picture: by its name, or else by how its content begins."""
    if path.suffix.lower() in EXTENSIONS:
        return True
    try:
        with path.open("rb") as file:
            if not stat.S_ISREG(path.stat().st_mode):
                return False
            with Image.open(file, formats=FORMATS):
                return True
    except Exception:  # as in decode_picture; what cannot even be opened is no picture
        return False


def what_is(data: bytes) -> str:
    """What a file that is no picture is instead, by how it begins, and what to send."""
    start = data[:64].lstrip()
    for prefix, name in _KNOWN_STARTS:
        if start.startswith(prefix):
            return f"this is {name}, not a photo; {READ}"
    if data[4:8] == b"ftyp":
        brand = data[8:12]
        if brand in _AVIF_BRANDS:
            return f"this is a photo in AVIF format; save it as JPEG; {READ}"
        if brand in _HEIC_BRANDS:
            return f"this HEIC photo is damaged, or of a kind that cannot be read; save it as JPEG; {READ}"
        return f"this is a video, not a photo; {READ}"
    return f"not an image, or damaged at its start; {READ}"


def encode_jpeg(image: RGBImage, quality: int = 95) -> bytes:
    """(H, W, 3) uint8 as a JPEG without any metadata. quality: 1..95; colours keep their full resolution."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def _too_many_bytes(size: int, limits: ImageLimits) -> str:
    return f"{size:,} bytes, more than the {limits.max_bytes:,} allowed; send a smaller image"


def _decoded(data: bytes, limits: ImageLimits) -> Picture:
    with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
        _check_size(picture, limits)
        _check_effort(picture, data)
        with _taking_turns(picture):
            size, factor = picture.size, _factor(picture.size)
            if factor > 1 and isinstance(picture.format, str) and picture.format in ("JPEG", "MPO"):
                # decoded in fewer pixels from the start, which saves most of the time and of the memory
                picture.draft(None, (size[0] // factor, size[1] // factor))
            picture.load()
            upright = _Upright(picture)  # not before: a TIFF is turned while it is loaded
            if picture.format == "HEIF":  # whose header may say anything
                _check_size(picture, limits)
            pixels = _to_rgb(picture, _factor(picture.size), upright)
            picture.im = None  # type: ignore[assignment]
    return Picture(pixels, upright.turned(size))


@contextmanager
def _taking_turns(picture: Image.Image) -> Iterator[None]:
    """What is larger than a camera's frame, or no JPEG, is decoded while no other is, and leaves no memory behind: the
    allocator would keep what was freed."""
    if picture.format == "JPEG" and picture.width * picture.height <= _LARGE:
        yield
        return
    with _turn:
        try:
            yield
        finally:
            _give_back_memory()


def _c_library() -> Any:
    try:
        library = ctypes.CDLL(None)
        return library if hasattr(library, "malloc_trim") else None
    except (OSError, TypeError):  # of Windows
        return None


_GLIBC = _c_library()  # None elsewhere, where the allocator gives back what is freed
_M_ARENA_MAX, _ARENAS = -8, 4
if _GLIBC is not None:
    # Else every thread that ever decoded a picture keeps up to 64 MB for its next one.
    _GLIBC.mallopt(_M_ARENA_MAX, _ARENAS)


def _give_back_memory() -> None:
    if _GLIBC is not None:
        _GLIBC.malloc_trim(0)


def _factor(size: tuple[int, int]) -> int:
    """By how much a picture of ``size`` is shrunk each way."""
    factor = 1
    while -(-size[0] // factor) * -(-size[1] // factor) > MOST_PIXELS:
        factor += 1
    return factor


def _check_size(picture: Image.Image, limits: ImageLimits) -> None:
    width, height = picture.size
    if width < 1 or height < 1:
        raise InvalidImageError(f"the image has no pixels ({width} x {height})")
    if width * height > limits.max_pixels:
        raise ImageTooLargeError(
            f"{width} x {height} pixels, more than the {limits.max_pixels:,} allowed; send a smaller image"
        )
    if max(width, height) > LONGEST_SIDE:
        raise ImageTooLargeError(
            f"{width} x {height} pixels, longer than the {LONGEST_SIDE:,} allowed; cut out the part with the faces"
        )


def _check_effort(picture: Image.Image, data: bytes) -> None:
    """Raise InvalidImageError for what takes long to decode however few pixels it has, and for what is no photo."""
    if picture.format == "PPM" and len(data) > _MOST_TEXT and re.match(rb"P[123]\s", data):
        raise ImageTooLargeError(
            f"{len(data):,} bytes of numbers written as text, more than the {_MOST_TEXT:,} allowed; save it as PNG"
        )
    if picture.info.get("progressive") and data.count(b"\xff\xda") * picture.width * picture.height > _MOST_PAINTED:
        raise InvalidImageError("a JPEG that is drawn in too many passes; save it anew, not as progressive")
    kind = picture.tag_v2.get(254, 0) if hasattr(picture, "tag_v2") else 0
    if picture.format == "TIFF" and isinstance(kind, int) and kind & _REDUCED_COPY:
        raise InvalidImageError("a camera's raw file, or a file with no more than a preview; export the photo as JPEG")


class _Upright:
    """How the stored picture is turned, by its EXIF orientation (EXIF 2.32, 4.6.4)."""

    def __init__(self, picture: Image.Image) -> None:
        try:
            orientation = picture.getexif().get(ExifTags.Base.Orientation)
        except Exception:  # the pixels of a picture with garbled EXIF data are still good
            orientation = None
        self._orientation = orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1

    def turned(self, size: tuple[int, int]) -> tuple[int, int]:
        """(width, height) upright of a stored ``size``."""
        return size if self._orientation < 5 else (size[1], size[0])

    def as_stored(self, upright: RGBImage) -> RGBImage:
        """A view of ``upright`` in which row and column are those of the stored picture."""
        view = upright if self._orientation < 5 else upright.transpose(1, 0, 2)
        rows = -1 if self._orientation in (3, 4, 6, 7) else 1
        columns = -1 if self._orientation in (2, 3, 7, 8) else 1
        return view[::rows, ::columns]


def _to_rgb(picture: Image.Image, factor: int, upright: _Upright) -> RGBImage:
    """(H, W, 3), upright and shrunk by ``factor``, converted band by band so that no second copy of all pixels is
    made."""
    if picture.mode == "F":
        raise InvalidImageError("floating-point pixels have no agreed range; save the image with 8 or 16 bits")
    width, height = picture.size
    columns, rows = upright.turned((-(-width // factor), -(-height // factor)))
    pixels = np.empty((rows, columns, 3), np.uint8)
    stored = upright.as_stored(pixels)
    if factor == 1 and picture.mode == "RGB" and "transparency" not in picture.info and width * height <= _LARGE:
        stored[...] = np.asarray(picture)
        return pixels
    high = max(1, _BAND // width // factor) * factor
    bands = [(0, top, width, min(top + high, height)) for top in range(0, height, high)]
    most = _most_of_16_bits(picture, bands) if picture.mode in _SIXTEEN_BIT_MODES else 0
    for box in bands:
        band = picture.crop(box)
        band = _from_16_bits(np.asarray(band), most) if most else _on_white(band)
        if factor > 1:
            band = band.reduce(factor)
        top = box[1] // factor
        stored[top : top + band.height] = np.asarray(band)
    return pixels


def _on_white(band: Image.Image) -> Image.Image:
    if band.has_transparency_data:
        band = band.convert("RGBA")
        band = Image.alpha_composite(Image.new("RGBA", band.size, "white"), band)
    return band.convert("RGB")


def _most_of_16_bits(picture: Image.Image, bands: list[tuple[int, int, int, int]]) -> int:
    """The value that stands for white: of as many bits as the picture makes use of, as sensors of 10 or 12 bits are
    stored in 16."""
    brightest = max(int(np.asarray(picture.crop(box)).max()) for box in bands)
    return int(2 ** min(max(brightest.bit_length(), 8), 16) - 1)


def _from_16_bits(grey: NDArray[np.generic], most: int) -> Image.Image:
    values = np.clip(grey.astype(np.int64), 0, most)
    return Image.fromarray(((values * 255 + most // 2) // most).astype(np.uint8)).convert("RGB")


def _without_metadata(data: bytes) -> bytes:
    """A PNG without its texts and colour profile; anything else as it is."""
    signature = b"\x89PNG\r\n\x1a\n"
    if not data.startswith(signature):
        return data
    kept, place = [signature], len(signature)
    while place + 8 <= len(data):
        (length,), kind = struct.unpack(">I", data[place : place + 4]), data[place + 4 : place + 8]
        end = place + 12 + length  # of length, kind, content and check sum
        if kind not in _PNG_METADATA:
            kept.append(data[place:end])
        place = end
    return b"".join(kept)


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
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"mif2", b"msf1"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
