"""Small image files of every format and kind that the edge reads, and headers that claim what they do not hold."""

from __future__ import annotations

import io
import struct
from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest

HEIGHT, WIDTH = 72, 120


def pixels(channels: int = 3, kind: Any = np.uint8) -> np.ndarray:
    """Smooth noise (72, 120, channels), or (72, 120) of one channel."""
    small = np.random.default_rng(1).integers(0, np.iinfo(kind).max, (4, 5, channels)).astype(kind)
    return cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)


def encoded(suffix: str, image: np.ndarray) -> bytes:
    """By OpenCV."""
    ok, content = cv2.imencode(suffix, image)
    assert ok
    return content.tobytes()


@cache
def image_files() -> dict[str, bytes]:
    """Files of 120 x 72 px by a name that says what is special about them."""
    pillow = pytest.importorskip("PIL.Image")
    colour, files = pixels(), {}
    for suffix in (".png", ".jpg", ".bmp", ".webp", ".tif", ".gif", ".jp2", ".ppm", ".pgm"):
        files[suffix[1:]] = encoded(suffix, colour[..., 0] if suffix == ".pgm" else colour)
    for name, image in {
        "grey.png": colour[..., 0],
        "alpha.png": pixels(4),
        "deep.png": pixels(3, np.uint16),
        "deep alpha.png": pixels(4, np.uint16),
        "deep.tif": pixels(3, np.uint16),
        "grey.jpg": colour[..., 0],
        "alpha.webp": pixels(4),
        "deep.jp2": pixels(3, np.uint16),
    }.items():
        files[name] = encoded(name[name.index(".") :], image)
    exif = pillow.Exif()
    exif[0x0112] = 6
    for name, mode, options in (
        ("progressive.jpeg", "RGB", {"progressive": True}),
        ("cmyk.jpeg", "CMYK", {}),
        ("turned.jpeg", "RGB", {"exif": exif}),
        ("turned.png", "RGB", {"exif": exif}),
        ("lossy.webp", "RGB", {"quality": 50}),
        ("turned.webp", "RGB", {"quality": 50, "exif": exif}),
        ("palette.png", "P", {}),
        ("palette.bmp", "P", {}),
        ("bits.png", "1", {}),
        ("cmyk.tiff", "CMYK", {}),
        ("packed.tiff", "RGB", {"compression": "tiff_lzw"}),
        ("jpeg.tiff", "RGB", {"compression": "jpeg"}),
        ("big.tiff", "RGB", {"big_tiff": True}),
        ("tiles.tiff", "RGB", {"tiffinfo": {322: 16, 323: 16}}),
        ("pages.tiff", "RGB", {"save_all": True, "append_images": [pillow.new("RGB", (90, 80))]}),
        ("pages.gif", "P", {"save_all": True, "append_images": [pillow.new("P", (WIDTH, HEIGHT), 5)]}),
    ):
        buffer = io.BytesIO()
        pillow.fromarray(np.ascontiguousarray(colour[..., ::-1])).convert(mode).save(
            buffer, name[name.index(".") + 1 :], **options
        )
        files[name] = buffer.getvalue()
    return files


def claims(width: int, height: int) -> dict[str, bytes]:
    """Headers of files that claim a size, and hold next to nothing."""
    files, small = {}, image_files()
    files["png"] = small["png"][:16] + struct.pack(">II", width, height) + small["png"][24:]
    files["bmp"] = small["bmp"][:18] + struct.pack("<ii", width, height) + small["bmp"][26:]
    files["upside down bmp"] = small["bmp"][:18] + struct.pack("<ii", width, -height) + small["bmp"][26:]
    files["ppm"] = b"P6\n# a comment 1 1\n%d %d\n255\n" % (width, height) + bytes(99)
    at = small["jp2"].index(b"\xff\x4f\xff\x51")
    stream = small["jp2"][at : at + 8] + struct.pack(">II", width, height) + small["jp2"][at + 16 :]
    files["jp2"] = small["jp2"][:at] + stream
    files["j2k"] = stream
    files["webp"] = (
        b"RIFF"
        + struct.pack("<I", 4000)
        + b"WEBPVP8X"
        + struct.pack("<II", 10, 0)
        + max(min(width, 1 << 24) - 1, 0).to_bytes(3, "little")
        + max(min(height, 1 << 24) - 1, 0).to_bytes(3, "little")
        + small["lossy.webp"][12:]
    )
    if max(width, height) < 1 << 16:
        at = small["jpg"].index(b"\xff\xc0")
        files["jpg"] = small["jpg"][: at + 5] + struct.pack(">HH", height, width) + small["jpg"][at + 9 :]
        files["gif"] = small["gif"][:6] + struct.pack("<HH", width, height) + small["gif"][10:]
    for name, tags in {
        "tif": {256: width, 257: height},
        "two sizes tif": {256: 1, 257: 1, 322: width, 323: height},
    }.items():
        files[name] = tiff({**tags, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 279: 4})
        files["big " + name] = tiff({**tags, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 279: 4}, big=True)
    return files


def tiff(tags: dict[int, int], *, big: bool = False, order: str = "<") -> bytes:
    """A TIFF with one directory of long numbers."""
    entries = sorted(tags.items())
    start = b"II" if order == "<" else b"MM"
    if big:
        body = struct.pack(order + "Q", len(entries))
        body += b"".join(struct.pack(order + "HHQQ", tag, 16, 1, value) for tag, value in entries)
        return start + struct.pack(order + "HHHQ", 43, 8, 0, 16) + body + bytes(64)
    body = struct.pack(order + "H", len(entries))
    body += b"".join(struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in entries)
    return start + struct.pack(order + "HI", 42, 8) + body + bytes(64)
