"""Every picture a camera or a phone makes is read; everything else is refused with the reason, and cheaply."""

from __future__ import annotations

import io
import os
import random
import struct
import threading
import tracemalloc
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFile

from errors import ConfigurationError, ImageTooLargeError, InvalidImageError
from recognizer import images
from recognizer.images import EXTENSIONS, FORMATS, ImageLimits, decode, is_picture_file, read_image

ORIENTATION = 0x0112


def picture(width: int = 48, height: int = 32) -> NDArray[np.uint8]:
    """Smooth, so that lossy formats keep it, and different in every corner and channel."""
    y, x = np.mgrid[0:height, 0:width]
    red, green, blue = 255 * x / (width - 1), 255 * y / (height - 1), 120 + 60 * (x > width / 2)
    return np.stack([red, green, blue], axis=2).round().astype(np.uint8)


def encoded(image: Image.Image | NDArray[np.uint8], format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, format, **options)
    return buffer.getvalue()


def assert_close(found: NDArray[np.uint8], expected: NDArray[np.uint8], tolerance: float) -> None:
    assert found.dtype == np.uint8
    assert found.shape == expected.shape
    assert float(np.abs(found.astype(int) - expected.astype(int)).mean()) <= tolerance


# --- what is read


@pytest.mark.parametrize(
    ("format", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("BMP", {}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("WEBP", {"quality": 95}, 4),
        ("JPEG", {"quality": 98, "subsampling": 0}, 3),
        ("JPEG", {"quality": 98, "subsampling": 0, "progressive": True}, 3),
    ],
)
def test_formats(format: str, options: dict[str, Any], tolerance: float) -> None:
    assert_close(decode(encoded(picture(), format, **options)), picture(), tolerance)


def test_every_extension_that_is_listed_can_be_read(tmp_path: Path) -> None:
    registered = {**Image.registered_extensions(), ".jfif": "JPEG", ".pbm": "PPM"}
    for extension in EXTENSIONS:
        format = registered[extension]
        path = tmp_path / f"picture{extension}"
        path.write_bytes(encoded(picture(), format))
        assert read_image(path).shape == (32, 48, 3)


def test_content_and_not_the_name_says_what_is_a_picture(tmp_path: Path) -> None:
    for format in FORMATS:
        for name in ("photo", "photo.bin"):
            (tmp_path / name).write_bytes(encoded(picture(), format))
            assert is_picture_file(tmp_path / name), format
    for content in (b"", b"BM, a text", b"P5 is no picture", b"%PDF-1.7", b"RIFF\0\0\0\0WAVE"):
        (tmp_path / "other").write_bytes(content)
        assert not is_picture_file(tmp_path / "other"), content
    (tmp_path / "raw.dng").write_bytes(encoded(picture(), "TIFF", tiffinfo={254: 1}))
    with pytest.raises(InvalidImageError, match=r"raw file.*export the photo as JPEG"):
        read_image(tmp_path / "raw.dng")


def test_photos_of_iphones_and_portable_grey_maps() -> None:
    assert_close(decode(encoded(picture(64, 64), "HEIF", quality=95)), picture(64, 64), 6)
    assert np.array_equal(decode(encoded(picture()[:, :, 0], "PPM")), np.dstack([picture()[:, :, 0]] * 3))
    assert np.array_equal(decode(encoded(picture(), "PPM")), picture())
    with pytest.raises(ImageTooLargeError, match="written as text"):
        decode(b"P2\n2000 2000\n9\n" + b"1 " * 4_000_000)


def test_a_heic_photo_whose_header_lies_is_refused() -> None:
    data = bytearray(encoded(picture(256, 256), "HEIF"))
    place = data.find(b"ispe") + 8
    data[place : place + 8] = struct.pack(">II", 8, 8)
    with pytest.raises(InvalidImageError):
        decode(bytes(data))


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_16_bit_grey_of_fewer_significant_bits_is_stretched(format: str, bits: int) -> None:
    most = 2**bits - 1
    ramp = np.linspace(0, most, 48 * 200).round().astype(np.uint16).reshape(200, 48)
    found = decode(encoded(Image.fromarray(ramp), format))
    assert float(np.abs(found - ramp[:, :, None].astype(float) * 255 / most).max()) <= 0.5


@pytest.mark.parametrize("kept", [b"tEXt", b"zTXt", b"iTXt"])
def test_a_png_is_decoded_however_much_is_told_beside_its_pixels(kept: bytes) -> None:
    data, text = encoded(picture(), "PNG"), bytes(3_000_000)
    body = {
        b"tEXt": b"a\0" + text,
        b"zTXt": b"a\0\0" + zlib.compress(text),
        b"iTXt": b"a\0\1\0\0\0" + zlib.compress(text),
    }[kept]
    for place in (33, len(data) - 12):  # after the header, and before the end
        chunks = data[:place] + chunk(kept, body) * 70 + data[place:] if kept != b"tEXt" else b""
        large = chunks or data[:place] + chunk(kept, body) + data[place:]
        assert np.array_equal(decode(large), picture())


# --- large pictures


@pytest.mark.parametrize("format", ["JPEG", "PNG", "HEIF"])
def test_a_large_picture_is_shrunk_and_its_size_is_told(monkeypatch: pytest.MonkeyPatch, format: str) -> None:
    monkeypatch.setattr(images, "MOST_PIXELS", 400)
    monkeypatch.setattr(images, "_BAND", 96)
    for orientation in (1, 6) if format != "HEIF" else (1,):
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        smooth = picture(96, 64)
        stored = Image.fromarray(np.ascontiguousarray(stored_as(smooth, orientation)))
        found = images.decode_picture(encoded(stored, format, exif=exif))
        assert found.size == (96, 64) and found.pixels.shape == (16, 24, 3)
        exact = np.asarray(Image.fromarray(smooth).reduce(4))
        assert_close(found.pixels, exact, {"PNG": 0.5, "JPEG": 10, "HEIF": 8}[format])


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "L", "P", "CMYK", "I;16"])
def test_bands_leave_no_seams(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (37, 23, 4), dtype=np.uint8)
    if mode == "I;16":
        stored = Image.fromarray(pixels[:, :, 0].astype(np.uint16) * 257)
    else:
        stored = Image.fromarray(pixels).convert("RGB" if mode == "CMYK" else mode)
        stored = stored.convert(mode)
    data = encoded(stored, "TIFF" if mode == "CMYK" else "PNG")
    whole = decode(data)
    monkeypatch.setattr(images, "_BAND", 23 * 5)
    assert np.array_equal(decode(data), whole)


