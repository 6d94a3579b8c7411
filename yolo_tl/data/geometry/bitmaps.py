"""Bitmaps that stand inside a JSON document: a PNG in base64, as it is or deflated once more."""

from __future__ import annotations

import base64
import binascii
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

MAX_BYTES = 1 << 28  # of a bitmap, deflated or not, and decoded
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 4, 4: 2, 6: 4}  # by the colour type of the header; a palette may become RGBA


def bitmap(text: str) -> NDArray[np.bool_]:
    """The pixels that a bitmap sets: those not transparent where it has an alpha channel, else those not black.

    Args:
        text: base64 of a PNG (LabelMe), or of a PNG that was deflated (Supervisely); a ``data:`` URL will do.

    Returns:
        [height, width].

    Raises:
        ValueError: it is something else, is damaged, or would unpack to more than `MAX_BYTES`.
    """
    content = _png(text)
    _require_whole(content)
    import cv2

    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ValueError("expected a bitmap, found a PNG that cannot be decoded") from error
    if pixels is None:
        raise ValueError("expected a bitmap, found a PNG that cannot be decoded")
    if pixels.ndim == 3:
        pixels = pixels[..., 3] if pixels.shape[2] == 4 else pixels.any(axis=2)
    return np.asarray(pixels != 0)


def _png(text: str) -> bytes:
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"expected base64: {error}") from error
    if content.startswith(_SIGNATURE):
        return content
    inflate = zlib.decompressobj()
    try:
        content = inflate.decompress(content, MAX_BYTES)
    except zlib.error as error:
        raise ValueError("expected a PNG, deflated or not, found neither") from error
    if inflate.unconsumed_tail or not inflate.eof:
        raise ValueError(f"expected a PNG, found data cut short or of more than {MAX_BYTES >> 20} MB")
    if not content.startswith(_SIGNATURE):
        raise ValueError("expected a PNG, found something else deflated")
    return content


def _require_whole(content: bytes) -> None:
    """Refuse what a decoder would choke on: it trusts the lengths and the size that a PNG claims."""
    at, last = len(_SIGNATURE), b""
    while at + 12 <= len(content) and last != b"IEND":
        (length,), kind = struct.unpack_from(">I", content, at), content[at + 4 : at + 8]
        end = at + 8 + length
        if not last and (kind != b"IHDR" or length != 13):
            raise ValueError("expected a PNG, found one without a header")
        if end + 4 > len(content) or zlib.crc32(content[at + 4 : end]) != struct.unpack_from(">I", content, end)[0]:
            raise ValueError(f"expected a PNG, found one damaged at byte {at}")
        at, last = end + 4, kind
    if last != b"IEND":
        raise ValueError("expected a PNG, found one cut short")
    width, height, depth, colour = struct.unpack_from(">IIBB", content, 16)
    if width * height * _CHANNELS.get(colour, 4) * max(depth, 8) // 8 > MAX_BYTES:
        raise ValueError(f"expected a bitmap, found a PNG that claims {width} x {height} px")
