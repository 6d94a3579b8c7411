from __future__ import annotations

import base64
import random
import struct
import zlib

import cv2
import numpy as np
import pytest
from support.pictures import png

from yolo_tl.data.geometry import bitmaps
from yolo_tl.data.geometry.bitmaps import bitmap

PIXELS = np.array([[0, 1, 1], [1, 0, 0]], np.uint8)


def encoded(pixels: np.ndarray) -> bytes:
    ok, content = cv2.imencode(".png", pixels)
    assert ok
    return bytes(content.tobytes())


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.mark.parametrize("value", [1, 255])
def test_plain_deflated_and_as_a_url(value: int) -> None:
    content = encoded(PIXELS * np.uint8(value))
    for given in (text(content), text(zlib.compress(content)), f"data:image/png;base64,{text(content)}"):
        assert bitmap(given).tolist() == PIXELS.astype(bool).tolist()


def test_alpha_decides_where_there_is_one() -> None:
    colour = np.full((2, 3, 4), 9, np.uint8)
    colour[..., 3] = PIXELS * 255
    assert bitmap(text(encoded(colour))).tolist() == PIXELS.astype(bool).tolist()
    assert bitmap(text(encoded(np.dstack([PIXELS] * 3)))).tolist() == PIXELS.astype(bool).tolist()


def test_the_example_of_the_supervisely_sdk() -> None:
    given = (
        "eJzrDPBz5+WS4mJgYOD19HAJAtLMIMwIInOeqf8BUmwBPiGuQPr///9Lb86/C2QxlgT5BTM4PLuRBuTwebo4hlTMSa44sKHhISMDuxpTYrr0"
        "3F6gDIOnq5/LOqeEJgDM5ht6"
    )
    assert bitmap(given).tolist() == [[True] * 3, [True, False, True], [True] * 3]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("", "cut short"),
        ("not base64!", "base64"),
        ("ä", "base64"),
        (text(b"hello"), "neither"),
        (text(zlib.compress(b"hello")), "something else"),
        (text(zlib.compress(encoded(PIXELS))[:-6]), "cut short"),
        (text(encoded(PIXELS)[:-12]), "cut short"),
        (text(encoded(PIXELS)[:40]), "damaged|cut short"),
        (text(encoded(PIXELS)[:8]), "cut short"),
    ],
)
def test_what_is_no_bitmap(given: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        bitmap(given)


def test_a_bomb_is_refused_before_it_unpacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bitmaps, "MAX_BYTES", 1 << 20)
    with pytest.raises(ValueError, match="more than 1 MB"):
        bitmap(text(zlib.compress(b"\0" * (1 << 22))))
    with pytest.raises(ValueError, match="claims 5000 x 5000 px"):
        bitmap(text(png(5000, 5000)))


def test_a_header_that_claims_too_much_is_refused() -> None:
    content = bytearray(encoded(PIXELS))
    content[16:24] = struct.pack(">II", 1 << 20, 1 << 20)
    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    with pytest.raises(ValueError, match="claims 1048576 x 1048576 px"):
        bitmap(text(bytes(content)))


def test_a_damaged_bitmap_is_never_read_as_another_one() -> None:
    content, chance = encoded(PIXELS), random.Random(0)
    for _ in range(200):
        damaged = bytearray(content)
        damaged[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        with pytest.raises(ValueError):  # noqa: PT011
            bitmap(text(bytes(damaged)))
