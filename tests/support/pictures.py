"""Real image files, made at once."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np


def picture(path: Path, width: int = 100, height: int = 50, *, seed: int | None = None) -> Path:
    """Write an image in the format its suffix names: grey, or noise where a seed is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if seed is None:
        pixels = np.full((height, width, 3), 90, np.uint8)
    else:
        small = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
        pixels = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    ok, content = cv2.imencode(path.suffix, pixels)
    assert ok
    path.write_bytes(content.tobytes())
    return path


def png(width: int, height: int) -> bytes:
    """A black PNG of any size, without decoding or encoding anything large."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = zlib.compress(b"\x00" * ((width + 7) // 8 + 1) * height, 1)
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