@pytest.mark.skipif(images._GLIBC is None, reason="only glibc keeps what was freed")
@pytest.mark.parametrize(("mode", "format"), [("LA", "PNG"), ("RGB", "JPEG")])
def test_threads_that_decode_large_pictures_leave_no_memory_behind(mode: str, format: str) -> None:
    data, size = encoded(Image.new(mode, (3000, 3000)), format), 3000 * 3000
    ready, end = threading.Barrier(9), threading.Event()

    def work() -> None:
        decode(data)
        ready.wait()
        end.wait()  # a server's threads stay, and keep what is theirs

    before = resident()
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    ready.wait()
    grown = resident() - before
    end.set()
    for thread in threads:
        thread.join()
    assert grown < 8 * size, f"{grown // 1_000_000} MB are left"  # as it was, three times as much and more


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_pictures_that_are_hard_work_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for size in ((40_000, 100), (100, 40_000)):
        with pytest.raises(ImageTooLargeError, match="longer than the 32,767 allowed"):
            decode(encoded(Image.new("L", size), "PNG"))
    drawn = encoded(picture(), "JPEG", progressive=True)
    assert decode(drawn).shape == (32, 48, 3)
    monkeypatch.setattr(images, "_MOST_PAINTED", 5 * 32 * 48)
    with pytest.raises(InvalidImageError, match="too many passes"):
        decode(drawn)


