"""One odd image for each check of them."""

from __future__ import annotations

import shutil
import struct
import zlib

import cv2
import numpy as np
import pytest
from support.pictures import png

from yolo_tl.data.checks import Severity


def replace_image(planted, pixels: np.ndarray, suffix: str = ".png", index: int = 0):
    """Draw another image in the place of one, with its label file as it is."""
    image = planted.image(index)
    image.unlink()
    return planted.draw(image.with_suffix(suffix), pixels)


def noise(width: int, height: int, *rest: int, kind: type = np.uint8) -> np.ndarray:
    shape = (height, width, *(rest or (3,)))
    return np.random.default_rng(5).integers(0, np.iinfo(kind).max, shape, kind, endpoint=True)


def test_corrupt(planted):
    planted.image().write_bytes(b"<html>404 not found</html>")
    found = planted.findings()
    assert set(found) == {"images.corrupt"}
    assert "leaves out the whole image" in found["images.corrupt"].ultralytics


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
def test_truncated(planted, suffix):
    path = replace_image(planted, cv2.imread(str(planted.image())), suffix)
    path.write_bytes(path.read_bytes()[:-2000])
    assert set(planted.findings()) == {"images.truncated"}


def test_a_jpeg_without_end_marker_is_truncated(planted):
    path = planted.image()
    path.write_bytes(path.read_bytes()[:-2])
    assert set(planted.findings()) == {"images.truncated"}


def test_no_end_marker(planted):
    path = planted.image()
    path.write_bytes(path.read_bytes() + b"\0\0made by a camera")
    found = planted.findings()
    assert set(found) == {"images.no_end_marker"}
    assert "in its place" in found["images.no_end_marker"].ultralytics


def test_undecodable(planted):
    path = replace_image(planted, cv2.imread(str(planted.image())))
    content = bytearray(path.read_bytes())
    start = content.index(b"IDAT") + 4
    content[start : start + 400] = bytes(400)
    path.write_bytes(content)
    assert set(planted.findings()) == {"images.undecodable"}
    assert planted.findings(fast=True) == {}


@pytest.mark.parametrize(("side", "severity"), [(8, Severity.ERROR), (20, Severity.WARNING)])
def test_tiny(planted, side, severity):
    replace_image(planted, noise(side, side))
    planted.label().write_text("")
    found = planted.findings()
    assert set(found) == {"images.tiny"}
    assert found["images.tiny"].severity is severity


def test_extreme_aspect(planted):
    replace_image(planted, noise(1000, 40))
    planted.label().write_text("")
    assert set(planted.findings()) == {"images.extreme_aspect"}


def exif(content: bytes, orientation: int) -> bytes:
    tiff = b"MM\x00*\x00\x00\x00\x08" + struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)
    segment = b"Exif\x00\x00" + tiff
    return content[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + content[2:]


def test_exif_orientation(planted):
    path = planted.image()
    path.write_bytes(exif(path.read_bytes(), 3))
    found = planted.findings()
    assert set(found) == {"images.exif_orientation"}
    assert found["images.exif_orientation"].examples[0].detail == "orientation 3"


@pytest.mark.parametrize(("channels", "kind"), [((4,), np.uint8), ((3,), np.uint16)])
def test_odd_mode(planted, channels, kind):
    replace_image(planted, noise(96, 128, *channels, kind=kind))
    assert set(planted.findings()) == {"images.odd_mode"}


def test_mixed_modes(planted):
    replace_image(planted, cv2.imread(str(planted.image()), cv2.IMREAD_GRAYSCALE))
    assert set(planted.findings()) == {"images.mixed_modes"}


def test_uniform(planted):
    replace_image(planted, np.full((128, 96, 3), 17, np.uint8))
    planted.label().write_text("")
    assert set(planted.findings()) == {"images.uniform"}


def test_noise_around_one_shade_is_not_uniform(planted):
    replace_image(planted, noise(384, 512))
    assert planted.findings() == {}


def test_suffix_mismatch(planted):
    path = replace_image(planted, cv2.imread(str(planted.image())))
    path.rename(path.with_suffix(".jpg"))
    found = planted.findings()
    assert set(found) == {"images.suffix_mismatch"}
    assert found["images.suffix_mismatch"].severity is Severity.WARNING


def test_a_gif_by_another_name_is_lost(planted):
    path = planted.image()
    pixels = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6) + b",\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
    path.write_bytes(pixels)
    found = planted.findings()
    assert found.keys() & {"images.suffix_mismatch", "images.corrupt", "images.tiny"}
    assert any(finding.severity is Severity.ERROR for finding in found.values())


@pytest.mark.parametrize("side", [15_000, 60_000])
def test_absurd_header(planted, side):
    path = planted.image()
    path.unlink()
    content = bytearray(png(64, 64))
    content[16:24] = struct.pack(">II", side, side)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.with_suffix(".png").write_bytes(content)
    assert set(planted.findings()) == {"images.absurd_header"}


def test_exact_duplicate(planted):
    shutil.copy(planted.image(0), planted.root / "images/train/copy.jpg")
    shutil.copy(planted.label(1), planted.root / "labels/train/copy.txt")
    found = planted.findings()
    assert {"images.exact_duplicate"} <= set(found)


def test_hard_links_are_duplicates(planted):
    image, label = planted.image(), planted.label()
    (image.parent / "copy.jpg").hardlink_to(image)
    (label.parent / "copy.txt").write_bytes(label.read_bytes())
    found = planted.findings()
    assert set(found) == {"images.exact_duplicate"}
    assert found["images.exact_duplicate"].count == 1


def test_near_duplicate(planted):
    image = planted.image()
    pixels, rows = cv2.imread(str(image)), planted.rows()
    planted.draw(image.with_name("again.jpg"), np.clip(pixels.astype(int) + 6, 0, 255).astype(np.uint8))
    (planted.root / "labels/train/again.txt").write_text("".join(f"{row}0\n" for row in rows))
    found = planted.findings()
    assert set(found) == {"images.near_duplicate"}
    assert found["images.near_duplicate"].severity is Severity.INFO


def test_mixed_sizes(planted):
    for i in range(12):
        image = planted.image(i)
        planted.draw(image, cv2.resize(cv2.imread(str(image)), None, fx=6, fy=6))
    assert "images.mixed_sizes" in planted.findings()
