from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yolo_tl.data import image_size as module
from yolo_tl.data.image_size import image_size
from yolo_tl.errors import ImageError

Image = pytest.importorskip("PIL.Image")
sides = st.integers(1, 300)


def encode(kind: str, width: int, height: int, orientation: int, *, progressive: bool = False) -> bytes:
    picture = Image.fromarray(np.zeros((height, width, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    options = {"exif": exif} if orientation else {}
    picture.save(stream, kind, **options, **({"progressive": True} if progressive else {}))
    return stream.getvalue()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["JPEG", "PNG", "WEBP", "TIFF"]),
    width=sides,
    height=sides,
    orientation=st.integers(0, 8),
    progressive=st.booleans(),
)
def test_agrees_with_the_decoder(
    kind: str, width: int, height: int, orientation: int, progressive: bool, tmp_path: Path
) -> None:
    content = encode(kind, width, height, orientation, progressive=progressive and kind == "JPEG")
    (tmp_path / "image.bin").write_bytes(content)
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert image_size(tmp_path / "image.bin") == decoded.shape[1::-1]


@pytest.mark.parametrize("suffix", [".bmp", ".jpg", ".png", ".webp"])
def test_common_formats_are_not_decoded(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(cv2.imencode(suffix, np.zeros((7, 31, 3), np.uint8))[1].tobytes())
    monkeypatch.setattr(module, "_decoded", lambda path: pytest.fail("decoded"))
    assert image_size(tmp_path / "a") == (31, 7)


def test_lossless_webp_and_top_down_bmp(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (321, 45)).save(stream, "WEBP", lossless=True)
    (tmp_path / "a.webp").write_bytes(stream.getvalue())
    assert image_size(tmp_path / "a.webp") == (321, 45)
    bmp = bytearray(cv2.imencode(".bmp", np.zeros((7, 31, 3), np.uint8))[1].tobytes())
    bmp[22:26] = (-7).to_bytes(4, "little", signed=True)
    (tmp_path / "a.bmp").write_bytes(bmp)
    assert image_size(tmp_path / "a.bmp") == (31, 7)


def test_a_table_before_the_frame_is_not_the_frame(tmp_path: Path) -> None:
    content = encode("JPEG", 40, 30, 6)
    (tmp_path / "a.jpg").write_bytes(content[:2] + b"\xff\xc4\x00\x09\x08\x00\x01\x00\x02\x01\x01" + content[2:])
    assert image_size(tmp_path / "a.jpg") == (30, 40)


@pytest.mark.parametrize("content", [b"", b"not an image at all", b"\xff\xd8\xff\xe1\x00", b"\x89PNG\r\n\x1a\n"])
def test_what_is_not_an_image_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "ört 1.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match="ört 1.jpg: expected an image"):
        image_size(path)


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="gone.jpg: the image is missing"):
        image_size(tmp_path / "gone.jpg")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 700), flips=st.lists(st.tuples(st.integers(0, 699), st.integers(0, 255)), max_size=4))
def test_damaged_headers_raise_nothing_else(cut: int, flips: list[tuple[int, int]], tmp_path: Path) -> None:
    content = bytearray(encode("JPEG", 40, 30, 6))
    for position, value in flips:
        content[position % len(content)] = value
    (tmp_path / "a.jpg").write_bytes(content[:cut])
    try:
        size = image_size(tmp_path / "a.jpg")
    except ImageError:
        return
    assert min(size) > 0