def stored_as(upright: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """What a camera stores when ``upright`` is what one should see (EXIF 2.32, 4.6.4)."""
    return {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: upright.transpose(1, 0, 2)[::-1],
        7: upright.transpose(1, 0, 2)[::-1, ::-1],
        8: upright.transpose(1, 0, 2)[:, ::-1],
    }[orientation]


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options: dict[str, Any] = {"JPEG": {"quality": 98, "subsampling": 0}, "WEBP": {"lossless": True}}.get(format, {})
    stored = Image.fromarray(np.ascontiguousarray(stored_as(picture(), orientation)))
    assert_close(decode(encoded(stored, format, exif=exif, **options)), picture(), 3 if format == "JPEG" else 0)


def test_orientation_agrees_with_another_reader() -> None:
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        data = encoded(picture(), "JPEG", exif=exif, quality=98)
        theirs = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert theirs is not None
        assert_close(decode(data), theirs[:, :, ::-1].astype(np.uint8), 2)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_changes_nothing(orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    assert_close(decode(encoded(picture(), "PNG", exif=exif)), picture(), 0)


@pytest.mark.parametrize("garbage", [b"Exif\0\0MM", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0" + bytes(40), b"?"])
def test_garbled_exif_does_not_cost_the_picture(garbage: bytes) -> None:
    data = encoded(picture(), "JPEG", quality=98, subsampling=0)
    segment = b"\xff\xe1" + struct.pack(">H", len(garbage) + 2) + garbage
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of it
        assert_close(decode(data[:2] + segment + data[2:]), picture(), 3)


def test_grey_becomes_rgb() -> None:
    grey = picture()[:, :, 0]
    for format in ("PNG", "BMP", "TIFF"):
        assert np.array_equal(decode(encoded(grey, format)), np.dstack([grey] * 3))
    black_white = Image.fromarray(grey).convert("1")
    assert set(np.unique(decode(encoded(black_white, "PNG")))) == {0, 255}


def test_transparent_parts_become_white() -> None:
    rgba = np.dstack([picture(), np.full((32, 48), 255, np.uint8)])
    rgba[:8, :, 3] = 0
    rgba[8:16, :, 3] = 51  # a fifth opaque
    for format in ("PNG", "WEBP", "TIFF"):
        found = decode(encoded(Image.fromarray(rgba), format, **({"lossless": True} if format == "WEBP" else {})))
        assert (found[:8] == 255).all()
        mixed = (picture()[8:16].astype(float) + 4 * 255) / 5
        assert float(np.abs(found[8:16] - mixed).max()) <= 1
        assert np.array_equal(found[16:], picture()[16:])


def test_transparent_grey_and_palette() -> None:
    grey = np.full((32, 48), 90, np.uint8)
    alpha = np.full((32, 48), 255, np.uint8)
    alpha[:, :24] = 0
    la = Image.merge("LA", [Image.fromarray(grey), Image.fromarray(alpha)])
    found = decode(encoded(la, "PNG"))
    assert (found[:, :24] == 255).all()
    assert (found[:, 24:] == 90).all()

    palette = Image.fromarray((np.arange(32 * 48) % 2).astype(np.uint8).reshape(32, 48), "L").convert("P")
    palette.putpalette([200, 10, 10, 10, 10, 200])
    for format in ("PNG", "GIF"):
        opaque = decode(encoded(palette, format))
        assert opaque[0, 0].tolist() == [200, 10, 10]
        assert opaque[0, 1].tolist() == [10, 10, 200]
        see_through = decode(encoded(palette, format, transparency=1))
        assert see_through[0, 0].tolist() == [200, 10, 10]
        assert see_through[0, 1].tolist() == [255, 255, 255]


def test_an_rgb_png_with_one_transparent_colour() -> None:
    found = decode(encoded(picture(), "PNG", transparency=tuple(map(int, picture()[5, 7]))))
    assert found[5, 7].tolist() == [255, 255, 255]
    assert np.array_equal(found[6, 7], picture()[6, 7])


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_not_clipped(format: str) -> None:
    ramp = np.linspace(0, 65535, 48 * 200).round().astype(np.uint16).reshape(200, 48)
    found = decode(encoded(Image.fromarray(ramp), format))
    assert found.shape == (200, 48, 3)
    assert float(np.abs(found - ramp[:, :, None] / 257).max()) <= 0.5


def test_big_endian_16_bit_grey() -> None:
    ramp = np.linspace(0, 65535, 48 * 32).astype(np.uint16).reshape(32, 48)
    data = encoded(Image.frombytes("I;16B", (48, 32), ramp.astype(">u2").tobytes()), "TIFF")
    assert float(np.abs(decode(data) - ramp[:, :, None] / 257).max()) <= 0.5


@pytest.mark.parametrize("extension", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [3, 4])
def test_16_bit_colour(extension: str, channels: int) -> None:
    deep = np.dstack([picture(), np.full((32, 48), 255, np.uint8)])[:, :, :channels].astype(np.uint16) * 257
    order = [2, 1, 0, 3][:channels]  # OpenCV writes blue first
    written, data = cv2.imencode(extension, np.ascontiguousarray(deep[:, :, order]))
    assert written
    assert_close(decode(data.tobytes()), picture(), 1)


def test_cmyk_jpeg() -> None:
    data = encoded(Image.fromarray(picture()).convert("CMYK"), "JPEG", quality=98)
    assert_close(decode(data), picture(), 4)


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "lime", "blue")]
    for format in ("GIF", "WEBP", "PNG", "TIFF"):
        data = encoded(frames[0], format, save_all=True, append_images=frames[1:])
        assert_close(decode(data), np.full((10, 20, 3), [255, 0, 0], np.uint8), 3)


def test_a_phones_jpeg_with_a_second_picture_inside() -> None:
    first, second = Image.fromarray(picture()), Image.new("RGB", (8, 8))
    assert_close(decode(encoded(first, "MPO", save_all=True, append_images=[second], quality=98)), picture(), 4)


def test_one_pixel() -> None:
    assert decode(encoded(np.array([[[1, 2, 3]]], np.uint8), "PNG")).tolist() == [[[1, 2, 3]]]


def test_the_result_can_be_written_to() -> None:
    for format in FORMATS:
        decode(encoded(picture(), format))[0, 0] = 0


# --- what is refused


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", r"empty \(0 bytes\)"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b'<?xml version="1.0"?><svg/>', "SVG"),
        (b"%PDF-1.7\n%\xe2\xe3", "PDF"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41", "a video"),
        (b"\x1aE\xdf\xa3\x93B\x82\x88matroska", "a video"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC photo is damaged.*save it as JPEG"),
        (b"\0\0\0\x1cftypavif\0\0\0\0mif1avif", "AVIF.*save it as JPEG"),
        (b"PK\x03\x04\x14\0\x06\0", "ZIP archive"),
        (b"Name,Student\nAda,1\n", "not an image"),
        (bytes(1000), "not an image"),
        (b"\xff\xd8\xff", "not an image|damaged"),
    ],
)
def test_other_files_are_named(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidImageError, match=reason):
        decode(data)


def test_formats_that_pillow_knows_and_we_do_not_accept() -> None:
    for format in ("ICO", "PCX", "TGA", "EPS", "JPEG2000"):
        with pytest.raises(InvalidImageError, match="JPEG, PNG, HEIC, WebP, TIFF, BMP, GIF, PGM and PPM are read"):
            decode(encoded(Image.fromarray(picture()), format))


def test_floating_point_pixels_are_refused_with_the_remedy() -> None:
    data = encoded(Image.fromarray(np.ones((8, 8), np.float32)), "TIFF")
    with pytest.raises(InvalidImageError, match="8 or 16 bits"):
        decode(data)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_truncated_file_is_refused(format: str, part: float) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(noise, format)
    with pytest.raises(InvalidImageError, match=r"damaged|not an image"):
        decode(data[: int(len(data) * part)])


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_header(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(("width", "height"), [(20_000, 10_000), (10_000, 6_501), (100_000, 100_000), (2**31 - 1, 1)])
def test_too_many_pixels_are_refused_from_the_header(monkeypatch: pytest.MonkeyPatch, width: int, height: int) -> None:
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("decoded a picture over the limit"))
    tracemalloc.start()
    try:
        with pytest.raises(ImageTooLargeError, match=r"more than the 65,000,000"):
            decode(png_header(width, height))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_limits_hold_to_the_pixel_and_to_the_byte() -> None:
    data = encoded(picture(), "PNG")
    assert decode(data, ImageLimits(max_bytes=len(data), max_pixels=48 * 32)).shape == (32, 48, 3)
    with pytest.raises(ImageTooLargeError, match=r"48 x 32 pixels, more than the 1,535 allowed"):
        decode(data, ImageLimits(max_pixels=48 * 32 - 1))
    with pytest.raises(ImageTooLargeError, match=f"more than the {len(data) - 1:,} allowed"):
        decode(data, ImageLimits(max_bytes=len(data) - 1))


@pytest.mark.parametrize("arguments", [{"max_bytes": 0}, {"max_pixels": 0}, {"max_pixels": -5}])
def test_limits_that_allow_nothing_are_a_mistake(arguments: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match="must be positive"):
        ImageLimits(**arguments)


@pytest.mark.parametrize("format", FORMATS)
def test_a_damaged_file_is_decoded_or_refused_and_nothing_else(format: str) -> None:
    rng = random.Random(format)
    noise = np.random.default_rng(2).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    data = encoded(noise, format)
    refused = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(300):
            broken = bytearray(data)
            for _ in range(rng.randint(1, 8)):
                # headers decide most, so half of the damage goes there
                end = len(broken) if rng.random() < 0.5 else min(60, len(broken))
                broken[rng.randrange(end)] = rng.randrange(256)
            try:
                found = decode(bytes(broken), ImageLimits(max_pixels=1_000_000))
            except InvalidImageError as error:
                refused += 1
                assert str(error)
            else:
                assert found.dtype == np.uint8
                assert found.ndim == 3
                assert found.shape[2] == 3
    assert refused > 0


# --- files


def test_a_file_over_the_limit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.jpg"
    with path.open("wb") as file:
        file.truncate(21_000_000)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("read a file over the limit"))
    with pytest.raises(ImageTooLargeError, match=r"21,000,000 bytes, more than the 20,000,000"):
        read_image(path)


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidImageError, match="a folder, not an image file"):
        read_image(tmp_path)
    with pytest.raises(InvalidImageError, match="cannot be read"):
        read_image(tmp_path / "missing.jpg")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(InvalidImageError, match="pipe"):
        read_image(tmp_path / "pipe.jpg")


def test_a_file_with_another_formats_name_is_read_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "really-a-png.jpg"
    path.write_bytes(encoded(picture(), "PNG"))
    assert np.array_equal(read_image(path), picture())


def test_many_threads_decode_at_once() -> None:
    data = {format: encoded(picture(), format) for format in FORMATS}
    expected = {format: decode(one) for format, one in data.items()}
    filters = list(warnings.filters)
    failures: list[str] = []

    def work(read: Callable[[bytes], NDArray[np.uint8]]) -> None:
        for _ in range(30):
            failures.extend(format for format, one in data.items() if not np.array_equal(read(one), expected[format]))

    threads = [threading.Thread(target=work, args=(decode,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert warnings.filters == filters
