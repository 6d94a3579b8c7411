from __future__ import annotations

import io

import numpy as np
import pytest
from support.image_files import HEIGHT, WIDTH, claims, image_files, tiff

from yolo_tl.edge.image import decode_image
from yolo_tl.edge.image_header import stored_size


@pytest.mark.parametrize("name", sorted(image_files()))
def test_every_format_says_its_size(name: str) -> None:
    content = image_files()[name]
    assert stored_size(content) == (HEIGHT, WIDTH)
    turned = name.startswith("turned")
    assert decode_image(content).shape == ((WIDTH, HEIGHT, 3) if turned else (HEIGHT, WIDTH, 3))


@pytest.mark.parametrize("size", [(70_000, 30_000), (65_000, 64_000), (1, 1 << 30), (3, 5)])
def test_a_claim_is_read_as_it_stands(size: tuple[int, int]) -> None:
    width, height = size
    for name, content in claims(width, height).items():
        stored = stored_size(content)
        if name == "webp" and max(size) > 1 << 24:
            continue
        assert stored == (height, width), name


@pytest.mark.parametrize("name", sorted(image_files()))
def test_a_header_that_is_cut_off_says_nothing_else(name: str) -> None:
    content = image_files()[name]
    for length in range(min(len(content), 400)):
        assert stored_size(content[:length]) in (None, (HEIGHT, WIDTH))


def test_a_thumbnail_is_not_the_picture() -> None:
    pillow = pytest.importorskip("PIL.Image")
    inner = io.BytesIO()
    pillow.new("RGB", (8, 6)).save(inner, "JPEG")
    outer = image_files()["jpg"]
    segment = b"Exif\x00\x00" + inner.getvalue()
    held = outer[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + outer[2:]
    assert stored_size(held) == (HEIGHT, WIDTH)
    np.testing.assert_array_equal(decode_image(held), decode_image(outer))


def test_of_two_sizes_in_a_tiff_the_larger_counts() -> None:
    first = tiff({256: 10, 257: 20})
    twice = first[:8] + (4).to_bytes(2, "little") + first[10:34] + tiff({256: 900, 257: 5})[10:34] + bytes(64)
    assert stored_size(twice) == (20, 900)


@pytest.mark.parametrize(
    "content",
    [
        tiff({256: 9, 257: 9, 258: 64, 277: 4}),
        tiff({256: 9, 257: 9, 258: 32, 277: 3}),
        b"II*\x00\xff\xff\xff\x7f",
        b"P6 99999999999 99999999999 255\n",
        b"RIFF\x00\x00\x00\x00WAVEfmt ",
        b"\x00\x00\x00\x20ftypavif",
        b"#?RADIANCE\n\n-Y 9 +X 9\n",
        b"",
    ],
)
def test_what_is_not_known_or_too_deep_has_no_size(content: bytes) -> None:
    assert stored_size(content) is None
